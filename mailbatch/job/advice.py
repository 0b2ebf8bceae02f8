"""The remedies for values of the wrong form: what people write, and how the job file says it.

    advice = whole_advice("2525")            # "Write it without quotes."
    duration_advice("5 minutes")             # "Write 5m."
    file_advice("Hello dear reader, ...")    # "Put the text into a file, ..."

A remedy may hold a value only where the value stands in the job itself: the caller never asks about
values of the environment. This module must never refuse a value.

Tests: tests/job/test_slips.py.
"""

from __future__ import annotations

import json
import re
import shlex

from mailbatch.job.scalars import Interpolated, plain_value

_YES = frozenset(("yes", "y", "on", "1", "true"))
_NO = frozenset(("no", "n", "off", "0", "false"))
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), (1, "s")),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), (1, "m")),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), (1, "h")),
    **dict.fromkeys(("d", "day", "days"), (24, "h")),
    **dict.fromkeys(("w", "week", "weeks"), (168, "h")),
    **dict.fromkeys(("ms", "msec", "milliseconds"), (0.001, "s")),
}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)")
_CLOCK = re.compile(r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9]))?")
_RATE = re.compile(
    r"([0-9]{1,9})(\.[0-9]{1,6})?\s*(?:/|per\s|a\s|an\s)"
    r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?\s*)?([A-Za-z]+)"
)
_RATE_UNITS = {"1s": "s", "1m": "min", "1h": "h", "24h": "day"}
_SECONDS = {"s": 1, "m": 60, "h": 3600}
#: A word that wants no quotes in a list of YAML, unless it is one such as `true`.
_PLAIN_WORD = re.compile(r"(?:[A-Za-z./_]|-[-A-Za-z])[A-Za-z0-9./_=@+-]*")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z!/]")
#: The quotes of word processors, which YAML takes for letters.
_MARKS = "[\u2018-\u201f\u00ab\u00bb\u2039\u203a]"
_CURLY = re.compile(rf"\s*{_MARKS}(.+){_MARKS}\s*")
_A_FILE = (
    "Put the text into a file beside the job, such as letter.txt.j2, and write that name here."
)


def no_advice(_value: object) -> None:
    """Return no remedy: the refusal says all that there is to say."""


def truth_advice(value: object) -> str | None:
    """Return the remedy for a word in place of `true` or `false`."""
    word = str(value).casefold() if type(value) in (str, int) else ""
    meant = "true" if word in _YES else "false" if word in _NO else None
    return f"Write {meant}, without quotes." if meant is not None else None


def whole_advice(value: object) -> str | None:
    """Return the remedy for a number in quotes, or with a zero before it."""
    if type(value) is not str or not value.strip().isdecimal():
        return None
    zero = " and without a zero before it" if value.strip().startswith("0") else ""
    return f"Write it without quotes{zero}."


def duration_advice(value: object) -> str | None:
    """Return a duration as the job file has it for `5 minutes`, `1d` or `1:30`."""
    if type(value) is not str:
        return None
    if (clock := _CLOCK.fullmatch(value.strip())) is not None:
        first, second, third = (int(part or 0) for part in clock.groups())
        if clock[3] is None:
            return f"Write {first * 60 + second}s for minutes and seconds."
        return f"Write {first * 3600 + second * 60 + third}s."
    found = _SPAN.fullmatch(value.strip())
    if found is None or (unit := _UNITS.get(found[2].casefold())) is None:
        return None
    return f"Write {float(found[1]) * unit[0]:g}{unit[1]}."


def rate_advice(value: object) -> str | None:
    """Return a rate as the job file has it for `600 per minute` or `600/m`."""
    if type(value) is int and value > 0:
        return f"Write {value}/min, {value}/s or {value}/h."
    found = _RATE.fullmatch(value.strip()) if type(value) is str else None
    unit = _UNITS.get(found[4].casefold()) if found is not None else None
    if found is None or unit is None:
        return None
    number = float(found[1] + (found[2] or ""))
    name = _RATE_UNITS.get(f"{unit[0]}{unit[1]}")
    if number and name is not None and not found[3]:
        return f"Write {found[1]}{found[2] or ''}/{name}."
    seconds = float(found[3] or 1) * unit[0] * _SECONDS[unit[1]]
    if not number or not seconds:
        return None
    rates = [(round(number / seconds * n, 9), _RATE_UNITS[f"1{u}"]) for u, n in _SECONDS.items()]
    whole = [(rate, name) for rate, name in rates if rate >= 1 and rate.is_integer()]
    # An hour has the most recipients: rounded down there, the rate is nearest to the one given.
    rate, name = whole[0] if whole else rates[-1]
    return f"Write {int(rate)}/{name}." if rate >= 1 else None


def cap_advice(value: object) -> str | None:
    """Return a cap as the job file has it for `5000` or `5000 a day`."""
    if type(value) is int and value > 0:
        return f"Write {value}/day."
    advice = rate_advice(value)
    if advice is None or "." in advice.removesuffix("."):
        return None
    return advice if advice.endswith("/day.") else "A shorter limit is `rate`, beside this one."


def command_advice(value: object) -> str | None:
    """Return a command as a list of words for one in a text.

    >>> command_advice("mysql -B 'select 1'")
    'Write [mysql, -B, "select 1"].'
    """
    if type(value) is not str:
        return None
    try:
        words = shlex.split(value)
    except ValueError:  # a quote is not closed
        return None
    if not words:
        return None
    listed = [w if _is_plain(w) else json.dumps(w, ensure_ascii=False) for w in words]
    return f"Write [{', '.join(listed)}]."


def _is_plain(word: str) -> bool:
    """Tell whether YAML reads a word as the text that stands there."""
    return _PLAIN_WORD.fullmatch(word) is not None and isinstance(plain_value(word), str)


def file_advice(value: str) -> str | None:
    """Return the remedy for a text in place of the name of a file, None for what may be a name."""
    fixed = _MARKUP.sub("", value).strip()
    if "\n" in value or _TAG.search(fixed) or (" " in fixed and not _ENDING.search(fixed)):
        return _A_FILE
    return None


def list_advice(value: str) -> str | None:
    """Return the remedy for several names in one text, divided by commas or semicolons."""
    names = [name.strip() for name in re.split(r"[,;]", value)]
    if isinstance(value, Interpolated) or len(names) < 2 or not all(names):  # noqa: PLR2004
        return None
    return f"Write a list: [{', '.join(names)}]."


def quotes_advice(value: object) -> str | None:
    """Return the remedy for a text in the quotes of a word processor, None for any other value.

    >>> quotes_advice("\u201cmail.example.com\u201d")
    'Write straight quotes, or none: these are part of the text.'
    """
    if type(value) is not str or unquoted(value) is None:
        return None
    return "Write straight quotes, or none: these are part of the text."


def unquoted(value: str) -> str | None:
    """Return the text inside the quotes of a word processor; None where there are none."""
    found = _CURLY.fullmatch(value)
    return found[1].strip() if found is not None else None
