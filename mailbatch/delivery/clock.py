"""The clock of a run: the time of day, but never set back while the run lasts.

Deferred recipients are due at a time. A clock that is set back by a day must not make the run wait
for a day: then it goes on by the monotonic clock. Set forward, or after a sleep of the machine, it
is the system's time again. Reads the clocks it is given and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

#: What the system's clock may fall behind between two readings while it is only being adjusted.
TOLERANCE = 1.0


class SteadyClock:
    """Seconds since the epoch that go on where the system's clock is set back.

    `wall` gives the time of day, `monotonic` seconds that nobody can set.
    """

    __slots__ = ("_at", "_monotonic", "_read", "_wall")

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._read = wall()
        self._at = monotonic()

    def __call__(self) -> float:
        """Return the time."""
        at = self._monotonic()
        expected = self._read + at - self._at
        found = self._wall()
        self._at = at
        self._read = found if found >= expected - TOLERANCE else expected
        return self._read
