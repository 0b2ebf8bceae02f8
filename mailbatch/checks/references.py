"""The references of an HTML part: links, images, `cid:` names, elements without effect in a mail.

    >>> references('<a href="https://example.com/">x</a><img src="cid:logo" alt="">')
    References(links=('https://example.com/',), images=(Image(source='cid:logo', has_alt=True),),
    names=frozenset({'logo'}), taken_out=())

A scanner for tags, not a parser: every message of a mailing is scanned, in microseconds. This
module must never change or fetch anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

#: Elements that mail programs take out of a message.
TAKEN_OUT = frozenset(
    ("script", "form", "iframe", "frame", "object", "embed", "applet", "video", "audio", "input")
)
_ATTRIBUTES = r"""(?:[^>"']|"[^"]*"|'[^']*')*+"""
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    rf"|<(?P<name>a|area|img|link|{'|'.join(sorted(TAKEN_OUT))})\b(?P<attributes>{_ATTRIBUTES})>",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?"""
)  # fmt: skip
_CID = re.compile(r"""[cC][iI][dD]:([^"')\s>]+)""")
#: Markup that a template engine or a newsletter service would have replaced.
_LEFT_OVER = re.compile(r"\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|\*\|[A-Za-z_:]{1,40}\|\*", re.DOTALL)
_STYLE = re.compile(r"<style\b.*?(?:</style\s*>|\Z)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Image:
    """An image: the address in `src`, and whether there is an `alt` at all."""

    source: str
    has_alt: bool


@dataclass(frozen=True, slots=True)
class References:
    """The references of an HTML part, in order; `taken_out` are names of elements."""

    links: tuple[str, ...]
    images: tuple[Image, ...]
    names: frozenset[str]
    taken_out: tuple[str, ...]


def references(html: str) -> References:
    """Return the references of an HTML part, but none of a comment, conditional or not."""
    links: list[str] = []
    images: list[Image] = []
    out: dict[str, None] = {}
    for match in _TAG.finditer(html):
        name = (match["name"] or "").lower()
        if not name:
            continue
        if name in TAKEN_OUT:
            out[name] = None
            continue
        given = _attributes(match["attributes"])
        if name == "img":
            images.append(Image(given.get("src", ""), "alt" in given))
        elif name == "link":
            if "stylesheet" in given.get("rel", "").lower():
                out["link rel=stylesheet"] = None
        elif "href" in given:
            links.append(given["href"])
    names: frozenset[str] = frozenset()
    if "cid:" in html.lower():
        names = frozenset(unquote(unescape(name)) for name in _CID.findall(html))
    return References(tuple(links), tuple(images), names, tuple(out))


@lru_cache(maxsize=4096)
def _attributes(text: str) -> dict[str, str]:
    """Return the attributes of a tag; of two with one name the first, as HTML says."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), unescape(double or single or bare).strip())
    return found


def left_over(text: str, *, html: bool = False) -> str | None:
    """Return the first template markup that is left in a finished text, None without any.

    >>> left_over("Dear *|FNAME|*,")
    '*|FNAME|*'
    """
    if not any(mark in text for mark in ("{{", "{%", "*|")):
        return None
    match = _LEFT_OVER.search(_STYLE.sub("", text) if html else text)
    return match[0] if match is not None else None
