"""The branches of templates that a message takes, and the columns that any template reads.

A composer that is made with `traced=True` compiles every branch with a note that the branch was
taken: `if`, `elif`, `else`, the body of a loop, both sides of `a if b else c`, the right side of
`a or b`, and the files that a templated name can mean. A note changes no byte of a message, and no
error: notes decide which rows are worth looking at, nothing else.

Tests: tests/preview/test_branches.py, tests/render/test_tracing.py.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jinja2 import meta, nodes

from mailbatch.envelope import Delivery
from mailbatch.errors import InputError, Location
from mailbatch.job.columns import find_column, named_columns, second_names
from mailbatch.render.context import RowNames
from mailbatch.render.first_row import first_row_readings
from mailbatch.render.message import BranchKey
from mailbatch.render.pages import PageChoice
from mailbatch.render.strays import Stray, strays_of
from mailbatch.render.templates import Names, Templates
from mailbatch.render.tracing import Branch, Trace
from mailbatch.render.verdicts import Doubt

if TYPE_CHECKING:
    from mailbatch.job import model

#: Methods that show all of a mapping, so that every column counts as read.
_ALL_KEYS = frozenset(("items", "values"))
#: The keys of values that not every message renders: a display name for one address alone, images
#: once for all.
_NOT_ALWAYS = ("recipients.display_name", "message.inline.")


class Branches:
    """The branches of a job's templates, and those that the last rendering took.

    `trace` is that of `templates`, `choices` are the pages of the message, `rows` gives the names
    of a delivery. `doubts` are those about the expressions of the templates, with their places.
    """

    def __init__(
        self,
        job: model.Job,
        trace: Trace,
        templates: Templates,
        choices: Sequence[PageChoice],
        rows: RowNames,
        doubts: Mapping[Doubt, Location],
    ) -> None:
        self.doubts = doubts
        self._trace = trace
        self._templates = templates
        self._rows = rows
        self._columns = rows.columns
        self._choices = choices
        named = {id(choice.value) for choice in choices}
        self._values = [value for value in templates.values if id(value) not in named]
        #: A message does not render these, or not for every delivery.
        self._aside = [
            value
            for value in self._values
            if value.constant is None and value.key.startswith(_NOT_ALWAYS)
        ]
        self._rules = f"{job.recipients.where or ''} {job.message.send_at or ''}"
        ruling = (*job.recipients.group_by, *job.recipients.key)
        self._own = {self._address(job), *named_columns(ruling, rows.columns)}
        self._pages = {
            (choice.value.key, name): Branch(
                (choice.value.key, number),
                choice.value.place,
                f"the template {name}",
                words=f"from {name}",
            )
            for choice in choices
            if len(choice.pages) > 1
            for number, name in enumerate(choice.pages)
        }
        trace.decided |= trace.taken  # by values that every message shares
        #: Whether the name of a template is known to rendering only.
        self._dynamic = False
        trace.files = {name: None for choice in choices for name in choice.pages}
        self._follow()

    def _address(self, job: model.Job) -> str:
        wanted = job.recipients.address
        return find_column(wanted, self._columns) or wanted

    def _follow(self) -> None:
        """Find the templates that templates name, before any row takes the branch of the tag."""
        files, waiting = self._trace.files, list(self._trees())
        while waiting:
            for name in meta.find_referenced_templates(waiting.pop()):
                if name is None:
                    self._dynamic = True
                elif name not in files:
                    tree = self._named(name)
                    if tree is not None:
                        files[name] = None
                        waiting.append(tree)

    def known(self) -> tuple[Branch, ...]:
        """Return every branch that was found so far, in the order of files and lines."""
        found = (*self._pages.values(), *self._trace.branches.values())
        return tuple(sorted(found, key=_place))

    def begin(self) -> None:
        """Forget the branches that were taken: a rendering begins."""
        self._trace.taken.clear()

    def taken(self, names: Names) -> frozenset[BranchKey]:
        """Return the branches that were taken since `begin`, when the message was rendered.

        Values that not every message renders are rendered here, with the same names.
        """
        for value in self._aside:
            with contextlib.suppress(InputError):
                value.render(names)
        for choice in self._choices:
            if len(choice.pages) > 1:
                self._choose(choice, choice.value.render(names))
        return frozenset(self._trace.taken | self._trace.decided)

    def taken_by(self, delivery: Delivery) -> frozenset[BranchKey]:
        """Return the branches that a delivery takes whose message cannot be made.

        Every template is rendered alone; a failure only cuts the branches of that template short.
        """
        self.begin()
        names = self._rows.of(delivery)
        for value in self._values:
            with contextlib.suppress(InputError):
                value.render(names)
        for choice in self._choices:
            with contextlib.suppress(InputError):
                self._choose(choice, choice.value.render(names))
                choice.render(names)
        return frozenset(self._trace.taken | self._trace.decided)

    def _choose(self, choice: PageChoice, page: str) -> None:
        if (choice.value.key, page) in self._pages:
            self._trace.taken.add(self._pages[choice.value.key, page].key)

    def sources(self) -> dict[str, str]:
        """Return the texts of the template files that were read, by name."""
        return {
            name: text
            for name in self._trace.files
            if (text := self._templates.loader.text(name)) is not None
        }

    def strays(self) -> Iterator[tuple[str, Stray]]:
        """Yield the strays of each template file that was read, with the name of the file."""
        for name in self.sources():
            tree = self._templates.tree(name)
            if tree is not None:
                found = strays_of(tree, self._templates.tree, self._templates.loader.fitting)
                yield from ((name, stray) for stray in found)

    def columns_read(self) -> frozenset[str]:
        """Return the columns that a template, a header or a rule of the job may read.

        A column that is reached in a way that only rendering knows counts as read.
        """
        if self._dynamic:
            return frozenset(self._columns)
        words: set[str] = {*re.findall(r"\w+", self._rules), *self._own}
        quoted = re.findall(r"""["']([^"']*)["']""", self._rules)
        words.update(quoted)
        for tree in self._trees():
            if _reads_everything(tree):
                return frozenset(self._columns)
            words.update(_words(tree))
        words.update(owner for name, owner in second_names(self._columns).items() if name in words)
        return frozenset(words & set(self._columns))

    def first_row_readings(self) -> Iterator[tuple[str, Location]]:
        """Yield the columns that a message has from the first row alone, and the place of each.

        A column has a place for each setting and each template file of the job that reads so.
        """
        names = {name: name for name in self._columns} | second_names(self._columns)
        loader = self._templates.loader
        roots = [(v.place, v.tree) for v in self._values if not v.key.startswith(_NOT_ALWAYS)]
        pages = [page for choice in self._choices for page in choice.pages.values()]
        roots += [(choice.value.place, choice.value.tree) for choice in self._choices]
        for place, tree in [*roots, *((Location(page.name), page.tree) for page in pages)]:
            if tree is None:
                continue
            for found in first_row_readings(tree, names, self._named, loader.fitting):
                name = found.template or (place.path if place.key is None else None)
                if name is None:
                    yield found.column, place
                else:
                    yield found.column, loader.place(name, found.line)

    def _named(self, name: str) -> nodes.Template | None:
        """Return the tree of a template that a tag names, None where there is no sound one."""
        with contextlib.suppress(InputError):
            return self._templates.tree(name)
        return None

    def _trees(self) -> Iterator[nodes.Template]:
        yield from (value.tree for value in self._values if value.tree is not None)
        for choice in self._choices:
            if choice.value.tree is not None:
                yield choice.value.tree
        for name in list(self._trace.files):
            tree = self._templates.tree(name)
            if tree is not None:
                yield tree


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
    """Tell whether a template may reach columns that the text does not name."""
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
