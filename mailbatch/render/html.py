"""Work on rendered HTML: style rules move into the elements, inline images are found.

Nothing here fetches anything: remote style sheets stay remote.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mailbatch.render.field_text import FieldError

if TYPE_CHECKING:
    import css_inline

# A reference in a style or an attribute, not the words "cid:" in a sentence.
_IN_STYLE = re.compile(r"""url\(\s*["']?cid:([^\s"'()<>,]+)""", re.IGNORECASE)
_TAG = re.compile(r"<[a-z][^<>]*cid:[^<>]*>", re.IGNORECASE)
_IN_TAG = re.compile(r"""(?:=\s*["']?|,\s*)cid:([^\s"'()<>,]+)""", re.IGNORECASE)


def content_ids(html: str) -> list[str]:
    """Return the names that the HTML calls inline images by (RFC 2392), repeated ones again.

    Example:
        >>> content_ids('<img src="cid:logo" alt="A logo">')
        ['logo']
    """
    if "cid:" not in html and "CID:" not in html:
        return []
    names = _IN_STYLE.findall(html)
    for tag in _TAG.findall(html):
        names += _IN_TAG.findall(tag)
    return [unquote(name) for name in names]


@cache
def _inliner() -> css_inline.CSSInliner:
    import css_inline

    return css_inline.CSSInliner(
        load_remote_stylesheets=False,
        keep_at_rules=True,
        keep_link_tags=True,
        keep_style_tags=True,
        remove_inlined_selectors=True,
    )


def inline_css(html: str) -> str:
    """Move style rules into the elements; rules that no element can hold (`@media`, `:hover`) stay.

    A rule that fits no element stays, too: mail programs add elements of their own.

    Raises:
        FieldError: a style sheet cannot be read.
    """
    import css_inline

    try:
        return _inliner().inline(html)
    except css_inline.InlineError as error:
        raise FieldError(f"the style rules cannot be inlined: {error}") from None
