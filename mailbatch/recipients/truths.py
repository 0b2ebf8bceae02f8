"""The truth of a text in an expression of the job: a cell that says `no` is true to Jinja2.

    where: not unsub              # refused: the cell 'no' counts as true
    where: unsub | lower != 'yes' # true or false

`not`, `and`, `or`, `x if y else z` and the tests of a kind (`is true`, `is none`) are replaced by
such that refuse a text. An empty text is false to Jinja2, so that `plan or 'free'` fills an empty
cell: a value of `or` that is compared or changed stays as written. Numbers and lists keep their
truth.

Tests: tests/recipients/test_where.py.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from mailbatch.recipients.comparing import UNNAMED, KindsDifferError, short, spelled

#: The name of the filter, with a space: no expression can write this name.
_FILTER = "as truth"
#: The tests of Jinja2 that are true for no text.
_NO_TEXT = frozenset({"true", "false", "boolean", "none", "number", "integer", "float"})


class Truths(NodeTransformer):
    """Marks each operand of a syntax tree whose truth decides."""

    def visit_Not(self, node: nodes.Not) -> nodes.Not:  # noqa: N802 - Jinja2's name
        """Mark the operand of `not`."""
        node.node = _marked(self._visited(node.node, decides=True))
        return node

    def visit_And(self, node: nodes.And) -> nodes.Expr:  # noqa: N802 - Jinja2's name
        """Mark the left operand of `and`: the right one is the result."""
        return self._both(node, decides=False)

    def visit_Or(self, node: nodes.Or) -> nodes.Or:  # noqa: N802 - Jinja2's name
        """Leave an `or` that only fills an empty cell."""
        node.left = self._visited(node.left, decides=False)
        node.right = self._visited(node.right, decides=False)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Test:  # noqa: N802 - Jinja2's name
        """Mark the operand of a test that is true for no text."""
        self.generic_visit(node)
        if node.name in _NO_TEXT:
            node.node = _marked(node.node, node.name)
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.CondExpr:  # noqa: N802 - Jinja2's name
        """Mark the condition of `x if y else z`."""
        node.test = _marked(self._visited(node.test, decides=True))
        node.expr1 = self._visited(node.expr1, decides=False)
        if node.expr2 is not None:
            node.expr2 = self._visited(node.expr2, decides=False)
        return node

    def deciding(self, tree: nodes.Expr) -> nodes.Expr:
        """Mark the operands of an expression whose own truth decides."""
        return self._visited(tree, decides=True)

    def _visited(self, node: nodes.Expr, *, decides: bool) -> nodes.Expr:
        if decides and isinstance(node, nodes.And | nodes.Or):
            return self._both(node, decides=True)
        if decides and isinstance(node, nodes.CondExpr):
            node.test = _marked(self._visited(node.test, decides=True))
            node.expr1 = self._visited(node.expr1, decides=True)
            if node.expr2 is not None:
                node.expr2 = self._visited(node.expr2, decides=True)
            return node
        visited: nodes.Expr = self.visit(node)
        return visited

    def _both(self, node: nodes.And | nodes.Or, *, decides: bool) -> nodes.Expr:
        node.left = _marked(self._visited(node.left, decides=True))
        node.right = self._visited(node.right, decides=decides)
        return node


def prepare_truths(filters: MutableMapping[str, Any]) -> None:
    """Put the truths of this module among the filters of an environment."""
    filters[_FILTER] = _truth


def remedy(name: str) -> str:
    """Return the way to compare a cell.

    >>> remedy("unsub")
    "Compare it, as in unsub == 'yes' or unsub != '': cells are text."
    """
    if name == UNNAMED:
        return "Compare it, as in plan == 'pro': cells are text."
    return f"Compare it, as in {name} == 'yes' or {name} != '': cells are text."


def _marked(node: nodes.Expr, kind: str = "") -> nodes.Expr:
    if isinstance(node, nodes.And | nodes.Or):
        node.right = _marked(node.right)  # the left one is marked already
        return node
    if isinstance(node, nodes.CondExpr):
        node.expr1 = _marked(node.expr1)
        node.expr2 = node.expr2 and _marked(node.expr2)
        return node
    arguments: list[nodes.Expr] = [nodes.Const(spelled(node)), nodes.Const(kind)]
    return nodes.Filter(node, _FILTER, arguments, [], None, None, lineno=node.lineno)


def _truth(value: Any, name: str, kind: str) -> Any:
    if not isinstance(value, str):
        return value
    if kind:
        raise KindsDifferError(
            f"asks whether the text {short(value)} is {kind}, which no text is", remedy(name)
        )
    raise KindsDifferError(
        f"takes the text {short(value)} for true or false: a cell that says no would be true",
        remedy(name),
    )
