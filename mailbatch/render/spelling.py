"""The spelling of an expression in a template, for the remedies that repeat a piece of it.

    spelled(tree_of("amount | trim"))      -> "amount | trim"
    as_number(tree_of("amount"), "float")  -> "amount | float"

An expression that is longer than a remedy can say is `(...)`. Never judges an expression.

Tests: tests/render/test_comparisons.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import nodes

#: The spelling of an expression that is not repeated.
VALUE = "(...)"


def spelled(node: nodes.Node | None) -> str:
    """Return the spelling of an operand, as far as a remedy can repeat it."""
    found = VALUE
    if isinstance(node, nodes.Name):
        found = node.name
    elif isinstance(node, nodes.Const):
        found = repr(node.value)
    elif isinstance(node, nodes.Getattr):
        found = f"{spelled(node.node)}.{node.attr}"
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        found = f"{spelled(node.node)}[{node.arg.value!r}]"
    elif isinstance(node, nodes.Filter) and not node.kwargs:
        found = called(f"{spelled(node.node)} | {node.name}", node.args)
    elif isinstance(node, nodes.Call) and not node.kwargs:
        found = called(spelled(node.node), node.args) + ("" if node.args else "()")
    return VALUE if VALUE in found else found


def as_number(node: nodes.Node, kind: str = "float") -> str:
    """Return the spelling of an operand as a number: of kind `int` or `float`."""
    return f"{spelled(node)} | {kind}"


def mentions(node: nodes.Node, name: str) -> bool:
    """Tell whether an expression has an operand of that spelling."""
    inside = [node, *node.find_all((nodes.Name, nodes.Getattr, nodes.Getitem))]
    return any(spelled(one) == name for one in inside)


def called(name: str, given: Sequence[nodes.Node]) -> str:
    """Return the spelling of a filter or a function with its arguments, in brackets if any."""
    arguments = [spelled(one) for one in given]
    if VALUE in name or VALUE in arguments:
        return VALUE
    return f"{name}({', '.join(arguments)})" if arguments else name
