"""The templates that an expression names, in `include`, `import`, `extends` and in file names.

Constants, choices between constants, and text with unknown parts, which can mean every file that
fits. Knows nothing about scopes, and reads no template.

Tests: tests/render/test_names.py.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable

from jinja2 import nodes

#: Finds the names of the files that fit a pattern of `*` and escaped text.
Fitting = Callable[[str], list[str]]


def named_templates(expression: nodes.Node | None, fitting: Fitting) -> tuple[list[str], bool]:
    """Return the template names in an expression, and whether each template has to exist.

    One template of a list has to exist; names that only fit a pattern need not. An empty result
    means that nothing is known.
    """
    if isinstance(expression, nodes.Const) and isinstance(expression.value, str):
        return [expression.value], True
    if isinstance(expression, nodes.CondExpr):
        first, all_first = named_templates(expression.expr1, fitting)
        second, all_second = named_templates(expression.expr2, fitting)
        return first + second, all_first and (all_second or expression.expr2 is None)
    if isinstance(expression, nodes.List | nodes.Tuple):
        found = [named_templates(item, fitting)[0] for item in expression.items]
        return [name for names in found for name in names], False
    pattern = file_pattern(_joined_texts(expression))
    return (fitting(pattern) if pattern is not None else []), False


def file_pattern(parts: Iterable[str | None]) -> str | None:
    """Return a pattern for text with unknown parts (None).

    None for an unknown end, because then every file would fit.

    Example:
        >>> file_pattern(["letter.", None, ".txt.j2"])
        'letter.*.txt.j2'
    """
    known = list(parts)
    if not known or not known[-1]:
        return None
    return "".join("*" if part is None else glob.escape(part) for part in known)


def _joined_texts(expression: nodes.Node | None) -> list[str | None]:
    """Return the texts that an expression joins by `~` or `+`, None for an unknown one."""
    if isinstance(expression, nodes.Concat):
        return [text for node in expression.nodes for text in _joined_texts(node)]
    if isinstance(expression, nodes.Add):
        return _joined_texts(expression.left) + _joined_texts(expression.right)
    if isinstance(expression, nodes.Const) and isinstance(expression.value, str):
        return [expression.value]
    return [None]
