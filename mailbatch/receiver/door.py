"""The credentials of a POST: a token in the path, and optionally Basic or a fixed header field.

The path travels in the messages, where each recipient may read it: it keeps scanners out and proves
nothing. Basic (RFC 7617) and the header field prove that the provider posts. All comparisons take
the same time wherever the first difference stands.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from hmac import compare_digest

from mailbatch.frozen import frozen

#: A token: letters, digits, `-` and `_`, so that a URL holds the token as it is.
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\x21-\x7e][\x20-\x7e]{0,999})")


@frozen
class Door:
    """The credentials that are wanted.

    `token` stands in the path. `basic` is `USER:PASSWORD`, `header` the name and the value of a
    field; either may be None.

    Example:
        >>> door = Door("0123456789abcdef", basic="user:pass word")
        >>> door.leads("0123456789abcdef")
        True
        >>> door.admits({"authorization": "Basic dXNlcjpwYXNzIHdvcmQ="})
        True
        >>> door.admits({})
        False
    """

    token: str
    basic: str | None = None
    header: tuple[str, str] | None = None

    def leads(self, token: str) -> bool:
        """Tell whether a path with this token is the receiver's."""
        return _same(token, self.token)

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the header fields have all credentials; `headers` has lower-case names."""
        admitted = True
        if self.basic is not None:
            admitted &= _same(_basic_in(headers.get("authorization", "")), self.basic)
        if self.header is not None:
            name, value = self.header
            admitted &= _same(headers.get(name.lower(), ""), value)
        return admitted


def header_of(text: str) -> tuple[str, str]:
    """Return name and value of a header field.

    Raises:
        ValueError: the text is no `Name: value` in ASCII (RFC 9110 5.1).

    Example:
        >>> header_of("X-Reports-Key: s3cret")
        ('X-Reports-Key', 's3cret')
    """
    found = _HEADER.fullmatch(text.rstrip(" \t"))
    if found is None:
        raise ValueError("expected Name: value")
    return found[1], found[2]


def _basic_in(field: str) -> str:
    scheme, _, credentials = field.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _same(told: str, wanted: str) -> bool:
    return compare_digest(told.encode(errors="replace"), wanted.encode(errors="replace"))
