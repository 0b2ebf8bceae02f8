"""Dates, times and durations by the parts of a format code, with English names.

    >>> show_moment([("moment", "d"), ("literal", "."), ("moment", "mmm")], date(2026, 3, 1))
    '1.Mar'

The parts are those of ECMA-376 part 1, 18.8.31; `mm` is minutes behind hours and before seconds,
else the month. The codes themselves are read by `number_format.py`.

Tests: tests/recipients/test_number_format.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

#: The language English in the lower ten bits of an LCID (MS-LCID 2.2).
ENGLISH = 0x09

_MONTHS = """
January February March April May June July August September October November December
""".split()  # noqa: SIM905 - a line that can be read
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet knows no zone
_LITERAL = frozenset(("quoted", "escaped", "symbol", "literal"))
_SIGNS = {"point": ".", "comma": ",", "width": " "}
_SECONDS = {"h": 3600, "m": 60, "s": 1}  # in a unit
_MICROSECONDS = 1_000_000


def show_moment(
    tokens: Sequence[tuple[str, str]], value: date | datetime | time | timedelta
) -> str | None:
    """Return the text of a moment or a duration, by the tokens of a section of a code.

    None stands for a duration or a time of day that the code shows as a date.
    """
    minutes = _minutes(tokens)
    letters = {
        part[0].lower()
        for place, (kind, part) in enumerate(tokens)
        if kind == "moment" and place not in minutes
    }
    if letters & set("ymd") and isinstance(value, time | timedelta):
        return None
    moment, elapsed = _rounded(value, _fraction(tokens))
    if not minutes and not letters & set("hs") and isinstance(value, datetime):
        moment = value  # a day that is nearly over is that day
    twelve = any(kind == "half" for kind, _ in tokens)
    fraction = iter(f"{moment.microsecond:06}")
    text = []
    for place, (kind, part) in enumerate(tokens):
        if kind == "moment":
            text.append(_part(part.lower(), moment, minute=place in minutes, twelve=twelve))
        elif kind == "elapsed":
            text.append(f"{elapsed // _SECONDS[part[0].lower()]:0{len(part)}}")
        elif kind == "half":
            word = "AM" if moment.hour < 12 else "PM"  # noqa: PLR2004 - noon
            text.append(word if part.lower() == "am/pm" else word[0])
        elif kind == "digit":
            text.append(next(fraction, ""))
        else:
            text.append(part if kind in _LITERAL else _SIGNS.get(kind, ""))
    return "".join(text)


def _fraction(tokens: Sequence[tuple[str, str]]) -> int:
    """Return the number of digits behind the seconds."""
    return sum(kind == "digit" for kind, _ in tokens)


def _rounded(value: date | datetime | time | timedelta, places: int) -> tuple[datetime, int]:
    """Return the moment and the whole seconds since day 0, rounded to `places` of a second."""
    day = _DAY_ZERO
    if isinstance(value, timedelta):
        moment = day + value
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, time):
        moment = datetime.combine(day, value)
    else:
        moment = datetime.combine(value, time())
    step = _MICROSECONDS // 10 ** min(places, 6)
    rest = moment.microsecond % step
    moment += timedelta(microseconds=step - rest if 2 * rest >= step else -rest)
    since = moment - day
    return moment, since.days * 86_400 + since.seconds


def _minutes(tokens: Sequence[tuple[str, str]]) -> set[int]:
    """Return the places of the m and mm that mean minutes: behind hours, or before seconds."""
    parts = [
        (place, part.lower())
        for place, (kind, part) in enumerate(tokens)
        if kind in {"moment", "elapsed"}
    ]
    found = set()
    for index, (place, part) in enumerate(parts):
        if part not in {"m", "mm"}:
            continue
        before = parts[index - 1][1][0] if index else ""
        behind = parts[index + 1][1][0] if index + 1 < len(parts) else ""
        if before == "h" or behind == "s":
            found.add(place)
    return found


def _part(part: str, moment: datetime, *, minute: bool, twelve: bool) -> str:
    letter, width = part[0], len(part)
    if letter == "y":
        return f"{moment.year % 100:02}" if width <= 2 else f"{moment.year:04}"  # noqa: PLR2004
    if letter in "md" and not minute and width > 2:  # noqa: PLR2004 - a name
        name = _MONTHS[moment.month - 1] if letter == "m" else _DAYS[moment.weekday()]
        if width == 5:  # noqa: PLR2004 - mmmmm is the first letter
            return name[0]
        return name[:3] if width == 3 else name  # noqa: PLR2004 - mmm and ddd are short
    if letter == "h":
        number = (moment.hour + 11) % 12 + 1 if twelve else moment.hour
    elif letter == "m":
        number = moment.minute if minute else moment.month
    else:
        number = moment.day if letter == "d" else moment.second
    return f"{number:0{min(width, 2)}}"
