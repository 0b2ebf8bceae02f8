"""What all recipient tables have in common: named columns, and records with the line of each.

A module of its own reads each form: CSV, JSON lines, workbooks; what a program prints is CSV. Cells
are text, whatever the form; what they mean is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol
from unicodedata import category

from mailbatch.recipients.address import is_address

#: The longest cell, in characters. It is csv's own default, and small enough that an open quote
#: is noticed soon.
MAX_CELL = 131_072

_CONTROLS = frozenset({"Cc", "Zl", "Zp"})  # Unicode general categories


class Records(Protocol):
    """A table whose columns are known; iterating reads its records.

    Each iteration begins anew and yields `(line, cells)`: the line or row on which the record
    starts, and as many cells as there are columns. It raises `RecipientError` where the table stops
    being one, possibly after many records.
    """

    @property
    def shown(self) -> str:
        """What errors call the table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, each once."""

    @property
    def header(self) -> int:
        """The line or row that names the columns."""

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Read the records."""


def name_fault(names: Sequence[str], line: str = "line") -> str | None:
    """Return why texts cannot name the columns of a table, None if they can.

    `line` is what the table calls the place of the names.
    """
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in seen:
            return f"columns {seen[name]} and {number} are both named {name!r}"
        if not name:
            return f"column {number} of {len(names)} has no name"
        if is_address(name):
            return f"the first {line} holds an address, not column names: {name!r}"
        if any(category(character) in _CONTROLS for character in name):
            return f"column {number} has a control character in its name: {name!r}"
        seen[name] = number
    return None
