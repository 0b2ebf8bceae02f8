"""Which branches of its templates a message takes, and which columns any template reads.

A second compilation of the job's templates, in which every branch notes that it was taken: `if`,
`elif`, `else`, the body of a loop, both sides of `a if b else c`, the right side of `a or b`, and
the files that a templated name can mean. It renders beside the composer and never makes a message:
what it notes decides which rows are worth looking at, nothing else.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from jinja2 import meta, nodes
from jinja2.environment import Environment

from mailbatch.envelope import Delivery
from mailbatch.errors import InputError, Location
from mailbatch.expressions.sandbox import BoundedGenerator
from mailbatch.job.columns import find_column, second_names
from mailbatch.job.setting import Setting
from mailbatch.render import context
from mailbatch.render.assets import attachments, inline_images
from mailbatch.render.callbacks import callback_fields
from mailbatch.render.content import Parts
from mailbatch.render.correspondents import Copies, To
from mailbatch.render.fields import custom_fields
from mailbatch.render.loader import FolderLoader
from mailbatch.render.mailing_lists import list_fields
from mailbatch.render.templates import Role, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

#: What is called on a mapping to see all of it, so that every column counts as read.
_ALL_KEYS = frozenset(("items", "values"))
_TAG = re.compile(r"\{%[-+]?\s*(\w+)(.*?)[-+]?%\}", re.DOTALL)
_OUTPUT = re.compile(r"\{[{%].*?[}%]\}")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a template: where it begins, and what stands there.

    `written` is False for the unwritten `else` of a condition: a message that takes this branch is
    worth showing, but a branch without messages leaves no text unseen.
    """

    key: tuple[str, int]
    location: Location
    label: str
    written: bool = True


class Branches:
    """The branches of a job's templates.

    `columns` are those of the recipient table. Templates that cannot be compiled have no branches
    here: the composer reports them.
    """

    def __init__(
        self,
        job: model.Job,
        *,
        edition: str,
        columns: tuple[str, ...],
        now: datetime,
        variables: Mapping[str, Any],
    ) -> None:
        constants = context.constants(job, edition=edition, now=now, variables=variables)
        self._templates = _Noting(FolderLoader(job.folder), constants, [])
        self._rows = context.RowNames(columns, job.recipients.group_by, self._templates.globals)
        self._columns = columns
        parts = Parts(job, self._templates)
        self._choices = parts.choices
        _compile(job, self._templates)
        choices = {id(choice.value) for choice in self._choices}
        self._values = [value for value in self._templates.values if id(value) not in choices]
        self._where = job.recipients.where or ""
        self._own = {self._address(job), *job.recipients.group_by}
        self._pages = {
            (choice.value.key, name): Branch(
                (choice.value.key, number), choice.value.place, f"the template {name}"
            )
            for choice in self._choices
            if len(choice.pages) > 1
            for number, name in enumerate(choice.pages)
        }
        self._always = frozenset(self._templates.notes.taken)
        #: Whether a template names another in a way that only rendering knows.
        self._dynamic = False
        self._follow()

    def _address(self, job: model.Job) -> str:
        wanted = job.recipients.address
        return find_column(wanted, self._columns) or wanted

    def _follow(self) -> None:
        """Find the templates that templates name, before any row takes the branch they stand in."""
        notes, waiting = self._templates.notes, list(self._trees())
        while waiting:
            for name in meta.find_referenced_templates(waiting.pop()):
                if name is None:
                    self._dynamic = True
                elif name not in notes.files:
                    with contextlib.suppress(InputError):
                        tree = self._templates.tree(name)
                        if tree is not None:
                            notes.files[name] = None
                            waiting.append(tree)

    def known(self) -> tuple[Branch, ...]:
        """Return every branch that was found so far, in the order of files and lines."""
        found = (*self._pages.values(), *self._templates.notes.branches.values())
        return tuple(sorted(found, key=_place))

    def taken_by(self, delivery: Delivery) -> frozenset[tuple[str, int]]:
        """Return the keys of the branches that the message of a delivery takes.

        What fails for this row is not reported here, only cut short.
        """
        notes = self._templates.notes
        notes.taken.clear()
        names = self._rows.of(delivery)
        for value in self._values:
            try:
                value.render(names)
            except InputError:
                continue
        for choice in self._choices:
            try:
                page = choice.value.render(names)
                if (choice.value.key, page) in self._pages:
                    notes.taken.add(self._pages[choice.value.key, page].key)
                choice.render(names)
            except InputError:
                continue
        return self._always | notes.taken

    def sources(self) -> dict[str, str]:
        """Return the text of every template file that was read, by its name."""
        return {
            name: text
            for name in self._templates.notes.files
            if (text := self._templates.loader.text(name)) is not None
        }

    def columns_read(self) -> frozenset[str]:
        """Return the columns that a template, a header or a rule of the job may read.

        A column that is reached in a way that only rendering knows counts as read.
        """
        if self._dynamic:
            return frozenset(self._columns)
        words: set[str] = {*re.findall(r"\w+", self._where), *self._own}
        quoted = re.findall(r"""["']([^"']*)["']""", self._where)
        words.update(quoted)
        for tree in self._trees():
            if _reads_everything(tree):
                return frozenset(self._columns)
            words.update(_words(tree))
        words.update(owner for name, owner in second_names(self._columns).items() if name in words)
        return frozenset(words & set(self._columns))

    def _trees(self) -> Iterator[nodes.Template]:
        yield from (value.tree for value in self._values if value.tree is not None)
        for choice in self._choices:
            if choice.value.tree is not None:
                yield choice.value.tree
        for name in list(self._templates.notes.files):
            tree = self._templates.tree(name)
            if tree is not None:
                yield tree


def _compile(job: model.Job, templates: Templates) -> None:
    """Compile every setting that a message shows."""
    To(job, templates)
    Copies(job, templates)
    templates.value(job.at("message.subject"))
    for fields in (list_fields, callback_fields, custom_fields):
        list(fields(job, templates))
    inline_images(job, templates)
    attachments(job, templates)


def _place(branch: Branch) -> tuple[str, int, int]:
    return (branch.location.path, branch.location.line or 0, branch.key[1])


def _words(tree: nodes.Template) -> Iterator[str]:
    """Give whatever may name a column: names, attributes, keys and other constant texts."""
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Const)):
        if isinstance(node, nodes.Name):
            yield node.name
        elif isinstance(node, nodes.Getattr):
            yield node.attr
        elif isinstance(node, nodes.Const) and isinstance(node.value, str):
            yield node.value


def _reads_everything(tree: nodes.Template) -> bool:
    """Tell whether a template may reach columns whose names do not stand in it."""
    names = {node.name for node in tree.find_all(nodes.Name)}
    if not names & {"recipient", "rows"}:
        return False
    if any(node.attr in _ALL_KEYS for node in tree.find_all(nodes.Getattr)):
        return True
    # A key that is computed, or a row as a whole: `recipient[key]`, `{{ recipient | tojson }}`.
    keyed = list(tree.find_all((nodes.Getattr, nodes.Getitem)))
    if any(
        isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Const | nodes.Slice)
        for node in keyed
    ):
        return True
    owners = {id(getattr(node, "node", None)) for node in keyed}
    return any(
        node.name == "recipient" and id(node) not in owners for node in tree.find_all(nodes.Name)
    )


class _Notes:
    """What the templates note while they are compiled and rendered."""

    def __init__(self) -> None:
        self.branches: dict[tuple[str, int], Branch] = {}
        self.taken: set[tuple[str, int]] = set()
        self.files: dict[str, None] = {}
        self.value: tuple[str, str, Location] = ("", "", Location(""))

    def take(self, name: str, number: int, value: Any = None) -> Any:
        """Note a branch; called by the compiled templates."""
        self.taken.add((name, number))
        return value


class _Noting(Templates):
    """Templates whose branches note that they are taken."""

    def __init__(self, *given: Any) -> None:
        self.notes = _Notes()
        super().__init__(*given)

    def _environment(self, constants: Mapping[str, Any], role: Role) -> Environment:
        environment = super()._environment(constants, role)
        environment.code_generator_class = _NotingGenerator
        environment.extend(
            branch_notes=self.notes, branch_loader=self.loader, branch_taken=self.notes.take
        )
        return environment

    def value(self, setting: Setting, role: Role = Role.TEXT) -> Value:
        """Compile a setting of the job, with notes in it."""
        self.notes.value = (setting.key, setting.text, setting.place)
        return super().value(setting, role)


class _NotingGenerator(BoundedGenerator):
    """The code generator, with a note at the beginning of every branch."""

    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: N802 - Jinja2's
        """Add the notes, then generate."""
        notes: _Notes = getattr(self.environment, "branch_notes")  # noqa: B009 - set by `extend`
        name, source, place = notes.value
        if self.name is not None:
            loader: FolderLoader = getattr(self.environment, "branch_loader")  # noqa: B009
            name, place = self.name, Location(self.name, 1)
            source = loader.text(name) or ""
            notes.files[name] = None
        _Marking(notes, name, source, place, self.environment).template(node)
        super().visit_Template(node, frame)


class _Marking:
    """Puts notes into one syntax tree; numbers branches in the order of the tree."""

    def __init__(
        self, notes: _Notes, name: str, source: str, place: Location, environment: Environment
    ) -> None:
        self._notes = notes
        self._name = name
        self._lines = source.split("\n")
        self._place = place
        self._environment = environment
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
        node.body.insert(0, self._statement(node.lineno, tag))
        if node.else_:
            self._otherwise(node.else_, node.lineno, tag)

    def _condition(self, node: nodes.If) -> None:
        test = self._tag(node, "if")
        for branch in (node, *node.elif_):
            tag = test if branch is node else self._tag(branch, "elif")
            branch.body.insert(0, self._statement(branch.lineno, tag))
        if node.else_:
            self._otherwise(node.else_, node.lineno, test)
        else:
            node.else_ = [self._statement(node.lineno, f"not {test}", written=False)]

    def _otherwise(self, body: list[nodes.Node], line: int, tag: str) -> None:
        line = next((node.lineno for node in body), line)
        body.insert(0, self._statement(line, f"the else of {tag}"))

    def _expression(self, node: nodes.Node) -> None:
        line = self._lines[self._index(node.lineno)]
        wanted = " if " if isinstance(node, nodes.CondExpr) else " or "
        tags = [match[0] for match in _OUTPUT.finditer(line) if wanted in match[0]]
        around = _shortened(tags[0] if tags else line.strip())
        if isinstance(node, nodes.CondExpr):
            node.expr1 = self._call(node.lineno, f"the first value in {around}", node.expr1)
            if node.expr2 is not None:
                node.expr2 = self._call(node.lineno, f"the else value in {around}", node.expr2)
        elif isinstance(node, nodes.Or):
            node.right = self._call(
                node.lineno, f"what follows `or` in {around}", node.right, written=False
            )

    def _statement(self, line: int, label: str, *, written: bool = True) -> nodes.ExprStmt:
        statement = nodes.ExprStmt(self._call(line, label, None, written=written), lineno=line)
        statement.set_environment(self._environment)
        return statement

    def _call(
        self, line: int, label: str, value: nodes.Expr | None, *, written: bool = True
    ) -> nodes.Expr:
        key = (self._name, self._number)
        self._number += 1
        place = self._place
        if place.path == self._name:
            place = replace(place, line=line)
        self._notes.branches.setdefault(key, Branch(key, place, _shortened(label), written))
        target = nodes.EnvironmentAttribute("branch_taken")
        given: list[nodes.Expr] = [nodes.Const(key[0]), nodes.Const(key[1])]
        if value is not None:
            given.append(value)
        call = nodes.Call(target, given, [], None, None, lineno=line)
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
    """Give the nodes of a tree in the order in which they begin in the template."""
    for child in node.iter_child_nodes():
        yield child
        yield from _in_order(child)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
