"""The links of a letter, in the order in which readers meet these: address, words, place, remarks.

    links = letter_links(content)            # of <a href="http://example.com/">Read on</a>
    [(one.address, one.words, one.remarks) for one in links]
    # [('http://example.com/', 'Read on', ('http, not https',))]

Links of a conditional comment are those of Outlook for Windows. The gallery shows the links, and
`check --links` asks for none that this module takes for one to unsubscribe. This module must never
resolve a name or fetch an address.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from mailbatch.checks.unsubscribing import may_unsubscribe, stem, unsubscribe_addresses
from mailbatch.frozen import frozen
from mailbatch.render.attributes import decoded, written_attributes
from mailbatch.render.message import Content

#: The attributes of a tag. A text may be broken on purpose: none of these patterns looks at the
#: same characters from several tags, as `attributes.ATTRIBUTES` does behind a "<".
_VALUE = r"""(?:"[^"]*+"|'[^']*+'|[^\s"'<>][^\s<>]*+|)"""
_ATTRIBUTES = rf"(?:[\s/]++|[^\s/<>=]++(?:\s*+=\s*+{_VALUE})?+|=)*+"
_WORDS = r"(?:[^<]++|<(?!/?[aA]\b))*+"
#: A conditional comment, any other comment, a link with all up to its end, or an area. A link
#: without an end has the `rest` up to the next link, which is looked at by itself, too.
_TOKEN = re.compile(
    r"<(?:!--.*?(?:-->|\Z)"
    rf"|[aA]\b{_ATTRIBUTES}>(?:{_WORDS}</[aA]\s*>|(?=(?P<rest>{_WORDS})))"
    rf"|(?:[aA][rR][eE][aA]|v:[a-z]+)\b{_ATTRIBUTES}>)",
    re.DOTALL,
)
_CONDITION = re.compile(r"<!--\[if\b(?P<for>[^\]]*)\]>(?P<inside>.*)<!\[endif\]-->", re.DOTALL)
_LINK = re.compile(
    rf"<(?P<name>[\w:]+)(?P<attributes>{_ATTRIBUTES})>(?P<words>.*?)(?:</[aA]\s*>)?\Z", re.DOTALL
)
_IMAGE = re.compile(rf"<img\b({_ATTRIBUTES})>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_WRITTEN_OUT = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+", re.IGNORECASE)

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


class _Found(NamedTuple):
    """A link as it was read; `leaves`: its address, or what is said about it, may unsubscribe."""

    address: str
    words: str
    where: str
    line: int
    number: int
    leaves: bool


def letter_links(content: Content) -> tuple[Link, ...]:
    """Return the links of the header, of the HTML part and of the text part, each once a part."""
    left = unsubscribe_addresses(content)
    found = [_Found(address, "", "header", 0, 1, leaves=True) for address in left]
    found += _in_html(content.html or "", "HTML")
    found += _in_text(content.text or "")
    addresses: dict[str, set[str]] = {}
    for one in found:
        if one.where == "HTML" and one.words:
            addresses.setdefault(one.words.casefold(), set()).add(one.address)
    several = {words for words, led in addresses.items() if len(led) > 1}
    stems = set(map(stem, left))
    return tuple(
        [
            Link(one.address, one.words, one.where, one.line, one.number,
                 tuple(_remarks(one, several, stems)))
            for one in found
        ]
    )  # fmt: skip


def _remarks(link: _Found, several: set[str], stems: set[str]) -> Iterator[str]:
    bare = link.address.lower()
    if bare in {"", "#"} or bare.startswith("javascript:"):
        yield MISSING
    elif bare.startswith("http:"):
        yield HTTP
    if link.where == "HTML":
        if not link.words:
            yield WORDLESS
        elif link.words.casefold() in several:
            yield ELSEWHERE
    if link.leaves or (stems and stem(link.address) in stems):
        yield LEAVES


def _in_html(html: str, where: str, line: int = 1) -> Iterator[_Found]:
    """Yield the different links of a text whose first line has the number `line`."""
    found: dict[tuple[str, str], _Found] = {}
    for text, at, number in _counted(_tokens(html), html, line):
        if text.startswith("<!--"):
            old = _CONDITION.match(text)
            if old is not None and "!mso" not in old["for"].replace(" ", ""):
                yield from _in_html(old["inside"], "Outlook", at)
        elif (link := _linked(text)) is not None:
            address, words, leaves = link
            _add(found, _Found(address, words, where, at, number, leaves))
    yield from found.values()


def _add(found: dict[tuple[str, str], _Found], one: _Found) -> None:
    """Add a link to those with the same address and words."""
    known = found.get(one[:2])
    if known is not None:
        one = known._replace(number=known.number + one.number, leaves=known.leaves or one.leaves)
    found[one[:2]] = one


def _tokens(html: str) -> Iterator[tuple[int, str]]:
    for match in _TOKEN.finditer(html):
        yield match.start(), match[0] + (match["rest"] or "")


def _counted(tokens: Iterable[tuple[int, str]], text: str, line: int) -> list[tuple[str, int, int]]:
    """Return the different tokens of a text, each with the line of the first one and the number.

    Each token comes with the place. The first line of the text has the number `line`.
    """
    first: dict[str, int] = {}
    numbers: Counter[str] = Counter()
    looked = 0
    for place, token in tokens:
        numbers[token] += 1
        if token not in first:
            line += text.count("\n", looked, place)
            looked = place
            first[token] = line
    return [(found, at, numbers[found]) for found, at in first.items()]


@lru_cache(maxsize=4096)  # letters of one template share most of their links
def _linked(text: str) -> tuple[str, str, bool] | None:
    """Return the address and the words of a link, and whether the link may unsubscribe.

    None for an anchor without an address. A title is said about a link, too.
    """
    link = _LINK.match(text)
    if link is None:
        return None
    given = written_attributes(link["attributes"])
    if "href" not in given:
        return None
    shown = given.get("alt", "") if link["name"].lower() == "area" else _shown(link["words"])
    address, words = decoded(given["href"]).strip(), " ".join(unescape(shown).split())
    title = decoded(given.get("title", ""))
    return address, words, may_unsubscribe(f"{title} {words}\n{address}")


def _shown(inside: str) -> str:
    """Return the text between the tags of a link, with what readers hear of images."""
    if "<" not in inside:
        return inside
    return _TAG.sub(
        " ", _IMAGE.sub(lambda image: f" {written_attributes(image[1]).get('alt', '')} ", inside)
    )


def _in_text(text: str) -> Iterator[_Found]:
    """Yield the different addresses of a text part; the line before one says what it is for."""
    found: dict[tuple[str, str], _Found] = {}
    before = ""
    for number, line in enumerate(text.split("\n"), start=1):
        written = list(written_out(line))
        if written:
            alone = [line.strip("<>() \r")] == written
            leaves = may_unsubscribe(f"{before} {line}" if alone else line)
            for address in written:
                _add(found, _Found(address, "", "text", number, 1, leaves))
        before = line if line.strip() else before
    yield from found.values()


def written_out(text: str) -> Iterator[str]:
    """Yield the addresses of the web and of mail in a text, without the marks of the sentence.

    >>> list(written_out("See (https://example.com/tea_(drink)), or mailto:tea@example.com."))
    ['https://example.com/tea_(drink)', 'mailto:tea@example.com']
    """
    for url in _WRITTEN_OUT.findall(text):
        while url[-1] in ".,;:!?'*_" or (url[-1] in ")]" and not _is_closed(url)):
            url = url[:-1]  # noqa: PLW2901
        yield url


def _is_closed(url: str) -> bool:
    """Say whether the last bracket of an address was opened in there."""
    return url.count({")": "(", "]": "["}[url[-1]]) >= url.count(url[-1])
