"""The names by which rendered HTML calls inline images."""

from __future__ import annotations

import re
from urllib.parse import unquote

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
