"""Comparisons in an expression of the job: a text compared with a number is a mistake.

    where: age > 18           # refused: compares the text '42' with the number 18
    where: age | int > 18     # true or false

Cells are text. In Jinja2 `plan == 5` is false, and `age > 18` fails in the middle of the table:
both would leave recipients out by mistake. Two texts that are numbers are compared only where the
order of the letters is that of the sizes: "9" is not more than "100". The comparisons of a syntax
tree are replaced by comparisons that refuse these mistakes. Dates are compared only in forms that
begin with the year, and never in two forms: "29.11.2026" is more than "2027-01-01" by its letters.

Tests: tests/recipients/test_where.py.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, MutableMapping
from datetime import date, datetime, time
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.visitor import NodeTransformer

from mailbatch.expressions.orders import DATES_REMEDY, dates_misordered, numbers_misordered

#: The name of the filter, with a space: no expression can write this name.
_FILTER = "compared with"
_SYMBOLS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_MEMBERSHIP = {"in": "in", "notin": "not in"}
_DOES: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda item, many: item in many,
    "notin": lambda item, many: item not in many,
}
#: The tests of Jinja2 that compare, with all their names.
_TESTS = {
    "eq": ("eq", "equalto", "=="),
    "ne": ("ne", "!="),
    "lt": ("lt", "lessthan", "<"),
    "lteq": ("le", "<="),
    "gt": ("gt", "greaterthan", ">"),
    "gteq": ("ge", ">="),
    "in": ("in",),
}
_ARITHMETIC = re.compile(r"\bstr\b.*\b(?:int|float)\b|\b(?:int|float)\b.*\bstr\b|concatenate str")
_SHOWN = 40
#: The operand that a hint cannot repeat.
UNNAMED = "the cell"


class KindsDifferError(Exception):
    """A text is compared with a value of another kind; `hint` has the way to write it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Comparisons(NodeTransformer):
    """Replaces the comparisons of a syntax tree by the filter that `prepare` registers."""

    def visit_Compare(self, node: nodes.Compare) -> nodes.Filter:  # noqa: N802 - Jinja2's name
        """Make a filter of a comparison, or of a chain of them."""
        self.generic_visit(node)
        words = [spelled(node.expr), *(spelled(each.expr) for each in node.ops)]
        arguments: list[nodes.Expr] = [nodes.Const(tuple(words))]
        for each in node.ops:
            arguments += [nodes.Const(each.op), each.expr]
        return nodes.Filter(node.expr, _FILTER, arguments, [], None, None, lineno=node.lineno)


def prepare(filters: MutableMapping[str, Any], tests: MutableMapping[str, Any]) -> None:
    """Put the comparisons of this module among the filters and tests of an environment."""
    filters[_FILTER] = _compared
    for kind, names in _TESTS.items():
        for name in names:
            tests[name] = _test(kind)


def kinds_differ(error: Exception) -> tuple[str, str] | None:
    """Return (message, hint) for an error that comes of a cell being a text, None for others."""
    if isinstance(error, KindsDifferError):
        return str(error), error.hint
    if isinstance(error, TypeError) and _ARITHMETIC.search(str(error)):
        hint = "Cells are text: make a number of it first, as in age | int + 1 > 18."
        return f"calculates with a text: {error}", hint
    return None


def _test(kind: str) -> Callable[[Any, Any], bool]:
    def test(value: Any, other: Any) -> bool:
        return bool(_checked(value, kind, other, UNNAMED, UNNAMED))

    return test


def _compared(value: Any, words: tuple[str, ...], *rest: Any) -> bool:
    """Compare all neighbours, as Python does in `a < b < c`."""
    pairs = zip(rest[::2], rest[1::2], strict=True)
    for number, (kind, other) in enumerate(pairs):
        if not _checked(value, kind, other, words[number], words[number + 1]):
            return False
        value = other
    return True


def _checked(left: Any, kind: str, right: Any, first: str, second: str) -> Any:
    if kind in _MEMBERSHIP:
        _check_membership(left, kind, right, first)
    elif isinstance(left, str) is not isinstance(right, str):
        if isinstance(left, str):
            _refuse(left, _SYMBOLS[kind], right, first)
        elif isinstance(right, str):
            _refuse(right, _SYMBOLS[kind], left, second)
    elif isinstance(left, str):
        _check_dates(left, kind, right)
        if kind not in {"eq", "ne"}:
            _check_order(left, kind, right, first)
    return _DOES[kind](left, right)


def _check_membership(left: Any, kind: str, right: Any, first: str) -> None:
    word = _MEMBERSHIP[kind]
    if isinstance(right, str):
        if not isinstance(left, str) and not isinstance(left, Undefined):
            raise KindsDifferError(
                f"looks for {_kind(left)} in the text {short(right)}",
                f"Write the number as a text: '{left}' {word} ...",
            )
        return
    if not isinstance(right, list | tuple | set | frozenset | range) or not right:
        return
    texts = sum(isinstance(item, str) for item in right)
    if isinstance(left, str):
        for item in right:
            if isinstance(item, str):
                _check_dates(left, "eq", item)
    if isinstance(left, str) and texts == 0:
        example = next(iter(right))
        raise KindsDifferError(
            f"looks for the text {short(left)} among what is no text, such as {example!r}",
            f"Cells are text: write {first} {word} ['{example}'], or "
            f"{first} | float {word} [{example}].",
        )
    if not isinstance(left, str) and not isinstance(left, Undefined) and texts == len(right):
        raise KindsDifferError(
            f"looks for {_kind(left)} among texts, such as {next(iter(right))!r}",
            "Write the list without quotes, or make a text of the number: "
            f"{first} | string {word} ...",
        )


def _refuse(text: str, symbol: str, other: Any, name: str) -> None:
    if isinstance(other, Undefined):
        return  # the comparison itself says what is not defined
    raise KindsDifferError(
        f"compares the text {short(text)} with {_kind(other)}", _remedy(name, symbol, other)
    )


def _remedy(name: str, symbol: str, other: Any) -> str:
    equal = symbol in {"==", "!="}
    if isinstance(other, bool):
        word = str(other).lower()
        return f"Cells are text: write {name} | lower {symbol} '{word}', or the word of the table."
    if isinstance(other, int | float):
        as_text = f", or {name} {symbol} '{other}'" if equal else ""
        return f"Cells are text: write {name} | float {symbol} {other}{as_text}."
    if other is None:
        return f"A cell is never none: write {name} {symbol} '' for an empty one."
    if isinstance(other, datetime | date | time):
        return f"Cells are text: compare {name} with now.strftime('%Y-%m-%d') or the like."
    if isinstance(other, list | tuple | set | frozenset):
        return f"To look for it in a list, write {name} in [...]."
    return "Cells are text: compare texts with each other."


def _check_dates(left: str, kind: str, right: str) -> None:
    """Refuse to compare dates in two forms, or to order dates that do not begin with the year."""
    if dates_misordered(left, right, ordered=kind not in {"eq", "ne"}):
        raise KindsDifferError(
            f"compares the dates {short(left)} and {short(right)} by their letters",
            DATES_REMEDY,
        )


def _check_order(left: str, kind: str, right: str, first: str) -> None:
    symbol = _SYMBOLS[kind]
    if numbers_misordered(left, symbol, right):
        raise KindsDifferError(
            f"compares the texts {left!r} and {right!r} by their letters, not by their size",
            f"Make numbers of both: {first} | float {symbol} {right}.",
        )


def spelled(node: nodes.Expr) -> str:
    """Return the spelling of an operand, "the cell" where a hint cannot repeat the operand."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.node, nodes.Name)
        and isinstance(node.arg, nodes.Const)
    ):
        return f"{node.node.name}[{node.arg.value!r}]"
    if isinstance(node, nodes.Filter) and node.node is not None and not node.args:
        inner = spelled(node.node)
        return UNNAMED if inner == UNNAMED else f"{inner} | {node.name}"
    return UNNAMED


def _kind(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, datetime | date | time):
        return "a time"
    return f"a {type(value).__name__}"


def short(text: str) -> str:
    """Return a text in quotes for a message, a long one cut."""
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
