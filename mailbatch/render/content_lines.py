r"""The content lines of iCalendar (RFC 5545 3.1), read from a rendered template and written.

A template is rendered with marks in the place of values. The marks are letters and digits, so a
line has the structure of the template, whatever the cells hold: no cell ends a line, a parameter or
a list. Behind that, each value is written as the place of the mark needs: escaped in a TEXT, in
quotation marks in a parameter, and as it is in an address or a time.

    >>> from mailbatch.render.markdown import Marks
    >>> marks = Marks()
    >>> line, = content_lines(f"LOCATION:{marks.keep('Hill Road 1, Exampleton')}")
    >>> line.written(marks).text
    'LOCATION:Hill Road 1\\, Exampleton'

Nothing here knows which properties an event needs.

Tests: tests/render/test_calendars.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

from mailbatch.frozen import frozen
from mailbatch.render.field_text import FieldError
from mailbatch.render.markdown import Marks

#: The most octets of a line, without CRLF (RFC 5545 3.1).
LONGEST_LINE = 75

_NAME = re.compile(r"[A-Za-z0-9-]+")
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)')
_ONE_VALUE = re.compile(r'"[^"]*"|[^,]+')
_NEEDS_QUOTES = re.compile("[;:,]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n|\r|\n")
# Ends of lines of Unicode, at which some readers of iCalendar end a line, too; in a value, all do.
_OTHER_END = re.compile("[\x85\u2028\u2029]")
_VALUE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
# What a reader of RFC 6868 would take for an escape.
_CARET = re.compile(r"\^(?=[n^'])")
_FORM = "NAME:value, or NAME;PARAMETER=value:value"

# Properties whose values are no TEXT unless a parameter VALUE says so (RFC 5545 3.7 and 3.8, RFC
# 7986); the values are taken as they are. Properties that no RFC knows are TEXT (3.8.8).
_NO_TEXT = frozenset(
    (
        "ACKNOWLEDGED", "ATTACH", "ATTENDEE", "BEGIN", "COMPLETED", "CONFERENCE", "CREATED",
        "DTEND", "DTSTAMP", "DTSTART", "DUE", "DURATION", "END", "EXDATE", "FREEBUSY", "GEO",
        "IMAGE", "LAST-MODIFIED", "ORGANIZER", "PERCENT-COMPLETE", "PRIORITY", "RDATE",
        "RECURRENCE-ID", "REFRESH-INTERVAL", "REPEAT", "RRULE", "SEQUENCE", "SOURCE", "TRIGGER",
        "TZOFFSETFROM", "TZOFFSETTO", "TZURL", "URL",
    )
)  # fmt: skip


@frozen
class ContentLine:
    """One unfolded line: `name` in capitals, parameters with names in capitals, and the value.

    `number` counts the lines of the rendered text from 1; 0 is a line that mailbatch adds. The
    values of parameters are as they stand in the line, maybe in quotation marks.
    """

    name: str
    value: str
    parameters: tuple[tuple[str, str], ...] = ()
    number: int = 0

    @property
    def text(self) -> str:
        """The line, unfolded, without a line end."""
        parameters = "".join(f";{name}={value}" for name, value in self.parameters)
        return f"{self.name}{parameters}:{self.value}"

    def parameter(self, name: str) -> str | None:
        """Return the value of a parameter without quotation marks, None where there is none."""
        found = next((value for known, value in self.parameters if known == name), None)
        return found.strip('"') if found is not None else None

    @property
    def is_text(self) -> bool:
        """Tell whether the value is TEXT, where some characters are escaped (RFC 5545 3.3.11)."""
        kind = self.parameter("VALUE")
        return self.name not in _NO_TEXT if kind is None else kind.upper() == "TEXT"

    def written(self, marks: Marks) -> ContentLine:
        """Return the line with the values in the places of their marks.

        Raises:
            FieldError: a value cannot stand in its place.
        """
        name = _named(self.name, marks, "a property")
        parameters = tuple(
            (_named(key, marks, "a parameter"), _parameter(value, marks))
            for key, value in self.parameters
        )
        line = replace(self, name=name, parameters=parameters)
        write = escaped_text if line.is_text else _bare
        value = marks.restore(self.value, write)
        if _OTHER_END.search(value):  # those of the template
            value = _OTHER_END.sub(r"\\n", value) if line.is_text else _bare(value)
        return replace(line, value=value)


def _named(name: str, marks: Marks, owner: str) -> str:
    found = marks.restore(name, str).upper()
    if not _NAME.fullmatch(found):
        raise FieldError(f"the name of {owner} is {found!r}: letters, digits and hyphens")
    return found


def content_lines(text: str) -> Iterator[ContentLine]:
    """Read the lines of a rendered template, unfolded; empty lines are left out.

    Raises:
        LineError: a line has not the form of a content line.
    """
    for number, line in _unfolded(text):
        name = _NAME.match(line)
        at = name.end() if name is not None else 0
        parameters = []
        while (found := _PARAMETER.match(line, at)) is not None:
            parameters.append((found[1], found[2]))
            at = found.end()
        if name is None or line[at : at + 1] != ":":
            raise LineError(f"is no line of iCalendar: {_FORM}", number)
        # A mark in the place of a name keeps its letters.
        yield ContentLine(name[0], line[at + 1 :], tuple(parameters), number)


class LineError(FieldError):
    """A line that cannot be read; `number` counts the lines of the rendered text from 1."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def line_of(text: str, number: int) -> str:
    """Return a line of a rendered template, counted from 1 as the lines of `content_lines` are."""
    return _LINE_END.split(text)[number - 1]


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Give each unfolded line with the number of its first line."""
    number, whole = 0, ""
    for at, line in enumerate(_LINE_END.split(text), 1):
        if line[:1] in {" ", "\t"} and whole:
            whole += line[1:]
            continue
        if whole:
            yield number, whole
        number, whole = at, line.rstrip(" \t") if not line.strip() else line.lstrip(" \t")
    if whole:
        yield number, whole


def escaped_text(value: str) -> str:
    r"""Return a value as TEXT (RFC 5545 3.3.11).

    Raises:
        FieldError: the value holds a control character.

    Example:
        >>> escaped_text("Tea, cake;\nand more")
        'Tea\\, cake\\;\\nand more'
    """
    _refuse_controls(value)
    value = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return _VALUE_END.sub(r"\\n", value)


def parameter_value(value: str) -> str:
    """Return a value for a parameter, without quotation marks around.

    A parameter can hold no quotation mark and no line end. RFC 6868 has escapes for both, but some
    readers show the escapes as they stand; an apostrophe and a blank are read by all.

    Raises:
        FieldError: the value holds a control character.

    Example:
        >>> parameter_value('Ada "Countess" Lovelace')
        "Ada 'Countess' Lovelace"
    """
    _refuse_controls(value)
    value = _VALUE_END.sub(" ", value).replace('"', "'")
    return _CARET.sub("^^", value)


def _parameter(values: str, marks: Marks) -> str:
    """Write the values of a parameter, between commas, in quotation marks where one needs them."""

    def written(found: re.Match[str]) -> str:
        one = marks.restore(_OTHER_END.sub(" ", found[0].strip('"')), parameter_value)
        quoted = found[0].startswith('"') or _NEEDS_QUOTES.search(one) is not None
        return f'"{one}"' if quoted else one

    return _ONE_VALUE.sub(written, values)


def _bare(value: str) -> str:
    _refuse_controls(value)
    if _VALUE_END.search(value):
        raise FieldError("a value with a line end stands where none can be")
    return value.strip(" ")


def _refuse_controls(value: str) -> None:
    found = _CONTROL.search(value)
    if found is not None:
        raise FieldError(f"a value holds the control character U+{ord(found[0]):04X}")


def date_time(seconds: int) -> str:
    """Return a time, in seconds since the epoch, in UTC as iCalendar has it (RFC 5545 3.3.5).

    Example:
        >>> date_time(1_795_426_200)
        '20261123T093000Z'
    """
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def folded(line: str) -> str:
    r"""Return a line with CRLF, folded after at most 75 octets, never inside a character.

    Example:
        >>> folded("SUMMARY:" + "x" * 70)[70:]
        'xxxxx\r\n xxx\r\n'
    """
    if len(line) <= LONGEST_LINE and line.isascii():
        return f"{line}\r\n"
    pieces, piece, size = [], "", 0
    for character in line:
        octets = len(character.encode(errors="surrogatepass"))
        if size + octets > LONGEST_LINE:
            pieces.append(piece)
            piece, size = "", 1  # the blank of the next line
        piece += character
        size += octets
    return "\r\n ".join((*pieces, piece)) + "\r\n"
