"""The records of several sessions, written together.

A commit of the ledger costs as much as the whole conversation about a message. So commit points and
outcomes of several sessions wait for each other, for as long as each turn of the event loop brings
another record, and 2 ms at most; one commit takes them all, and then the last bytes leave. Of each
session one outcome waits, at most. A far ledger is asked one call at a time: all other records wait
for the answer (module `answers`). This module must never let the last bytes of a content go before
the commit point is recorded, and decides nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import TypeAlias

from mailbatch.delivery.answers import Answers
from mailbatch.delivery.gathering import Gathering
from mailbatch.delivery.options import Progress
from mailbatch.delivery.work import LastBytes
from mailbatch.envelope import Delivery
from mailbatch.errors import LedgerError
from mailbatch.ledger.ports import Answer, CommitPoint, Records, Settlement, Suspicion, answer
from mailbatch.outcome import Outcome, Reply, SameForAll, Status

#: So many records do not wait for more, and none waits for so many seconds.
MOST_WAITING = 64
LONGEST_WAIT = 0.002

#: A commit point, and the session that has all of the content but its last bytes.
_Point: TypeAlias = tuple[CommitPoint, LastBytes]
#: The outcomes of an attempt, and the delivery that they are of.
_Settled: TypeAlias = tuple[Settlement, Delivery]
#: The call of an invalid delivery, and the news for the progress behind the answer.
_Invalid: TypeAlias = tuple[Callable[[], Answer[None]], Callable[[], None]]

_ACCEPTED = Status.ACCEPTED
#: The record of a point, or of outcomes that are settled.
_FIRST = itemgetter(0)


class Recording:
    """The records of a run, waiting and made; a `Recorder` over `ledger.ports.Records`.

    `broken` is the first failure: behind it no commit point is recorded any more.
    """

    def __init__(
        self,
        records: Records,
        progress: Progress,
        call_soon: Callable[[Callable[[], None]], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self.broken: Exception | None = None
        self._records = records
        self._progress = progress
        self._call_soon = call_soon
        self._clock = clock
        self._points: list[_Point] = []
        self._settled: list[_Settled] = []
        # While a turn is waited for: until when, and how many records waited in the last one.
        self._until: float | None = None
        self._waited = 0
        # Deliveries whose commit point was not recorded.
        self._given_up: set[int] = set()
        # Since when refusals may be the run's, and whether the ledger knows it.
        self._suspected_since: float | None = None
        self._suspicion_told = True
        # Of a far ledger: all records wait for the answer that is due.
        self._answers = Answers(self._ask_next)
        self._is_far = False
        # Behind an answer they wait for those of the sessions that it let go.
        self._gathering = Gathering(call_later, clock, self._next_turn)
        # Invalid deliveries that wait for that answer.
        self._invalid: deque[_Invalid] = deque()

    def commit_point(self, delivery_id: int, digest: bytes, session: LastBytes) -> None:
        """Record the commit point of a delivery, then have `session` hand over the last bytes."""
        if self.broken is not None:
            session.abort()
            raise self.broken
        self._points.append((CommitPoint(delivery_id, digest), session))
        self._flush_soon()

    def suspect(self, since: float | None) -> None:
        """Record, with the next record, since when refusals may be the run's; None: none."""
        if since != self._suspected_since:
            self._suspected_since, self._suspicion_told = since, False

    def settle(
        self,
        delivery: Delivery,
        outcomes: Sequence[Outcome],
        *,
        now: float,
        retry_at: float | None,
        resume_at: float = 0.0,
    ) -> None:
        """Record the outcomes of an attempt, then tell the progress; alarm where that fails."""
        plain = (
            isinstance(outcomes, SameForAll) and outcomes.status is _ACCEPTED and len(outcomes) == 1
        )
        if not plain:  # many rows want a commit of their own
            with suppress(Exception):  # it is `broken`; what is known here is recorded if possible
                self._flush()
        if self.broken is not None and delivery.id in self._given_up:
            raise self.broken  # nobody has it, and so says the ledger
        settlement = Settlement(delivery.id, outcomes, now, retry_at, resume_at)
        self._settled.append((settlement, delivery))
        if plain:
            self._flush_soon()
        else:
            self._flush()

    def invalidate(self, delivery: Delivery, reason: str, *, now: float) -> None:
        """Record that a delivery cannot be sent: as invalid, or as the doubt of before a resend."""
        call, tell = _as_invalid(self._records, self._progress, delivery, reason, now)
        if self._answers.due is None:
            self._invalidate(call, tell)
        else:
            self._invalid.append((call, tell))

    def _invalidate(self, call: Callable[[], Answer[None]], tell: Callable[[], None]) -> None:
        told = call()
        if told is None:
            tell()
        else:
            self._answers.wait_for(self._tell_behind(told, tell))

    async def _tell_behind(self, told: Awaitable[None], tell: Callable[[], None]) -> None:
        try:
            await told
            tell()
        except Exception as error:  # noqa: BLE001 - the next call raises it
            self.fail(error)

    def _ask_next(self, cancelled: bool) -> None:
        """Ask a far ledger for the records that wait, behind an answer."""
        if cancelled:  # the run ends at once
            self.fail(LedgerError("the ledger has not answered"))
            self._invalid.clear()
            settled, self._settled = self._settled, []
            self._lose(settled)
            return
        try:
            while self._invalid and self._answers.due is None:
                self._invalidate(*self._invalid.popleft())
            if self._answers.due is not None or self._gathering.begin(len(self._points)):
                return
            if self._points or not self._settled or not self._gathering.linger():
                self._flush()
        except Exception as error:  # noqa: BLE001 - the next call raises it
            self.fail(error)

    def flush(self) -> None:
        """Record all that waits, but for what gathers; raise `broken`, of now or before."""
        if not self._gathering.is_under_way:
            self._flush()
        if self.broken is not None:
            raise self.broken

    async def answered(self) -> None:
        """Wait until the progress was told of all that the ledger has recorded so far."""
        if self._answers.due is not None:
            await asyncio.wait({self._answers.due})

    async def drain(self) -> None:
        """Wait until all is recorded; raise `broken`, of now or before."""
        self._flush()
        while self._answers.due is not None:
            await self._answers.all()
            self._flush()  # what gathers behind the answer, too
        if self.broken is not None:
            raise self.broken

    async def release(self, delivery_ids: Sequence[int]) -> None:
        """Give back leases of deliveries that were not tried."""
        await answer(self._records.release(delivery_ids))

    async def give_back(self, since: float, reply: Reply) -> None:
        """Make pending the recipients that this reply rejected since then."""
        await answer(self._records.give_back(since, reply))

    async def acquit(self) -> None:
        """Note that no refusal is under suspicion any more: the run is over."""
        await answer(self._records.record((), (), Suspicion(None)))

    def fail(self, error: Exception) -> None:
        """Pass no commit point any more; those that wait are given up."""
        self.broken = self.broken or error
        points, self._points = self._points, []
        for point, session in points:
            self._given_up.add(point.delivery_id)
            session.abort()

    async def close(self, *, at_once: bool = False) -> None:
        """Record the outcomes that wait, at the end of a run; no commit point is passed.

        `at_once` waits a second at most for a far ledger; outcomes without an answer are told as an
        alarm.
        """
        self._points.clear()
        self._gathering.close()
        with suppress(LedgerError):  # told as an alarm
            self._flush()
        await self._answers.end(at_once=at_once)

    def _flush_soon(self) -> None:
        if self._answers.due is not None:
            return
        waiting = len(self._points) + len(self._settled)
        if self._gathering.is_under_way:
            if not self._gathering.is_over(len(self._points)):
                return
            if not self._gathering.lingers:
                self._flush()
                return
            self._gathering.end(len(self._points))
        if self._is_far and not self._points and self._gathering.linger():
            return
        if self._call_soon is None or waiting >= MOST_WAITING:
            self._flush()
        elif self._until is None:
            self._waited, self._until = 0, self._clock() + LONGEST_WAIT
            self._call_soon(self._next_turn)

    def _next_turn(self) -> None:
        waiting, until = len(self._points) + len(self._settled), self._until
        if self._call_soon is not None and until is not None and waiting > self._waited:
            self._waited = waiting
            if self._clock() < until:
                self._call_soon(self._next_turn)
                return
        self._until = None
        with suppress(Exception):  # whoever comes next raises what is `broken`
            self._flush()

    def _flush(self) -> None:
        if self._answers.due is not None:  # what waits is asked for behind its answer
            return
        gathering = self._gathering
        if gathering.is_under_way:
            gathering.end(len(self._points))
        points, self._points = self._points, []
        settled, self._settled = self._settled, []
        for _, session in points:
            if session.failure is not None:  # lost meanwhile: hands nothing over, needs no point
                points = [point for point in points if point[1].failure is None]
                break
        if not points and not settled:
            return
        gathering.asked(len(points))
        suspicion = None if self._suspicion_told else Suspicion(self._suspected_since)
        several = len(points) + len(settled) > 1 or suspicion is not None
        try:
            told = self._records.record([*map(_FIRST, settled)], [*map(_FIRST, points)], suspicion)
        except Exception as error:
            self._points = points + self._points
            self.fail(error)
            self._save(settled, again=several)
            raise
        if told is None:
            self._suspicion_told = True
            self._go_on(points, settled)
        else:
            self._is_far = True
            self._answers.wait_for(self._wait(told, points, settled, suspicion, several=several))

    async def _wait(
        self,
        told: Awaitable[None],
        points: list[_Point],
        settled: list[_Settled],
        suspicion: Suspicion | None,
        *,
        several: bool,
    ) -> None:
        """Go on behind the answer of a far ledger."""
        try:
            await told
        except asyncio.CancelledError:
            self._lose(settled)
            raise
        except Exception as error:  # noqa: BLE001 - the next call raises it
            self._points = points + self._points
            self.fail(error)
            if several:
                await self._save_behind(settled)
            else:
                self._lose(settled)
        else:
            if suspicion is not None:
                self._suspicion_told = self._suspected_since == suspicion.since
            with suppress(Exception):  # the next call raises what is `broken`
                self._go_on(points, settled)

    def _save(self, settled: Sequence[_Settled], *, again: bool) -> None:
        """Record each outcome by itself where that was not tried, and tell those that are lost."""
        if not again:
            self._lose(settled)
            return
        for number, one in enumerate(settled):
            try:  # the first failure is the one to tell of
                told = self._records.record([one[0]], ())
                if told is not None:
                    self._answers.wait_for(self._save_behind(settled[number:], told))
                    return
                self._tell([one])
            except Exception:  # noqa: BLE001 - told as an alarm
                self._lose([one])

    async def _save_behind(
        self, settled: Sequence[_Settled], told: Awaitable[None] | None = None
    ) -> None:
        """Record each outcome by itself in a far ledger; the first of these was asked as `told`."""
        left = deque(settled)
        while left:
            try:
                await (answer(self._records.record([left[0][0]], ())) if told is None else told)
                self._tell([left[0]])
            except asyncio.CancelledError:
                self._lose(left)
                raise
            except Exception:  # noqa: BLE001 - told as an alarm
                self._lose([left[0]])
            told = None
            left.popleft()

    def _lose(self, settled: Iterable[_Settled]) -> None:
        """Tell an alarm for each outcome that is not recorded."""
        for settlement, _ in settled:
            for outcome in settlement.outcomes:
                self._progress.alarm(f"not recorded: {_in_words(outcome)}")

    def _go_on(self, points: Sequence[_Point], settled: Sequence[_Settled]) -> None:
        """Let the last bytes leave, and tell the progress, behind the record of all."""
        try:
            for _, session in points:
                session.finish()
            if settled:
                self._tell(settled)
        except Exception as error:
            self.fail(error)
            for _, session in points:
                session.abort()  # or it might wait for ever
            raise

    def _tell(self, settled: Sequence[_Settled]) -> None:
        accepted = 0
        for settlement, delivery in settled:
            outcomes = settlement.outcomes
            if isinstance(outcomes, SameForAll):
                if outcomes.status is _ACCEPTED:
                    accepted += len(delivery.unsettled)
                else:
                    self._progress.settled(outcomes.status, len(delivery.unsettled))
                continue
            mine = set(delivery.unsettled)
            for status, count in Counter(o.status for o in outcomes if o.address in mine).items():
                self._progress.settled(status, count)
        if accepted:
            self._progress.settled(_ACCEPTED, accepted)


def _in_words(outcome: Outcome) -> str:
    seen = outcome.reply or outcome.reason or "no reply"
    return f"{outcome.address} is {outcome.status.replace('_', ' ')}: {seen}"


def _as_invalid(
    records: Records, progress: Progress, delivery: Delivery, reason: str, now: float
) -> _Invalid:
    if not delivery.resent:
        number = len(delivery.unsettled)
        return (
            lambda: records.invalidate(delivery.id, reason, now=now),
            lambda: progress.settled(Status.INVALID, number),
        )
    why = f"not sent again: {reason}"
    doubts = tuple(
        Outcome(address, Status.IN_DOUBT, reason=why, counted=False)
        if address in delivery.resent
        else Outcome(address, Status.DEFERRED, reason=why, counted=False)
        for address in delivery.unsettled
    )

    def tell() -> None:
        progress.note(f"{', '.join(sorted(delivery.resent))}: {why}")
        progress.settled(Status.IN_DOUBT, len(delivery.resent))

    settlement = Settlement(delivery.id, doubts, now, retry_at=None)
    return lambda: records.record([settlement], ()), tell
