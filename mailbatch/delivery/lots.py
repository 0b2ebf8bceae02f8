"""Deliveries leased from the ledger in lots, handed out one at a time.

One durable commit covers a lot, so the price of certainty against power loss is shared by its
deliveries; a small lot keeps few of them in doubt after one. Never holds more than a lot in
memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mailbatch.envelope import Delivery
from mailbatch.ledger.store import Ledger

#: How many deliveries one durable commit covers: a power loss puts at most this many in doubt.
LOT = 32


class Lots:
    """The due deliveries of an edition, at most `limit` of them, or those of one address only."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], float],
        *,
        limit: int | None = None,
        only: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._only = only
        self._left = limit
        self._leased: deque[Delivery] = deque()

    def take(self) -> Delivery | None:
        """Return the next due delivery, leased; None if nothing is due now."""
        if not self._leased:
            count = LOT if self._left is None else min(LOT, self._left)
            if count <= 0:
                return None
            self._leased.extend(self._ledger.lease(count, now=self._clock(), address=self._only))
            if not self._leased:
                return None
        if self._left is not None:
            self._left -= 1
        return self._leased.popleft()

    def put_back(self, delivery: Delivery) -> None:
        """Return a delivery that was not tried after all."""
        if self._left is not None:
            self._left += 1
        self._leased.appendleft(delivery)

    def next_due(self) -> float | None:
        """Return when a deferred delivery becomes due; None if none will in this run."""
        if self._left is not None and self._left <= 0:
            return None
        return self._ledger.next_due()

    def release(self) -> None:
        """Give back to the ledger what was leased and not tried."""
        self._ledger.release([delivery.id for delivery in self._leased])
        self._leased.clear()
