"""The expressions that look wrong and give what is meant, because of the expressions around.

    {% if amount == 5 or amount == '5' %}              the second comparison is the right one
    {% if nick is defined %}{{ nick }}{% endif %}      an empty cell shows nothing in either case
    {{ amount | default(0) | float }}                  the number of an empty text is 0 as well

A misuse that such an expression seems to be would refuse a right letter. Only these forms are
known; this module must never find a fault.

Tests: tests/render/test_comparisons.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from mailbatch.render.kinds import shape_of
from mailbatch.render.scopes import Kind, Scope
from mailbatch.render.spelling import mentions, spelled

#: A test that is harmless beside another one: of `==` in an `or`, of `!=` in an `and`.
_DECIDES = {nodes.Or: "eq", nodes.And: "ne"}


def harmless(node: nodes.Node, scope: Scope) -> Iterator[nodes.Node]:
    """Yield the expressions inside `node` that are no misuse and no doubt beside the others."""
    if isinstance(node, nodes.And | nodes.Or):
        yield from _decided_elsewhere(node, scope)
    elif isinstance(node, nodes.Filter) and node.name in {"int", "float"}:
        given = node.node
        if isinstance(given, nodes.Filter) and given.name in {"default", "d"}:
            value = given.args[0] if given.args else nodes.Const("")
            if isinstance(value, nodes.Const) and value.value in (0, "0", ""):
                yield given


def leaves(condition: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the parts of a condition between `and`, `or` and `not`."""
    if isinstance(condition, nodes.And | nodes.Or):
        yield from leaves(condition.left)
        yield from leaves(condition.right)
    elif isinstance(condition, nodes.Not):
        yield from leaves(condition.node)
    else:
        yield condition


def shows_only(node: nodes.If | nodes.CondExpr, name: str) -> bool:
    """Tell whether the branches of a condition show the value of that name, and else nothing."""
    if isinstance(node, nodes.CondExpr):
        sides = [side for side in (node.expr1, node.expr2) if side is not None]
        return all(_is_empty(side) or _is_value(side, name) for side in sides)
    return not node.elif_ and all(_silent(one, name) for one in (*node.body, *node.else_))


def _decided_elsewhere(node: nodes.And | nodes.Or, scope: Scope) -> Iterator[nodes.Node]:
    wanted = _DECIDES[type(node)]
    asked = [leaf for leaf in _operands(node, type(node)) if isinstance(leaf, nodes.Compare)]
    for leaf in asked:
        found = _equality(leaf, wanted)
        if found is None:
            continue
        subject, value = found
        if any(
            other is not leaf and _asks_the_same(other, wanted, subject, value, scope)
            for other in asked
        ):
            yield leaf


def _operands(node: nodes.Node, kind: type[nodes.Node]) -> Iterator[nodes.Node]:
    if type(node) is kind and isinstance(node, nodes.BinExpr):
        yield from _operands(node.left, kind)
        yield from _operands(node.right, kind)
    else:
        yield node


def _equality(leaf: nodes.Compare, wanted: str) -> tuple[nodes.Node, object] | None:
    """Return (subject, constant) of a comparison with a number or a truth value."""
    if len(leaf.ops) != 1 or leaf.ops[0].op != wanted:
        return None
    sides = leaf.expr, leaf.ops[0].expr
    for subject, other in (sides, sides[::-1]):
        if isinstance(other, nodes.Const) and isinstance(other.value, int | float):
            return subject, other.value
    return None


def _asks_the_same(
    other: nodes.Compare, wanted: str, subject: nodes.Node, value: object, scope: Scope
) -> bool:
    if len(other.ops) != 1 or other.ops[0].op != wanted:
        return False
    sides = other.expr, other.ops[0].expr
    for one, constant in (sides, sides[::-1]):
        if not isinstance(constant, nodes.Const) or not mentions(one, spelled(subject)):
            continue
        if isinstance(constant.value, str):
            return _means(constant.value, value)
        return constant.value == value and shape_of(one, scope).kind is Kind.NUMBER
    return False


def _means(text: str, value: object) -> bool:
    """Tell whether a text of the template is the number, or a word for the truth value."""
    if isinstance(value, bool):
        return bool(text)
    try:
        return float(text) == value
    except ValueError:
        return False


def _silent(node: nodes.Node, name: str) -> bool:
    """Tell whether a statement writes nothing for an empty value of that name."""
    if isinstance(node, nodes.Output):
        return all(_is_empty(one) or _is_value(one, name) for one in node.nodes)
    if isinstance(node, nodes.If) and not node.elif_ and not node.else_:
        return _needs(node.test, name) or all(_silent(one, name) for one in node.body)
    return False


def _needs(condition: nodes.Node, name: str) -> bool:
    """Tell whether a condition is false for an empty value of that name."""
    return any(spelled(one) == name for one in _operands(condition, nodes.And))


def _is_empty(node: nodes.Node) -> bool:
    if isinstance(node, nodes.TemplateData):
        return not node.data.strip()
    return isinstance(node, nodes.Const) and node.value in ("", None)


def _is_value(node: nodes.Node, name: str) -> bool:
    while isinstance(node, nodes.Filter) and node.node is not None and not node.args:
        node = node.node
    return spelled(node) == name
