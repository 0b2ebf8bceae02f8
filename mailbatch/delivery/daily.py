"""The most recipients in 24 hours at an instant: `server.cap`, `warmup`, or the less of both.

    daily = Daily(cap=None, warmup=job.server.warmup, began=first_acceptance)
    daily.most_at(now), daily.rises_after(now)

The days of a warm-up are spans of 24 hours, and the first one begins with the first acceptance of
the job. Each has the same multiple of the number of the day before. Behind the last day the
warm-up bounds nothing. Instants are seconds since the epoch. This module must never read a ledger,
nor a clock.

Tests: tests/certainty/test_warmup.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailbatch.job.warmup import Warmup

#: The span of a cap, and of a day of a warm-up, in seconds.
DAY = 86_400.0
#: No bound: more than any table has rows.
UNBOUND = 2**62


class Daily:
    """The daily numbers of a server; `began` is when it first accepted a recipient of the job.

    None: no recipient was accepted. The warm-up stands at its first day then, until `begin`. `key`
    is the key of the server in the job.
    """

    __slots__ = ("_cap", "_warmup", "began", "key")

    def __init__(
        self,
        cap: int | None = None,
        warmup: Warmup | None = None,
        began: float | None = None,
        *,
        key: str = "server",
    ) -> None:
        self.key = key
        self._cap = UNBOUND if cap is None else cap
        self._warmup = warmup
        self.began = began

    @property
    def highest(self) -> int:
        """The most that any day will have."""
        return self._cap

    def begin(self, at: float) -> None:
        """Begin the first day of the warm-up, unless an earlier acceptance has begun the day."""
        if self.began is None:
            self.began = at

    def most_at(self, at: float) -> int:
        """Return the most recipients in the 24 hours that end at an instant.

        >>> from mailbatch.job.warmup import Warmup
        >>> daily = Daily(warmup=Warmup(**{"from": 200, "to": 800, "days": 3}), began=0.0)
        >>> [daily.most_at(day * DAY) for day in range(3)]
        [200, 400, 800]
        """
        rise = self._warmup
        day = self._day(at)
        if rise is None or day >= rise.days:
            return self._cap
        number: float = rise.from_ * (rise.to / rise.from_) ** (day / (rise.days - 1))
        return min(self._cap, round(number))

    def bound_by(self, at: float) -> str:
        """Return the key of `server` that sets the number at an instant: `cap` or `warmup`."""
        return "cap" if self.most_at(at) == self._cap else "warmup"

    def words(self, at: float) -> str:
        """Say which number is reached at an instant."""
        most = self.most_at(at)
        number = f"{most:,} recipient{'' if most == 1 else 's'} in 24 hours"
        if self.bound_by(at) == "cap" or self._warmup is None:
            return f"{self.key}.cap is reached: {number}"
        day = f"day {self._day(at) + 1} of {self._warmup.days}"
        return f"{self.key}.warmup is reached: {number}, {day}"

    def rises_after(self, at: float) -> Iterator[float]:
        """Yield each instant behind `at` at which the number rises, the soonest first."""
        if self._warmup is not None:
            began = at if self.began is None else self.began
            for day in range(max(self._day(at), 0) + 1, self._warmup.days + 1):
                yield began + day * DAY

    def _day(self, at: float) -> int:
        """Return the day of the warm-up, the first one as 0; a clock set back stays there."""
        return 0 if self.began is None else max(0, int((at - self.began) // DAY))
