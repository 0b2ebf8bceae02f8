"""Rows of the results as lines of CSV (RFC 4180) and as JSON objects.

Most lines quote and defuse nothing and are put together by one f-string, which is made out of the
columns when the module is imported. Such lines are recognised a block at a time, and one by one in
a block with any other line; the other lines go through the csv module.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from mailbatch.ledger.rows import ResultRow, SharedRows
from mailbatch.results.columns import COLUMNS, REPORT_COLUMNS, Column
from mailbatch.results.told import UNTOLD, Told
from mailbatch.times import iso_time

#: A cell of printable ASCII without a comma or a quotation mark: such a cell is never quoted.
_CELL = r"[ !#-+\--~]*+"
#: The same, empty or with a beginning that no spreadsheet takes for a formula.
_HARMLESS_CELL = rf"(?:[ !#-*.-<>?A-~]{_CELL})?+"
#: The beginnings of all other cells of printable ASCII, behind the comma before the cell.
_FORMULAS = (",=", ",+", ",-", ",@")
#: Rows that share their facts with so many others are written together: fewer are not faster.
_ALIKE = 4
#: The ends of lines that are kept, of some 200 bytes each.
_KINDS = 256


def header_line(columns: Sequence[Column] = COLUMNS) -> str:
    """Return the first line of the file."""
    return ",".join(column.name for column in columns) + "\r\n"


def block_writer(
    columns: Sequence[Column], fields: Sequence[str], *, empty: Sequence[Column] = ()
) -> Callable[[Sequence[tuple[Any, ...]] | SharedRows], str]:
    """Return the function that writes rows as lines of CSV.

    `fields` are the names of the values of a row, in order. A column of `empty` has an empty cell,
    and each other column has a field. The first two columns must be line and address: the first
    cell is not looked at for a formula, and rows of a group mostly differ in these alone.
    """
    plain = _plain_lines(columns, fields, empty)
    cells = [
        None if column in empty else (column.type.cell, fields.index(column.name))
        for column in columns
    ]
    commas = len(columns) - 1
    is_plain = re.compile(rf"{_CELL}(?:,{_HARMLESS_CELL}){{{commas}}}").fullmatch

    def written(row: tuple[Any, ...]) -> str:
        found = (None if one is None else (one[0], row[one[1]]) for one in cells)
        return _quoted([None if one is None or one[1] is None else one[0](one[1]) for one in found])

    group = fields.index("group")

    def lines_of(block: Sequence[tuple[Any, ...]] | SharedRows) -> str:
        shared = None
        if isinstance(block, SharedRows):
            shared = block
        elif block and block[0][group] is not None:
            shared = _shared(block)
        if shared is not None and (text := _shared_lines(shared, end_of)) is not None:
            return text
        rows = list(block)
        lines = plain(rows)
        joined = ",".join(lines)
        if _is_harmless(joined) and joined.count(",") == (commas + 1) * len(lines) - 1:
            return "\r\n".join(lines) + "\r\n"
        pairs = zip(lines, rows, strict=True)
        return "".join(f"{line}\r\n" if is_plain(line) else written(row) for line, row in pairs)

    # A kind of rows goes through many blocks.
    @lru_cache(maxsize=_KINDS)
    def end_of(*facts: Any) -> str:
        return lines_of([(1, "", *facts)]).removeprefix("1,")

    return lines_of


def _shared(rows: Sequence[tuple[Any, ...]]) -> SharedRows:
    keyed = [(row[0], row[1], row[2:]) for row in rows]
    return SharedRows(keyed, {key: key for _, _, key in keyed})


def _shared_lines(block: SharedRows, end_of: Callable[..., str]) -> str | None:
    """Return the lines of rows that mostly differ in line and address alone; None for others.

    `end_of` writes the shared cells of a row, from the comma before the address on.
    """
    rows, facts = block.rows, block.facts
    kinds = {row[2] for row in rows}
    addresses = ",".join(["", *[row[1] for row in rows]])
    if (
        len(kinds) * _ALIKE > len(rows)
        or rows[-1][0] is None  # rows that left the table come last
        or not _is_harmless(addresses)
        or addresses.count(",") != len(rows)
    ):
        return None
    ends = {kind: end_of(*facts[kind]) for kind in kinds}
    return "".join([f"{row[0]},{row[1]}{ends[row[2]]}" for row in rows])


def _is_harmless(joined: str) -> bool:
    """Say whether no cell but the first asks for quotes or for defusing, commas left aside."""
    return (
        joined.isascii()
        and joined.isprintable()
        and '"' not in joined
        and not any(beginning in joined for beginning in _FORMULAS)
    )


def _plain_lines(
    columns: Sequence[Column], fields: Sequence[str], empty: Sequence[Column]
) -> Callable[[Sequence[tuple[Any, ...]]], list[str]]:
    """Compile the f-string of a line without quotes, as `collections.namedtuple` makes its methods.

    A loop over the columns takes a third longer for a line, and there may be a million lines.
    """
    names = {name: f"v{place}" for place, name in enumerate(fields)}
    cells = []
    for column in columns:
        if column in empty:
            cells.append("")
            continue
        name = names[column.name]
        plain = column.type.plain.replace("value", name)
        if column.nullable:
            plain = f"'' if {name} is None else {plain}"
        cells.append(f"{{{plain}}}")
    line = ",".join(cells)
    row = f"({', '.join(names.values())},)"
    source = f'def plain(rows):\n    return [f"{line}" for {row} in rows]'
    made: dict[str, Any] = {"iso_time": iso_time}
    exec(source, made)  # noqa: S102 - made of the names in `columns`, of nothing that is read
    found: Callable[[Sequence[tuple[Any, ...]]], list[str]] = made["plain"]
    return found


def _quoted(cells: Sequence[Any]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


#: Rows of the ledger as lines of the results CSV, each with its line end, where no report is known.
as_lines = block_writer(COLUMNS, ResultRow._fields, empty=REPORT_COLUMNS)
#: The same for rows that the facts of reports stand behind.
as_reported_lines = block_writer(COLUMNS, (*ResultRow._fields, *Told._fields))


def as_object(row: ResultRow, told: Told = UNTOLD) -> dict[str, Any]:
    """Return a row as the object that `schemas/results.schema.json` describes."""
    values = row._asdict() | told._asdict()
    found = ((column, values[column.name]) for column in COLUMNS)
    return {
        column.name: None if value is None else column.type.member(value) for column, value in found
    }
