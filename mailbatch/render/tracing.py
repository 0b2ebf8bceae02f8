"""Templates that note the branches of a rendering.

A note stands at the beginning of every branch: `if`, `elif`, `else`, the body of a loop, both sides
of `a if b else c`, the right side of `a or b`. A note changes no byte of a message and no error,
and costs no step of the budget.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from jinja2 import nodes
from jinja2.environment import Environment

from mailbatch.errors import Location
from mailbatch.expressions.sandbox import BoundedGenerator
from mailbatch.frozen import frozen
from mailbatch.job.setting import Setting
from mailbatch.render.branch_words import words_for
from mailbatch.render.message import BranchKey
from mailbatch.render.template_loader import FolderLoader

_TAG = re.compile(r"\{%[-+]?\s*(\w+)(.*?)[-+]?%\}", re.DOTALL)
_OUTPUT = re.compile(r"\{[{%].*?[}%]\}")
_SHOWN = 60


@frozen
class Branch:
    """One branch of a template: the place of the beginning, and the tag there.

    `words` say for readers of letters when a message takes the branch, empty: there are no plain
    words. `written` is False for the branch of a condition without `else` that does not hold: worth
    showing, but nothing is missing where no message takes it.
    """

    key: BranchKey
    location: Location
    label: str
    written: bool = True
    words: str = ""


class Trace:
    """The branches that compiled templates note: all that there are, and those that are taken.

    `decided` are the branches that every message takes, because of a constant condition.
    `setting` is the one whose template is compiled next, `files` are the template files that were
    compiled.
    """

    def __init__(self) -> None:
        self.branches: dict[BranchKey, Branch] = {}
        self.taken: set[BranchKey] = set()
        self.decided: set[BranchKey] = set()
        self.files: dict[str, None] = {}
        self.setting: Setting | None = None

    def attach(self, environment: Environment, loader: FolderLoader) -> None:
        """Let the templates that an environment compiles note branches."""
        environment.code_generator_class = _TracingGenerator
        environment.extend(
            trace=self, trace_loader=loader, trace_add=self.taken.add, trace_value=self._value
        )

    def _value(self, key: BranchKey, value: Any) -> Any:
        """Note a branch of an expression, and return the value."""
        self.taken.add(key)
        return value


class _TracingGenerator(BoundedGenerator):
    """The code generator, with a note at the beginning of every branch.

    A note is no call of the template and costs no step of the budget, so that a template fails in a
    traced message where the same template fails in any.
    """

    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: N802 - Jinja2's
        """Add the notes, then generate."""
        trace: Trace = getattr(self.environment, "trace")  # noqa: B009 - set by `extend`
        if self.name is not None:
            loader: FolderLoader = getattr(self.environment, "trace_loader")  # noqa: B009
            name, place, source = self.name, Location(self.name, 1), loader.text(self.name) or ""
            trace.files[name] = None
        elif trace.setting is not None:
            setting = trace.setting
            name, place, source = setting.key, setting.place, setting.text
        else:
            raise ValueError("a template that is neither a file nor a setting")
        _Marking(trace, name, source, place, self.environment).template(node)
        super().visit_Template(node, frame)

    def visit_Call(self, node: nodes.Call, frame: Any, *given: Any, **named: Any) -> None:  # noqa: N802
        """Write a note, which is no call of the template, or a call."""
        if not isinstance(node.node, nodes.EnvironmentAttribute):
            super().visit_Call(node, frame, *given, **named)
            return
        key, *value = node.args
        self.write(f"environment.{node.node.name}(")
        self.visit(key, frame)
        for one in value:
            self.write(", ")
            self.visit(one, frame)
        self.write(")")


class _Marking:
    """Puts notes into one syntax tree; numbers branches in the order of the tree."""

    def __init__(
        self, trace: Trace, name: str, source: str, place: Location, environment: Environment
    ) -> None:
        self._trace = trace
        self._name = name
        self._lines = source.split("\n")
        self._place = place
        self._environment = environment
        self._context = nodes.EvalContext(environment, name)
        self._number = 0
        self._tags: Counter[tuple[int, str]] = Counter()

    def template(self, tree: nodes.Template) -> None:
        # Jinja2 keeps an elif as an `If` whose own else is not looked at.
        inner = {id(branch) for node in tree.find_all(nodes.If) for branch in node.elif_}
        for node in list(_in_order(tree)):
            if isinstance(node, nodes.For):
                self._loop(node)
            elif isinstance(node, nodes.If) and id(node) not in inner:
                self._condition(node)
        for choice in list(tree.find_all((nodes.CondExpr, nodes.Or))):
            self._expression(choice)

    def _loop(self, node: nodes.For) -> None:
        tag = self._tag(node, "for")
        name = words_for(node.iter, holds=False)
        some = name and f"with {name.removesuffix(' is empty')}"
        none = name and f"without {name.removesuffix(' is empty')}"
        node.body.insert(0, self._statement(node.lineno, tag, words=some))
        if node.else_:
            self._otherwise(node.else_, node.lineno, tag, words=none)

    def _condition(self, node: nodes.If) -> None:
        test = self._tag(node, "if")
        for branch in (node, *node.elif_):
            tag = test if branch is node else self._tag(branch, "elif")
            branch.body.insert(0, self._statement(branch.lineno, tag, words=words_for(branch.test)))
        fails = [words_for(branch.test, holds=False) for branch in (node, *node.elif_)]
        words = None if None in fails else " and ".join(filter(None, fails))
        if node.else_:
            self._otherwise(node.else_, node.lineno, test, words=words)
        else:
            label = f"not {test}"
            node.else_ = [self._statement(node.lineno, label, written=False, words=words)]

    def _otherwise(self, body: list[nodes.Node], line: int, tag: str, *, words: str | None) -> None:
        line = next((node.lineno for node in body), line)
        body.insert(0, self._statement(line, f"the else of {tag}", words=words))

    def _expression(self, node: nodes.Node) -> None:
        line = self._lines[self._index(node.lineno)]
        wanted = " if " if isinstance(node, nodes.CondExpr) else " or "
        tags = [match[0] for match in _OUTPUT.finditer(line) if wanted in match[0]]
        around = _shortened(tags[0] if tags else line.strip())
        if isinstance(node, nodes.CondExpr):
            test_holds = words_for(node.test)
            first = self._branch(node.lineno, f"the first value in {around}", words=test_holds)
            other = first
            if node.expr2 is not None:
                fails = words_for(node.test, holds=False)
                other = self._branch(node.lineno, f"the else value in {around}", words=fails)
            if self._constant(node) is not None:
                test = self._constant(node.test)
                self._trace.decided.add(first if test is not None and test[0] else other)
                return
            node.expr1 = self._noted(first, node.lineno, node.expr1)
            if node.expr2 is not None:
                node.expr2 = self._noted(other, node.lineno, node.expr2)
        elif isinstance(node, nodes.Or):
            label, words = f"what follows `or` in {around}", words_for(node.left, holds=False)
            key = self._branch(node.lineno, label, written=False, words=words)
            if self._constant(node) is None:
                node.right = self._noted(key, node.lineno, node.right)
            elif (left := self._constant(node.left)) is not None and not left[0]:
                self._trace.decided.add(key)

    def _constant(self, node: nodes.Expr) -> tuple[Any] | None:
        """Return the value of an expression that Jinja2 computes while it compiles, None if none.

        Such an expression is left alone: Jinja2 takes the value for a part of the template's own
        text.
        """
        try:
            return (node.as_const(self._context),)
        except Exception:  # noqa: BLE001 - Jinja2 leaves all of these to rendering
            return None

    def _statement(
        self, line: int, label: str, *, written: bool = True, words: str | None
    ) -> nodes.ExprStmt:
        key = self._branch(line, label, written=written, words=words)
        statement = nodes.ExprStmt(self._noted(key, line, None), lineno=line)
        statement.set_environment(self._environment)
        return statement

    def _branch(
        self, line: int, label: str, *, written: bool = True, words: str | None
    ) -> BranchKey:
        key = (self._name, self._number)
        self._number += 1
        place = self._place
        if place.path == self._name:
            place = replace(place, line=line)
        branch = Branch(key, place, _shortened(label), written, words or "")
        self._trace.branches.setdefault(key, branch)
        return key

    def _noted(self, key: BranchKey, line: int, value: nodes.Expr | None) -> nodes.Expr:
        """Return the call that notes a branch, and that gives `value` where there is one."""
        noting = nodes.EnvironmentAttribute("trace_add" if value is None else "trace_value")
        given: list[nodes.Expr] = [nodes.Const(key)]
        if value is not None:
            given.append(value)
        call = nodes.Call(noting, given, [], None, None, lineno=line)
        call.set_environment(self._environment)
        call.set_lineno(line)
        return call

    def _index(self, line: int) -> int:
        return min(max(line - 1, 0), len(self._lines) - 1)

    def _tag(self, node: nodes.Stmt, kind: str) -> str:
        """Return the tag with which a branch begins; asked in the order of the template."""
        before = self._tags[node.lineno, kind]
        self._tags[node.lineno, kind] += 1
        rest = "\n".join(self._lines[self._index(node.lineno) :])
        matches = (match for match in _TAG.finditer(rest) if match[1] == kind)
        match = next(islice(matches, before, None), None)
        test = " ".join(match[2].split()) if match is not None else "..."
        return _shortened(f"{{% {kind} {test} %}}")


def _in_order(node: nodes.Node) -> Iterator[nodes.Node]:
    """Give the nodes of a tree in the order of the template."""
    for child in node.iter_child_nodes():
        yield child
        yield from _in_order(child)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
