"""The clock of a run: seconds since the epoch that no setting of the system's clock turns back.

Tests: tests/certainty/test_clock.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mailbatch.delivery.ledgers import publication_of
from mailbatch.ledger.ports import OpenLedger

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


def clock_of(ledger: OpenLedger) -> SteadyClock:
    """Return the clock of a run: that of the database, where workers on other machines share one.

    Raises:
        LedgerError: the database does not answer (74).
    """
    publication = publication_of(ledger)
    ahead = 0.0 if publication is None else publication.clock_ahead()
    wall = time.time if not ahead else lambda: time.time() + ahead
    return SteadyClock(wall, time.monotonic)
