"""Joining: the delivery and the recipient that a report is about, within one edition.

Never by an address alone: an address has a message in every edition, and any stranger can name an
address. So a delivery is found by a name that only one message had, and the address has to be one
of that delivery. A report that finds none is kept and joined at a later look.

Bulk id and address are no secret: every recipient of a mailing can read the one, and knows others'
addresses. So these two count in a body that was asked for alone, and never beside a name of a
message that the edition does not have:

    join(Report(bulk_id="news-48", recipients=("ada@example.org",), ...), mailed, Origin.PULL)
    # Match(1, "ada@example.org", How.BULK_ID, is_named=True); with Origin.SERVE: None

This module must never know how a ledger stores deliveries, and never change anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from mailbatch.envelope import address_key
from mailbatch.frozen import frozen
from mailbatch.reports.report import Report, Source
from mailbatch.reports.store import Origin


class How(StrEnum):
    """The name by which a delivery was found, in the order in which names are tried."""

    TOKEN = "token"  # noqa: S105 - a word of the vocabulary
    MESSAGE_ID = "message_id"  # the server's
    HEADER_MESSAGE_ID = "header_message_id"  # ours
    BULK_ID = "bulk_id"  # with the address: see `tells_by_bulk_id`; and where one delivery fits


@frozen
class MailedDelivery:
    """A delivery that was attempted: the number and the addresses of the envelope, as keys.

    `recipients` are the addresses of rows; `has_copies` says that the envelope may hold addresses
    of Cc and Bcc, too.
    """

    id: int
    recipients: frozenset[str]
    has_copies: bool = False


class Mailed(Protocol):
    """The attempted deliveries of one edition, in the form that a join asks for."""

    def by_token(self, token: str) -> MailedDelivery | None:
        """Return the delivery whose Message-ID begins with a token."""

    def by_message_id(self, message_id: str) -> MailedDelivery | None:
        """Return the delivery that the server gave an id to."""

    def by_header_message_id(self, message_id: str) -> MailedDelivery | None:
        """Return the delivery with a Message-ID, which has no angle brackets here."""

    def by_bulk_id(self, bulk_id: str, key: str) -> Sequence[MailedDelivery]:
        """Return the deliveries with a bulk id and an address (as a key) in the envelope."""


@frozen
class Match:
    """The recipient of a report: the delivery and the key of the address.

    `how` is the name that found the delivery. `is_named` says that the report names the address
    itself; behind an alias or a masked address the delivery alone is sure.
    """

    delivery: int
    address: str
    how: How
    is_named: bool


@frozen
class Stranger:
    """A report whose delivery is known, and whose recipient is no row of the delivery."""

    delivery: int
    how: How


#: Forms in which a server reports on an envelope of ours, whatever address it names: an address
#: behind a forwarding is still the fate of the one recipient of the delivery.
_OF_ENVELOPES = frozenset({Source.DSN, Source.ARF, Source.MAIL})


def tells_by_bulk_id(report: Report, origin: Origin) -> bool:
    """Tell whether bulk id and address of a report may find a delivery.

    Not in a body that was posted, since strangers can write these two; nor beside a token or a
    Message-ID, which would have found the delivery already: the report is of another message, a
    test or another edition.

    Example:
        >>> from mailbatch.reports.report import Event
        >>> entry = Report(event=Event.SENT, source=Source.INFOBIP, bulk_id="a", recipients=("b",))
        >>> tells_by_bulk_id(entry, Origin.PULL), tells_by_bulk_id(entry, Origin.SERVE)
        (True, False)
    """
    names_message = report.token or report.header_message_id
    has_both = bool(report.bulk_id and report.recipients)
    return has_both and not names_message and origin is not Origin.SERVE


def join(report: Report, mailed: Mailed, origin: Origin) -> Match | Stranger | None:
    """Return the recipient of a report; None where its names are of no delivery of the edition.

    `origin` is the way on which the body of the report came.
    """
    found = _delivery_of(report, mailed, origin)
    if found is None:
        return None
    delivery, how = found
    for address in report.recipients:
        key = address_key(address)
        if key in delivery.recipients:
            return Match(delivery.id, key, how, is_named=True)
    is_lonely = len(delivery.recipients) == 1 and not delivery.has_copies
    if is_lonely and (not report.recipients or report.source in _OF_ENVELOPES):
        (key,) = delivery.recipients
        return Match(delivery.id, key, how, is_named=False)
    return Stranger(delivery.id, how)


def _delivery_of(
    report: Report, mailed: Mailed, origin: Origin
) -> tuple[MailedDelivery, How] | None:
    if report.token:
        delivery = mailed.by_token(report.token)
        if delivery is not None:
            return delivery, How.TOKEN
    if report.message_id:
        delivery = mailed.by_message_id(report.message_id)
        if delivery is not None:
            return delivery, How.MESSAGE_ID
    if report.header_message_id:
        delivery = mailed.by_header_message_id(report.header_message_id)
        if delivery is not None:
            return delivery, How.HEADER_MESSAGE_ID
    if tells_by_bulk_id(report, origin):
        fitting = mailed.by_bulk_id(report.bulk_id, address_key(report.recipient))
        if len(fitting) == 1:
            return fitting[0], How.BULK_ID
    return None
