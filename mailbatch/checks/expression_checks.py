"""The doubts about the expressions of templates, settled by the cells of the table.

    letter.txt.j2:4:7: warning MB216: A text is asked whether it is true: member is 'no' on line 7

A doubt names columns and a question (`mailbatch.render.verdicts`). Only the columns of doubts
are looked at, in the rows that are mailed. This module must never read a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailbatch.checks.findings import Finding
from mailbatch.envelope import Recipient
from mailbatch.errors import Location
from mailbatch.expressions.orders import DATES_REMEDY, dates_misordered, misordered
from mailbatch.render.verdicts import Doubt, Operand, Order, Question

#: The words for no and for yes, in lower case, that columns of truth values hold.
_NO_WORDS = "0 false no n f off nein non nej nao não falsch faux falso"
_YES_WORDS = "1 true yes y t on x ja j oui o si sí sim wahr vrai vero verdadero"
_NO, _YES = frozenset(_NO_WORDS.split()), frozenset(_YES_WORDS.split())
_NUMBER = re.compile(r"([-+]?)([0-9]+)(\.[0-9]+)?")
#: Digits of a whole number, from which a number is a code, such as one of a telephone, or may be
#: one where all the cells have as many digits: a postal code, a year.
_CODE_DIGITS, _EVEN_CODE_DIGITS = 7, 4


@dataclass(slots=True)
class _Column:
    """The facts of a column so far: `no` and `empty` are the lines of the first such cells.

    `lengths` are the lengths of the numbers before the point, the sign included; `misdated` is the
    line of a date that has no order beside the `first` cell.
    """

    words: bool = True
    numbers: bool = True
    codes: bool = False
    whole: bool = True
    filled: bool = False
    first: str | None = None
    lengths: set[tuple[str, int]] = field(default_factory=set)
    misdated: int | None = None
    no: tuple[str, int] | None = None
    empty: int | None = None

    def see(self, cell: str, line: int) -> None:
        if not cell:
            self.empty = self.empty or line
            return
        self.filled = True
        word = cell.casefold()
        self.words = self.words and (word in _NO or word in _YES)
        if self.numbers:
            self._count(_NUMBER.fullmatch(cell))
        if self.first is None:
            self.first = cell
        elif self.misdated is None and dates_misordered(cell, self.first):
            self.misdated = line
        if self.no is None and (word in _NO or (self.numbers and float(cell) == 0)):
            self.no = cell, line

    def _count(self, number: re.Match[str] | None) -> None:
        if number is None:
            self.numbers = False
            return
        sign, digits, decimals = number.groups()
        self.lengths.add((sign, len(digits)))
        self.whole = self.whole and decimals is None
        # A number that is written with a zero before it, or with a plus, is a code.
        self.codes = self.codes or sign == "+" or (digits[0] == "0" and len(digits) > 1)
        self.codes = self.codes or (decimals is None and len(digits) >= _CODE_DIGITS)

    @property
    def amounts(self) -> bool:
        """Whether the cells are numbers to calculate with, and no codes that are written in digits.

        Whole numbers with the same count of digits, four or more, are codes: years, postal codes.
        """
        even = len(self.lengths) == 1 and self.whole and max(self.lengths)[1] >= _EVEN_CODE_DIGITS
        return self.filled and self.numbers and not self.codes and not even

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
        self._indices = {name: columns.index(name) for name in self._columns}
        #: The doubts about the order of two texts that no row has confirmed so far.
        self._unordered = [
            doubt for doubt in doubts if doubt.question is Question.ORDERED and self._knows(doubt)
        ]
        self._misordered: dict[Doubt, tuple[str, str, int]] = {}

    def row(self, recipient: Recipient) -> None:
        """See a row of the table."""
        if recipient.status == "pending":
            for index, column in self._watched:
                column.see(recipient.values[index], recipient.line)
            if self._unordered:
                self._compare(recipient)

    def findings(self) -> Iterator[Finding]:
        """Yield the finding of each doubt that the cells confirm."""
        for doubt, place in self._doubts.items():
            if doubt in self._misordered:
                yield _orders_letters(doubt, self._misordered[doubt], place)
            elif self._knows(doubt) and doubt.question in _ANSWERS:
                seen = [self._columns[name] for name in doubt.columns]
                yield from _ANSWERS[doubt.question](doubt, seen, place)

    def _knows(self, doubt: Doubt) -> bool:
        return all(name in self._columns for name in doubt.columns)

    def _compare(self, recipient: Recipient) -> None:
        for doubt in list(self._unordered):
            for order in doubt.orders:
                left, right = self._texts(order, recipient)
                if misordered(left, order.symbol, right):
                    self._misordered[doubt] = left, right, recipient.line
                    self._unordered.remove(doubt)
                    break

    def _texts(self, order: Order, recipient: Recipient) -> tuple[str, str]:
        def text(operand: Operand) -> str:
            if operand.column is None:
                return operand.text
            return recipient.values[self._indices[operand.column]]

        return text(order.left), text(order.right)


def _orders_letters(doubt: Doubt, texts: tuple[str, str, int], place: Location) -> Finding:
    left, right, line = texts
    detail = f"{doubt.written} compares {left!r} with {right!r} on line {line}"
    hint = DATES_REMEDY if dates_misordered(left, right) else doubt.hint
    return Finding("MB217", detail, f"{place} {doubt.written}", place, hint)


def _sorts_letters(doubt: Doubt, seen: Sequence[_Column], place: Location) -> Iterator[Finding]:
    (column,) = seen
    if column.filled and column.numbers and len(column.lengths) > 1:
        yield Finding("MB217", doubt.written, f"{place} {doubt.written}", place, doubt.hint)
    elif column.misdated is not None:
        detail = f"{doubt.written}, a date on line {column.misdated}"
        yield Finding("MB217", detail, f"{place} {doubt.written}", place, DATES_REMEDY)


def _joins_amounts(doubt: Doubt, seen: Sequence[_Column], place: Location) -> Iterator[Finding]:
    if all(column.amounts for column in seen):
        yield Finding("MB217", doubt.written, f"{place} {doubt.written}", place, doubt.hint)


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
    Question.JOINED: _joins_amounts,
    Question.SORTED: _sorts_letters,
    Question.EMPTY: _waits_for_empty,
}
