"""The .xlsx workbook: columns from the header of a sheet, then the rows, as people see them.

    >>> plain_text(7.0), plain_text(0.1 + 0.2), plain_text(date(2026, 11, 29)), plain_text(True)
    ('7', '0.3', '2026-11-29', 'true')

The reader is python-calamine (the extra `excel`), imported only here; the formats of numbers,
hidden rows and formulas without a value come from the part itself (`sheet_facts.py`). Row numbers
are those of the sheet. A number or a date has the text of the cell's format; without a format that
is known, whole numbers stay whole, other numbers have 15 significant digits, dates and times are
ISO 8601. A truth value is true or false. Empty rows are no records. A value that would be lost is
an error: a value in a column without a name, the inside of merged cells, a failed formula (#N/A),
and a formula that was never calculated; the reader gives empty cells for the last three. The sheet
is held in memory; its size is bounded before reading (`workbook_package.py`).
"""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.errors import Location, RecipientError, raise_if_starved
from mailbatch.extras import install_extra
from mailbatch.frozen import frozen
from mailbatch.job.columns import column_name
from mailbatch.recipients.header import Naming
from mailbatch.recipients.records import MAX_CELL
from mailbatch.recipients.sheet_facts import CellFault, Lack, SheetFacts, letters_of, read_facts
from mailbatch.recipients.workbook_header import Row, find_header
from mailbatch.recipients.workbook_package import Form, excess, form_of
from mailbatch.remarks import Doubt, FormatRemark, Remarks
from mailbatch.suggest import did_you_mean_or_all

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_LESS = "Clear cells that are far from the table, or save the sheet as CSV."
_TOP = 32  # rows, in which the header is looked for
_NAME_THE_SHEET = "Write `sheet: {}` under `recipients:`."
_OLE = "Save it without a password, as an Excel workbook (.xlsx)."
_TEXT = "A table in a text file wants the name of its form: .csv, or .jsonl for JSON lines."
_DAMAGED = "Open it in a spreadsheet program, and save it there as an Excel workbook (.xlsx)."
_DIGITS = 15  # of a number in a spreadsheet
_CALCULATE = "Open the workbook in a spreadsheet program, save it there, and take that file."
_LACKS = {
    Lack.FAILED: (
        "the cell {} holds an error instead of a value",
        "Mend its formula, or clear the cell.",
    ),
    Lack.NEVER_CALCULATED: ("the formula in the cell {} was never calculated", _CALCULATE),
    Lack.NOT_CALCULATED_YET: (
        "the formula in the cell {} gives 0, perhaps for want of a program that calculated it",
        _CALCULATE,
    ),
}


@frozen
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
    remarks: Remarks
    _facts: SheetFacts = field(repr=False)

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        with _opened(self.path, self.shown, self.sheet) as sheet:
            for number, row in enumerate(sheet.iter_rows(), 1):
                if number == self.header and _row(number, row).filled != self.columns:
                    raise _error(self.shown, number, "the header changed while the file was read")
                if number > self.header and any(cell != "" for cell in row):
                    yield number, self._cells(row, number)

    def _cells(self, row: Sequence[Any], number: int) -> tuple[str, ...]:
        if len(self.named) < len(row) and number not in self._facts.hidden:
            for place, cell in enumerate(row):
                if place not in self.named and not _is_blank(cell):
                    name = f"{letters_of(self.left + place)}{number}"
                    raise _error(
                        self.shown,
                        number,
                        f"the cell {name} has a value, but its column has no name",
                        hint=f"Name the column in row {self.header}, or clear it. If the columns "
                        "are named in another row, write `header_row:` under `recipients:`.",
                    )
        cells = tuple([self._text(row[place], place, number) for place in self.named])
        if any(len(cell) > MAX_CELL or "\0" in cell for cell in cells):
            raise _error(self.shown, number, "a cell holds what no text has")
        return cells

    def _text(self, value: Any, place: int, number: int) -> str:
        if isinstance(value, str):
            return value
        if not isinstance(value, bool):
            form = self._facts.format_of(self.left + place, number)
            if form is not None and (text := form.show(value)) is not None:
                return text
        return plain_text(value)


def open_workbook(
    path: Path,
    *,
    shown: str,
    sheet: str | None,
    header_row: int | None = None,
    naming: Naming = lambda _: False,
    hidden_rows: bool = True,
    elsewhere: str = _NAME_THE_SHEET,
) -> Workbook:
    """Read the header of a sheet, by default of the first that is not hidden.

    `shown` is the name of the file in errors. A `header_row` (from 1) of None is found by the
    address column, which `naming` knows. `hidden_rows` tells whether hidden rows count like others.
    `elsewhere` is the remedy where another sheet alone has the column.

    Raises:
        RecipientError: python-calamine is not installed, the file cannot be read, there is no such
            sheet, or the sheet is no table.
    """
    with _opened(path, shown, sheet, check=True) as found:
        if sheet is None and header_row is None:
            _refuse_cover(path, shown, found, naming, elsewhere)
        rows = (_row(number, cells) for number, cells in enumerate(found.iter_rows(), 1))
        filled = (row for row in rows if row.filled)
        first = next(filled, None)
        if first is None:
            hint = "Name another one by `sheet:` under `recipients:`." if sheet is None else None
            raise _error(shown, 1, f"the sheet {found.name} is empty", hint=hint)
        left = found.start[1] if found.start is not None else 0
        header = find_header(
            _chained(first, filled), shown=shown, row=header_row, naming=naming, left=left
        )
        named = tuple(place for place, cell in enumerate(header.names) if cell)
        _refuse_merged(found, shown, header.number, [left + place for place in named])
        name = found.name
    facts = read_facts(path, name, header=header.number, hidden=hidden_rows)
    if facts.fault is not None:
        raise _lacking(shown, facts.fault)
    formats = tuple(_formats(facts, header.filled, [left + place for place in named]))
    remarks = Remarks(facts.hidden, formats)
    return Workbook(path, shown, name, header.filled, header.number, named, left, remarks, facts)


def _refuse_cover(
    path: Path, shown: str, first: CalamineSheet, naming: Naming, remedy: str
) -> None:
    """Refuse the first sheet where another sheet alone names the address column."""
    from python_calamine import CalamineError, CalamineWorkbook

    if _names_address(first, naming):
        return
    with CalamineWorkbook.from_path(path) as book:
        for name in _visible(book)[1:]:
            with suppress(CalamineError):
                if _names_address(book.get_sheet_by_name(name), naming):
                    message = f"the sheet {first.name} has no column of addresses, but {name} has"
                    raise _error(shown, None, message, hint=remedy.format(name))


def _names_address(sheet: CalamineSheet, naming: Naming) -> bool:
    rows = islice(sheet.iter_rows(), _TOP)
    return any(naming(_row(number, cells).filled) for number, cells in enumerate(rows, 1))


def _chained(first: Row, others: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from others


def _is_blank(cell: Any) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _row(number: int, cells: Sequence[Any]) -> Row:
    return Row(number, tuple([column_name(plain_text(cell)) for cell in cells]))


def _formats(
    facts: SheetFacts, names: Sequence[str], places: Sequence[int]
) -> Iterator[FormatRemark]:
    """Yield the formats of each column that are not known, or that depend on the computer."""
    for name, place in zip(names, places, strict=True):
        for row, form in facts.formats_of(place):
            if not form.known:
                yield FormatRemark(name, row, form.name, Doubt.NOT_KNOWN)
            elif form.by_computer:
                yield FormatRemark(name, row, form.name, Doubt.BY_COMPUTER)


def _lacking(shown: str, fault: CellFault) -> RecipientError:
    message, hint = _LACKS[fault.lack]
    return _error(shown, fault.row, message.format(fault.name), hint=hint)


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
            hint=install_extra("excel"),
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
        raise _unreadable(path, shown, str(error)) from None
    except calamine.PasswordError:
        raise _error(shown, None, "the workbook is protected by a password", hint=_OLE) from None
    except calamine.CalamineError as error:
        raise _unreadable(path, shown, str(error)) from None
    with book:
        chosen = _choose(book, shown, name)
        try:
            yield book.get_sheet_by_name(chosen)
        except calamine.CalamineError as error:
            raise _error(shown, None, f"the sheet {chosen} cannot be read: {error}") from None


def _unreadable(path: Path, shown: str, reason: str) -> RecipientError:
    """Return the error for a file that is no workbook, with the remedy for the form that it has."""
    form = form_of(path)
    hint = {Form.OLE: _OLE, Form.TEXT: _TEXT}.get(form, _DAMAGED)
    if form is Form.OLE:
        reason = "it has a password, or it is an old workbook (.xls)"
    elif form is Form.TEXT:
        reason = "it is a text"
    return _error(shown, None, f"the file cannot be read as a workbook: {reason}", hint=hint)


def _choose(book: CalamineWorkbook, shown: str, name: str | None) -> str:
    """Return the name of the sheet to read; charts and sheets of macros are no tables."""
    from python_calamine import SheetTypeEnum

    tables = [one for one in book.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]
    names = [one.name for one in tables]
    if name is None:
        visible = _visible(book)
        if not visible:
            message = "every sheet is hidden" if names else "there is no sheet of cells"
            hint = did_you_mean_or_all("", names) if names else None
            raise _error(shown, None, message, hint=hint)
        return visible[0]
    if name not in names:
        is_other = name in book.sheet_names
        message = f"the sheet {name!r} has no cells: it is a chart or holds macros"
        raise _error(
            shown,
            None,
            message if is_other else f"there is no sheet {name!r}",
            hint=did_you_mean_or_all(name, names),
        )
    return name


def _visible(book: CalamineWorkbook) -> list[str]:
    """Return the names of the sheets of cells that are not hidden."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    return [
        one.name
        for one in book.sheets_metadata
        if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible
    ]


def _refuse_merged(sheet: CalamineSheet, shown: str, header: int, places: Sequence[int]) -> None:
    """Refuse merged cells in the columns of the table, from the header on."""
    for (top, left), (bottom, right) in sorted(sheet.merged_cell_ranges or ()):
        if bottom + 1 >= header and any(left <= place <= right for place in places):
            cells = f"{letters_of(left)}{top + 1}:{letters_of(right)}{bottom + 1}"
            raise _error(
                shown,
                top + 1,
                f"the cells {cells} are merged: only the first of them has the value",
                hint="Unmerge them, and write the value into each.",
            )


def plain_text(value: Any) -> str:
    """Return the text of a cell without a format, given as python-calamine reads the cell."""
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
    if value == int(value) and abs(value) < 10**_DIGITS:
        return str(int(value))
    return f"{Decimal(f'{value:.{_DIGITS}g}'):f}"


def _error(shown: str, row: int | None, message: str, *, hint: str | None = None) -> RecipientError:
    return RecipientError(message, location=Location(shown, row), hint=hint or None)
