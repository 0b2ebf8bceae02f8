"""The text of one paragraph: place and look of the HTML, said in plain characters.

text_from_html.py puts the marks below between pieces of text, and `written` turns marks into
characters, once all neighbours are known. Two numbers that HTML shows apart are never joined.

Tests: tests/render/test_html.py.
"""

from __future__ import annotations

import re
from unicodedata import category

BREAK = "\v"  # a <br>, until lines are made
APART = "\x01"  # an edge of a thing apart: a picture, a button, a link with a number
RAISED, LOWERED, LEVEL = "\x02", "\x03", "\x04"  # a superscript or subscript begins; either ends
STRUCK, UNSTRUCK = "\x05", "\x06"  # struck text begins; struck text ends

_MARKS = BREAK + APART + RAISED + LOWERED + LEVEL + STRUCK + UNSTRUCK
_CLEAN = str.maketrans(dict.fromkeys(_MARKS, " "))
_SIGNS = {RAISED: "^", LOWERED: "_"}
_STRIKE = "~~"
_SOFT_HYPHEN = "\xad"

_SCRIPT = re.compile(f"([{RAISED}{LOWERED}])([^{RAISED}{LOWERED}{LEVEL}]*)(?:{LEVEL}|\\Z)")
_FRACTION = re.compile(
    rf"(\d?){RAISED}(\d+){LEVEL}(?:([/\u2044]){LOWERED}(\d+){LEVEL}|(\u2044)(\d+))(?=(\d?))"
)
_BEFORE = 8  # so many characters before a script tell whether a number is there
_NUMBER_BEFORE = re.compile(r"\d[.,:'\u2019]?\Z")
_SIGNED = re.compile(r"[-+\u2212\u2013]\d")
_OUTERMOST = re.compile(f"[{STRUCK}{UNSTRUCK}]")
_BLANKS = rf"[\s\xa0{APART}]+"  # with line breaks
_BLANK_START = re.compile(f"{STRUCK}({_BLANKS})")
_BLANK_END = re.compile(f"({_BLANKS}){UNSTRUCK}")
# Between visible characters these shape letters; beside a space, they pad a newsletter.
_INVISIBLE = "\u034f\u200b\u200c\u200d\u2060\ufeff"
_PADDING = re.compile(rf"(?<![^\s\xa0])[{_INVISIBLE}]+|[{_INVISIBLE}]+(?![^\s\xa0])")
_UNSEEN = str.maketrans(dict.fromkeys(_INVISIBLE + RAISED + LOWERED + LEVEL))
_TELLING = re.compile(
    f"[{APART}{RAISED}{LOWERED}{LEVEL}{STRUCK}{UNSTRUCK}{_SOFT_HYPHEN}{_INVISIBLE}]"
)
_APARTS = re.compile(f"{APART}+")
_OPENING = frozenset(["Ps", "Pi", "Pd"])  # Unicode categories: brackets, quotation marks, dashes
_CLOSING = frozenset(["Pe", "Pf", "Pi"])
_BOTH = frozenset("/\\'\"")
_STOPS = frozenset(".,;:!?%\u2026")


def cleaned(text: str) -> str:
    """Return text without characters that mean something here."""
    return text.translate(_CLEAN)


def written(text: str) -> str:
    """Return text with the marks written out; each `BREAK` stays.

    A superscript or subscript that would continue a number gets `^` or `_` in front, and a space
    behind where a digit follows; a raised number, a slash and a lowered number are a fraction.
    Struck text stands between `~~`, and a thing apart has a space on both sides.

    Example:
        >>> written(f"19{RAISED}99{LEVEL} EUR, m{RAISED}2{LEVEL}")
        '19^99 EUR, m2'
    """
    if _TELLING.search(text) is None:
        return text
    text = text.replace(_SOFT_HYPHEN, "")
    text = _FRACTION.sub(_fraction, text)
    while (further := _SCRIPT.sub(_script, text)) != text:  # from the innermost outwards
        text = further
    text = _struck(text.replace(LEVEL, ""))
    return _PADDING.sub("", _APARTS.sub(_space, text))


def _fraction(match: re.Match[str]) -> str:
    whole, above, slash, below, other_slash, other_below, digit_behind = match.groups()
    fraction = f"{above}{slash or other_slash}{below or other_below}"
    return f"{whole} {fraction}".lstrip(" ") + (" " if digit_behind else "")


def _script(match: re.Match[str]) -> str:
    begins, shown = match.groups()
    before = match.string[max(0, match.start() - _BEFORE) : match.start()].translate(_UNSEEN)
    follows = match.string[match.end() : match.end() + 1].isdecimal() and shown[-1:].isdecimal()
    if shown[:1].isdecimal():
        continues = _NUMBER_BEFORE.search(before) is not None
    else:  # 10 to the power of -6 is no difference
        continues = _SIGNED.match(shown) is not None and before[-1:].strip() != ""
    sign = _SIGNS[begins] if continues or follows else ""
    return f"{sign}{shown} " if follows else f"{sign}{shown}"


def _struck(text: str) -> str:
    """Put struck text between `~~`, once however often struck; blanks go outside."""
    if STRUCK not in text:
        return text
    depth = 0

    def outermost(match: re.Match[str]) -> str:
        nonlocal depth
        mark = match.group()
        before, depth = depth, depth + (1 if mark == STRUCK else -1)
        return mark if 0 in (before, depth) else ""

    text = _OUTERMOST.sub(outermost, text)
    text = _BLANK_END.sub(rf"{UNSTRUCK}\1", _BLANK_START.sub(rf"\1{STRUCK}", text))
    text = text.replace(STRUCK + UNSTRUCK, "")
    return text.replace(STRUCK, APART + _STRIKE).replace(UNSTRUCK, _STRIKE + APART)


def _space(match: re.Match[str]) -> str:
    """Give the space between things apart, unless a space or punctuation is there."""
    before = match.string[max(0, match.start() - 1) : match.start()]
    behind = match.string[match.end() : match.end() + 1]
    if not before.strip() or not behind.strip() or behind in _STOPS or {before, behind} & _BOTH:
        return ""
    return "" if category(before) in _OPENING or category(behind) in _CLOSING else " "
