"""Markdown to HTML (CommonMark, with tables), for values that must stay text.

While a Markdown template is rendered, every value becomes a mark of letters and digits, which
means nothing to Markdown wherever it stands; in the finished HTML the marks become the values,
escaped. So no cell of the table can start a list, close a link or carry a tag. `{{ value | safe
}}` is for values that are Markdown.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_PAGE = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
</head>
<body>
{}</body>
</html>
"""
# Lower case, because the host of a link becomes that.
_MARK = "mb7qx4val{}x"
_MARKS = re.compile(r"mb7qx4val([0-9]+)x")


class Marks:
    """The values of one rendering, in place of which the Markdown has marks."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def clear(self) -> None:
        """Forget the values of the rendering before."""
        self._values.clear()

    def keep(self, value: Any) -> Markup:
        """Keep a value and return its mark; what is Markdown already is returned as it is."""
        if hasattr(value, "__html__"):
            return Markup(value)  # noqa: S704 - from the template itself, or declared safe by it
        self._values.append(str(value))
        return Markup(_MARK.format(len(self._values) - 1))  # noqa: S704 - letters and digits

    def restore(self, html: str) -> str:
        """Put the values, escaped, where their marks are."""
        return _MARKS.sub(lambda match: escape(self._values[int(match[1])]), html)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def html_from_markdown(source: str) -> str:
    """Return a page of HTML; tags in the source are shown as text."""
    return _PAGE.format(_parser().render(source))
