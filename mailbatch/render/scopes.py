"""The names that a place in a template sees, and the names that a condition makes certain.

Values for the walk over a syntax tree in names.py; nothing here reads templates.

Tests: tests/render/test_names.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from jinja2 import nodes

from mailbatch.frozen import frozen

NOTHING: frozenset[str] = frozenset()
#: The tests of Jinja2 that ask for the kind of a value.
KIND_TESTS = frozenset(
    ("number", "integer", "float", "string", "boolean", "mapping", "sequence", "iterable", "none")
)


class Kind(Enum):
    """The kind of a value, as far as the syntax tree tells; `CELL` is a text of the table."""

    ANY = auto()
    CELL = auto()
    TEXT = auto()
    NUMBER = auto()
    TRUTH = auto()
    NONE = auto()


@frozen
class Shape:
    """The known shape of a value: the `keys` of a mapping (None: any), or of items of a list.

    `kind` is that of the value; of a mapping or a list, that of each value inside. `kinds` are the
    kinds of a mapping's values by key, where these differ. `column` is the column of a cell.
    """

    keys: frozenset[str] | None = None
    items: bool = False
    kind: Kind = Kind.ANY
    kinds: Mapping[str, Kind] | None = None
    column: str | None = None


ANYTHING = Shape()


class Scope:
    """Names at a place. A branch is a scope whose assignments belong to the scope around it."""

    def __init__(
        self,
        around: Scope | None,
        names: Mapping[str, Shape] | None = None,
        *,
        branch: bool = False,
    ) -> None:
        self.around = around
        self.names = dict(names or {})
        self.branch = branch

    def find(self, name: str) -> Shape | None:
        """Return the shape of a name, None for an undefined one."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.around
        return None

    def declare(self, name: str, shape: Shape = ANYTHING) -> None:
        """Define a name from here on; a name that a branch defines anew may be of either kind."""
        scope = self
        while scope.branch and scope.around is not None:
            scope = scope.around
        if scope is not self and (self.find(name) or shape) != shape:
            shape = ANYTHING
        scope.names[name] = shape

    def within(self, names: Mapping[str, Shape] | None = None) -> Scope:
        """Open a new scope inside this one."""
        return Scope(self, names)

    def where(self, asked: Iterable[str]) -> Scope:
        """Open the branch in which the names that a condition asked for are defined."""
        return Scope(self, {name: self.find(name) or ANYTHING for name in asked}, branch=True)

    def of_kinds(self, asked: Iterable[str]) -> Scope:
        """Open the branch in which a condition vouches for the kind of some names."""
        known = {name: ANYTHING for name in asked if self.find(name) is not None}
        return Scope(self, known, branch=True) if known else self

    def all_names(self) -> frozenset[str]:
        """Return every name that can be seen here."""
        outer = self.around.all_names() if self.around is not None else NOTHING
        return outer | self.names.keys()


def dotted(node: nodes.Node) -> str | None:
    """Return `name` or `name.key` for a name and a key in either spelling, else None."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.node, nodes.Name)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        return f"{node.node.name}.{node.arg.value}"
    return None


def defined_if(condition: nodes.Node, *, holds: bool) -> frozenset[str]:
    """Return the names that are certainly defined if a condition holds, or does not hold."""
    if isinstance(condition, nodes.Not):
        return defined_if(condition.node, holds=not holds)
    if isinstance(condition, nodes.And | nodes.Or):
        left = defined_if(condition.left, holds=holds)
        right = defined_if(condition.right, holds=holds)
        # Both sides decide an "and" that holds and an "or" that does not; else either may have
        # done so.
        return left | right if isinstance(condition, nodes.And) is holds else left & right
    if isinstance(condition, nodes.Test) and condition.name == (
        "defined" if holds else "undefined"
    ):
        name = dotted(condition.node)
        return frozenset((name,)) if name else NOTHING
    return NOTHING


def kinds_asked(condition: nodes.Node) -> frozenset[str]:
    """Return the names whose kind a condition asks for, as `amount is number` does."""
    tests = [condition] if isinstance(condition, nodes.Test) else []
    tests += condition.find_all(nodes.Test)
    return frozenset(
        test.node.name
        for test in tests
        if test.name in KIND_TESTS and isinstance(test.node, nodes.Name)
    )
