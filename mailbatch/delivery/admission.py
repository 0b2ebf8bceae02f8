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
from contextlib import ExitStack

from mailbatch.delivery import signals
from mailbatch.delivery.allowance import Allowance
from mailbatch.delivery.clock import clock_of
from mailbatch.delivery.daily import DAY, Daily
from mailbatch.delivery.gate import Gate, Held
from mailbatch.delivery.hours import Hours
from mailbatch.delivery.ledgers import (
    begun_editions,
    open_to_read,
    place_of,
    taken_by_others,
    turn_of,
)
from mailbatch.delivery.link import first
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.state import State
from mailbatch.job.model import Job

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
    job, server = mailing.inputs.job, mailing.inputs.job.server
    clock = clock_of(mailing.ledger)
    by = "warmup" if server.cap is None else "cap"
    if server.cap is None and server.warmup is None:
        return Gate(_hours(job), None, clock)
    turn = turn_of(job, options.state)
    if turn is None:
        gate = Gate(_hours(job), None, clock)
        gate.held = Held(by, clock() + _SOON, _BUSY.format(by))
        return gate
    stack.enter_context(turn)
    now = clock()
    taken = mailing.ledger.standing.taken_since(now - DAY)
    others, busy = taken_by_others(job, mailing.inputs.edition, options.state, now - DAY)
    daily = Daily(server.cap, server.warmup, _began(job, options.state))
    gate = Gate(_hours(job), Allowance(daily, [*taken, *others], clock), clock)
    if busy:
        gate.held = Held(by, now + _SOON, _BUSY.format(by))
    return gate


def held_now(job: Job, state: State) -> Held | None:
    """Return what would hold a real run that begins now; None: nothing would.

    Raises:
        LedgerError: a ledger of the job cannot be read (74).
    """
    server = job.server
    if not server.may_hold:
        return None
    now, allowance = time.time(), None
    if server.cap is not None or server.warmup is not None:
        taken, busy = taken_by_others(job, None, state, now - DAY)
        if busy:
            by = "warmup" if server.cap is None else "cap"
            return Held(by, now + _SOON, _BUSY.format(by))
        daily = Daily(server.cap, server.warmup, _began(job, state))
        allowance = Allowance(daily, taken, lambda: now)
    return Gate(_hours(job), allowance, lambda: now).look()


def _began(job: Job, state: State) -> float | None:
    """Return when a server first accepted a recipient of a job with a warm-up; None: none did.

    Seconds since the epoch. All ledgers of the job are asked: a second for a million recipients.
    """
    if job.server.warmup is None:
        return None
    first: list[float] = []
    for edition in begun_editions(job, state):
        with open_to_read(place_of(job, edition, state)) as ledger:
            first += (at for at, _ in ledger.standing.taken_since(0.0))
    return min(first, default=None)


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
        return asyncio.run(wait())
