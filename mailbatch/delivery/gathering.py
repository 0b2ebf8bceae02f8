"""The wait behind an answer of a far ledger, for the sessions that the answer let go.

    gathering.asked(8)           # a call lets go of 8 commit points with its answer
    gathering.begin(8)           # 8 others came meanwhile; False: ask at once
    gathering.is_over(16)        # all are here: ask now
    gathering.end(16)

A call costs the database nearly the same for 8 messages as for 16, and 16 sessions fall into two
halves, each of which waits for the call of the other. Where the server replies sooner than a call
lasts, a short wait brings the halves together: half the calls, and no session waits longer. Where
it does not, the wait is left out, and tried again now and then. This module must never hold a
record back for longer than a call lasts.
"""

from __future__ import annotations

from collections.abc import Callable

#: No wait is longer: seconds.
LONGEST = 0.05
#: So many answers pass without a wait where the last wait brought too few records.
PAUSE = 3


class Gathering:
    """The wait behind one answer at a time."""

    __slots__ = (
        "_ask", "_asked_at", "_clock", "_later", "_least", "_let_go", "_passes", "_wanted",
        "is_under_way",
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
        self._asked_at = 0.0
        self._let_go = self._wanted = self._least = self._passes = 0

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
        if self._later is None or not self._let_go or waiting + self._let_go == 1:
            return False
        if self._passes:
            self._passes -= 1
            return False
        self.is_under_way = True
        self._wanted, self._least = waiting + self._let_go, waiting + (self._let_go + 1) // 2
        self._later(min(self._clock() - self._asked_at, LONGEST), self._ask)
        return True

    def is_over(self, points: int) -> bool:
        """Say whether every session has its commit point here, of `points` that wait."""
        return points >= self._wanted

    def end(self, points: int) -> None:
        """Note how many commit points wait at the end; without effect where none was waited for."""
        if self.is_under_way:
            self.is_under_way = False
            self._passes = 0 if points >= self._least else PAUSE
