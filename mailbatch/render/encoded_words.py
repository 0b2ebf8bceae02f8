"""Encoded-words (RFC 2047): text of any language inside the ASCII of a header field.

An encoded-word here is `=?utf-8?q?...?=` or `=?utf-8?b?...?=`, at most 75 characters, and is cut
between any two characters, inside a word, too; module `headers` folds between words. Callers decide
the place: unstructured text and display names alone, never a URL, an address or another structured
value.

Example:
    >>> encoded_words("Zoë Müller", taken=9)
    ['=?utf-8?b?Wm/DqyBNw7xsbGVy?=']

Tests: tests/render/test_headers.py.
"""

from __future__ import annotations

import binascii

#: The longest line with an encoded-word (RFC 2047 section 2).
LONGEST_ENCODED_LINE = 76

_FRAME = len("=?utf-8?q??=")
_FULL = LONGEST_ENCODED_LINE - 1 - _FRAME  # a word behind the one space of a continuation line
_CONTINUATIONS = range(0x80, 0xC0)  # bytes of a UTF-8 character behind the first
_CONTINUED = ("=8", "=9", "=A", "=B")  # escapes of these bytes
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _table(literal: str) -> list[str]:
    """Spell out the Q encoding of every byte: itself, "_" for a space, or an escape."""
    table = [f"={code:02X}" for code in range(256)]
    for char in literal:
        table[ord(char)] = char
    table[0x20] = "_"
    return table


# RFC 2047 5(1): in text everything printable but "=", "?" and "_"; 5(3): in a phrase much less.
_IN_TEXT = _table("".join(chr(code) for code in range(33, 127) if chr(code) not in "=?_"))
_IN_PHRASE = _table(_LETTERS + "!*+-/")


def encoded_words(text: str, *, taken: int, phrase: bool = False) -> list[str]:
    """Encode `text`, in the B or the Q encoding, whichever is shorter.

    `taken` is the number of characters before the first word on the line. The white space between
    two words is no part of the text (RFC 2047 6.2).
    """
    data = text.encode()
    table = _IN_PHRASE if phrase else _IN_TEXT
    room = LONGEST_ENCODED_LINE - taken - _FRAME
    if room < _FRAME:
        room = _FULL
    quoted = "".join(map(table.__getitem__, data))
    if len(quoted) <= (len(data) + 2) // 3 * 4:
        return _q_words(quoted, room)
    return _b_words(data, room)


def _q_words(quoted: str, room: int) -> list[str]:
    words = []
    start = 0
    while start < len(quoted):
        end = min(start + room, len(quoted))
        # Never inside an escape, nor before one that continues a character.
        while end < len(quoted) and (
            "=" in quoted[end - 2 : end] or quoted.startswith(_CONTINUED, end)
        ):
            end -= 1
        words.append(f"=?utf-8?q?{quoted[start:end]}?=")
        start, room = end, _FULL
    return words


def _b_words(data: bytes, room: int) -> list[str]:
    words = []
    start = 0
    while start < len(data):
        end = min(start + room // 4 * 3, len(data))
        while end < len(data) and data[end] in _CONTINUATIONS:  # never inside a character
            end -= 1
        chunk = binascii.b2a_base64(data[start:end], newline=False).decode("ascii")
        words.append(f"=?utf-8?b?{chunk}?=")
        start, room = end, _FULL
    return words
