"""The .xlsx workbook: columns from the first row of a sheet that is not empty, then the rows.

    >>> cell_text(7.0), cell_text(0.1 + 0.2), cell_text(date(2026, 11, 29)), cell_text(True)
    ('7', '0.3', '2026-11-29', 'true')

The reader is python-calamine (the extra `excel`), imported only here. Row numbers are those of the
sheet. Cells become text as people see them in the sheet: whole numbers stay whole, other numbers
have 15 significant digits, dates and times are ISO 8601, a truth value is true or false. Empty rows
are no records. A value that would be lost is an error: a value in a column without a name, the
inside of merged cells, and a failed formula (#N/A), which the reader gives as an empty cell. The
sheet is held in memory; its size is bounded before reading (`workbook_package`).
"""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.errors import Location, RecipientError, raise_if_starved
from mailbatch.recipients.records import MAX_CELL, name_fault
from mailbatch.recipients.workbook_package import excess, failed_cell
from mailbatch.suggest import did_you_mean_or_all

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_HEADER = "The first row names the columns, such as: email, first_name"
_LESS = "Clear cells that are far from the table, or save the sheet as CSV."
_INSTALL = "Run: pip install 'mailbatch[excel]'"
_DIGITS = 15  # of a number in a spreadsheet
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Workbook:
    """A sheet with a known header; iterating reads the rows.

    `header` is the row of the names, from 1. `named` are the places of the columns in a row as the
    reader gives it; the first cell of such a row is in column number `left`, from 0.
    """

    path: Path
    shown: str
    sheet: str
    columns: tuple[str, ...]
    header: int
    named: tuple[int, ...]
    left: int

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        with _opened(self.path, self.shown, self.sheet) as sheet:
            for number, row in enumerate(sheet.iter_rows(), 1):
                if number == self.header and _columns(row) != self.columns:
                    raise _error(self.shown, number, "the header changed while the file was read")
                if number > self.header and any(cell != "" for cell in row):
                    yield number, self._cells(row, number)

    def _cells(self, row: Sequence[Any], number: int) -> tuple[str, ...]:
        if len(self.named) < len(row):
            for place, cell in enumerate(row):
                if cell != "" and place not in self.named:
                    name = f"{_letters(self.left + place)}{number}"
                    raise _error(
                        self.shown,
                        number,
                        f"the cell {name} has a value, but its column has no name",
                        hint=f"Name the column in row {self.header}, or clear it.",
                    )
        cells = tuple([cell_text(row[place]) for place in self.named])
        if any(len(cell) > MAX_CELL or "\0" in cell for cell in cells):
            raise _error(self.shown, number, "a cell holds what no text has")
        return cells


def open_workbook(path: Path, *, shown: str, sheet: str | None) -> Workbook:
    """Read the header of a sheet, by default of the first that is not hidden.

    `shown` is the name of the file in errors.

    Raises:
        RecipientError: python-calamine is not installed, the file cannot be read, there is no such
            sheet, or the sheet is no table.
    """
    with _opened(path, shown, sheet, check=True) as found:
        row, number = next(
            ((row, n) for n, row in enumerate(found.iter_rows(), 1) if any(c != "" for c in row)),
            ([], 1),
        )
        named = tuple(place for place, cell in enumerate(row) if cell != "")
        columns = _columns(row)
        reason = name_fault(columns, "row") if columns else f"the sheet {found.name} is empty"
        if reason is not None:
            raise _error(shown, number, reason, hint=_HEADER)
        left = found.start[1] if found.start is not None else 0
        _refuse_merged(found, shown, number)
        name = found.name
    if (cell := failed_cell(path, name)) is not None:
        raise _error(
            shown,
            cell.row,
            f"the cell {cell.name} holds an error instead of a value",
            hint="Mend its formula, or clear the cell.",
        )
    return Workbook(path, shown, name, columns, number, named, left)


def _columns(row: Sequence[Any]) -> tuple[str, ...]:
    return tuple([cell_text(cell).strip() for cell in row if cell != ""])


@contextmanager
def _opened(
    path: Path, shown: str, name: str | None, *, check: bool = False
) -> Iterator[CalamineSheet]:
    """Yield the sheet with this name, or the first that is not hidden.

    `check` bounds the memory first: needed before the first reading of the file.
    """
    try:
        import python_calamine as calamine
    except ImportError:
        raise RecipientError(
            "a workbook needs a package that is not installed",
            location=Location(shown),
            hint=_INSTALL,
        ) from None
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _error(shown, None, "not a regular file")
        if check and (reason := excess(path)) is not None:
            raise _error(shown, None, f"the workbook takes too much memory: {reason}", hint=_LESS)
        book = calamine.CalamineWorkbook.from_path(path)
    except OSError as error:
        raise_if_starved(error)
        raise _error(shown, None, f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise _error(shown, None, f"the file cannot be read as a workbook: {error}") from None
    except calamine.PasswordError:
        raise _error(shown, None, "the workbook is protected by a password") from None
    except calamine.CalamineError as error:
        raise _error(shown, None, f"the file cannot be read as a workbook: {error}") from None
    with book:
        visible = calamine.SheetVisibleEnum.Visible
        named = [
            sheet.name
            for sheet in book.sheets_metadata
            if name in {None, sheet.name} and (name is not None or sheet.visible == visible)
        ]
        if not named:
            raise _error(
                shown,
                None,
                "every sheet is hidden" if name is None else f"there is no sheet {name!r}",
                hint="" if name is None else did_you_mean_or_all(name, book.sheet_names),
            )
        try:
            yield book.get_sheet_by_name(named[0])
        except calamine.CalamineError as error:
            raise _error(shown, None, f"the sheet {named[0]} cannot be read: {error}") from None


def _refuse_merged(sheet: CalamineSheet, shown: str, header: int) -> None:
    for (top, left), (bottom, right) in sorted(sheet.merged_cell_ranges or ()):
        if bottom + 1 >= header:
            cells = f"{_letters(left)}{top + 1}:{_letters(right)}{bottom + 1}"
            raise _error(
                shown,
                top + 1,
                f"the cells {cells} are merged: only the first of them has the value",
                hint="Unmerge them, and write the value into each.",
            )


def cell_text(value: Any) -> str:
    """Return the text of a cell, given as python-calamine reads the cell."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(value, datetime | time):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in a cell")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return str(int(value))
    return f"{Decimal(f'{value:.{_DIGITS}g}'):f}"


def _letters(column: int) -> str:
    """Return the letters of a column, counted from 0: A to Z, AA and so on."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, len(_LETTERS))
        letters = _LETTERS[rest] + letters
    return letters


def _error(shown: str, row: int | None, message: str, *, hint: str | None = None) -> RecipientError:
    return RecipientError(message, location=Location(shown, row), hint=hint or None)
