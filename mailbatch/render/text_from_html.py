"""A text part made of the HTML part, for a job that gives none.

Paragraphs and lists at 78 columns, links as footnotes, tables of data in columns and tables of
layout as what is in them, quotations behind "> ". It shows what a reader of the HTML sees, never
more: hidden text, styles and scripts are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from mailbatch.render.html_tree import BLOCKS, Element, parse_html

WIDTH = 78

_SPACE = re.compile(r"[ \t\n\r\f]+")
_BREAK = "\v"  # a <br>, until lines are made; HTML text cannot hold it, because it is replaced
_RIGHT = re.compile(r"text-align\s*:\s*(?:right|end)", re.IGNORECASE)
_GAP = "  "
_QUOTE = "> "
_INDENT = "    "
_RULES = {"h1": "=", "h2": "-"}  # what headings are underlined with
_APART = frozenset(("p", "dl", "figure", "fieldset"))


@dataclass(frozen=True, slots=True)
class _Block:
    """Some lines; `apart` puts an empty line before and after them."""

    lines: list[str]
    apart: bool


def text_from_html(html: str) -> str:
    """Return the text of an HTML message, with line feeds, without one at the end."""
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


class _Page:
    """The rendering of one HTML text; numbers its links."""

    def __init__(self) -> None:
        self.links: dict[str, int] = {}
        self._lists = 0  # how many lists are around the place

    def blocks(self, element: Element, width: int) -> list[_Block]:
        """Render what is in an element."""
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
        """Give the text in an element, and the blocks between."""
        for child in element.children:
            if isinstance(child, str):
                yield _SPACE.sub(" ", child.replace(_BREAK, " "))
            elif child.tag in BLOCKS:
                yield child
            elif child.tag == "br":
                yield _BREAK
            elif child.tag == "img":
                yield _SPACE.sub(" ", child.attributes.get("alt", ""))
            elif child.tag == "a":
                yield from self._link(child)
            elif child.tag == "q":
                yield "“"
                yield from self._pieces(child)
                yield "”"
            else:
                yield from self._pieces(child)

    def _link(self, element: Element) -> Iterator[str | Element]:
        pieces = list(self._pieces(element))
        yield from pieces
        url = element.attributes.get("href", "").strip()
        shown = "".join(piece for piece in pieces if isinstance(piece, str)).strip()
        if not url or url.startswith("#") or (not shown and len(pieces) == 0):
            return
        if shown in {url, url.removeprefix("mailto:"), url.removeprefix("tel:")}:
            return
        number = self.links.setdefault(url, len(self.links) + 1)
        yield f" [{number}]"

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
        del width
        text = _plain_text(element).replace(_BREAK, " ")
        return [_Block(text.strip("\n").split("\n"), apart=True)]

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
        items = element.elements("li")
        start = element.attributes.get("start", "1")
        first = int(start) if re.fullmatch(r"-?[0-9]{1,9}", start) else 1
        marks = [
            f"{first + number}. " if element.tag == "ol" else "- " for number in range(len(items))
        ]
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
        rows = list(_rows(table))
        if not any(rows):
            return self.blocks(table, width)
        blocks = [[self.blocks(cell, width) for cell in row] for row in rows]
        cells = [[_joined(cell) for cell in row] for row in blocks]
        if _is_data(cells, width) and not table.find_all("table"):
            return [*caption, _Block(_columns(rows, cells), apart=True)]
        return [*caption, *(block for row in blocks for cell in row for block in cell)]

    _SPECIAL: ClassVar[dict[str, Callable[[_Page, Element, int], list[_Block]]]] = {
        "hr": _rule,
        "pre": _verbatim,
        "ul": _list,
        "ol": _list,
        "table": _table,
        "blockquote": _quotation,
        "dd": _definition,
        **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _heading),
    }


def _end_paragraph(words: list[str], blocks: list[_Block], width: int) -> None:
    """Make lines of the text gathered so far."""
    text = "".join(words)
    words.clear()
    if not text.strip(" \v\xa0"):
        return
    lines = []
    for part in text.strip(" ").split(_BREAK):
        lines += _wrapped(part, width)
    blocks.append(_Block(lines, apart=False))


def _wrapped(text: str, width: int) -> list[str]:
    """Break text at its spaces; a word longer than the line stays whole."""
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


def _plain_text(element: Element) -> str:
    return "".join(
        child if isinstance(child, str) else "\n" if child.tag == "br" else _plain_text(child)
        for child in element.children
    )


def _rows(table: Element) -> Iterator[list[Element]]:
    for child in table.elements("tr", "thead", "tbody", "tfoot"):
        if child.tag == "tr":
            yield child.elements("td", "th")
        else:
            yield from _rows(child)


def _is_data(cells: list[list[list[str]]], width: int) -> bool:
    """Tell a table of data: several columns of single lines that fit beside each other."""
    if max(map(len, cells), default=0) < 2:  # noqa: PLR2004 - one column is no table
        return False
    if any(len(lines) > 1 for row in cells for lines in row):
        return False
    widths = _widths(cells)
    return sum(widths) + len(_GAP) * (len(widths) - 1) <= width


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
        ]
        lines.append(_GAP.join(line))
        if number == 0 and row and all(cell.tag == "th" for cell in row):
            lines.append(_GAP.join("-" * width for width in widths))
    return lines


def _is_right(cell: Element) -> bool:
    attributes = cell.attributes
    return attributes.get("align") == "right" or bool(_RIGHT.search(attributes.get("style", "")))
