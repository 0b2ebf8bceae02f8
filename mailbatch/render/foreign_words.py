r"""The words of other languages in a template: filters, tags, names and methods, with the remedies.

    >>> filter_remedy("upcase")
    'Write | upper.'
    >>> name_remedy("today")
    "Write now.strftime('%Y-%m-%d'), or another form of the day."

The words are those of Liquid, Twig, Django, spreadsheets and Python. The tables also have the
errors of Python that a text in the place of a number causes. A word without a place in a table has
no remedy: nothing is guessed.

Tests: tests/render/test_foreign_syntax.py.
"""

from __future__ import annotations

import re

_NUMBER = "Write '%.2f' | format(amount | float)."
_TEXT_OF_DATE = "A cell with a date is a text, which is shown as the table writes it."
_FILTERS = {
    **dict.fromkeys(("upcase", "uppercase", "toupper", "ucase"), "Write | upper."),
    **dict.fromkeys(("downcase", "lowercase", "tolower", "lcase"), "Write | lower."),
    **dict.fromkeys(("titlecase", "titleize", "proper", "propercase", "capwords"),
                    "Write | title."),
    **dict.fromkeys(("ucfirst", "capfirst", "capitalise"), "Write | capitalize."),
    **dict.fromkeys(("strip", "lstrip", "rstrip"), "Write | trim."),
    **dict.fromkeys(("strip_html", "strip_tags"), "Write | striptags."),
    **dict.fromkeys(("size", "len"), "Write | length."),
    **dict.fromkeys(("currency", "money", "number_format", "format_number", "floatformat",
                     "number", "number_with_delimiter", "format_currency"), _NUMBER),
    **dict.fromkeys(("date", "date_format", "format_date", "formatdate", "strftime", "time"),
                    f"{_TEXT_OF_DATE} The day of the run: now.strftime('%d %B %Y')."),
    **dict.fromkeys(("append", "prepend", "concat"), "Write x ~ y to join two texts."),
    **dict.fromkeys(("plus", "add", "minus", "times", "divided_by", "multiply", "subtract"),
                    "Write qty | float + 1, with the sign of the calculation."),
    **dict.fromkeys(("split", "explode"), "Write x.split(' ')."),
    **dict.fromkeys(("fallback", "ifempty", "default_if_none"), "Write x or 'friend'."),
    **dict.fromkeys(("raw", "unescape", "html_safe"), "Write | safe."),
    **dict.fromkeys(("url_encode", "uri_encode"), "Write | urlencode."),
    **dict.fromkeys(("json", "to_json", "json_encode"), "Write | tojson."),
    "newline_to_br": "Write x.split('\\n') | join('<br>' | safe).",
}  # fmt: skip
_TAGS = {
    **dict.fromkeys(("assign", "let", "var"), "Write {% set x = ... %}."),
    "capture": "Write {% set x %} ... {% endset %}.",
    **dict.fromkeys(("elsif", "elseif"), "Write {% elif ... %}."),
    "unless": "Write {% if not ... %} ... {% endif %}.",
    **dict.fromkeys(("case", "when", "switch"),
                    "Write {% if x == 'a' %} ... {% elif x == 'b' %} ... {% endif %}."),
    **dict.fromkeys(("foreach", "each"), "Write {% for x in rows %} ... {% endfor %}."),
    **dict.fromkeys(("echo", "print", "render", "output"), "Write {{ x }}."),
    "comment": "Write {# ... #}.",
}  # fmt: skip
_NAMES = {
    **dict.fromkeys(
        ("today", "date", "datetime", "current_date", "Date", "current_day", "TODAY"),
        "Write now.strftime('%Y-%m-%d'), or another form of the day.",
    ),
    **dict.fromkeys(("year", "current_year", "YEAR"), "Write now.year."),
    "loop": "`loop` is known inside {% for ... %} alone.",
    "forloop": "Write loop.index, inside {% for ... %}.",
    **dict.fromkeys(("null", "nil", "NULL", "Null"), "Write none, or '' for an empty cell."),
    **dict.fromkeys(("str", "String"), "Write x | string."),
    **dict.fromkeys(("int", "float", "round", "abs", "sum", "min", "max", "sorted"),
                    "It is a filter here, such as amount | float."),
    **dict.fromkeys(("len", "count"), "Write x | length."),
    **dict.fromkeys(("upper", "lower", "UPPER", "LOWER", "title", "PROPER"),
                    "Write first_name | upper, | lower or | title."),
    **dict.fromkeys(("IF", "iif", "IIF"), "Write `a if condition else b`."),
    **dict.fromkeys(("CONCAT", "CONCATENATE", "concat"), "Write x ~ y to join two texts."),
}  # fmt: skip
_ENDS = frozenset(("end", "endunless", "fi", "endforeach", "endeach"))
_OPEN = re.compile(r"needs to be closed is '(\w+)'")
_UNKNOWN_TAG = re.compile(r"unknown tag '(\w+)'")
_RUNTIME = (
    (re.compile(r"between instances of .*datetime"),
     "Cells are text: compare with now.strftime('%Y-%m-%d'), where the table writes dates so."),
    (re.compile(r"between instances of .*'str'"),
     "Cells are text: make a number of it first, as in amount | float > 5."),
    (re.compile(r"format code .* of type 'str'"),
     "Cells are text: make a number of it first, as in format(amount | float)."),
    (re.compile(r"'str' object cannot be interpreted as an integer"),
     "Cells are text: make a number of it first, as in range(qty | int)."),
    (re.compile(r"operand type.*'str'|can only concatenate str|must be str, not (?:int|float)"),
     "Cells are text: make a number of it first, as in amount | float + 1."),
    (re.compile(r"not str\b|must be real number"),
     "Cells are text: make a number of it first, as in amount | float."),
    (re.compile(r"'str object' has no attribute '(?:strftime|year|month|day|date|isoformat)'"),
     _TEXT_OF_DATE),
    (re.compile(r"list object has no element"),
     "The list is shorter for this row: ask first, as in {% if parts | length > 1 %}."),
)  # fmt: skip


def filter_remedy(name: str) -> str | None:
    """Return the way to write a filter of another language, None for an unknown one."""
    return _FILTERS.get(name.casefold())


def name_remedy(name: str) -> str | None:
    """Return the way to write a name of another language, None for an unknown one."""
    return _NAMES.get(name)


def syntax_remedy(message: str, source: str) -> str | None:
    """Return the remedy for a tag that Jinja2 refuses with `message`, in the line `source`."""
    tag, left = _UNKNOWN_TAG.search(message), _OPEN.search(message)
    if tag is not None and tag[1] in _ENDS:
        return f"Write {{% end{left[1] if left is not None else 'if'} %}}."
    if tag is not None:
        bare = re.search(rf"\{{%[-+]?\s*{tag[1]}\s*[-+]?%\}}", source)
        shown = f"Write {{{{ {tag[1]} }}}} to show a value."
        return _TAGS.get(tag[1]) or (shown if bare and not tag[1].startswith("end") else None)
    if left is not None:
        return f"Write {{% end{left[1]} %}} where the part that begins with {{% {left[1]} %}} ends."
    return None


def runtime_remedy(error: Exception) -> str | None:
    """Return the remedy for an error of Python in a rendering, None where none is known."""
    words = str(error)
    return next((hint for pattern, hint in _RUNTIME if pattern.search(words)), None)
