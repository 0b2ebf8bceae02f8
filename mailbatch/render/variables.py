"""The variables that the templates of a job may read: a name of `--set` should be one of them.

    >>> from jinja2 import Environment
    >>> tree = Environment().parse("No {{ variables.issue }} of {{ variables['year'] }}")
    >>> sorted(variables_read([tree]))
    ['issue', 'year']

A template may give `variables` another name, or loop over all of them: then every name may be read.
This module must never render a template.

Tests: tests/cli/test_variables.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import meta, nodes

#: The name of the mapping in every template.
NAME = "variables"


def variables_read(trees: Iterable[nodes.Template]) -> frozenset[str] | None:
    """Return the variables that templates may read; None where the names are not known.

    That is so where a key is computed, where all of `variables` is taken as one value, and where a
    template is named by an expression.
    """
    found: set[str] = set()
    for tree in trees:
        if None in meta.find_referenced_templates(tree):
            return None
        keys: dict[int, nodes.Getattr | nodes.Getitem] = {
            **{id(key.node): key for key in tree.find_all(nodes.Getattr)},
            **{id(key.node): key for key in tree.find_all(nodes.Getitem)},
        }
        for name in tree.find_all(nodes.Name):
            if name.name != NAME:
                continue
            key = _key(keys.get(id(name)))
            if key is None:
                return None
            found.add(key)
    return frozenset(found)


def _key(node: nodes.Node | None) -> str | None:
    if isinstance(node, nodes.Getattr):
        return None if node.attr in _METHODS else node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return str(node.arg.value)
    return None


_METHODS = frozenset(("get", "items", "keys", "values", "copy"))
