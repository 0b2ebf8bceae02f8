"""The addresses in the messages of a mailing that a reader's program would ask for.

    targets, untried = gather([content], find)
    targets[0]    # Target("https://example.com/news", Use.LINK, Location("letter.html.j2", 12, 9))

An address to unsubscribe is left out: GET of such a link may unsubscribe a recipient. This module
must never ask for an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from html.parser import HTMLParser

from mailbatch.checks.references import references
from mailbatch.checks.unsubscribing import may_unsubscribe, unsubscribe_urls
from mailbatch.errors import Location
from mailbatch.frozen import frozen
from mailbatch.render.message import Content

#: Of more addresses only the first are asked for.
MOST_TARGETS = 100
_WEB = re.compile("https?://", re.IGNORECASE)
_WRITTEN_OUT = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


class Use(StrEnum):
    """The use of an address in a message."""

    LINK = "link"
    IMAGE = "image"


@frozen
class Target:
    """An address to ask for, with the place in a template that has the very address, if any."""

    url: str
    use: Use
    location: Location | None = None


def gather(
    contents: Iterable[Content], find: Callable[[str], Location | None]
) -> tuple[list[Target], dict[str, str]]:
    """Return the addresses of messages, each once, and those left out with the reason.

    `find` gives the place of a text in the templates.
    """
    targets: dict[str, Target] = {}
    untried: dict[str, str] = {}
    contents = list(contents)
    leaves = leaving(contents)
    for content in contents:
        for url, use in _addresses(content):
            if use is Use.LINK and leaves(url):
                untried.setdefault(url, "it may unsubscribe")
            elif url not in targets and len(targets) >= MOST_TARGETS:
                untried.setdefault(url, f"{MOST_TARGETS} others were")
            else:
                targets.setdefault(url, Target(url, use, find(url)))
    return list(targets.values()), untried


def leaving(contents: Iterable[Content]) -> Callable[[str], bool]:
    """Return a function that is true for an address that may unsubscribe, in these messages.

    Three signs count: List-Unsubscribe, the words of the address, and those of the link.
    """
    stems: set[str] = set()
    urls: set[str] = set()
    for content in contents:
        stems.update(map(_stem, unsubscribe_urls(content)))
        urls.update(url for url, words in _worded(content) if may_unsubscribe(words))

    def leaves(url: str) -> bool:
        return url in urls or _stem(url) in stems or may_unsubscribe(url)

    return leaves


def _worded(content: Content) -> Iterator[tuple[str, str]]:
    """Yield the links of a message with the words that name each link to a reader."""
    if content.html is not None:
        reader = _LinkTexts()
        reader.feed(content.html)
        reader.close()
        yield from reader.links
    before = ""
    for line in (content.text or "").splitlines():
        found = list(_written_out(line))
        alone = [line.strip("<>() ")] == found
        yield from ((url, f"{before} {line}" if alone else line) for url in found)
        before = line if line.strip() else before


class _LinkTexts(HTMLParser):
    """The links of an HTML part, each with text, title and the alt texts inside."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self._open = True
            self.links.append((given.get("href") or "", given.get("title") or ""))
        elif tag == "img":
            self.handle_data(given.get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._open:
            url, words = self.links[-1]
            self.links[-1] = url, f"{words} {data}"


def _written_out(text: str) -> Iterator[str]:
    """Yield the web addresses in a text, without the marks of the sentence around."""
    for url in _WRITTEN_OUT.findall(text):
        while url[-1] in ".,;:!?'*_" or (url[-1] in ")]" and not _is_closed(url)):
            url = url[:-1]  # noqa: PLW2901
        yield url


def _is_closed(url: str) -> bool:
    """Say whether the last bracket of an address was opened in there."""
    return url.count({")": "(", "]": "["}[url[-1]]) >= url.count(url[-1])


def _addresses(content: Content) -> Iterator[tuple[str, Use]]:
    if content.html is not None:
        seen = references(content.html)
        yield from ((url, Use.LINK) for url in seen.links if _WEB.match(url))
        yield from ((one.source, Use.IMAGE) for one in seen.images if _WEB.match(one.source))
    for url in _written_out(content.text or ""):
        yield url, Use.LINK


def is_one_click(content: Content) -> bool:
    """Tell whether a message offers one-click unsubscription (RFC 8058 3.1)."""
    return any(name == "List-Unsubscribe-Post" for name, _ in content.headers)


def _stem(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0].lower()
