"""The proof that a server took a message whose reply never came: a report about the message.

A server reports on messages that it took, so any event proves the acceptance: a bounce as well as a
delivery. A missing report proves nothing.

    found = find_acceptances(store.reports(), mailed, doubts)
    for one in found:
        print(one.address, one.header_message_id, one.reason)

A report counts by a name that only the message has: the token, our Message-ID, the server's id.
The bulk id with the address counts where a join takes these two (`joining.tells_by_bulk_id`), and
only from about the time of the attempt on: an earlier entry is of another mailing with that bulk
id. This module must never open a ledger, nor take an address alone for a recipient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mailbatch.envelope import address_key
from mailbatch.frozen import frozen
from mailbatch.reports.joining import How, Mailed, Match, join
from mailbatch.reports.report import Event, Source
from mailbatch.reports.standing import strength
from mailbatch.reports.store import StoredReport
from mailbatch.times import iso_time

#: A reply may be awaited for so many seconds, and a doubt has the time of giving up: a report by
#: bulk id may be so much earlier (RFC 5321 4.5.3.2.6: ten minutes; the rest is for two clocks).
EARLIER = 15 * 60.0
#: Servers' ids that a reason names.
_NAMED = 5
_BY = {
    How.TOKEN: "its token",
    How.MESSAGE_ID: "the server's id",
    How.HEADER_MESSAGE_ID: "its Message-ID",
    How.BULK_ID: "bulk id and address",
}


class Doubtful(Protocol):
    """The part of a doubt that is looked at."""

    @property
    def address(self) -> str:
        """The address, as on the wire."""

    @property
    def message_id(self) -> str:
        """Our Message-ID without angle brackets."""

    @property
    def at(self) -> float:
        """The time of the attempt in seconds since the epoch, or of its end."""


@frozen
class Acceptance:
    """The proof that the recipient of a doubt has been mailed.

    `header_message_id` is our Message-ID: an address may have several messages of an edition.
    `event`, `at` (seconds since the epoch), `source` and `how` are of the strongest report.
    `message_ids` are the servers' ids in all reports, sorted.
    """

    address: str
    header_message_id: str
    event: Event
    at: float
    source: Source
    how: How
    message_ids: tuple[str, ...] = ()

    @property
    def is_repeated(self) -> bool:
        """Whether the servers' ids differ: then the message was mailed more than once."""
        return len(self.message_ids) > 1

    @property
    def reason(self) -> str:
        """The reason that a ledger keeps, in words.

        Example:
            >>> Acceptance("a@x.org", "m@x.org", Event.DELIVERED, 0.0, Source.DSN, How.TOKEN).reason
            'accepted by a report: delivered 1970-01-01T00:00:00Z (dsn, by its token)'
        """
        ids = ", ".join(self.message_ids[:_NAMED])
        words = f"{self.event} {iso_time(self.at)} ({self.source}, by {_BY[self.how]})"
        if self.is_repeated:
            return f"accepted by reports, mailed more than once (ids {ids}): {words}"
        return f"accepted by a report: {words}{f', id {ids}' if ids else ''}"


@dataclass(slots=True)
class _Evidence:
    """The reports of one doubt: the strongest so far, and the servers' ids of all."""

    doubt: Doubtful
    strongest: str = ""
    stored: StoredReport | None = None
    how: How = How.TOKEN
    message_ids: set[str] = field(default_factory=set)

    def add(self, stored: StoredReport, how: How) -> None:
        if stored.report.message_id:
            self.message_ids.add(stored.report.message_id)
        found = strength(stored.report)
        if self.stored is None or found > self.strongest:
            self.strongest, self.stored, self.how = found, stored, how


def find_acceptances(
    reports: Iterable[StoredReport],
    mailed: Mailed,
    doubts: Iterable[Doubtful],
) -> list[Acceptance]:
    """Return the acceptances that reports prove, in the order of the doubts.

    `mailed` are all deliveries of the edition, so that a report of another delivery is told.
    A doubt without an acceptance in the answer stays a doubt.

    Raises:
        StoreError: the reports, or the index of the deliveries, cannot be read (74).
    """
    found: dict[tuple[int, str], _Evidence] = {}
    for doubt in doubts:
        delivery = mailed.by_header_message_id(doubt.message_id)
        if delivery is not None:
            found[delivery.id, address_key(doubt.address)] = _Evidence(doubt)
    if not found:
        return []
    for stored in reports:
        match = join(stored.report, mailed, stored.origin)
        if not isinstance(match, Match):
            continue
        evidence = found.get((match.delivery, match.address))
        if evidence is not None and _counts(stored, match, evidence.doubt, mailed):
            evidence.add(stored, match.how)
    return [_acceptance(one) for one in found.values() if one.stored is not None]


def _counts(stored: StoredReport, match: Match, doubt: Doubtful, mailed: Mailed) -> bool:
    """Tell whether a report that was joined proves the acceptance of a doubt."""
    if match.how is not How.BULK_ID:
        return True
    delivery = mailed.by_header_message_id(doubt.message_id)
    if delivery is None or delivery.has_copies:  # the entry may be of a copy to the same address
        return False
    report = stored.report
    if (stored.received if report.at is None else report.at) < doubt.at - EARLIER:
        return False
    return report.source is Source.INFOBIP


def _acceptance(evidence: _Evidence) -> Acceptance:
    stored = evidence.stored
    if stored is None:
        raise ValueError("no report of this doubt")
    report = stored.report
    return Acceptance(
        address=evidence.doubt.address,
        header_message_id=evidence.doubt.message_id,
        event=report.event,
        at=stored.received if report.at is None else report.at,
        source=report.source,
        how=evidence.how,
        message_ids=tuple(sorted(evidence.message_ids)),
    )
