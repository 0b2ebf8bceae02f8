"""A mailing in steps: some recipients first, a wait for reports, the judgement, the rest.

    steps = Steps.of(mailing, options, fates)      # None: nothing guards this run
    steps.look()                                   # judges what earlier runs have sent
    failures = await steps.send(work, lots, run)   # the first step, the wait, the rest

The wait begins at the end of the first step, by the ledger, so that a run that goes on later waits
for the time that is left, and never twice. The rest is judged whenever twice as many recipients
were sent to, without a wait: a look reads every row of the ledger, and so a mailing of a million is
looked at a dozen times. All sessions are closed meanwhile.

Silence behind the wait ends a run whose provider reports every message, since the receiver must be
dead; where bounces alone come back, silence is good news.

Workers on other machines send behind the first step, too: the database has the number of recipients
that may have been sent to, over all of them, until this run has judged again. Without the run they
come to the end of the step, and no further. A stop of the guard is the stop of all. This module
must never judge (`guard` does), and never read a store.

Tests: tests/certainty/test_guard.py, tests/certainty/test_guard_of_workers.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from mailbatch.delivery.guard import TRIED, Census, Fates, Figures, judge
from mailbatch.delivery.ledgers import publication_of
from mailbatch.delivery.link import first
from mailbatch.delivery.lots import Lots
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.shared import Run
from mailbatch.delivery.shared_progress import pause_behind
from mailbatch.errors import LedgerError, MailbatchError, StoppedByGuard, UsageError
from mailbatch.job.guard import Guard
from mailbatch.job.model import Job

#: Sends until nothing is due or allowed any more; the failures that ended workers.
Work = Callable[[], Awaitable[list[MailbatchError]]]
#: Lets workers send to so many recipients of the edition; False where none may join the mailing.
Offer = Callable[[int], bool]


class Steps:
    """The steps of one run; `left` is the number of recipients that the first step lacks."""

    def __init__(
        self, guard: Guard, fates: Fates, mailing: Mailing, *, canary: bool = False
    ) -> None:
        self.left = guard.after
        self._guard = guard
        self._fates = fates
        self._mailing = mailing
        self._canary = canary
        self._tried = self._reported = 0
        self._figures = Figures(0)
        self._ended: float | None = None
        # Lets workers send to so many recipients, those of before included; None: none may join.
        self._offer: Offer | None = None

    @classmethod
    def of(cls, mailing: Mailing, options: RunOptions, fates: Fates | None) -> Steps | None:
        """Return the steps of a run; None for a rehearsal, one recipient, or without a guard.

        Raises:
            JobError: nothing keeps the reports that the guard is to look at.
            UsageError: the job has no guard and `--canary` was given, or nothing reads reports.
        """
        job = mailing.inputs.job
        if job.guard is None:
            if options.canary:
                raise UsageError("--canary is the first step of `guard`, which the job has not")
            return None
        if options.scratch or options.only or options.unguarded:
            return None
        if fates is None:
            raise UsageError("this program cannot read the reports that `guard` asks for")
        fates.check(job)
        return cls(job.guard, fates, mailing, canary=options.canary)

    @property
    def is_shared(self) -> bool:
        """Whether workers may send behind the first step."""
        return self._offer is not None

    def share(self, offer: Offer) -> None:
        """Let workers send behind the first step; `offer` tells them of each step."""
        self._offer = offer

    def look(self) -> StoppedByGuard | None:
        """Look at what became of the recipients so far; return the stop where there is a reason.

        Raises:
            StoreError: the reports cannot be read (74).
            LedgerError: the ledger cannot be read (74).
        """
        inputs, ledger = self._mailing.inputs, self._mailing.ledger
        counts = ledger.standing.counts()
        if not any(counts[status] for status in TRIED):
            return None  # nothing can have been reported
        census = Census(self._guard.after)
        rows = census.passing(ledger.standing.result_rows())
        fate = self._fates.count(inputs.job, inputs.edition, rows)
        self._tried = census.tried
        self.left = max(0, self._guard.after - census.tried)
        self._ended = census.step_ended
        self._reported = fate.reported
        self._figures = Figures(census.accepted, fate.bounced, fate.complained)
        breach = judge(self._guard, self._figures)
        if breach is None:
            return None
        return StoppedByGuard(f"{breach}: the guard stops at {breach.share}")

    async def send(self, work: Work, lots: Lots, run: Run) -> list[MailbatchError]:
        """Send all steps, with the wait between; return the failures, a stop as the last one."""
        if self.left and publication_of(self._mailing.ledger) is not None:
            # Workers of an earlier run may have had some of them under way at the first look.
            failures = self._stopped(self.look)
            if failures is not None:
                return failures
        if self.left:
            failures = await self._send_some(self.left, work, lots, run)
            if failures is not None:
                return failures
            self._ended = run.clock()
        if self._canary or not await self._wait(run):
            return []
        told = False
        while (failures := self._judged()) is None:
            if not told:
                self._tell(run)
                told = True
            failures = await self._send_step(max(self._tried, self._guard.after), work, lots, run)
            if failures is not None:
                break
        return failures

    async def _send_step(
        self, recipients: int, work: Work, lots: Lots, run: Run
    ) -> list[MailbatchError] | None:
        """Send to so many recipients, together with workers where any may join; as `_send_some`."""
        publication = publication_of(self._mailing.ledger)
        try:
            if publication is None or not self._offered(self._tried + recipients):
                return await self._send_some(recipients, work, lots, run)
        except MailbatchError as error:
            return [error]
        lots.allow(None)
        failures = await work()
        is_over = run.crew.stop.is_set() or run.rules.gate.held is not None
        if is_over or not publication.step_is_used_up or not self._mailing.unfinished:
            return failures
        await self._settle(run)
        return None

    def _offered(self, step: int) -> bool:
        """Let workers send up to the end of a step; False where none may join."""
        if self._offer is not None and not self._offer(step):
            self._offer = None
        return self._offer is not None

    async def _settle(self, run: Run) -> None:
        """Wait for the outcomes of what workers have under way, until nothing new comes."""
        known: object = None
        while not run.crew.stop.is_set():
            began = run.clock()
            counts = self._mailing.ledger.standing.counts()
            if counts == known:
                return
            known = counts
            await first(run.crew.stop.wait(), seconds=pause_behind(run.clock() - began))

    async def _send_some(
        self, recipients: int, work: Work, lots: Lots, run: Run
    ) -> list[MailbatchError] | None:
        """Send to so many recipients; return the failures, None where others are left to send to.

        A worker may have lost the server, while the others went on: that is no failure then.
        """
        lots.allow(recipients)
        failures = await work()
        is_over = run.crew.stop.is_set() or lots.allowed or not lots.goes_on
        return failures if is_over or not self._mailing.unfinished else None

    async def _wait(self, run: Run) -> bool:
        """Wait for reports, as long as is left; False where the run was stopped meanwhile."""
        if self._ended is None:
            return True
        seconds = self._ended + self._guard.wait - run.clock()
        if seconds <= 0.0:
            return True
        number = self._guard.after
        mailed = "one" if number == 1 else f"{number:,}"
        run.progress.waiting(seconds, f"reports of the first {mailed}")
        return not await first(run.crew.stop.wait(), seconds=seconds)

    def _judged(self) -> list[MailbatchError] | None:
        """Return the failure that ends the run before the next step; None where none does."""
        return self._stopped(lambda: self.look() or self._silence())

    def _stopped(self, look: Callable[[], StoppedByGuard | None]) -> list[MailbatchError] | None:
        """Return the failure of a look, or the stop, which is that of all; None: nothing stops."""
        try:
            stopped = look()
        except MailbatchError as error:
            return [error]
        if stopped is None:
            return None
        self.stop_all(stopped)
        return [stopped]

    def stop_all(self, stopped: StoppedByGuard) -> None:
        """Stop the workers, too; where the database does not hear, the step is their end."""
        publication = publication_of(self._mailing.ledger)
        if publication is not None:
            with suppress(LedgerError):
                publication.stop(str(stopped), stopped.exit_code)

    def _silence(self) -> StoppedByGuard | None:
        """Return the stop where no report came, though one of each accepted recipient should."""
        job = self._mailing.inputs.job
        if self._reported or not self._figures.sent or not job.hears_of_every_message:
            return None
        return StoppedByGuard(
            f"no report of this edition came, though the provider reports every message: "
            f"nothing is known of {self._figures.sent:,} accepted recipients",
            hint=_hint_of(job),
        )

    def _tell(self, run: Run) -> None:
        figures = self._figures
        if self._reported or not figures.sent:
            run.progress.note(
                f"{figures.bounced:,} hard bounces and {figures.complained:,} complaints of "
                f"{figures.sent:,} accepted recipients: going on"
            )
        elif self._mailing.inputs.job.hears_of_bounces:
            run.progress.note(
                f"no bounce of {figures.sent:,} accepted recipients came back, and this job hears "
                "of no delivery: going on"
            )
        else:
            run.progress.alarm(
                "no report of this edition has come, and nothing in the job brings one: going on"
            )


def _hint_of(job: Job) -> str:
    """Return how to get the reports of a provider that reports every message."""
    if job.callbacks.notify_url is None:
        way = "ask for the reports with mailbatch reports pull"
    else:
        way = "see that mailbatch reports serve runs and that the provider reaches it"
    return f"{way}, then run again; --no-guard sends without"
