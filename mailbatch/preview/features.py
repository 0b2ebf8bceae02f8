r"""The features of HTML and CSS that a letter uses, by the slugs of the table of client support.

    >>> used_features('<hr>\n<p hidden>Hi')
    {'html-hidden': Use(count=1, lines=(2,))}

A scanner, not a parser: letters of one template share their tags and styles, and each tag and each
style sheet is looked at once. A comment, conditional or not, is no use of a feature. This module
must never fetch anything, and knows no client.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Container
from functools import lru_cache

from mailbatch.frozen import frozen
from mailbatch.preview.client_support import client_support
from mailbatch.preview.feature_names import (
    AT_RULES,
    ATTRIBUTES,
    ELEMENTS,
    FORMATS,
    FUNCTIONS,
    INPUTS,
    MEDIA,
    PARTS,
    PREFIXES,
    PROPERTIES,
    PSEUDO,
    RGB,
    SELECTORS,
    UNITS,
    VALUES,
)
from mailbatch.render.attributes import attributes_of

#: A style element, which may have comment marks of old times in it, or a comment.
_COMMENT = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|(?P<style>[sS][tT][yY][lL][eE]\b.*?(?:</[sS]|\Z)))", re.DOTALL
)
#: A start tag behind its "<".
_TAG = re.compile(
    r"""(?P<name>[A-Za-z][\w:-]*+)(?P<attributes>(?:[^>"']|"[^"]*"|'[^']*')*+)>""", re.DOTALL
)
_LINE_END = re.compile("\n")
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
#: A prelude with its brace, or a declaration; strings and brackets hide what would end either.
_PIECE = re.compile(
    r"""((?:[^{};"'(]|"[^"\n]*"?|'[^'\n]*'?|\((?:[^()"']|"[^"]*"|'[^']*'|\([^()]*\))*+\)?)*+)([{};]|\Z)"""
)
_STRING = re.compile(r""""[^"]*"|'[^']*'""")
_URL = re.compile(r"url\([^)]*\)")
_PSEUDO = re.compile(r"::?([a-z][a-z-]*)")
_ENDING = re.compile(r"\.([A-Za-z0-9]{2,4})(?:[?#]|\Z)")
_SHORT = 1000  # characters of a piece that is worth being kept
_LINES = 4


@frozen
class Use:
    """The uses of a feature: their number, and the first lines of the HTML part, from 1."""

    count: int
    lines: tuple[int, ...]


def used_features(html: str) -> dict[str, Use]:
    """Return the features that an HTML part uses and that some client does not show in full."""
    if "<!--" in html:
        html = _COMMENT.sub(_without_comment, html)
    pieces = html.split("<")[1:]
    counts: Counter[str] = Counter()
    used: dict[str, tuple[tuple[str, int], ...]] = {}
    for piece, number in Counter(pieces).items():
        found = _looked(piece) if len(piece) < _SHORT else _looked_long(piece)
        for slug, _ in found:
            counts[slug] += number
        if found:
            used[piece] = found
    places: dict[str, list[int]] = {}
    for piece, first in _first_places(html, pieces, used).items():
        for slug, offset in used[piece]:
            places.setdefault(slug, []).extend(place + offset for place in first)
    ends = [found.start() for found in _LINE_END.finditer(html)] if places else []
    return {
        slug: Use(counts[slug], tuple(sorted({1 + bisect(ends, p) for p in places[slug]})[:_LINES]))
        for slug in sorted(counts)
    }


def _without_comment(found: re.Match[str]) -> str:
    if found["style"] is None:
        return "\n" * found[0].count("\n")
    return f"<{found[0][1:].replace('<!--', '    ')}"


def _first_places(html: str, pieces: list[str], used: Container[str]) -> dict[str, list[int]]:
    """Return the first places of the pieces that are used, in one walk along the text."""
    places: dict[str, list[int]] = {}
    at = html.find("<")
    for piece in pieces:
        if piece in used and len(first := places.setdefault(piece, [])) < _LINES:
            first.append(at)
        at += 1 + len(piece)
    return places


def _known(slug: str | None) -> bool:
    return bool(slug) and slug in client_support().features


def _look(piece: str) -> tuple[tuple[str, int], ...]:
    """Return the features of a text that begins behind a "<", each with the place in the text."""
    tag = _TAG.match(piece)
    if tag is None:
        return ()
    name = tag["name"].lower()
    given = {key: value.strip() for key, value in attributes_of(tag["attributes"]).items()}
    found = [ELEMENTS.get(name, f"html-{name}")]
    if name in {"input", "button"}:
        found.append(INPUTS.get((name, given.get("type", "text").lower()), ""))
    if name == "meta" and given.get("name", "").lower() == "color-scheme":
        found.append("html-meta-color-scheme")
    if name == "a" and given.get("href", "").startswith("#"):
        found.append("html-anchor-links")
    found += [slug for key, slug in ATTRIBUTES.items() if key in given]
    if name in {"img", "source"}:
        found += _source(given.get("src", ""))
    for declaration in _PIECE.finditer(given.get("style", "")):
        found += _declared(declaration[1])
    own = tuple((slug, 0) for slug in found if _known(slug))
    if name != "style":
        return own
    return own + tuple((slug, tag.end() + offset) for slug, offset in _sheet(piece[tag.end() :]))


_looked = lru_cache(maxsize=8192)(_look)
_looked_long = lru_cache(maxsize=32)(_look)  # mostly style sheets, which all letters share


def _source(source: str) -> tuple[str, ...]:
    if source[:5].lower() == "data:":
        return ("image-base64",)
    ending = _ENDING.search(source)
    return (FORMATS.get(ending[1].lower(), ""),) if ending is not None else ()


@lru_cache(maxsize=64)
def _sheet(css: str) -> tuple[tuple[str, int], ...]:
    """Return the features that a style sheet uses, each with the place in the sheet."""
    css = _CSS_COMMENT.sub(lambda c: re.sub(r"[^\n]", " ", c[0]), css)
    found = []
    for piece in _PIECE.finditer(css):
        text = piece[1].strip()
        place = piece.start() + len(piece[1]) - len(piece[1].lstrip())
        if text.startswith("@"):
            slugs = _at_rule(text)
        elif piece[2] == "{":
            slugs = _selected(text)
        else:
            slugs = list(_declared(text))
        found += [(slug, place) for slug in slugs if _known(slug)]
    return tuple(found)


def _at_rule(text: str) -> list[str]:
    name, _, rest = text[1:].partition(" ")
    name = re.split(r"[^\w-]", name, maxsplit=1)[0].lower()
    found = [AT_RULES.get(name, "")]
    if name == "media":
        found += [slug for pattern, slug in MEDIA if pattern.search(rest.lower())]
    return found


def _selected(text: str) -> list[str]:
    """Return the features of the selectors of a rule; the steps of @keyframes are none."""
    bare = _STRING.sub("", text.lower())
    found = [PSEUDO.get(name, "") for name in dict.fromkeys(_PSEUDO.findall(bare))]
    bare = _PSEUDO.sub("", bare)
    return found + [slug for pattern, slug in SELECTORS if pattern.search(bare)]


@lru_cache(maxsize=4096)
def _declared(text: str) -> tuple[str, ...]:
    """Return the features of a declaration, such as `width: calc(100% - 2rem)`."""
    name, colon, value = text.partition(":")
    name, value = name.strip().lower(), _URL.sub("", value.strip().lower())
    if not colon or not name or name.startswith("mso-"):
        return ()
    found = [_property(name)]
    if (part := PARTS.get(found[0])) is not None and not part.search(value):
        found.clear()
    bare = value.removesuffix("!important").strip()
    found += [slug for one, pattern, slug in VALUES if one == name and pattern.fullmatch(bare)]
    found += [slug for word, slug in FUNCTIONS if _holds(value, word)]
    found += [f"css-unit-{unit}" for unit in dict.fromkeys(UNITS.findall(value))]
    if RGB.search(value):
        found.append("css-rgb")
    return tuple(dict.fromkeys(found))


def _property(name: str) -> str:
    known = PROPERTIES.get(name)
    if known is not None:
        return known
    if _known(f"css-{name}"):
        return f"css-{name}"
    return next((slug for begin, slug in PREFIXES if name.startswith(begin)), "")


def _holds(value: str, word: str) -> bool:
    """Tell whether a value has a word or a function that is no end of a longer one."""
    at = value.find(word)
    while at > 0 and (value[at - 1].isalnum() or value[at - 1] == "-"):
        at = value.find(word, at + 1)
    return at >= 0
