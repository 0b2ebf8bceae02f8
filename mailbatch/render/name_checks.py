"""The mistakes that a job's templates show before any row is rendered, as errors with places.

Undefined names (found by names.py), missing templates, texts that are taken for numbers
(comparisons.py), and, for a group of several addresses, uses of a column that differs between the
recipients. A doubt about such a text is kept for the checks, which see the table.

Tests: tests/render/test_names.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from jinja2 import meta, nodes

from mailbatch.errors import InputError, Location, Reason, TemplateError
from mailbatch.job.columns import bare_column_hint, column_hint, find_column, ways_to_write
from mailbatch.render.names import Judged, Missing, NameReport, Unknown, check_names
from mailbatch.render.scopes import Shape
from mailbatch.render.templates import VARYING, Page, Role, Templates
from mailbatch.render.verdicts import Doubt, Misuse
from mailbatch.suggest import nearest

if TYPE_CHECKING:
    from mailbatch.job import model

_WORD = re.compile(r"[\w.]+")
_LETTERS = re.compile(r"[\W_]+")
_MOST_NAMES = 12  # a hint lists no more


class NameChecks:
    """Checks the names in every template of a job.

    `followed` gives for each page the templates that make up the page, `doubts` the doubts about
    expressions, each with the place, once the names were looked at.
    """

    def __init__(
        self,
        job: model.Job,
        templates: Templates,
        pages: Iterable[Page],
        constants: Mapping[str, Shape],
        columns: tuple[str, ...] = (),
    ) -> None:
        self._columns = columns
        self.followed: dict[str, frozenset[str]] = {}
        self.doubts: dict[Doubt, Location] = {}
        self._job = job
        self._templates = templates
        values = templates.values
        self._sources: dict[str | None, str] = {value.key: value.source for value in values}
        self._values = [(value.place, value.tree) for value in values if value.tree is not None]
        self._pages = list(pages)
        self._constants = {name: Shape() for name in templates.globals} | dict(constants)
        self._imported = {
            name: shape for name, shape in self._constants.items() if name not in VARYING
        }
        self._broken: set[str] = set()

    def trees(self) -> Iterator[nodes.Template]:
        """Yield the tree of every value and of every template that makes up a page."""
        yield from (tree for _, tree in self._values)
        for page in self._pages:
            for name in {page.name, *self.followed.get(page.name, ())}:
                yield self._tree(name, page.role) or nodes.Template([])

    def undefined(self, known: Mapping[str, Shape]) -> list[InputError]:
        """Return an error for every name that nothing defines and every missing template.

        A text that is taken for a number is an error, too; what the table has to show is a doubt.
        """
        errors: list[InputError] = []
        for place, report in self._reports(known):
            errors += (self._not_defined(found, place) for found in report.unknown)
            errors += (self._not_there(found, place) for found in report.missing)
            for found in report.judged:
                where = self._place(found, place)
                if isinstance(found.verdict, Misuse):
                    errors.append(_misused(found.verdict, where))
                else:
                    self.doubts.setdefault(found.verdict, where)
        return errors

    def unrepeatable(self) -> list[InputError]:
        """Return an error for every use of a name whose value depends upon the moment."""
        found = [(place, None, tree) for place, tree in self._values]
        for page in self._pages:
            for name in sorted({page.name, *self.followed.get(page.name, ())}):
                tree = self._tree(name, page.role)
                if tree is not None:
                    found.append((Location(name), name, tree))
        return [
            TemplateError(
                f"{name} is another one at every run, so that no plan can say what is sent",
                location=self._place(Unknown(template, line, name, frozenset()), place),
                hint="use the edition, or a variable, in its place: --set date=2026-11-30",
            )
            for place, template, tree in found
            for name in sorted(meta.find_undeclared_variables(tree) & VARYING)
            for line in sorted({n.lineno for n in tree.find_all(nodes.Name) if n.name == name})
        ]

    def leaks(self, known: Mapping[str, Shape], shared: Mapping[str, Shape]) -> list[InputError]:
        """Return an error for every use of a name that a group of several does not share."""
        always = {
            (found.template, found.line, found.name)
            for _, report in self._reports(known)
            for found in report.unknown
        }
        return [
            self._leak(found, place)
            for place, report in self._reports(shared)
            for found in report.unknown
            if (found.template, found.line, found.name) not in always
            # Only a message to one address shows a display name.
            and place.key != "recipients.display_name"
        ]

    def _reports(self, known: Mapping[str, Shape]) -> Iterator[tuple[Location, NameReport]]:
        names = {**self._constants, **known}
        for place, tree in self._values:
            yield place, self._report(tree, None, Role.TEXT, names)
        for page in self._pages:
            report = self._report(page.tree, page.name, page.role, names)
            self.followed[page.name] = report.templates
            yield Location(page.name), report

    def _report(
        self, tree: nodes.Template, name: str | None, role: Role, known: Mapping[str, Shape]
    ) -> NameReport:
        return check_names(
            tree,
            name,
            known=known,
            constants=self._imported,
            trees=lambda other: self._tree(other, role),
            fitting=self._templates.loader.fitting,
        )

    def _tree(self, name: str, role: Role) -> nodes.Template | None:
        try:
            return self._templates.tree(name, role)
        except TemplateError as error:
            if name not in self._broken:
                self._broken.add(name)
                self._templates.errors.append(self._named(error, name))
            return nodes.Template([])

    def _named(self, error: TemplateError, name: str) -> TemplateError:
        """Return the error of a file as one of the tag that names the file, where one tag does."""
        place = self._templates.loader.naming(name)
        if place is None or error.location != Location(name):
            return error
        return TemplateError(f"{name} {error.message}", location=place, hint=error.hint)

    def _place(self, found: Unknown | Missing | Judged, place: Location) -> Location:
        if found.template is None:
            return place
        source = self._templates.loader.line(found.template, found.line)
        if isinstance(found, Judged):
            name = _WORD.match(found.verdict.word)
            word = name[0] if name is not None else found.verdict.word
        else:
            word = found.name
        word = word if isinstance(found, Missing) else word.rpartition(".")[2]
        places = list(re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", source or ""))
        # The syntax tree knows lines only; the column of a name that stands there twice is not
        # known.
        column = places[0].start() + 1 if len(places) == 1 else None
        return self._templates.loader.place(found.template, found.line, column)

    def _not_defined(self, found: Unknown, place: Location) -> TemplateError:
        from mailbatch.expressions.slips import bare_text
        from mailbatch.render.foreign_words import name_remedy

        around, dot, name = found.name.rpartition(".")
        where = self._place(found, place)
        hint = None
        text = where.source if found.template is not None else self._sources.get(place.key)
        if around in {"", "recipient"}:
            hint = column_hint(name, self._columns, text)
        if hint is None and not around:
            known = {one.casefold() for one in found.candidates}
            foreign = name_remedy(name) if name.casefold() not in known else None
            hint = foreign or self._part_hint(name, text or "")
        if hint is None and (near := nearest(name, found.candidates)) is not None:
            meant = near if near.isidentifier() or not around else f"{around}[{near!r}]"
            hint = f"Did you mean {meant}?"
        if hint is None and not around:
            hint = bare_text(name, text or "")
        if hint is None and len(found.candidates) <= _MOST_NAMES and dot:
            hint = f"There is {', '.join(sorted(found.candidates)) or 'nothing'} in {around}."
        written = " ".join(found.name.split())
        return TemplateError(f"{written} is not defined", location=where, hint=hint)

    def _part_hint(self, name: str, text: str) -> str | None:
        """Return a hint for `contact.first_name`: here, a column stands alone."""
        found = re.search(rf"(?<![\w.]){re.escape(name)}\s*\.\s*(\w+)(?!\w*\()", text)
        if found is None:
            return None
        letters = {_bare(found[1]), _bare(name + found[1])}
        column = next((one for one in self._columns if _bare(one) in letters), None)
        column = column or nearest(found[1], self._columns)
        if column is None:
            some = self._columns[:_MOST_NAMES]
            listed = ", ".join(ways_to_write(one, self._columns)[0] for one in some)
            return f"A column stands alone, without {name}: {listed}."
        ways = " or ".join(ways_to_write(column, self._columns))
        return f"Write {ways}: a column stands alone."

    def explained(self, error: InputError) -> InputError:
        """Return a syntax error with a hint, where the template has a column name of the table."""
        place = error.location
        if not isinstance(error, TemplateError) or error.hint is not None or place is None:
            return error
        text = place.source if place.key is None else self._sources.get(place.key)
        hint = bare_column_hint(text, self._columns) if text is not None else None
        return TemplateError(error.message, location=place, hint=hint)

    def _not_there(self, found: Missing, place: Location) -> TemplateError:
        return TemplateError(
            f"there is no template {found.name}",
            location=self._place(found, place),
            hint="Templates are named by their path below the job's folder.",
        )

    def _leak(self, found: Unknown, place: Location) -> TemplateError:
        group_by = self._job.recipients.group_by
        wanted = self._job.recipients.address
        address = find_column(wanted, self._columns) or wanted
        return TemplateError(
            f"{found.name} is not defined for a group of several addresses, "
            f"which shares only {', '.join(group_by)}",
            location=self._place(found, place),
            hint=f"Add {address} to recipients.group_by, so that every "
            "address gets a message of its own.",
        )


def _misused(found: Misuse, where: Location) -> TemplateError:
    return TemplateError(
        found.message, location=where, hint=found.hint, reason=Reason.TEXT_AS_NUMBER
    )


def _bare(name: str) -> str:
    return _LETTERS.sub("", name).casefold()
