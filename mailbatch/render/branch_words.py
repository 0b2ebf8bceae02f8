"""The words for the condition of a branch, for people who read letters and no templates.

    {% if plan == 'gold' %}              plan is gold
    the else of {% if first_name %}      first_name is empty
    {{ nick or first_name }}             nick is empty

Columns keep their names. A condition without plain words has none: None, and no guess.
"""

from __future__ import annotations

from jinja2 import nodes

_LONGEST = 60
#: How two values compare, and the opposite.
_COMPARED = {
    "eq": ("is", "is not"),
    "ne": ("is not", "is"),
    "gt": ("is above", "is at most"),
    "lt": ("is below", "is at least"),
    "gteq": ("is at least", "is below"),
    "lteq": ("is at most", "is above"),
    "in": ("is one of", "is none of"),
    "notin": ("is none of", "is one of"),
}
#: The same with the value first.
_TURNED = {
    "eq": _COMPARED["eq"],
    "ne": _COMPARED["ne"],
    "gt": _COMPARED["lt"],
    "lt": _COMPARED["gt"],
    "gteq": _COMPARED["lteq"],
    "lteq": _COMPARED["gteq"],
    "in": ("has", "does not have"),
    "notin": ("does not have", "has"),
}
_GIVEN = frozenset(("eq", "ne"))
#: Filters and methods that change how a value looks, and not what a reader calls the value.
_SAME = frozenset(
    ("capitalize", "casefold", "d", "default", "e", "escape", "float", "int", "lower", "round",
     "strip", "string", "title", "trim", "upper")
)  # fmt: skip
#: Filters that make a number, of which 0 is no empty value.
_NUMBERS = frozenset(("count", "float", "int", "length", "round"))
_TESTED = {
    "startswith": ("begins with", "does not begin with"),
    "endswith": ("ends with", "does not end with"),
}


def words_for(test: nodes.Node, *, holds: bool = True) -> str | None:
    """Return the words for a condition that holds, or does not; None where there are none."""
    words = _words(test, holds=holds)
    return words if words is None or len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _words(test: nodes.Node, *, holds: bool) -> str | None:
    if isinstance(test, nodes.Not):
        return _words(test.node, holds=not holds)
    if isinstance(test, (nodes.And, nodes.Or)):
        both = isinstance(test, nodes.And) is holds
        left, right = _words(test.left, holds=holds), _words(test.right, holds=holds)
        said = None not in (left, right) and not (
            both and any(_is_either(one, holds=holds) for one in (test.left, test.right))
        )
        return f"{left} {'and' if both else 'or'} {right}" if said else None
    if isinstance(test, nodes.Compare):
        return _compared(test, holds=holds)
    name = _name(test)
    if name is None or (isinstance(test, nodes.Filter) and test.name in _NUMBERS):
        return _tested(test, holds=holds)
    return f"{name} is given" if holds else f"{name} is empty"


def _is_either(test: nodes.Node, *, holds: bool) -> bool:
    """Say whether words for a condition have an "or", which an "and" beside them would bind."""
    while isinstance(test, nodes.Not):
        test, holds = test.node, not holds
    return isinstance(test, nodes.Or if holds else nodes.And)


def _tested(test: nodes.Node, *, holds: bool) -> str | None:
    """Return the words for a method that is asked something, as `name.startswith('A')`."""
    if not isinstance(test, nodes.Call) or not isinstance(test.node, nodes.Getattr):
        return None
    said, name = _TESTED.get(test.node.attr), _name(test.node.node)
    value = _value(test.args[0]) if len(test.args) == 1 else None
    if said is None or name is None or value is None:
        return None
    return f"{name} {said[not holds]} {value}"


def _compared(test: nodes.Compare, *, holds: bool) -> str | None:
    if len(test.ops) != 1:
        return None
    kind, other = test.ops[0].op, test.ops[0].expr
    name, value = _name(test.expr), _value(other)
    said, opposite = _COMPARED[kind]
    if name is None:  # 'gold' == plan, 'gold' in plans
        name, value = _name(other), _value(test.expr)
        said, opposite = _TURNED.get(kind, ("", ""))
    if name is None or value is None or not said:
        return None
    if value == "" and kind in _GIVEN:
        return f"{name} is {'given' if (kind == 'ne') is holds else 'empty'}"
    return f"{name} {said if holds else opposite} {value}"


def _name(value: nodes.Node) -> str | None:
    """Return the name that people know a value by: a column, or the last part of a path."""
    if isinstance(value, nodes.Filter) and value.node is not None:
        inner = _name(value.node)
        if value.name in {"length", "count"}:
            return inner and f"number of {inner}"
        return inner if value.name in _SAME else None
    if isinstance(value, nodes.Call) and isinstance(value.node, nodes.Getattr) and not value.args:
        return _name(value.node.node) if value.node.attr in _SAME else None
    return _plain_name(value)


def _plain_name(value: nodes.Node) -> str | None:
    if isinstance(value, nodes.Name):
        return value.name
    if isinstance(value, nodes.Getattr):
        around = value.node
        of_a_loop = isinstance(around, nodes.Name) and around.name == "loop"
        return None if of_a_loop else value.attr
    if isinstance(value, nodes.Getitem) and isinstance(value.arg, nodes.Const):
        return value.arg.value if isinstance(value.arg.value, str) else None
    return None


def _value(value: nodes.Node) -> str | None:
    """Return a constant, or a list of constants, as people write it; another column by its name."""
    if isinstance(value, nodes.Const):
        return str(value.value)
    if isinstance(value, (nodes.List, nodes.Tuple)):
        items = [_value(item) for item in value.items]
        return None if None in items else ", ".join(filter(None, items))
    return _name(value)
