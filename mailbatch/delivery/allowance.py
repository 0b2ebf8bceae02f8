"""`server.cap`: the recipients that a job may still have accepted, in any 24 hours.

    allowance = Allowance(1000, witnessed, clock=time.time)
    allowance.take(1)              # before the transaction; False: it would be beyond the cap
    allowance.settle(1, 1)         # behind the reply: taken, and accepted or in doubt

A recipient counts from MAIL on, and once accepted for 24 hours behind the record of the reply,
which is never before the acceptance itself. A recipient in doubt counts as accepted. Instants are
seconds since the epoch. This module must never read a ledger.

Tests: tests/certainty/test_cap.py.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

#: The span of a cap, in seconds.
DAY = 86_400.0


class Allowance:
    """At most `most` recipients in any 24 hours; `counted` are those of earlier runs.

    `counted` has pairs of an instant and a number of recipients that were accepted by then.
    """

    __slots__ = ("_clock", "_counted", "_expiring", "_under_way", "most")

    def __init__(
        self, most: int, counted: Iterable[tuple[float, int]], clock: Callable[[], float]
    ) -> None:
        self.most = most
        self._clock = clock
        self._expiring = [(at + DAY, number) for at, number in counted]
        heapq.heapify(self._expiring)
        self._counted = sum(number for _, number in self._expiring)
        self._under_way = 0

    @property
    def left(self) -> int:
        """The number of recipients that may be sent to now."""
        now = self._clock()
        while self._expiring and self._expiring[0][0] <= now:
            self._counted -= heapq.heappop(self._expiring)[1]
        return max(0, self.most - self._counted - self._under_way)

    def waits(self, recipients: int) -> bool:
        """Say whether there is room for recipients only where some under way are refused."""
        left = self.left
        return left < recipients <= self.most - self._counted

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
            heapq.heappush(self._expiring, (self._clock() + DAY, counted))
            self._counted += counted

    def free_at(self, recipients: int = 1) -> float:
        """Return when so many recipients may be sent to, if all under way are accepted now."""
        free = self.left
        now = self._clock()
        for at, number in [*sorted(self._expiring), (now + DAY, self._under_way)]:
            if free >= recipients:
                break
            free, now = free + number, at
        return now
