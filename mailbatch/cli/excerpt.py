"""The lines around a place of the user's files, with a caret, as a terminal shows them.

      3 | server:
    > 4 |   hosst: 127.0.0.1
      |   ^
      5 |   port: 2525

Each line is made harmless and cut where it leaves the column in sight. This module must never read
a file: a place brings its lines, with secrets masked.

Tests: tests/cli/test_terminal.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailbatch.errors import Location

#: The lines before the place, and those behind it.
NEIGHBOURS = 1


def excerpt_of(location: Location | None, columns: int) -> list[str]:
    """Return the lines for a terminal of so many columns, none where the place has no line."""
    if location is None or location.source is None or location.line is None:
        return []
    first = location.line - min(NEIGHBOURS, len(location.before))
    last = location.line + min(NEIGHBOURS, len(location.after))
    digits = len(str(last))
    room = columns - digits - len("> 1 | ") - 1
    shown = []
    for number, line in enumerate(_lines(location), first):
        there = number == location.line
        text, pad = _line_and_pad(line, location.column or 1 if there else 1, room)
        sign = ">" if there else " "
        shown.append(f"  {sign} {number:>{digits}} | {text}".rstrip())
        if there and location.column is not None:
            shown.append(f"    {'':>{digits}} | {pad}^")
    return shown


def _lines(location: Location) -> Iterator[str]:
    yield from location.before[-NEIGHBOURS:]
    yield location.source or ""
    yield from location.after[:NEIGHBOURS]


def _line_and_pad(source: str, column: int, width: int) -> tuple[str, str]:
    """Return a line that cannot act on a terminal, and the space before one of the columns.

    Some characters take two cells of a terminal, and some none. A line of more than `width` cells
    is cut where it leaves the column in sight: a caret below a line that goes on points nowhere.
    """
    from rich.cells import cell_len, set_cell_size

    line = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in source)
    before, rest = line[: column - 1], line[column - 1 :]
    if cell_len(line.expandtabs()) > width:
        before, rest, most = before.expandtabs(), rest.expandtabs(), width * 2 // 3
        if cell_len(before) > most:
            while cell_len(before) >= most:
                before = before[1:]
            before = f"…{before}"
        left = width - cell_len(before)
        if cell_len(rest) > left:
            rest = f"{set_cell_size(rest, left - 1).rstrip()}…"
    return before + rest, "".join("\t" if c == "\t" else " " * cell_len(c) for c in before)
