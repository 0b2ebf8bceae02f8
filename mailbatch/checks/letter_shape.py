"""The shape of a letter: its HTML without the words and addresses that differ from row to row.

    >>> shape('<p>Hello Ann</p><a href="https://a.example/u/1">Leave</a>')
    '<p>x</p><a href=1>Leave</a>'

Two letters with one shape have the same findings of `access_checks`, which look at a shape once: a
mailing has a shape for each way through its templates. This module must never judge.

Tests: tests/checks/test_access_checks.py.
"""

from __future__ import annotations

import re

_HREF = re.compile(r"""href\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_KEPT = ("style", "!--", "!doctype", "script", "title")
#: A letter with more characters of text wants headings.
LONG = 1500


def shape(html: str) -> str:
    """Return the shape of an HTML part."""
    out: list[str] = []
    addresses: dict[str, int] = {}
    inside, length = 0, 0

    def number(found: re.Match[str]) -> str:
        stem = re.split(r"[?#]", found[1].strip("\"' \n"), maxsplit=1)[0].rstrip("/")
        if stem.lower().startswith(("http:", "https:")):
            return f"href={addresses.setdefault(stem, len(addresses) + 1)}"
        return found[0]

    for place, piece in enumerate(html.split("<")):
        tag, closed, text = piece.partition(">") if place else ("", "", piece)
        begin = tag[:8].lower()
        if begin.startswith(_KEPT) or tag.count('"') % 2 or tag.count("'") % 2:
            out.append(piece)
            continue
        if begin.startswith("a") and not begin[1:2].strip():
            inside += 1
            tag = _HREF.sub(number, tag)
        elif begin.rstrip() == "/a":
            inside = max(0, inside - 1)
        if not inside:
            length += len(text.strip())
            text = _in_short(text)
        out.append(f"{tag}{closed}{text}")
    return "<".join(out) + ("+" if length > LONG else "")


def _in_short(text: str) -> str:
    if not text or text.isspace():
        return ""
    if _LETTER.search(text) is not None:
        return "x"
    return "0" if any(map(str.isdigit, text)) else "."
