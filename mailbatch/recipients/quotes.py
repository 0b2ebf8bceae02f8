r"""The fault in the quotes of a record, with its place, which `csv` does not tell.

    >>> find_quote_fault(['ann@example.com,"Ann" B\n'], 7, ",")
    QuoteFault(opened=(7, 17), closed=(7, 21))

`csv` reads on after an open quote and fails many lines later, or at the end of the file. Here the
state machine of `csv` runs once more, with positions, over the one record that failed; a good table
costs nothing. Records that `csv` accepts are never judged, except for stray quotes that swallow
records (`swallows_records`).

Tests: tests/recipients/test_table.py, tests/recipients/test_table_errors.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from enum import Enum, auto

from mailbatch.frozen import frozen
from mailbatch.recipients.address import is_address
from mailbatch.recipients.source import split_lines


@frozen
class QuoteFault:
    """The quoted cell at which a record breaks, as lines and columns counted from 1.

    `closed` is the quote that ends the cell in the middle of text, None where none ends it.
    """

    opened: tuple[int, int]
    closed: tuple[int, int] | None = None


class _Cell(Enum):
    """The state of reading a cell."""

    START = auto()
    BARE = auto()
    QUOTED = auto()
    QUOTE_IN_QUOTED = auto()  # the end of the cell, or half of a doubled quote


def find_quote_fault(lines: Iterable[str], first: int, delimiter: str) -> QuoteFault | None:
    """Return the fault in the quotes of the record that starts on line `first`.

    `lines` are the lines of the record with line ends, as far as read. None means that the quotes
    are in order.
    """
    cell = _Cell.START
    opened = closed = (first, 1)
    for number, line in enumerate(lines, first):
        for column, character in enumerate(line, 1):
            if cell is _Cell.QUOTED:
                if character == '"':
                    cell, closed = _Cell.QUOTE_IN_QUOTED, (number, column)
            elif cell is _Cell.QUOTE_IN_QUOTED and character == '"':
                cell = _Cell.QUOTED
            elif character == delimiter:
                cell = _Cell.START
            elif character in "\r\n":
                return None
            elif cell is _Cell.QUOTE_IN_QUOTED:
                return QuoteFault(opened, closed)
            elif cell is _Cell.START and character == '"':
                cell, opened = _Cell.QUOTED, (number, column)
            else:
                cell = _Cell.BARE
    return QuoteFault(opened) if cell is _Cell.QUOTED else None


def swallows_records(cells: Sequence[str], delimiter: str) -> bool:
    """Tell whether a cell over several lines holds nothing but the pieces of other records.

    Two stray quotes, rows apart, make one cell of all text between. `csv` cannot tell such a cell
    from a good one. The cell is a mistake only if every line has the cells of a record, with an
    address in the column where this record has one.
    """
    address = next((index for index, cell in enumerate(cells) if is_address(cell)), None)
    return address is not None and any(
        _is_pieces(_lines(cell), index, len(cells), address, delimiter)
        for index, cell in enumerate(cells)
        if "\n" in cell or "\r" in cell
    )


def _lines(cell: str) -> list[str]:
    lines = list(split_lines(cell))
    return [*lines, ""] if cell.endswith(("\n", "\r")) else lines


def _is_pieces(lines: list[str], index: int, width: int, address: int, delimiter: str) -> bool:
    """Tell whether `lines`, the cell in column `index`, can be the pieces of records."""
    for number, line in enumerate(lines):
        # The first line ends a record that began before the cell, the last line begins a record
        # that goes on behind the cell.
        first = index if number == 0 else 0
        last = index if number == len(lines) - 1 else width - 1
        row = next(csv.reader([line], delimiter=delimiter), [])
        if len(row) != last - first + 1:
            return False
        if first <= address <= last and not is_address(row[address - first]):
            return False
    return True
