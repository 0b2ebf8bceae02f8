"""The type of a plain YAML scalar by the YAML 1.2 core schema (YAML 1.2.2, 10.3.2).

Two things differ on purpose: digits behind a leading zero (`0587`) are text, because nobody who
writes them means a number; and a number too long to be one is text too. There are no dates, no base
60, and `yes`, `no`, `on`, `off` are words. Nothing here knows positions or the job model.
"""

from __future__ import annotations

import re
from typing import Any

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
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


class Interpolated(str):
    """Text that came, wholly or in part, from the environment.

    Its type is decided by the key that takes it: `port: ${PORT}` is a number, `username: ${USER}`
    is text even where it has only digits.
    """

    __slots__ = ()


class InterpolatedPlain(Interpolated):
    """The same from a scalar without quotes: where a key takes any value, YAML decides its type."""

    __slots__ = ()


def plain_value(text: str) -> Any:
    """Return the value of a plain scalar: None, a bool, an int, a float or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return str(text)
