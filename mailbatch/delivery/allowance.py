"""The recipients that a job may still have accepted, in any 24 hours: `server.cap` and `warmup`.

    allowance = Allowance(Daily(cap=1000), witnessed, clock=time.time)
    allowance.take(1)              # before the transaction; False: it would be beyond the cap
    allowance.settle(1, 1)         # behind the reply: taken, and accepted or in doubt

A recipient counts from MAIL on, and once accepted for 24 hours behind the record of the reply,
which is never before the acceptance itself. A recipient in doubt counts as accepted. Instants are
seconds since the epoch. This module must never read a ledger.

Tests: tests/certainty/test_cap.py, tests/certainty/test_warmup.py.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from mailbatch.delivery.daily import DAY, Daily


class Allowance:
    """At most so many recipients in any 24 hours; `counted` are those of earlier runs.

    `counted` has pairs of an instant and a number of recipients that were accepted by then, and
    `under_way` recipients have an outcome to come.
    """

    __slots__ = ("_clock", "_counted", "_expiring", "_under_way", "daily")

    def __init__(
        self,
        daily: Daily,
        counted: Iterable[tuple[float, int]],
        clock: Callable[[], float],
        *,
        under_way: int = 0,
    ) -> None:
        self.daily = daily
        self._clock = clock
        self._expiring = [(at + DAY, number) for at, number in counted]
        heapq.heapify(self._expiring)
        self._counted = sum(number for _, number in self._expiring)
        self._under_way = under_way

    @property
    def left(self) -> int:
        """The number of recipients that may be sent to now."""
        now = self._clock()
        while self._expiring and self._expiring[0][0] <= now:
            self._counted -= heapq.heappop(self._expiring)[1]
        return max(0, self.daily.most_at(now) - self._counted - self._under_way)

    def waits(self, recipients: int) -> bool:
        """Say whether there is room for recipients only where some under way are refused."""
        left = self.left  # forgets the recipients of longer ago first
        return left < recipients <= self.daily.most_at(self._clock()) - self._counted

    def take(self, recipients: int) -> bool:
        """Take recipients for a transaction; False where these would be beyond the cap."""
        if recipients > self.left:
            return False
        self._under_way += recipients
        return True

    def settle(self, taken: int, counted: int) -> None:
        """Give back what a transaction took, and count the accepted recipients from now on."""
        self._under_way -= taken
        if counted:
            now = self._clock()
            self.daily.begin(now)
            heapq.heappush(self._expiring, (now + DAY, counted))
            self._counted += counted

    def free_at(self, recipients: int = 1) -> float:
        """Return when so many recipients may be sent to, if all under way are accepted now."""
        now = self._clock()
        if recipients <= self.left:
            return now
        counted = self._counted + self._under_way
        ends = [*sorted(self._expiring), (now + DAY, self._under_way)]
        for at, number in heapq.merge(ends, ((at, 0) for at in self.daily.rises_after(now))):
            counted, now = counted - number, at
            if counted + recipients <= self.daily.most_at(at):
                break
        return now
