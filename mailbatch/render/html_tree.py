"""HTML as a small tree, as mail needs it: forgiving, without scripts, styles and what is hidden.

Reads any text without ever raising; it is no judge of HTML. Only text_from_html.py uses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Elements that begin a line of their own.
BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
_UNSEEN = frozenset(["head", "script", "style", "template", "title", "noscript", "svg", "object"])
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE
)
# A start tag ends these, back to the element that holds such siblings.
_ENDS = {
    "li": ({"li"}, {"ul", "ol"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "tr": ({"tr", "td", "th"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    "tbody": ({"tbody", "thead", "tr", "td", "th"}, {"table"}),
    "tfoot": ({"tbody", "thead", "tr", "td", "th"}, {"table"}),
}
_DEEPEST = 150  # what is nested deeper becomes part of the element there
_PARTS = 3  # a table at that depth still has its groups, rows and cells


@dataclass(slots=True)
class Element:
    """An element with its attributes and what is in it: text and elements."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def elements(self, *tags: str) -> list[Element]:
        """Return the children that are elements of these kinds."""
        return [
            child for child in self.children if isinstance(child, Element) and child.tag in tags
        ]

    def find_all(self, tag: str) -> list[Element]:
        """Return all elements of a kind at any depth below."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag:
                    found.append(child)
                found += child.find_all(tag)
        return found


def parse_html(html: str) -> Element:
    """Return the visible elements of an HTML text below one root."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return parser.root


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("html", {})
        self._open = [self.root]
        self._unseen: list[str] = []  # open elements from the first one that is not shown

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if self._unseen:
            if tag not in _VOID:
                self._unseen.append(tag)
            return
        hidden = "hidden" in attributes or _HIDDEN.search(attributes.get("style", ""))
        if tag in _UNSEEN or hidden:
            if tag not in _VOID:
                self._unseen.append(tag)
            return
        self._end_before(tag)
        element = Element(tag, attributes)
        self._open[-1].children.append(element)
        deepest = _DEEPEST + _PARTS * (tag in _ENDS)
        if tag not in _VOID and len(self._open) < deepest:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag in self._unseen:
                while self._unseen.pop() != tag:
                    pass
            elif tag in {"html", "body"} or (tag == "head" and self._unseen[0] == "head"):
                self._unseen.clear()
            return
        names = [element.tag for element in self._open[1:]]
        if tag in names:
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._open[-1].children.append(data)

    def _end_before(self, tag: str) -> None:
        """Close the elements that a start tag closes without saying so."""
        ends, around = _ENDS.get(tag, (set(), set()))
        if tag in BLOCKS:
            ends = ends | {"p"}
            around = around | {"table", "td", "th", "li", "div", "blockquote"} - ends
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag in around:
                return
            if self._open[depth].tag in ends:
                del self._open[depth:]
                if tag not in {"tr", "tbody", "tfoot"}:
                    return
