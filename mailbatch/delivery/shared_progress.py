"""The progress of a run that sends beside workers on other machines: the outcomes of all.

    progress = shared(mailing.ledger, progress)        # the same one for a ledger in a file
    async with following(progress, recorder):
        ...                                            # the run sends

The database is asked now and then for its counts, never for a message. The outcomes of the others
are what the counts have gained since the plan, without the run's own ones. A count takes time, and
the run goes on meanwhile: only the number of own outcomes before and behind it is known. So the
number of the others is known between two bounds, and changes only where it lies beyond one of
these. This module must never hold up a send, nor end one: a look that fails is made again later.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from mailbatch.delivery.ledgers import Company, publication_of
from mailbatch.delivery.options import Progress
from mailbatch.delivery.work import Recorder
from mailbatch.errors import LedgerError
from mailbatch.ledger.ports import HeldBy, OpenLedger
from mailbatch.outcome import UNFINISHED, Status

#: How often the ledger is looked at, at most and at least, in seconds; to count is a fiftieth of
#: the time where many are to be counted: the database pays for it.
_EVERY, _SELDOM, _SHARE = 1.0, 30.0, 50.0


class SharedProgress:
    """A `Progress` that adds the outcomes of other workers to those of the run."""

    def __init__(
        self, progress: Progress, company: Callable[[], Awaitable[Company | None]]
    ) -> None:
        self._progress = progress
        self._company = company
        self._planned: Mapping[Status, int] = {}
        self._own: Counter[Status] = Counter()
        self._others: Counter[Status] = Counter()
        self._workers: Sequence[HeldBy] = ()

    async def look(self, recorder: Recorder) -> None:
        """Tell of the other workers, and of their outcomes since the last look.

        Raises:
            LedgerError: the database does not answer now.
        """
        own = Counter(self._own)
        company = await self._company()
        if company is None:
            return
        await recorder.answered()  # behind it the progress knows all own outcomes of the count
        tell_workers(self._progress, self._workers, company.workers)
        self._workers = company.workers
        for status, number in company.counts.items():
            if status in UNFINISHED:
                continue
            gained = number - self._planned.get(status, 0)
            told = self._others[status]
            others = min(max(told, gained - self._own[status]), gained - own[status])
            if others != told:
                self._others[status] = others
                self._progress.settled(status, others - told)

    async def follow(self, recorder: Recorder) -> None:
        """Look now and then, for ever; where the database is away, at the next time."""
        while True:
            began = time.monotonic()
            with suppress(LedgerError):
                await self.look(recorder)
            await asyncio.sleep(pause_behind(time.monotonic() - began))

    def planned(self, counts: Mapping[Status, int], wanted: int) -> None:
        """Note the counts that outcomes are added to, and pass these on."""
        self._planned = counts
        self._progress.planned(counts, wanted)

    def settled(self, status: Status, recipients: int) -> None:
        """Count the run's own outcomes, and pass these on."""
        self._own[status] += recipients
        self._progress.settled(status, recipients)

    def session_opened(self, server: str) -> None:
        """Pass on that a session is open."""
        self._progress.session_opened(server)

    def waiting(self, seconds: float, why: str) -> None:
        """Pass on the reason of a wait."""
        self._progress.waiting(seconds, why)

    def note(self, text: str) -> None:
        """Pass on a fact."""
        self._progress.note(text)

    def alarm(self, text: str) -> None:
        """Pass on a fact that stands nowhere else."""
        self._progress.alarm(text)


def shared(ledger: OpenLedger, progress: Progress) -> Progress:
    """Return the progress of all workers of a ledger in a database; for a file, `progress`."""
    publication = publication_of(ledger)
    return progress if publication is None else SharedProgress(progress, publication.company)


@asynccontextmanager
async def following(progress: Progress, recorder: Recorder) -> AsyncIterator[None]:
    """Look at the other workers while the block lasts, and once more behind it."""
    if not isinstance(progress, SharedProgress):
        yield
        return
    looks = asyncio.ensure_future(progress.follow(recorder))
    try:
        yield
    finally:
        looks.cancel()
        await asyncio.wait({looks})
    with suppress(LedgerError):
        await progress.look(recorder)


def pause_behind(seconds: float) -> float:
    """Return the pause behind a count that took so many seconds, in seconds.

    >>> pause_behind(0.01), pause_behind(0.5), pause_behind(4.0)
    (1.0, 25.0, 30.0)
    """
    return min(_SELDOM, max(_EVERY, _SHARE * seconds))


def tell_workers(progress: Progress, before: Sequence[HeldBy], now: Sequence[HeldBy]) -> None:
    """Tell which other processes have joined a mailing, and which have left the mailing."""
    for words, some, others in (
        ("also at work", now, before),
        ("no longer at work", before, now),
    ):
        changed = [str(process) for process in some if process not in others]
        if changed:
            progress.note(f"{words}: {'; '.join(changed)}")
