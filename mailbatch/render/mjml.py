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

from mailbatch.errors import JobError, Location, Reason, TemplateError, install_extra
from mailbatch.render.mjml_source import Fault, faults, unbalanced
from mailbatch.render.template_loader import FolderLoader

if TYPE_CHECKING:
    from mailbatch.render.pages import PageChoice

_TAG = re.compile(r"<mj[^<>]*>")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LEFT = re.compile(r"</?(mj[\w-]*)")
#: The sign of a double quote between single ones, which MRML writes with a backslash.
_BROKEN_QUOTE = '\\"'
#: MRML writes lines of any length. With an end of line inside the tags of cells, where white space
#: means nothing, lines have fewer than 998 octets and need no encoding (RFC 5322 2.1.1): half of
#: the time of a message.
_LINES = ("<td ", "<td\n")
_MOST_TAGS = 4096  # tags without a mistake that are remembered
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
        self._sound: set[str] = set()
        self._last: tuple[str, str] | None = None

    def html(self, source: str, page: str) -> str:
        """Return the HTML of a finished text; `page` is the name of its template.

        Raises:
            TemplateError: the text has a mistake; the place is that in the template, where the
                same line stands there once.
        """
        if self._last is not None and self._last[0] == source:
            return self._last[1]
        tags = set(_TAG.findall(source)) - self._sound
        if tags:
            if any(True for tag in tags for _ in faults(tag)):
                self._refuse_first(faults(source), source, page)
            if len(self._sound) < _MOST_TAGS:
                self._sound |= tags
        try:
            html: str = self._to_html(source, self._parsing, self._options).content
        except OSError as error:
            raise self._not_compiled(str(error), source, page) from None
        if _BROKEN_QUOTE in html:
            self._refuse_first(faults(source), source, page)
        if "<mj" in html and (left := _LEFT.search(_COMMENT.sub("", html))) is not None:
            raise TemplateError(
                f"<{left[1]}> may not stand in its place: it would be mailed as it is",
                location=self._place(source, source.rfind(f"<{left[1]}"), page),
                hint="In MJML, columns stand in sections, and texts in columns.",
                reason=Reason.MJML_UNKNOWN,
            )
        html = html.replace(*_LINES)
        self._last = (source, html)
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
        """Return the place of an offset of a finished text in its template, as far as known."""
        begin = source.rfind("\n", 0, at) + 1
        line = source[begin:].split("\n", 1)[0]
        written = self._loader.text(page) or ""
        lines = [number for number, one in enumerate(written.split("\n"), 1) if one == line]
        if not line.strip() or len(lines) != 1:
            return Location(page)
        return Location.in_text(page, written, lines[0], at - begin + 1)


def mistakes(
    choice: PageChoice, followed: Mapping[str, Iterable[str]], loader: FolderLoader
) -> Iterator[TemplateError]:
    """Yield the mistakes of the MJML in templates as written, and in every file they include."""
    names = dict.fromkeys(
        name for page in choice.pages for name in (page, *sorted(followed.get(page, ())))
    )
    for name in names:
        source = _text(name, loader)
        for fault in faults(source):
            place = fault.place(name, source)
            yield TemplateError(fault.message, location=place, hint=fault.hint, reason=fault.reason)


def _text(name: str, loader: FolderLoader) -> str:
    with contextlib.suppress(TemplateError):  # the checks of names report the file
        return loader.text(name) or ""
    return ""
