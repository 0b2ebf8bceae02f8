"""The hours of a run: whether `server.window` is open at an instant, and when that changes.

    hours = Hours(job.server.window)
    hours.is_open(now), hours.change_after(now)

A window is what a clock on a wall of its zone says: open while the clock shows a time from `from`
until `until`. So a skipped hour (the clock goes forward) is missing in the window, and a repeated
hour (the clock goes back) counts twice. A window over midnight belongs to the day on which the
window opens. Instants are seconds since the epoch. This module must never read a clock.

Tests: tests/certainty/test_window.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mailbatch.job.window import MIDNIGHT, Window

#: A window recurs every week; a week more, where a skipped hour hides the only window of a week.
_DAYS_AHEAD = 15


class Hours:
    """The open hours of a window."""

    __slots__ = ("_days", "_from", "_until", "_zone")

    def __init__(self, window: Window) -> None:
        self._days = window.weekdays
        self._from, self._until = window.from_, window.until
        self._zone = ZoneInfo(window.zone)

    def is_open(self, at: float) -> bool:
        """Tell whether the window is open at an instant."""
        there = datetime.fromtimestamp(at, self._zone)
        minute, day = there.hour * 60 + there.minute, there.weekday()
        if self._from < self._until:
            return day in self._days and self._from <= minute < self._until
        if minute >= self._from:
            return day in self._days
        return minute < self._until and (day - 1) % 7 in self._days

    def change_after(self, at: float) -> float | None:
        """Return the first instant behind `at` at which an open window closes, or opens.

        None: that never happens, as in a window of whole days on every day.
        """
        before = self.is_open(at)
        marks = sorted(mark for mark in self._marks(at) if mark > at)
        return next((mark for mark in marks if self.is_open(mark) is not before), None)

    def opens_at(self, at: float) -> float:
        """Return when the window is open: at once, or at the next opening."""
        if self.is_open(at):
            return at
        return self.change_after(at) or at

    def there(self, at: float) -> str:
        """Write an instant as the clock of the zone shows it.

        >>> Hours(Window(**{"from": "08:00", "until": "18:00", "zone": "Europe/Zagreb"})).there(0)
        'Thu 1970-01-01 01:00 Europe/Zagreb'
        """
        there = datetime.fromtimestamp(at, self._zone)
        return f"{there:%a %Y-%m-%d %H:%M} {self._zone.key}"

    def _marks(self, at: float) -> Iterator[float]:
        """Yield the instants near a day's boundaries, and those at which the clock is set there.

        A time of day that comes twice, or never, has two instants (`fold`, PEP 495); the clock is
        set between these.
        """
        first = datetime.fromtimestamp(at, self._zone).replace(
            hour=0, minute=0, second=0, microsecond=0, tzinfo=None
        ) - timedelta(days=2)
        for day in range(_DAYS_AHEAD + 2):
            for minute in (self._from, self._until % MIDNIGHT):
                wall = first + timedelta(days=day, minutes=minute)
                one, other = (
                    wall.replace(tzinfo=self._zone, fold=fold).timestamp() for fold in (0, 1)
                )
                yield one
                if one != other:
                    yield other
                    yield self._set_between(min(one, other), max(one, other))

    def _set_between(self, low: float, high: float) -> float:
        """Return the second between two instants at which the zone's offset changes."""
        first = self._offset(low)
        if first == self._offset(high):
            return high
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == first:
                low = middle
            else:
                high = middle
        return high

    def _offset(self, at: float) -> timedelta | None:
        return datetime.fromtimestamp(at, self._zone).utcoffset()
