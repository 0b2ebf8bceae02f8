"""The time of sending of a row: a time of day, or a date with one, by the clock of a zone.

    >>> time = SendTime.read("09:00 Europe/Zagreb")
    >>> time.first_at(1_795_767_300.0) - 1_795_767_300        # 2026-11-27, 09:15 there
    85500
    >>> str(SendTime.read("2026-12-01 9:00 UTC"))
    '2026-12-01 09:00 UTC'

A time of day means the first day on which the clock has not passed that minute. A local time that a
zone skips, or has twice, is read as RFC 5545 3.3.5 has it: with the offset before the gap (02:30
is 03:30 where the clock goes from 02:00 to 03:00), and the first of the two. Instants are whole
seconds since the epoch. This module must never read a clock.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Self

from mailbatch.errors import Reason, RecipientError
from mailbatch.frozen import frozen
from mailbatch.zones import zone_of

_FORM = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T])?(?P<hour>\d\d?):(?P<minute>\d\d)(?:\s+(?P<zone>\S.*))?"
)
_LAST_HOUR, _LAST_MINUTE = 23, 59
_FIRST_YEAR, _LAST_YEAR = 2000, 2999
#: The clock shows a minute for so many seconds.
MINUTE = 60
#: A zone may skip a whole day, as Samoa did on 2011-12-30.
_DAYS_AHEAD = 3


class NoSendTime(ValueError):
    """A text that is no time of sending; `zone` is a name that no zone has, None: another fault."""

    def __init__(self, message: str, *, zone: str | None = None) -> None:
        super().__init__(message)
        self.zone = zone


@frozen
class SendTime:
    """A time of day by the clock of a zone, on a `day`; None: on the first day that has it."""

    day: date | None
    hour: int
    minute: int
    zone: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `HH:MM ZONE` or `YYYY-MM-DD HH:MM ZONE`.

        Raises:
            NoSendTime: the text has another form, or names no zone.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise NoSendTime("is no time such as 09:00 Europe/Zagreb or 2026-12-01 09:00 UTC")
        hour, minute = int(found["hour"]), int(found["minute"])
        if hour > _LAST_HOUR or minute > _LAST_MINUTE:
            raise NoSendTime(f"{found['hour']}:{found['minute']} is no time of a day")
        day = None if found["date"] is None else _day(found["date"])
        if found["zone"] is None:
            raise NoSendTime("names no zone", zone="")
        if zone_of(found["zone"]) is None:
            raise NoSendTime("names a zone that is not there", zone=found["zone"])
        return cls(day, hour, minute, found["zone"])

    def __str__(self) -> str:
        time = f"{self.hour:02}:{self.minute:02} {self.zone}"
        return time if self.day is None else f"{self.day.isoformat()} {time}"

    def first_at(self, now: float) -> int:
        """Return the instant of a planning at `now`: the first one whose minute is not over.

        The instant of a day may lie long before.
        """
        if self.day is not None:
            return self._on(self.day)
        today = datetime.fromtimestamp(now, zone_of(self.zone)).date()
        days = (self._on(today + timedelta(days=ahead)) for ahead in range(_DAYS_AHEAD))
        return next(at for at in days if at + MINUTE > now)

    def names(self, at: float) -> bool:
        """Say whether an instant is one that this time of sending means, on whatever day."""
        if self.day is not None:
            return at == self._on(self.day)
        there = datetime.fromtimestamp(at, zone_of(self.zone)).date()
        return at in {self._on(there), self._on(there - timedelta(days=1))}

    def _on(self, day: date) -> int:
        there = datetime(day.year, day.month, day.day, self.hour, self.minute)  # noqa: DTZ001
        return int(there.replace(tzinfo=zone_of(self.zone)).timestamp())


def _day(text: str) -> date:
    """Return a date, YYYY-MM-DD; one far from these times is a slip of a table."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise NoSendTime(f"{text} is no day") from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise NoSendTime(f"{text} is no day of these times")
    return day


@lru_cache(maxsize=4096)
def send_time(said: str) -> SendTime:
    """Return the time of sending that a text says, as `SendTime.read` does."""
    return SendTime.read(said)


class SendTimesError(RecipientError):
    """Rows of one message have other times of sending than the first row.

    `rows` has one of each group: the line, and the difference in words; `number` counts the groups.
    """

    def __init__(self, rows: tuple[tuple[int, str], ...], number: int) -> None:
        line, words = rows[0]
        super().__init__(f"row {line}: {words}", reason=Reason.SEND_TIMES_DIFFER)
        self.rows = rows
        self.number = number
