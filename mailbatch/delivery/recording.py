"""What the sessions of a run have to record, written together where several of them wait.

A commit of the ledger costs as much as all that is said to the server about a message. So where
there are several sessions their commit points and outcomes wait for each other, for as long as
each turn of the event loop brings more of them; one commit takes them all, and then the last bytes
leave. It holds nobody up: a turn that brings nothing is over in no time, and a session that waits
brings nothing. This module must never let the last bytes of a content go before its commit point
is recorded, and decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TypeAlias

from mailbatch.delivery.options import Progress
from mailbatch.delivery.transport import TransportSession
from mailbatch.envelope import Delivery
from mailbatch.errors import LedgerError
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Alike, Outcome, Status

#: So many records do not wait for more.
MOST_WAITING = 64

#: A delivery, the digest of its content, and the session that has all of it but the last bytes.
_Point: TypeAlias = tuple[int, bytes, TransportSession]
#: A delivery, what an attempt of it came to, when, and when it is tried again if it is.
_Settled: TypeAlias = tuple[Delivery, Sequence[Outcome], float, float | None]

_ACCEPTED = Status.ACCEPTED
_ALONE: AbstractContextManager[None] = nullcontext()


class Recording:
    """The records of a run: those that wait, and what became of the others.

    `broken` is the first failure of the ledger: behind it no commit point is passed any more.
    `call_soon` calls back in the next turn of the event loop; None: nothing waits.
    """

    def __init__(
        self,
        ledger: Ledger,
        progress: Progress,
        call_soon: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self.broken: LedgerError | None = None
        self._ledger = ledger
        self._progress = progress
        self._call_soon = call_soon
        self._points: list[_Point] = []
        self._settled: list[_Settled] = []
        # How many records waited in the last turn; None: no turn is waited for.
        self._waited: int | None = None
        # Deliveries whose commit point could not be recorded.
        self._given_up: set[int] = set()

    def commit_point(self, delivery_id: int, digest: bytes, session: TransportSession) -> None:
        """Record the commit point of a delivery, then have `session` hand over its last bytes.

        The session is aborted if it cannot be recorded. Raises LedgerError where that is known now.
        """
        if self.broken is not None:
            session.abort()
            raise self.broken
        self._points.append((delivery_id, digest, session))
        self._flush_soon()

    def settle(
        self, delivery: Delivery, outcomes: Sequence[Outcome], *, now: float, retry_at: float | None
    ) -> None:
        """Record what an attempt came to, and tell the progress.

        What cannot be recorded is told as an alarm. Raises LedgerError where that is known now.
        """
        if self.broken is not None and delivery.id in self._given_up:
            raise self.broken  # nobody has it, and so says the ledger
        plain = isinstance(outcomes, Alike) and outcomes.status is _ACCEPTED and len(outcomes) == 1
        if not plain:
            # Its own commit point may wait, if its session has failed; and many rows want a commit
            # of their own.
            self._flush()
        self._settled.append((delivery, outcomes, now, retry_at))
        if plain:
            self._flush_soon()
        else:
            self._flush()

    def flush(self) -> None:
        """Record what waits. Raises LedgerError if anything cannot be, now or before."""
        self._flush()
        if self.broken is not None:
            raise self.broken

    def close(self) -> None:
        """Record the outcomes that wait; no commit point is passed any more."""
        self._points.clear()
        with suppress(LedgerError):
            self._flush()

    def _flush_soon(self) -> None:
        waiting = len(self._points) + len(self._settled)
        if self._call_soon is None or waiting >= MOST_WAITING:
            self._flush()
        elif self._waited is None:
            self._waited = 0
            self._call_soon(self._next_turn)

    def _next_turn(self) -> None:
        waited, waiting = self._waited, len(self._points) + len(self._settled)
        self._waited = None
        if waiting and waiting != waited and self._call_soon is not None:
            self._waited = waiting
            self._call_soon(self._next_turn)
            return
        with suppress(LedgerError):  # whoever comes next hears of it
            self._flush()

    def _flush(self) -> None:
        points, settled = self._points, self._settled
        if not points and not settled:
            return
        self._points, self._settled = [], []
        ledger = self._ledger
        try:
            with ledger.together() if len(points) + len(settled) > 1 else _ALONE:
                for delivery, outcomes, now, retry_at in settled:
                    ledger.settle(delivery.id, outcomes, now=now, retry_at=retry_at)
                for delivery_id, digest, _ in points:
                    ledger.commit_point(delivery_id, digest=digest)
        except LedgerError as error:
            self.broken = self.broken or error
            self._give_up(points, settled)
            raise
        for *_, session in points:
            session.finish()
        if settled:
            self._tell(settled)

    def _give_up(self, points: Sequence[_Point], settled: Sequence[_Settled]) -> None:
        for delivery_id, _, session in points:
            self._given_up.add(delivery_id)
            session.abort()
        for _, outcomes, *_ in settled:
            for outcome in outcomes:
                self._progress.alarm(f"not recorded: {_in_words(outcome)}")

    def _tell(self, settled: Sequence[_Settled]) -> None:
        accepted = 0
        for delivery, outcomes, *_ in settled:
            if isinstance(outcomes, Alike):
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
