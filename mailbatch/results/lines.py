"""Rows of the results as lines of CSV (RFC 4180) and as JSON objects.

Most lines quote and defuse nothing and are put together by one f-string, which is made out of the
columns when the module is imported: 5 µs a row instead of 9. All other lines go through the csv
module.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from mailbatch.ledger.rows import ResultRow
from mailbatch.results.columns import COLUMNS, LEDGER_COLUMNS, REPORT_COLUMNS, Column
from mailbatch.results.told import UNTOLD, Told
from mailbatch.times import iso_time

#: A cell of printable ASCII without a comma or a quotation mark: such a cell is never quoted.
_CELL = r"[ !#-+\--~]*+"
#: The same, empty or with a beginning that no spreadsheet takes for a formula.
_HARMLESS_CELL = rf"(?:[ !#-*.-<>?A-~]{_CELL})?+"


def header_line(columns: Sequence[Column] = COLUMNS) -> str:
    """Return the first line of the file."""
    return ",".join(column.name for column in columns) + "\r\n"


def line_writer(
    columns: Sequence[Column], fields: Sequence[str], *, empty: int = 0
) -> Callable[[tuple[Any, ...]], str]:
    """Return the function that writes a row as a line of CSV.

    `fields` are the names of the values of a row, in order; each column has a field. The first
    column must be a number: the first cell is not looked at for a formula. `empty` is the number of
    empty cells behind.
    """
    plain = _plain_line(columns, fields, empty)
    cells = [(column.type.cell, fields.index(column.name)) for column in columns]
    is_plain = re.compile(rf"{_CELL}(?:,{_HARMLESS_CELL}){{{len(columns) - 1 + empty}}}").fullmatch

    def line_of(row: tuple[Any, ...]) -> str:
        line = plain(row)
        if is_plain(line):
            return line + "\r\n"
        values = ((cell, row[place]) for cell, place in cells)
        written = [None if value is None else cell(value) for cell, value in values]
        return _quoted(written + [None] * empty)

    return line_of


def _plain_line(
    columns: Sequence[Column], fields: Sequence[str], empty: int
) -> Callable[[tuple[Any, ...]], str]:
    """Compile the f-string of a line without quotes, as `collections.namedtuple` makes its methods.

    A loop over the columns takes a third longer for a line, and there may be a million lines.
    """
    names = {name: f"v{place}" for place, name in enumerate(fields)}
    cells = []
    for column in columns:
        name = names[column.name]
        plain = column.type.plain.replace("value", name)
        if column.nullable:
            plain = f"'' if {name} is None else {plain}"
        cells.append(f"{{{plain}}}")
    line = ",".join(cells) + "," * empty
    source = f'def plain(row):\n    ({", ".join(names.values())},) = row\n    return f"{line}"'
    made: dict[str, Any] = {"iso_time": iso_time}
    exec(source, made)  # noqa: S102 - made of the names in `columns`, of nothing that is read
    found: Callable[[tuple[Any, ...]], str] = made["plain"]
    return found


def _quoted(cells: Sequence[Any]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


#: A row of the ledger as a line of the results CSV, with its line end, where no report is known.
as_line = line_writer(LEDGER_COLUMNS, ResultRow._fields, empty=len(REPORT_COLUMNS))
#: The same for a row that the facts of reports stand behind.
as_reported_line = line_writer(COLUMNS, (*ResultRow._fields, *Told._fields))


def as_object(row: ResultRow, told: Told = UNTOLD) -> dict[str, Any]:
    """Return a row as the object that `schemas/results.schema.json` describes."""
    values = row._asdict() | told._asdict()
    found = ((column, values[column.name]) for column in COLUMNS)
    return {
        column.name: None if value is None else column.type.member(value) for column, value in found
    }
