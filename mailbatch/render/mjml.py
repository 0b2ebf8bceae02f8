"""MJML to HTML, for each message, behind the template: the values are in their places already.

    compiler = Compiler(templates.loader)
    html = compiler.html("<mjml>...</mjml>", page="letter.mjml.j2")

The compiler is MRML. Network and files are out of its reach, and the same text gives the same
bytes. MRML mails unknown tags without a word: here a text is looked at before, and the HTML behind.
Includes are those of Jinja by then (`mjml_source.with_includes`), below the job's folder alone.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from mailbatch.errors import JobError, Location, Reason, TemplateError
from mailbatch.extras import install_extra
from mailbatch.render.finished import place_in
from mailbatch.render.mjml_nesting import misplaced, misplaced_in_template, shape
from mailbatch.render.mjml_source import Fault, faults, unbalanced
from mailbatch.render.mjml_values import mended, plain_values, with_language
from mailbatch.render.template_loader import FolderLoader

if TYPE_CHECKING:
    from mailbatch.render.pages import PageChoice

#: A tag of MJML as far as `<mjml title="a>`, and the beginning of the one behind, if that is next.
_TAG = re.compile(r"(</?mj[^<>]*>)\s*(?=(</?mj|\Z|))")
_ANY_TAG = re.compile(r"</?mj[^<>]*>")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LEFT = re.compile(r"</?(mj[\w-]*)")
#: The sign of a double quote between single ones, which MRML writes with a backslash.
_BROKEN_QUOTE = '\\"'
#: MRML writes lines of any length. With an end of line inside the tags of cells, where white space
#: means nothing, lines have fewer than 998 octets and need no encoding (RFC 5322 2.1.1): half of
#: the time of a message.
_LINES = ("<td ", "<td\n")
#: A rule that hides the arrows of a carousel from every reader; MJML 4 and 5 write another one.
_ARROWS = ("@media screen, yahoo {", "@media screen yahoo {")
#: Tags, and orders of tags, without a mistake that are remembered.
_MOST_TAGS, _MOST_ORDERS = 4096, 256
_SPAN = re.compile(r" position (\d+):(\d+)$")
_WHERE = re.compile(r" in (?:root )?template.*$")
_SHOWN = 60


class Compiler:
    """Compiles the MJML of messages; a text that is that of the message before is not again."""

    def __init__(self, loader: FolderLoader, place: Location) -> None:
        """Load the compiler; `place` is that of `message.mjml`.

        Raises:
            JobError: the package is not installed.
        """
        try:
            import mrml
        except ImportError:
            raise JobError(
                "MJML needs a package that is not installed",
                location=place,
                hint=install_extra("mjml"),
            ) from None
        self._loader = loader
        self._to_html = mrml.to_html
        self._parsing = mrml.ParserOptions(include_loader=mrml.noop_loader())
        # No fonts: by default, MRML links the fonts of a foreign host into every letter.
        self._options = mrml.RenderOptions(fonts={})
        #: What each tag without a mistake does to the nesting, and how it is given to the compiler;
        #: and the orders that are sound.
        self._shapes: dict[tuple[str, str], tuple[str, str]] = {}
        self._orders: set[tuple[str, ...]] = set()
        self._last: tuple[str, str, str] | None = None

    def html(self, source: str, page: str, language: str = "") -> str:
        """Return the HTML of a finished text; `page` is the name of its template.

        `language` is that of a text that names none.

        Raises:
            TemplateError: the text has a mistake; the place is that in the template, where one line
                of the template can have given the line of the text.
        """
        if self._last is not None and self._last[:2] == (source, language):
            return self._last[2]
        told = self._looked_at(source, page)
        if language:
            told = with_language(told, language)
        html = self._compiled(told, source, page)
        if "\\" in html:
            if _BROKEN_QUOTE in html:
                self._refuse_first(faults(source), source, page)
            if (plain := plain_values(told)) != told:
                html = self._compiled(plain, source, page)
        if "<mj" in html and (left := _LEFT.search(_COMMENT.sub("", html))) is not None:
            raise TemplateError(
                f"<{left[1]}> may not stand in its place: it would be mailed as it is",
                location=self._place(source, source.rfind(f"<{left[1]}"), page),
                hint="In MJML, columns stand in sections, and texts in columns.",
                reason=Reason.MJML_PLACE,
            )
        html = html.replace(*_LINES).replace(*_ARROWS)
        self._last = (source, language, html)
        return html

    def _looked_at(self, source: str, page: str) -> str:
        """Return a text for the compiler, and refuse a mistake that the compiler would let pass."""
        bare = _COMMENT.sub("", source) if "<!--" in source else source
        shapes, order = self._shapes, []
        better: dict[str, str] = {}
        for one in _TAG.findall(bare):
            if (known := shapes.get(one)) is None:
                if any(True for _ in faults(one[0])):
                    self._refuse_first(faults(source), source, page)
                known = (shape(*one), mended(one[0]))
                if len(shapes) < _MOST_TAGS:
                    shapes[one] = known
            order.append(known[0])
            if known[1] != one[0]:
                better[one[0]] = known[1]
        key = tuple(order)
        if key not in self._orders:
            fault = misplaced(source)
            if fault is not None:
                raise self._error(fault, source, page)
            if "?" not in key and len(self._orders) < _MOST_ORDERS:
                self._orders.add(key)
        if not better:
            return source
        return _ANY_TAG.sub(lambda one: better.get(one[0], one[0]), source)

    def _compiled(self, told: str, source: str, page: str) -> str:
        """Return the HTML of `told`; `source` is the text as rendered, for places of errors."""
        try:
            html: str = self._to_html(told, self._parsing, self._options).content
        except OSError as error:
            words = str(error)
            if told != source:
                try:
                    self._to_html(source, self._parsing, self._options)
                except OSError as same:
                    words = str(same)
            raise self._not_compiled(words, source, page) from None
        return html

    def _refuse_first(self, found: Iterator[Fault], source: str, page: str) -> None:
        fault = next(found, None)
        if fault is not None:
            raise self._error(fault, source, page)

    def _error(self, fault: Fault, source: str, page: str) -> TemplateError:
        place = self._place(source, fault.offset, page)
        return TemplateError(fault.message, location=place, hint=fault.hint, reason=fault.reason)

    def _not_compiled(self, told: str, source: str, page: str) -> TemplateError:
        """Return the error of a text that MRML refuses; MRML mostly says that and no more."""
        fault = next(faults(source), None) or unbalanced(source)
        if fault is not None:
            return self._error(fault, source, page)
        span = _SPAN.search(told)
        data = source.encode()
        words = _WHERE.sub("", told)
        at = 0
        if span is not None:
            at = len(data[: int(span[1])].decode(errors="ignore"))
            part = data[int(span[1]) : int(span[2])].decode(errors="ignore")
            words += f": {' '.join(part.split())[:_SHOWN]}"
        return TemplateError(
            f"cannot be compiled: {words}",
            location=self._place(source, at, page),
            hint="The tags of MJML stand in <mjml>, which holds <mj-head> and <mj-body>.",
            reason=Reason.MJML_FORM,
        )

    def _place(self, source: str, at: int, page: str) -> Location:
        return place_in(self._loader.text(page) or "", page, source, at)


def mistakes(
    choice: PageChoice, followed: Mapping[str, Iterable[str]], loader: FolderLoader
) -> Iterator[TemplateError]:
    """Yield the mistakes of the MJML in templates as written, and in every file they include."""
    names = dict.fromkeys(
        name for page in choice.pages for name in (page, *sorted(followed.get(page, ())))
    )
    for name in names:
        source = _text(name, loader)
        found = list(faults(source))
        if not found and (placed := misplaced_in_template(source)) is not None:
            found.append(placed)
        for fault in found:
            place = fault.place(name, source)
            yield TemplateError(fault.message, location=place, hint=fault.hint, reason=fault.reason)


def _text(name: str, loader: FolderLoader) -> str:
    with contextlib.suppress(TemplateError):  # the checks of names report the file
        return loader.text(name) or ""
    return ""
