"""Our own names in a report: Message-ID, token and bulk id, from the returned message.

Each report names our message in another place: the returned header (most servers), References
(Exim, chasquid, Haraka), In-Reply-To, or an envelope id that is our Message-ID (Haraka).

Tests: tests/reports/test_mail_reports.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailbatch.frozen import frozen
from mailbatch.reports.mail import Mail
from mailbatch.reports.members import clean
from mailbatch.reports.report import LONGEST_NAME
from mailbatch.reports.returned_token import (
    token_in_address,
    token_in_callback_data,
    token_in_envelope_id,
)
from mailbatch.reports.status_fields import Block, blocks_of, first

_MESSAGE_ID = re.compile(r"<([^<>\s]{1,998})>")
_RETURNED_TYPES = (
    "message/rfc822",
    "message/global",
    "message/global-headers",
    "message/rfc822-headers",
    "text/rfc822-headers",
)
#: Bytes of a returned message that are looked at: its header.
_MOST_HEADER = 256 * 1024
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
#: Fields that name the envelope recipient of the report, which is the envelope sender of ours.
_ENVELOPE_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "to")
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_VERP = re.compile(r"[+-]([^+=@]+)=([^+=@]+)")


@frozen
class Ours:
    """Our names in a report, each empty where missing, and the address that VERP names.

    `verp_address` may be any tag of the envelope sender that has the form (`edition=one`).
    """

    header_message_id: str = ""
    token: str = ""
    bulk_id: str = ""
    verp_address: str = ""


def ours_in(mail: Mail, *, envelope_id: str = "") -> Ours:
    """Return our names in a report whose status part has an envelope id (ENVID), or none."""
    header = _returned_header(mail)
    envelope = [_bare(value) for name in _ENVELOPE_FIELDS for value in mail.each(name)]
    ids = (
        _last_id(first(header, "message-id")),
        _last_id(envelope_id),
        _last_id(mail.field("in-reply-to")),
        _last_id(mail.field("references")),
    )
    data = " ".join(header.get("x-ib-callback-data", ()))
    tokens = (
        token_in_envelope_id(envelope_id),
        *map(token_in_address, envelope),
        token_in_callback_data(data),
        token_in_address(first(header, "return-path").strip("<>")),
    )
    return Ours(
        header_message_id=_first_of(ids),
        token=_first_of(tokens),
        bulk_id=first(header, "x-ib-bulk-id"),
        verp_address=_first_of(map(_verp_address, envelope)),
    )


def message_id_in(text: str) -> str:
    """Return the first Message-ID in the header of a message that a text quotes; else empty."""
    found = re.search(r"^message-id:\s*<([^<>\s]{1,998})>", text, re.IGNORECASE | re.MULTILINE)
    return clean(found[1], LONGEST_NAME) if found else ""


def _returned_header(mail: Mail) -> Block:
    for part in mail.of_type(*_RETURNED_TYPES):
        header = _END_OF_HEADER.split(part.content[:_MOST_HEADER].lstrip(), maxsplit=1)[0]
        blocks = blocks_of(header)
        if blocks:
            return blocks[0]
    return {}


def _last_id(text: str) -> str:
    found = _MESSAGE_ID.findall(text)
    return clean(found[-1], LONGEST_NAME) if found else ""


def _bare(value: str) -> str:
    found = _IN_BRACKETS.search(value)
    return (found[1] if found else value).strip()


def _verp_address(address: str) -> str:
    found = _VERP.search(address.rpartition("@")[0])
    return f"{found[1]}@{found[2]}" if found else ""


def _first_of(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")
