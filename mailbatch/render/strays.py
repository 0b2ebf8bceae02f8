"""The text of a template that stands outside of the blocks, where the template extends another.

    {% extends "base.html.j2" %}
    {% block content %}Hello{% endblock %}
    P.S. Bring a friend.                      a stray: no message shows this line

Jinja2 takes the blocks of such a template, and of these the ones that the other template has. Text
behind `{% extends %}` is left out. Text before `{% extends %}`, an included template, a call and a
block in a loop or in `{% with %}` are written above the page. Where a condition decides whether the
template extends another, the rest is meant for the other case, and no stray. This module must never
render a template.

Tests: tests/checks/test_template_checks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from jinja2 import nodes

from mailbatch.frozen import frozen
from mailbatch.render.template_names import Fitting, named_templates
from mailbatch.suggest import did_you_mean

#: Finds the syntax tree of a template by name; None where there is no such template.
Trees = Callable[[str], nodes.Template | None]

_IN_A_BLOCK = "Put it between {% block NAME %} and {% endblock %}, with a block of the other file."


@frozen
class Stray:
    """A piece of a template outside of the blocks.

    `line` counts from 1. `fate` completes "... is", `hint` is the remedy.
    """

    line: int
    fate: str
    hint: str = _IN_A_BLOCK


def strays_of(tree: nodes.Template, trees: Trees, fitting: Fitting) -> Iterator[Stray]:
    """Yield the strays of a template, in the order of the lines; none where nothing is extended."""
    extends = [node for node in tree.body if isinstance(node, nodes.Extends)]
    if not extends:
        return
    blocks = _blocks(extends, trees, fitting, set())
    behind = False
    for node in tree.body:
        if isinstance(node, nodes.Extends):
            behind = True
        else:
            yield from _strays(node, blocks, behind=behind, inner=False)


def _strays(
    node: nodes.Node, blocks: frozenset[str] | None, *, behind: bool, inner: bool
) -> Iterator[Stray]:
    """Yield the strays of a statement outside of all blocks.

    `blocks` are those of the other template, None where its name is not known. `behind` says that
    the statement follows `{% extends %}`, `inner` that the statement has a scope around it.
    """
    if isinstance(node, _SILENT):
        return
    if isinstance(node, nodes.Block):
        if blocks is not None and node.name not in blocks:
            yield _unknown(node, blocks)
        elif inner or not behind:
            yield Stray(node.lineno, "written above the page, and again in its block", _NOT_WITHIN)
    elif isinstance(node, nodes.Output):
        line = _line_of(node)
        if line is not None:
            yield Stray(line, "left out" if behind else "written above the page")
    elif isinstance(node, nodes.Include | nodes.CallBlock):
        yield Stray(node.lineno, "written above the page")
    else:
        within = inner or not isinstance(node, nodes.If)
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Stmt):
                yield from _strays(child, blocks, behind=behind, inner=within)


_NOT_WITHIN = "Let the block stand behind {% extends %}, in no other tag."
#: The statements that write nothing where they stand.
_SILENT = (nodes.Macro, nodes.Assign, nodes.AssignBlock, nodes.Import, nodes.FromImport)


def _unknown(block: nodes.Block, blocks: frozenset[str]) -> Stray:
    listed = f"The blocks there are {', '.join(sorted(blocks))}." if blocks else None
    hint = did_you_mean(block.name, blocks) or listed or "The other file has no block."
    fate = f"left out: the other template has no block named {block.name}"
    return Stray(block.lineno, fate, hint)


def _line_of(output: nodes.Output) -> int | None:
    """Return the line of the first text of an output that is more than white space."""
    for node in output.nodes:
        if not isinstance(node, nodes.TemplateData):
            return node.lineno
        text = node.data.lstrip()
        if text:
            return node.lineno + node.data.count("\n", 0, len(node.data) - len(text))
    return None


def _blocks(
    extends: Iterable[nodes.Extends], trees: Trees, fitting: Fitting, seen: set[str]
) -> frozenset[str] | None:
    """Return the blocks of all templates that are extended; None where one is not known."""
    found: set[str] = set()
    for node in extends:
        names, _ = named_templates(node.template, fitting)
        known = [(name, tree) for name in names if (tree := trees(name)) is not None]
        if not known:
            return None
        for name, tree in known:
            if name in seen:
                continue
            seen.add(name)
            found.update(block.name for block in tree.find_all(nodes.Block))
            further = _blocks(tree.find_all(nodes.Extends), trees, fitting, seen)
            if further is None:
                return None
            found |= further
    return frozenset(found)
