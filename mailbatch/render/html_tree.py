"""HTML as a small tree, as mail needs it: forgiving, without scripts and hidden elements.

Reads any text without ever raising, and judges no HTML. For the modules that make a text part.

Tests: tests/render/test_html.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from types import MappingProxyType

from mailbatch.render.attributes import attributes_of

#: Elements that begin a new line.
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
        "dir",
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
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "search",
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
_STRUCK = frozenset(["s", "del", "strike"])
_DECLARATION = re.compile(r"(?:[^;(]|\([^)]*\)?)+")  # a URL in parentheses may hold semicolons
# A start tag ends these, back to the element that holds such siblings.
_ENDS = {
    "li": ({"li"}, {"ul", "ol"}),
    "option": ({"option"}, {"select", "datalist"}),
    "rp": ({"rp", "rt"}, {"ruby"}),
    "rt": ({"rp", "rt"}, {"ruby"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "tr": ({"tr", "td", "th"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    "tbody": ({"tbody", "thead", "tr", "td", "th"}, {"table"}),
    "tfoot": ({"tbody", "thead", "tr", "td", "th"}, {"table"}),
}
_AROUND_BLOCKS = frozenset(["table", "td", "th", "li", "div", "blockquote"])


def _ended(tag: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the elements that a start tag ends, and those that it looks no further than."""
    ends, around = map(frozenset, _ENDS.get(tag, ("", "")))
    return (ends | {"p"}, around | _AROUND_BLOCKS - ends) if tag in BLOCKS else (ends, around)


#: The start tags that end others.
_ENDED = {tag: _ended(tag) for tag in BLOCKS | _ENDS.keys()}
_DEEPEST = 150  # deeper elements become part of the one there
_PARTS = 3  # a table at that depth still has groups, rows and cells


@dataclass(slots=True)
class Element:
    """An element with attributes and content: text and elements.

    `styles` are the properties of the `style` attribute in lower case. `struck` marks an element
    that strikes out text, and a block in such an element.
    """

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)
    styles: Mapping[str, str] = field(default_factory=dict)
    struck: bool = False

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


@lru_cache(maxsize=1024)  # a letter has few different ones, each many times
def _styles(style: str) -> Mapping[str, str]:
    """Read the declarations of a `style` attribute: the last one counts, an important one more."""
    styles: dict[str, str] = {}
    important = set()
    for declaration in _DECLARATION.findall(style.lower()):
        name, _, value = map(str.strip, declaration.partition(":"))
        value, mark, weight = map(str.strip, value.partition("!"))
        if mark and weight == "important":
            important.add(name)
        elif name in important:
            continue
        styles[name] = value
    return MappingProxyType(styles)


def _hidden(styles: Mapping[str, str]) -> bool:
    # mso-hide is not among these: a button hidden from Outlook has a twin for Outlook
    return styles.get("display") == "none" or styles.get("visibility") in {"hidden", "collapse"}


def _strikes(tag: str, styles: Mapping[str, str]) -> bool:
    line = styles.get("text-decoration-line") or styles.get("text-decoration")
    return "line-through" in line if line else tag in _STRUCK


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("html", {})
        self._open = [self.root]
        self._any_struck = False  # whether anything has been struck out so far
        self._unseen: list[str] = []  # open elements from the first one that is not shown

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        written = self.get_starttag_text() or ""
        if "&" in written:  # the parser decodes attributes as if they were text
            attributes = attributes_of(written[1 + len(tag) :])
        else:
            attributes = {name: value or "" for name, value in reversed(attrs)}
        if self._unseen:
            if tag not in _VOID:
                self._unseen.append(tag)
            return
        if tag in _UNSEEN:
            if tag not in _VOID:
                self._unseen.append(tag)
            return
        self._end_before(tag)
        styles = _styles(attributes.get("style", ""))
        struck = _strikes(tag, styles) or (
            self._any_struck and tag in BLOCKS and any(around.struck for around in self._open)
        )
        self._any_struck = self._any_struck or struck
        element = Element(tag, attributes, styles=styles, struck=struck)
        hidden = "hidden" in attributes or _hidden(styles)
        if not hidden:  # else the element is read and dropped, and ends where a seen one would
            self._open[-1].children.append(element)
        deepest = _DEEPEST + _PARTS * (tag in _ENDS)
        if tag not in _VOID and (hidden or len(self._open) < deepest):
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
        if self._open[-1].tag == tag and len(self._open) > 1:  # as in most letters
            self._open.pop()
        elif any(element.tag == tag for element in self._open[1:]):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._open[-1].children.append(data)

    def _end_before(self, tag: str) -> None:
        """Close the elements that a start tag closes without saying so."""
        known = _ENDED.get(tag)
        if known is None:
            return
        ends, around = known
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag in around:
                return
            if self._open[depth].tag in ends:
                del self._open[depth:]
                if tag not in {"tr", "tbody", "tfoot"}:
                    return
