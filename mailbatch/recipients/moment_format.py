"""Dates, times and durations by the parts of a format code, with the names of a language.

    >>> show_moment([("moment", "d"), ("literal", "."), ("moment", "mmmm")], date(2026, 3, 1), 7)
    '1.März'

The parts are those of ECMA-376 part 1, 18.8.31; `mm` is minutes behind hours and before seconds,
else the month. The codes themselves are read by `number_format.py`.

Tests: tests/recipients/test_number_format.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

# The language in the lower ten bits of an LCID (MS-LCID 2.2), its tag (BCP 47), the months, and the
# days from Monday on, as the languages write them (CLDR).
_TABLE = """
09 en January February March April May June July August September October November December
      Monday Tuesday Wednesday Thursday Friday Saturday Sunday
07 de Januar Februar März April Mai Juni Juli August September Oktober November Dezember
      Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag
0C fr janvier février mars avril mai juin juillet août septembre octobre novembre décembre
      lundi mardi mercredi jeudi vendredi samedi dimanche
0A es enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
      lunes martes miércoles jueves viernes sábado domingo
10 it gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
      lunedì martedì mercoledì giovedì venerdì sabato domenica
13 nl januari februari maart april mei juni juli augustus september oktober november december
      maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
16 pt janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
      segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo
1D sv januari februari mars april maj juni juli augusti september oktober november december
      måndag tisdag onsdag torsdag fredag lördag söndag
"""
_ENTRY = 21  # words of a language in the table
_WORDS = _TABLE.split()
_ENTRIES = [_WORDS[start : start + _ENTRY] for start in range(0, len(_WORDS), _ENTRY)]
#: The months and the days of each language, by the number of the language.
NAMES = {int(number, 16): (words[:12], words[12:]) for number, _, *words in _ENTRIES}
#: The numbers of the languages by their tags.
TAGS = {tag: int(number, 16) for number, tag, *_ in _ENTRIES}
ENGLISH = TAGS["en"]
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet knows no zone
_LITERAL = frozenset(("quoted", "escaped", "symbol", "literal"))
_SIGNS = {"point": ".", "comma": ",", "width": " "}
_SECONDS = {"h": 3600, "m": 60, "s": 1}  # in a unit
_MICROSECONDS = 1_000_000


def show_moment(
    tokens: Sequence[tuple[str, str]],
    value: date | datetime | time | timedelta,
    language: int = ENGLISH,
) -> str | None:
    """Return the text of a moment or a duration, by the tokens of a section of a code.

    `language` is a number of `NAMES`. None stands for a duration or a time of day that the code
    shows as a date.
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
            if place in minutes:
                text.append(f"{moment.minute:0{min(len(part), 2)}}")
            else:
                text.append(_part(part.lower(), moment, NAMES[language], twelve=twelve))
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


def _part(
    part: str, moment: datetime, names: tuple[Sequence[str], Sequence[str]], *, twelve: bool
) -> str:
    letter, width = part[0], len(part)
    if letter == "y":
        return f"{moment.year % 100:02}" if width <= 2 else f"{moment.year:04}"  # noqa: PLR2004
    if letter in "md" and width > 2:  # noqa: PLR2004 - a name
        name = names[0][moment.month - 1] if letter == "m" else names[1][moment.weekday()]
        if width == 5:  # noqa: PLR2004 - mmmmm is the first letter
            return name[0]
        return name[:3] if width == 3 else name  # noqa: PLR2004 - mmm and ddd are short
    if letter == "h":
        number = (moment.hour + 11) % 12 + 1 if twelve else moment.hour
    elif letter == "m":
        number = moment.month
    else:
        number = moment.day if letter == "d" else moment.second
    return f"{number:0{min(width, 2)}}"
