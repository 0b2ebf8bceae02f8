"""A report: one statement about one recipient of one message, as a value.

The words of `Event` and `Kind` are those of the results, of `reports show` and of the store. This
module must never read bytes, ask a clock, or know a provider.

Tests: tests/reports/test_standing.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

#: A longer identifier or address is no name that a ledger can hold (RFC 5322 2.1.1: a line).
LONGEST_NAME = 998
#: So many characters of a server's words are kept; the raw body has all of them.
LONGEST_TEXT = 1000


class Event(StrEnum):
    """The event that a report tells."""

    QUEUED = "queued"  # the provider has the message
    SENT = "sent"  # the next server has it, and says nothing of the mailbox
    DELIVERED = "delivered"  # the recipient's server has it
    DEFERRED = "deferred"  # refused for now, tried again
    BOUNCED = "bounced"  # refused, or given up
    REJECTED = "rejected"  # dropped by the provider, on behalf of somebody else's wish or rule
    FAILED = "failed"  # dropped by the provider, for a trouble of its own or of the account
    COMPLAINED = "complained"  # reported as spam by the recipient
    UNSUBSCRIBED = "unsubscribed"
    OPENED = "opened"  # an image was fetched: by a reader or by a machine
    CLICKED = "clicked"


class Kind(StrEnum):
    """The kind of a bounce."""

    HARD = "hard"  # refused for good (5yz)
    SOFT = "soft"  # given up after refusals for now (4yz)
    LATE = "late"  # came behind a delivery
    UNKNOWN = "unknown"  # the report does not tell


class Source(StrEnum):
    """The form in which a report came."""

    INFOBIP = "infobip"
    DSN = "dsn"  # RFC 3464
    ARF = "arf"  # RFC 5965
    MAIL = "mail"  # a bounce without a status part
    SES = "ses"
    MAILGUN = "mailgun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A statement about one recipient of one message; empty text where nothing is said.

    `kind` is None for every event but a bounce. `recipients` are the addresses that may name the
    recipient, the most telling first: behind an alias some are strangers, so the first one that was
    mailed counts. `token` is our own (the first 16 hex digits of the delivery's Message-ID),
    `message_id` the provider's name of the message, `header_message_id` our Message-ID without
    angle brackets, `bulk_id` the name of the mailing.

    `at` is the time of the event in seconds since the epoch (UTC), None where the report has none.
    `code` is an enhanced status (RFC 3463) or a provider's number, `text` the words of the refusing
    server or of the provider. `about_address` says that the code speaks of the address itself and
    not of the sender, the content or the account; only such a report may suppress the address.
    `said` is the identity that the provider gives to the statement, which repetitions share.
    """

    event: Event
    source: Source
    kind: Kind | None = None
    recipients: tuple[str, ...] = ()
    token: str = ""
    message_id: str = ""
    header_message_id: str = ""
    bulk_id: str = ""
    at: float | None = None
    code: str = ""
    text: str = ""
    about_address: bool = False
    said: str = ""

    def __post_init__(self) -> None:
        """Refuse a bounce without a kind, and a kind without a bounce."""
        if (self.kind is None) is (self.event is Event.BOUNCED):
            raise ValueError(f"{self.event} with kind {self.kind}")

    @property
    def recipient(self) -> str:
        """The address that most probably names the recipient; empty where there is none."""
        return self.recipients[0] if self.recipients else ""

    @property
    def identity(self) -> bytes:
        """The identity of the statement (16 bytes): the same for each repetition of the report.

        All that decides a standing belongs to the statement: otherwise the order of two reports,
        one of which says less, would decide.
        """
        names = (
            self.source, self.event, self.kind or "", self.said, self.message_id,
            self.header_message_id, self.token, self.code, self.text, f"{self.about_address:d}",
            *self.recipients,
        )  # fmt: skip
        # No reader leaves a control character in a text.
        joined = "\0".join(names).encode(errors="replace")
        return hashlib.blake2b(joined, digest_size=16).digest()
