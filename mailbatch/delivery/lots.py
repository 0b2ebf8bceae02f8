"""Deliveries leased from the ledger in lots, handed out one at a time.

One durable commit covers a lot, so the price of certainty against power loss is shared by its
deliveries; a small lot keeps few of them in doubt after one. So lots grow while they are used up in
no time, and shrink again: what a power loss can put in doubt is what a moment sends. Never holds
more than a lot in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from mailbatch.envelope import Delivery
from mailbatch.ledger.store import Ledger

#: How many deliveries one durable commit covers, at first and at least.
LOT = 32
#: A lot that is used up within so many seconds is followed by one twice as large; one that takes
#: more than four times as long, by one half as large.
MOMENT = 0.1
#: The largest lot. A power loss puts at most a lot in doubt, and what was under way when it was
#: leased: two for each session, less one (module `sender`).
LARGEST_LOT = 256


class Lots:
    """The due deliveries of an edition, at most `limit` of them, or those of one address only."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], float],
        *,
        limit: int | None = None,
        only: str | None = None,
        leased: Callable[[Sequence[Delivery]], None] | None = None,
        most: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`leased` is told of every lot, in the order in which it is handed out.

        `most` says how many recipients a transaction may have, as far as that is known.
        """
        self._most = most
        self._ledger = ledger
        self._clock = clock
        self._only = only
        self._tell = leased
        self._left = limit
        self._size = LOT
        self._leased_at: float | None = None
        self._leased: deque[Delivery] = deque()

    @property
    def is_used_up(self) -> bool:
        """Whether the next delivery has to be leased."""
        return not self._leased

    def take(self) -> Delivery | None:
        """Return the next due delivery, leased; None if nothing is due now."""
        if not self._leased:
            now = self._clock()
            size = self._next_size(now)
            count = size if self._left is None else min(size, self._left)
            if count <= 0:
                return None
            most = self._most()
            leased = self._ledger.lease(count, now=now, address=self._only, most=most)
            if not leased:
                self._leased_at = None  # whatever comes next has waited
                return None
            self._leased.extend(leased)
            self._size, self._leased_at = size, self._clock()
            if self._tell is not None:
                self._tell(leased)
        if self._left is not None:
            self._left -= 1
        return self._leased.popleft()

    def _next_size(self, now: float) -> int:
        if self._leased_at is None:
            return self._size
        lasted = now - self._leased_at
        if lasted < MOMENT:
            return min(self._size * 2, LARGEST_LOT)
        return max(self._size // 2, LOT) if lasted > 4 * MOMENT else self._size

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
