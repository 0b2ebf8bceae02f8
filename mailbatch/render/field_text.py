"""The refusal of header values, and the characters that no header value may hold.

Tests: tests/render/test_headers.py.
"""

from __future__ import annotations

import re

from mailbatch.errors import Reason

# C0, DEL, C1 (with U+0085), and the two separators that some readers take for line ends; and
# surrogates, which no encoding can write.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# The embeddings, overrides and isolates of UAX 9 (2.1 to 2.5). Its marks (LRM, RLM, ALM) only lend
# a direction to their neighbours, and names in Arabic and Hebrew need them.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SURROGATES = range(0xD800, 0xE000)


class FieldError(ValueError):
    """A text cannot be the value of a header; the message completes "message.subject: ...".

    `reason` goes on to the error, with a place, that is raised from this one.
    """

    def __init__(self, message: str, *, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.reason = reason


def refuse_controls(text: str) -> None:
    """Refuse control characters and all that readers may take for a line end.

    Raises:
        FieldError: names the character.
    """
    if text.isprintable():
        return
    match = _CONTROL.search(text)
    if match is not None:
        code = ord(match[0])
        kind = "half a surrogate pair" if code in _SURROGATES else "the control character"
        raise FieldError(f"holds {kind} U+{code:04X}")


def refuse_reordering(filename: str) -> None:
    """Refuse the characters that show the letters of a file name in another order.

    Readers would see "my_exe.pdf" for a program named "my_", U+202E, "fdp.exe". A subject or a
    display name may hold the same characters: a program is never chosen by these.

    Raises:
        FieldError: names the character.
    """
    match = _REORDERING.search(filename)
    if match is not None:
        code = ord(match[0])
        raise FieldError(f"holds U+{code:04X}, which shows letters in another order")
