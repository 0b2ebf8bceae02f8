"""The MIME structure (RFC 2045, 2046, 2387): a skeleton made once per job, filled for each message.

mixed(related(alternative(text, html, calendar), inline images), attachments), each level only with
several parts to hold. Boundaries are functions of the Message-ID, so that a resend is
byte-identical; "=_" at the beginning cannot occur in base64 and quoted-printable, and a text that
holds "=_" is not sent unencoded.

Tests: tests/render/test_messages.py, tests/render/test_golden.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mailbatch.octets import Piece

#: The beginning of all boundaries, before the part that depends on the message.
MARK = b"=_"

_TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
_HTML = b"Content-Type: text/html; charset=utf-8\r\n"
_ENCODINGS = {
    name: f"Content-Transfer-Encoding: {name}\r\n\r\n".encode("ascii")
    for name in ("7bit", "8bit", "quoted-printable", "base64")
}
_CLOSE = b"--"
# The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1). Behind the lines of a
# file the line end is there already, so that these are whole lines.
_DELIMITER, _BEHIND_LINES = b"\r\n--", b"--"

# Of messages with embedded images, or of several numbers of files.
_MOST_SKELETONS = 64

#: The encoding and the encoded lines of a text.
Encoded = tuple[str, bytes]
#: The head of a file's part with the empty line, and the lines of the file with the last CRLF.
FilePart = tuple[bytes, bytes | Piece]


def part_size(part: FilePart) -> int:
    """Return the bytes of a file's part, without the last CRLF."""
    head, lines = part
    return len(head) + len(lines.data if isinstance(lines, Piece) else lines) - len(b"\r\n")


def boundary(message_id: str) -> bytes:
    """Return the beginning of all boundaries of a message."""
    # In hexadecimal: base32 is a loop in Python, 2 µs of each message.
    return MARK + hashlib.blake2b(message_id.encode(), digest_size=12).hexdigest().encode("ascii")


class Skeleton:
    """The structure of every message of a job, from the Content-Type field to the last line.

    The part of a file is the head and the lines, each line with its CRLF.
    """

    def __init__(
        self,
        *,
        html: bool,
        inline: Sequence[FilePart],
        attachments: int,
        calendar: bytes | None = None,
    ) -> None:
        """Lay out the structure: whether there is HTML, the inline parts, how many attachments.

        `calendar` is the Content-Type field of a calendar part, None where there is none.
        """
        kinds = [_TEXT]
        if html:
            kinds.append(_HTML)
        if calendar is not None:
            kinds.append(calendar)
        self._kinds = kinds
        self._pieces: list[bytes | Piece] = []
        self._boundaries: list[int] = []
        self._texts: list[int] = []
        self._attachments: list[int] = []
        self._mixed(inline, attachments)
        self._add(b"\r\n")

    def fill(
        self, mark: bytes, texts: Sequence[Encoded], attachments: Sequence[FilePart]
    ) -> list[bytes | Piece]:
        """Return the pieces of one message; `texts` are text, HTML and calendar, if any."""
        pieces = self._pieces.copy()
        for index in self._boundaries:
            pieces[index] = mark
        for index, (encoding, lines) in zip(self._texts, texts, strict=True):
            pieces[index] = _ENCODINGS[encoding]
            pieces[index + 1] = lines
        for index, part in zip(self._attachments, attachments, strict=True):
            pieces[index : index + 2] = part
        return pieces

    def _mixed(self, inline: Sequence[FilePart], attachments: int) -> None:
        if not attachments:
            self._related(inline)
            return
        self._open("mixed", b"m")
        self._delimit(b"m")
        self._related(inline)
        before = _DELIMITER
        for _ in range(attachments):
            self._delimit(b"m", before=before)
            self._attachments.append(self._add(b""))
            self._add(b"")
            before = _BEHIND_LINES
        self._delimit(b"m", _CLOSE, before=before)

    def _related(self, inline: Sequence[FilePart]) -> None:
        if not inline:
            self._alternative()
            return
        # RFC 2387 3.1: the type of the root, which is the first part.
        self._open('related; type="multipart/alternative"', b"r")
        self._delimit(b"r")
        self._alternative()
        before = _DELIMITER
        for head, lines in inline:
            self._delimit(b"r", before=before)
            self._add(head)
            self._add(lines)
            before = _BEHIND_LINES
        self._delimit(b"r", _CLOSE, before=before)

    def _alternative(self) -> None:
        if len(self._kinds) == 1:
            self._text(_TEXT)
            return
        self._open("alternative", b"a")
        for kind in self._kinds:  # the last one is the preferred one (RFC 2046 5.1.4)
            self._delimit(b"a")
            self._text(kind)
        self._delimit(b"a", _CLOSE)

    def _text(self, content_type: bytes) -> None:
        self._add(content_type)
        self._texts.append(self._add(b""))
        self._add(b"")

    def _open(self, kind: str, level: bytes) -> None:
        self._add(f'Content-Type: multipart/{kind};\r\n boundary="'.encode("ascii"))
        self._boundaries.append(self._add(b""))
        self._add(b"-" + level + b'"\r\n')

    def _delimit(self, level: bytes, end: bytes = b"\r\n", *, before: bytes = _DELIMITER) -> None:
        self._add(before)
        self._boundaries.append(self._add(b""))
        self._add(b"-" + level + end)

    def _add(self, piece: bytes | Piece) -> int:
        self._pieces.append(piece)
        return len(self._pieces) - 1


class Skeletons:
    """The structures of a job's messages, each laid out once.

    `inline` are the images that every message shows, `calendar` is as for a skeleton.
    """

    def __init__(self, *, html: bool, inline: Sequence[FilePart], calendar: bytes | None) -> None:
        self._html, self._inline, self._calendar = html, inline, calendar
        self._known: dict[tuple[int, tuple[bytes, ...]], Skeleton] = {}

    def of(self, files: int, images: Sequence[FilePart]) -> Skeleton:
        """Return the structure of messages with so many files and these embedded images."""
        key = (files, tuple([head for head, _ in images]) if images else ())
        found = self._known.get(key)
        if found is None:
            if len(self._known) == _MOST_SKELETONS:
                self._known.clear()
            found = self._known[key] = Skeleton(
                html=self._html,
                inline=[*self._inline, *images],
                attachments=files,
                calendar=self._calendar,
            )
        return found
