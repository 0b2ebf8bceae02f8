"""The addresses in the messages of a mailing that a reader's program would ask for.

    targets, untried = gather([content], find)
    targets[0]    # Target("https://example.com/news", Use.LINK, Location("letter.html.j2", 12, 9))

An address to unsubscribe is left out: GET of such a link may unsubscribe a recipient. This module
must never ask for an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mailbatch.checks.references import references
from mailbatch.errors import Location
from mailbatch.render.message import Content

#: Of more addresses only the first are asked for.
MOST_TARGETS = 100
_WEB = re.compile("https?://", re.IGNORECASE)
_WRITTEN_OUT = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_ANGLE = re.compile(r"<(https?://[^>]*)>", re.IGNORECASE)
#: Parts of addresses to unsubscribe: English, German, French, Spanish, Italian, Dutch.
_LEAVES = re.compile(
    "unsub|opt-?out|sign-?off|abmeld|abbestell|austrag|desabon|desinscri|darse-?de-?baja|cancela|"
    "disiscri|uitschrijv|afmeld",
    re.IGNORECASE,
)


class Use(StrEnum):
    """The use of an address in a message."""

    LINK = "link"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Target:
    """An address to ask for, with its place in a template, if it stands there as it is."""

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
    for content in contents:
        leaving = {_stem(url) for url in unsubscribe_urls(content)}
        for url, use in _addresses(content):
            if use is Use.LINK and (_stem(url) in leaving or _LEAVES.search(url)):
                untried.setdefault(url, "it may unsubscribe")
            elif url not in targets and len(targets) >= MOST_TARGETS:
                untried.setdefault(url, f"{MOST_TARGETS} others were")
            else:
                targets.setdefault(url, Target(url, use, find(url)))
    return list(targets.values()), untried


def _addresses(content: Content) -> Iterator[tuple[str, Use]]:
    if content.html is not None:
        seen = references(content.html)
        yield from ((url, Use.LINK) for url in seen.links if _WEB.match(url))
        yield from ((one.source, Use.IMAGE) for one in seen.images if _WEB.match(one.source))
    for url in _WRITTEN_OUT.findall(content.text or ""):
        yield url.rstrip(".,;:!?"), Use.LINK


def unsubscribe_urls(content: Content) -> list[str]:
    """Return the web addresses in List-Unsubscribe (RFC 2369 3.2)."""
    values = (value for name, value in content.headers if name == "List-Unsubscribe")
    return [url for value in values for url in _ANGLE.findall(value)]


def is_one_click(content: Content) -> bool:
    """Tell whether a message offers one-click unsubscription (RFC 8058 3.1)."""
    return any(name == "List-Unsubscribe-Post" for name, _ in content.headers)


def _stem(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0].lower()
