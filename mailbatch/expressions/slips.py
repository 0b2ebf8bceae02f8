"""The signs of other languages in an expression that Jinja2 cannot read, with the remedies.

    >>> slip("plan = 'pro' && age > 18")
    'Write == to compare.'
    >>> slip("plan == 'pro'") is None
    True

An expression that can be read is never looked at: this module must never refuse one.

Tests: tests/render/test_foreign_syntax.py, tests/recipients/test_where.py.
"""

from __future__ import annotations

import re

_TEXT = re.compile(r"""'[^']*'|"[^"]*\"""")
_MARKUP = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_CONDITION = re.compile(r"^[-+]?\s*(?:el)?if\b")
_CURLY = re.compile("[\u2018\u2019\u201a-\u201f\u00ab\u00bb]")
_SLIPS = (
    (re.compile(r"&&"), "Write `and` in place of &&."),
    (re.compile(r"\|\|"), "Write `or` in place of ||."),
    (re.compile(r"<>"), "Write != in place of <>."),
    (re.compile(r"==="), "Write == in place of ===."),
    (re.compile(r"\b(?:AND|OR|NOT|IN|IS|NULL)\b"), "Write and, or, not, in, is in small letters."),
    (re.compile(r"!(?!=)"), "Write `not` in place of !."),
    (re.compile(r"\?.*:"), "Write `a if condition else b` in place of `condition ? a : b`."),
    (re.compile(r"^[-+]?\s*else?\s*if\b"), "Write {% elif ... %}."),
)
_ASSIGNED = re.compile(r"(?<![=!<>])=(?!=)")


def slip(expression: str) -> str | None:
    """Return the remedy for an expression without its delimiters, None where no sign is known."""
    if _CURLY.search(expression):
        return "Write straight quotes: '...' or \"...\"."
    code = _TEXT.sub("''", expression)
    if _ASSIGNED.search(code):
        return "Write == to compare."
    return next((hint for pattern, hint in _SLIPS if pattern.search(code)), None)


def slip_in(source: str) -> str | None:
    """Return the remedy for the first such sign in the markup of a template, None without one."""
    for found in _MARKUP.finditer(source):
        code = found[1]
        if _CONDITION.match(code) or not _ASSIGNED.search(_TEXT.sub("''", code)):
            hint = slip(code)
            if hint is not None:
                return hint
    return None
