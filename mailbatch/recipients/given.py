"""Rows that a program gives in place of a table: spooled as JSON lines, and read as these are.

    spool = spool_rows([{"email": "ann@example.com", "points": 1.5}])

One mapping is one line, from 1, so that rules, errors and places are those of `json_lines.py`. The
rows are read once, and never stand in memory together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from mailbatch.errors import SYSTEM_REMEDIES, Location, RecipientError, raise_if_starved
from mailbatch.recipients.spool import Spool

#: The name of such a table in errors.
SHOWN = "recipients"
#: The bytes that are written at once.
_BLOCK = 1 << 16
_HINT = "Each row is a mapping of texts, such as {'email': 'ann@example.org', 'plan': 'pro'}."


def spool_rows(rows: Iterable[Mapping[str, Any]]) -> Spool:
    """Keep the rows of an iterable, to be read again and again; `Decimal` keeps its digits.

    Raises:
        RecipientError: there is no row, a row is no mapping of text, or there is no room.
    """
    waiting = bytearray()
    try:
        spool = Spool()
        for number, row in enumerate(rows, 1):
            waiting += _line(row, number)
            if len(waiting) >= _BLOCK:
                spool.write(bytes(waiting))
                waiting.clear()
        spool.write(bytes(waiting))
    except OSError as error:
        raise_if_starved(error)
        raise RecipientError(
            f"the rows cannot be kept: {error.strerror}",
            location=Location(SHOWN),
            hint=SYSTEM_REMEDIES.get(error.errno or 0),
        ) from error
    if not spool.size:
        raise RecipientError("there are no rows", location=Location(SHOWN), hint=_HINT)
    return spool


def _line(row: Any, number: int) -> bytes:
    """Return a row as a line of JSON in ASCII."""
    place = Location(SHOWN, number)
    if not isinstance(row, Mapping):
        kind = type(row).__name__
        raise RecipientError(f"the row is no mapping, but {kind}", location=place, hint=_HINT)
    wrong = [key for key in row if not isinstance(key, str)]
    if wrong:
        raise RecipientError(
            f"the key {wrong[0]!r} is no text", location=place, hint="A key names a column."
        )
    try:
        return json.dumps(dict(row), default=_digits, allow_nan=False).encode("ascii") + b"\n"
    except (TypeError, ValueError, RecursionError):
        name = next(filter(lambda name: not _is_plain(row[name]), row), "")
        kind = type(row[name]).__name__ if name else "nested"
        raise RecipientError(
            f"the value of {name!r} is no text and no plain number: {kind}",
            location=place,
            hint="Write it as the letter shall show it.",
        ) from None


def _digits(value: Any) -> str:
    """Return a decimal number as text; the letter shows all of its digits."""
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    raise TypeError


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, default=_digits, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
