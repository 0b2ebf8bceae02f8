"""The kind of the value of an expression in a template, as far as the syntax tree tells.

    {{ amount | trim }}          a cell: `amount` is a column, and `trim` gives a text of it
    {{ amount | float * 1.2 }}   a number
    {{ rows[0].amount }}         a cell

Every cell of a table is a text. A value of which nothing is certain is of no kind: no mistake is
made of it. This module must never judge an expression: comparisons.py does.

Tests: tests/render/test_comparisons.py.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes

from mailbatch.render.scopes import ANYTHING, Kind, Scope, Shape

TEXTS = frozenset((Kind.CELL, Kind.TEXT))
_NUMBERS = frozenset(("int", "float", "abs", "round", "length", "count", "wordcount", "sum"))
#: The filters that give the text of a text: of a cell, the value is still that of the column.
_OF_TEXT = frozenset(
    ("trim", "lower", "upper", "replace", "string", "title", "capitalize", "striptags", "truncate")
)
_TEXT_FILTERS = """
join center e escape filesizeformat format indent pprint tojson urlencode urlize wordwrap xmlattr
"""
_TEXTS = frozenset(_TEXT_FILTERS.split())
#: The filters that give a list of the items of a list.
_OF_ITEMS = frozenset(("list", "sort", "reverse", "unique", "selectattr", "rejectattr", "select"))
_ONE_OF_ITEMS = frozenset(("first", "last", "min", "max", "random"))
#: The methods of a text, by the kind that each gives.
_METHODS = {
    **dict.fromkeys(("strip", "lstrip", "rstrip", "lower", "upper", "replace"), Kind.CELL),
    **dict.fromkeys(("title", "capitalize", "zfill", "removeprefix", "removesuffix"), Kind.CELL),
    **dict.fromkeys(("count", "find", "index", "rfind"), Kind.NUMBER),
    **dict.fromkeys(("startswith", "endswith", "isdigit", "isalpha", "isnumeric"), Kind.TRUTH),
}
_CONSTANTS = {
    str: Kind.TEXT,
    bool: Kind.TRUTH,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    type(None): Kind.NONE,
}


def shape_of(node: nodes.Node | None, scope: Scope) -> Shape:
    """Return the shape of the value of an expression; `scope` has the names at that place."""
    visit = _SHAPES.get(type(node))
    return visit(node, scope) if visit is not None else ANYTHING


def items_of(node: nodes.Node, scope: Scope) -> Shape:
    """Return the shape of the items of a list."""
    found = shape_of(node, scope)
    return Shape(found.keys, kind=found.kind) if found.items else ANYTHING


def argument(node: nodes.Filter | nodes.Test | nodes.Call, name: str) -> str | None:
    """Return the constant text of the named argument, or of the first one; None without."""
    given = [one.value for one in node.kwargs if one.key == name] + node.args[:1]
    constant = given[0] if given else None
    if isinstance(constant, nodes.Const) and isinstance(constant.value, str):
        return constant.value
    return None


def _constant(node: nodes.Const, _: Scope) -> Shape:
    return Shape(kind=_CONSTANTS.get(type(node.value), Kind.ANY))


def _name(node: nodes.Name, scope: Scope) -> Shape:
    return scope.find(node.name) or ANYTHING


def _key(node: nodes.Getattr | nodes.Getitem, scope: Scope) -> Shape:
    around = shape_of(node.node, scope)
    key = node.attr if isinstance(node, nodes.Getattr) else _constant_of(node.arg)
    if around.items:
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            return around
        return Shape(around.keys, kind=around.kind) if isinstance(key, int) else ANYTHING
    if around.keys is None:
        return around if around.kind in TEXTS and isinstance(node, nodes.Getitem) else ANYTHING
    if not isinstance(key, str) or key not in around.keys:
        return ANYTHING
    kind = around.kind if around.kinds is None else around.kinds.get(key, Kind.ANY)
    return Shape(kind=kind, column=key if kind is Kind.CELL else None)


def _constant_of(node: nodes.Node) -> object:
    return node.value if isinstance(node, nodes.Const) else None


def _filter(node: nodes.Filter, scope: Scope) -> Shape:
    if node.node is None:  # a filter block: its text
        return Shape(kind=Kind.TEXT)
    given = shape_of(node.node, scope)
    shape = ANYTHING
    if node.name in _NUMBERS:
        shape = Shape(kind=Kind.NUMBER)
    elif node.name in _OF_TEXT:
        shape = given if given.kind in TEXTS and given.keys is None else Shape(kind=Kind.TEXT)
    elif node.name in _TEXTS:
        shape = Shape(kind=Kind.TEXT)
    elif node.name in {"default", "d"}:
        other = shape_of(node.args[0], scope) if node.args else Shape(kind=Kind.TEXT)
        shape = given if len(node.args) < 2 and not node.kwargs else _either(given, other)  # noqa: PLR2004
        shape = shape if given.kind is not Kind.ANY else ANYTHING
    elif given.items and node.name in _OF_ITEMS:
        shape = given
    elif given.items and node.name in _ONE_OF_ITEMS:
        shape = Shape(given.keys, kind=given.kind)
    elif given.items and node.name == "map" and given.keys is not None:
        column = argument(node, "attribute") if node.kwargs else None
        if column in given.keys:
            shape = Shape(items=True, kind=given.kind, column=column)
    return shape


def _either(one: Shape, other: Shape) -> Shape:
    if one.kind is other.kind or {one.kind, other.kind} <= TEXTS:
        return one
    return ANYTHING


def _or(node: nodes.Or | nodes.And, scope: Scope) -> Shape:
    return _either(shape_of(node.left, scope), shape_of(node.right, scope))


def _choice(node: nodes.CondExpr, scope: Scope) -> Shape:
    if node.expr2 is None:
        return ANYTHING
    one, other = shape_of(node.expr1, scope), shape_of(node.expr2, scope)
    return one if one.kind is other.kind else ANYTHING


def _sum(node: nodes.BinExpr, scope: Scope) -> Shape:
    one, other = shape_of(node.left, scope).kind, shape_of(node.right, scope).kind
    if {one, other} <= TEXTS:
        return Shape(kind=Kind.TEXT)
    return Shape(kind=Kind.NUMBER) if one is other is Kind.NUMBER else ANYTHING


def _number(_: nodes.Node, __: Scope) -> Shape:
    return Shape(kind=Kind.NUMBER)


def _truth(_: nodes.Node, __: Scope) -> Shape:
    return Shape(kind=Kind.TRUTH)


def _text(_: nodes.Node, __: Scope) -> Shape:
    return Shape(kind=Kind.TEXT)


def _call(node: nodes.Call, scope: Scope) -> Shape:
    if not isinstance(node.node, nodes.Getattr):
        return ANYTHING
    owner = shape_of(node.node.node, scope)
    if owner.kind not in TEXTS or owner.keys is not None or owner.items:
        return ANYTHING
    kind = _METHODS.get(node.node.attr, Kind.ANY)
    return owner if kind is Kind.CELL else Shape(kind=kind)


_SHAPES: dict[type[nodes.Node | None], Callable[..., Shape]] = {
    nodes.Const: _constant,
    nodes.Name: _name,
    nodes.Getattr: _key,
    nodes.Getitem: _key,
    nodes.Filter: _filter,
    nodes.Or: _or,
    nodes.And: _or,
    nodes.CondExpr: _choice,
    nodes.Add: _sum,
    nodes.Sub: _number,
    nodes.Mul: _sum,
    nodes.Div: _number,
    nodes.FloorDiv: _number,
    nodes.Neg: _number,
    nodes.Compare: _truth,
    nodes.Test: _truth,
    nodes.Not: _truth,
    nodes.Concat: _text,
    nodes.TemplateData: _text,
    nodes.Call: _call,
}
