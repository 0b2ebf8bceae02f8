"""The rendered texts of a message: the text part and the HTML part, before encoding.

A job without a text part gets one made from the HTML; MJML is compiled to HTML; Markdown gives
both parts. Cells of a recipient's row are text everywhere, and never become a tag, a template or
Markdown.

Tests: tests/render/test_html.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from mailbatch.errors import InputError, JobError, MessageError, Reason
from mailbatch.render.field_text import FieldError
from mailbatch.render.html import content_ids
from mailbatch.render.languages import page_attributes
from mailbatch.render.markdown import html_from_markdown, page
from mailbatch.render.message import Image
from mailbatch.render.pages import PAGES, PageChoice
from mailbatch.render.templates import Names, Role, Templates
from mailbatch.suggest import did_you_mean

if TYPE_CHECKING:
    from mailbatch.job import model
    from mailbatch.render.embedding import Embedding
    from mailbatch.render.mjml import Compiler
    from mailbatch.render.shells import Shells
    from mailbatch.render.template_loader import FolderLoader


class Texts(NamedTuple):
    """The text part, the HTML part, None where there is none, the images, and the preheader."""

    text: str
    html: str | None
    images: tuple[Image, ...] = ()
    preheader: str | None = None


class Parts:
    """The texts of every message of a job; `choices` are the templates."""

    def __init__(self, job: model.Job, templates: Templates) -> None:
        message = job.message
        choices = {
            role: PageChoice(setting, role, templates)
            for key, role in PAGES
            if (setting := job.find(key)) is not None
        }
        if message.markdown is not None:
            choices[Role.TEXT] = PageChoice(job.at("message.markdown"), Role.TEXT, templates)
        self.choices = tuple(choices.values())
        self.has_html = message.html_key is not None
        self._text = choices.get(Role.TEXT)
        if self._text is None:  # else nothing reads the HTML again
            from mailbatch.render.text_from_html import text_from_html

            self._text_from_html = text_from_html
        self._html = choices.get(Role.HTML)
        self._mjml = choices.get(Role.MJML)
        self._compiler = _compiler(templates, job) if self._mjml is not None else None
        self._markdown = choices.get(Role.MARKDOWN)
        self._marks = templates.marks
        self._place = job.locate(message.html_key or "message.text")
        self._shells: Shells | None = None
        if message.css == "inline":  # else the rules of CSS cost every start
            from mailbatch.render.shells import Shells

            self._css, self._shells = job.locate("message.css"), Shells()
        self.embedding: Embedding | None = None
        if message.images == "embed":
            from mailbatch.render.embedding import Embedding

            pages = self._html or self._mjml or choices[Role.MARKDOWN]
            place = job.locate("message.images")
            self.embedding = Embedding(job.folder, templates.loader, pages, place)
        preheader = job.find("message.preheader")
        self._preheader = templates.value(preheader) if preheader is not None else None
        self._inline = frozenset(message.inline)
        language = job.find("message.language") if message.html is None else None
        self._language = templates.value(language) if language is not None else None

    def mistakes(
        self, followed: Mapping[str, frozenset[str]], loader: FolderLoader
    ) -> Iterator[InputError]:
        """Yield the mistakes of MJML; `followed` are the files of each page."""
        if self._mjml is not None:
            from mailbatch.render.mjml import mistakes

            yield from mistakes(self._mjml, followed, loader)

    def render(self, names: Names, subject: str) -> Texts:
        """Return both texts for a recipient; the subject is the title of HTML made of Markdown.

        Raises:
            TemplateError: a template fails.
            MessageError: the HTML shows an inline image that the job does not have, or has style
                rules that cannot be read, or an image cannot be embedded.
        """
        images: tuple[Image, ...] = ()
        try:
            html = self._render_html(names, subject)
            if html is not None:
                if self.embedding is not None:
                    html, images = self.embedding.embed(html, names)
                html = self._styled(html)
        except UnicodeEncodeError:  # the compilers of MJML and of CSS are given UTF-8
            problem = "the HTML part holds half a surrogate pair"
            raise MessageError(problem, location=self._place) from None
        if self._text is not None:
            text = self._text.render(names)
        else:
            text = self._text_from_html(html or "")
        if self._preheader is None or html is None:
            return Texts(text, html, images)
        from mailbatch.render.preheader import plain, with_preheader

        preheader = plain(self._preheader.render(names))
        return Texts(text, with_preheader(html, preheader), images, preheader)

    def _render_html(self, names: Names, subject: str) -> str | None:
        if self._html is not None:
            html = self._html.render(names)
        elif self._mjml is not None and self._compiler is not None:
            name = self._mjml.value.render(names)
            html = self._compiler.html(self._mjml.render(names), name, self._tag(names))
        elif self._markdown is not None:
            body = self._from_markdown(self._markdown, names)
            html = page(body, title=subject, attributes=page_attributes(self._tag(names)))
        else:
            return None
        for name in content_ids(html):
            if name not in self._inline:
                raise MessageError(
                    f"the HTML shows cid:{name}, which is not in message.inline",
                    location=self._place,
                    hint=did_you_mean(name, self._inline),
                    reason=Reason.UNKNOWN_INLINE,
                )
        return html

    def _tag(self, names: Names) -> str:
        """Return the language of the message, empty for none."""
        return self._language.render(names).strip(" ") if self._language is not None else ""

    def _styled(self, html: str) -> str:
        if self._shells is None:
            return html
        try:
            return self._shells.inline(html)
        except FieldError as error:
            raise MessageError(str(error), location=self._css) from None

    def _from_markdown(self, choice: PageChoice, names: Names) -> str:
        self._marks.clear()
        source = choice.render(names)
        try:
            return self._marks.restore(html_from_markdown(source))
        except FieldError as error:
            raise MessageError(str(error), location=self._place) from None


def _compiler(templates: Templates, job: model.Job) -> Compiler | None:
    """Return the compiler of MJML, None without its package: the mistake goes to the errors."""
    from mailbatch.render.mjml import Compiler

    try:
        return Compiler(templates.loader, job.locate("message.mjml"))
    except JobError as error:
        templates.errors.append(error)
        return None
