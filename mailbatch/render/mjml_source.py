"""The mistakes of a text in MJML, each with its offset, and the includes as Jinja writes them.

    >>> [fault.message for fault in faults('<mj-text colour="red">Hello</mj-text>')]
    ['mj-text has no attribute colour']
    >>> with_includes('<mj-include path="parts/foot.mjml" />')
    '{% include "parts/foot.mjml" %}'

The compiler looks at none of this: an unknown tag would be mailed as it stands, an unknown
attribute would do nothing. The text may be a template, whose code is passed over. Nothing is
compiled here.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from mailbatch.errors import Location, Reason
from mailbatch.frozen import frozen
from mailbatch.render.mjml_tags import (
    ATTRIBUTES,
    LEFT_OUT,
    LENGTHS,
    UNKNOWN_TAGS,
    VALUES_LEFT_OUT,
)
from mailbatch.suggest import did_you_mean

#: Stands for the value of an expression of the template, one for each of its characters.
VALUE = "\ue000"
_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NOT_BREAK = re.compile(r"[^\n]")
_OPENED = re.compile(rf"<(?P<end>/?)(?P<tag>[A-Za-z{VALUE}][^\s<>/=\"']*)|<")
_ATTRIBUTE = re.compile(
    r"""(?P<name>[^\s=<>"'/]+)"""
    r"""(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'<>]+)|))?"""
)
_QUOTES = "\"'"
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)
_INCLUDE = re.compile(
    r"""<!--.*?(?:-->|\Z)|\{#.*?#\}|<mj-include\b(?P<given>(?:[^<>"']|"[^"]*"|'[^']*')*?)/?>"""
    r"(?:\s*</mj-include\s*>)?",
    re.DOTALL,
)
_GIVEN = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_EXPRESSION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
#: The text around an included file, by the type of the include.
_AROUND = {
    "css": ("<mj-style>", "</mj-style>"),
    "css inline": ('<mj-style inline="inline">', "</mj-style>"),
    "html": ("<mj-raw>", "</mj-raw>"),
}
_LEAVE_OUT = "Leave it out."
#: The declarations that no text in MJML has -> the remedy.
_DECLARATIONS = (
    ("<![CDATA[", "Write &lt; and &amp; in the text."),
    ("<!", "Take it out: the compiler writes the doctype."),
    ("<?", "Take it out: the file begins with <mjml>."),
)


@frozen
class Tag:
    """A tag of a text: `start` and `end` are offsets, and `alone` is one that ends in `/>`."""

    name: str
    start: int
    end: int
    closing: bool
    alone: bool

    @property
    def is_mjml(self) -> bool:
        """Whether the tag is one of MJML, rather than of HTML."""
        return self.name.startswith("mj")


@frozen
class Fault:
    """A mistake at an offset of a text: the words, the remedy, and the reason."""

    offset: int
    message: str
    hint: str | None
    reason: Reason

    def place(self, name: str, source: str) -> Location:
        """Return the place in a file; `source` is the text with the offset."""
        return Location.at_offset(name, source, self.offset)


def faults(source: str) -> Iterator[Fault]:
    """Yield the mistakes of a text or a template in MJML, those of tags in order.

    These are tags and attributes that the compiler does not know, values without quotes, double
    quotes inside single ones, and characters and comments that end the compilation.
    """
    yield from _unreadable(source)
    text = without_code(source)
    at = 0
    while (opened := _OPENED.search(text, at)) is not None:
        at = opened.end()
        tag = opened["tag"]
        if tag is None:
            yield _stray(text, opened.start())
        elif opened["end"]:
            yield from _unknown(tag, opened.start())
        else:
            yield from _unknown(tag, opened.start())
            at = yield from _attributes(source, text, tag, at)


def unbalanced(text: str) -> Fault | None:
    """Return the first element of a finished text that is not closed where it must be, or None."""
    opened: list[tuple[str, int]] = []
    for tag in tags_in(without_comments(text)):
        name = tag.name.lower()
        if tag.closing:
            if name in _VOID or not opened:
                return _form(tag.start, f"</{tag.name}> closes nothing", "Take it out.")
            if all(name != waiting for waiting, _ in opened):
                hint = f"Take it out, or write <{tag.name}> before it."
                return _form(tag.start, f"</{tag.name}> closes nothing", hint)
            if opened[-1][0] != name:
                return _unclosed(*opened[-1])
            opened.pop()
        elif name not in _VOID and not tag.alone:
            opened.append((name, tag.start))
    return _unclosed(*opened[-1]) if opened else None


def tags_in(text: str) -> Iterator[Tag]:
    """Yield the tags of a finished text without comments, in order."""
    at = 0
    while (found := _OPENED.search(text, at)) is not None:
        at = found.end()
        if found["tag"] is not None:
            at, alone = _end_of_tag(text, at)
            yield Tag(found["tag"], found.start(), at, found["end"] != "", alone)


def without_comments(text: str) -> str:
    """Return a text of the same length with blanks in the place of comments."""
    return _COMMENT.sub(_blanks, text) if "<!--" in text else text


def with_includes(source: str) -> str:
    """Return a template whose `mj-include` tags are those of Jinja; lines stay where they are.

    The path may hold expressions: `parts/{{ locale }}.mjml`. A file of `type="css"` becomes a
    style, one of `type="html"` stands as it is.
    """
    return _INCLUDE.sub(_included, source) if "<mj-include" in source else source


def _included(found: re.Match[str]) -> str:
    if found["given"] is None:  # a comment
        return found[0]
    given = {name: double or single for name, double, single in _GIVEN.findall(found["given"])}
    path = given.get("path")
    if not path:
        return found[0]
    kind = given.get("type", "")
    inline = kind == "css" and given.get("css-inline") == "inline"
    before, behind = _AROUND.get("css inline" if inline else kind, ("", ""))
    breaks = "\n" * found[0].count("\n")
    return f"{before}{{% include {_expression(path)}{breaks} %}}{behind}"


def _expression(path: str) -> str:
    """Return a path with expressions as one expression of Jinja."""
    pieces = _EXPRESSION.split(path)
    texts = [f'"{text}"' if text else "" for text in pieces[::2]]
    values = [f"({value.strip()})" for value in pieces[1::2]] + [""]
    parts = [part for pair in zip(texts, values, strict=True) for part in pair if part]
    return " ~ ".join(parts)


def without_code(source: str) -> str:
    """Return a template of the same length without its code: values as marks, all else as blanks.

    Comments are blanks, too.
    """
    return _CODE.sub(_marks, without_comments(source))


def _blanks(found: re.Match[str]) -> str:
    return _NOT_BREAK.sub(" ", found[0])


def _marks(found: re.Match[str]) -> str:
    return _NOT_BREAK.sub(VALUE if found[0].startswith("{{") else " ", found[0])


def _unreadable(source: str) -> Iterator[Fault]:
    """Yield the characters and comments that XML does not know (XML 1.0, 2.2 and 2.5)."""
    for found in _NO_CHARACTER.finditer(source):
        message = f"the control character U+{ord(found[0]):04X} cannot be compiled"
        yield _form(found.start(), message, "Take it out.")
    if "<!--" not in source:
        return
    for found in _COMMENT.finditer(_CODE.sub(_marks, source)):
        if not found[0].endswith("-->"):
            yield _form(found.start(), "a comment is not closed", "Write --> behind it.")
        elif "--" in (inside := found[0][4:-3]) or inside.endswith("-"):
            yield _form(found.start(), "a comment holds two hyphens, --", "Write one, or ====.")


def _stray(text: str, at: int) -> Fault:
    for declaration, hint in _DECLARATIONS:
        if text.startswith(declaration, at):
            return _form(at, f"{declaration}... cannot be compiled", hint)
    return _form(at, "a < stands in the text", "Write &lt; in its place.")


def _unknown(tag: str, at: int) -> Iterator[Fault]:
    name = tag.lower()
    if not name.startswith("mj") or tag in ATTRIBUTES or VALUE in tag:
        return
    if name in UNKNOWN_TAGS:
        yield _unknown_to_mjml(at, f"the compiler does not know <{tag}>", _LEAVE_OUT)
    else:
        hint = did_you_mean(tag, ATTRIBUTES)
        yield _unknown_to_mjml(at, f"there is no tag <{tag}> in MJML", hint)


def _attributes(source: str, text: str, tag: str, at: int) -> Generator[Fault, None, int]:
    """Yield the mistakes of the attributes of a tag, and return the offset behind the tag.

    `text` is `source` without its code.
    """
    begin, known = at, ATTRIBUTES.get(tag)
    seen: set[str] = set()
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith((">", "/>"), at):
            return text.index(">", at) + 1
        found = _ATTRIBUTE.match(text, at)
        if found is None:
            yield _form(begin - len(tag) - 1, f"<{tag}> does not end in >", None)
            return at
        if text[at - 1] in _QUOTES:
            yield _form(at, f"no blank stands before {found['name']}", "Write one.")
        branched = "{%" in source[begin : found.end()]
        if found["name"] in seen and not branched:
            message = f"{found['name']} stands twice in one <{tag}>"
            yield _form(at, message, "Take one out: compilers differ on which of them counts.")
        seen.add(found["name"])
        yield from _attribute(found, tag, known)
        if known is not None and not branched:
            yield from _value(found, tag)
        at = found.end()


def _attribute(found: re.Match[str], tag: str, known: frozenset[str] | None) -> Iterator[Fault]:
    name, at = found["name"], found.start()
    if found["bare"] is not None:
        yield _form(at, f"the value of {name} stands without quotes", f'Write {name}="...".')
    elif '"' in (found["single"] or ""):
        message = f"a double quote stands in the value of {name}, between single quotes"
        hint = "Write double quotes around the value, and single ones inside."
        yield _form(at, message, hint)
    if known is None or name in known or VALUE in name:
        return
    if name in LEFT_OUT.get(tag, ()):
        yield _unknown_to_mjml(at, f"the compiler leaves out {name} of {tag}", _LEAVE_OUT)
    else:
        yield _unknown_to_mjml(at, f"{tag} has no attribute {name}", did_you_mean(name, known))


def _value(found: re.Match[str], tag: str) -> Iterator[Fault]:
    """Yield the mistake of a value that the compiler, or each reader, takes for none."""
    name, value = found["name"], found["double"] or found["single"] or ""
    if value in VALUES_LEFT_OUT.get((tag, name), ()):
        message = f"the compiler does not know {name}={value} of {tag}"
        yield _unknown_to_mjml(found.start(), message, _LEAVE_OUT)
    if name not in LENGTHS:
        return
    number = next((one for one in value.split() if _NUMBER.fullmatch(one) and float(one)), None)
    if number is not None:
        message = f"{name} of {tag} is {number}, a length without a unit"
        yield _unknown_to_mjml(found.start(), message, f"Write {number}px.")


def _end_of_tag(text: str, at: int) -> tuple[int, bool]:
    """Return the offset behind a tag whose name ends at `at`, and whether it ends in `/>`."""
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text.startswith((">", "/>"), at):
            return text.index(">", at) + 1, text[at] == "/"
        found = _ATTRIBUTE.match(text, at)
        if found is None:
            return at, False
        at = found.end()


def _unclosed(tag: str, at: int) -> Fault:
    return _form(at, f"<{tag}> is not closed", f"Write </{tag}> behind it.")


def _unknown_to_mjml(at: int, message: str, hint: str | None) -> Fault:
    return Fault(at, message, hint, Reason.MJML_UNKNOWN)


def _form(at: int, message: str, hint: str | None) -> Fault:
    return Fault(at, message, hint, Reason.MJML_FORM)
