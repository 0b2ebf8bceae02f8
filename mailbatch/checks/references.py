"""The references of an HTML part: links, images, `cid:` names, elements without effect in a mail.

    >>> references('<a href="https://example.com/">x</a><img src="cid:logo" alt="">')
    References(links=('https://example.com/',), images=(Image(source='cid:logo', has_alt=True,
    has_size=False),), names=frozenset({'logo'}), taken_out=(), left_over=None)

A scanner for tags, not a parser: every message of a mailing is scanned, in microseconds. A text is
cut into pieces at each "<"; messages of one template share most pieces, and a piece is looked at
once. This module must never change or fetch anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from mailbatch.frozen import frozen
from mailbatch.render.attributes import ATTRIBUTES, attributes_of, decoded

#: Elements that mail programs take out of a message.
TAKEN_OUT = frozenset(
    ("script", "form", "iframe", "frame", "object", "embed", "applet", "video", "audio", "input")
)
_NAME = rf"(?P<name>a|area|img|link|{'|'.join(sorted(TAKEN_OUT))})\b"
_TAG = re.compile(
    rf"<!--.*?(?:-->|\Z)|<{_NAME}(?P<attributes>{ATTRIBUTES})>", re.IGNORECASE | re.DOTALL
)
#: A tag behind its "<"; without attributes where the end of the tag is not in the same piece.
_BEGIN = re.compile(rf"{_NAME}(?:(?P<attributes>{ATTRIBUTES})>)?+", re.IGNORECASE)
_CID = re.compile(r"""[cC][iI][dD]:([^"')\s>]+)""")
#: Markup that a template engine or a newsletter service would have replaced.
_LEFT_OVER = re.compile(r"\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|\*\|[A-Za-z_:]{1,40}\|\*", re.DOTALL)
_MARKS = ("{{", "{%", "*|")
_STYLE = re.compile(r"<style\b.*?(?:</style\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_SIZES = ("width", "height")
_SHORT = 1000  # characters of a piece that is worth being kept


#: The name and the attributes of a tag.
Tag = tuple[str, dict[str, str]]


@frozen
class Image:
    """An image: the address in `src`, whether there is an `alt` at all, and a width and height."""

    source: str
    has_alt: bool
    has_size: bool = False


@frozen
class References:
    """The references of an HTML part, in order; `taken_out` are names of elements.

    `left_over` is the first template markup that is left outside of style rules.
    """

    links: tuple[str, ...]
    images: tuple[Image, ...]
    names: frozenset[str]
    taken_out: tuple[str, ...]
    left_over: str | None = None


@frozen
class _Piece:
    """The facts of a piece of an HTML part, which begins behind a "<".

    `tag` are the name and the attributes of a tag that counts. `open` is true where such a tag ends
    in another piece, `comment` where a comment begins that ends in another piece, and `end` where a
    comment would end. `cid` and `mark` say that the piece may hold a `cid:` name or template
    markup.
    """

    tag: Tag | None
    open: bool
    comment: bool
    end: bool
    cid: bool
    mark: bool


def references(html: str) -> References:
    """Return the references of an HTML part, but none of a comment, conditional or not."""
    links: list[str] = []
    images: list[Image] = []
    out: dict[str, None] = {}
    first, *others = html.split("<")
    pieces = [
        seen
        for piece in others
        if (seen := _looked(piece) if len(piece) < _SHORT else _look(piece)) is not None
    ]
    start = _look(first)
    tags = _tags_of(pieces)
    for name, given in tags if tags is not None else _tags(html):
        if name in TAKEN_OUT:
            out[name] = None
        elif name == "img":
            sized = all(key in given or key in given.get("style", "") for key in _SIZES)
            images.append(Image(given.get("src", ""), "alt" in given, sized))
        elif name == "link":
            if "stylesheet" in given.get("rel", "").lower():
                out["link rel=stylesheet"] = None
        elif "href" in given:
            links.append(given["href"])
    if start is not None:
        pieces.append(start)
    names: frozenset[str] = frozenset()
    if any(piece.cid for piece in pieces):
        names = frozenset(unquote(decoded(name)) for name in _CID.findall(html))
    marked = any(piece.mark for piece in pieces)
    left = left_over(html, html=True) if marked else None
    return References(tuple(links), tuple(images), names, tuple(out), left)


def _tags(html: str) -> Iterator[Tag]:
    """Yield the tags that count, outside of comments."""
    for match in _TAG.finditer(html):
        if match["name"] is not None:
            yield match["name"].lower(), _attributes(match["attributes"])


def _tags_of(pieces: list[_Piece]) -> list[Tag] | None:
    """Return the tags that count of pieces, None where a tag goes over several pieces."""
    tags, comment = [], False
    for piece in pieces:
        if comment:
            comment = not piece.end
        elif piece.open:
            return None
        elif piece.tag is not None:
            tags.append(piece.tag)
        else:
            comment = piece.comment
    return tags


def _look(piece: str) -> _Piece | None:
    """Return the facts of a piece, None for a piece with nothing that counts."""
    begin = _BEGIN.match(piece)
    comment = piece.startswith("!--") and "-->" not in piece[3:]
    tag, open_ = None, False
    if begin is not None:
        open_ = begin["attributes"] is None
        tag = None if open_ else (begin["name"].lower(), _attributes(begin["attributes"]))
    end = "-->" in piece
    cid = "cid:" in piece.lower()
    mark = any(mark in piece for mark in _MARKS)
    if begin is None and not (comment or end or cid or mark):
        return None
    return _Piece(tag, open_, comment, end, cid, mark)


_looked = lru_cache(maxsize=4096)(_look)


def _attributes(text: str) -> dict[str, str]:
    """Return the attributes of a tag, without blanks around the values."""
    return {name: value.strip() for name, value in attributes_of(text).items()}


def left_over(text: str, *, html: bool = False) -> str | None:
    """Return the first template markup that is left in a finished text, None without any.

    >>> left_over("Dear *|FNAME|*,")
    '*|FNAME|*'
    """
    if not any(mark in text for mark in _MARKS):
        return None
    match = _LEFT_OVER.search(_STYLE.sub("", text) if html else text)
    return match[0] if match is not None else None
