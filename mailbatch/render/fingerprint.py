"""The fingerprint of a message: the digest of all that a reviewer approves, whenever it is sent.

    fingerprint(rendered, digest_of_files(parts))    # 32 bytes, the same in every run

Message-ID, Date, MIME boundaries, a DKIM signature and the transfer encoding belong to the moment
and the server of a transaction, so that none of these is in here; nor is the DTSTAMP of a calendar
where that is the date. The token of a delivery is part
of the Message-ID, and stands for itself. All else is: the other fields, the parts as text, the
files, the envelope. This module must never render, nor read a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from mailbatch.envelope import address_key
from mailbatch.octets import Piece, digest_of
from mailbatch.render.content_lines import date_time
from mailbatch.render.headers import date_field, message_id_field

if TYPE_CHECKING:
    from mailbatch.render.message import Rendered
    from mailbatch.render.mime import FilePart

#: The name of the rule: another rule gives other fingerprints.
_RULE = b"mailbatch fingerprint, 1\0"
#: In place of the token; no text of a message has a NUL.
_TOKEN = b"\0token\0"


def fingerprint(rendered: Rendered, files: bytes, parts: Sequence[FilePart] = ()) -> bytes:
    """Return the fingerprint of a rendered message: 32 bytes, a SHA-256.

    `files` is the digest of the files that all messages have (`digest_of_files`), `parts` are the
    files of this message alone.
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
    return sha256(said.replace(delivery.token.encode(), _TOKEN)).digest()


def digest_of_files(parts: Iterable[FilePart]) -> bytes:
    """Return the digest of files with their heads; that of a large file is computed once."""
    whole = sha256()
    for head, lines in parts:
        digest = lines.once(digest_of) if isinstance(lines, Piece) else digest_of(lines)
        whole.update(digest_of(head) + digest)
    return whole.digest()
