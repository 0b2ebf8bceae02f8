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
from dataclasses import replace
from functools import lru_cache
from html import unescape

from mailbatch.checks.unsubscribing import may_unsubscribe, unsubscribe_addresses
from mailbatch.frozen import frozen
from mailbatch.render.message import Content

#: The attributes of a tag. A text may be broken on purpose: none of these patterns looks at the
#: same characters from several tags.
_ATTRIBUTES = r"""(?:[^<>"']++|"[^"]*"|'[^']*')*+"""
#: A conditional comment, any other comment, a link with all up to its end, or an area.
_TOKEN = re.compile(
    r"<(?:!--.*?(?:-->|\Z)"
    rf"|[aA]\b{_ATTRIBUTES}>(?:(?:[^<]++|<(?!/?[aA]\b))*+</[aA]\s*>)?"
    rf"|(?:[aA][rR][eE][aA]|v:[a-z]+)\b{_ATTRIBUTES}>)",
    re.DOTALL,
)
_CONDITION = re.compile(r"<!--\[if\b(?P<for>[^\]]*)\]>(?P<inside>.*)<!\[endif\]-->", re.DOTALL)
_LINK = re.compile(
    rf"<(?P<name>[\w:]+)(?P<attributes>{_ATTRIBUTES})>(?:(?P<words>.*)</[aA]\s*>)?", re.DOTALL
)
_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?"""
)  # fmt: skip
_IMAGE = re.compile(rf"<img\b({_ATTRIBUTES})>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_WRITTEN_OUT = re.compile(r"""(?:https?://|mailto:)[^\s<>"')\]]+""", re.IGNORECASE)

HTTP = "http, not https"
MISSING = "no address"
WORDLESS = "no words"
ELSEWHERE = "the same words lead elsewhere, too"
LEAVES = "unsubscribes"


@frozen
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
    left = unsubscribe_addresses(content)
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
    if link.address in left or may_unsubscribe(link.words) or may_unsubscribe(link.address):
        remarks.append(LEAVES)
    return tuple(remarks)


def _in_html(html: str, where: str, line: int = 1) -> Iterator[Link]:
    """Yield the different links of a text whose first line has the number `line`."""
    found: dict[tuple[str, str], Link] = {}
    for text, at, number in _counted(_TOKEN, html, line):
        if text.startswith("<!--"):
            old = _CONDITION.match(text)
            if old is not None and "!mso" not in old["for"].replace(" ", ""):
                yield from _in_html(old["inside"], "Outlook", at)
        elif (link := _linked(text)) is not None:
            known = found.get(link, Link(*link, where, at, 0))
            found[link] = replace(known, count=known.count + number)
    yield from found.values()


def _counted(pattern: re.Pattern[str], text: str, line: int) -> list[tuple[str, int, int]]:
    """Return the different matches in a text, each with the line of the first one and the number.

    The first line of the text has the number `line`.
    """
    first: dict[str, int] = {}
    numbers: Counter[str] = Counter()
    looked = 0
    for match in pattern.finditer(text):
        numbers[match[0]] += 1
        if match[0] not in first:
            line += text.count("\n", looked, match.start())
            looked = match.start()
            first[match[0]] = line
    return [(found, at, numbers[found]) for found, at in first.items()]


@lru_cache(maxsize=4096)  # letters of one template share most of their links
def _linked(text: str) -> tuple[str, str] | None:
    """Return the address and the words of a link, None for an anchor without an address."""
    link = _LINK.match(text)
    if link is None:
        return None
    given = _given(link["attributes"])
    if "href" not in given:
        return None
    words = _IMAGE.sub(lambda image: f" {_given(image[1]).get('alt', '')} ", link["words"] or "")
    shown = given.get("alt", "") if link["name"].lower() == "area" else _TAG.sub(" ", words)
    return unescape(given["href"]).strip(), " ".join(unescape(shown).split())


def _given(attributes: str) -> dict[str, str]:
    """Return the attributes of a tag by name, as written; of several of a name, the first."""
    given: dict[str, str] = {}
    for key, double, single, bare in _ATTRIBUTE.findall(attributes):
        given.setdefault(key.lower(), double or single or bare)
    return given


def _in_text(text: str) -> Iterator[Link]:
    found: dict[str, Link] = {}
    for written, line, number in _counted(_WRITTEN_OUT, text, 1):
        address = written.rstrip(".,;:!?")
        known = found.get(address, Link(address, "", "text", line, 0))
        found[address] = replace(known, count=known.count + number)
    yield from found.values()
