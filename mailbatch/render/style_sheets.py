"""A style sheet as the rules that elements can hold and the text that has to stay.

    >>> sheet = read_sheet("b {color: red; color: lab(50% 40 30)} @media print {b {color: black}}")
    >>> rule, held = sheet
    >>> [one.text for one in rule.declarations], held.text
    (['color: red', 'color: lab(50% 40 30)'], '@media print {b {color: black}}')

Rules are cut as CSS Syntax 3 (section 5) cuts rules, and a text is never written anew: comments,
hacks for old programs and fallbacks stay as written. Values are never judged here.

Tests: tests/render/test_inlining.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mailbatch.frozen import frozen

# Comments, strings, addresses without quotes and escapes hide the characters that end a rule.
_TOKEN = re.compile(
    r"""/\*.*?(?:\*/|\Z)|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|url\(\s*[^"'\s)][^)]*\)"""
    r"""|<!--|-->|\\.|[^/"'\\{}()\[\];:,<u-]+|.""",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important\s*\Z", re.IGNORECASE)
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
#: At-rules whose rules compete with those outside (CSS Conditional 3 to 5).
_CONDITIONAL = re.compile(r"@(?:media|supports|container|document|-moz-document)\b", re.IGNORECASE)
#: Pseudo-classes of a moment, or of a reader: no element can hold a rule with such a selector.
_MOMENT = re.compile(
    r"(?<!:):(?:hover|active|focus(?:-within|-visible)?|visited|link|any-link|target|checked)\b"
    r"(?!\()",
    re.IGNORECASE,
)
_OF_A_BROWSER = re.compile(r":-[a-z]+-", re.IGNORECASE)
_QUOTED = re.compile(r"""/\*.*?\*/|"[^"\\\n]*"|'[^'\\\n]*'|\\[^\n]""", re.DOTALL)
_BRACKETS = re.compile(r"\([^()\[\]]*\)|\[[^()\[\]]*\]")
_ODD = re.compile(r"""[()\[\]{}"'\\;@<]|/\*""")
#: A pseudo-class of the same weight that fits every element (Selectors 4, 17).
_ALWAYS = ":not(.mb-never)"


@frozen
class Declaration:
    """A declaration; `end` is the place in the text of its rule behind which `!important` fits."""

    name: str
    value: str
    important: bool
    end: int

    @property
    def text(self) -> str:
        """The declaration without `!important`."""
        return f"{self.name}: {self.value}"


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A style rule, equal to itself alone: `text` is the content of its braces.

    `twice` is true where the rule stands in a held text as well, for its nested rules.
    """

    selectors: tuple[str, ...]
    declarations: tuple[Declaration, ...]
    text: str = ""
    twice: bool = False


@frozen
class Held:
    """A text that no element can hold, and its rules that compete with those of elements."""

    text: str
    rules: tuple[Rule, ...] = ()


@lru_cache(maxsize=64)
def read_sheet(css: str) -> tuple[Rule | Held, ...]:
    """Cut a style sheet into rules and held texts, in the order of the sheet.

    Example:
        >>> read_sheet("@import url(x.css);")
        (Held(text='@import url(x.css);', rules=()),)
    """
    return tuple(_items(css))


@lru_cache(maxsize=64)
def hold_sheet(css: str) -> Held:
    """Hold a whole style sheet, such as one for paper, with its rules.

    Example:
        >>> hold_sheet("b {color: red}").rules[0].selectors
        ('b',)
    """
    return Held(css, tuple(_competing(css, 0, len(css))))


@lru_cache(maxsize=1024)
def read_declarations(text: str) -> tuple[Declaration, ...]:
    """Read the declarations of a style attribute or of a rule without nested rules.

    Example:
        >>> [(one.name, one.important) for one in read_declarations("*zoom: 1; top: 0 !important")]
        [('*zoom', False), ('top', True)]
    """
    return tuple(one for *_, one in _declared(text, 0, len(text)) if one is not None)


def split_selectors(prelude: str) -> tuple[str, ...]:
    """Split a list of selectors at its commas.

    Example:
        >>> split_selectors("a:not(b, c), /* x */ p")
        ('a:not(b, c)', 'p')
    """
    found, depth = [""], 0
    for piece in _TOKEN.findall(_COMMENT.sub(" ", prelude)):
        depth += (piece in _OPENING) - (piece in _CLOSING)
        if piece == "," and not depth:
            found.append("")
        else:
            found[-1] += piece
    return tuple(one.strip() for one in found)


def standing_in(selector: str) -> str:
    """Return a selector of the same weight that fits whatever this one may fit at some time.

    Example:
        >>> standing_in("a.x:hover b")
        'a.x:not(.mb-never) b'
    """
    return _MOMENT.sub(_ALWAYS, selector)


def _items(css: str) -> Iterator[Rule | Held]:
    for start, opened, end in _cut(css, 0, len(css)):
        text = css[start:end]
        if text.startswith("@"):
            yield Held(text, tuple(_competing(css, start, end, origin=start)))
            continue
        if opened is None:
            yield Held(text)
            continue
        if not _plain(css[start:opened]):
            yield Held(text)
            continue
        selectors = split_selectors(css[start:opened])
        closed = end - text.endswith("}")
        inner = css[opened + 1 : closed]
        found = tuple(_declared(inner, 0, len(inner)))
        declarations = tuple(one for *_, one in found if one is not None)
        nested = any(at is not None for _, at, _, _ in found)
        if nested:
            rules = _nested(css, opened + 1, closed, selectors, start)
            yield Held(text, tuple(rules))
        if declarations:
            yield Rule(selectors, declarations, inner, twice=nested)


def _plain(prelude: str) -> bool:
    """Tell whether every browser reads the selectors of a rule, and as far as the brace."""
    if _OF_A_BROWSER.search(prelude):
        return False  # other browsers read no selector of such a list
    rest, before = _QUOTED.sub("", prelude), None
    while rest != before:
        rest, before = _BRACKETS.sub("", rest), rest
    return not _ODD.search(rest)


def _cut(css: str, start: int, end: int) -> Iterator[tuple[int, int | None, int]]:
    """Yield the places of each rule: its begin, its opening brace, its end."""
    begin, opened, depth, place = None, None, 0, start
    for match in _TOKEN.finditer(css, start, end):
        piece, place = match[0], match.end()
        if begin is None:
            if piece.isspace() or piece.startswith(("/*", "<!--", "-->")) or piece in "};":
                continue
            begin = match.start() + len(piece) - len(piece.lstrip())
        if piece in _OPENING:
            if piece == "{" and not depth and opened is None:
                opened = match.start()
            depth += 1
        elif piece in _CLOSING and depth:
            depth -= 1
        if not depth and (
            (piece == "}" and opened is not None)
            or (piece == ";" and opened is None and css[begin] == "@")
        ):
            yield begin, opened, place
            begin, opened = None, None
    if begin is not None:
        yield begin, opened, end


def _declared(
    text: str, start: int, end: int
) -> Iterator[tuple[int, int | None, int, Declaration | None]]:
    """Yield each item of a block: its begin, its brace (of a nested rule), its end, its value."""
    begin, colon, brace, depth = start, None, None, 0
    for match in _TOKEN.finditer(text, start, end):
        piece = match[0]
        if piece == ":" and not depth and colon is None:
            colon = match.start()
        elif piece in _OPENING:
            if piece == "{" and not depth and brace is None:
                brace = match.start()
            depth += 1
        elif piece in _CLOSING and depth:
            depth -= 1
        if (piece == ";" and not depth) or (piece == "}" and not depth and brace is not None):
            yield begin, brace, match.end(), _declaration(text, begin, colon, match.start(), brace)
            begin, colon, brace = match.end(), None, None
    yield begin, brace, end, _declaration(text, begin, colon, end, brace)


def _declaration(
    text: str, begin: int, colon: int | None, end: int, brace: int | None
) -> Declaration | None:
    if colon is None or brace is not None:
        return None
    name = _COMMENT.sub("", text[begin:colon]).strip()
    value = " ".join(_COMMENT.sub(" ", text[colon + 1 : end]).split())
    plain = _IMPORTANT.sub("", value)
    if not name or not plain or " " in name:
        return None
    return Declaration(name, plain, plain != value, end)


def _competing(css: str, start: int, end: int, *, origin: int = 0) -> Iterator[Rule]:
    """Yield the rules of a text that compete with those of elements; places count from `origin`."""
    for begin, opened, stop in _cut(css, start, end):
        if opened is None:
            continue
        inner_end = stop - 1 if css[stop - 1] == "}" else stop
        if css[begin] == "@":
            if _CONDITIONAL.match(css, begin):
                yield from _competing(css, opened + 1, inner_end, origin=origin)
            continue
        if not _plain(css[begin:opened]):
            continue
        yield from _nested(css, opened + 1, inner_end, split_selectors(css[begin:opened]), origin)


def _nested(
    css: str, start: int, end: int, selectors: tuple[str, ...], origin: int
) -> Iterator[Rule]:
    """Yield a rule with its nested rules as rules of their own (CSS Nesting)."""
    own: list[Declaration] = []
    for begin, brace, stop, one in _declared(css, start, end):
        if one is not None:
            own.append(Declaration(one.name, one.value, one.important, one.end - origin))
        elif brace is not None:
            prelude = _COMMENT.sub(" ", css[begin:brace]).strip()
            inner = selectors
            if not prelude.startswith("@"):
                inner = tuple(
                    one.replace("&", parent) if "&" in one else f"{parent} {one}"
                    for one in split_selectors(prelude)
                    for parent in selectors
                )
            elif not _CONDITIONAL.match(prelude):
                continue
            if not all(map(_plain, inner)):
                continue
            yield from _nested(css, brace + 1, stop - 1, inner, origin)
    if own:
        yield Rule(selectors, tuple(own))
