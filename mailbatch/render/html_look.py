"""Marks of inline_text.py for the look of inline elements.

Tests: tests/render/test_html.py.
"""

from __future__ import annotations

import re

from mailbatch.render.html_tree import Element
from mailbatch.render.inline_text import APART, LEVEL, LOWERED, RAISED

_EDGES = re.compile(r"(?:margin|padding)(?:-(?:left|right|inline.*))?\Z")
_SOME = re.compile(r"[1-9]")
_APART_TAGS = frozenset(
    (
        *(
            "area",
            "audio",
            "button",
            "iframe",
            "img",
            "input",
            "meter",
            "option",
            "progress",
            "select",
        ),
        *("textarea", "video"),
    )
)
_LABELLED = frozenset(["", "button", "reset", "submit", "text"])  # inputs that show the value


def marks_around(element: Element) -> tuple[str, str]:
    """Return the texts before and behind an inline element that stand for the look."""
    styles = element.styles
    if element.tag == "q":
        return "“", "”"
    if element.tag == "rt":
        return "(", ")"
    alignment = styles.get("vertical-align", "")
    if element.tag == "sup" or alignment == "super":
        return RAISED, LEVEL
    if element.tag == "sub" or alignment == "sub":
        return LOWERED, LEVEL
    if _stands_apart(element):
        return APART, APART
    return (RAISED, LEVEL) if alignment in {"top", "text-top"} else ("", "")


def _stands_apart(element: Element) -> bool:
    styles = element.styles
    return (
        element.tag in _APART_TAGS
        or styles.get("display", "").startswith(("inline-", "table-"))
        or styles.get("float") in {"left", "right"}
        or styles.get("position") in {"absolute", "fixed"}
        or any(_EDGES.match(name) and _SOME.search(value) for name, value in styles.items())
    )


def shown_value(element: Element) -> str:
    """Return the text that a picture, a part of one or an input shows from its attributes."""
    if element.tag != "input":
        return element.attributes.get("alt", "")
    kind = element.attributes.get("type", "").lower()
    if kind == "image":
        return element.attributes.get("alt", "")
    return element.attributes.get("value", "") if kind in _LABELLED else ""
