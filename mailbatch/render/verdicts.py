"""The verdicts on an expression of a template: a misuse for every row, or a doubt for the table.

    Misuse("compares the text of amount with the number 5", "Cells are text: ...", "amount")
    Doubt(Question.EMPTY, ("nick",), "nick | default(...)", "An empty cell is a text, ...", "nick")

Values only: comparisons.py, orderings.py and guards.py find them, the checks settle the doubts.

Tests: tests/render/test_comparisons.py.
"""

from __future__ import annotations

from enum import Enum, auto

from mailbatch.frozen import frozen


class Question(Enum):
    """The kind of a doubt: a question to the cells of a column."""

    TRUTH = auto()  # does a cell hold a word for no?
    NUMBERS = auto()  # are the cells numbers?
    JOINED = auto()  # are the cells amounts, and no codes?
    ORDERED = auto()  # do the letters of a row give another order than the numbers or dates?
    SORTED = auto()  # do the letters of a column give another order than the numbers or dates?
    EMPTY = auto()  # is a cell empty?


@frozen
class Operand:
    """A side of a comparison of texts: the cell of `column`, or else the constant `text`."""

    column: str | None = None
    text: str = ""


@frozen
class Order:
    """A comparison of two texts by `symbol`: `<`, `<=`, `>` or `>=`."""

    left: Operand
    symbol: str
    right: Operand


@frozen
class Misuse:
    """A mistake for every row: the message, the remedy, and a word to look for in the line."""

    message: str
    hint: str
    word: str


@frozen
class Doubt:
    """An expression that is wrong where the cells of each of `columns` answer a question with yes.

    `written` is the expression, as far as it can be repeated, `hint` the remedy, `orders` are the
    comparisons within a row that the question ORDERED is about.
    """

    question: Question
    columns: tuple[str, ...]
    written: str
    hint: str
    word: str
    orders: tuple[Order, ...] = ()
