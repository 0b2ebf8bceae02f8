r"""The content of a mail that any program may have sent, for the viewer of the gallery.

    read = read_mail(b"Subject: Hello\r\n\r\nHello\r\n")
    read.content.subject, read.remark          # ("Hello", None)

Python's `email` parses the mail (RFC 5322, RFC 2045 to 2047). A mail may be broken on purpose: a
part that cannot be parsed is a remark, and never an error. Sizes are bounded: the number of parts,
the characters of a text. This module must never follow an address of a mail.
"""

from __future__ import annotations

import codecs
import mimetypes
import re
from contextlib import suppress
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from itertools import islice

from mailbatch.frozen import frozen
from mailbatch.render.calendar_rules import events_in
from mailbatch.render.message import Attachment, CalendarContent, Content

_MOST_HEAD = 256 * 1024  # bytes that a list looks at
_MOST_TEXT, _MOST_HTML = 512 * 1024, 1024 * 1024  # characters
_MOST_CALENDAR = 128 * 1024  # characters that are parsed
_MOST_PARTS = 500
_MOST_FIELDS = 500
_LONGEST_FIELD = 8 * 1024  # characters
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_METHOD = re.compile(r"^METHOD:([A-Za-z-]{1,40})\s*$", re.MULTILINE)
#: Codecs of Python that are no charset of mail; two of these take a time that grows with a square.
_NO_CHARSETS = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"))


@frozen
class Read:
    """The content of a mail; `remark` names the parts that are not shown, None: each is."""

    content: Content
    remark: str | None = None


def read_mail(source: bytes) -> Read:
    """Read a mail for people."""
    try:
        return _Reader(message_from_bytes(source)).read()
    except Exception:  # noqa: BLE001 - the parser fails in many ways; the source is shown then
        return unreadable()


def unreadable() -> Read:
    """Return the content of a mail that cannot be parsed: none, with a remark."""
    content = Content("", "", "", "", (), None, None, (), ())
    return Read(content, "This mail cannot be parsed; look at its source.")


def shown_fields(source: bytes, *names: str) -> tuple[str, ...]:
    """Return fields of the head as readers show these; an empty text where there is none."""
    with suppress(Exception):  # the parser fails in many ways
        head = source[:_MOST_HEAD]
        end = _END_OF_HEAD.search(head)
        parsed = message_from_bytes(head[: end.end()] if end is not None else head)
        return tuple(_field(parsed, name) for name in names)
    return tuple("" for _ in names)


class _Reader:
    """Reads the parts of a parsed mail, once."""

    def __init__(self, mail: Message) -> None:
        self._mail = mail
        self._text: str | None = None
        self._html: str | None = None
        self._calendar: CalendarContent | None = None
        self._attachments: list[Attachment] = []
        self._inline: list[Attachment] = []
        self._remarks: list[str] = []

    def read(self) -> Read:
        for number, part in enumerate(_leaves(self._mail), 1):
            if number > _MOST_PARTS:
                self._remarks.append(f"Parts behind the first {_MOST_PARTS} are not shown.")
                break
            self._take(part, number)
        fields = [(name, _shown(value)) for name, value in _fields(self._mail)]
        named = {name.lower(): value for name, value in reversed(fields)}
        content = Content(
            subject=named.get("subject", ""),
            from_=named.get("from", ""),
            to=named.get("to", ""),
            cc=named.get("cc", ""),
            headers=tuple(fields),
            text=self._text,
            html=self._html,
            attachments=tuple(self._attachments),
            inline=tuple(self._inline),
            calendar=self._calendar,
        )
        return Read(content, " ".join(self._remarks) or None)

    def _take(self, part: Message, number: int) -> None:
        kind, data = part.get_content_type(), _bytes_of(part)
        is_file = part.get_content_disposition() == "attachment"
        if kind == "text/plain" and self._text is None and not is_file:
            self._text = self._cut(_decoded(part, data), _MOST_TEXT, "text")
        elif kind == "text/html" and self._html is None and not is_file:
            self._html = self._cut(_decoded(part, data), _MOST_HTML, "HTML")
        else:
            if kind == "text/calendar" and self._calendar is None:
                self._calendar = _calendar(_decoded(part, data))
            self._keep(part, kind, data, number)

    def _keep(self, part: Message, kind: str, data: bytes, number: int) -> None:
        name = (
            _shown(part.get_filename()) or f"part-{number}{mimetypes.guess_extension(kind) or ''}"
        )
        cid = _field(part, "Content-ID").strip("<> ") or None
        if cid is not None and kind.startswith("image/"):
            self._inline.append(Attachment(name, kind, data, cid))
        else:
            self._attachments.append(Attachment(name, kind, data))

    def _cut(self, text: str, most: int, noun: str) -> str:
        if len(text) <= most:
            return text
        self._remarks.append(f"The {noun} part is cut at {most:,} characters; the .eml has it all.")
        return text[:most]


def _leaves(mail: Message) -> list[Message]:
    """Return the parts that have no parts; a mail in a mail is one part."""
    found: list[Message] = []
    waiting: list[Message] = [mail]
    while waiting and len(found) <= _MOST_PARTS:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            parts = part.get_payload()
            waiting += reversed([one for one in parts if isinstance(one, Message)])
        else:
            found.append(part)
    return found


def _bytes_of(part: Message) -> bytes:
    if part.is_multipart():  # message/rfc822 and its like
        return b"\n".join(one.as_bytes() for one in part.get_payload() if isinstance(one, Message))
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _decoded(part: Message, data: bytes) -> str:
    charset = (part.get_content_charset() or "utf-8").lower()
    try:
        if codecs.lookup(charset).name.replace("-", "_") in _NO_CHARSETS:
            charset = "latin-1"
        text = data.decode(charset, "replace")
    except (LookupError, ValueError):
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n")


def _fields(mail: Message) -> list[tuple[str, str]]:
    """Return the first fields of a head undecoded, bytes beyond ASCII taken for UTF-8."""
    return [
        (name, str(value).encode("ascii", "surrogateescape").decode("utf-8", "replace"))
        for name, value in islice(mail.raw_items(), _MOST_FIELDS)
    ]


def _field(mail: Message, name: str) -> str:
    """Return a field as readers show fields; the empty text where there is none."""
    found = (value for one, value in _fields(mail) if one.lower() == name.lower())
    return _shown(next(found, ""))


def _shown(value: str | None) -> str:
    """Return the text of a field in words, on one line; the raw text where that fails."""
    raw = (value or "")[:_LONGEST_FIELD]
    try:
        text = str(make_header(decode_header(raw)))
    except (ValueError, LookupError, TypeError, AttributeError):
        text = raw
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _calendar(text: str) -> CalendarContent | None:
    """Return a calendar in words; None for one that cannot be read, which stays an attachment."""
    method = _METHOD.search(text)
    if len(text) > _MOST_CALENDAR:
        return None
    with suppress(Exception):  # the parser fails in many ways
        return CalendarContent(method[1].upper() if method else "", events_in(text), text)
    return None
