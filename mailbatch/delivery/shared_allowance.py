"""The daily number of a job over all workers: the judge of what their claims may take.

    shared = SharedAllowance(job)
    publication.bound_by(shared)       # the ledger asks from now on, in claims that have to
    shared.held                        # None: nothing holds this process

The counts are those of the database, and so is the clock. The rules are those of one process
(`allowance`), but a recipient counts from the claim on, not from MAIL. This module must never read
a ledger.

Tests: tests/certainty/test_cap_of_workers.py.
"""

from __future__ import annotations

from mailbatch.delivery.allowance import Allowance
from mailbatch.delivery.daily import DAY, Daily
from mailbatch.delivery.gate import Held, beyond
from mailbatch.delivery.ledgers import Counted, Grant
from mailbatch.job.model import Job

#: How soon a process is tried again that waits for another edition, in seconds.
SOON = 60.0
BUSY = "another edition of this job is under way, and server.{} counts over both"


class SharedAllowance:
    """A bound of the claims of all workers; `held` is the hold of the last judgement."""

    __slots__ = ("_began", "_job", "copies", "held")

    def __init__(self, job: Job) -> None:
        """Judge by the numbers of a job.

        Raises:
            UsageError: no day lets a message with its copies through.
        """
        self.copies = len(job.message.cc) + len(job.message.bcc)
        self.held: Held | None = None
        self._job = job
        self._began: float | None = None
        daily = Daily(job.server.cap, job.server.warmup)
        if self.copies >= daily.highest:
            raise beyond(daily, 1 + self.copies)

    def since(self, now: float) -> float:
        """Return since when recipients have to be counted; a warm-up looks for the first of all."""
        if self._job.server.warmup is None or self._began is not None:
            return now - DAY
        return 0.0

    def judge(self, counted: Counted) -> Grant:
        """Return how many recipients may be claimed now, copies included."""
        server, now = self._job.server, counted.now
        if counted.busy:
            by = key_of(self._job)
            self.held = Held(by, now + SOON, BUSY.format(by))
            return Grant(0)
        if self._began is None:
            self._began = min((at for at, _ in counted.taken), default=None)
        allowance = Allowance(
            Daily(server.cap, server.warmup, self._began),
            counted.taken,
            lambda: now,
            under_way=counted.under_way,
        )
        least = 1 + self.copies
        if allowance.left >= least:
            self.held = None
            return Grant(allowance.left)
        if allowance.waits(least):
            self.held = None
            return Grant(allowance.left, waits=True)
        daily = allowance.daily
        self.held = Held(daily.bound_by(now), allowance.free_at(least), daily.words(now))
        return Grant(allowance.left)

    def pass_on(self) -> None:
        """Note that a claim was granted without a count."""
        self.held = None


def key_of(job: Job) -> str:
    """Return the key of `server` that a daily number is named by."""
    return "warmup" if job.server.warmup is not None and job.server.cap is None else "cap"
