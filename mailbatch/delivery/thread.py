"""The thread of a mailing: each delivery with the Message-IDs that its message stands behind.

    thread = thread_of(inputs, ledger, options, stack)
    leases = ThreadedLeases(ledger.leases, ledger.records, thread)
    leases.lease(32, now=now)[0].thread      # ('8c9f…@example.com',)

Earlier editions are asked where deliveries are leased, a lot at a time. So everything that composes
a delivery, here or in another process, has the thread with it, and no ledger is open there. Ledgers
are opened to read, and the memory stays flat. This module must never send, nor write to an earlier
ledger.

Tests: tests/cli/test_thread.py, tests/certainty/test_threads.py.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mailbatch.delivery.editions_before import (
    check_identity,
    choose,
    gone,
    is_same,
    open_earlier,
    telling,
)
from mailbatch.delivery.ledgers import LedgerPlace, is_begun, open_to_read, place_of
from mailbatch.delivery.state import InDatabase, State
from mailbatch.delivery.succession import part_of
from mailbatch.envelope import Delivery, address_key
from mailbatch.errors import InputErrors, LedgerError, LedgerLocked, MessageError, Reason
from mailbatch.ledger.ports import Answer, Leases, OpenLedger, Records, near
from mailbatch.render.digests import digest_texts

if TYPE_CHECKING:
    from mailbatch.delivery.options import RunOptions
    from mailbatch.delivery.preparation import Inputs
    from mailbatch.job.model import Job
    from mailbatch.ledger.rows import Before


class Thread:
    """The thread of an edition of a job; `before` are the editions before, the last one first.

    `messages` is the number of deliveries that were looked at, `placed` that of those whose
    message stands behind another one.
    """

    def __init__(
        self,
        job: Job,
        edition: str,
        before: Sequence[Before],
        ledgers: Sequence[OpenLedger],
        *,
        is_far: bool,
    ) -> None:
        self.job = job
        self.edition = edition
        self.before = tuple(before)
        self._ledgers = tuple(ledgers)
        # A correction has no letter for those who have the right one of the edition behind.
        self._corrects = [part_of(one).corrects is not None for one in self._ledgers]
        #: Whether each question goes over a network, as `ports` has it.
        self.is_far = is_far
        self.messages = 0
        self.placed = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of the choice, for an approved plan."""
        return digest_texts(*[text for one in self.before for text in (one.edition, one.ledger)])

    def keep(self, ledger: OpenLedger) -> None:
        """Keep the choice in the ledger of the edition, once and for all.

        Where another worker of the edition was quicker, its choice counts.

        Raises:
            LedgerError: the ledger cannot be written; `LedgerLocked` where another worker has
                chosen other editions (75).
        """
        kept = ledger.thread.keep(self.before)
        if [one.ledger for one in kept] != [one.ledger for one in self.before]:
            raise LedgerLocked(
                f"another worker of edition {self.edition} has chosen another edition before",
                hint="run this again",
            )
        self.before = kept

    def place(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return deliveries, each with its thread.

        A message that stands behind none of the edition before has no thread. Of several rows, the
        first one with an earlier message counts.

        Raises:
            LedgerError: an earlier ledger cannot be read.
        """
        deliveries = list(deliveries)
        self.messages += len(deliveries)
        threads: dict[str, list[str]] = {key: [] for one in deliveries for key in _keys(one)}
        keys = list(threads)
        for one, ledger, corrects in zip(self.before, self._ledgers, self._corrects, strict=True):
            with telling(self.job):
                found = ledger.thread.messages(keys, one.until)
            for key, message_id in found.items():
                threads[key].insert(0, message_id)
            if not corrects:
                keys = list(found)
            if not keys:
                break
        return [self._placed(one, threads) for one in deliveries]

    def _placed(self, delivery: Delivery, threads: dict[str, list[str]]) -> Delivery:
        found = next(filter(None, (threads[key] for key in _keys(delivery))), None)
        if found is None:
            return delivery
        self.placed += 1
        return replace(delivery, thread=tuple(found))


def _keys(delivery: Delivery) -> list[str]:
    """Return the keys of the rows of a delivery, each the identity of a recipient."""
    return [row.key or address_key(row.address) for row in delivery.rows]


class Placing(Protocol):
    """The thread, or the correction, that gives deliveries their places."""

    @property
    def is_far(self) -> bool:
        """Whether each question goes over a network."""

    def place(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return deliveries, each behind the messages that it stands behind."""


class ThreadedLeases:
    """`Leases` whose deliveries have their thread."""

    def __init__(self, leases: Leases, records: Records, thread: Placing) -> None:
        self._leases = leases
        self._records = records
        self._thread = thread

    def lease(
        self, count: int, *, now: float, address: str | None = None, most: int | None = None
    ) -> Answer[list[Delivery]]:
        """Lease deliveries, as the ledger does, each with its thread.

        Raises:
            LedgerError: as the ledger raises; or an earlier ledger cannot be read, and a near
                ledger has the leases back.
        """
        leased = self._leases.lease(count, now=now, address=address, most=most)
        if isinstance(leased, Awaitable):
            return self._answered(leased)
        try:
            return self._thread.place(leased)
        except LedgerError:
            with suppress(LedgerError):  # the next opening finds them
                near(self._records.release([delivery.id for delivery in leased]))
            raise

    async def _answered(self, leased: Awaitable[list[Delivery]]) -> list[Delivery]:
        found = await leased
        if not self._thread.is_far:
            return self._thread.place(found)
        import asyncio  # a run with nothing to do needs none

        # The loop of the run goes on meanwhile.
        return await asyncio.to_thread(self._thread.place, found)

    def next_due(self, addresses: Sequence[str] = ()) -> float | None:
        """Return when the next deferred delivery is due (seconds since the epoch)."""
        return self._leases.next_due(addresses)


def thread_of(
    inputs: Inputs, ledger: OpenLedger, options: RunOptions, stack: ExitStack
) -> Thread | None:
    """Return the thread of a mailing with its ledgers, which close with `stack`; None without one.

    `ledger` is planned. A rehearsal has the thread that a real run would have.

    Raises:
        InputErrors: several addresses share a message.
        RecipientError: the edition before tells its recipients apart by other columns.
        LedgerError: the ledger of an earlier edition is gone, another one, or cannot be read (74);
            `LedgerLocked` while the edition before is sent (75).
    """
    job = inputs.job
    if not job.message.thread:
        return None
    if job.recipients.group_by and ledger.plan.shares_messages():
        raise InputErrors([_shared(inputs)])
    if options.scratch:
        before, until = _kept(place_of(job, inputs.edition, options.state))
    else:
        before, until = _of(ledger)
    state = options.state
    if before is None:
        before = choose(
            job,
            inputs.edition,
            state,
            inputs.plan.identity,
            until=until,
            idle=not options.scratch,
        )
    return thread_behind(inputs, inputs.edition, before, state, stack)


def thread_behind(
    inputs: Inputs, edition: str, before: Sequence[Before], state: State, stack: ExitStack
) -> Thread:
    """Return the thread of an edition behind others, whose ledgers close with `stack`.

    Raises:
        RecipientError: an edition before tells its recipients apart by other columns.
        LedgerError: the ledger of an earlier edition is gone, another one, or cannot be read (74).
    """
    ledgers = [_opened(inputs, one, state, stack) for one in before]
    return Thread(inputs.job, edition, before, ledgers, is_far=isinstance(state, InDatabase))


def thread_kept(
    job: Job, edition: str, ledger: OpenLedger, state: State, stack: ExitStack
) -> Thread | None:
    """Return the thread that the run has chosen, for a worker; its ledgers close with `stack`.

    None without `message.thread`.

    Raises:
        LedgerError: the ledger of an earlier edition is gone, another one, or cannot be read; or
            no run has chosen (74).
    """
    if not job.message.thread:
        return None
    before = ledger.thread.before()
    if before is None:
        raise LedgerError(
            f"{ledger.path}: no run has chosen the editions that messages stand behind",
            hint="`mailbatch run` of this edition does",
        )
    return _reopened(job, edition, before, state, stack)


def _reopened(
    job: Job, edition: str, before: Sequence[Before], state: State, stack: ExitStack
) -> Thread:
    """Return a thread that was chosen before; its ledgers close with `stack`."""
    ledgers = [
        stack.enter_context(open_before(job, one, place_of(job, one.edition, state)))
        for one in before
    ]
    return Thread(job, edition, before, ledgers, is_far=isinstance(state, InDatabase))


def placed_again(
    job: Job, edition: str, place: LedgerPlace, state: State, made: Delivery
) -> Delivery:
    """Return a delivery of an edition that was sent, with the thread that its message had.

    Raises:
        LedgerError: the ledger of an earlier edition is gone, another one, or cannot be read (74).
    """
    with ExitStack() as stack:
        before = stack.enter_context(open_to_read(place)).thread.before()
        if not before:
            return made
        return _reopened(job, edition, before, state, stack).place([made])[0]


def open_before(job: Job, one: Before, place: LedgerPlace) -> OpenLedger:
    """Open the ledger of an edition that stands before in a thread, to read.

    Raises:
        LedgerError: the ledger is gone, another one, or cannot be read (74).
    """
    ledger = open_earlier(job, one.edition, place)
    with telling(job):
        is_there = is_same(one, ledger)
    if not is_there:
        ledger.close()
        raise gone(one.edition, place, "another ledger stands in its place")
    return ledger


def _of(ledger: OpenLedger) -> tuple[tuple[Before, ...] | None, float]:
    """Return the editions before that a ledger keeps, and when its own edition was begun."""
    before = ledger.thread.before()
    began = None if before is not None else ledger.standing.began_at()
    return before, time.time() if began is None else began


def _kept(place: LedgerPlace) -> tuple[tuple[Before, ...] | None, float]:
    """Return the same of the real ledger, for a rehearsal: one that cannot be read is told of."""
    with suppress(LedgerError):
        if is_begun(place):
            with open_to_read(place) as ledger:
                return _of(ledger)
    return None, time.time()


def _opened(inputs: Inputs, one: Before, state: State, stack: ExitStack) -> OpenLedger:
    place = place_of(inputs.job, one.edition, state)
    ledger = stack.enter_context(open_before(inputs.job, one, place))
    with telling(inputs.job):
        check_identity(inputs.job, ledger, inputs.plan.identity)
    return ledger


def _shared(inputs: Inputs) -> MessageError:
    return MessageError(
        "several addresses share a message, which cannot stand behind one that each of them has",
        location=inputs.job.locate("message.thread"),
        hint=f"`group_by: [{inputs.job.recipients.address}]` gives each address a message, or "
        "leave thread out",
        reason=Reason.NO_THREAD,
    )
