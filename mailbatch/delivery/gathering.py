"""The wait behind an answer of a far ledger, for the sessions that the answer let go.

    gathering.asked(8)           # a call lets go of 8 commit points with its answer
    gathering.begin(8)           # 8 others came meanwhile; False: ask at once
    gathering.is_over(16)        # all are here: ask now
    gathering.end(16)

A call costs the database nearly the same for 8 messages as for 16, and 16 sessions fall into two
halves, each of which waits for the call of the other. Where the server replies soon, a short wait
brings the halves together: half the calls. Where it does not, the wait is left out, and tried again
now and then; outcomes still wait for the next commit point (`linger`), since these hold nobody up.
This module must never hold a record back for longer than `CALLS` calls last.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

#: No wait is longer than so many calls, nor than so many seconds. The sessions that one answer let
#: go need the time of about two calls, since one process works for all of them.
CALLS, LONGEST = 3, 0.05
#: So many answers pass without a wait where the last wait brought too few records.
PAUSE = 3


class Gathering:
    """The wait behind one answer at a time."""

    __slots__ = (
        "_ask", "_asked_at", "_clock", "_lasted", "_later", "_least", "_let_go", "_number",
        "_passes", "_wanted", "is_under_way",
    )  # fmt: skip

    def __init__(
        self,
        later: Callable[[float, Callable[[], None]], object] | None,
        clock: Callable[[], float],
        ask: Callable[[], None],
    ) -> None:
        """Have `ask` called by `later` where too few records come; None: nothing ever waits."""
        self._later = later
        self._clock = clock
        self._ask = ask
        #: Whether records wait for more.
        self.is_under_way = False
        self._asked_at = self._lasted = 0.0
        self._let_go = self._wanted = self._least = self._passes = self._number = 0

    def close(self) -> None:
        """Have nothing wait any more: the run is over."""
        self._later = None

    def asked(self, points: int) -> None:
        """Note a call with so many commit points, made now."""
        if self._later is not None:
            self._asked_at, self._let_go = self._clock(), points

    def begin(self, waiting: int) -> bool:
        """Begin to wait behind the answer, with so many commit points that came meanwhile.

        False: there is nothing to wait for.
        """
        self._lasted = self._clock() - self._asked_at
        if self._later is None or not self._let_go or waiting + self._let_go == 1:
            return False
        if self._passes:
            self._passes -= 1
            return False
        self._wait(waiting + self._let_go, waiting + (self._let_go + 1) // 2)
        return True

    def linger(self) -> bool:
        """Begin to wait with outcomes alone, for any commit point; False: nothing ever waits."""
        if self._later is None:
            return False
        self._wait(1, 0)
        return True

    @property
    def lingers(self) -> bool:
        """Whether outcomes alone wait, for any commit point."""
        return self.is_under_way and not self._least

    def _wait(self, wanted: int, least: int) -> None:
        """Wait for so many commit points; with fewer than `least` the wait was not worth it."""
        self.is_under_way, self._wanted, self._least = True, wanted, least
        self._number += 1
        if self._later is not None:
            seconds = min(CALLS * self._lasted, LONGEST)
            self._later(seconds, partial(self._end_in_time, self._number))

    def _end_in_time(self, number: int) -> None:
        """Have a wait end with its time; one that is over already was another."""
        if self.is_under_way and number == self._number:
            self._ask()

    def is_over(self, points: int) -> bool:
        """Say whether every session has its commit point here, of `points` that wait."""
        return points >= self._wanted

    def end(self, points: int) -> None:
        """Note how many commit points wait at the end; without effect where none was waited for."""
        if not self.is_under_way:
            return
        self.is_under_way = False
        if self._least:
            self._passes = 0 if points >= self._least else PAUSE
