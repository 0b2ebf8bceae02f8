"""The marks of list items: dashes, numbers and letters, counted as in HTML.

Tests: tests/render/test_html.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailbatch.render.html_tree import Element

_INTEGER = re.compile(r"[ \t\n\r\f]*([+-]?[0-9]{1,9})(?![0-9])")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_LAST_ROMAN = 3999
_LETTERS = 26
_STYLES = {
    "lower-alpha": "a", "lower-latin": "a", "upper-alpha": "A", "upper-latin": "A",
    "lower-roman": "i", "upper-roman": "I", "decimal": "1",
}  # fmt: skip


def integer(text: str, default: int) -> int:
    """Read an integer as HTML does: blanks before and anything behind do not matter."""
    match = _INTEGER.match(text)
    return int(match.group(1)) if match else default


def list_marks(element: Element, items: Sequence[Element]) -> list[str]:
    """Return the mark of each item, with a space behind; an item that is no `li` has none.

    `start`, `reversed`, `type` and the items' `value` count (HTML, 4.4.5 and 4.4.8).
    """
    if element.tag != "ol":
        return ["- " if item.tag == "li" else "" for item in items]
    step = -1 if "reversed" in element.attributes else 1
    counted = sum(item.tag == "li" for item in items) if step < 0 else 1
    number = integer(element.attributes.get("start", ""), counted)
    kind = element.attributes.get("type", "1")
    style = element.styles.get("list-style-type") or element.styles.get("list-style", "")
    kind = next((_STYLES[word] for word in style.split() if word in _STYLES), kind)
    marks = []
    for item in items:
        if item.tag != "li":
            marks.append("")
            continue
        number = integer(item.attributes.get("value", ""), number)
        marks.append(f"{_ordinal(number, kind)}. ")
        number += step
    return marks


def _ordinal(number: int, kind: str) -> str:
    """Write a number as a list of this `type` does; in digits where there is no such form."""
    if kind in {"a", "A"} and number > 0:
        text = ""
        while number:
            number, letter = divmod(number - 1, _LETTERS)
            text = chr(ord("a") + letter) + text
    elif kind in {"i", "I"} and 0 < number <= _LAST_ROMAN:
        text = ""
        for value, letters in _ROMAN:
            times, number = divmod(number, value)
            text += letters * times
    else:
        return str(number)
    return text.upper() if kind.isupper() else text
