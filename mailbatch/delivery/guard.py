"""The judgement of a guard: whether a mailing goes on, by the reports about its first recipients.

    figures = Figures(sent=500, bounced=20, complained=0)
    judge(job.guard, figures)          # Breach("hard bounces", 20, 500, Share(3 %))

Facts in, verdict out: this module must never read a store, a ledger or a clock. `Fates` is the port
by which a run asks for the reports.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappush, heappushpop
from typing import NamedTuple, Protocol

from mailbatch.frozen import frozen
from mailbatch.job.guard import Guard
from mailbatch.job.model import Job
from mailbatch.job.scalars import Share
from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status

#: Statuses of recipients that were sent to; so may have been some of those that are pending.
TRIED = frozenset(
    {Status.ACCEPTED, Status.REJECTED, Status.DEFERRED, Status.IN_DOUBT, Status.SKIPPED}
)


class Fate(NamedTuple):
    """The reports about the recipients of an edition.

    `reported` recipients have any report, `bounced` stand at a hard bounce and `complained` at a
    complaint.
    """

    reported: int = 0
    bounced: int = 0
    complained: int = 0


class Fates(Protocol):
    """The reports, as a run asks for these."""

    def check(self, job: Job) -> None:
        """Refuse a place without any reports, where a guard would see nothing.

        Raises:
            JobError: nothing keeps reports there.
        """

    def count(self, job: Job, edition: str, rows: Iterable[ResultRow]) -> Fate:
        """Return the fate of an edition; `rows` are all rows of its results.

        Raises:
            StoreError: the reports cannot be read (74).
        """


@frozen
class Figures:
    """The facts of a judgement, in recipients: accepted ones, hard bounces, complaints."""

    sent: int
    bounced: int = 0
    complained: int = 0


@frozen
class Breach:
    """The reason to stop: `number` of `sent` recipients, where `share` is the limit."""

    what: str
    number: int
    sent: int
    share: Share

    def __str__(self) -> str:
        of = f"{self.number:,} {self.what} of {self.sent:,} accepted recipients"
        return f"{of} ({100 * self.number / self.sent:.2g} %)" if self.sent else of


def judge(guard: Guard, figures: Figures) -> Breach | None:
    """Return the reason to stop; None where the mailing may go on.

    A share that is reached stops the mailing, once `least` recipients are concerned.

    Example:
        >>> judge(Guard(bounces="3%", least=3), Figures(sent=10, bounced=1)) is None
        True
        >>> print(judge(Guard(bounces="3%", least=3), Figures(sent=100, bounced=3)))
        3 hard bounces of 100 accepted recipients (3 %)
    """
    for what, number, share in (
        ("hard bounces", figures.bounced, guard.bounces),
        ("complaints", figures.complained, guard.complaints),
    ):
        # A message of which the server gave no answer may bounce, too: more than were accepted.
        few = number > figures.sent
        if number >= guard.least and (few or share.is_reached(number, figures.sent)):
            return Breach(what, number, figures.sent, share)
    return None


class Census:
    """The rows of an edition, counted while they pass: the recipients of the first step.

    `tried` recipients were sent to, whatever came of that, and `accepted` of them were taken.
    `step_ended` is the time at which the first `after` of them were settled (seconds since the
    epoch), None before that.
    """

    def __init__(self, after: int) -> None:
        self._after = after
        # The earliest `after` times, negated: the first one is the latest of them.
        self._times: list[float] = []
        self.tried = self.accepted = 0

    def passing(self, rows: Iterable[ResultRow]) -> Iterable[ResultRow]:
        """Count the rows, and give these on."""
        for row in rows:
            if row.attempts:
                self._count(row)
            yield row

    def _count(self, row: ResultRow) -> None:
        self.tried += 1
        self.accepted += row.status is Status.ACCEPTED
        time = -(row.settled_at or row.first_attempt_at or 0.0)  # deferred: not settled
        if len(self._times) < self._after:
            heappush(self._times, time)
        else:
            heappushpop(self._times, time)

    @property
    def step_ended(self) -> float | None:
        """When the first step ended; None where it has not."""
        return -self._times[0] if len(self._times) == self._after else None
