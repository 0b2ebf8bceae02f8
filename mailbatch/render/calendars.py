"""The calendar of each message of a job: rendered, completed, checked, as a part and as a file.

RFC 6047 2.4 has the calendar as an alternative of the text; programs that look for a file alone get
the same bytes as `invite.ics` (the how-to page has the sources for each program).

Lines that the template leaves out are added: VERSION, PRODID and METHOD, and to an event UID,
SEQUENCE, DTSTAMP. Each follows from the job, the edition, the recipient and the delivery's date, so
a resend has the same bytes and is the same event. Nothing here reads the clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mailbatch.envelope import Delivery, address_key
from mailbatch.errors import JobError, Location, MessageError
from mailbatch.extras import install_extra
from mailbatch.render.calendar_rules import (
    Component,
    RuleError,
    check,
    check_values,
    components,
    events_in,
)
from mailbatch.render.content_lines import (
    ContentLine,
    LineError,
    content_lines,
    date_time,
    line_of,
)
from mailbatch.render.encodings import encode_base64
from mailbatch.render.field_text import FieldError
from mailbatch.render.message import Attachment, CalendarContent
from mailbatch.render.mime import FilePart
from mailbatch.render.pages import PageChoice
from mailbatch.render.templates import Names, Page, Role, Templates

if TYPE_CHECKING:
    from mailbatch.job import model

#: The name of the calendar as a file, as Google Calendar and Outlook have it.
FILENAME = "invite.ics"
# No text/calendar, which Exchange would read as a second invitation.
_FILE_TYPE = "application/ics"
_FILE_HEAD = (
    f"Content-Type: {_FILE_TYPE}\r\nContent-Transfer-Encoding: base64\r\n"
    f"Content-Disposition: attachment; filename={FILENAME}\r\n\r\n"
).encode("ascii")
_OF_CALENDAR = {"VERSION": "2.0", "PRODID": "-//mailbatch//NONSGML mailbatch//EN"}
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}")
_MARKUP = re.compile(r"\{[{%#]")


class CalendarPart:
    """The calendar part of every message of a job; `choice` is the template."""

    def __init__(self, job: model.Job, templates: Templates, *, edition: str, domain: str) -> None:
        """Compile the template; `domain` ends each UID.

        A package that is missing goes to the templates' errors.
        """
        settings = job.message.calendar
        if settings is None:
            raise ValueError("the job has no message.calendar")
        self.method: str = settings.method
        self.choice = PageChoice(job.at("message.calendar.file"), Role.CALENDAR, templates)
        event = job.find("message.calendar.event")
        self._event = templates.value(event) if event is not None else None
        self._marks = templates.marks
        self._loader = templates.loader
        self._job, self._edition, self._domain = job.name, edition, domain
        self._place = job.locate("message.calendar")
        try:
            import icalendar  # noqa: F401 - the rules need it, for the first row at the latest
        except ImportError:
            message, hint = "needs a package that is not installed", install_extra("calendar")
            templates.errors.append(JobError(message, location=self._place, hint=hint))

    @property
    def content_type(self) -> bytes:
        """The Content-Type field of the alternative part (RFC 6047 2.4)."""
        return f"Content-Type: text/calendar; charset=utf-8; method={self.method}\r\n".encode()

    def render(self, names: Names, delivery: Delivery) -> str:
        """Return the calendar for a delivery, complete, checked and folded, with CRLF.

        Raises:
            TemplateError: the template fails.
            MessageError: the calendar breaks a rule, with the line of the template.
        """
        page = self.choice.chosen(names)
        self._marks.clear()
        rendered = page.render(names)
        try:
            lines = self._lines(rendered)
            found = components(lines)
            check(found, self.method)
            text = check_values(list(self._completed(lines, found, names, delivery)))
        except LineError as error:
            line = line_of(rendered, error.number).strip()
            raise MessageError(str(error), location=self._located(page, line)) from None
        except RuleError as error:
            text = error.line.text if error.line is not None else ""
            place = self._located(page, text)
            raise MessageError(str(error), location=place, hint=error.hint) from None
        return text

    def file(self, text: str) -> FilePart:
        """Return a rendered calendar as the part of a file."""
        return _FILE_HEAD, encode_base64(text.encode()) + b"\r\n"

    def content(self, text: str) -> tuple[CalendarContent, Attachment]:
        """Return a rendered calendar for people, in words and as a file."""
        told = CalendarContent(self.method, events_in(text), text)
        return told, Attachment(FILENAME, _FILE_TYPE, text.encode())

    def _lines(self, rendered: str) -> list[ContentLine]:
        lines = []
        for line in content_lines(rendered):
            try:
                lines.append(line.written(self._marks))
            except LineError:
                raise
            except FieldError as error:
                raise RuleError(str(error), line) from None
        return lines

    def _completed(
        self,
        lines: Sequence[ContentLine],
        found: Sequence[Component],
        names: Names,
        delivery: Delivery,
    ) -> Iterator[ContentLine]:
        """Give the lines with those that are missing behind each BEGIN."""
        by_line = {id(one.begin): one for one in found}
        masters = 0
        for line in lines:
            yield line
            component = by_line.get(id(line))
            if component is None:
                continue
            if component.name == "VCALENDAR":
                yield from _missing(component, {**_OF_CALENDAR, "METHOD": self.method})
            if component.name == "VEVENT":
                masters += component.first("RECURRENCE-ID") is None
                yield from self._missing_in_event(component, masters, names, delivery)

    def _missing_in_event(
        self, event: Component, masters: int, names: Names, delivery: Delivery
    ) -> Iterator[ContentLine]:
        added = {"DTSTAMP": date_time(delivery.date)}
        if event.first("UID") is None:
            if masters > 1:
                hint = "Write a UID for each: the one that is added can be of one event only."
                raise RuleError("several events have no UID", event.begin, hint)
            added["UID"] = self._uid(event, names, delivery)
        if event.first("SEQUENCE") is None:
            added["SEQUENCE"] = self._sequence(event)
        if self.method == "CANCEL":
            added["STATUS"] = "CANCELLED"  # RFC 5546 3.2.5
        yield from _missing(event, added)

    def _uid(self, event: Component, names: Names, delivery: Delivery) -> str:
        """Return the UID of the recipient's event: the same for one name of an event."""
        if self._event is None and self.method == "CANCEL":
            hint = (
                "Write message.calendar.event, in the job of the invitation, too: the same name "
                "gives the same UID. Or write the UID into both templates."
            )
            raise RuleError("a CANCEL needs the UID of the invitation", event.begin, hint)
        name = self._event.render(names) if self._event is not None else self._edition
        if not name.strip():
            raise RuleError("message.calendar.event is empty for this row", event.begin)
        first = delivery.rows[0]
        if first.group is not None:
            whose = repr(first.group)
        else:
            whose = first.key or address_key(first.address)
        whole = f"{self._job}\x1f{name}\x1f{whose}"
        return f"{hashlib.sha256(whole.encode()).hexdigest()[:32]}@{self._domain}"

    def _sequence(self, event: Component) -> str:
        """Return the SEQUENCE: 0 for an event of one edition, else the edition less one."""
        if self._event is None:
            return "0"
        if not _NUMBER.fullmatch(self._edition):
            message = f"the edition {self._edition} is no number, which SEQUENCE could follow from"
            hint = "Write SEQUENCE into the template: 0 first, and one more with each change."
            raise RuleError(message, event.begin, hint)
        return str(int(self._edition) - 1)

    def _located(self, page: Page, line: str) -> Location:
        """Return the place of the template's line that gave a line of the calendar."""
        source = self._loader.text(page.name) or ""
        best, number = "", None
        for at, written in enumerate(source.splitlines(), 1):
            literal = _MARKUP.split(_TAG.sub("", written), maxsplit=1)[0].strip()
            if len(literal) > len(best) and line.upper().startswith(literal.upper()):
                best, number = literal, at
        return Location(page.name) if number is None else self._loader.place(page.name, number)


def _missing(component: Component, values: dict[str, str]) -> Iterable[ContentLine]:
    return [
        ContentLine(name, value) for name, value in values.items() if component.first(name) is None
    ]
