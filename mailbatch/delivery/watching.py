"""The watch of a run with no session of its own: workers on other machines send the mailing.

    sent = watch(mailing, progress, stopping)

Workers that die are buried here, too. This module must never send, nor stop a worker.

Tests: tests/certainty/test_workers.py.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from mailbatch.delivery import signals
from mailbatch.delivery.admission import held_over_all, wait_until
from mailbatch.delivery.gate import Held
from mailbatch.delivery.ledgers import publication_of
from mailbatch.delivery.options import Progress, Sent
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.shared_progress import pause_behind, tell_workers
from mailbatch.errors import UsageError
from mailbatch.ledger.ports import HeldBy
from mailbatch.outcome import UNFINISHED


def watch(mailing: Mailing, progress: Progress, stopping: signals.Stopping) -> Sent:
    """Tell the progress of all workers until nothing is left to do, or a signal comes.

    A hold of all workers ends the watch, too; it is asked for where a look finds nothing new.

    Raises:
        UsageError: no worker can join: this run alone can send.
        LedgerError: the database fails.
    """
    publication = publication_of(mailing.ledger)
    if publication is None or publication.current() is None:
        raise no_worker("leave out what the note above names")
    known = mailing.ledger.standing.counts()
    workers: Sequence[HeldBy] = ()
    while True:
        is_left = publication.is_left()
        began = time.monotonic()
        counts = mailing.ledger.standing.counts()
        is_idle = counts == known
        for status, number in counts.items():
            if status not in UNFINISHED and number != known[status]:
                progress.settled(status, number - known[status])
        known = counts
        others = mailing.ledger.writers()
        tell_workers(progress, workers, others)
        workers = others
        if not is_left:
            return Sent()
        held = _held(mailing) if is_idle else None
        if held is not None:
            return Sent(held=held)
        # A large mailing is counted seldom. Its end is quick to ask for, and is found sooner.
        count_at = time.time() + pause_behind(time.monotonic() - began)
        while is_left and time.time() < count_at:
            asked = time.monotonic()
            is_left = publication.is_left()
            pause = pause_behind(time.monotonic() - asked) if is_left else 0.0
            if not wait_until(min(count_at, time.time() + pause), stopping):
                return Sent(interrupted=True)


def _held(mailing: Mailing) -> Held | None:
    job = mailing.inputs.job
    return held_over_all(job, mailing.ledger) if job.server.may_hold else None


def no_worker(otherwise: str) -> UsageError:
    """Return the refusal of a run without sessions, with what to do `otherwise`."""
    return UsageError(
        "--sessions 0 leaves the sending to workers, and none can join this mailing",
        hint=f"{otherwise}, or send with sessions of this run",
    )
