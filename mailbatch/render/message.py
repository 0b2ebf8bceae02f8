"""The message as bytes, and its content as values: what the composer gives.

Values only. `Message` is what goes on the wire; `Content` is the same for people to look at.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to be sent.

    `content` are its bytes with CRLF line ends, headers first, dots not stuffed. `message_id` has
    no angle brackets. `copies` are the Cc and Bcc addresses that join the envelope, none twice and
    none of the delivery's own. `eight_bit` says that there are bytes beyond ASCII (BODY=8BITMIME),
    `needs_smtputf8` that an address is (RFC 6531). `reverse_path` is for MAIL. `parts` are the
    larger parts with their sizes in bytes.
    """

    content: bytes
    message_id: str
    copies: tuple[str, ...]
    eight_bit: bool
    needs_smtputf8: bool
    reverse_path: str
    parts: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """The message's size for SIZE (RFC 1870): its bytes with CRLF, before dots are stuffed."""
        return len(self.content)

    def biggest_part(self) -> str:
        """Name the biggest part with its size, to say what to make smaller."""
        name, size = max(self.parts, key=lambda part: part[1])
        return f"{name} ({size} bytes)"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message; `cid` is the name by which the HTML shows it, None for an attachment."""

    filename: str
    type: str
    data: bytes
    cid: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The rendered content of one message, for people.

    `from_`, `to`, `cc` and `subject` are the text of these headers, `headers` all that are
    written, in their order, as readers show them. `text` and `html` are the parts, None where
    there is none. Paths and sizes are those of the message itself.
    """

    subject: str
    from_: str
    to: str
    cc: str
    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...]
    inline: tuple[Attachment, ...]
