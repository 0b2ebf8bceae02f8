"""The expressions of a template that take the text of a cell for a number, a truth value or none.

    {% if amount == 5 %}       a misuse: a text is never equal to a number
    {{ price * qty }}          a misuse: two texts cannot be multiplied
    {% if subscribed %}        a doubt: "no" and "0" are true, where the column has such cells

A *misuse* is wrong for every row. A *doubt* depends on the cells: the checks look at the table.
This module must never look at a value: the syntax tree and the kinds of names are all there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from jinja2 import nodes

from mailbatch.render.guards import leaves, shows_only
from mailbatch.render.kinds import TEXTS, argument, shape_of
from mailbatch.render.orderings import ordered, picked
from mailbatch.render.scopes import Kind, Scope, Shape
from mailbatch.render.spelling import VALUE, as_number, called, mentions, spelled
from mailbatch.render.verdicts import Doubt, Misuse, Question

_SYMBOLS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_EQUAL = frozenset(("==", "!="))
#: The tests of Jinja2 that compare, by the symbol that each means.
_COMPARING = {
    **dict.fromkeys(("eq", "equalto", "=="), "=="),
    **dict.fromkeys(("ne", "!="), "!="),
    **dict.fromkeys(("lt", "lessthan", "<"), "<"),
    **dict.fromkeys(("le", "<="), "<="),
    **dict.fromkeys(("gt", "greaterthan", ">"), ">"),
    **dict.fromkeys(("ge", ">="), ">="),
}
_OF_NUMBERS = frozenset(("even", "odd", "divisibleby"))
_NUMBER_TESTS = frozenset(("number", "integer", "float"))
_OPERATORS: dict[type[nodes.Node], str] = {
    nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//",
    nodes.Mod: "%", nodes.Pow: "**",
}  # fmt: skip
_OTHERS = frozenset((Kind.NUMBER, Kind.TRUTH))
#: A conversion of `%`: `%%`, one of a number, or any other.
_CONVERSION = re.compile(r"%(?:%|[-+ 0#]*\d*(?:\.\d+)?(?P<number>[diouxXeEfFgG])|[^%])")


def judge(node: nodes.Node, scope: Scope) -> Iterator[Misuse | Doubt]:
    """Yield what is wrong with one node of an expression; the nodes inside are judged apart."""
    visit = _JUDGES.get(type(node))
    if visit is not None:
        yield from visit(node, scope)


def judge_condition(
    condition: nodes.Node, scope: Scope, around: nodes.If | nodes.CondExpr | None = None
) -> Iterator[Doubt]:
    """Yield the doubts of a condition as a whole, such as that of `{% if ... %}`.

    `around` has the condition and the branches: branches that show the cell alone leave no doubt.
    """
    parts = list(leaves(condition))
    asked = [(leaf, _question(leaf, scope)) for leaf in parts]
    for leaf in parts:
        shape = shape_of(leaf, scope)
        if shape.kind is Kind.CELL and shape.column is not None:
            name = spelled(leaf)
            hint = f"Compare it with the word of the table: {name} == 'yes', say."
            yield Doubt(Question.TRUTH, (shape.column,), name, hint, name)
    for leaf, doubt in asked:
        if doubt is None or (
            doubt.question is Question.EMPTY
            and len(parts) == 1
            and around is not None
            and shows_only(around, doubt.word)
        ):
            continue
        if not any(
            other is not leaf and found is None and mentions(other, doubt.word)
            for other, found in asked
        ):
            yield doubt


def _is_text(shape: Shape) -> bool:
    return shape.kind in TEXTS and shape.keys is None and not shape.items


def _is_cell(shape: Shape) -> bool:
    return _is_text(shape) and shape.kind is Kind.CELL


# Comparisons


def _compare(node: nodes.Compare, scope: Scope) -> Iterator[Misuse | Doubt]:
    left: nodes.Node = node.expr
    for operand in node.ops:
        if operand.op in _SYMBOLS:
            yield from _pair(left, _SYMBOLS[operand.op], operand.expr, scope)
        else:
            word = "in" if operand.op == "in" else "not in"
            yield from _membership(left, word, operand.expr, scope)
        left = operand.expr


def _pair(
    left: nodes.Node, symbol: str, right: nodes.Node, scope: Scope
) -> Iterator[Misuse | Doubt]:
    one, other = shape_of(left, scope), shape_of(right, scope)
    if _is_text(one) and other.kind in _OTHERS and other.keys is None:
        yield _mixed(left, one, symbol, right, other, text_first=True)
    elif _is_text(other) and one.kind in _OTHERS and one.keys is None:
        yield _mixed(right, other, symbol, left, one, text_first=False)
    elif symbol not in _EQUAL:
        yield from ordered(left, symbol, right, scope)


def _mixed(
    text: nodes.Node,
    shape: Shape,
    symbol: str,
    other: nodes.Node,
    kind: Shape,
    *,
    text_first: bool,
) -> Misuse:
    if isinstance(text, nodes.Const):
        return _quoted(text, symbol, other, text_first=text_first)
    name = spelled(text)
    value = other.value if isinstance(other, nodes.Const) else None
    if kind.kind is Kind.TRUTH:
        word = str(value).lower() if value is not None else None
        with_ = word if word is not None else "a truth value"
        remedy = f"{name} | lower {symbol} '{word or 'true'}', or the word of the table"
        return Misuse(f"compares the text of {name} with {with_}", _told(shape, remedy), name)
    number = f"the number {value}" if value is not None else "a number"
    shown = value if value is not None else spelled(other)
    made = as_number(text, "float")  # `int` would cut 5.40 to a 5
    remedy = f"{made} {symbol} {shown}" if text_first else f"{shown} {symbol} {made}"
    if symbol in _EQUAL and value is not None:
        remedy += f", or {name} {symbol} '{value}'"
    return Misuse(f"compares the text of {name} with {number}", _told(shape, remedy), name)


def _quoted(text: nodes.Const, symbol: str, other: nodes.Node, *, text_first: bool) -> Misuse:
    """Return the misuse of a comparison of a number with a text that the template writes."""
    name, value = spelled(other), str(text.value)
    message = f"compares {'a number' if name == VALUE else name} with the text {value!r}"
    try:
        float(value)
    except ValueError:
        return Misuse(message, "Compare numbers with numbers, and texts with texts.", value)
    written = f"{value} {symbol} {name}" if text_first else f"{name} {symbol} {value}"
    return Misuse(message, f"Write the number without quotes: {written}.", value)


def _told(shape: Shape, remedy: str) -> str:
    known = "Cells are text" if shape.kind is Kind.CELL else "It is a text"
    return f"{known}: write {remedy}."


def _membership(left: nodes.Node, word: str, right: nodes.Node, scope: Scope) -> Iterator[Misuse]:
    one, other = shape_of(left, scope), shape_of(right, scope)
    name = spelled(left)
    if one.kind is Kind.NUMBER and one.keys is None and _is_text(other):
        message = f"looks for a number in the text of {spelled(right)}"
        yield Misuse(message, f"Write the number as a text: '{name}' {word} ...", name)
    if not isinstance(right, nodes.List | nodes.Tuple) or not right.items:
        return
    kinds = {shape_of(item, scope).kind for item in right.items}
    example = spelled(right.items[0])
    if _is_text(one) and kinds <= _OTHERS:
        remedy = (
            f"{name} {word} ['{example}', ...], or {as_number(left, 'int')} {word} [{example}, ...]"
        )
        message = f"looks for the text of {name} among numbers, such as {example}"
        yield Misuse(message, _told(one, remedy), name)
    elif one.kind is Kind.NUMBER and kinds <= TEXTS:
        message = f"looks for a number among texts, such as {example}"
        yield Misuse(message, "Write the list without quotes.", name)


def _test(node: nodes.Test, scope: Scope) -> Iterator[Misuse | Doubt]:
    shape, name = shape_of(node.node, scope), spelled(node.node)
    if node.name in _COMPARING and node.args:
        yield from _pair(node.node, _COMPARING[node.name], node.args[0], scope)
    elif node.name == "in" and node.args:
        yield from _membership(node.node, "in", node.args[0], scope)
    elif not _is_text(shape):
        return
    elif node.name in _OF_NUMBERS:
        written = f"{as_number(node.node, 'int')} is {node.name}"
        yield Misuse(f"asks whether the text of {name} is {node.name}", _told(shape, written), name)
    elif node.name in {"true", "false"}:
        remedy = f"{name} | lower == '{node.name}', or the word of the table"
        yield Misuse(f"compares the text of {name} with {node.name}", _told(shape, remedy), name)


# Calculations


def _calculation(node: nodes.BinExpr, scope: Scope) -> Iterator[Misuse | Doubt]:
    symbol = _OPERATORS[type(node)]
    one, other = shape_of(node.left, scope), shape_of(node.right, scope)
    cells = [
        operand for operand, shape in ((node.left, one), (node.right, other)) if _is_cell(shape)
    ]
    if symbol == "%" and isinstance(node.left, nodes.Const):
        given = node.right.items if isinstance(node.right, nodes.Tuple) else [node.right]
        yield from _formatted(node.left, given, scope)
        return
    if not cells:
        return
    if symbol == "+" and (one.kind in TEXTS or other.kind in TEXTS):
        if len(cells) == 2:  # noqa: PLR2004 - both
            yield from _joined(node, scope)
        if one.kind is not Kind.NUMBER and other.kind is not Kind.NUMBER:
            return
    found = _calculates(node, symbol, cells)
    if symbol == "*" and len(cells) == 1:  # a text may be repeated on purpose
        column = shape_of(cells[0], scope).column
        if column is not None:
            written = f"{spelled(node.left)} * {spelled(node.right)}"
            yield Doubt(Question.NUMBERS, (column,), written, found.hint, found.word)
        return
    yield found


def _joined(node: nodes.BinExpr, scope: Scope) -> Iterator[Doubt]:
    columns = [shape_of(one, scope).column for one in (node.left, node.right)]
    known = tuple(one for one in columns if one is not None)
    if len(known) == len(columns):
        written = f"{spelled(node.left)} + {spelled(node.right)}"
        hint = f"Make numbers of both: {as_number(node.left)} + {as_number(node.right)}."
        yield Doubt(Question.JOINED, known, written, hint, spelled(node.left))


def _calculates(node: nodes.BinExpr, symbol: str, cells: Sequence[nodes.Node]) -> Misuse:
    names = " and ".join(dict.fromkeys(map(spelled, cells)))
    sides = [
        as_number(one, "float") if one in cells else spelled(one) for one in (node.left, node.right)
    ]
    remedy = f" {symbol} ".join(sides)
    if VALUE in sides:
        remedy = as_number(cells[0], "float")
    message = f"calculates with the text of {names}"
    return Misuse(message, f"Cells are text: write {remedy}.", spelled(cells[0]))


def _negative(node: nodes.Neg | nodes.Pos, scope: Scope) -> Iterator[Misuse]:
    if _is_cell(shape_of(node.node, scope)):
        name = spelled(node.node)
        message = f"calculates with the text of {name}"
        yield Misuse(message, f"Cells are text: write -({as_number(node.node, 'float')}).", name)


def _filter(node: nodes.Filter, scope: Scope) -> Iterator[Misuse | Doubt]:
    if node.node is None:
        return
    shape, name = shape_of(node.node, scope), spelled(node.node)
    if node.name in {"round", "abs"} and _is_cell(shape):
        remedy = f"{as_number(node.node)} | {called(node.name, node.args)}"
        yield Misuse(f"calculates with the text of {name}", _told(shape, remedy), name)
    elif node.name == "format" and isinstance(node.node, nodes.Const):
        yield from _formatted(node.node, node.args, scope)
    elif node.name in {"default", "d"}:
        yield from _default(node, shape)
    elif node.name in {"sort", "min", "max"}:
        yield from picked(node, scope)
    elif shape.items:
        yield from _of_items(node, shape)


def _formatted(text: nodes.Const, given: Sequence[nodes.Node], scope: Scope) -> Iterator[Misuse]:
    """Yield the cells that a format such as `%.2f` takes for numbers."""
    wanted = [one["number"] for one in _CONVERSION.finditer(str(text.value)) if one[0] != "%%"]
    for conversion, value in zip(wanted, given, strict=False):
        shape = shape_of(value, scope)
        if conversion is not None and _is_cell(shape):
            name = spelled(value)
            message = f"formats the text of {name} as a number"
            yield Misuse(message, _told(shape, as_number(value, "float")), name)


def _default(node: nodes.Filter, shape: Shape) -> Iterator[Doubt]:
    """Yield the doubt about a default that an empty cell never gets."""
    if len(node.args) == 1 and not node.kwargs and _is_cell(shape) and shape.column is not None:
        name, value = spelled(node.node), spelled(node.args[0])
        if value in {"''", "None"}:  # no other text than that of the cell
            return
        shown = "..." if value == VALUE else value
        hint = f"An empty cell is a text, too: write {name} or {shown}."
        yield Doubt(Question.EMPTY, (shape.column,), f"{name} | {node.name}(...)", hint, name)


def _of_items(node: nodes.Filter, shape: Shape) -> Iterator[Misuse]:
    column = argument(node, "attribute") if node.name != "map" else None
    if shape.keys is None:  # a list of cells
        column = shape.column
    elif column not in shape.keys:
        column = None
    if shape.kind is not Kind.CELL or column is None:
        return
    numbers = f"map(attribute={column!r}) | map('float')"
    if node.name == "sum":
        message = f"adds the texts of {column}"
        yield Misuse(message, f"Cells are text: write rows | {numbers} | sum.", column)
    elif node.name in {"selectattr", "rejectattr"} and len(node.args) > 2:  # noqa: PLR2004
        value = node.args[2]
        if isinstance(value, nodes.Const) and type(value.value) in (int, float, bool):
            message = f"compares the texts of {column} with {value.value}"
            hint = f"Cells are text: write a text, '{value.value}', in its place."
            yield Misuse(message, hint, column)


# Conditions


def _question(leaf: nodes.Node, scope: Scope) -> Doubt | None:
    """Return the doubt about a question that a cell always answers alike, None for others."""
    subject, question = None, Question.EMPTY
    if isinstance(leaf, nodes.Test) and leaf.name in {"none", "defined", "undefined"}:
        subject = leaf.node
    elif isinstance(leaf, nodes.Test) and leaf.name in _NUMBER_TESTS:
        subject, question = leaf.node, Question.NUMBERS
    elif isinstance(leaf, nodes.Compare) and len(leaf.ops) == 1 and leaf.ops[0].op in {"eq", "ne"}:
        sides = leaf.expr, leaf.ops[0].expr
        if any(isinstance(one, nodes.Const) and one.value is None for one in sides):
            subject = sides[isinstance(sides[0], nodes.Const)]
    if subject is None:
        return None
    shape, name = shape_of(subject, scope), spelled(subject)
    if not _is_cell(shape) or shape.column is None:
        return None
    if question is Question.NUMBERS:
        hint = f"A cell is a text, never a number: {as_number(subject)} makes one."
    else:
        hint = f"An empty cell is a text, too: write {{% if {name} %}}, or {name} == ''."
    kind = leaf.name if isinstance(leaf, nodes.Test) else "none"
    return Doubt(question, (shape.column,), f"{name} is {kind}", hint, name)


_JUDGES: dict[type[nodes.Node], Callable[..., Iterator[Misuse | Doubt]]] = {
    nodes.Compare: _compare,
    nodes.Test: _test,
    nodes.Filter: _filter,
    nodes.Neg: _negative,
    nodes.Pos: _negative,
    **dict.fromkeys(_OPERATORS, _calculation),
}
