"""The contrast of each text of a letter with its ground, in light and in dark, where it is certain.

    list(faint_texts(tree, read_rules(html), dark=False))
    # [Faint("Unsubscribe", "td.footer", "#999999", "#ffffff", 2.85, 4.5)]

Both colours have to be written in the letter. Nothing is said of a text over a picture, with a
shadow or half transparent, in a colour that depends upon the width, nor of the colours that a mail
program gives to links or makes of a letter in the dark. Source: WCAG 2.2, 1.4.3.

Tests: tests/checks/test_access_checks.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mailbatch.checks.colours import Colour, contrast, read_colour, written
from mailbatch.checks.style_rules import Match, Sheet
from mailbatch.frozen import frozen
from mailbatch.render.html_tree import Element
from mailbatch.render.style_sheets import read_declarations

_ENOUGH, _ENOUGH_IF_LARGE = 4.5, 3.0
_LARGE, _LARGE_IF_BOLD = 24.0, 18.66  # CSS pixels: 18 and 14 points
_UNREADABLE = 2.0  # CSS pixels: words for the list of messages, that nobody is to see below
_PIXELS = {"px": 1.0, "pt": 4 / 3, "": 1.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(px|pt|(?<=0))")
#: An element of no extent mostly hides the words for the list of messages.
_EXTENTS = frozenset(("height", "width", "max-height", "max-width"))
_EMPTY = re.compile(r"[01](?:px|pt)?|0\.0(?:px|pt)?")
_BOLD = frozenset(("bold", "bolder", "600", "700", "800", "900"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "th"))
_NOTHING = frozenset(("none", "transparent", "inherit", "initial", "unset"))
_KEPT = frozenset(("inherit", "currentcolor", "unset"))
_WORDS_OF_GROUND = frozenset(
    ("repeat", "no-repeat", "scroll", "fixed", "center", "top", "left", "none", "0")
)
#: Properties that make a colour another one, with the values that do not.
_CHANGES = {
    "opacity": {"1", "1.0", "100%"},
    "filter": {"none"},
    "mix-blend-mode": {"normal"},
    "text-shadow": {"none"},
    "background-image": {"none"},
    "position": {"static", "relative"},
    "-webkit-text-fill-color": set[str](),
    "background-clip": {"border-box", "padding-box"},
}


@frozen
class Faint:
    """A text with too little contrast: both colours, the ratio, and the least that is needed.

    `where` names the element around the text, as `td.footer`.
    """

    text: str
    where: str
    colour: str
    ground: str
    ratio: float
    least: float


@frozen
class _Look:
    """The look of an element's text; a colour that is not certain is None.

    `size` is in CSS pixels, None where the letter does not say.
    """

    colour: Colour | None = None
    ground: Colour | None = None
    certain: bool = True
    hidden: bool = False
    size: float | None = None
    bold: bool = False
    heading: bool = False


def faint_texts(tree: Element, sheet: Sheet, *, dark: bool) -> Iterator[Faint]:
    """Yield the texts with too little contrast, in their order."""
    yield from _texts(tree, (), _Look(), sheet, dark=dark)


def _texts(
    element: Element, around: tuple[Element, ...], look: _Look, sheet: Sheet, *, dark: bool
) -> Iterator[Faint]:
    own = _look(element, around, look, sheet, dark=dark)
    if own.hidden:
        return
    for child in element.children:
        if isinstance(child, Element):
            yield from _texts(child, (*around, element), own, sheet, dark=dark)
        elif own.certain:
            text = " ".join(child.split())
            if any(letter.isalnum() for letter in text):
                faint = _compare(text, element, own)
                if faint is not None:
                    yield faint


def called(element: Element) -> str:
    """Return a name of an element for people, such as `td.footer`."""
    classes = element.attributes.get("class", "").split()
    return ".".join((element.tag, *classes[:2]))


def _compare(text: str, element: Element, look: _Look) -> Faint | None:
    """Return the text with too little contrast; both colours are known."""
    if look.colour is None or look.ground is None:
        return None
    if look.size is not None and look.size <= _UNREADABLE:
        return None
    ratio, least = contrast(look.colour, look.ground), _least(look)
    if ratio >= least:
        return None
    where, colour, ground = called(element), written(look.colour), written(look.ground)
    return Faint(text, where, colour, ground, ratio, least)


def _least(look: _Look) -> float:
    """Return the least contrast; where the size is not known, that of large text."""
    if look.size is None:
        return _ENOUGH_IF_LARGE if look.heading else _ENOUGH
    large = _LARGE_IF_BOLD if look.bold or look.heading else _LARGE
    return _ENOUGH_IF_LARGE if look.size >= large else _ENOUGH


def _look(
    element: Element, around: tuple[Element, ...], above: _Look, sheet: Sheet, *, dark: bool
) -> _Look:
    """Return the look of an element below one with the look `above`."""
    look = above
    if element.tag in _HEADINGS:
        look = replace(look, heading=True, size=None)
    if element.tag in {"b", "strong"}:
        look = replace(look, bold=True)
    if element.tag == "a" and "href" in element.attributes:
        look = replace(look, colour=None)  # a mail program's own, unless the letter says
    said = sorted(_declared(element, around, sheet, dark=dark), key=lambda one: one.rank)
    for one in said:
        look = _with(look, one, above)
    return look


def _declared(
    element: Element, around: Sequence[Element], sheet: Sheet, *, dark: bool
) -> Iterator[Match]:
    lowest = (False, False, (-1, 0, 0), 0)
    for attribute, name in (("bgcolor", "background-color"), ("text", "color")):
        if attribute in element.attributes:
            yield Match(lowest, name, element.attributes[attribute], certain=True)
    if element.tag == "font" and "color" in element.attributes:
        yield Match(lowest, "color", element.attributes["color"], certain=True)
    if "background" in element.attributes:
        yield Match(lowest, "background", "url()", certain=True)
    yield from sheet.matching(element, around, dark=dark)
    for order, one in enumerate(read_declarations(element.attributes.get("style", ""))):
        rank = (one.important, True, (0, 0, 0), order)
        yield Match(rank, one.name.lower(), one.value, certain=True)


def _with(look: _Look, one: Match, above: _Look) -> _Look:
    """Return a look with one more declaration, which wins over those before."""
    name, value = one.name, one.value.strip().lower()
    if name == "color":
        if value in _KEPT:
            return replace(look, colour=above.colour if one.certain else None)
        return replace(look, colour=read_colour(value) if one.certain else None)
    if name in {"background", "background-color"}:
        ground, known = _ground(value, above.ground)
        return replace(look, ground=ground if one.certain and known else None)
    if name in {"display", "visibility"}:
        return _seen(look, name, value, certain=one.certain)
    if name.startswith("font"):
        return _lettered(look, name, value, certain=one.certain)
    has_none = name in _EXTENTS and _EMPTY.fullmatch(value) is not None
    changed = value not in _CHANGES.get(name, {value})
    return replace(look, certain=False) if has_none or changed else look


def _lettered(look: _Look, name: str, value: str, *, certain: bool) -> _Look:
    if name == "font-size":
        found = _SIZE.fullmatch(value)
        size = float(found[1]) * _PIXELS[found[2]] if found is not None and certain else None
        return replace(look, size=size, heading=look.heading or size is None)
    if name == "font":
        return replace(look, size=None, heading=True)
    if name == "font-weight":
        return replace(look, bold=value in _BOLD or not certain)
    return look


def _seen(look: _Look, name: str, value: str, *, certain: bool) -> _Look:
    gone = value == "none" if name == "display" else value in {"hidden", "collapse"}
    if not certain:
        return replace(look, certain=False)
    return replace(look, hidden=gone)


def _ground(value: str, above: Colour | None) -> tuple[Colour | None, bool]:
    """Return the ground that a background gives, and whether it is known."""
    if value in _NOTHING:
        return above, True
    colour = read_colour(value)
    if colour is not None:
        return colour, True
    if "url(" in value or "gradient" in value:
        return None, False
    words = [one for one in value.split() if one not in _WORDS_OF_GROUND]
    colour = read_colour(words[0]) if len(words) == 1 else None
    return colour, colour is not None
