r"""Files of other programs in place of a template: documents, pictures, messages that were saved.

    >>> foreign_file(b"%PDF-1.7\n...")
    'a PDF document'
    >>> foreign_file(b"Dear {{ name }},\n") is None
    True

Some of them are texts (RTF, `.eml`), and would be sent as they are, marks and all. The kind follows
from the content, never from the name. A table of recipients is known by the address in each row,
and in place of a whole letter only, since a letter may include a table. This module must never read
a file.
"""

from __future__ import annotations

import csv
import re

#: The remedy for each of these files.
REMEDY = (
    "Copy the text into a plain text file, such as letter.txt.j2. To send the file itself, name it "
    "in message.attachments."
)
#: The remedy for a table in place of a letter.
TABLE_REMEDY = (
    "Name the file of the letter here, and the table in recipients.file. To send the table itself, "
    "name it in message.attachments."
)
_BEGINNINGS = (
    (b"\xd0\xcf\x11\xe0", "an old Word document, or a message of Outlook (.doc, .msg)"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a document in RTF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
)
_ARCHIVE = b"PK\x03\x04"
#: A piece of a ZIP archive -> the document that has such a piece.
_ARCHIVED = (
    (b"opendocument.text", "a LibreOffice document (.odt)"),
    (b"word/", "a Word document (.docx)"),
    (b"xl/", "a workbook (.xlsx)"),
    (b"Index/Document.iwa", "a Pages document"),
)
_LOOKED_AT = 1 << 16  # bytes
#: A header field of a message, with its further lines (RFC 5322 2.2).
_FIELD = rb"[A-Za-z][A-Za-z0-9-]*:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*"
_HEADER = re.compile(rb"(?:From [^\r\n]*\r?\n)?(?:" + _FIELD + rb"){2,200}\r?\n")
#: Fields in the form that programs write: one of them is no line of a letter by chance.
_WRITTEN = re.compile(
    rb"^(?:MIME-Version:[ \t]*1\.0[ \t]*\r?$|Message-ID:[ \t\r\n]*<[^<>{\s]+@[^<>{\s]+>"
    rb"|Received:\s+(?:from|by)\s[^{;]*;\s+(?:[A-Z][a-z]{2}, *)?[0-9]{1,2} [A-Z][a-z]{2} "
    rb"|Return-Path:[ \t]*<[^<>{\s]*>"
    rb"|Content-Type:[ \t]*(?:text|multipart)/[a-z]+;\s+(?:charset|boundary)="
    rb"|Date: (?:[A-Z][a-z]{2}, ?)?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{5,8} [-+])",
    re.IGNORECASE | re.MULTILINE,
)
#: Fields of a program in any form: two of them.
_NAMES = re.compile(
    rb"^(MIME-Version|Received|Message-ID|Return-Path|Delivered-To|DKIM-Signature"
    rb"|Content-Type|Content-Transfer-Encoding|X-[A-Z][A-Z-]+):",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = re.compile(r"[^\s@<>{},;]+@[^\s@<>{},;]+\.[^\s@<>{},;]+")
_SEPARATORS = (",", ";", "\t")
_ROWS = 20  # of a table that are looked at
_FEWEST = 1  # rows of a list, without the first line; one address may end a short letter


def foreign_file(content: bytes) -> str | None:
    """Return the words for a file that is no template by its content, None for any other."""
    for begin, words in _BEGINNINGS:
        if content.startswith(begin):
            return words
    if content.startswith(_ARCHIVE):
        found = (words for piece, words in _ARCHIVED if piece in content)
        return next(found, "an archive (.zip)")
    header = _HEADER.match(content[:_LOOKED_AT])
    if header is not None and _is_of_mail(header[0]):
        return "a message that was saved (.eml, .mht)"
    return None


def _is_of_mail(header: bytes) -> bool:
    names = {name.lower() for name in _NAMES.findall(header)}
    return len(names) > 1 or _WRITTEN.search(header) is not None


def is_table_of_addresses(text: str) -> bool:
    r"""Tell a table or a list of recipients from a letter: each row has an address in one column.

    >>> is_table_of_addresses("email,name\nann@example.com,Ann\n")
    True
    >>> is_table_of_addresses("Dear {{ name }},\n\nann@example.com\n")
    False
    """
    lines = [line for line in text[:_LOOKED_AT].splitlines() if line.strip()][: _ROWS + 1]
    if len(lines) > _ROWS:
        lines.pop()  # perhaps cut off
    words = lines[0].split() if lines else []
    if (
        len(words) == 1
        and len(lines) > _FEWEST + 1 - _is_address(lines[0])
        and all(map(_is_address, lines[1:]))
    ):
        return True
    for separator in _SEPARATORS:
        rows = list(csv.reader(lines, delimiter=separator))
        width = len(rows[0]) if rows else 0
        if width > 1 < len(rows) and all(len(row) == width for row in rows):
            columns = zip(*rows[1:], strict=True)
            if any(all(map(_is_address, column)) for column in columns):
                return True
    return False


def _is_address(cell: str) -> bool:
    return _ADDRESS.fullmatch(cell.strip()) is not None
