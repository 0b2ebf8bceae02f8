"""The rules of a calendar that is sent: which properties an event needs, and which time is none.

The sources are RFC 5545 for the form, RFC 5546 3.2 for the properties of each method, RFC 6047 2.4
for the mail. The library icalendar judges the types of the values. A local time without a zone and
a zone without a VTIMEZONE are refused, because readers put these at different hours. Nothing here
renders or adds.

Tests: tests/render/test_calendars.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from mailbatch.frozen import frozen
from mailbatch.render.content_lines import ContentLine, folded
from mailbatch.render.field_text import FieldError
from mailbatch.render.message import Event

if TYPE_CHECKING:
    from icalendar import Calendar

# RFC 5546 3.2.1, 3.2.2, 3.2.5. UID, DTSTAMP and SEQUENCE are added where they are missing.
_NEEDED = {
    "PUBLISH": ("DTSTART", "SUMMARY", "ORGANIZER"),
    "REQUEST": ("DTSTART", "SUMMARY", "ORGANIZER", "ATTENDEE"),
    "CANCEL": ("ORGANIZER",),
}
_EXAMPLES = {
    "DTSTART": "Write DTSTART:20271231T180000Z, or DTSTART;VALUE=DATE:20271231 for a whole day.",
    "SUMMARY": "Write the title: SUMMARY:Open night.",
    "ORGANIZER": "Write who invites: ORGANIZER;CN=Example:mailto:events@example.com.",
    "ATTENDEE": "Write who is invited: ATTENDEE;RSVP=TRUE:mailto:{{ email }}.",
}
_PUBLISHED = "Leave the line out, or write method: REQUEST, which invites somebody."
_ZONE = (
    "Write the time in UTC, as in 20271231T180000Z, or with TZID=ZONE and a VTIMEZONE of that name."
)
_TIMES = frozenset(("DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "RDATE", "EXDATE"))
_PEOPLE = frozenset(("ORGANIZER", "ATTENDEE"))
_TWICE = frozenset(
    (
        "CLASS", "DESCRIPTION", "DTEND", "DTSTAMP", "DTSTART", "DURATION", "GEO", "LOCATION",
        "ORGANIZER", "PRIORITY", "RECURRENCE-ID", "SEQUENCE", "STATUS", "SUMMARY", "TRANSP", "UID",
        "URL",
    )
)  # fmt: skip
_LOCAL = re.compile(r"[0-9]{8}T[0-9]{6}", re.IGNORECASE)
_FREQUENCY = re.compile(r"(?:^|;)FREQ=", re.IGNORECASE)
_RULE = "Write the rule as RRULE:FREQ=WEEKLY;COUNT=4 (RFC 5545 3.3.10)."
_UID = "Fill the cell, or leave the line out: a UID is added."
_MAILTO = "mailto:"


class RuleError(FieldError):
    """A calendar that breaks a rule; `line` is the one at fault, or that of the component."""

    def __init__(self, message: str, line: ContentLine | None, hint: str | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.hint = hint


@frozen
class Component:
    """A component by its lines: `begin` is BEGIN, `lines` are its own, without nested ones."""

    name: str
    begin: ContentLine
    lines: tuple[ContentLine, ...]

    def first(self, name: str) -> ContentLine | None:
        """Return the first line of a name, None where there is none."""
        return next((line for line in self.lines if line.name == name), None)


def components(lines: Sequence[ContentLine]) -> list[Component]:
    """Return the components of a calendar, VCALENDAR first, in the order of their BEGIN.

    Raises:
        RuleError: BEGIN and END are not in pairs, or something stands outside of VCALENDAR.
    """
    found: list[tuple[ContentLine, list[ContentLine]]] = []
    waiting: list[tuple[ContentLine, list[ContentLine]]] = []
    for line in lines:
        if line.name == "BEGIN":
            if not waiting and (found or line.value.upper() != "VCALENDAR"):
                raise RuleError("a calendar is one VCALENDAR, with all else inside", line)
            waiting.append((line, []))
            found.append(waiting[-1])
        elif not waiting:
            raise RuleError("stands outside of BEGIN:VCALENDAR and END:VCALENDAR", line)
        elif line.name != "END":
            waiting[-1][1].append(line)
        elif line.value.upper() != waiting[-1][0].value.upper():
            raise RuleError(f"ends {line.value} where {waiting[-1][0].value} is open", line)
        else:
            waiting.pop()
    if waiting:
        begin = waiting[-1][0]
        raise RuleError(f"is not followed by END:{begin.value}", begin)
    if not found:
        raise RuleError("has no BEGIN:VCALENDAR", None)
    return [Component(begin.value.upper(), begin, tuple(own)) for begin, own in found]


def check(found: Sequence[Component], method: str) -> None:
    """Check the components of a calendar against the rules of a method.

    Raises:
        RuleError: the first rule that is broken.
    """
    said = found[0].first("METHOD")
    if said is not None and said.value.upper() != method:
        hint = "Write the same method in both, or leave it out of the template."
        raise RuleError(f"METHOD is {said.value} here and {method} in the job", said, hint)
    zones = {zone.value for one in found if (zone := _own_zone(one)) is not None}
    events = [one for one in found if one.name == "VEVENT"]
    if not events:
        raise RuleError("has no VEVENT, so there is nothing for a calendar", found[0].begin)
    for event in events:
        _check_properties(event, method)
        for line in event.lines:
            if line.name in _TIMES:
                _check_time(line, zones)
            elif line.name in _PEOPLE:
                _check_person(line)
            elif line.name == "RRULE" and not _FREQUENCY.search(line.value):
                raise RuleError(f"RRULE is {line.value or 'empty'}, without FREQ", line, _RULE)


def _own_zone(component: Component) -> ContentLine | None:
    return component.first("TZID") if component.name == "VTIMEZONE" else None


def _check_properties(event: Component, method: str) -> None:
    for name in _NEEDED[method]:
        line = event.first(name)
        if line is None:
            message = f"the event has no {name}, which a {method} needs"
            raise RuleError(message, event.begin, _EXAMPLES[name])
        if not line.value.strip():
            raise RuleError(f"{name} is empty, which a {method} needs", line)
    _check_identity(event)
    attendee = event.first("ATTENDEE")
    if method == "PUBLISH" and attendee is not None:
        raise RuleError("a published event has no ATTENDEE (RFC 5546 3.2.1)", attendee, _PUBLISHED)
    status = event.first("STATUS")
    if method == "CANCEL" and status is not None and status.value.upper() != "CANCELLED":
        raise RuleError(f"STATUS is {status.value} in a CANCEL, and must be CANCELLED", status)
    seen = set()
    for line in event.lines:
        if line.name in _TWICE and line.name in seen:
            raise RuleError(f"{line.name} stands twice in one event", line)
        seen.add(line.name)
    if {"DTEND", "DURATION"} <= seen:
        raise RuleError("has DTEND and DURATION, of which an event has one", event.first("DTEND"))


def _check_identity(event: Component) -> None:
    uid, sequence = event.first("UID"), event.first("SEQUENCE")
    if uid is not None and not uid.value.strip():
        raise RuleError("UID is empty: calendars take all such events for one", uid, _UID)
    if sequence is not None and sequence.value.startswith("-"):
        raise RuleError(f"SEQUENCE is {sequence.value}, and counts from 0", sequence)


def _check_time(line: ContentLine, zones: set[str]) -> None:
    """Refuse a local time that readers put at different hours."""
    if (line.parameter("VALUE") or "").upper() == "DATE":
        return
    zone = line.parameter("TZID")
    if zone is not None and zone not in zones:
        message = f"{line.name} has the time zone {zone}, and there is no VTIMEZONE of that name"
        raise RuleError(message, line, _ZONE)
    for one in line.value.split(","):
        if zone is None and _LOCAL.fullmatch(one.partition("/")[0].strip()):
            message = f"{line.name} is {one}, a local time without a time zone"
            raise RuleError(message, line, _ZONE)


def _check_person(line: ContentLine) -> None:
    if not address_of(line).partition("@")[2]:
        message = f"{line.name} is {line.value or 'empty'}, and must be an address"
        raise RuleError(message, line, f"Write {line.name}:mailto:ann@example.com.")


def address_of(line: ContentLine) -> str:
    """Return the address of an ORGANIZER or ATTENDEE; empty where the value is none of `mailto:`.

    Example:
        >>> address_of(ContentLine("ATTENDEE", "MAILTO:ann@example.com"))
        'ann@example.com'
    """
    scheme, value = line.value[: len(_MAILTO)], line.value[len(_MAILTO) :]
    return value.strip() if scheme.lower() == _MAILTO else ""


def check_values(lines: Sequence[ContentLine]) -> str:
    """Return the calendar as text, folded, once the library has read every value.

    Raises:
        RuleError: a value is none of its property's type, or the end is not behind the beginning.
        ImportError: icalendar is not installed.
    """
    from icalendar import Calendar

    text = "".join([folded(line.text) for line in lines])
    try:
        calendar = Calendar.from_ical(text.encode())
        calendar.validate()  # type: ignore[no-untyped-call]
        for component in calendar.walk():
            _check_read(component, lines)
        for event in calendar.events:
            _check_span(event, lines)
    except RuleError:
        raise
    except (ValueError, AttributeError, KeyError) as error:  # as icalendar reports a bad value
        raise RuleError(f"is no calendar: {error}", None) from None
    return text


def _check_read(component: Any, lines: Sequence[ContentLine]) -> None:
    for name, problem in component.errors:
        hint = _ZONE if name in _TIMES else None
        raise RuleError(f"{name or component.name}: {problem}", _named(lines, name), hint)


def _check_span(event: Any, lines: Sequence[ContentLine]) -> None:
    name = next((name for name in ("DTEND", "DURATION") if name in event), None)
    if name is None or (name == "DURATION" and "DTSTART" not in event):
        return
    if not _moment(event.end) > _moment(event.start):
        problem = "later than DTSTART" if name == "DTEND" else "longer than nothing"
        raise RuleError(f"{name} is not {problem}", _named(lines, name))


def _moment(at: date) -> tuple[float, ...]:
    return (at.timestamp(),) if isinstance(at, datetime) else (at.year, at.month, at.day)


def _named(lines: Sequence[ContentLine], name: str | None) -> ContentLine | None:
    return next((line for line in lines if line.name == name), None)


def events_in(text: str) -> tuple[Event, ...]:
    """Return the events of a checked calendar, for people."""
    from icalendar import Calendar

    calendar = Calendar.from_ical(text.encode())
    return tuple(_events(calendar))


def _events(calendar: Calendar) -> Iterator[Event]:
    for event in calendar.events:
        people = event.get("ATTENDEE", [])
        listed = people if isinstance(people, list) else [people]
        yield Event(
            summary=str(event.get("SUMMARY", "")),
            when=_when(event) if "DTSTART" in event else "",
            where=str(event.get("LOCATION", "")),
            description=str(event.get("DESCRIPTION", "")),
            organizer=_person(event.get("ORGANIZER", "")),
            attendees=tuple(map(_person, listed)),
            repeated=_repeated(event),
            uid=str(event.get("UID", "")),
            sequence=int(event.get("SEQUENCE", 0)),
        )


def _repeated(event: Any) -> str:
    """Return the rule by which an event comes again, as RFC 5545 3.3.10 has it."""
    return event["RRULE"].to_ical().decode() if "RRULE" in event else ""


def _person(value: Any) -> str:
    address = str(value)[len(_MAILTO) :]
    name = getattr(value, "params", {}).get("CN", "")
    return f"{name} <{address}>" if name and name != address else address


def _when(event: Any) -> str:
    """Write the time of an event in words: `Saturday, 5 December 2026, 10:00 to 11:00 UTC`."""
    start, end = event.start, event.end
    if not isinstance(start, datetime):
        days = (end - start).days
        last = f", {days} days" if days > 1 else ""
        return f"{_day(start)}{last}"
    zone = event["DTSTART"].params.get("TZID", "UTC")
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{_day(end)}, {end:%H:%M}"
    to = f" to {until}" if end > start else ""
    return f"{_day(start)}, {start:%H:%M}{to} {zone}"


def _day(at: date) -> str:
    return f"{_DAYS[at.weekday()]}, {at.day} {_MONTHS[at.month - 1]} {at.year}"


# Not by strftime, which writes the language of the machine.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
