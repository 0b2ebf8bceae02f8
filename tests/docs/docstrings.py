"""The docstrings of the package, and the names that the code around each of them defines.

Reads syntax trees only; imports nothing of mailbatch. A *room* is a folder of the package; the
modules beside the folders are the room `values`.
"""

from __future__ import annotations

import ast
import builtins
import functools
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.docs.pages import ROOT

PACKAGE = ROOT / "mailbatch"
Definition: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring with the node that it belongs to; `place` is `room/module.py:line`."""

    path: Path
    node: Definition
    text: str

    @property
    def room(self) -> str:
        """The folder below mailbatch/, or `values`."""
        below = self.path.relative_to(PACKAGE).parts
        return below[0] if len(below) > 1 else "values"

    @property
    def place(self) -> str:
        """The file and the line of the definition, for the text of a failure."""
        line = getattr(self.node, "lineno", 1)
        return f"{self.path.relative_to(PACKAGE).as_posix()}:{line}"


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax tree of every module of the package."""
    return {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))
    }


@functools.cache
def docstrings() -> tuple[Docstring, ...]:
    """Return every docstring of the package."""
    return tuple(
        Docstring(path, node, text)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, Definition) and (text := ast.get_docstring(node))
    )


def rooms() -> list[str]:
    """Return the rooms, by their folders: to collect the tests nothing is parsed."""
    below = [path.relative_to(PACKAGE).parts for path in PACKAGE.rglob("*.py")]
    return sorted({parts[0] if len(parts) > 1 else "values" for parts in below})


def is_known(name: str, docstring: Docstring) -> bool:
    """Tell whether a docstring may put a name into backticks as it is.

    It may name what its class or function defines, what its module defines or imports, and all of
    `house_names`.
    """
    if name in house_names() or name in _names_of_module(docstring.path):
        return True
    node = docstring.node
    if isinstance(node, ast.ClassDef):
        return name in _names_of_class(node)
    if isinstance(node, FUNCTIONS):
        used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        used |= {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
        return name in used | _parameters(node)
    return False


@functools.cache
def house_names() -> frozenset[str]:
    """Return the names that every docstring may use.

    Functions, methods, classes and constants of the package, words that are strings of the code
    (commands, keys, columns, statuses), names in the SQL of the ledger, and Python's own. Fields
    and parameters are not among them: those are a matter of the class that has them.
    """
    names = set(dir(builtins)) | set(keyword.kwlist)
    for tree in trees().values():
        names |= {one.id for one in _stored(tree.body) if one.id.isupper()}
        for node in ast.walk(tree):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= {node.value} if node.value.isidentifier() else set()
    for path in PACKAGE.rglob("*.sql"):
        names |= set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return frozenset(names)


def _names_of_class(node: ast.ClassDef) -> set[str]:
    """Return the attributes, methods and parameters of a class; `self._x` counts as `x`, too."""
    names = {one.id for one in _stored(node.body)}
    for one in ast.walk(node):
        if isinstance(one, FUNCTIONS):
            names |= {one.name} | _parameters(one)
        elif isinstance(one, ast.ClassDef):
            names.add(one.name)
        elif isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            names |= {one.attr, one.attr.lstrip("_")} if one.value.id in {"self", "cls"} else set()
    return names


@functools.cache
def _names_of_module(path: Path) -> frozenset[str]:
    """Return the names that a module defines at its top, imports, or uses of an imported module.

    The fields of its classes are among them.
    """
    body = trees()[path].body
    names = {one.id for one in _stored(body)}
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names |= {node.attr} if node.value.id in names else set()
    for node in body:
        if isinstance(node, ast.ClassDef):
            names |= _names_of_class(node)
    return frozenset(names)


def _stored(body: list[ast.stmt]) -> Iterator[ast.Name]:
    """Give the names that statements assign, those inside of classes and functions excepted."""
    for statement in body:
        if not isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return {one.arg for one in named if one is not None}
