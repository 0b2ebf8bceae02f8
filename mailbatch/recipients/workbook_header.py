"""The header of a sheet: the row that names the columns.

    header = find_header(rows, shown="people.xlsx", row=None, naming=lambda names: "email" in names)
    header.number, header.names    # 3, ("email", "", "first name")

The header is the first row that is not empty. Below titles the header is the row that names the
address column, if every row above has fewer filled cells and no address: the rule of `header.py`
for a CSV. A header that is unclear is an error with the key that settles it.

Tests: tests/recipients/test_workbook.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from mailbatch.errors import Location, RecipientError
from mailbatch.frozen import frozen
from mailbatch.recipients.address import is_address
from mailbatch.recipients.header import Naming
from mailbatch.recipients.records import name_fault
from mailbatch.recipients.sheet_facts import letters_of

_ROWS = 32  # in which the header is looked for
_HINT = "The first row names the columns, such as: email, first_name"
_RENAME = "Rename one of them: a name means one column."


@frozen
class Row:
    """A row by its number, from 1; `names` has the empty text for an empty cell."""

    number: int
    names: tuple[str, ...]

    @property
    def filled(self) -> tuple[str, ...]:
        """The names without the empty ones."""
        return tuple(filter(None, self.names))


def find_header(
    rows: Iterable[Row], *, shown: str, row: int | None, naming: Naming, left: int = 0
) -> Row:
    """Find the header among the rows of a sheet that are not empty.

    `row` is the number of the header, if the job has one; `shown` names the workbook in errors.
    The first name of a row is in column number `left` of the sheet, from 0.

    Raises:
        RecipientError: the row is empty or cannot name columns, or two rows could.
    """
    header = _at(rows, shown, row) if row is not None else _first(rows, shown, naming)
    if header.number > 1 and any(map(is_address, header.filled)):
        raise _error(shown, header.number, "this row holds an address, not column names", _HINT)
    places = [letters_of(left + place) for place, name in enumerate(header.names) if name]
    if (reason := name_fault(header.filled, "row", places)) is not None:
        twice = len(set(header.filled)) < len(header.filled)
        raise _error(shown, header.number, reason, _RENAME if twice else _HINT)
    return header


def _at(rows: Iterable[Row], shown: str, number: int) -> Row:
    for row in rows:
        if row.number == number:
            return row
        if row.number > number:
            break
    hint = "See `header_row` under `recipients:`."
    raise _error(shown, number, "the row is empty: it names no columns", hint)


def _first(rows: Iterable[Row], shown: str, naming: Naming) -> Row:
    above: list[Row] = []
    for row in islice(rows, _ROWS):
        if any(map(is_address, row.filled)):
            *titles, last = above or [row]
            return last if _are_titles(titles, last) else (above or [row])[0]
        if naming(row.filled):
            if not _are_titles(above, row):
                raise _error(
                    shown,
                    above[0].number,
                    f"the columns may be named here or in row {row.number}",
                    f"Write `header_row: {row.number}` under `recipients:`, or the row that it is.",
                )
            return row
        above.append(row)
    return above[0]


def _are_titles(rows: Iterable[Row], header: Row) -> bool:
    return all(len(row.filled) < len(header.filled) for row in rows)


def _error(shown: str, row: int, message: str, hint: str) -> RecipientError:
    return RecipientError(message, location=Location(shown, row), hint=hint)
