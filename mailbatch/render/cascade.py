"""The style attribute of an element, made of the rules that fit the element in their order.

    >>> from mailbatch.render.style_sheets import Rule, read_declarations
    >>> wide, narrow = (Rule(("b",), read_declarations(t)) for t in ("top: 9px", "top: 1px"))
    >>> styles = styles_of((Place(wide), Place(narrow, moves=False)), own="left: 0")
    >>> styles.before, styles.winning == {(narrow, 0)}
    ('top: 9px', True)

A declaration of the attribute beats every rule of a style sheet without `!important` (CSS Cascading
4, 6.1). A rule that stays has to win with `!important` where it won before: `winning` names its
declarations, `losing` those which lost, and lose still. Nothing here reads HTML or selectors.

Tests: tests/render/test_inlining.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from mailbatch.frozen import frozen
from mailbatch.render.style_sheets import Declaration, Rule, read_declarations

#: Values that every program surely reads; another value may be none, and the earlier one counts.
_CERTAIN = re.compile(
    r"(?:(?:0|-?[0-9]*\.?[0-9]+(?:px|em|pt|%)|#(?:[0-9a-f]{3}){1,2}|none|auto|normal|bold|left|right"
    r"|center|top|bottom|middle|baseline|solid|block|inline|collapse|hidden|inherit|white|black|red"
    r"|blue|green|gray|silver|underline|uppercase|italic)(?: |\Z))+",
    re.IGNORECASE,
)
_FONT = frozenset(("font", "line-height"))


@frozen
class Place:
    """A rule in the order of the rules that fit an element; `moves` says: into the attribute."""

    rule: Rule
    moves: bool = True


@frozen
class Styles:
    """The declarations before and behind the own ones, and declarations of staying rules.

    The latter are known by their rule and their number in the rule. `withdrawn` are rules with a
    declaration that the attribute leaves to the style sheet.
    """

    before: str
    after: str
    withdrawn: frozenset[Rule]
    winning: frozenset[tuple[Rule, int]]
    losing: frozenset[tuple[Rule, int]]


@frozen
class _Moved:
    one: Declaration
    at: int
    rule: Rule


@lru_cache(maxsize=4096)
def styles_of(
    places: tuple[Place, ...], own: str, divided: frozenset[tuple[Rule, int]] = frozenset()
) -> Styles:
    """Return the styles of an element; `own` is the text of its style attribute.

    `places` are in the order of the cascade: a later rule wins. A declaration is left out for one
    of the same property that is its own or of a later rule; the fallbacks of one rule stay.
    `divided` are declarations of staying rules that win in some elements and lose in others: where
    one of these wins, its rivals are left to the style sheet.
    """
    written = read_declarations(own)
    moved = list(_moved(places, written))
    winning, losing = set(), set()
    weakened: set[int] = set()
    withdrawn: dict[int, Rule] = {}
    for at, place in enumerate(places):
        if place.moves:
            continue
        for number, one in enumerate(place.rule.declarations):
            rivals = [rival for rival in moved if related(rival.one.name, one.name)]
            if one.important:
                weakened.update(id(r.one) for r in rivals if r.one.important and r.at < at)
                continue
            lost = any(r.at > at or r.one.important for r in rivals) or any(
                related(mine.name, one.name) for mine in written
            )
            if lost:
                losing.add((place.rule, number))
            elif rivals:
                winning.add((place.rule, number))
                if (place.rule, number) in divided:
                    withdrawn.update((id(rival.one), rival.rule) for rival in rivals)
    moved = [one for one in moved if id(one.one) not in withdrawn]
    return Styles(
        ";".join(_text(m.one) for m in moved if id(m.one) not in weakened),
        ";".join(m.one.text for m in moved if id(m.one) in weakened),
        frozenset(withdrawn.values()),
        frozenset(winning),
        frozenset(losing),
    )


def _moved(places: Sequence[Place], written: Iterable[Declaration]) -> Iterator[_Moved]:
    """Yield the declarations for the attribute, each with the place of its rule."""
    last: dict[tuple[str, bool], int] = {}
    final = {place.rule: at for at, place in enumerate(places) if place.moves}
    for rule, at in final.items():
        for one in rule.declarations:
            key = one.name.lower(), one.important
            if _CERTAIN.fullmatch(one.value):
                last[key] = max(at, last.get(key, -1))
    mine = {one.name.lower() for one in written if _CERTAIN.fullmatch(one.value)}
    for rule, at in sorted(final.items(), key=lambda item: item[1]):
        for one in rule.declarations:
            name = one.name.lower()
            important = (name, True) in last
            if last.get((name, one.important), -1) > at or (important and not one.important):
                continue
            if name not in mine or important:
                yield _Moved(one, at, rule)


def _text(one: Declaration) -> str:
    return f"{one.text} !important" if one.important else one.text


def related(one: str, other: str) -> bool:
    """Tell whether two properties may set the same: a shorthand and one of its parts.

    >>> related("margin", "margin-top"), related("font", "line-height"), related("top", "left")
    (True, True, False)
    """
    one, other = one.lower(), other.lower()
    return (
        one == other
        or one.startswith(f"{other}-")
        or other.startswith(f"{one}-")
        or {one, other} == _FONT
        or (one.startswith("border-") and other.startswith("border-"))
    )
