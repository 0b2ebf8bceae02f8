"""What is done to the rendered HTML: style rules into the elements, inline images found.

Nothing here fetches anything: remote style sheets stay where they are.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mailbatch.render.field_text import FieldError

if TYPE_CHECKING:
    import css_inline

# A reference in an attribute or a style, not the words "cid:" in a sentence.
_REFERENCE = re.compile(r"""(?:=\s*["']?|url\(\s*["']?|,\s*)cid:([^\s"'()<>,]+)""", re.IGNORECASE)


def content_ids(html: str) -> list[str]:
    """Return the names that the HTML calls inline images by (RFC 2392), as often as it does."""
    if "cid:" not in html and "CID:" not in html:
        return []
    return [unquote(name) for name in _REFERENCE.findall(html)]


@cache
def _inliner() -> css_inline.CSSInliner:
    import css_inline

    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


def inline_css(html: str) -> str:
    """Move style rules into the elements; rules that no element can hold (`@media`) stay.

    Raises:
        FieldError: a style sheet cannot be read.
    """
    import css_inline

    try:
        return _inliner().inline(html)
    except css_inline.InlineError as error:
        raise FieldError(f"the style rules cannot be inlined: {error}") from None
