"""The doubts about the expressions of templates, settled by the cells of the table.

    letter.txt.j2:4:7: warning MB216: A text is asked whether it is true: member is 'no' on line 7

A doubt names columns and a question (`mailbatch.render.comparisons`). Only the columns of doubts
are looked at, in the rows that are mailed. This module must never read a template.

Tests: tests/checks/test_check_codes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailbatch.checks.findings import Finding
from mailbatch.envelope import Recipient
from mailbatch.errors import Location
from mailbatch.render.comparisons import Doubt, Question

#: The words for no and for yes, in lower case, that columns of truth values hold.
_NO_WORDS = "0 false no n f off nein non nej nao não falsch faux falso"
_YES_WORDS = "1 true yes y t on x ja j oui o si sí sim wahr vrai vero verdadero"
_NO, _YES = frozenset(_NO_WORDS.split()), frozenset(_YES_WORDS.split())
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


@dataclass(slots=True)
class _Column:
    """The facts of a column so far: `no` and `empty` are the lines of the first such cells."""

    words: bool = True
    numbers: bool = True
    filled: bool = False
    no: tuple[str, int] | None = None
    empty: int | None = None

    def see(self, cell: str, line: int) -> None:
        if not cell:
            self.empty = self.empty or line
            return
        self.filled = True
        word = cell.casefold()
        self.words = self.words and (word in _NO or word in _YES)
        self.numbers = self.numbers and _NUMBER.fullmatch(cell) is not None
        if self.no is None and (word in _NO or (self.numbers and float(cell) == 0)):
            self.no = cell, line

    @property
    def answers_no(self) -> bool:
        """Whether a cell says no, in a column where all cells say yes, no or a number."""
        return self.no is not None and (self.words or self.numbers)


class ExpressionChecks:
    """Looks at the cells that the doubts of a mailing are about, row by row."""

    def __init__(self, doubts: Mapping[Doubt, Location], columns: Sequence[str]) -> None:
        self._doubts = doubts
        named = {name for doubt in doubts for name in doubt.columns}
        self._columns = {name: _Column() for name in columns if name in named}
        self._watched = [(columns.index(name), seen) for name, seen in self._columns.items()]

    def row(self, recipient: Recipient) -> None:
        """See a row of the table."""
        if recipient.status == "pending":
            for index, column in self._watched:
                column.see(recipient.values[index], recipient.line)

    def findings(self) -> Iterator[Finding]:
        """Yield the finding of each doubt that the cells confirm."""
        for doubt, place in self._doubts.items():
            seen = [self._columns[name] for name in doubt.columns if name in self._columns]
            if len(seen) == len(doubt.columns):
                yield from _ANSWERS[doubt.question](doubt, seen, place)


def _asks_for_truth(doubt: Doubt, seen: Sequence[_Column], place: Location) -> Iterator[Finding]:
    (column,) = seen
    if column.answers_no and column.no is not None:
        value, line = column.no
        detail = f"{doubt.written} is {value!r} on line {line}, which counts as true"
        hint = doubt.hint if column.words else f"Make a number of it: {doubt.written} | float > 0."
        yield Finding("MB216", detail, f"{place} {doubt.written}", place, hint)


def _takes_numbers(doubt: Doubt, seen: Sequence[_Column], place: Location) -> Iterator[Finding]:
    if all(column.filled and column.numbers for column in seen):
        yield Finding("MB217", doubt.written, f"{place} {doubt.written}", place, doubt.hint)


def _waits_for_empty(doubt: Doubt, seen: Sequence[_Column], place: Location) -> Iterator[Finding]:
    (column,) = seen
    if column.empty is not None:
        detail = f"{doubt.written}, and {doubt.columns[0]} is empty on line {column.empty}"
        yield Finding("MB218", detail, f"{place} {doubt.written}", place, doubt.hint)


_ANSWERS = {
    Question.TRUTH: _asks_for_truth,
    Question.NUMBERS: _takes_numbers,
    Question.EMPTY: _waits_for_empty,
}
