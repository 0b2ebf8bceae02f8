"""The figures over time: numbers of recipients by the hour, the day or the week of their report.

    series = series_of(figures)
    series.starts, series.unit          # beginnings in seconds since the epoch (UTC), and seconds
    series.numbers[Fate.DELIVERED]      # as many numbers

An hour without a report is in the series, too, so that a picture of it is true. A time that cannot
be right is in no series: one forged date would make all others a single line.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from mailbatch.frozen import frozen
from mailbatch.reports_page.figures import Fate, Figures

_HOUR, _DAY, _WEEK = 3600, 86_400, 604_800
#: The unit of a series: the first whose length in seconds holds the whole time.
_UNITS = ((_HOUR, 8 * _DAY), (_DAY, 400 * _DAY))
#: Quiet hours behind the last report fill a picture of at least so many seconds.
_SHORTEST = 11 * _HOUR
#: A week begins on a Monday: the epoch was a Thursday.
_MONDAY = 4 * _DAY
_WORDS = {_HOUR: "hour", _DAY: "day", _WEEK: "week"}

#: The headings of a series, from the bottom of the picture to its top.
STACK = (Fate.DELIVERED, Fate.UNDER_WAY, Fate.COMPLAINED, Fate.LOST)


@frozen
class Series:
    """Numbers of recipients over time.

    `starts` are the beginnings of the units, in seconds since the epoch; `unit` is in seconds.
    """

    unit: int
    starts: tuple[int, ...]
    numbers: dict[Fate, tuple[int, ...]]

    @property
    def word(self) -> str:
        """The word for the unit: hour, day or week."""
        return _WORDS[self.unit]

    def as_object(self) -> dict[str, Any]:
        """Return the object that the script of the page reads."""
        return {
            "unit": self.unit,
            "starts": list(self.starts),
            "numbers": [list(self.numbers[fate]) for fate in STACK],
        }


def series_of(figures: Figures) -> Series | None:
    """Return the series of the reports that stand; None where there is none."""
    hours = figures.placed()
    if not hours:
        return None
    first, last = hours[0] * _HOUR, hours[-1] * _HOUR
    last = max(last, min(first + _SHORTEST, int(figures.as_of // _HOUR) * _HOUR))
    if figures.first_attempt_at is not None:
        first = min(first, int(figures.first_attempt_at // _HOUR) * _HOUR)
    unit = next((unit for unit, longest in _UNITS if last - first < longest), _WEEK)
    found: dict[int, Counter[Fate]] = {}
    for hour in hours:
        found.setdefault(_start(hour * _HOUR, unit), Counter()).update(figures.hours[hour])
    starts = tuple(range(_start(first, unit), _start(last, unit) + unit, unit))
    empty: Counter[Fate] = Counter()
    numbers = {fate: tuple(found.get(start, empty)[fate] for start in starts) for fate in STACK}
    return Series(unit, starts, numbers)


def _start(seconds: int, unit: int) -> int:
    """Return the beginning of the unit that a time is in."""
    shift = _MONDAY if unit == _WEEK else 0
    return (seconds - shift) // unit * unit + shift
