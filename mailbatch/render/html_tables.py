"""The rows and columns of an HTML table, with spans filled and nothing left out.

Tests: tests/render/test_html.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailbatch.render.html_tree import Element
from mailbatch.render.list_marks import integer

_GROUPS = frozenset(["thead", "tbody", "tfoot"])
_NO_CONTENT = frozenset(["caption", "colgroup", "col"])
_NO_ROWS = _NO_CONTENT | {"table"}  # elements of a table that hold none of the table's rows
_WIDEST = 40  # a table of more columns is never shown in columns


def table_rows(table: Element) -> tuple[list[list[Element]], list[Element | str]]:
    """Return the cells of each row, and the content of the table outside of cells.

    Every row has a cell at every place that a `colspan` or `rowspan` of another one covers: an
    empty one, so that every cell is in the right column. Browsers show the rest before the table.
    """
    strays: list[Element | str] = []
    rows = [list(_cells(row, strays)) for row in _rows(table, strays)]
    return _filled(rows), strays


def _rows(element: Element, strays: list[Element | str]) -> Iterator[Element]:
    for child in element.children:
        if isinstance(child, str):
            strays.append(child)
        elif child.tag == "tr":
            yield child
        elif child.tag in _GROUPS or (child.tag not in _NO_ROWS and _holds(child, "tr")):
            yield from _rows(child, strays)  # a form around rows is none of the table's business
        elif child.tag not in _NO_CONTENT:
            strays.append(child)


def _cells(row: Element, strays: list[Element | str]) -> Iterator[Element]:
    for child in row.children:
        if isinstance(child, str):
            strays.append(child)
        elif child.tag in {"td", "th"}:
            yield child
        elif child.tag != "table" and (_holds(child, "td") or _holds(child, "th")):
            yield from _cells(child, strays)
        else:
            strays.append(child)


def _holds(element: Element, tag: str) -> bool:
    """Tell whether an element holds another part, of that tag, of the same table."""
    return any(
        isinstance(child, Element)
        and (child.tag == tag or (child.tag != "table" and _holds(child, tag)))
        for child in element.children
    )


def _filled(rows: list[list[Element]]) -> list[list[Element]]:
    covered: dict[int, int] = {}  # for how many further rows a column is covered from above
    grid = []
    for row in rows:
        line: list[Element] = []
        below: dict[int, int] = {}
        for cell in row:
            _cover(line, covered)
            width = _span(cell, "colspan", _WIDEST)
            height = _span(cell, "rowspan", len(rows))
            for column in range(len(line), len(line) + width):
                below[column] = height - 1
            line += [cell, *(Element("td", {}) for _ in range(width - 1))]
        _cover(line, covered)
        for column, height in covered.items():
            below[column] = max(below.get(column, 0), height - 1)
        covered = {column: height for column, height in below.items() if height > 0}
        grid.append(line)
    return grid


def _cover(line: list[Element], covered: dict[int, int]) -> None:
    while len(line) in covered and len(line) < _WIDEST:
        line.append(Element("td", {}))


def _span(cell: Element, name: str, most: int) -> int:
    return min(max(integer(cell.attributes.get(name, ""), 1), 1), most)
