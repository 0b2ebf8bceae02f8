"""Encoded-words (RFC 2047): text of any language inside the ASCII of a header field.

An encoded-word here is `=?utf-8?q?...?=` or `=?utf-8?b?...?=`, at most 75 characters, and is cut
between any two characters, inside a word, too; module `headers` folds between words. Only the last
encoded-word of a text may have the padding of base64: RFC 2047 allows `=` in each, but GMime, the
parser of several mail programs, drops all that stands behind the first one. Callers decide the
place: unstructured text and display names alone, never a URL, an address or another structured
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
_LEAST = 2 * len("=F0=9F=98=80")  # two characters in Q
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


def encoded_words(text: str, *, taken: int, behind: int = 0, phrase: bool = False) -> list[str]:
    """Encode `text`, in the B or the Q encoding, whichever is shorter.

    `taken` is the number of characters before the first word on the line, `behind` that of those
    that stand on the line of the last word. The white space between two words is no part of the
    text (RFC 2047 6.2).
    """
    data = text.encode()
    table = _IN_PHRASE if phrase else _IN_TEXT
    full = _FULL - behind
    room = LONGEST_ENCODED_LINE - taken - _FRAME - behind
    if room < _LEAST:
        room = full
    quoted = "".join(map(table.__getitem__, data))
    if len(quoted) <= (len(data) + 2) // 3 * 4:
        return _q_words(quoted, room, full)
    return _b_words(data, room, full, table)


def _q_word(quoted: str) -> str:
    return f"=?utf-8?q?{quoted}?="


def _q_words(quoted: str, room: int, full: int) -> list[str]:
    words = []
    start = 0
    while start < len(quoted):
        end = min(start + room, len(quoted))
        # Never inside an escape, nor before one that continues a character.
        while end < len(quoted) and (
            "=" in quoted[end - 2 : end] or quoted.startswith(_CONTINUED, end)
        ):
            end -= 1
        words.append(_q_word(quoted[start:end]))
        start, room = end, full
    return words


def _b_words(data: bytes, room: int, full: int, table: list[str]) -> list[str]:
    """Encode in words without padding but for the last; `table` spells what fits no such word."""
    words = []
    start = 0
    while start < len(data):
        end = _unpadded_end(data, start, room // 4 * 3)
        if end > start:
            chunk = binascii.b2a_base64(data[start:end], newline=False).decode("ascii")
            words.append(f"=?utf-8?b?{chunk}?=")
        else:
            # A letter of ASCII before characters of 3 bytes, say. Of four places between characters
            # two are a multiple of 3 bytes apart, so at most two characters are spelled here.
            end = _next_character(data, start)
            while _unpadded_end(data, end, full // 4 * 3) == end < len(data):
                end = _next_character(data, end)
            words.append(_q_word("".join(map(table.__getitem__, data[start:end]))))
        start, room = end, full
    return words


def _unpadded_end(data: bytes, start: int, most: int) -> int:
    """Return the last end of a word that needs no padding, at most `most` bytes behind `start`.

    `most` is a multiple of 3, so the end is one, too, or the end of the data. `start` itself where
    no character ends so.
    """
    end = start + most
    if end >= len(data):
        return len(data)
    while end > start and data[end] in _CONTINUATIONS:  # never inside a character
        end -= 3
    return end


def _next_character(data: bytes, start: int) -> int:
    end = start + 1
    while end < len(data) and data[end] in _CONTINUATIONS:
        end += 1
    return end
