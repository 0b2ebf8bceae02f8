"""The fingerprint of a message: the digest of all that a reviewer approves, whenever it is sent.

    Marker(shared).mark(rendered, own).digest    # 32 bytes, the same in every run

Message-ID, Date, MIME boundaries, a DKIM signature and the transfer encoding belong to the moment
and the server of a transaction, so that none of these is in here; nor is the DTSTAMP of a calendar
where that is the date. The token of a delivery is part of the Message-ID, and stands for itself.
All else is: the other fields, the parts as text, the files, the envelope. This module must never
render, nor read a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from mailbatch.envelope import address_key
from mailbatch.errors import MessageError
from mailbatch.octets import Piece, digest_of
from mailbatch.render.content_lines import date_time
from mailbatch.render.headers import date_field, message_id_field
from mailbatch.render.mime import FilePart, part_size

if TYPE_CHECKING:
    from mailbatch.render.message import Rendered

#: The name of the rule: another rule gives other fingerprints.
_RULE = b"mailbatch fingerprint, 1\0"
#: In place of the token; no text of a message has a NUL.
_TOKEN = b"\0token\0"


class Mark(NamedTuple):
    """A fingerprint of 32 bytes, a SHA-256, and the size of its message before the encoding."""

    digest: bytes
    size: int


class Marker:
    """Makes the marks of messages that share some files."""

    def __init__(self, shared: Sequence[FilePart]) -> None:
        self._files = digest_of_files(shared)
        self._size = sum(map(part_size, shared))

    def mark(self, rendered: Rendered, own: Sequence[FilePart]) -> Mark:
        """Return the mark of a message; `own` are the attachments of this one alone.

        An embedded image is in the HTML, by a Content-ID with the digest of its bytes.

        Raises:
            MessageError: a text holds half a surrogate pair.
        """
        try:
            digest, size = fingerprint(rendered, self._files, own)
        except UnicodeEncodeError:
            raise MessageError("a part holds half a surrogate pair") from None
        images = sum(part_size(image.part) for image in rendered.images)
        return Mark(digest, size + self._size + images)


def fingerprint(rendered: Rendered, files: bytes, parts: Sequence[FilePart] = ()) -> Mark:
    """Return the fingerprint of a rendered message, and the bytes of head, texts and own files.

    `files` is the digest of the files that all messages have (`digest_of_files`), `parts` are the
    files of this message alone.

    Raises:
        UnicodeEncodeError: a text holds half a surrogate pair.
    """
    delivery = rendered.delivery
    moment = date_field(delivery.date) + message_id_field(delivery.message_id)
    before, _, behind = rendered.head.partition(moment)
    found = [
        before,
        behind,
        rendered.text.encode(),
        b"" if rendered.html is None else rendered.html.encode(),
        b"" if rendered.html is None else b"html",
        rendered.reverse_path.encode(),
        "\n".join(rendered.copies).encode(),
        "\n".join(sorted(map(address_key, delivery.addresses))).encode(),
        files,
        digest_of_files(parts) if parts else b"",
    ]
    if rendered.calendar is not None:
        stamp = date_time(delivery.date)
        found.append(rendered.calendar.replace(f"\nDTSTAMP:{stamp}\r", "\nDTSTAMP:\r").encode())
    lengths = b",".join([b"%d" % len(one) for one in found])
    said = b"".join([_RULE, lengths, b"\0", *found])
    # Only where templates use it, and in the callback data: mostly in the head.
    digest = sha256(said.replace(delivery.token.encode(), _TOKEN)).digest()
    texts = len(rendered.head) + len(found[2]) + len(found[3]) + sum(map(len, found[10:]))
    return Mark(digest, texts + sum(map(part_size, parts)))


def digest_of_files(parts: Iterable[FilePart]) -> bytes:
    """Return the digest of files with their heads; that of a large file is computed once."""
    whole = sha256()
    for head, lines in parts:
        digest = lines.once(digest_of) if isinstance(lines, Piece) else digest_of(lines)
        whole.update(digest_of(head) + digest)
    return whole.digest()
