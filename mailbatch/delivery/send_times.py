"""The times of sending of a run: whether all that is pending waits for one, and until when.

    held = hold_of(mailing, options, clock())      # None: something is due, or nothing waits

The instants are in the ledger, which fixes them at planning. A recipient that is due within
`retry.maximum` is waited for as a retry is (`patience_of`); for a later one the run ends with 75,
or waits with `--wait`. This module must never send, nor move an instant.

Tests: tests/certainty/test_send_times.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mailbatch.delivery.asked import rows_of, send_times_of
from mailbatch.delivery.gate import Held
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import Mailing
from mailbatch.job.model import Job
from mailbatch.ledger.ports import OpenLedger
from mailbatch.outcome import Status

#: What holds a run, as `held_by` of `--json` names it.
BY = "send_at"


def patience_of(job: Job, options: RunOptions) -> float | None:
    """Return how long a run waits for the next recipient that is due, in seconds; None: always."""
    if options.patience is not None or job.message.send_at is None:
        return options.patience
    return job.retry.maximum


def hold_of(mailing: Mailing, options: RunOptions, now: float) -> Held | None:
    """Return the hold of a run at `now` (seconds since the epoch) by the times of its recipients.

    None: a recipient is due, or will be within the patience of the run, or none waits for a time.

    Raises:
        LedgerError: the ledger cannot be read (74).
    """
    job, ledger = mailing.inputs.job, mailing.ledger
    if options.scratch or job.message.send_at is None:
        return None
    held = _asked(ledger, options.only, now) if options.only else hold_of_all(ledger, now)
    if held is None or held.until <= now + (patience_of(job, options) or 0.0):
        return None
    return held


def hold_of_all(ledger: OpenLedger, now: float) -> Held | None:
    """Return the hold of an edition whose pending rows all wait for a time behind `now`."""
    waiting = ledger.plan.send_times(now)
    number = sum(number for _, number in waiting)
    return _held(waiting) if number == ledger.standing.counts()[Status.PENDING] else None


def _asked(ledger: OpenLedger, named: Sequence[str], now: float) -> Held | None:
    """Return the hold of the rows with these addresses or keys, as `hold_of_all` does."""
    rows = [row for row in rows_of(ledger, named) if row.status is Status.PENDING]
    times = send_times_of(ledger, rows)
    waiting = Counter(at for at in times.values() if at > now)
    return _held(sorted(waiting.items())) if waiting.total() == len(rows) else None


def _held(waiting: Sequence[tuple[float, int]]) -> Held | None:
    if not waiting:
        return None
    until, number = waiting[0]
    total = sum(number for _, number in waiting)
    why = f"{total:,} recipient{'s wait' if total > 1 else ' waits'} for send_at"
    first = "next one" if number == 1 else f"next {number:,}"
    return Held(BY, until, why if number == total else f"{why}, the {first} until then")
