r"""The syntax of other template languages in a template, and how Jinja writes the same.

    >>> mark = foreign_syntax("Dear {{ name }},\n{{#if member}}thank you{{/if}}")
    >>> mark.offset, mark.message
    (17, 'is Handlebars, not Jinja: {{#if member}}, and 1 mark more')
    >>> mark.hint
    'Write {% if member %} ... {% endif %}.'

A comment mark of Jinja that a style sheet holds by chance is looked for, too. Nothing is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mailbatch.errors import Location
from mailbatch.frozen import frozen

_RAW = re.compile(r"\{%[-+]?\s*raw\s*-?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_HANDLEBARS = re.compile(
    r"\{\{\{\s*(?P<plain>[\w.@/]+)\s*\}\}\}"
    r"|\{\{~?(?P<sign>[#/^>!&@])\s*(?P<words>[^{}]{0,60}?)\s*~?\}\}"
    r"|\{\{~?\s*(?P<other>else)\s*~?\}\}"
)
#: A mark of Jinja that an editor of HTML wrote: with entities, or with tags of its own inside.
_EDITED = re.compile(
    r"\{[{%](?=[^{}]*(?:&(?:[a-z]+|\#\d+);|</?[a-z][^<>{}]*>))(?P<inside>[^{}]{1,200}?)[}%]\}",
    re.IGNORECASE,
)
_ENTITY_OR_TAG = re.compile(r"&(?:[a-z]+|\#\d+);|</?[a-z][^<>]*>", re.IGNORECASE)
_QUOTES = {"&quot;": '"', "&apos;": "'", "&#39;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&"}
_GO = re.compile(r"\{\{-?\s*\.(?P<name>[A-Za-z][\w.]*)\s*-?\}\}")
#: A rule of a style sheet directly behind the mark: `@media print{#id{width:100%}}`.
_RULE = re.compile(r"\{#(?P<name>[A-Za-z_][\w-]*)[^{}#%]*\{[^{}]*:[^{}]*\}")
_OPENED = re.compile(r"\{#(?P<name>[\w-]*)")
_SHOWN = 60


@frozen
class ForeignSyntax:
    """A piece of foreign syntax: the place in the template, the mistake and the remedy."""

    offset: int
    message: str
    hint: str

    def place(self, path: str, source: str) -> Location:
        """Return the place in a template file."""
        return Location.at_offset(path, source, self.offset)


def comment_in_style(source: str) -> ForeignSyntax | None:
    """Return the comment mark that a rule of a style sheet makes by chance, None without one.

    >>> comment_in_style("@media print{#logo{width:9px}}").offset
    12
    >>> comment_in_style("{# a note: {x: 1} #}") is None
    True
    """
    found = _RULE.search(_blanked(_RAW, source)) if "{#" in source else None
    return _of_comment(found) if found is not None else None


def foreign_syntax(source: str) -> ForeignSyntax | None:
    """Return the first piece of foreign syntax in a template that Jinja refuses, None without."""
    chance = comment_in_style(source)
    if chance is not None:
        return chance
    code = _blanked(_COMMENT, _blanked(_RAW, source))
    opened = _OPENED.search(code)
    edited = _EDITED.search(code)
    if edited is not None:
        return _of_editor(edited)
    found = list(_HANDLEBARS.finditer(code))
    if found:
        others = len(found) - 1
        more = f", and {others} mark{'s' if others > 1 else ''} more" if others else ""
        message = f"is Handlebars, not Jinja: {found[0][0][:_SHOWN]}{more}"
        return ForeignSyntax(found[0].start(), message, _in_jinja(found[0]))
    go = _GO.search(code)
    if go is not None:
        message = f"is a template of Go, not Jinja: {go[0]}"
        return ForeignSyntax(go.start(), message, f"Write {{{{ {go['name']} }}}}.")
    return _of_comment(opened) if opened is not None else None


def _blanked(pattern: re.Pattern[str], source: str) -> str:
    """Return a text with blanks in place of what fits; the places of the rest stay."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


def _of_editor(found: re.Match[str]) -> ForeignSyntax:
    bare = _ENTITY_OR_TAG.sub(lambda one: _QUOTES.get(one[0].lower(), ""), found["inside"])
    mark = f"{found[0][:2]} {' '.join(bare.split())} {found[0][-2:]}"
    message = f"has tags or entities of HTML inside a mark: {found[0][:_SHOWN]}"
    return ForeignSyntax(found.start(), message, f"Write {mark}, in the source view of the editor.")


def _of_comment(found: re.Match[str]) -> ForeignSyntax:
    name = found["name"]
    if not name:
        message = "{# begins a comment of the template, and no #} ends it"
        hint = "Write #} behind the comment; for the characters {# themselves, { # with a space."
        return ForeignSyntax(found.start(), message, hint)
    return ForeignSyntax(
        found.start(),
        f"{{#{name} begins a comment of the template, which goes on to the next #}}",
        f"Write {{ #{name} with a space between, or put the style rules between {{% raw %}} and "
        "{% endraw %}. A comment that is meant: {# ... #}.",
    )


#: The first word of a block of Handlebars -> the statement of Jinja, for the words behind.
_BLOCKS: dict[str, Callable[[str], str]] = {
    "if": lambda rest: f"{{% if {rest} %}} ... {{% endif %}}",
    "unless": lambda rest: f"{{% if not {rest} %}} ... {{% endif %}}",
    "each": lambda rest: f"{{% for item in {rest} %}} ... {{% endfor %}}",
    "with": lambda rest: f"{{% with it = {rest} %}} ... {{% endwith %}}",
}
_ENDS = {"if": "{% endif %}", "unless": "{% endif %}", "each": "{% endfor %}"}


def _block(first: str, rest: str) -> str:
    if first in _BLOCKS:
        return _BLOCKS[first](rest or "x")
    return f"{{% if {first} %}} ... {{% endif %}}"


def _in_jinja(found: re.Match[str]) -> str:
    if found["plain"] is not None:
        return f"Write {{{{ {found['plain']} | safe }}}}; without | safe, HTML in it is escaped."
    if found["other"] is not None:
        return "Write {% else %}."
    sign, words = found["sign"], found["words"]
    first, _, rest = words.partition(" ")
    written = {
        "#": _block(first, rest),
        "/": _ENDS.get(first, "{% endif %}"),
        "^": f"{{% if not {words} %}} ... {{% endif %}}",
        ">": f'{{% include "{words}" %}}',
        "!": "{# ... #}",
        "&": f"{{{{ {words} | safe }}}}",
        "@": "{{ loop.index0 }}",
    }[sign]
    return f"Write {written}."
