"""The doubts about texts that a template orders: cells that may be numbers or dates.

    {% if amount >= "5" %}                   the letters of "12.50" come before those of "5"
    {{ [amount, qty] | max }}
    {% for row in rows | sort(attribute='qty') %}

The order of the letters is right for most texts: the table decides (mailbatch.expressions.orders).
This module must never judge a comparison with a number: comparisons.py does.

Tests: tests/render/test_comparisons.py, tests/checks/test_expression_checks.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from jinja2 import nodes

from mailbatch.render.kinds import argument, shape_of
from mailbatch.render.scopes import Kind, Scope, Shape
from mailbatch.render.spelling import VALUE, as_number, spelled
from mailbatch.render.verdicts import Doubt, Operand, Order, Question

_A_TIME = datetime(2026, 11, 29, 12, 30)  # noqa: DTZ001 - an example for the form alone
_PICKS = frozenset(("min", "max", "sort"))


def ordered(left: nodes.Node, symbol: str, right: nodes.Node, scope: Scope) -> Iterator[Doubt]:
    """Yield the doubt about a comparison of two texts by their order."""
    one, other = _operand(left, scope), _operand(right, scope)
    if one is None or other is None or (one.column is None and other.column is None):
        return
    written = f"{spelled(left)} {symbol} {spelled(right)}"
    hint = f"Make numbers of both: {_as_float(left)} {symbol} {_as_float(right)}."
    columns = _columns(one, other)
    word = spelled(left if one.column is not None else right)
    yield Doubt(Question.ORDERED, columns, written, hint, word, (Order(one, symbol, other),))


def picked(node: nodes.Filter, scope: Scope) -> Iterator[Doubt]:
    """Yield the doubt about the least, the largest or the order of texts in a list.

    The list is written in the template (`[amount, qty] | max`), or is one of the rows.
    """
    if node.name not in _PICKS or node.node is None:
        return
    if isinstance(node.node, nodes.List | nodes.Tuple):
        yield from _of_written(node, node.node.items, scope)
    else:
        yield from _of_rows(node, shape_of(node.node, scope))


def _of_written(node: nodes.Filter, items: list[nodes.Expr], scope: Scope) -> Iterator[Doubt]:
    operands = [_operand(item, scope) for item in items]
    known = [one for one in operands if one is not None]
    columns = _columns(*known)
    if len(known) < len(operands) or not columns:
        return
    orders = tuple(Order(one, "<", other) for one, other in combinations(known, 2))
    listed = f"[{', '.join(map(spelled, items))}] | {node.name}"
    numbers = f"[{', '.join(map(_as_float, items))}] | {node.name}"
    word = next(spelled(item) for item in items if not isinstance(item, nodes.Const))
    yield Doubt(Question.ORDERED, columns, listed, f"Write {numbers}.", word, orders)


def _of_rows(node: nodes.Filter, shape: Shape) -> Iterator[Doubt]:
    column = argument(node, "attribute")
    if shape.keys is None:  # a list of cells
        column = shape.column
    elif column not in shape.keys:
        column = None
    if not shape.items or shape.kind is not Kind.CELL or column is None:
        return
    numbers = f"rows | map(attribute={column!r}) | map('float')"
    hint = f"Texts are ordered by their letters: write {numbers} | {node.name}."
    if node.name == "sort" and shape.keys is not None:
        hint = (
            f"Texts are ordered by their letters: write {{% for n in {numbers} | unique | sort %}}"
            f"{{% for row in rows if row[{column!r}] | float == n %}} ... "
            "{% endfor %}{% endfor %}."
        )
    about = spelled(node.node)
    written = f"{about} | {node.name}" if about != VALUE else node.name
    yield Doubt(Question.SORTED, (column,), f"{written} by {column}", hint, column)


def _operand(node: nodes.Node, scope: Scope) -> Operand | None:
    """Return a side whose text the table or the template gives; None for any other."""
    if isinstance(node, nodes.Const):
        return Operand(text=node.value) if isinstance(node.value, str) else None
    if _is_time(node, scope):
        return Operand(text=_A_TIME.strftime(node.args[0].value))  # type: ignore[attr-defined]
    shape = shape_of(node, scope)
    if shape.kind is Kind.CELL and shape.keys is None and not shape.items and shape.column:
        return Operand(column=shape.column)
    return None


def _is_time(node: nodes.Node, scope: Scope) -> bool:
    """Tell whether an expression is `now.strftime('...')`: a text whose form is known."""
    if not isinstance(node, nodes.Call) or not isinstance(node.node, nodes.Getattr):
        return False
    form = node.args[0] if len(node.args) == 1 else None
    return (
        spelled(node.node) == "now.strftime"
        and scope.find("now") is not None
        and isinstance(form, nodes.Const)
        and isinstance(form.value, str)
    )


def _columns(*operands: Operand) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.column for one in operands if one.column is not None))


def _as_float(node: nodes.Node) -> str:
    """Write an operand as a number: a text of the template without its quotes."""
    return str(node.value) if isinstance(node, nodes.Const) else as_number(node)
