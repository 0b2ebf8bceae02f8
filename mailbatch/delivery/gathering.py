"""The wait behind an answer of a far ledger, for the sessions that the answer let go.

    seconds = gathering.begin(let_go=8, waiting=8, lasted=0.004)    # 0.0: ask at once
    gathering.is_over(points=16)                                    # all are here: ask now
    gathering.end(points=16)

A call costs the database nearly the same for 8 messages as for 16, and 16 sessions fall into two
halves, each of which waits for the call of the other. Where the server replies sooner than a call
lasts, a short wait brings the halves together: half the calls, and no session waits longer. Where
it does not, the wait is left out, and tried again now and then. This module must never hold a
record back for longer than a call lasts.
"""

from __future__ import annotations

#: No wait is longer: seconds.
LONGEST = 0.05
#: So many answers pass without a wait where the last wait brought too few records.
PAUSE = 3


class Gathering:
    """The wait behind one answer at a time."""

    __slots__ = ("_least", "_passes", "_wanted", "is_under_way")

    def __init__(self) -> None:
        #: Whether records wait for more.
        self.is_under_way = False
        self._wanted = self._least = self._passes = 0

    def begin(self, *, let_go: int, waiting: int, lasted: float) -> float:
        """Return the seconds to wait at most; 0.0: not at all.

        The answer, to a call that lasted so many seconds, let go of so many commit points, while
        `waiting` others came.
        """
        if not let_go or waiting + let_go == 1:
            return 0.0
        if self._passes:
            self._passes -= 1
            return 0.0
        self.is_under_way = True
        self._wanted, self._least = waiting + let_go, waiting + (let_go + 1) // 2
        return min(lasted, LONGEST)

    def is_over(self, points: int) -> bool:
        """Say whether every session has its commit point here, of `points` that wait."""
        return points >= self._wanted

    def end(self, points: int) -> None:
        """Note how many commit points wait at the end; without effect where none was waited for."""
        if self.is_under_way:
            self.is_under_way = False
            self._passes = 0 if points >= self._least else PAUSE
