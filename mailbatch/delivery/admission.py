"""The admission of a run: the gate of its window and its daily number, the ledgers as the witness.

    (gate,) = gates_of(job, mailing, options, stack)
    held = gate.look()             # None: the run may begin

A job with a second server has two gates: each counts the recipients of its own server. Cap and
warm-up count over all editions of the job in the state folder, or in the database. A file
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
from mailbatch.delivery.ledgers import publication_of, taken_by_others, turn_of
from mailbatch.delivery.link import first
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.shared_allowance import BUSY, SOON, SharedAllowance, key_of
from mailbatch.delivery.state import State
from mailbatch.job.model import Job
from mailbatch.ledger.ports import OpenLedger

#: A clock may be set during a wait: so often the time is looked at, in seconds.
_LOOK = 15.0


def gates_of(job: Job, mailing: Mailing, options: RunOptions, stack: ExitStack) -> tuple[Gate, ...]:
    """Return the gates of a real run that may be held, also from the beginning on.

    One for each server of `job`, the second one by the name of the ledger. The turn of a job with a
    cap or a warm-up is given back with `stack`.

    Raises:
        LedgerError: a ledger of the job cannot be read, and may have recipients that count (74).
    """
    ledger, servers = mailing.ledger, jobs_in_turn(job)
    if not any(one.server.has_daily_number for one, _ in servers):
        return tuple(window_gate(one, ledger) for one, _ in servers)
    clock = clock_of(ledger)
    turn = turn_of(job, options.state)
    if turn is None:
        return tuple(_busy_gate(one, clock) for one, _ in servers)
    stack.enter_context(turn)
    if publication_of(ledger) is not None:
        return (gate_of_worker(job, ledger),)  # of one server: `fallback` has its ledger in a file
    gates, edition, correction = [], mailing.inputs.edition, mailing.inputs.correction
    corrects = None if correction is None else correction.edition
    for one, name in servers:
        if not one.server.has_daily_number:
            gates.append(window_gate(one, ledger))
            continue
        since = _since(one, clock())
        taken = ledger.standing.taken_since(since, server=name)
        others, busy = taken_by_others(
            one, edition, options.state, since, server=name, corrects=corrects
        )
        if busy:
            return tuple(_busy_gate(one, clock) for one, _ in servers)
        gates.append(Gate(_hours(one), _allowance(one, name, [*taken, *others], clock), clock))
    return tuple(gates)


def jobs_in_turn(job: Job) -> list[tuple[Job, str | None]]:
    """Return the job for each of its servers, as if there was no other, and the name of that one.

    The ledger knows the first server by no name, and any other by host and port.
    """
    return [
        (
            job if number == 0 else job.model_copy(update={"server": server}),
            None if number == 0 else server.address,
        )
        for number, server in enumerate(job.server.in_turn)
    ]


def _busy_gate(job: Job, clock: Callable[[], float]) -> Gate:
    """Return the gate of a run while another edition is under way, which has the turn."""
    return Gate(_hours(job), None, clock, held=_busy(job, clock()))


def gate_of_worker(job: Job, ledger: OpenLedger) -> Gate:
    """Return the gate of one of the workers that share a ledger, with the count of now.

    Cap and warm-up are the bound of all claims of this process from now on.

    Raises:
        LedgerError: the database does not answer (74).
        UsageError: no day lets a message with its copies through.
    """
    publication = publication_of(ledger)
    if publication is None or not job.server.has_daily_number:
        return window_gate(job, ledger)
    shared = SharedAllowance(job)
    publication.bound_by(shared)
    return Gate(_hours(job), None, clock_of(ledger), shared=shared)


def held_over_all(job: Job, ledger: OpenLedger) -> Held | None:
    """Return what holds all workers that share a ledger, for one that only watches; None: nothing.

    Raises:
        LedgerError: the database does not answer (74).
        UsageError: no day lets a message with its copies through.
    """
    publication = publication_of(ledger)
    if publication is None or not job.server.has_daily_number:
        return window_gate(job, ledger).look()
    shared = SharedAllowance(job)
    publication.judged_by(shared)
    return Gate(_hours(job), None, clock_of(ledger), shared=shared).look()


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
    held, now = [], time.time()
    for one, name in jobs_in_turn(job):
        allowance = None
        if one.server.has_daily_number:
            taken, busy = taken_by_others(one, None, state, _since(one, now), server=name)
            if busy:
                return _busy(one, now)
            allowance = _allowance(one, name, taken, lambda: now)
        held.append(Gate(_hours(one), allowance, lambda: now).look())
    return first_free(held)


def first_free(held: Sequence[Held | None]) -> Held | None:
    """Return what holds a run whose servers are held so, in their order; None: one is free.

    The window is one for all servers. Of daily numbers, the run goes on with the first that ends.
    """
    first = held[0]
    if first is None or first.by == "window":
        return first
    holds = [one for one in held if one is not None]
    return min(holds, key=lambda one: one.until) if len(holds) == len(held) else None


def _busy(job: Job, now: float) -> Held:
    by = key_of(job)
    return Held(by, now + SOON, BUSY.format(by))


def _since(job: Job, now: float) -> float:
    """Return since when recipients count; a warm-up looks for the first of all."""
    return now - DAY if job.server.warmup is None else 0.0


def _allowance(
    job: Job, name: str | None, taken: Sequence[tuple[float, int]], clock: Callable[[], float]
) -> Allowance:
    began = min((at for at, _ in taken), default=None)
    key = "server" if name is None else "server.fallback"
    return Allowance(Daily(job.server.cap, job.server.warmup, began, key=key), taken, clock)


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
