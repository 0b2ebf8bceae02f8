"""The links of a letter, in the order in which readers meet these: address, words, place, remarks.

    links = letter_links(content)            # of <a href="http://example.com/">Read on</a>
    [(one.address, one.words, one.remarks) for one in links]
    # [('http://example.com/', 'Read on', ('http, not https',))]

Links of a conditional comment are those of Outlook for Windows. This module must never resolve a
name or fetch an address.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape

from mailbatch.render.message import Content

_ATTRIBUTES = r"""(?:[^>"']++|"[^"]*"|'[^']*')*+"""
#: A conditional comment, any other comment, or a link with all up to its end.
_TOKEN = re.compile(
    r"<(?:!--.*?(?:-->|\Z)"
    rf"|(?:[aA]|[aA][rR][eE][aA]|v:[a-z]+)\b{_ATTRIBUTES}>"
    r"(?:(?:[^<]++|<(?!/?[aA]\b))*+</[aA]\s*>)?)",
    re.DOTALL,
)
_CONDITION = re.compile(r"<!--\[if\b(?P<for>[^\]]*)\]>(?P<inside>.*)<!\[endif\]-->", re.DOTALL)
_LINK = re.compile(
    rf"<(?P<name>[\w:]+)(?P<attributes>{_ATTRIBUTES})>(?:(?P<words>.*)</[aA]\s*>)?", re.DOTALL
)
_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?"""
)  # fmt: skip
_ALT = re.compile(r"""<img\b[^>]*?\balt\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>""", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_WRITTEN_OUT = re.compile(r"""(?:https?://|mailto:)[^\s<>"')\]]+""", re.IGNORECASE)
_ANGLE = re.compile(r"<([^<>]+)>")
#: Words of a link that takes a reader off the list, in some languages.
_LEAVE = re.compile(
    r"unsubscri|opt[- ]?out|abmeld|abbestell|austrag|désabonn|desinscri|cancellati|disiscri"
    r"|darse de baja|uitschrijv|afmeld|odjav|wypisz|avregistrer|afmeld",
    re.IGNORECASE,
)

HTTP = "http, not https"
MISSING = "no address"
WORDLESS = "no words"
ELSEWHERE = "the same words lead elsewhere, too"
LEAVES = "unsubscribes"


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a letter.

    `where` is `HTML`, `Outlook`, `text` or `header`. `line` is that of the first such link in its
    part, from 1, and 0 in the header; `count` is the number of links with this address and these
    words there.
    """

    address: str
    words: str
    where: str
    line: int
    count: int = 1
    remarks: tuple[str, ...] = ()


def letter_links(content: Content) -> tuple[Link, ...]:
    """Return the links of the header, of the HTML part and of the text part, each once a part."""
    left = [
        address
        for name, value in content.headers
        if name == "List-Unsubscribe"
        for address in _ANGLE.findall(value)
    ]
    links = [Link(address, "", "header", 0) for address in left]
    links += _in_html(content.html or "", "HTML")
    links += _in_text(content.text or "")
    addresses: dict[str, set[str]] = {}
    for one in links:
        if one.where == "HTML" and one.words:
            addresses.setdefault(one.words.casefold(), set()).add(one.address)
    several = {words for words, found in addresses.items() if len(found) > 1}
    return tuple(replace(one, remarks=_remarks(one, several, left)) for one in links)


def _remarks(link: Link, several: set[str], left: list[str]) -> tuple[str, ...]:
    remarks = []
    bare = link.address.lower()
    if bare in {"", "#"} or bare.startswith("javascript:"):
        remarks.append(MISSING)
    elif bare.startswith("http:"):
        remarks.append(HTTP)
    if link.where == "HTML":
        if not link.words:
            remarks.append(WORDLESS)
        elif link.words.casefold() in several:
            remarks.append(ELSEWHERE)
    if link.address in left or _LEAVE.search(link.words) or _LEAVE.search(link.address):
        remarks.append(LEAVES)
    return tuple(remarks)


def _in_html(html: str, where: str, line: int = 1) -> Iterator[Link]:
    """Yield the different links of a text whose first line has the number `line`."""
    found: dict[tuple[str, str], Link] = {}
    for text, number in Counter(_TOKEN.findall(html)).items():
        at = line + html.count("\n", 0, html.find(text))
        if text.startswith("<!--"):
            old = _CONDITION.match(text)
            if old is not None and "!mso" not in old["for"].replace(" ", ""):
                yield from _in_html(old["inside"], "Outlook", at)
        elif (link := _linked(text)) is not None:
            known = found.get(link, Link(*link, where, at, 0))
            found[link] = replace(known, count=known.count + number)
    yield from found.values()


@lru_cache(maxsize=4096)  # letters of one template share most of their links
def _linked(text: str) -> tuple[str, str] | None:
    """Return the address and the words of a link, None for an anchor without an address."""
    link = _LINK.match(text)
    if link is None:
        return None
    given: dict[str, str] = {}
    for key, double, single, bare in _ATTRIBUTE.findall(link["attributes"]):
        given.setdefault(key.lower(), unescape(double or single or bare).strip())
    if "href" not in given:
        return None
    words = _ALT.sub(r" \1\2 ", link["words"] or "")
    shown = given.get("alt", "") if link["name"].lower() == "area" else _TAG.sub(" ", words)
    return given["href"], " ".join(unescape(shown).split())


def _in_text(text: str) -> Iterator[Link]:
    found = Counter(address.rstrip(".,;:!?") for address in _WRITTEN_OUT.findall(text))
    for address, number in found.items():
        line = 1 + text.count("\n", 0, text.find(address))
        yield Link(address, "", "text", line, number)
