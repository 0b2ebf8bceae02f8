"""The checks of access to one letter: language, tables, headings, links, colours, alt texts.

    list(check_access('<p>Hello</p>'))
    # [Fault("MB240", "no element around the text has lang", "lang", "")]

Pure functions of the HTML part. Whatever cannot be computed with certainty is not reported: neither
the taste of a mail program nor the sense of an alt text. This module must never change the HTML.
"""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterator

from mailbatch.checks.contrast import Faint, called, faint_texts
from mailbatch.checks.findings import shortened
from mailbatch.checks.letter_shape import LONG, shape
from mailbatch.checks.links import stem
from mailbatch.checks.style_rules import read_rules
from mailbatch.frozen import frozen
from mailbatch.job.mail_values import is_language_tag
from mailbatch.render.html_tree import Element, parse_html
from mailbatch.render.languages import is_right_to_left

_MOST_SHAPES = 256
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LAYOUT = frozenset(("presentation", "none"))
_OF_DATA = frozenset(("th", "caption", "thead"))
#: Texts of links that name no target, in languages of many letters.
_EMPTY_WORDS = frozenset(
    (
        "here", "click here", "click", "click this", "this link", "link", "more", "read more",
        "learn more", "see more", "details", "go", "this page", "tap here",
        "hier", "hier klicken", "klicken sie hier", "klick hier", "mehr", "weiterlesen",
        "mehr erfahren", "mehr lesen", "weiter", "dieser link",
        "ici", "cliquez ici", "en savoir plus", "lire la suite", "plus", "ce lien",
        "aquí", "haz clic aquí", "haga clic aquí", "leer más", "más", "ver más",
        "qui", "clicca qui", "leggi tutto", "scopri di più", "klik hier", "lees meer",
    )
)  # fmt: skip
#: Marks around the words of a link: blanks, stops, arrows.
_AROUND = " \u00a0.…:!?>»\u203a→-\u2013"
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_FILE = re.compile(r"[\w .%()-]+\.(?:png|jpe?g|gif|webp|svg|avif|bmp)", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:img|dsc|image|pic|photo|screenshot)[ _-]?\d+", re.IGNORECASE)
_KINDS = frozenset(
    ("image", "img", "picture", "photo", "graphic", "icon", "bild", "foto", "grafik", "photo",
     "imagen", "immagine", "afbeelding", "placeholder", "spacer", "alt", "alt text", "untitled")
)  # fmt: skip
_DOT = frozenset(("0", "1", "2", "0px", "1px", "2px"))


@frozen
class Fault:
    """A finding in one letter; `needle` is a text of the letter that may stand in a template."""

    code: str
    detail: str
    subject: str
    needle: str


#: shape -> the faults of letters of that shape.
_Known = OrderedDict[str, tuple[Fault, ...]]
_known: _Known = OrderedDict()


def check_access(html: str) -> tuple[Fault, ...]:
    """Return the faults of an HTML part, each once; letters of one shape have the same."""
    key = shape(html)
    if key not in _known:
        _known[key] = _check(html)
        if len(_known) > _MOST_SHAPES:
            _known.popitem(last=False)
    return _known[key]


def _check(html: str) -> tuple[Fault, ...]:
    tree = parse_html(html)
    found = [
        *_language(tree),
        *_tables(tree),
        *_headings(tree),
        *_links(tree),
        *_images(tree),
        *_contrast(tree, html),
    ]
    return tuple(dict.fromkeys(found))


def _texts(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, Element):
            yield from _texts(child)
        else:
            yield child


def _has_text(element: Element) -> bool:
    return any(letter.isalnum() for text in _texts(element) for letter in text)


def _walk(element: Element) -> Iterator[Element]:
    for child in element.children:
        if isinstance(child, Element):
            yield child
            yield from _walk(child)


def _language(tree: Element) -> Iterator[Fault]:
    """Yield the text without a language, and languages without their direction."""
    yield from _spoken(tree, language=None, direction="")


def _spoken(element: Element, *, language: str | None, direction: str) -> Iterator[Fault]:
    given = element.attributes.get("lang", element.attributes.get("xml:lang", "")).strip()
    direction = element.attributes.get("dir", "").lower() or direction
    direction = element.styles.get("direction", "") or direction
    if given:
        if not is_language_tag(given):
            yield Fault("MB240", f'lang="{shortened(given)}" is no language tag', "lang", given)
        elif is_right_to_left(given) and direction not in {"rtl", "auto"} and _has_text(element):
            yield Fault("MB241", f'lang="{given}" without dir="rtl"', given, f'lang="{given}"')
        language = given
    for child in element.children:
        if isinstance(child, Element):
            yield from _spoken(child, language=language, direction=direction)
        elif language is None and any(map(str.isalpha, child)):
            yield Fault("MB240", "no element around the text has lang", "lang", "<html")


def _tables(tree: Element) -> Iterator[Fault]:
    for table in tree.find_all("table"):
        if table.attributes.get("role", "").lower() or not _is_layout(table):
            continue
        yield Fault("MB242", called(table), "role", "<table")


def _is_layout(table: Element) -> bool:
    """Tell whether a table surely places things: one row or column, or tables in its cells."""
    below = list(_walk(table))
    if any(one.tag in _OF_DATA or "scope" in one.attributes for one in below):
        return False
    if any(one.tag == "table" for one in below):
        return True
    rows = [one for one in below if one.tag == "tr"]
    cells = [len(row.elements("td")) for row in rows]
    return len(rows) <= 1 or max(cells, default=0) <= 1


def _headings(tree: Element) -> Iterator[Fault]:
    last = 0
    for one in _walk(tree):
        level = _level(one)
        if level is None:
            continue
        if not _name(one):
            yield Fault("MB243", f"an h{level} has no text", "empty", f"<h{level}")
            continue
        if last and level > last + 1:
            yield Fault("MB243", f"an h{level} comes behind an h{last}", "order", f"<h{level}")
        last = level
    length = sum(len(text.strip()) for text in _texts(tree))
    if not last and length > LONG:
        yield Fault("MB243", f"more than {LONG:,} characters without a heading", "none", "")


def _level(element: Element) -> int | None:
    if element.tag in _HEADINGS:
        return _HEADINGS[element.tag]
    if element.attributes.get("role", "").lower() == "heading":
        level = element.attributes.get("aria-level", "2")
        return int(level) if level in {"1", "2", "3", "4", "5", "6"} else 2
    return None


def _name(element: Element) -> str:
    """Return the words by which an element is announced: its label, or its texts and alt texts."""
    label = element.attributes.get("aria-label", "").strip()
    if label:
        return label
    parts = []
    for child in element.children:
        if not isinstance(child, Element):
            parts.append(child)
        elif child.tag == "img":
            parts.append(f" {child.attributes.get('alt', '')} ")
        elif child.attributes.get("aria-hidden", "").lower() != "true":
            parts.append(_name(child))
    return " ".join("".join(parts).split())


def _links(tree: Element) -> Iterator[Fault]:
    """Yield the links that say nothing, or the same of several addresses."""
    targets: dict[str, set[str]] = defaultdict(set)
    for link in tree.find_all("a"):
        address = link.attributes.get("href", "").strip()
        if not address:
            continue
        name = _name(link) or link.attributes.get("title", "").strip()
        words = name.lower().strip(_AROUND)
        if not words:
            yield Fault("MB244", called(link), _host(address), address)
        elif words in _EMPTY_WORDS:
            yield Fault("MB245", repr(name), words, address)
        elif _ADDRESS.fullmatch(name):
            yield Fault("MB245", f"an address of {_host(name)}", _host(name), name)
        else:
            targets[words].add(stem(address).rstrip("/"))
    for words, found in targets.items():
        if len(found) > 1:
            yield Fault("MB246", f"{shortened(words)!r}: {len(found)} addresses", words, "")


def _images(tree: Element) -> Iterator[Fault]:
    for image in tree.find_all("img"):
        alt, source = image.attributes.get("alt", "").strip(), image.attributes.get("src", "")
        name = re.split(r"[?#]", source)[0].rpartition("/")[2].removeprefix("cid:")
        words = alt.lower()
        if not alt:
            continue
        if _FILE.fullmatch(alt) or _NUMBERED.fullmatch(alt) or words == name.lower() != "":
            detail = f'alt="{shortened(alt)}" is the name of a file'
        elif words in _KINDS:
            detail = f'alt="{shortened(alt)}" does not say of what'
        elif {image.attributes.get("width"), image.attributes.get("height")} <= _DOT:
            detail = f'alt="{shortened(alt)}" at an image that cannot be seen'
        else:
            continue
        yield Fault("MB249", detail, stem(source), alt)


def _contrast(tree: Element, html: str) -> Iterator[Fault]:
    sheet = read_rules(html)
    light = set()
    for faint in faint_texts(tree, sheet, dark=False):
        pair = f"{faint.colour} on {faint.ground}"
        light.add((pair, faint.where))
        yield Fault("MB247", _words(faint, pair), pair, faint.text)
    if sheet.has_dark:
        for faint in faint_texts(tree, sheet, dark=True):
            pair = f"{faint.colour} on {faint.ground}"
            if (pair, faint.where) not in light:
                yield Fault("MB248", _words(faint, pair), pair, faint.text)


def _words(faint: Faint, pair: str) -> str:
    return f"{faint.where}, {pair}: {int(faint.ratio * 100) / 100:.2f} of {faint.least:g}"


def _host(address: str) -> str:
    return address.partition("//")[2].partition("/")[0] or address.partition(":")[0]
