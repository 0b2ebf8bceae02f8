"""The members of a JSON object, or the children of an XML element, by name, type and place.

Nothing is required and unknown members are no fault: a provider adds some at any time. A member of
a wrong type is an error with a place. Texts are cleaned here, once for all readers: no control
characters, none that turn the direction of text, no lone surrogates (which no database takes), and
bounded lengths.

Tests: tests/reports/test_hostile.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mailbatch.frozen import frozen
from mailbatch.reports.report import LONGEST_NAME, LONGEST_TEXT

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\s]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_TRUTHS = {"true": True, "false": False}
_LARGEST = 10**18
#: From 2001 to 2286, so that neither a zero nor milliseconds pass for a time.
_EARLIEST, _LATEST = 1e9, 1e10


class MemberError(Exception):
    """A member has a wrong type or value; `place` says which member."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    r"""Return a text of others as one line of at most `longest` characters.

    Example:
        >>> clean("550 5.1.1\r\n no such mailbox ")
        '550 5.1.1 no such mailbox'
    """
    text = _UNPRINTABLE.sub(" ", text[: 4 * longest]).strip()
    return text.encode("utf-8", "replace").decode("utf-8")[:longest]


@frozen
class Members:
    """The members of one object; `place` is the path of the object in the body.

    Each method takes several names where a member was renamed: the first that is there counts. An
    absent member, a null and an empty text are the same.
    """

    place: str
    values: Mapping[str, Any]

    def at(self, name: str) -> str:
        """Return the place of a member."""
        return f"{self.place}.{name}" if self.place else name

    def _find(self, names: tuple[str, ...]) -> tuple[str, Any]:
        for name in names:
            value = self.values.get(name)
            if value is not None and value != "":
                return name, value
        return names[0], None

    def has(self, name: str) -> bool:
        """Tell whether a member is there and is no null."""
        return self.values.get(name) is not None

    def text(self, *names: str) -> str:
        """Return a text for people, at most 1,000 characters; empty where the member is absent."""
        return clean(self._text(names))

    def name(self, *names: str) -> str:
        """Return an identifier or an address; a whole number is written as text.

        Raises:
            MemberError: the member is neither, or longer than any identifier.
        """
        name, value = self._find(names)
        if isinstance(value, int) and not isinstance(value, bool):
            if abs(value) >= _LARGEST:
                raise MemberError(self.at(name), "a huge number")
            return str(value)
        text = self._text(names).strip()
        if len(text) > LONGEST_NAME:
            raise MemberError(self.at(name), f"longer than {LONGEST_NAME} characters")
        return clean(text, LONGEST_NAME)

    def raw(self, *names: str) -> str:
        """Return a text unchanged, for another reader; empty where the member is absent."""
        return self._text(names)

    def _text(self, names: tuple[str, ...]) -> str:
        name, value = self._find(names)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise MemberError(self.at(name), f"a text is wanted, not {_kind(value)}")
        return value

    def integer(self, *names: str) -> int | None:
        """Return a whole number, which XML and some JSON write as text; None where absent."""
        name, value = self._find(names)
        if value is None:
            return None
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
            return value
        raise MemberError(self.at(name), f"a whole number is wanted, not {_kind(value)}")

    def truth(self, *names: str) -> bool | None:
        """Return a truth value, which XML writes as text; None where absent."""
        name, value = self._find(names)
        if value is None or isinstance(value, bool):
            return value
        found = _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None
        if found is None:
            raise MemberError(self.at(name), "true or false is wanted")
        return found

    def time(self, *names: str) -> float | None:
        """Return a time in seconds since the epoch, from ISO 8601 or from such seconds.

        None where the member is absent, or a text that is no time: a report with an odd time still
        counts.
        """
        name, value = self._find(names)
        if value is None:
            return None
        if isinstance(value, str):
            return time_of(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MemberError(self.at(name), f"a time is wanted, not {_kind(value)}")
        return _within(value)

    def members(self, name: str) -> Members:
        """Return the members of an object; none where absent."""
        _, value = self._find((name,))
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise MemberError(self.at(name), f"an object is wanted, not {_kind(value)}")
        return Members(self.at(name), value)

    def each(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield the place and the value of each entry of a list; none where absent."""
        _, value = self._find((name,))
        if value is None:
            return
        if not isinstance(value, list):
            raise MemberError(self.at(name), f"a list is wanted, not {_kind(value)}")
        for number, entry in enumerate(value):
            yield f"{self.at(name)}[{number}]", entry


def members_of(place: str, value: object) -> Members:
    """Return the members of a value at a place.

    Raises:
        MemberError: the value is no object.
    """
    if not isinstance(value, dict):
        raise MemberError(place, f"an object is wanted, not {_kind(value)}")
    return Members(place, value)


def time_of(text: str) -> float | None:
    """Return an ISO 8601 time in seconds since the epoch; a time without a zone is UTC.

    None where the text is no time, or one outside the years 2001 to 2286.

    Example:
        >>> time_of("2026-11-29T10:00:02.480+0000")
        1795946402.48
    """
    try:
        time = datetime.fromisoformat(text.strip()[:40])
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        return _within(time.timestamp())
    except (ValueError, OverflowError):
        return None


def _within(seconds: float) -> float | None:
    return float(seconds) if math.isfinite(seconds) and _EARLIEST <= seconds < _LATEST else None


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"
