"""The addresses in the messages of a mailing that a reader's program would ask for.

    targets, untried = gather([content], find, written)
    targets[0]    # Target("https://example.com/news", Use.LINK, Location("letter.html.j2", 12, 9))

An address to unsubscribe is left out: GET of such a link may unsubscribe a recipient. An address
that only some messages have may hold the token of a person, and is shown as far as a template has
its beginning. This module must never ask for an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import chain

from mailbatch.checks.letter_links import LEAVES, letter_links, written_out
from mailbatch.checks.references import references
from mailbatch.checks.unsubscribing import may_unsubscribe, stem, unsubscribe_urls
from mailbatch.errors import Location
from mailbatch.frozen import frozen
from mailbatch.render.message import Content

#: Of more addresses only the first are asked for.
MOST_TARGETS = 100
_WEB = re.compile("https?://", re.IGNORECASE)
_MARKS = re.compile("[/?&=#]")


class Use(StrEnum):
    """The use of an address in a message."""

    LINK = "link"
    IMAGE = "image"


@frozen
class Target:
    """An address to ask for, with the place in a template that has the address, if any.

    `shown` is the address for people and logs, with `…` in the place of a personal part; empty: the
    address has no such part.
    """

    url: str
    use: Use
    location: Location | None = None
    shown: str = ""

    @property
    def name(self) -> str:
        """The address for people and logs."""
        return self.shown or self.url

    def named(self, led: str) -> str:
        """Return an address that this one leads to, for people and logs.

        >>> Target("https://a.example/?t=7", Use.LINK, shown="https://a.example/…").named(
        ...     "https://b.example/?t=7"
        ... )
        'https://b.example/…'
        """
        return f"{_origin(led)}/…" if self.shown else led


def gather(
    contents: Iterable[Content],
    find: Callable[[str], Location | None],
    written: Callable[[str], str],
) -> tuple[list[Target], dict[Target, str]]:
    """Return the addresses of messages, each once, and those left out with the reason.

    `find` gives the place of a text in the templates, `written` the beginning that stands there.
    """
    targets: dict[str, Target] = {}
    untried: dict[str, tuple[Target, str]] = {}
    contents = list(contents)
    leaves = leaving(contents)
    found = [list(_addresses(content)) for content in contents]
    everywhere = set.intersection(*({url for url, _ in one} for one in found)) if found else set()
    shared = everywhere if len(found) > 1 else set()
    for url, use in chain.from_iterable(found):
        if url in targets or url in untried:
            continue
        target = target_of(url, use, find, written, shared=url in shared)
        if use is Use.LINK and leaves(url):
            untried[url] = target, "it may unsubscribe"
        elif len(targets) >= MOST_TARGETS:
            untried[url] = target, f"{MOST_TARGETS} others were"
        else:
            targets[url] = target
    return list(targets.values()), dict(untried.values())


def target_of(
    url: str,
    use: Use,
    find: Callable[[str], Location | None],
    written: Callable[[str], str],
    *,
    shared: bool = False,
) -> Target:
    """Return an address with its place; `shared`: every message has the very address.

    An address that is not whole in a template, as with the token of a person, is shown as far as a
    template has it, and at least with its host.
    """
    place, known, origin = find(url), written(url), _origin(url)
    if shared or known == url or url.rstrip("/") == origin:
        return Target(url, use, place)
    return Target(url, use, place, f"{known if known.startswith(f'{origin}/') else f'{origin}/'}…")


def _origin(url: str) -> str:
    """Return scheme, host and port of an address, without a name and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{_MARKS.split(rest, maxsplit=1)[0].rpartition('@')[2]}"


def leaving(contents: Iterable[Content]) -> Callable[[str], bool]:
    """Return a function that is true for an address that may unsubscribe, in these messages.

    Three signs count: List-Unsubscribe, the words of the address, and those of the link. A link
    whose words cannot be read, as behind a stray quotation mark in its tag, may say anything.
    """
    stems: set[str] = set()
    urls: set[str] = set()
    for content in contents:
        stems.update(map(stem, unsubscribe_urls(content)))
        read = letter_links(content)
        urls.update(one.address for one in read if LEAVES in one.remarks)
        if content.html is not None:
            in_html = (one.address for one in read if one.where != "text")
            urls.update(set(references(content.html).links).difference(in_html))

    def leaves(url: str) -> bool:
        return url in urls or stem(url) in stems or may_unsubscribe(url)

    return leaves


def _addresses(content: Content) -> Iterator[tuple[str, Use]]:
    if content.html is not None:
        seen = references(content.html)
        yield from ((url, Use.LINK) for url in seen.links if _WEB.match(url))
        yield from ((one.source, Use.IMAGE) for one in seen.images if _WEB.match(one.source))
    for url in written_out(content.text or ""):
        if _WEB.match(url):
            yield url, Use.LINK


def is_one_click(content: Content) -> bool:
    """Tell whether a message offers one-click unsubscription (RFC 8058 3.1)."""
    return any(name == "List-Unsubscribe-Post" for name, _ in content.headers)
