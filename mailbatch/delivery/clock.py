"""The clock of a run: seconds since the epoch that no setting of the system's clock turns back.

Tests: tests/certainty/test_clock.py.
"""

from __future__ import annotations

from collections.abc import Callable

#: A clock that is only being adjusted may fall behind by so many seconds between two readings.
CLOCK_TOLERANCE = 1.0


class SteadyClock:
    """Seconds since the epoch that go on where the system's clock is set back.

    Deferred recipients are due at a time. A clock that is set back by a day must not make the run
    wait for a day: then the monotonic clock counts on. Set forward, or after a sleep of the
    machine, the time is the system's again. `wall` gives the time of day, `monotonic` seconds that
    no one can set.
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
        self._read = found if found >= expected - CLOCK_TOLERANCE else expected
        return self._read
