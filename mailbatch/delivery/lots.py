"""Deliveries leased from the ledger in lots, handed out one at a time.

    lots = Lots(ledger.leases, clock, limit=500)
    while (delivery := lots.take()) is not None:
        ...

One durable commit covers a lot: a large lot is cheap, and a small one leaves few deliveries in
doubt behind a power loss. So lots grow while one is used up in no time, and shrink again. The
memory never holds more than a lot.

The next lot of a far ledger is asked for when half of one is used up, so that no session waits for
it, nor the records of all: the memory holds a lot and a half. Not so where lots are small, since a
slow run gains nothing, nor where a number limits the run.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from mailbatch.envelope import Delivery
from mailbatch.ledger.ports import Answer, Leases, answer

#: How many deliveries one durable commit covers, at first and at least.
LOT = 32
#: A lot that is used up within so many seconds is followed by one twice as large; one that takes
#: more than four times as long, by one half as large.
QUICK = 0.1
#: The same of a far ledger, where a lease is several round trips, and a lot that nobody began is
#: never in doubt.
QUICK_FAR = 0.5
#: So long an empty answer of a far ledger is that to every session: at the end of a run each of
#: these asks, and an empty lease costs more than a full one. Seconds.
EMPTY_SECONDS = 0.02
#: The largest lot. A power loss puts at most a lot in doubt, and the deliveries that were under way
#: when it was leased: two for each session, less one (module `sender`).
LARGEST_LOT = 256


class Lots:
    """The due deliveries of an edition, at most `limit`, or those of the addresses `only`."""

    def __init__(
        self,
        leases: Leases,
        clock: Callable[[], float],
        *,
        limit: int | None = None,
        only: Sequence[str] = (),
        shared: bool = False,
        leased: Callable[[Sequence[Delivery]], None] | None = None,
        most: Callable[[], int | None] = lambda: None,
        left: Callable[[], int | None] = lambda: None,
        copies: int = 0,
        patience: float | None = None,
    ) -> None:
        """Take lots from `leases`; nothing is leased yet.

        `shared` says that a delivery may have several recipients.

        `leased` is told of every lot, in the order of handing out. `most` gives the number of
        recipients that a transaction may have, as far as known, and `left` that of all that the cap
        of the job leaves, the `copies` of a message included; None: no cap. `clock`: seconds since
        the epoch. Deliveries that are due later than `patience` seconds are not waited for; None:
        all are.
        """
        self._patience = patience
        self._cap_leaves = left
        self._copies = copies
        self._most = most
        self._leases = leases
        self._clock = clock
        self._named = tuple(only)
        self._only: tuple[str | None, ...] = self._named or (None,)
        self._tell = leased
        self._left = limit
        self._shared = shared
        #: So many recipients more may be handed out for now; None: all.
        self.allowed: int | None = None
        self._size, self._quick = LOT, QUICK
        self._leased_at: float | None = None
        self._leased: deque[Delivery] = deque()
        # The lease that a far ledger has not answered yet.
        self._asked: asyncio.Task[None] | None = None
        # Until when an empty answer stands for all sessions, on the monotonic clock.
        self._empty_until = 0.0
        # Behind a lot with fewer than were asked for there are no more.
        self._was_full = False
        self._failure: Exception | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether the next delivery has to be leased."""
        return not self._leased

    def head(self) -> Delivery | None:
        """Return the next due delivery, leased; None if none is, or a far ledger is still asked.

        Raises:
            LedgerError: the lease failed, now or when a far ledger answered.
        """
        if self._failure is not None:
            raise self._failure
        if self._asked is None:
            wanted = self._goes_ahead if self._leased else time.monotonic() >= self._empty_until
            if wanted:
                self._lease()
        return self._leased[0] if self._leased else None

    @property
    def is_far(self) -> bool:
        """Whether the ledger is far: a lease, and a record, is an answer to wait for."""
        return self._quick == QUICK_FAR

    @property
    def _goes_ahead(self) -> bool:
        """Whether a lot is leased while there is some of the last one."""
        return (
            self.is_far
            and self._size > LOT
            and self._was_full
            and len(self._leased) <= self._size // 2
            and self._left is None
            and self.allowed is None
            and not self._named
            and self._cap_leaves() is None
        )

    def take(self) -> Delivery | None:
        """Return the next due delivery, and hand the delivery out; None as `head`."""
        if self.head() is None:
            return None
        if self._left is not None:
            self._left -= 1
        delivery = self._leased.popleft()
        if self.allowed is not None:
            self.allowed -= len(delivery.unsettled)
        return delivery

    @property
    def left(self) -> int | None:
        """The number of deliveries that the limit of the run leaves; None: no limit."""
        return self._left

    @property
    def goes_on(self) -> bool:
        """Whether the limit of the run leaves a delivery."""
        return self._left is None or self._left > 0

    def allow(self, recipients: int | None) -> None:
        """Hand out so many recipients more, exactly; None: all.

        Called while nothing is leased: what was leased before would be beyond.
        """
        self.allowed = recipients

    def coming(self) -> Awaitable[None] | None:
        """Return an awaitable of the answer of a far ledger; None where no answer is due."""
        return None if self._asked is None else asyncio.shield(self._asked)

    def _lease(self) -> None:
        now = self._clock()
        size = self._next_size(now)
        count = size if self._left is None else min(size, self._left)
        most, allowed = self._most(), self._allowed_now()
        if allowed is not None:
            # A delivery to several may be cut: then the recipients are counted one by one.
            count = min(count, allowed, 1) if self._shared else min(count, allowed)
            most = allowed if most is None else min(most, allowed)
        if count <= 0:
            return
        asked = (
            self._leases.lease(count, now=now, address=address, most=most) for address in self._only
        )
        for leased in asked:
            if not isinstance(leased, list):
                self._quick = QUICK_FAR
                self._asked = asyncio.ensure_future(self._wait(leased, asked, size))
                return
            if leased:
                self._add(leased, size)
                return
        self._add([], size)

    async def _wait(
        self,
        first: Awaitable[list[Delivery]],
        others: Iterator[Answer[list[Delivery]]],
        size: int,
    ) -> None:
        """Take the first answer that has deliveries; `others` ask for the next address each."""
        try:
            leased = await first
            while not leased and (other := next(others, None)) is not None:
                leased = await answer(other)
            if not leased:
                self._empty_until = time.monotonic() + EMPTY_SECONDS
            self._add(leased, size)
        except Exception as error:  # noqa: BLE001 - the next call raises it
            self._failure = error
        self._asked = None

    def _add(self, leased: list[Delivery], size: int) -> None:
        self._was_full = len(leased) == size
        if not leased:
            self._leased_at = None  # the next lot will have waited
            return
        self._leased.extend(leased)
        self._size, self._leased_at = size, self._clock()
        if self._tell is not None:
            self._tell(leased)

    def _allowed_now(self) -> int | None:
        """Return how many recipients the guard and the cap leave; of the cap one at least.

        The gate of the run says that the cap is reached, and until when; not an empty lot.
        """
        left = self._cap_leaves()
        if left is None:
            return self.allowed
        left = max(1, left - self._copies)
        return left if self.allowed is None else min(left, self.allowed)

    def _next_size(self, now: float) -> int:
        if self._leased_at is None:
            return self._size
        lasted = now - self._leased_at
        if lasted < self._quick:
            return min(self._size * 2, LARGEST_LOT)
        return max(self._size // 2, LOT) if lasted > 4 * self._quick else self._size

    def put_back(self, delivery: Delivery) -> None:
        """Take back a delivery that was not tried after all."""
        if self._left is not None:
            self._left += 1
        if self.allowed is not None:
            self.allowed += len(delivery.unsettled)
        self._leased.appendleft(delivery)

    def next_due(self) -> float | None:
        """Return when a deferred delivery becomes due; None if none will in this run."""
        if not self.goes_on or (self.allowed is not None and self.allowed <= 0):
            return None
        due = self._leases.next_due(self._named)
        if due is None or self._patience is None or due <= self._clock() + self._patience:
            return due
        return None

    def rest(self) -> list[Delivery]:
        """Return the deliveries that were leased and not handed out, and forget these."""
        rest = list(self._leased)
        self._leased.clear()
        return rest
