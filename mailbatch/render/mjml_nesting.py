"""The places of tags in MJML: the first thing of a finished text that stands where it may not.

    >>> misplaced("<mjml><mj-body><mj-text>Hello</mj-text></mj-body></mjml>").message
    '<mj-text> stands in <mj-body>'

The compiler looks at few of these places. Elsewhere it writes the rows of a table into no table, or
leaves out a part, and says nothing. A template is judged, too, unless its conditions open tags
that others close: of these, the finished letters are looked at. Nothing is compiled here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailbatch.errors import Reason
from mailbatch.render.mjml_source import (
    VALUE,
    Fault,
    Tag,
    tags_in,
    unbalanced,
    without_code,
    without_comments,
)
from mailbatch.render.mjml_tags import CHILDREN, ENDING

_NAME = re.compile(r"/?[\w-]+")
_WORDS = re.compile(rf"[^\s{VALUE}]")
_CODE = re.compile(r"\{%[-+]?\s*(?P<word>\w+)")
#: Statements of Jinja with an end, whose content stands where the statement does.
_BLOCKS = frozenset(("autoescape", "block", "filter", "for", "if", "with"))
_BRANCHES = frozenset(("elif", "else"))
#: Statements whose content stands somewhere else.
_ELSEWHERE = frozenset(("call", "macro", "raw", "set"))
#: The tags of which a letter has one at most.
_ONCE = ("mj-body", "mj-head")
_HTML = "Text and HTML stand in mj-text, mj-table or mj-raw."
_BODY = "Write <mj-body> with the sections of the letter into <mjml>."
_SHOWN = 40


def shape(tag: str, following: str) -> str:
    """Return what a tag does to the nesting, for a quick comparison with texts that are sound.

    `following` is the beginning of the tag of MJML behind the tag, empty where something else
    stands there. "?" is a tag whose surroundings must be looked at.

    Example:
        >>> shape('<mj-section css-class="a">', "<mj"), shape("<mj-image />", "</mj")
        ('mj-section', 'mj-image/')
        >>> shape("<mj-section>", "")
        '?'
    """
    found = _NAME.match(tag, 1)
    name = found[0] if found is not None else "?"
    alone = tag.endswith("/>")
    if not following and (alone or name not in ENDING) and name != "/mjml":
        return "?"
    return f"{name}/" if alone else name


@dataclass(slots=True)
class _Open:
    tag: Tag
    #: Where the content that was not looked at yet begins.
    looked: int


def misplaced_in_template(source: str) -> Fault | None:
    """Return the first thing of a template that stands out of its place in each letter, or None."""
    text = without_code(source)
    return _misplaced(text, finished=False) if _is_plain(source, text) else None


def _is_plain(source: str, text: str) -> bool:
    """Tell whether no statement opens a tag that another one closes; `text` is without code."""
    tags = list(tags_in(text))
    if any(VALUE in tag.name for tag in tags):
        return False
    places: list[tuple[int, str]] = [(tag.start, _step(tag)) for tag in tags]
    statements = _CODE.finditer(without_comments(source))
    places += [(found.start(), found["word"]) for found in statements]
    depth, begun = 0, [0]
    for _, word in sorted(places):
        if word in _ELSEWHERE:
            return False
        if word in _BLOCKS:
            begun.append(depth)
        elif word in _BRANCHES or word.removeprefix("end") in _BLOCKS:
            if depth != begun[-1]:
                return False
            if word.startswith("end"):
                begun.pop()
        else:
            depth += _STEPS.get(word, 0)
        if not begun or depth < begun[-1]:
            return False
    return True


_STEPS = {"<": 1, "</": -1}


def _step(tag: Tag) -> str:
    """Return `<` for a tag of MJML that opens an element, `</` for one that ends it, else ""."""
    if not tag.is_mjml or tag.alone:
        return ""
    return "</" if tag.closing else "<"


def misplaced(text: str) -> Fault | None:
    """Return the first thing of a finished text that MJML has no place for, None without one.

    Tags of MJML that are not in pairs are a fault, too: for the compiler, any end is the one due.
    """
    return _misplaced(without_comments(text), finished=True)


def _misplaced(blank: str, *, finished: bool) -> Fault | None:
    opened: list[_Open] = []
    seen: set[str] = set()
    for tag in tags_in(blank):
        inside = opened[-1] if opened else None
        fault = _text_in(blank, inside, tag.start)
        if fault is None and not tag.closing:
            fault = _tag_in(inside, tag)
            if fault is None and finished:
                fault = _second(inside, tag, seen)
        if fault is not None:
            return fault
        if not tag.closing and not tag.alone and (tag.is_mjml or inside is None):
            opened.append(_Open(tag, tag.end))
        elif tag.closing and tag.is_mjml:
            if inside is None or inside.tag.name != tag.name:
                return unbalanced(blank) if finished else None
            opened.pop()
        if opened:
            opened[-1].looked = tag.end
        elif finished and "mj-body" not in seen and tag.name == "mjml":
            at = tag.start if inside is None else inside.tag.start
            return _place(at, "the letter has no <mj-body>", _BODY)
    return None


def _second(inside: _Open | None, tag: Tag, seen: set[str]) -> Fault | None:
    """Return the fault of a tag that a letter has once, where the tag stands again."""
    if tag.name not in _ONCE or inside is None or inside.tag.name != "mjml":
        return None
    if tag.name in seen:
        hint = f"Write all of it into one <{tag.name}>: the compiler takes the last one alone."
        return _place(tag.start, f"<{tag.name}> stands there twice", hint)
    seen.add(tag.name)
    return None


def _tag_in(inside: _Open | None, tag: Tag) -> Fault | None:
    """Return the fault of a tag that begins in another one."""
    if inside is None or tag.name == "mj-include":
        return None
    outer = inside.tag.name
    if outer in CHILDREN:
        if tag.name in CHILDREN[outer]:
            return None
        return _place(tag.start, f"<{tag.name}> stands in <{outer}>", _home_of(tag))
    if tag.is_mjml and outer in ENDING:  # HTML may stand there
        return _place(tag.start, f"<{tag.name}> stands in <{outer}>", _home_of(tag))
    return None


def _text_in(text: str, inside: _Open | None, end: int) -> Fault | None:
    """Return the fault of a text before the next tag, where no text may be."""
    if inside is None or inside.tag.name not in CHILDREN:
        return None
    found = _WORDS.search(text, inside.looked, end)
    if found is None:
        return None
    words = " ".join(text[found.start() : end].split())[:_SHOWN]
    return _place(found.start(), f"text stands in <{inside.tag.name}>: {words}", _HTML)


def _home_of(tag: Tag) -> str:
    """Return in words in which tags a tag stands."""
    if not tag.is_mjml:
        return _HTML
    homes = sorted(_homes(tag.name))
    if not homes:
        return "Take it out."
    last = homes.pop()
    return (
        f"{tag.name} stands in {', '.join(homes)} or {last}."
        if homes
        else (f"{tag.name} stands in {last}.")
    )


def _homes(name: str) -> Iterator[str]:
    for outer, names in CHILDREN.items():
        if name in names and outer != "mj-attributes":
            yield outer


def _place(at: int, message: str, hint: str) -> Fault:
    return Fault(at, message, hint, Reason.MJML_PLACE)
