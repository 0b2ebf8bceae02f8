"""Markdown to HTML (CommonMark, with tables), for values that must stay text.

While a Markdown template is rendered, every value becomes a mark of letters and digits, which
means nothing to Markdown in any place; in the finished HTML the marks become the values, escaped.
So no cell of the table can start a list, close a link or carry a tag. `{{ value | safe }}` is for
values that are Markdown. A filter over text that holds values (`{% filter upper %}`) would change
the marks; such a message is refused rather than sent with marks.

Tests: tests/render/test_html.py, tests/render/test_injection.py.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from mailbatch.render.field_text import FieldError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_PAGE = """\
<!DOCTYPE html>
<html{attributes}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
{title}</head>
<body>
{body}</body>
</html>
"""
_FILTERED = "a filter changes text with values in it; filter the values instead"


class Marks:
    """The values of one rendering, in place of which the Markdown has marks.

    No cell can hold a mark, because the beginning of marks is a secret; no message shows one.
    """

    def __init__(self) -> None:
        # Lower case, because the host of a link becomes that.
        beginning = f"mb7q{secrets.token_hex(6)}v"
        self._mark = f"{beginning}{{}}x"
        self._marks = re.compile(rf"{beginning}([0-9]+)x")
        self._changed = re.compile(beginning[:6], re.IGNORECASE)
        self._values: list[str] = []

    def clear(self) -> None:
        """Forget the values of the rendering before."""
        self._values.clear()

    def keep(self, value: Any) -> Markup:
        """Keep a value and return the mark that stands for it; Markdown is returned unchanged.

        Raises:
            FieldError: the value is a mark that went through a filter.
        """
        if hasattr(value, "__html__"):
            return Markup(value)  # noqa: S704 - from the template itself, or declared safe by it
        text = str(value)
        if self._changed.search(text):
            raise FieldError(_FILTERED)
        self._values.append(text)
        return Markup(self._mark.format(len(self._values) - 1))  # noqa: S704 - letters and digits

    def restore(self, text: str, write: Callable[[str], str] = escape) -> str:
        """Put the values in the places of the marks, each as `write` gives it: escaped for HTML.

        Raises:
            FieldError: a filter changed a mark, so that a value has no place any more.
        """
        pieces = self._marks.split(text)
        if any(self._changed.search(piece) for piece in pieces[::2]):
            raise FieldError(_FILTERED)
        pieces[1::2] = [write(self._values[int(number)]) for number in pieces[1::2]]
        return "".join(pieces)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def html_from_markdown(source: str) -> str:
    """Return the HTML of Markdown, without a page around; tags in the source are shown as text."""
    html: str = _parser().render(source)
    return html


def page(body: str, *, title: str, attributes: str) -> str:
    """Return a page of HTML with a text as the title, and with attributes of `<html>`.

    Without a title, the subject of a message stands in for one (HTML, 4.2.2).
    """
    title = f"<title>{escape(title)}</title>\n" if title else ""
    return _PAGE.format(attributes=attributes, title=title, body=body)
