"""The figures of the page: how many recipients stand where, by domain, by hour and by reason.

    figures = Figures()
    for row, standing in recipients:
        figures.add(row, standing)
    figures.fates[Fate.DELIVERED]       # a number of recipients

Event and status are taken as given: a `Fate` is no more than a heading for several. This module
must never keep a recipient.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from mailbatch.frozen import frozen
from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status
from mailbatch.reports.report import Event, Kind
from mailbatch.reports.standings import RecipientStanding
from mailbatch.reports_page.reasons import Reason, reason_of, shortened

_HOUR = 3600
_LONGEST_DOMAIN = 255  # octets (RFC 1035 2.3.4)
#: More different domains or reasons than these are counted together: a page is no table of all.
MOST_DOMAINS = 20_000
MOST_REASONS = 2_000


class Fate(StrEnum):
    """A heading for events and statuses; the value is the name of a colour of the page."""

    DELIVERED = "delivered"
    UNDER_WAY = "under-way"
    COMPLAINED = "complained"
    LOST = "lost"
    REFUSED = "refused"
    SILENT = "silent"
    WAITING = "waiting"


#: The words of each heading.
WORDS = {
    Fate.DELIVERED: "delivered",
    Fate.UNDER_WAY: "under way",
    Fate.COMPLAINED: "complained",
    Fate.LOST: "not delivered",
    Fate.REFUSED: "refused at once",
    Fate.SILENT: "no report",
    Fate.WAITING: "not accepted yet",
}
OF_EVENT = {
    Event.DELIVERED: Fate.DELIVERED,
    Event.QUEUED: Fate.UNDER_WAY,
    Event.SENT: Fate.UNDER_WAY,
    Event.DEFERRED: Fate.UNDER_WAY,
    Event.COMPLAINED: Fate.COMPLAINED,
    Event.UNSUBSCRIBED: Fate.COMPLAINED,
    Event.BOUNCED: Fate.LOST,
    Event.REJECTED: Fate.LOST,
    Event.FAILED: Fate.LOST,
}
OF_STATUS = {
    Status.REJECTED: Fate.REFUSED,
    Status.ACCEPTED: Fate.SILENT,
    Status.IN_DOUBT: Fate.SILENT,
    Status.SKIPPED: Fate.SILENT,
    Status.PENDING: Fate.WAITING,
    Status.DEFERRED: Fate.WAITING,
}


@frozen
class About:
    """The subject of a page: the edition of a job at a time.

    `as_of` is in seconds since the epoch. `unmatched` is the number of reports that found no
    recipient, `unread` that of the bodies that could not be read.
    """

    job: str
    edition: str
    as_of: float
    unmatched: int = 0
    unread: int = 0


@frozen
class Counted:
    """The headings of a recipient that was counted.

    `fate` is None for a row that is not in the mailing; `reason` is the number of the reason, None
    where there is none, or too many.
    """

    fate: Fate | None
    reason: int | None


@dataclass(slots=True)
class Figures:
    """Numbers of recipients at a time (`as_of`, in seconds since the epoch).

    `events` counts the events that stand, each with its kind; `silent` the accepted recipients
    without a report. `accepted` has the accepted ones by the event that stands, None: no report;
    `left` are rows that left the table. `hours` counts by the hour (since the epoch, UTC) of the
    report that stands. `reasons` has the number of recipients by reason, in the order of the first
    sight.
    """

    as_of: float
    recipients: int = 0
    statuses: Counter[Status] = field(default_factory=Counter)
    events: Counter[tuple[Event, Kind | None]] = field(default_factory=Counter)
    fates: Counter[Fate] = field(default_factory=Counter)
    silent: int = 0
    accepted: Counter[Event | None] = field(default_factory=Counter)
    left: int = 0
    opened: int = 0
    clicked: int = 0
    domains: dict[str, Counter[Fate]] = field(default_factory=dict)
    other_domains: Counter[Fate] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    other_reasons: int = 0
    hours: dict[int, Counter[Fate]] = field(default_factory=dict)
    first_attempt_at: float | None = None
    _numbers: dict[Reason, int] = field(default_factory=dict)

    def add(self, row: ResultRow, standing: RecipientStanding | None) -> Counted:
        """Count a recipient."""
        self.recipients += 1
        self.statuses[row.status] += 1
        self._note_attempt(row)
        event = standing.event if standing is not None else None
        fate = OF_STATUS.get(row.status) if event is None else OF_EVENT[event]
        if standing is not None:
            self._add_standing(standing)
        self.left += row.row is None
        if row.status is Status.ACCEPTED:
            self.accepted[event] += 1
            self.silent += event is None
        if fate is not None:
            self.fates[fate] += 1
            self._of_domain(row.email)[fate] += 1
        reason = reason_of(row, standing)
        return Counted(fate, None if reason is None else self._add_reason(reason))

    @property
    def misplaced(self) -> int:
        """The number of reports from before the first attempt, or from behind the time of the page.

        Clocks of others differ, and some reports have a wrong time or a forged one.
        """
        return sum(sum(self.hours[hour].values()) for hour in self.hours if not self._is_in(hour))

    def placed(self) -> list[int]:
        """Return the hours of reports that lie between first attempt and page, in order."""
        return sorted(filter(self._is_in, self.hours))

    def _is_in(self, hour: int) -> bool:
        first = 0 if self.first_attempt_at is None else int(self.first_attempt_at // _HOUR)
        return first <= hour <= self.as_of // _HOUR

    def _note_attempt(self, row: ResultRow) -> None:
        at = row.first_attempt_at
        if at is not None and (self.first_attempt_at is None or at < self.first_attempt_at):
            self.first_attempt_at = at

    def _add_standing(self, standing: RecipientStanding) -> None:
        self.opened += standing.opens > 0
        self.clicked += standing.clicks > 0
        if standing.event is not None:
            self.events[standing.event, standing.kind] += 1
            hour = int(standing.reported_at // _HOUR)
            self.hours.setdefault(hour, Counter())[OF_EVENT[standing.event]] += 1

    def _of_domain(self, email: str) -> Counter[Fate]:
        domain = shortened(email.rpartition("@")[2].lower(), _LONGEST_DOMAIN)
        if domain not in self.domains and len(self.domains) >= MOST_DOMAINS:
            return self.other_domains
        return self.domains.setdefault(domain, Counter())

    def _add_reason(self, reason: Reason) -> int | None:
        number = self._numbers.get(reason)
        if number is None:
            if len(self._numbers) >= MOST_REASONS:
                self.other_reasons += 1
                return None
            number = self._numbers[reason] = len(self._numbers)
        self.reasons[reason] += 1
        return number

    def number_of(self, reason: Reason) -> int:
        """Return the number by which the recipients of a reason are known."""
        return self._numbers[reason]
