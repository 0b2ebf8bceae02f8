"""The template file of a part, whose name may be a template that each row completes.

`newsletter.{{ locale }}.html.j2` can mean every file that fits, so all these files are compiled and
checked before anything is sent. A name without a file is found when a row gives the name.

Tests: tests/render/test_composer.py.
"""

from __future__ import annotations

import contextlib
import glob
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateSyntaxError, nodes

from mailbatch.errors import InputError, Location, TemplateError
from mailbatch.job.fields import is_template
from mailbatch.job.paths import stored_path
from mailbatch.job.setting import Setting
from mailbatch.render.foreign_files import TABLE_REMEDY, is_table_of_addresses
from mailbatch.render.template_loader import FolderLoader
from mailbatch.render.template_names import file_pattern, named_templates
from mailbatch.render.templates import Names, Page, Role, Templates, as_jinja
from mailbatch.suggest import did_you_mean

if TYPE_CHECKING:
    from mailbatch.job import model

#: The keys of template files, by the role of the output.
PAGES = (
    ("message.text", Role.TEXT),
    ("message.html", Role.HTML),
    ("message.mjml", Role.MJML),
    ("message.markdown", Role.MARKDOWN),
    ("message.calendar.file", Role.CALENDAR),
)
#: The role of an attachment's template, by the ending of its name without `.j2`.
_ROLES = {".html": Role.HTML, ".htm": Role.HTML, ".ics": Role.CALENDAR}
_QUOTED = re.compile(r"""["']([^"'\0]+)["']""")
_NAMING = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)


class PageChoice:
    """The pages that `message.text`, or another key of `PAGES`, can mean.

    `pages` are those that are known before any row, by name.
    """

    def __init__(self, setting: Setting, role: Role, templates: Templates) -> None:
        """Compile every page that can be known; mistakes go to the templates' errors."""
        self.value = templates.value(setting)
        self.pages: dict[str, Page] = {}
        self.role = role
        self.marks = templates.marks
        self._templates = templates
        if self.value.constant is not None:
            self._try(self.value.constant)
        else:
            pattern = _pattern(self.value.tree)
            for found in templates.loader.fitting(pattern) if pattern is not None else ():
                self._try(found)

    def _try(self, name: str) -> None:
        self._templates.loader.allow(name)
        try:
            self.pages[name] = self._page(name)
        except InputError as error:
            if error not in self._templates.errors:
                self._templates.errors.append(error)

    def _page(self, name: str) -> Page:
        page = self._templates.page(name, self.role)
        if page is None:
            raise TemplateError(
                f"there is no file {name}",
                location=self.value.place,
                hint=did_you_mean(name, frozenset(self.pages) or self._beside(name)),
            )
        if is_table_of_addresses(self._templates.loader.text(name) or ""):
            message = "is a table of addresses, no template"
            raise TemplateError(message, location=Location(name), hint=TABLE_REMEDY)
        return page

    def _beside(self, name: str) -> frozenset[str]:
        folder = name[: name.rfind("/") + 1]
        return frozenset(self._templates.loader.fitting(f"{glob.escape(folder)}*"))

    def render(self, names: Names) -> str:
        """Return the text of the page that these names choose.

        Raises:
            TemplateError: there is no such page, or the page fails.
        """
        return self.chosen(names).render(names)

    def chosen(self, names: Names) -> Page:
        """Return the page that these names choose.

        Raises:
            TemplateError: there is no such page.
        """
        name = self.value.render(names)
        page = self.pages.get(name)
        if page is None:
            page = self.pages[name] = self._page(name)
        return page


def role_of(name: str) -> Role:
    """Return the role of a template that is no part of the message, by its name.

    Example:
        >>> role_of("ticket.{{ locale }}.html.j2").value, role_of("ticket.txt.j2").value
        ('html', 'text')
    """
    return _ROLES.get(PurePath(name.removesuffix(".j2")).suffix.lower(), Role.TEXT)


def _pattern(tree: nodes.Template | None) -> str | None:
    """Return the file pattern of a templated name, None for a name without a fixed end."""
    pieces: list[nodes.Node] = []
    for output in tree.body if tree is not None else ():
        if not isinstance(output, nodes.Output):
            return None
        pieces += output.nodes
    if not pieces or not isinstance(pieces[-1], nodes.TemplateData):
        return None
    return file_pattern(
        piece.data if isinstance(piece, nodes.TemplateData) else None for piece in pieces
    )


def template_files(job: model.Job) -> Iterator[str]:
    """Give the name of every template file that a message of the job may be made of.

    These are the files that the job names, and those that tags in these files name in turn. A name
    that is put together while a message is rendered stands for every file that fits; a file that
    cannot be parsed may name every text in quotes. Nothing is compiled here: mistakes are the
    composer's to report.
    """
    loader, syntax = FolderLoader(job.folder), Environment(autoescape=True)
    waiting: list[str] = []
    numbers = range(len(job.message.attachments))
    keys = (*(key for key, _ in PAGES), *(f"message.attachments[{n}].template" for n in numbers))
    for setting in filter(None, map(job.find, keys)):
        if not is_template(setting.text):
            waiting.append(setting.text)
            continue
        with contextlib.suppress(TemplateSyntaxError):
            pattern = _pattern(syntax.parse(setting.text))
            waiting += loader.fitting(pattern) if pattern is not None else ()
    seen = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        with contextlib.suppress(OSError, ValueError):
            text = stored_path(job.folder / name).read_text("utf-8", "replace")
            waiting += _named(text, syntax, loader)


def _named(text: str, syntax: Environment, loader: FolderLoader) -> Iterator[str]:
    """Give the names of templates in a text: certain ones, choices, and files that fit."""
    try:
        tags = list(syntax.parse(as_jinja(text)).find_all(_NAMING))
    except TemplateSyntaxError:
        yield from _QUOTED.findall(text)
        return
    for tag in tags:
        expression: nodes.Node = tag.template  # type: ignore[attr-defined]
        yield from named_templates(expression, loader.fitting)[0]
        if not isinstance(expression, nodes.Add | nodes.Concat):  # whose parts are no names
            constants = expression.find_all(nodes.Const)
            yield from (one.value for one in constants if isinstance(one.value, str))
