r"""Files of other programs in place of a template: documents, pictures, messages that were saved.

    >>> foreign_file(b"%PDF-1.7\n...")
    'a PDF document'
    >>> foreign_file(b"Dear {{ name }},\n") is None
    True

Some of them are texts (RTF, `.eml`), and would be sent as they are, marks and all. The kind follows
from the content, never from the name. This module must never read a file.
"""

from __future__ import annotations

import re

#: The remedy for each of these files.
REMEDY = (
    "Copy the text into a plain text file, such as letter.txt.j2. To send the file itself, name it "
    "in message.attachments."
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
_OF_MAIL = re.compile(rb"^(?:MIME-Version|Received|Message-ID):", re.IGNORECASE | re.MULTILINE)


def foreign_file(content: bytes) -> str | None:
    """Return the words for a file that is no template by its content, None for any other."""
    for begin, words in _BEGINNINGS:
        if content.startswith(begin):
            return words
    if content.startswith(_ARCHIVE):
        found = (words for piece, words in _ARCHIVED if piece in content)
        return next(found, "an archive (.zip)")
    header = _HEADER.match(content[:_LOOKED_AT])
    if header is not None and _OF_MAIL.search(header[0]) is not None:
        return "a message that was saved (.eml, .mht)"
    return None
