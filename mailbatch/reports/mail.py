"""A mail that may be a report, as header fields and parts: the standard library's parser, tamed.

`email` splits a `message/delivery-status` into messages, loses all but the first block of
`message/global-delivery-status`, does not decode base64 there, and descends into the returned
message, which may hold another report. So every part of type `message/*` is kept closed: as decoded
bytes. Long header values are cut and the number of multiparts is bounded, because the library takes
quadratic time with either. This module must never know the meaning of a field.

Tests: tests/reports/test_hostile.py, tests/reports/test_mail_reports.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from itertools import islice

from mailbatch.frozen import frozen

#: Bytes of a mail that are read: the report stands before the message that it returns.
MOST_BYTES = 1024 * 1024
#: Bytes at the beginning of a file where one of these fields makes the file a mail: text of another
#: kind, such as YAML, may look like a header, too.
_HEADER_BYTES = 64 * 1024
_FIELDS_OF_A_MAIL = frozenset(
    {
        "from", "to", "date", "subject", "message-id", "return-path", "received", "delivered-to",
        "mime-version", "content-type", "x-failed-recipients", "auto-submitted",
    }
)  # fmt: skip
#: Characters of one header field that are read ...
LONGEST_FIELD = 16 * 1024
#: ... and of one with parameters, which the library takes apart in quadratic time.
LONGEST_CONTENT_FIELD = 2000
#: A mail is cut at the line that may be its boundary so many times.
MOST_BOUNDARIES = 200
#: A report has one or two multiparts, and the message that it returns a few more.
MOST_MULTIPARTS = 20
#: A part kept closed has its type behind this.
_CLOSED = "application/x-closed-"
_MESSAGE_TYPE = re.compile(r"\s*message/", re.IGNORECASE)
_BOUNDARY = re.compile(rb"^--", re.MULTILINE)
_MULTIPART = re.compile(rb"boundary\s*=", re.IGNORECASE)


class MailError(Exception):
    """A mail cannot be taken apart."""


@frozen
class Part:
    """A part without parts: the type in lower case (`message/delivery-status`) and the bytes."""

    content_type: str
    content: bytes

    @property
    def text(self) -> str:
        """The content as text: UTF-8, with a replacement character for all else."""
        return self.content.decode("utf-8", "replace")


@frozen
class Mail:
    """A mail: the header fields, in order, and the parts, depth first.

    `is_report` says whether the mail is a `multipart/report` (RFC 6522).
    """

    fields: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    is_report: bool

    def field(self, name: str) -> str:
        """Return the first field of a name, unfolded; empty where there is none."""
        return next(self.each(name), "")

    def has(self, name: str) -> bool:
        """Tell whether there is a field of a name, empty or not."""
        return any(found == name.lower() for found, _ in self.fields)

    def each(self, name: str) -> Iterator[str]:
        """Yield the fields of a name, unfolded."""
        return (value for found, value in self.fields if found == name.lower())

    def of_type(self, *content_types: str) -> Iterator[Part]:
        """Yield the parts of some types."""
        return (part for part in self.parts if part.content_type in content_types)


class BoundedFields(Compat32):
    """The library's oldest rules, for fields of bounded length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Return name and value of a field from its lines."""
        name, value = super().header_source_parse(sourcelines)
        content = name.lower().startswith("content-")
        return name, value[: LONGEST_CONTENT_FIELD if content else LONGEST_FIELD]

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - a hook
        """Return a value unchanged: a header object would hide bytes that are no ASCII."""
        return value


class _ClosedParts(BoundedFields):
    """Turn `message/*` into a type that the parser leaves alone."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Return name and value of a field from its lines."""
        name, value = super().header_source_parse(sourcelines)
        if name.lower() == "content-type" and _MESSAGE_TYPE.match(value):
            value = _MESSAGE_TYPE.sub(_CLOSED, value, count=1)
        return name, value


_POLICY = _ClosedParts()


def is_mail(data: bytes) -> bool:
    r"""Tell whether bytes begin with the header of a mail (RFC 5322 3.6, RFC 5321 4.4).

    Example:
        >>> is_mail(b"Return-Path: <>\n\nNo such mailbox."), is_mail(b"name: letter\n")
        (True, False)
    """
    header = BytesParser(policy=_POLICY).parsebytes(data[:_HEADER_BYTES], headersonly=True)
    return any(name.lower() in _FIELDS_OF_A_MAIL for name in header.keys())  # noqa: SIM118


def open_mail(data: bytes) -> Mail:
    """Take a mail apart.

    Raises:
        MailError: the parts are too many or lie in one another too deep.
    """
    data = cut(data)
    if len(_MULTIPART.findall(data)) > MOST_MULTIPARTS:
        raise MailError(f"more than {MOST_MULTIPARTS} multiparts")
    try:
        message = BytesParser(policy=_POLICY).parsebytes(data)
        parts = tuple(_part(leaf) for leaf in message.walk() if not leaf.is_multipart())
        is_report = message.get_content_type() == "multipart/report"
    except RecursionError:
        raise MailError("parts lie in one another too deep") from None
    except (ValueError, LookupError, IndexError, AttributeError, TypeError) as error:
        # The library's own slips on broken fields; it promises to raise nothing.
        raise MailError(f"not a mail: {error}") from None
    fields = tuple((name.lower(), unfolded(value)) for name, value in message.items())
    return Mail(fields, parts, is_report)


def cut(data: bytes) -> bytes:
    """Return the beginning of a mail that is looked at: no reader gets more."""
    data = data[:MOST_BYTES]
    lines = _BOUNDARY.finditer(data)
    last = next(islice(lines, MOST_BOUNDARIES, None), None)
    return data[: last.start()] if last else data


def _part(leaf: Message) -> Part:
    content_type = leaf.get_content_type()
    if content_type.startswith(_CLOSED):
        content_type = f"message/{content_type.removeprefix(_CLOSED)}"
    content = leaf.get_payload(decode=True)
    return Part(content_type, content if isinstance(content, bytes) else b"")


def unfolded(value: str) -> str:
    """Return a field's value on one line, with the bytes that are no ASCII read as UTF-8."""
    value = " ".join(value.split())
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
