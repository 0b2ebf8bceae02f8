"""The meaning of a scalar's text: YAML's own types, durations, rates and shares.

Plain scalars follow the YAML 1.2 core schema (YAML 1.2.2, 10.3.2): there are no dates, no base 60,
and `yes`, `no`, `on`, `off` are words. Two things differ on purpose: digits behind a leading zero
(`0587`) are text, because no writer of such digits means a number, and so is a number too long to
be one. Nothing here knows positions or the job model, and nothing is slow to import.

Tests: tests/job/test_yaml.py, tests/job/test_model.py.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from mailbatch.frozen import frozen

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_OCTAL = re.compile(r"0o[0-7]{1,99}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,99}")
_FLOAT = re.compile(
    r"(?![-+]?[0-9]+\Z)[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh])")
#: The longest duration in seconds: thirty days.
LONGEST_DURATION = 30 * 24 * 3600.0
_RATE = re.compile(r"(?!0+(?:\.0+)?/)([0-9]{1,9}(?:\.[0-9]{1,6})?)/(s|min|h|day)")
_SHARE = re.compile(r"(?!0+(?:\.0+)?%)([0-9]{1,2}(?:\.[0-9]{1,6})?|100)%")
_PER = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86_400.0}


class Interpolated(str):
    """Text that came, wholly or in part, from the environment.

    The key decides the type: `port: ${PORT}` is a number, `username: ${USER}` is text even where
    the variable has only digits.
    """

    __slots__ = ()


class InterpolatedPlain(Interpolated):
    """The same from a scalar without quotes: where a key takes any value, YAML decides the type."""

    __slots__ = ()


def plain_value(text: str) -> Any:
    """Return the value of a plain scalar: None, a bool, an int, a float or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return str(text)


@frozen
class Rate:
    """At most `count` recipients in every `per` seconds; the count may be a fraction."""

    count: float
    per: float

    @property
    def per_second(self) -> float:
        """The mean number of recipients a second."""
        return self.count / self.per

    def __str__(self) -> str:
        unit = next((unit for unit, per in _PER.items() if per == self.per), f"{self.per:g}s")
        return f"{self.count:.6f}".rstrip("0").rstrip(".") + f"/{unit}"


def parse_rate(text: str) -> Rate:
    """Read `600/min`, `0.5/s`, `5000/h` or `2000/day`.

    Raises:
        ValueError: with a sentence for people.
    """
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("must be recipients per s, min, h or day, such as 600/min")
    return Rate(float(match[1]), _PER[match[2]])


@frozen
class Share:
    """A part of a whole in percent, exactly as written.

    >>> Share(Fraction("0.3")).is_reached(3, 1000), str(Share(Fraction("0.3")))
    (True, '0.3%')
    """

    percent: Fraction

    def is_reached(self, number: int, whole: int) -> bool:
        """Tell whether `number` of `whole` is this share, or more."""
        return number * 100 >= self.percent * whole

    def __str__(self) -> str:
        return f"{float(self.percent):g}%"


def parse_share(text: str) -> Share:
    """Read `3%` or `0.3%`.

    Raises:
        ValueError: with a sentence for people.
    """
    match = _SHARE.fullmatch(text)
    if match is None:
        raise ValueError("must be a share above 0%, such as 3% or 0.3%")
    return Share(Fraction(match[1]))


def parse_duration(text: str) -> float:
    """Read `30s`, `5m`, `1.5h`, or a number of seconds.

    Raises:
        ValueError: with a sentence for people.
    """
    match = _DURATION.fullmatch(text) or _DURATION.fullmatch(text + "s")
    if match is None:
        raise ValueError("must be a duration such as 30s, 5m or 1h")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > LONGEST_DURATION:
        raise ValueError("must be at most 720h")
    return seconds
