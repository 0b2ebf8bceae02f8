"""The filters `int` and `float` of templates and of `where`: a text that is no number is a mistake.

    {{ price | float }}        # fails for 1,234.50 €; Jinja2 alone gives 0.0
    {{ price | float(0) }}     # the value that is meant for such a text

A default of the filter's own would stand in a letter, or leave a recipient out. The empty text
keeps Jinja2's default: a cell without a value is common, and MB120 finds the cell.

Tests: tests/recipients/test_where.py, tests/render/test_messages.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from math import isfinite
from typing import Any

_SHOWN = 40
#: `12,50`, and not `1,234`, which may be more than a thousand.
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d{1,2}")


def strict(filter_: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Make Jinja2's filter `int` or `float` refuse a text that is no number.

    The filter that is returned raises `ValueError` for such a text, unless a default is given.
    """

    @wraps(filter_)
    def checked(value: Any, *given: Any, **named: Any) -> Any:
        if isinstance(value, str) and not given and "default" not in named:
            _refuse(value.strip(), named.get("base", 10), name)
        return filter_(value, *given, **named)

    return checked


def _refuse(text: str, base: Any, name: str) -> None:
    if not text or _is_number(text, base):
        return
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    if _DECIMAL_COMMA.fullmatch(text):
        raise ValueError(
            f"{shown!r} is no number such as 1234.5; where the comma is the point, write "
            f"| replace(',', '.') | {name}"
        )
    raise ValueError(
        f"{shown!r} is no number such as 1234.5; {name}(0) would take 0 for such a text"
    )


def _is_number(text: str, base: Any) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        pass
    try:
        int(text, base)
    except (ValueError, TypeError):
        return False
    return True
