"""The number format of a cell: the text that a spreadsheet shows for a number or a moment.

    >>> read_format("00000").show(1234.0), read_format('#,##0.00 "€"').show(1234.5)
    ('01234', '1,234.50 €')
    >>> read_format("dd.mm.yyyy").show(date(2026, 11, 29))
    '29.11.2026'

Format codes are those of ECMA-376 part 1, 18.8.31: up to four sections, with placeholders for
digits, scaling, percent, literal text, and parts of dates and times. Codes are written in English
whatever the computer, and so is the text here; `by_computer` tells the codes whose text depends on
the computer. A code with a fraction, an exponent, a calendar of its own, or short names of months
in another language than English has no text here: `known` is false. This module must never guess: a
value without a known code is shown by `workbook.py` in a plain form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from typing import TypeAlias

from mailbatch.frozen import frozen
from mailbatch.recipients.moment_format import ENGLISH, NAMES, TAGS, show_moment

#: A value of a cell that a format can show.
Shown: TypeAlias = int | float | date | datetime | time | timedelta

_DIGITS = 15  # of a number in a spreadsheet
_LONGEST = 400  # digits of a number once it is written out: the largest is 1.8E+308
_TOKEN = re.compile(
    r"""
      "(?P<quoted>[^"]*)"
    | \\(?P<escaped>.)
    | _(?P<width>.)                                 # a space as wide as the character
    | \*(?P<fill>.)                                 # a character repeated to the edge of the cell
    | \[\$(?P<symbol>[^\]-]*)(?:-(?P<locale>[^\]]*))?\]
    | \[(?P<condition>(?:<=|>=|<>|[<>=])\s*-?[0-9.]+)\]
    | \[(?P<elapsed>h+|m+|s+)\]
    | \[(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r\s*[0-9]+)\]
    | (?P<general>general)
    | (?P<half>am/pm|a/p)
    | (?P<section>;)
    | (?P<digit>[0#?])
    | (?P<point>\.)
    | (?P<comma>,)
    | (?P<percent>%)
    | (?P<text>@)
    | (?P<moment>y+|m+|d+|h+|s+)
    | (?P<literal>[-\ $+/():!^&'~{}<>=]|[^\x00-\x7f])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LITERAL = frozenset(("quoted", "escaped", "symbol", "literal"))
_MOMENT = frozenset(("moment", "elapsed", "half"))
_LANGUAGE = 0x3FF  # the bits of an LCID without the country
_HEX = re.compile(r"[0-9A-Fa-f]{1,8}").fullmatch
_LONG = 4  # letters of the code of a whole name
_SYSTEM = frozenset(
    ("f800", "f400", "x-sysdate", "x-systime")
)  # the long date and the time of the computer
_OWN = "[$-F800]"
_COMPARISON = re.compile(r"(<=|>=|<>|[<>=])\s*(-?[0-9.]+)")
_PLAIN = ("general", "@", "")

#: The codes of ECMA-376 part 1, 18.8.30 that a workbook need not spell, by number. Other numbers
#: below 164 mean another code on each computer.
BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%",
    11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: f"{_OWN}m/d/yyyy", 15: "d-mmm-yy",
    16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss",
    22: f"{_OWN}m/d/yyyy h:mm", 37: "#,##0;-#,##0", 38: "#,##0;-#,##0",
    39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss",
    47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip

Token: TypeAlias = tuple[str, str]


@frozen
class Format:
    """A format code that was read.

    `known` tells whether `show` has a text for the code; `by_computer` tells that the text depends
    on the settings of the computer: separators, names of months, a system date.
    """

    code: str
    sections: tuple[tuple[Token, ...], ...]
    known: bool
    by_computer: bool

    @property
    def name(self) -> str:
        """The code without the mark of a date in the computer's own form."""
        return self.code.removeprefix(_OWN)

    @property
    def plain(self) -> bool:
        """Whether numbers are shown as they are."""
        return self.code.strip().lower() in _PLAIN

    def show(self, value: Shown) -> str | None:
        """Return the text that people see, None where the code has no text here for the value.

        A date of the computer's own form is written in ISO 8601; a time of that form has no text.
        """
        if not self.known or self.plain:
            return None
        if isinstance(value, bool | int | float):
            number = Decimal(f"{value:.{_DIGITS}g}")
            tokens, signed = self._section_of(number)
            if _is_moment(tokens):
                return None
            return _signed(_show_number(tokens, abs(number)), signed)
        tokens = self.sections[0]
        if not _is_moment(tokens):
            return None
        if _is_system(tokens):
            timed = any(kind in _MOMENT and text[0] in "hHsS[" for kind, text in tokens)
            return None if timed or not isinstance(value, date) else f"{value:%Y-%m-%d}"
        return show_moment(tokens, value, _names(tokens))

    def _section_of(self, number: Decimal) -> tuple[tuple[Token, ...], bool]:
        """Return the section for a number, and whether a minus sign goes before the text."""
        sections = self.sections[:3]
        conditions = [_condition(section) for section in sections]
        if any(conditions):
            for section, condition in zip(sections, conditions, strict=True):
                if condition is None or _holds(number, condition):
                    return section, number < 0
            return sections[-1], number < 0
        if number < 0 and len(sections) > 1:
            return sections[1], False
        if number == 0 and len(sections) > 2:  # noqa: PLR2004 - positive, negative, zero
            return sections[2], False
        return sections[0], number < 0


@lru_cache(maxsize=1024)
def read_format(code: str) -> Format:
    """Read a format code.

    >>> read_format("# ?/?").known, read_format("#,##0").by_computer, read_format("0%").by_computer
    (False, True, False)
    """
    sections: list[list[Token]] = [[]]
    at = 0
    while at < len(code):
        found = _TOKEN.match(code, at)
        if found is None:
            return Format(code, (), known=False, by_computer=False)
        at = found.end()
        kind = found.lastgroup
        if kind == "section":
            sections.append([])
        elif kind == "locale":
            sections[-1] += [("symbol", found["symbol"]), ("locale", found["locale"])]
        elif kind is not None:
            sections[-1].append((kind, found[kind]))
    read = tuple(map(tuple, sections))
    return Format(
        code,
        read,
        known=all(map(_is_known, read)),
        by_computer=any(map(_depends_on_computer, read)),
    )


def _is_moment(tokens: Sequence[Token]) -> bool:
    return any(kind in _MOMENT for kind, _ in tokens)


def _is_system(tokens: Sequence[Token]) -> bool:
    return any(kind == "locale" and text.lower() in _SYSTEM for kind, text in tokens)


def _is_known(tokens: Sequence[Token]) -> bool:
    kinds = [kind for kind, _ in tokens]
    if not _is_moment(tokens):
        digits = [place for place, kind in enumerate(kinds) if kind == "digit"]
        inside = tokens[digits[0] : digits[-1]] if digits else ()
        return ("literal", "/") not in inside and kinds.count("point") <= 1
    if _is_system(tokens):
        return True
    names = {len(text) for kind, text in tokens if kind == "moment" and _is_name(text)}
    locale = _locale(tokens)
    if "general" in kinds or (locale and _script(locale)):
        return False
    language = _language(locale)
    # Only English has short names that are the beginnings of the long ones.
    return not names or language == ENGLISH or (language in NAMES and names == {_LONG})


def _locale(tokens: Sequence[Token]) -> str:
    return next((text for kind, text in tokens if kind == "locale"), "")


def _names(tokens: Sequence[Token]) -> int:
    """Return the number of the language of the names; English for a code without names."""
    language = _language(_locale(tokens))
    return language if language in NAMES else ENGLISH


def _script(locale: str) -> int:
    """Return the upper half of an LCID, which has the digits and the calendar of another script."""
    return int(locale, 16) >> 16 if _HEX(locale) else 0


def _language(locale: str) -> int:
    """Return the number of the language of an LCID or a tag; -1 for a tag that is not known."""
    if not locale:
        return ENGLISH
    return int(locale, 16) & _LANGUAGE if _HEX(locale) else TAGS.get(locale[:2].lower(), -1)


def _is_name(text: str) -> bool:
    """Tell whether a part of a date is shown by a name: of a month or a day of the week."""
    return text[0] in "mMdD" and len(text) > 2  # noqa: PLR2004 - mm and dd are numbers


def _depends_on_computer(tokens: Sequence[Token]) -> bool:
    if _is_moment(tokens):
        named = any(kind == "moment" and _is_name(text) for kind, text in tokens)
        return (named and not _locale(tokens)) or _is_system(tokens)
    return any(kind in {"point", "comma"} for kind, _ in tokens)


def _condition(tokens: Sequence[Token]) -> str | None:
    return next((text for kind, text in tokens if kind == "condition"), None)


def _holds(number: Decimal, condition: str) -> bool:
    found = _COMPARISON.fullmatch(condition)
    if found is None:
        return False
    bound = Decimal(found[2])
    return {
        "<": number < bound,
        ">": number > bound,
        "=": number == bound,
        "<=": number <= bound,
        ">=": number >= bound,
        "<>": number != bound,
    }[found[1]]


def _signed(text: str, minus: bool) -> str:
    """Put a minus sign before the text, unless every digit of the text is 0."""
    return f"-{text}" if minus and any(c in "123456789" for c in text) else text


def _show_number(tokens: Sequence[Token], number: Decimal) -> str:
    kinds = [kind for kind, _ in tokens]
    point = kinds.index("point") if "point" in kinds else len(tokens)
    whole = [place for place in range(point) if kinds[place] == "digit"]
    behind = [place for place in range(point, len(tokens)) if kinds[place] == "digit"]
    last = whole[-1] if whole else -1
    commas = [place for place, kind in enumerate(kinds) if kind == "comma"]
    # A comma behind the last digit, or right before the point, divides by a thousand.
    scaling = [place for place in commas if place > (behind or whole or [-1])[-1]]
    scaling += [place for place in commas if last < place < point and place not in scaling]
    grouped = any(place < last for place in commas)
    scaled = number.scaleb(2 * kinds.count("percent") - 3 * len(scaling))
    with localcontext(prec=_LONGEST):
        scaled = scaled.quantize(Decimal(1).scaleb(-len(behind)), ROUND_HALF_UP)
    units, _, decimals = f"{scaled:f}".partition(".")
    shown: dict[int, str] = dict(_whole(tokens, whole, units.lstrip("0"), grouped=grouped))
    shown |= _decimals(tokens, behind, decimals)
    if "general" in kinds:
        number = number.normalize()
        shown = {place: f"{number:f}" for place, kind in enumerate(kinds) if kind == "general"}
    return "".join([shown.get(place, _literal(token)) for place, token in enumerate(tokens)])


def _whole(
    tokens: Sequence[Token], places: list[int], units: str, *, grouped: bool
) -> list[tuple[int, str]]:
    """Return the text of each placeholder before the point; the first one takes all digits left."""
    shown: list[tuple[int, str]] = []
    count = 0
    for place in reversed(places):
        first = place == places[0]
        digits, units = (units, "") if first else (units[-1:], units[:-1])
        digits = digits or {"0": "0", "?": " "}.get(tokens[place][1], "")
        text = ""
        for digit in reversed(digits):
            comma = "," if grouped and count and count % 3 == 0 and digit != " " else ""
            text = f"{digit}{comma}{text}"
            count += 1
        shown.append((place, text))
    return shown


def _decimals(tokens: Sequence[Token], places: list[int], digits: str) -> dict[int, str]:
    shown: dict[int, str] = {}
    needed = False
    for place, digit in zip(reversed(places), reversed(digits), strict=False):
        needed = needed or digit != "0" or tokens[place][1] == "0"
        shown[place] = digit if needed else {"?": " "}.get(tokens[place][1], "")
    return shown


def _literal(token: Token) -> str:
    kind, text = token
    if kind in _LITERAL:
        return text
    return {"width": " ", "point": ".", "percent": "%"}.get(kind, "")
