"""The message: rendered, as bytes, and as content, the three values that the composer gives.

`Rendered` is a message with the templates filled in. `Message` is the same for the wire, `Content`
the same for people to look at; `Inspected` has both, or an error.

Tests: tests/render/test_messages.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mailbatch.envelope import Delivery
from mailbatch.errors import InputError
from mailbatch.frozen import frozen
from mailbatch.octets import Octets
from mailbatch.render.addresses import Group, Mailbox
from mailbatch.render.mime import FilePart
from mailbatch.render.sender import Shown

if TYPE_CHECKING:
    from mailbatch.render.fingerprint import Mark

#: The path of a file, and the name that the recipient sees.
Chosen = tuple[str, str]


class WrittenFile(NamedTuple):
    """A file that is made of a template for a recipient: the name, and the text of the file."""

    filename: str
    text: str


#: A branch, by the name of the template and the number of the branch there.
BranchKey = tuple[str, int]


@frozen
class Attachment:
    """A file of a message; `cid` is the name in the HTML, None for an attachment."""

    filename: str
    type: str
    data: bytes
    cid: str | None = None


@frozen
class Image:
    """An embedded image: the Content-ID, and the file, as a part of a message and for people."""

    cid: str
    part: FilePart
    file: Attachment


class Rendered(NamedTuple):  # one is made for every message: a tuple takes a third of the time
    """The message of a delivery with the templates rendered, each once.

    `names` are the names that the templates saw. `head` are the encoded header fields but for those
    of the MIME structure. `values` are the pieces of each field that varies, those of the Subject
    first; `files` are, for each attachment that varies, the files of this message, `images` the
    embedded ones that the HTML shows; `preheader` is None without the key. `calendar` is the
    calendar in iCalendar, None where the job has none. `taken` are the branches that the templates
    took, where the composer traces them.
    """

    delivery: Delivery
    names: dict[str, Any]
    sender: Shown
    to: tuple[Mailbox | Group, ...]
    cc: tuple[Mailbox | Group, ...]
    copies: tuple[str, ...]
    reverse_path: str
    head: bytes
    values: list[list[str]]
    text: str
    html: str | None
    files: list[tuple[Chosen | WrittenFile, ...]]
    images: tuple[Image, ...]
    preheader: str | None
    calendar: str | None
    taken: frozenset[BranchKey]


@frozen
class Message:
    """One message, ready to be sent.

    `octets` are the content with CRLF line ends, headers first, dots not stuffed. `message_id` has
    no angle brackets. `copies` are the Cc and Bcc addresses that join the envelope, none twice and
    none of the delivery's own. `eight_bit` says that there are bytes beyond ASCII (BODY=8BITMIME),
    `needs_smtputf8` that an address is (RFC 6531). `reverse_path` is for MAIL. `parts` are the
    larger parts with sizes in bytes. `mark` has the fingerprint, None where the composer
    makes none.
    """

    octets: Octets
    message_id: str
    copies: tuple[str, ...]
    eight_bit: bool
    needs_smtputf8: bool
    reverse_path: str
    parts: tuple[tuple[str, int], ...]
    mark: Mark | None = None

    @property
    def content(self) -> bytes:
        """The content as one piece of bytes."""
        return self.octets.joined()

    @property
    def size(self) -> int:
        """The size for SIZE (RFC 1870) in bytes: with CRLF, before dots are stuffed."""
        return self.octets.size

    def biggest_part(self) -> str:
        """Name the biggest part, with the size in bytes, as the one to make smaller."""
        name, size = max(self.parts, key=lambda part: part[1])
        return f"{name} ({size} bytes)"


@frozen
class Event:
    """An event of a calendar, in words; each is empty where the event has none.

    `attendees` are mailboxes as readers show them, `repeated` is the rule of RFC 5545 3.3.10.
    """

    summary: str
    when: str
    where: str
    description: str
    organizer: str
    attendees: tuple[str, ...]
    repeated: str
    uid: str
    sequence: int


@frozen
class CalendarContent:
    """The calendar of a message: the method of RFC 5546, the events, and `text` in iCalendar."""

    method: str
    events: tuple[Event, ...]
    text: str


@frozen
class Content:
    """The rendered content of one message, for people.

    `from_`, `to`, `cc` and `subject` are the text of these headers, `headers` all that are
    written, in order, as readers show headers. `text` and `html` are the parts, None where
    there is none. Paths and sizes are those of the message itself. The file of a `calendar` is the
    last of the attachments.
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
    calendar: CalendarContent | None = None
    preheader: str | None = None


@frozen
class Inspected:
    """The message of a delivery as bytes and as content, or the error that prevents both.

    `taken` are the branches that the templates took, as far as they were rendered.
    """

    delivery: Delivery
    taken: frozenset[BranchKey]
    message: Message | None = None
    content: Content | None = None
    error: InputError | None = None
