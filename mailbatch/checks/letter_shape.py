"""The shape of a letter: its HTML without the words and addresses that differ from row to row.

    >>> shape('<p>Hello Ann</p><a href="https://a.example/u/1">Leave</a>')
    '<p>x</p><a href=1>Leave</a>'

Two letters with one shape have the same findings of `access_checks`, which look at a shape once: a
mailing has a shape for each way through its templates. This module must never judge.

Tests: tests/checks/test_access_checks.py.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache

from mailbatch.checks.links import stem
from mailbatch.frozen import frozen

_HREF = re.compile(r"""href\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_KEPT = ("style", "!--", "!doctype", "script", "title")
_SHORT = 1000  # characters of a piece that is worth being kept
#: A letter with more characters of text wants headings.
LONG = 1500


class _Kind(Enum):
    """The kind of a piece of HTML, from one "<" to the next."""

    OTHER = auto()
    KEPT = auto()
    LINK = auto()
    END = auto()


@frozen
class _Piece:
    """A piece: as a part of a shape outside of links, and with the length of its text."""

    kind: _Kind
    tag: str
    text: str
    outside: str
    length: int


def shape(html: str) -> str:
    """Return the shape of an HTML part."""
    out: list[str] = []
    addresses: dict[str, int] = {}
    inside, length = 0, 0

    def number(found: re.Match[str]) -> str:
        address = stem(found[1].strip("\"' \n")).rstrip("/")
        if address.lower().startswith(("http:", "https:")):
            return f"href={addresses.setdefault(address, len(addresses) + 1)}"
        return found[0]

    first, *pieces = html.split("<")
    out.append(_in_short(first))
    for written in pieces:
        piece = _looked(written) if len(written) < _SHORT else _look(written)
        if piece.kind is _Kind.KEPT:
            out.append(written)
        elif piece.kind is _Kind.LINK:
            inside += 1
            out.append(f"{_HREF.sub(number, piece.tag)}>{piece.text}")
        elif inside:
            inside -= piece.kind is _Kind.END
            out.append(written if inside else piece.outside)
            length += 0 if inside else piece.length
        else:
            out.append(piece.outside)
            length += piece.length
    return "<".join(out) + ("+" if length > LONG else "")


def _look(piece: str) -> _Piece:
    tag, closed, text = piece.partition(">")
    begin = tag[:8].lower()
    kind = _Kind.OTHER
    if begin.startswith(_KEPT) or tag.count('"') % 2 or tag.count("'") % 2:
        kind = _Kind.KEPT
    elif begin.startswith("a") and not begin[1:2].strip():
        kind = _Kind.LINK
    elif begin.rstrip() == "/a":
        kind = _Kind.END
    return _Piece(kind, tag, text, f"{tag}{closed}{_in_short(text)}", len(text.strip()))


_looked = lru_cache(maxsize=4096)(_look)


def _in_short(text: str) -> str:
    if not text or text.isspace():
        return ""
    if _LETTER.search(text) is not None:
        return "x"
    return "0" if any(map(str.isdigit, text)) else "."
