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
_UNCLOSED = re.compile(r"\{\{[^{}]*\}(?!\})")
#: Signs that are looked for in an expression with its texts.
_WITH_TEXTS = (
    (re.compile(r"\|\s*default\s*:\s*(?P<text>'[^']*'|\"[^\"]*\")"), "Write x or {text}."),
    (re.compile(r"\|\s*(?P<name>date|strftime)\s*:"),
     "A cell with a date is a text; the day of the run is now.strftime('%d %B %Y')."),
    (re.compile(r"\|\s*(?P<name>\w+)\s*:"), "Write | {name}(...): arguments stand in brackets."),
    (re.compile(r"\bis\s+(?:not\s+)?['\"]"), "Write == to compare, != for `is not`."),
    (re.compile(r"\$\s*(?:json\.)?(?P<name>[A-Za-z_]\w*)"), "Write {name}, without the $."),
)  # fmt: skip
_IF = re.compile(r"\b(?:IF|IIF|iif)\s*\(")
_SLIPS = (
    (re.compile(r"&&"), "Write `and` in place of &&."),
    (re.compile(r"\|\|"), "Write `or` in place of ||."),
    (re.compile(r"<>"), "Write != in place of <>."),
    (re.compile(r"==="), "Write == in place of ===."),
    (re.compile(r"\b(?:AND|OR|NOT|IN|IS|NULL)\b"), "Write and, or, not, in, is in small letters."),
    (re.compile(r"!(?!=)"), "Write `not` in place of !."),
    (re.compile(r"\?.*:"), "Write `a if condition else b` in place of `condition ? a : b`."),
    (re.compile(r"(?<!&)&(?!&)"), "Write ~ in place of & to join two texts."),
    (re.compile(r"\w\s*\+\+"), "Write qty | int + 1 in place of qty++."),
    (re.compile(r"\\"), "Write recipient['First Name'] for a column with a space."),
    (re.compile(r"^[-+]?\s*else?\s*if\b"), "Write {% elif ... %}."),
)
_ASSIGNED = re.compile(r"(?<![=!<>])=(?!=)")


def slip(expression: str) -> str | None:
    """Return the remedy for an expression without its delimiters, None where no sign is known."""
    if _CURLY.search(expression):
        return "Write straight quotes: '...' or \"...\"."
    for pattern, hint in _WITH_TEXTS:
        if (found := pattern.search(expression)) is not None and not _quoted(expression, found):
            return hint.format(**found.groupdict())
    code = _TEXT.sub("''", expression)
    if _IF.search(code):
        return "Write `a if condition else b` in place of IF(...)."
    if _ASSIGNED.search(code):
        return "Write == to compare."
    return next((hint for pattern, hint in _SLIPS if pattern.search(code)), None)


def slip_in(source: str) -> str | None:
    """Return the remedy for the first such sign in the markup of a template, None without one."""
    if _UNCLOSED.search(_MARKUP.sub("", source)) is not None:
        return "Write }} where the expression ends."
    for found in _MARKUP.finditer(source):
        code = found[1]
        if (
            _CONDITION.match(code)
            or _IF.search(code)
            or not _ASSIGNED.search(_TEXT.sub("''", code))
        ):
            hint = slip(code)
            if hint is not None:
                return hint
    return None


def bare_text(name: str, expression: str) -> str | None:
    """Return the remedy for a name that nothing defines, where a value is compared with the name.

    >>> bare_text("pro", "plan == pro")
    "For the text itself, write 'pro' in quotes."
    """
    if re.search(rf"[=!]=\s*{re.escape(name)}\b(?!\s*[.(\[])", expression) is None:
        return None
    return f"For the text itself, write {name!r} in quotes."


def _quoted(expression: str, found: re.Match[str]) -> bool:
    """Tell whether a sign begins inside a text of the expression."""
    return any(text.start() < found.start() < text.end() for text in _TEXT.finditer(expression))
