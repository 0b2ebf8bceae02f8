"""The admission of a run: the gate of its window and its daily number, the ledgers as the witness.

    gate = gate_of(mailing, options, stack)
    held = gate.look()             # None: the run may begin

Cap and warm-up count over all editions of the job in the state folder, or in the database. A file
that was not written in the last 24 hours has nothing to tell, and is not opened, but by a warm-up
that looks for the first acceptance. One run of a job with such a number has the turn; a run of
another edition is held meanwhile. Rehearsals and `--to` are bound by neither
rule: their ledgers are thrown away, and nothing of them counts. This module must never write a
ledger.

Tests: tests/certainty/test_cap.py, tests/certainty/test_warmup.py, tests/certainty/test_window.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from mailbatch.delivery import signals
from mailbatch.delivery.allowance import Allowance
from mailbatch.delivery.clock import clock_of
from mailbatch.delivery.daily import DAY, Daily
from mailbatch.delivery.gate import OPEN, Gate, Held
from mailbatch.delivery.hours import Hours
from mailbatch.delivery.ledgers import (
    taken_by_others,
    turn_of,
)
from mailbatch.delivery.link import first
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.state import State
from mailbatch.job.model import Job
from mailbatch.ledger.ports import OpenLedger

#: How soon a run is tried again that waits for another edition, in seconds.
_SOON = 60.0
#: A clock may be set during a wait: so often the time is looked at, in seconds.
_LOOK = 15.0
_BUSY = "another edition of this job is under way, and server.{} counts over both"


def gate_of(mailing: Mailing, options: RunOptions, stack: ExitStack) -> Gate:
    """Return the gate of a real run that may be held, also from the beginning on.

    The turn of a job with a cap or a warm-up is given back with `stack`.

    Raises:
        LedgerError: a ledger of the job cannot be read, and may have recipients that count (74).
    """
    job = mailing.inputs.job
    if not job.server.has_daily_number:
        return window_gate(job, mailing.ledger)
    clock = clock_of(mailing.ledger)
    turn = turn_of(job, options.state)
    if turn is None:
        gate = Gate(_hours(job), None, clock)
        gate.held = _busy(job, clock())
        return gate
    stack.enter_context(turn)
    now = clock()
    since = _since(job, now)
    taken = mailing.ledger.standing.taken_since(since)
    others, busy = taken_by_others(job, mailing.inputs.edition, options.state, since)
    gate = Gate(_hours(job), _allowance(job, [*taken, *others], clock), clock)
    if busy:
        gate.held = _busy(job, now)
    return gate


def window_gate(job: Job, ledger: OpenLedger) -> Gate:
    """Return the gate of the window of a job alone, by the clock of a ledger."""
    return OPEN if job.server.window is None else Gate(_hours(job), None, clock_of(ledger))


def held_now(job: Job, state: State) -> Held | None:
    """Return what would hold a real run that begins now; None: nothing would.

    Raises:
        LedgerError: a ledger of the job cannot be read (74).
    """
    if not job.server.may_hold:
        return None
    now, allowance = time.time(), None
    if job.server.has_daily_number:
        taken, busy = taken_by_others(job, None, state, _since(job, now))
        if busy:
            return _busy(job, now)
        allowance = _allowance(job, taken, lambda: now)
    return Gate(_hours(job), allowance, lambda: now).look()


def _busy(job: Job, now: float) -> Held:
    by = "warmup" if job.server.cap is None else "cap"
    return Held(by, now + _SOON, _BUSY.format(by))


def _since(job: Job, now: float) -> float:
    """Return since when recipients count; a warm-up looks for the first of all."""
    return now - DAY if job.server.warmup is None else 0.0


def _allowance(
    job: Job, taken: Sequence[tuple[float, int]], clock: Callable[[], float]
) -> Allowance:
    began = min((at for at, _ in taken), default=None)
    return Allowance(Daily(job.server.cap, job.server.warmup, began), taken, clock)


def _hours(job: Job) -> Hours | None:
    return None if job.server.window is None else Hours(job.server.window)


def wait_until(until: float, stopping: signals.Stopping) -> bool:
    """Wait until an instant (seconds since the epoch); False where a signal ended the wait."""

    async def wait() -> bool:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stopping.install(loop, stop.set, lambda _signum: stop.set())
        try:
            while (left := until - time.time()) > 0.0 and not stop.is_set():
                await first(stop.wait(), seconds=min(left, _LOOK))
        finally:
            stopping.remove(loop)
        return not stop.is_set()

    with stopping.in_loop():
        return asyncio.run(wait()) and stopping.signum is None
