"""The rules of a letter's style sheets, as far as it is certain to which elements they apply.

    sheet = read_rules(html)
    sheet.matching(element, around, dark=True)     # [Match(((0, 1, 0), 3), "color", "#fff", ...)]

A rule with a selector that cannot be decided here (an attribute, a pseudo-class, a sibling) is kept
with the last element it may be about, and makes the properties of such elements uncertain. Rules
for paper and for a pointer do not count; rules that depend upon a width are uncertain. This module
must never compute a colour.

Tests: tests/checks/test_access_checks.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mailbatch.frozen import frozen
from mailbatch.render.html_tree import Element
from mailbatch.render.style_sheets import Rule, read_sheet

_STYLE = re.compile(r"<style\b([^>]*)>(.*?)(?:</style\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--\[if(?! !mso\]><!).*?(?:<!\[endif\]-->|-->)", re.IGNORECASE | re.DOTALL)
_MEDIA = re.compile(r"@media\b([^{]*)\{", re.IGNORECASE)
_COMPOUND = re.compile(r"(?P<tag>\*|[a-z][a-z0-9]*)?(?P<rest>(?:[.#][\w-]+)*)", re.IGNORECASE)
_PART = re.compile(r"[.#][\w-]+")
#: States of a moment, and marks that a mail program alone sets: no letter is shown so at first.
_MOMENT = re.compile(
    r":(?:hover|active|focus(?:-within|-visible)?|visited|target)\b|::|\[data-og", re.IGNORECASE
)
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)
_SCREEN = re.compile(r"(?:only\s+)?(?:screen|all)(?:\s+and)?", re.IGNORECASE)


@frozen
class Scheme:
    """The condition of a rule: for `light`, for `dark`, and whether it is certain to apply."""

    light: bool = True
    dark: bool = True
    certain: bool = True


@frozen
class _Compound:
    """A compound selector: a tag or None, classes and ids; `near` is the child combinator."""

    tag: str | None
    classes: frozenset[str]
    ids: frozenset[str]
    near: bool


@frozen
class Match:
    """A declaration that applies to an element, or may: `rank` is its place in the cascade."""

    rank: tuple[bool, bool, tuple[int, int, int], int]
    name: str
    value: str
    certain: bool


@frozen
class _Selected:
    compounds: tuple[_Compound, ...]
    weight: tuple[int, int, int]
    rule: Rule
    scheme: Scheme
    order: int
    certain: bool


class Sheet:
    """The rules of all style sheets of a letter, in their order."""

    def __init__(self, selected: Sequence[_Selected]) -> None:
        self._by_key: dict[str, list[_Selected]] = {}
        for one in selected:
            last = one.compounds[-1]
            key = next(iter(last.ids or last.classes), None)
            self._by_key.setdefault(key or last.tag or "*", []).append(one)
        self.has_dark = any(one.scheme.dark and not one.scheme.light for one in selected)

    def matching(
        self, element: Element, around: Sequence[Element], *, dark: bool
    ) -> Iterator[Match]:
        """Yield the declarations for an element; `around` are its ancestors from the root."""
        names = _classes(element) | {element.tag, element.attributes.get("id", ""), "*"}
        for key in names:
            for one in self._by_key.get(key, ()):
                if not (one.scheme.dark if dark else one.scheme.light):
                    continue
                if not _fits(one.compounds, element, around):
                    continue
                certain = one.certain and one.scheme.certain
                for said in one.rule.declarations:
                    rank = (said.important, False, one.weight, one.order)
                    yield Match(rank, said.name.lower(), said.value, certain)


def _classes(element: Element) -> set[str]:
    return set(element.attributes.get("class", "").split())


def _fits(compounds: tuple[_Compound, ...], element: Element, around: Sequence[Element]) -> bool:
    if not _fits_one(compounds[-1], element):
        return False
    rest, near = compounds[:-1], compounds[-1].near
    if not rest:
        return True
    last = len(around) - 1
    places = [last] if near else range(last, -1, -1)
    return any(_fits(rest, around[at], around[:at]) for at in places if at >= 0)


def _fits_one(compound: _Compound, element: Element) -> bool:
    return (
        compound.tag in {None, element.tag}
        and compound.classes <= _classes(element)
        and compound.ids <= {element.attributes.get("id", "")}
    )


@lru_cache(maxsize=64)
def _read(sheets: tuple[str, ...]) -> Sheet:
    found: list[_Selected] = []
    for css in sheets:
        for rule, scheme in _rules(css, Scheme()):
            for selector in rule.selectors:
                one = _select(selector, rule, scheme, len(found))
                if one is not None:
                    found.append(one)
    return Sheet(found)


def read_rules(html: str) -> Sheet:
    """Return the rules of the style elements of a letter, without those for Outlook alone."""
    if "<style" not in html.lower():
        return _read(())
    found = []
    for given, css in _STYLE.findall(_COMMENT.sub("", html)):
        media = re.search(r"""media\s*=\s*["']?([^"'>]*)""", given, re.IGNORECASE)
        found.append(f"@media {media[1]} {{{css}}}" if media is not None else css)
    return _read(tuple(found))


def _rules(css: str, scheme: Scheme) -> Iterator[tuple[Rule, Scheme]]:
    for item in read_sheet(css):
        if isinstance(item, Rule):
            yield item, scheme
            continue
        media = _MEDIA.match(item.text)
        if media is not None:
            inner = _scheme(media[1], scheme)
            if inner is not None:
                yield from _rules(item.text[media.end() :].rstrip().removesuffix("}"), inner)
        else:
            yield from ((rule, _uncertain(scheme)) for rule in item.rules)


def _uncertain(scheme: Scheme) -> Scheme:
    return Scheme(scheme.light, scheme.dark, certain=False)


def _scheme(condition: str, around: Scheme) -> Scheme | None:
    """Return the scheme of the rules in a media query, None where no screen has them."""
    text = condition.strip()
    if re.match("(?:only +)?print", text, re.IGNORECASE):
        return None
    light, dark = around.light, around.dark
    if _DARK.search(text):
        light = False
    if _LIGHT.search(text):
        dark = False
    rest = _SCREEN.sub("", _LIGHT.sub("", _DARK.sub("", text)))
    certain = around.certain and not re.sub(r"\band\b", "", rest).strip()
    return Scheme(light, dark, certain) if light or dark else None


def _select(selector: str, rule: Rule, scheme: Scheme, order: int) -> _Selected | None:
    """Return a rule for one of its selectors, None for one of a moment."""
    if _MOMENT.search(selector):
        return None
    certain, compounds, near = True, [], False
    text = re.sub(r"\s*>\s*", " > ", selector.strip())
    for word in text.split():
        if word == ">":
            near = True
            continue
        found = _COMPOUND.fullmatch(word)
        if found is None:  # the tag and the classes before what is not known here
            certain = False
            found = _COMPOUND.match(word)
        if found is None:
            return None
        parts = _PART.findall(found["rest"])
        tag = found["tag"].lower() if found["tag"] not in {None, "*"} else None
        classes = frozenset(one[1:] for one in parts if one[0] == ".")
        ids = frozenset(one[1:] for one in parts if one[0] == "#")
        compounds.append(_Compound(tag, classes, ids, near))
        near = False
    if not certain:  # whatever may match has an uncertain colour
        compounds = compounds[-1:]
    if not compounds:
        return None
    weight = (
        sum(len(one.ids) for one in compounds),
        sum(len(one.classes) for one in compounds),
        sum(one.tag is not None for one in compounds),
    )
    return _Selected(tuple(compounds), weight, rule, scheme, order, certain)
