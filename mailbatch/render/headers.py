"""Header fields as bytes (RFC 5322 section 2.2 and 3.6), each with the last CRLF.

Four kinds of value, and no way from one to another: unstructured text (RFC 2047 where it must
be), structured values in ASCII (folded at white space, never encoded, never broken), addresses
(encoded-words in display names only), and phrases (each encoded alone). Control characters are
refused, not removed: a value that holds one was not meant for a header. Date and Message-ID are
written here. Nothing here knows jobs or templates.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

from mailbatch.render.addresses import Group, Mailbox
from mailbatch.render.encoded_words import LONGEST_ENCODED_LINE, encoded_words
from mailbatch.render.encodings import LONGEST_LINE
from mailbatch.render.field_text import FieldError, refuse_controls

#: The characters that a line should not exceed (RFC 5322 2.1.1).
PREFERRED_LINE = 78

_CHUNK = re.compile(r" *[^ ]+")
# The usual field with one address: nothing has to be quoted, encoded or folded.
_PLAIN_MAILBOX = re.compile(r'[A-Za-z-]+: "[A-Za-z0-9][A-Za-z0-9 .,_&-]*" <[A-Za-z0-9._+@-]+>')
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ESCAPED = re.compile(r"\\(.)")
# A phrase up to the comma; one in quotes that are never closed goes on to the end.
_PHRASE = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.?)*(?:"|\Z))+')
_LONGEST_QUOTED = LONGEST_LINE // 2  # a longer name becomes encoded-words
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Beyond ASCII, a quotation mark, which some readers end the value at, or an encoded-word.
_UNQUOTABLE = re.compile(r'=\?|[^ -~]|"')
# RFC 2231 section 7: attribute-char.
_ATTRIBUTE_CHARS = "!#$&+-.^_`|~"


def text_field(name: str, text: str) -> bytes:
    r"""Write unstructured text (RFC 5322 3.6.5), as encoded-words where ASCII is not enough.

    Example:
        >>> text_field("Subject", "Grüße")
        b'Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n'

    Raises:
        FieldError: a control character, or half a surrogate pair.
    """
    if not text.isascii() or not text.isprintable():
        refuse_controls(text)
    elif "=?" not in text and text.strip(" ") == text:
        line = f"{name}: {text}"
        if len(line) <= PREFERRED_LINE:
            return f"{line}\r\n".encode("ascii")
        chunks = _CHUNK.findall(text)
        if len(max(chunks, key=len)) + len(name) + 2 <= LONGEST_LINE:
            chunks[0] = f" {chunks[0]}"
            return _lay_out(name, chunks)
    if not text:
        return f"{name}:\r\n".encode("ascii")
    return _lay_out(name, [f" {word}" for word in encoded_words(text, taken=len(name) + 2)])


def structured_field(name: str, text: str) -> bytes:
    r"""Write a value in ASCII, folded at white space and never encoded.

    Example:
        >>> structured_field("List-Id", "<news.example.com>")
        b'List-Id: <news.example.com>\r\n'

    Raises:
        FieldError: a control character, other than ASCII, or a token too long for a line.
    """
    line = f"{name}: {text}"
    if len(line) <= PREFERRED_LINE:
        _refuse_unstructured(text)
        return f"{line}\r\n".encode("ascii")
    return fold_field(name, _CHUNK.findall(text))


def fold_field(name: str, chunks: Iterable[str]) -> bytes:
    """Write a structured value of ASCII chunks, each but the first with the white space before.

    A line end may come before the white space of a chunk, and nowhere else.

    Raises:
        FieldError: a chunk is too long for a line, or holds a character that no structured value
        may.
    """
    lines = list(chunks)
    _refuse_unstructured("".join(lines))
    if lines:
        lines[0] = f" {lines[0]}"
    return _lay_out(name, lines)


def _refuse_unstructured(text: str) -> None:
    """Refuse the characters that no value in ASCII may hold, on every way to a field."""
    refuse_controls(text)
    if not text.isascii():
        raise FieldError("must be ASCII")


def _lay_out(name: str, chunks: list[str]) -> bytes:
    """Lay chunks out on lines of at most 78 characters where possible, 76 with encoded-words."""
    lines: list[str] = []
    line = f"{name}:"
    for chunk in chunks:
        encoded = chunk.startswith(" =?")
        longest = LONGEST_ENCODED_LINE if encoded or " =?" in line else PREFERRED_LINE
        # Some readers take a field whose first line is empty for an empty one.
        first = not lines and line == f"{name}:" and not encoded
        if len(line) + len(chunk) > longest and not first:
            lines.append(line)
            line = chunk
        else:
            line += chunk
    lines.append(line)
    field = "\r\n".join(lines).encode()
    if len(field) > LONGEST_LINE and len(max(field.split(b"\r\n"), key=len)) > LONGEST_LINE:
        raise FieldError(
            f"holds a word of more than {LONGEST_LINE} characters that cannot be folded"
        )
    return field + b"\r\n"


def address_field(name: str, entries: Iterable[Mailbox | Group]) -> bytes:
    """Write an address list (RFC 5322 3.6.3); local parts beyond ASCII stay UTF-8 (RFC 6532).

    Raises:
        FieldError: a display name holds a control character.
    """
    chunks: list[str] = []
    entries = tuple(entries)
    if len(entries) == 1 and isinstance(entries[0], Mailbox):
        line = f'{name}: "{entries[0].name}" <{entries[0].address}>'
        if len(line) <= PREFERRED_LINE and _PLAIN_MAILBOX.fullmatch(line):
            return f"{line}\r\n".encode("ascii")
    for entry in entries:
        if chunks:
            chunks[-1] += ","
        if isinstance(entry, Mailbox):
            chunks += _mailbox(entry, name if not chunks else "")
        else:
            chunks += _group(entry, name if not chunks else "")
    return _lay_out(name, chunks)


def _mailbox(mailbox: Mailbox, first_on: str) -> list[str]:
    address = mailbox.address
    if "=?" in address:  # a local part that some readers would decode means the same in quotes
        local, _, domain = address.rpartition("@")
        address = address if local.startswith('"') else f'"{local}"@{domain}'
    if not mailbox.name:
        return [f" {address}"]
    return [*phrase_chunks(mailbox.name, _taken(first_on)), f" <{address}>"]


def _taken(first_on: str) -> int:
    """Return the characters before an entry: the first one of the field `first_on`, or another."""
    return len(first_on) + 2 if first_on else 1


def _group(group: Group, first_on: str) -> list[str]:
    simple = _ATOMS.fullmatch(group.name) and "=?" not in group.name
    chunks = (
        [f" {group.name}"]
        if simple
        else phrase_chunks(group.name, _taken(first_on), behind=len(":;,"))
    )
    chunks[-1] += ":"
    for number, member in enumerate(group.members):
        if number:
            chunks[-1] += ","
        chunks += _mailbox(member, "")
    chunks[-1] += ";"
    return chunks


def phrases_field(name: str, text: str) -> bytes:
    r"""Write phrases with commas between them (RFC 5322 3.6.5), each encoded alone.

    An encoded-word never holds a comma that divides phrases (RFC 2047 5, rule 3). A comma in quotes
    is a part of its phrase. The field is empty where there is no phrase.

    Example:
        >>> phrases_field("Keywords", "café, spring offers")
        b'Keywords: =?utf-8?b?Y2Fmw6k=?=, spring offers\r\n'

    Raises:
        FieldError: a control character, or half a surrogate pair.
    """
    refuse_controls(text)
    phrases = [_bare(one) for one in _PHRASE.findall(text)]
    chunks: list[str] = []
    for phrase in filter(None, phrases):
        if chunks:
            chunks[-1] += ","
        if _ATOMS.fullmatch(phrase) and "=?" not in phrase:
            chunks += _CHUNK.findall(f" {phrase}")
        else:
            chunks += phrase_chunks(phrase, len(name) + 2 if not chunks else 1, behind=1)
    return _lay_out(name, chunks) if chunks else b""


def _bare(phrase: str) -> str:
    """Return the text of a phrase, without the quotes around all of it."""
    text = phrase.strip(" ")
    return _ESCAPED.sub(r"\1", text[1:-1]) if _QUOTED.fullmatch(text) else text


def phrase_chunks(text: str, taken: int, *, behind: int = 0) -> list[str]:
    """Spell a display name as a quoted string, or as encoded-words where that is not enough.

    Each chunk begins with white space. `taken` is the number of characters before the name on the
    line, `behind` that of those that follow without white space.

    Raises:
        FieldError: a control character, or half a surrogate pair.
    """
    refuse_controls(text)
    if text.isascii() and "=?" not in text and text.strip(" ") == text:
        quoted = f" {_quoted(text)}"  # never folded inside: some readers show the line end there
        if len(quoted) <= _LONGEST_QUOTED:
            return [quoted]
    return [f" {word}" for word in encoded_words(text, taken=taken, behind=behind, phrase=True)]


def date_text(seconds: int) -> str:
    """Spell a date (RFC 5322 3.3) in UTC; `seconds` since the epoch.

    Example:
        >>> date_text(0)
        'Thu, 01 Jan 1970 00:00:00 +0000'
    """
    at = time.gmtime(seconds)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04}"
        f" {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"
    )


@lru_cache(maxsize=64)  # deliveries that are leased together have one date
def date_field(seconds: int) -> bytes:
    """Write the Date field."""
    return f"Date: {date_text(seconds)}\r\n".encode("ascii")


def message_id_field(message_id: str) -> bytes:
    """Write the Message-ID field; the id comes without angle brackets."""
    return f"Message-ID: <{message_id}>\r\n".encode("ascii")


def parameter(name: str, value: str) -> str:
    """Spell a parameter (RFC 2045 5.1); in the form of RFC 2231 beyond ASCII.

    Example:
        >>> parameter("filename", "Übersicht.pdf")
        "filename*=utf-8''%C3%9Cbersicht.pdf"
    """
    if _UNQUOTABLE.search(value):
        return f"{name}*=utf-8''{quote(value, _ATTRIBUTE_CHARS)}"
    return f"{name}={_quoted(value)}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
