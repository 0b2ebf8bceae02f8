"""What the sessions of a run have to record, written together where several of them wait.

A commit of the ledger costs as much as all that is said to the server about a message. So where
there are several sessions their commit points and outcomes wait for each other, for as long as
each turn of the event loop brings more of them, and a moment at most; one commit takes them all,
and then the last bytes leave. Of each session one outcome waits, at most. This module must never
let the last bytes of a content go before its commit point is recorded, and decides nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import TypeAlias

from mailbatch.delivery.options import Progress
from mailbatch.delivery.transport import TransportSession
from mailbatch.envelope import Delivery
from mailbatch.errors import LedgerError
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, SameForAll, Status

#: So many records do not wait for more, and none waits for so many seconds.
MOST_WAITING = 64
MOMENT = 0.002

#: A delivery, the digest of its content, and the session that has all of it but the last bytes.
_Point: TypeAlias = tuple[int, bytes, TransportSession]
#: A delivery, what an attempt of it came to, when, and when it is tried again if it is: with an
#: attempt counted, and without.
_Settled: TypeAlias = tuple[Delivery, Sequence[Outcome], float, float | None, float]

_ACCEPTED = Status.ACCEPTED
_ALONE = nullcontext()


class Recording:
    """The records of a run: those that wait, and what became of the others.

    `broken` is the first failure: behind it no commit point is passed any more. `call_soon` calls
    back in the next turn of the event loop; None: nothing waits.
    """

    def __init__(
        self,
        ledger: Ledger,
        progress: Progress,
        call_soon: Callable[[Callable[[], None]], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.broken: Exception | None = None
        self._ledger = ledger
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

    def commit_point(self, delivery_id: int, digest: bytes, session: TransportSession) -> None:
        """Record the commit point of a delivery, then have `session` hand over its last bytes.

        The session is aborted if it cannot be recorded. Raises what is `broken`.
        """
        if self.broken is not None:
            session.abort()
            raise self.broken
        self._points.append((delivery_id, digest, session))
        self._flush_soon()

    def suspect(self, since: float | None) -> None:
        """Record with what is recorded next since when refusals may be the run's; None: none is."""
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
        """Record what an attempt came to, and tell the progress.

        What cannot be recorded is told as an alarm. Raises LedgerError where that is known now.
        """
        plain = (
            isinstance(outcomes, SameForAll) and outcomes.status is _ACCEPTED and len(outcomes) == 1
        )
        if not plain:  # many rows want a commit of their own
            with suppress(Exception):  # it is `broken`; what is known here is recorded if possible
                self._flush()
        if self.broken is not None and delivery.id in self._given_up:
            raise self.broken  # nobody has it, and so says the ledger
        self._settled.append((delivery, outcomes, now, retry_at, resume_at))
        if plain:
            self._flush_soon()
        else:
            self._flush()

    def flush(self) -> None:
        """Record what waits. Raises what is `broken`, now or before."""
        self._flush()
        if self.broken is not None:
            raise self.broken

    def fail(self, error: Exception) -> None:
        """Pass no commit point any more; those that wait are given up."""
        self.broken = self.broken or error
        points, self._points = self._points, []
        for delivery_id, _, session in points:
            self._given_up.add(delivery_id)
            session.abort()

    def close(self) -> None:
        """Record the outcomes that wait, at the end of a run; no commit point is passed."""
        self._points.clear()
        with suppress(LedgerError):  # told as an alarm
            self._flush()

    def _flush_soon(self) -> None:
        waiting = len(self._points) + len(self._settled)
        if self._call_soon is None or waiting >= MOST_WAITING:
            self._flush()
        elif self._until is None:
            self._waited, self._until = 0, self._clock() + MOMENT
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
        points, self._points = self._points, []
        settled, self._settled = self._settled, []
        if points:  # who was lost meanwhile hands nothing over, and needs no commit point
            points = [point for point in points if point[2].failure is None]
        if not points and not settled:
            return
        several = len(points) + len(settled) > 1 or not self._suspicion_told
        try:
            with self._ledger.together() if several else _ALONE:
                if not self._suspicion_told:
                    self._ledger.suspect(self._suspected_since)
                for one in settled:
                    self._settle(one)
                for delivery_id, digest, _ in points:
                    self._ledger.commit_point(delivery_id, digest=digest)
        except Exception as error:
            self._points = points
            self.fail(error)
            self._save(settled, again=several)
            raise
        self._suspicion_told = True
        self._go_on(points, settled)

    def _settle(self, one: _Settled) -> None:
        delivery, outcomes, now, retry_at, resume_at = one
        self._ledger.settle(delivery.id, outcomes, now=now, retry_at=retry_at, resume_at=resume_at)

    def _save(self, settled: Sequence[_Settled], *, again: bool) -> None:
        """Record each outcome by itself where that was not tried, and tell those that are lost."""
        for one in settled:
            with suppress(Exception):  # the first failure is the one to tell of
                if again:
                    self._settle(one)
                    self._tell([one])
                    continue
            for outcome in one[1]:
                self._progress.alarm(f"not recorded: {_in_words(outcome)}")

    def _go_on(self, points: Sequence[_Point], settled: Sequence[_Settled]) -> None:
        """Let the last bytes go, and tell the progress, behind the record of all of it."""
        try:
            for *_, session in points:
                session.finish()
            if settled:
                self._tell(settled)
        except Exception as error:
            self.fail(error)
            for *_, session in points:
                session.abort()  # or it might wait for ever
            raise

    def _tell(self, settled: Sequence[_Settled]) -> None:
        accepted = 0
        for delivery, outcomes, *_ in settled:
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
