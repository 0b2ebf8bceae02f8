"""The records of a recipient table, whatever its form: named columns, and a line for each record.

A module of its own reads each form: CSV (`table.py`), JSON lines (`json_lines.py`), workbooks
(`workbook.py`); the output of a program is CSV. Cells are text; their meaning is not known here.

Tests: tests/recipients/test_plan.py, tests/recipients/test_table.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar
from unicodedata import category

from mailbatch.errors import RecipientError
from mailbatch.recipients.address import is_address
from mailbatch.remarks import Remarks

#: The longest cell, in characters: csv's own default, and small enough that an open quote is
#: noticed soon.
MAX_CELL = 131_072

#: The records that are read, checked and planned together: larger blocks are not faster.
BLOCK = 256

T = TypeVar("T")

_CONTROLS = frozenset({"Cc", "Zl", "Zp"})  # Unicode general categories


class Records(Protocol):
    """A table whose columns are known; iterating reads its records.

    Each iteration begins anew and yields `(line, cells)`: the first line or row of the record, and
    as many cells as there are columns. Iterating raises `RecipientError` at the first record that
    breaks the table, possibly after many records.
    """

    @property
    def shown(self) -> str:
        """The name of the table in errors."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, each once."""

    @property
    def header(self) -> int:
        """The line or row that names the columns."""

    @property
    def remarks(self) -> Remarks:
        """The surprises of the table, known before the records are read."""

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Read the records."""


def in_blocks(records: Iterable[T], size: int = BLOCK) -> Iterator[list[T]]:
    """Yield the records in lists of at most `size`; those before a fault come before the error.

    >>> list(in_blocks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]

    Raises, from iterating:
        RecipientError: a record breaks the table.
    """
    block: list[T] = []
    fault = None
    try:
        for record in records:
            block.append(record)
            if len(block) == size:
                yield block
                block = []
    except RecipientError as error:
        fault = error
    if block:
        yield block
    if fault is not None:
        raise fault


def name_fault(
    names: Sequence[str], line: str = "line", places: Sequence[object] | None = None
) -> str | None:
    """Return the reason that texts cannot name the columns of a table, None if they can.

    `line` is the table's word for the place of the names: line or row. `places` are the columns as
    people find them: numbers from 1 by default, the letters of a sheet.

    >>> name_fault(["email", "name", "email"])
    "columns 1 and 3 are both named 'email'"
    >>> name_fault(["email", "email"], places=["A", "D"])
    "columns A and D are both named 'email'"
    """
    seen: dict[str, object] = {}
    for place, name in zip(places or range(1, len(names) + 1), names, strict=True):
        if name in seen:
            return f"columns {seen[name]} and {place} are both named {name!r}"
        if not name:
            return f"column {place} of {len(names)} has no name"
        if is_address(name):
            return f"the first {line} holds an address, not column names: {name!r}"
        if any(category(character) in _CONTROLS for character in name):
            return f"column {place} has a control character in its name: {name!r}"
        seen[name] = place
    return None
