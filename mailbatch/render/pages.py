"""The template file of a part; its name may be a template that each row completes.

`newsletter.{{ locale }}.html.j2` can mean every file that fits, so all of them are compiled and
checked before anything is sent. A name that no file fits is found when a row gives it.
"""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

from jinja2 import nodes

from mailbatch.errors import InputError, TemplateError
from mailbatch.render.template_names import file_pattern
from mailbatch.render.templates import Names, Page, Role, Templates
from mailbatch.suggest import did_you_mean

if TYPE_CHECKING:
    from mailbatch.job import model


class PageChoice:
    """The pages that `message.text`, `html` or `markdown` can mean.

    `pages` are those that are known before a row is, by their names.
    """

    def __init__(
        self, job: model.Job, key: str, name: str, role: Role, templates: Templates
    ) -> None:
        """Compile every page that can be known; what is wrong goes to the templates' errors."""
        self.value = templates.value(key, name)
        self.pages: dict[str, Page] = {}
        self._place = job.locate(key)
        self._role = role
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
        page = self._templates.page(name, self._role)
        if page is None:
            raise TemplateError(
                f"there is no file {name}",
                location=self._place,
                hint=did_you_mean(name, frozenset(self.pages) or self._beside(name)),
            )
        return page

    def _beside(self, name: str) -> frozenset[str]:
        folder = name[: name.rfind("/") + 1]
        return frozenset(self._templates.loader.fitting(f"{glob.escape(folder)}*"))

    def render(self, names: Names) -> str:
        """Return the text of the page that these names choose.

        Raises:
            TemplateError: there is no such page, or it fails.
        """
        name = self.value.render(names)
        page = self.pages.get(name)
        if page is None:
            page = self.pages[name] = self._page(name)
        return page.render(names)


def _pattern(tree: nodes.Template | None) -> str | None:
    """Return the file pattern of a templated name, None where its end says nothing."""
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
