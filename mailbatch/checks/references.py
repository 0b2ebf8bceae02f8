"""What an HTML part refers to: links, images, `cid:` names, elements that do nothing in a mail.

A scanner for tags, not a parser: it looks at every message of a mailing, so it costs microseconds.
It never changes anything and never fetches anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

#: Elements that do nothing in a mail, because mail programs take them out.
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
    """An image: its address as it stands there, and whether it has alt text at all."""

    source: str
    has_alt: bool


@dataclass(frozen=True, slots=True)
class References:
    """Everything that an HTML part refers to, in its order; `taken_out` are names of elements."""

    links: tuple[str, ...]
    images: tuple[Image, ...]
    names: frozenset[str]
    taken_out: tuple[str, ...]


def references(html: str) -> References:
    """Return what an HTML part refers to; comments, conditional ones too, do not count."""
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
    """Return the attributes of a tag; of one that stands there twice the first, as in HTML."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), unescape(double or single or bare).strip())
    return found


def left_over(text: str, *, html: bool = False) -> str | None:
    """Return template markup that is left in a finished text, None where there is none."""
    if not any(mark in text for mark in ("{{", "{%", "*|")):
        return None
    match = _LEFT_OVER.search(_STYLE.sub("", text) if html else text)
    return match[0] if match is not None else None
