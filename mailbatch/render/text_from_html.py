"""A text part made of the HTML part, for a job that gives none.

Paragraphs and lists at 78 columns, links as footnotes, tables of data in columns and tables of
layout as their content, quotations behind "> ", struck text between "~~". The text part shows all
that a reader of the HTML sees, and never more: hidden text, styles and scripts are left out, and
things that stand apart for the eye stand apart in the text.

Tests: tests/render/test_html.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

from mailbatch.frozen import frozen
from mailbatch.render.html_look import marks_around, shown_value
from mailbatch.render.html_tables import table_rows
from mailbatch.render.html_tree import BLOCKS, Element, parse_html
from mailbatch.render.inline_text import (
    APART,
    BREAK,
    STRUCK,
    UNSTRUCK,
    cleaned,
    written,
)
from mailbatch.render.list_marks import list_marks

WIDTH = 78

_SPACE = re.compile(r"[ \t\n\r\f]+")  # without BREAK
_BLOCK_DISPLAYS = frozenset(
    ["block", "flex", "flow-root", "grid", "list-item", "table", "table-caption", "table-row"]
)
_SPREADING = frozenset(["flex", "grid", "inline-flex", "inline-grid"])
_GAP = "  "
_QUOTE = "> "
_INDENT = "    "
_RULES = {"h1": "=", "h2": "-"}  # the underlines of headings
_APART = frozenset(("p", "dl", "figure", "fieldset"))


@frozen
class _Block:
    """Some lines; `apart` puts an empty line before the first and after the last."""

    lines: list[str]
    apart: bool


def text_from_html(html: str) -> str:
    """Return the text of an HTML message: lines of at most 78 characters, no line feed at the end.

    Example:
        >>> print(text_from_html("<h1>News</h1><ul><li>Spring<li>Tea</ul>"))
        News
        ====
        <BLANKLINE>
        - Spring
        - Tea
    """
    page = _Page()
    lines = _joined(page.blocks(parse_html(html), WIDTH))
    if page.links:
        lines += ["", *(f"[{number}] {url}" for url, number in page.links.items())]
    return "\n".join(line.rstrip() for line in lines).replace("\xa0", " ")


def _joined(blocks: list[_Block]) -> list[str]:
    lines: list[str] = []
    apart = False
    for block in blocks:
        if lines and (block.apart or apart):
            lines.append("")
        lines += block.lines
        apart = block.apart
    return lines


def _trimmed(lines: list[str]) -> list[str]:
    """Leave out the empty lines at both ends."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []


class _Page:
    """The rendering of one HTML text, with numbered links."""

    def __init__(self) -> None:
        self.links: dict[str, int] = {}
        self._lists = 0  # how many lists are around the place
        self._lined = 0  # how many elements around the place keep line ends
        self._preformatted = 0  # how many elements around the place keep blanks and line ends

    def blocks(self, element: Element, width: int) -> list[_Block]:
        """Render the content of an element."""
        if not element.styles.get("white-space", "").startswith("pre"):
            return self._flow(element, width)
        self._lined += 1
        lines = _trimmed(_joined(self._flow(element, width)))
        self._lined -= 1
        return [_Block(lines, apart=False)] if lines else []

    def _flow(self, element: Element, width: int) -> list[_Block]:
        blocks: list[_Block] = []
        words: list[str] = []
        for piece in self._pieces(element):
            if isinstance(piece, str):
                words.append(piece)
                continue
            _end_paragraph(words, blocks, width)
            blocks += self._block(piece, width)
        _end_paragraph(words, blocks, width)
        return blocks

    def _pieces(self, element: Element) -> Iterator[str | Element]:
        """Give the text in an element, with the marks of inline_text.py, and the blocks between."""
        pieces = self._plain_pieces(element)
        return _struck(pieces) if element.struck else pieces

    def _plain_pieces(self, element: Element) -> Iterator[str | Element]:
        spread = element.styles.get("display") in _SPREADING
        for child in element.children:
            if isinstance(child, str):
                yield self._text(child)
            elif child.tag in BLOCKS:
                yield child
            elif child.styles.get("display") in _BLOCK_DISPLAYS:
                inside = replace(child, styles={**child.styles, "display": "inline"})
                yield Element("div", {}, [inside])
            elif spread:
                yield APART
                yield from self._inline(child)
                yield APART
            else:
                yield from self._inline(child)

    def _text(self, text: str) -> str:
        text = cleaned(text)
        if self._lined or self._preformatted:
            text = text.replace("\r\n", "\n").replace("\n", BREAK)
        if self._preformatted:
            return text.replace(" ", "\xa0")
        return _SPACE.sub(" ", text)

    def _inline(self, element: Element) -> Iterator[str | Element]:
        if element.tag == "br":
            yield BREAK
            return
        if element.tag == "rp":  # rt has parentheses anyway
            return
        before, behind = marks_around(element)
        yield before
        if element.tag in {"img", "input"}:
            yield self._text(shown_value(element))
        elif element.tag == "a":
            yield from self._link(element)
        elif element.tag == "area":  # a part of a picture that is a link
            yield from self._link(replace(element, children=[shown_value(element)]))
        else:
            yield from self._pieces(element)
        yield behind

    def _link(self, element: Element) -> Iterator[str | Element]:
        pieces = list(self._pieces(element))
        yield from pieces
        url = element.attributes.get("href", "").strip()
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        shown = written(text).strip()
        if not url or url.startswith("#") or not pieces:
            return
        if shown not in {url, url.removeprefix("mailto:"), url.removeprefix("tel:")}:
            number = self.links.setdefault(url, len(self.links) + 1)
            yield f"\xa0[{number}]" if self._preformatted else f" [{number}]"
        yield APART

    def _block(self, element: Element, width: int) -> list[_Block]:
        special = self._SPECIAL.get(element.tag)
        if special is not None:
            return special(self, element, width)
        blocks = self.blocks(element, width)
        apart = element.tag in _APART
        return [_Block(_joined(blocks), apart=True)] if apart and blocks else blocks

    def _rule(self, element: Element, width: int) -> list[_Block]:
        del element
        return [_Block(["-" * width], apart=True)]

    def _verbatim(self, element: Element, width: int) -> list[_Block]:
        self._preformatted += 1
        lines = _trimmed(_joined(self.blocks(element, width)))
        self._preformatted -= 1
        return [_Block(lines, apart=True)] if lines else []

    def _quotation(self, element: Element, width: int) -> list[_Block]:
        lines = _joined(self.blocks(element, width - len(_QUOTE)))
        return [_Block([_QUOTE + line for line in lines], apart=True)]

    def _definition(self, element: Element, width: int) -> list[_Block]:
        lines = _joined(self.blocks(element, width - len(_INDENT)))
        return [_Block([_INDENT + line for line in lines], apart=False)]

    def _heading(self, element: Element, width: int) -> list[_Block]:
        lines = _joined(self.blocks(element, width))
        rule = _RULES.get(element.tag)
        if rule is not None and lines:
            lines.append(rule * max(map(len, lines)))
        return [_Block(lines, apart=True)] if lines else []

    def _list(self, element: Element, width: int) -> list[_Block]:
        items = list(_items(element))
        marks = list_marks(element, items)
        indent = max(map(len, marks), default=0)
        self._lists += 1
        blocks = []
        for mark, item in zip(marks, items, strict=True):
            inside = self.blocks(item, width - indent)
            lines = _joined(inside) or [""]
            first_line, *others = lines
            text = [mark.rjust(indent) + first_line, *(" " * indent + line for line in others)]
            blocks.append(_Block(text, apart="" in lines[1:]))
        self._lists -= 1
        return [_Block(_joined(blocks), apart=not self._lists)] if blocks else []

    def _table(self, table: Element, width: int) -> list[_Block]:
        caption = [
            block for part in table.elements("caption") for block in self.blocks(part, width)
        ]
        rows, strays = table_rows(table)
        blocks = [[self.blocks(cell, width) for cell in row] for row in rows]
        cells = [[_joined(cell) for cell in row] for row in blocks]
        before = caption + self.blocks(replace(table, children=strays), width)
        if _is_data(cells, width) and not table.find_all("table"):
            return [*before, _Block(_columns(rows, cells), apart=True)]
        return [*before, *(block for row in blocks for cell in row for block in cell)]

    _SPECIAL: ClassVar[dict[str, Callable[[_Page, Element, int], list[_Block]]]] = {
        "hr": _rule,
        "pre": _verbatim,
        "ul": _list,
        "dir": _list,
        "menu": _list,
        "ol": _list,
        "table": _table,
        "blockquote": _quotation,
        "dd": _definition,
        **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _heading),
    }


def _struck(pieces: Iterator[str | Element]) -> Iterator[str | Element]:
    """Mark the text as struck out, and the blocks between with marks of their own."""
    marked = False
    for piece in pieces:
        if isinstance(piece, Element):
            if marked:
                yield UNSTRUCK
            marked = False
            piece.struck = True
        elif not marked:
            yield STRUCK
            marked = True
        yield piece
    if marked:
        yield UNSTRUCK


def _end_paragraph(words: list[str], blocks: list[_Block], width: int) -> None:
    """Make lines of the text gathered so far."""
    text = written("".join(words))
    words.clear()
    if not text.strip(" \v\xa0"):
        return
    parts = text.strip(" ").split(BREAK)
    if not parts[-1]:  # the last line break before a block ends a line that is there
        parts.pop()
    lines = []
    for part in parts:
        lines += _wrapped(part, width)
    blocks.append(_Block(lines, apart=False))


def _wrapped(text: str, width: int) -> list[str]:
    """Break text at spaces; a word longer than the line stays whole."""
    words = [word for word in text.split(" ") if word]
    if not words:
        return [""]
    lines = []
    line = words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line += f" {word}"
    lines.append(line)
    return lines


def _items(element: Element) -> Iterator[Element]:
    """Give the items of a list, and each content between two items as one more."""
    between: list[Element | str] = []
    for child in element.children:
        if isinstance(child, str) or child.tag != "li":
            between.append(child)
            continue
        yield from _between_items(element, between)
        between = []
        yield child
    yield from _between_items(element, between)


def _between_items(element: Element, parts: list[Element | str]) -> Iterator[Element]:
    if any(isinstance(part, Element) or part.strip() for part in parts):
        yield Element("div", {}, parts, struck=element.struck)


def _is_data(cells: list[list[list[str]]], width: int) -> bool:
    """Tell a table of data: several columns of single lines that fit beside each other."""
    if max(map(len, cells), default=0) < 2:  # noqa: PLR2004 - one column is no table
        return False
    if any(len(lines) > 1 for row in cells for lines in row):
        return False
    widths = [width for width in _widths(cells) if width]
    return len(widths) > 1 and sum(widths) + len(_GAP) * (len(widths) - 1) <= width


def _widths(cells: list[list[list[str]]]) -> list[int]:
    widths = [0] * max(map(len, cells))
    for row in cells:
        for column, lines in enumerate(row):
            widths[column] = max(widths[column], len(lines[0]) if lines else 0)
    return widths


def _columns(rows: list[list[Element]], cells: list[list[list[str]]]) -> list[str]:
    widths = _widths(cells)
    lines = []
    for number, (row, texts) in enumerate(zip(rows, cells, strict=True)):
        if not any(texts):
            continue
        line = [
            (text[0] if text else "").rjust(width)
            if _is_right(cell)
            else (text[0] if text else "").ljust(width)
            for cell, text, width in zip(row, texts, widths, strict=False)
            if width  # a column of which all cells are empty only makes room
        ]
        lines.append(_GAP.join(line))
        if number == 0 and row and all(cell.tag == "th" for cell in row):
            lines.append(_GAP.join("-" * width for width in widths if width))
    return lines


def _is_right(cell: Element) -> bool:
    align = cell.styles.get("text-align") or cell.attributes.get("align", "").lower()
    return align in {"right", "end"}
