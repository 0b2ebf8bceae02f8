"""Style rules moved into the elements of many texts that differ in words only, by shells.

>>> shells = Shells()
>>> page = "<style>b {color: red}</style><b>Dear %s</b>"
>>> for name in ("Ann", "Bob", "Eve", "Zoë"):
...     assert shells.inline(page % name) == inline_css(page % name)
>>> shells.inlined  # texts: the others were filled in
2

A style rule depends on elements and never on words. Of the second text with the tags of an earlier
one, the library inlines a copy with a mark in each place that varies (a slot); later texts with the
same tags are filled in. A slot takes plain words and the usual character references, an address
only where no rule reads attributes. Every other text is inlined by the library, as is a text whose
tags are not certain, so the result has always the bytes of `inline_css`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cache
from itertools import compress, count
from operator import ne

from mailbatch.frozen import frozen
from mailbatch.render.inlining import inline_css

_BLANK = "[ \t\n\f]"
# A tag of which the tokenizer of HTML 13.2.5 surely finds the same end.
_TAG = re.compile(
    rf"/?(?P<name>[a-zA-Z][a-zA-Z0-9:-]*+)"
    rf"""(?:{_BLANK}++[^\s"'<>/=]++(?:=(?:"[^"<]*+"|'[^'<]*+'|[^\s"'<>=`]++))?)*+{_BLANK}*+/?>"""
)
# A tag with slots: every value in double quotes.
_SIMPLE = re.compile(
    rf'/?(?P<name>[a-zA-Z][a-zA-Z0-9]*+)(?:{_BLANK}++[a-zA-Z-]++="[^"<>]*+")*+{_BLANK}*+/?>'
)
_VALUE = re.compile(rf'{_BLANK}([a-zA-Z-]++)="([^"<>]*+)"')
_WORDS = re.compile(rf"(?<=>){_BLANK}*+([^<>]++)\Z")
#: Elements that hold text alone: their end tag has to follow.
_TEXTUAL = frozenset(("style", "title"))
#: Elements whose content the parser reads by rules of its own.
_SPECIAL = re.compile(
    "frameset|iframe|listing|math|noembed|noframes|noscript|plaintext|pre|script|select|svg"
    "|template|textarea|xmp"
)
#: element -> the attributes whose values may vary.
_VARYING = {"a": ("href", "title"), "area": ("href", "alt"), "img": ("src", "alt", "title")}
#: The texts of a slot that the library may write in another way.
_REWRITTEN = ("&amp;", "&lt;", "&gt;", "&#39;", "&#34;", "&nbsp;", "'", '"')
_REWRITTEN_VALUES = ("&amp;", "&#39;", "'")
# Neither markup nor a character that a parser drops, replaces or writes as a reference.
_PLAIN = r"[^&<>\"'\x00-\x08\x0b\x0d-\x1f\x7f-\xa0\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
_MARK = re.compile("xslot([0-9]+)x")
#: The number of shells that are kept: texts of more shapes give up the oldest.
_MOST = 16
#: The characters of a text that is worth a shell; mail programs cut longer ones off anyway.
_LONGEST = 1 << 17
#: So many more texts inlined than filled in, and a mailing is taken for one without shells.
_PATIENCE = 64
_FAILURE = 16  # texts, as which a failed shell counts


class Shells:
    """The shells of the HTML texts of a mailing; `inlined` counts the texts of the library."""

    def __init__(self) -> None:
        self._shells: list[_Shell] = []
        self._patience = _PATIENCE
        self.inlined = 0

    def inline(self, html: str) -> str:
        """Move style rules into the elements, with the bytes that `inline_css` gives.

        Raises:
            FieldError: a style sheet cannot be read.
        """
        if self._patience <= 0 or len(html) > _LONGEST:
            return inline_css(html)
        pieces = html.split("<")
        for number, shell in enumerate(self._shells):
            filled = shell.filled(pieces)
            if filled is not None:
                if number:  # the shells of most texts first
                    self._shells.insert(0, self._shells.pop(number))
                self._patience += 1
                return filled
        inlined = inline_css(html)
        self.inlined += 1
        self._patience -= 1
        self._learn(html, pieces, inlined)
        return inlined

    def _learn(self, html: str, pieces: list[str], inlined: str) -> None:
        """Widen a shell by the slots in which a text differs, or keep the text as a shell."""
        if "\r" in html or "--!>" in html or _MARK.search(html):
            return
        for number, shell in enumerate(self._shells):
            slots = shell.slots_for(pieces)
            if slots is not None:
                wider = _widened(shell, slots)
                if wider is None or wider.filled(pieces) != inlined:
                    self._patience -= _FAILURE
                    del self._shells[number]
                else:
                    self._shells[number] = wider
                return
        fixed = _fixed(pieces)
        if fixed is not None:
            self._shells = [_Shell(pieces, inlined, fixed), *self._shells[: _MOST - 1]]


@frozen
class _Slots:
    """The slots of a piece: of a tag with the words behind the tag.

    `pattern` has a group for each slot, `texts` are the texts around the slots. `words` is true
    where the last slot holds words, the others hold values of attributes.
    """

    pattern: re.Pattern[str]
    texts: tuple[str, ...]
    words: bool

    def written(self, piece: str) -> list[str] | None:
        """Return the values of a piece as the library writes these, None for unknown ones."""
        match = self.pattern.fullmatch(piece)
        if match is None:
            return None
        found = []
        last = len(self.texts) - 1 if self.words else 0
        for number, value in enumerate(match.groups(), start=1):
            written = _written(value, words=number == last)
            if written is None:
                return None
            found.append(written)
        return found


@frozen
class _Shell:
    """A text in pieces, each but the first behind a "<", with the inlined text.

    `fixed` are the numbers of pieces without slots, and `slots` are by the number of the piece.
    `made` is the inlined text, cut at the slots, with the own values; `places` gives the place
    there of each slot of a piece.
    """

    pieces: Sequence[str]
    inlined: str
    fixed: frozenset[int]
    slots: Mapping[int, _Slots] = field(default_factory=dict)
    made: Sequence[str] = ()
    places: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def _differing(self, pieces: list[str]) -> list[int] | None:
        if len(pieces) != len(self.pieces):
            return None
        return list(compress(count(), map(ne, self.pieces, pieces)))

    def filled(self, pieces: list[str]) -> str | None:
        """Return the inlined text of pieces that differ in slots alone, None for others."""
        differing = self._differing(pieces)
        if differing is None:
            return None
        made = list(self.made)
        for number in differing:
            slots = self.slots.get(number)
            values = slots.written(pieces[number]) if slots is not None else None
            if values is None:
                return None
            for place, value in zip(self.places[number], values, strict=True):
                made[place] = value
        return "".join(made) if differing else self.inlined

    def slots_for(self, pieces: list[str]) -> dict[int, _Slots] | None:
        """Return the slots with which the shell would fit other pieces, None for none."""
        differing = self._differing(pieces)
        if differing is None or not self.fixed.isdisjoint(differing):
            return None
        found = dict(self.slots)
        by_value = not any("[" in p for p in self.pieces if p[:5].lower() == "style")
        for number in differing:
            slots = found.get(number) or _slots(self.pieces[number], by_value=by_value)
            if slots is None or slots.written(pieces[number]) is None:
                return None
            if slots.written(self.pieces[number]) is None:
                return None
            found[number] = slots
        return found


def _widened(shell: _Shell, slots: Mapping[int, _Slots]) -> _Shell | None:
    """Return a shell with more slots, None where the library does not give the marks back."""
    pieces = list(shell.pieces)
    own: list[str] = []
    owners: list[int] = []
    for number, one in slots.items():
        first, *others = one.texts
        marked = [f"xslot{len(owners) + i}x{text}" for i, text in enumerate(others)]
        own += one.written(pieces[number]) or []
        owners += [number] * len(others)
        pieces[number] = first + "".join(marked)
    made = _MARK.split(inline_css("<".join(pieces)))
    found = [int(mark) for mark in made[1::2]]
    if sorted(found) != list(range(len(own))):
        return None
    made[1::2] = [own[mark] for mark in found]
    places: dict[int, list[int]] = {number: [] for number in slots}
    for mark, number in enumerate(owners):
        places[number].append(2 * found.index(mark) + 1)
    wider = _Shell(shell.pieces, shell.inlined, shell.fixed, slots, made, places)
    return wider if "".join(made) == shell.inlined else None


def _slots(piece: str, *, by_value: bool) -> _Slots | None:
    """Return the slots of a piece, None for none; `by_value` allows values of attributes."""
    tag = _SIMPLE.match(piece)
    if tag is None or tag["name"].lower() in _TEXTUAL:
        return None
    names = _VARYING.get(piece[: tag.end("name")].lower(), ()) if by_value else ()
    spans = [
        value.span(2)
        for value in _VALUE.finditer(piece, 0, tag.end())
        if value[1].lower() in names and value[2]
    ]
    words = _WORDS.search(piece, tag.end() - 1)
    groups = ['([^"<>]++)'] * len(spans)
    if words is not None:
        spans.append(words.span(1))
        groups.append(r"([^<> \t\n\f][^<>]*+)")
    if not spans:
        return None
    cuts = [0, *(place for span in spans for place in span), len(piece)]
    texts = tuple(piece[begin:end] for begin, end in zip(cuts[::2], cuts[1::2], strict=True))
    pattern = re.escape(texts[0])
    for group, text in zip(groups, texts[1:], strict=True):
        pattern += group + re.escape(text)
    return _Slots(re.compile(pattern), texts, words is not None)


def _fixed(pieces: list[str]) -> frozenset[int] | None:
    """Return the numbers of pieces that are no tags, None for a text whose tags are not certain."""
    fixed, comment, textual = {0}, False, ""
    for number, piece in enumerate(pieces[1:], start=1):
        if (textual and not piece.startswith("/")) or piece.startswith(("!-->", "!--->")):
            return None
        if comment or piece.startswith("!--"):
            comment = "-->" not in piece
            fixed.add(number)
            continue
        if piece.startswith(("!", "?")) and ">" in piece:
            fixed.add(number)
            continue
        tag = _TAG.match(piece)
        name = tag["name"].lower() if tag is not None else ""
        if tag is None or _SPECIAL.fullmatch(name) or name != (textual or name):
            return None
        textual = name if name in _TEXTUAL and piece[0] != "/" else ""
    return frozenset(fixed) if not comment and not textual else None


def _written(value: str, *, words: bool) -> str | None:
    """Return a value as the library writes the value, None where that is not certain."""
    plain, known, rewritten = _values(words=words)
    if plain.fullmatch(value):
        return value
    if not known.fullmatch(value):
        return None
    return rewritten.sub(lambda found: _forms(words=words)[found[0]], value)


@cache
def _values(*, words: bool) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of plain values, of known values, and of a text that is rewritten."""
    rewritten = "|".join(_REWRITTEN if words else _REWRITTEN_VALUES)
    return (
        re.compile(f"{_PLAIN}++"),
        re.compile(f"(?:{_PLAIN}++|{rewritten})++"),
        re.compile(rewritten),
    )


@cache
def _forms(*, words: bool) -> Mapping[str, str]:
    """Return the forms in which the library writes the texts that may be rewritten."""
    texts = _REWRITTEN if words else _REWRITTEN_VALUES
    form = "<p>xslot0x{}xslot1x</p>" if words else '<p title="xslot0x{}xslot1x">x</p>'
    form = f"<style></style>{form}"  # HTML without rules is not written anew
    return {text: _MARK.split(inline_css(form.format(text)))[2] for text in texts}
