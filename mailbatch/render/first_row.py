"""The columns that templates read from the first row of a group: the letter has no other row's.

    {{ child }}                                       {# the first row of an address #}
    {% for row in rows %}{{ row.child }}{% endfor %}  {# every row #}

With `group_by: email` an address has several rows, and a name at top level is that of the first
one. A reading is left alone where the template reads the column of other rows as well, and where
the template asks for `rows` first (`{% if rows | length == 1 %}`). This module must never see a
row: the checks know whether cells differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from jinja2 import meta, nodes

from mailbatch.frozen import frozen
from mailbatch.render.template_names import Fitting, named_templates

#: Returns the syntax tree of a template by name, None where there is none.
Trees = Callable[[str], nodes.Template | None]
_NAMING = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)
#: Values whose keys are no columns of another row.
_NO_ROWS = frozenset(("recipient", "job", "variables", "delivery", "now", "loop"))


@frozen
class FirstRowReading:
    """A reading of a column at top level, on a line of a template; None is the root itself."""

    column: str
    name: str
    template: str | None
    line: int


def first_row_readings(
    root: nodes.Template, names: Mapping[str, str], trees: Trees, fitting: Fitting
) -> Iterator[FirstRowReading]:
    """Yield the first reading of each column, by the root or by a template that tags name.

    `names` are the names that templates write for a column, and the columns, each with the column.
    """

    def made_of(*, asked: bool) -> list[tuple[str | None, nodes.Template]]:
        found: dict[str | None, nodes.Template] = {None: root}
        waiting = [root]
        while waiting:
            for tag in _nodes(waiting.pop(), asked=asked):
                if isinstance(tag, _NAMING):
                    for name in named_templates(tag.template, fitting)[0]:
                        tree = trees(name) if name not in found else None
                        if tree is not None:
                            found[name] = tree
                            waiting.append(tree)
        return list(found.items())

    every = [tree for _, tree in made_of(asked=True)]
    told = {names.get(key, key) for tree in every for key in _keys_of_rows(tree)}
    for template, tree in made_of(asked=False):
        bound = {name for other in every if other is not tree for name in _bound(other)}
        free = meta.find_undeclared_variables(tree) - bound
        for name, line in _read(tree, free):
            column = names.get(name)
            if column is not None and column not in told:
                told.add(column)
                yield FirstRowReading(column, name, template, line)


def _nodes(node: nodes.Node, *, asked: bool) -> Iterator[nodes.Node]:
    """Yield the nodes below a node; those of a choice that asks for `rows` only where `asked`."""
    for child in node.iter_child_nodes():
        if not asked and isinstance(child, nodes.If | nodes.CondExpr) and _names_rows(child.test):
            continue
        yield child
        yield from _nodes(child, asked=asked)


def _names_rows(test: nodes.Node) -> bool:
    names = [test, *test.find_all(nodes.Name)]
    return any(isinstance(node, nodes.Name) and node.name == "rows" for node in names)


def _read(tree: nodes.Template, free: set[str]) -> Iterator[tuple[str, int]]:
    """Yield the names and the keys of `recipient` that a template reads, with the lines."""
    for node in _nodes(tree, asked=False):
        key = _key(node)
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in free:
            yield node.name, node.lineno
        elif key is not None and _owner(node) == "recipient":
            yield key, node.lineno


def _keys_of_rows(tree: nodes.Template) -> Iterator[str]:
    """Yield the keys that a template may read of any row: `row.child`, `map(attribute='child')`."""
    for node in _nodes(tree, asked=True):
        key = _key(node)
        if key is not None and _owner(node) not in _NO_ROWS:
            yield key
        elif isinstance(node, nodes.Filter):
            given = [*node.args, *(keyword.value for keyword in node.kwargs)]
            for one in given:
                if isinstance(one, nodes.Const) and isinstance(one.value, str):
                    yield one.value


def _key(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _owner(node: nodes.Node) -> str | None:
    """Return the name that a key stands behind: `recipient` of `recipient.child`."""
    owner = getattr(node, "node", None)
    return owner.name if isinstance(owner, nodes.Name) else None


def _bound(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that a template sets, for itself and for the templates in it."""
    return (name.name for name in tree.find_all(nodes.Name) if name.ctx != "load")
