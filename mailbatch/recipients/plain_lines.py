r"""Plain lines of a CSV: a text that has no quotes, whose records are its lines as they stand.

    >>> plain_lines("a@b.example,Ann\nc@d.example,Bo\n", ",", 2)
    ['a@b.example\x1fAnn', 'c@d.example\x1fBo']
    >>> plain_lines('a@b.example,"Ann"\n', ",", 2) is None
    True

Most of a large table is such, and is looked at with a handful of calls for some hundred lines,
in a third of the time that csv and a look at each cell take. Every other text is left to the
csv module. This module must never take a text of which csv would make other records, nor one with
a cell that has white space at an end or a sign of a spreadsheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, repeat
from operator import itemgetter
from typing import NamedTuple

from mailbatch.plain_rows import APART, PlainRows
from mailbatch.recipients.records import MAX_CELL

#: Characters of a piece: a quote makes no more than these lines slow; larger is not faster.
_PIECE = 1 << 14
_LINE_END = "\n"
#: The characters of ASCII that are printable, but for quote and backslash, and the line end.
_PLAIN = bytes([*(byte for byte in range(0x20, 0x7F) if byte not in b'"\\'), 0x0A])
_SPACE = " "
#: At the beginning of a cell these may protect a text (`spreadsheet`).
_SIGNS = "='"


class PlainLines(NamedTuple):
    """Neighbouring lines, each of which is a record; `texts` have their cells apart by U+001F."""

    first: int
    texts: list[str]

    def records(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Return the records, each with its line."""
        return zip(count(self.first), map(tuple, map(str.split, self.texts, repeat(APART))))

    def rows(self, address: int, group_by: Sequence[int] = ()) -> PlainRows:
        """Return the lines as rows whose column `address` (from 0) has an address each.

        `group_by` are the columns of the groups. The caller looks at the addresses: each has to be
        plain.
        """
        behind = max(address, *group_by, 0) + 1
        if not group_by:
            addresses = [text.split(APART, behind)[address] for text in self.texts]
            return PlainRows(self.first, addresses, self.texts)
        cut = [text.split(APART, behind) for text in self.texts]
        columns = (map(itemgetter(column), cut) for column in group_by)
        groups = list(zip(*columns, strict=True))
        return PlainRows(self.first, list(map(itemgetter(address), cut)), self.texts, groups)


def pieces(blocks: Iterable[str]) -> Iterator[str]:
    """Yield a text that comes in blocks of whole lines in smaller pieces of whole lines."""
    for block in blocks:
        start, end = 0, len(block)
        while start < end:
            cut = end
            if end - start > _PIECE:
                near = block.rfind(_LINE_END, start, start + _PIECE) + 1
                cut = near or block.find(_LINE_END, start) + 1 or end
            yield block[start:cut]
            start = cut


def plain_lines(text: str, delimiter: str, columns: int) -> list[str] | None:
    """Return the lines of a text with cells apart by U+001F; None where the text is not plain."""
    if "\r" in text:
        text = text.replace("\r\n", _LINE_END)
    if not _is_printable(text, delimiter) or _has_edges(text, delimiter):
        return None
    lines = text.replace(delimiter, APART).split(_LINE_END)
    if not lines[-1]:
        del lines[-1]
    if not all(lines):
        return None  # a line without a text is no record
    if set(map(str.count, lines, repeat(APART))) != {columns - 1}:
        return None
    return lines if max(map(len, lines)) <= MAX_CELL else None


def _is_printable(text: str, delimiter: str) -> bool:
    """Say whether a text has printable characters alone, beside delimiters and line ends."""
    if text.isascii():
        return not text.encode("ascii").translate(None, _PLAIN + delimiter.encode())
    if '"' in text or "\\" in text:
        return False
    return text.replace(delimiter, "").replace(_LINE_END, "").isprintable()


def _has_edges(text: str, delimiter: str) -> bool:
    """Say whether a cell may begin or end with a space, or begin with a sign of a spreadsheet."""
    for mark in (_SPACE, *_SIGNS):
        if mark in text and (
            text.startswith(mark) or delimiter + mark in text or _LINE_END + mark in text
        ):
            return True
    return _SPACE in text and (
        text.endswith(_SPACE) or _SPACE + delimiter in text or _SPACE + _LINE_END in text
    )
