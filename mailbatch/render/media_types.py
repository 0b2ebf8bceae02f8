"""The media type of an attachment: given by the job or found from the name, with its parameters.

A text in UTF-8 is given its charset, which RFC 5545 (3.1.4) wants of each calendar in a mail. A
calendar is given the parameter `method`: RFC 5545 (3.7.2) wants this and the METHOD of the file to
be equal, or both absent; a file of another method than its type says is refused.

Example:
    >>> str(media_type(None, "party.ics", is_utf8=True, methods=("PUBLISH",)))
    'text/calendar; charset=utf-8; method=PUBLISH'
"""

from __future__ import annotations

import mimetypes
import re
from functools import cache
from pathlib import Path

from mailbatch.frozen import frozen
from mailbatch.render.field_text import FieldError

_UNKNOWN = "application/octet-stream"
_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
# Frequent attachments that not every Python knows.
_TYPES = {
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".ics": "text/calendar",
    ".md": "text/markdown",
    ".odp": f"{_OPEN}presentation",
    ".ods": f"{_OPEN}spreadsheet",
    ".odt": f"{_OPEN}text",
    ".pptx": f"{_OFFICE}presentationml.presentation",
    ".vcf": "text/vcard",
    ".webp": "image/webp",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
}

_CALENDAR = "text/calendar"
# One parameter of RFC 2045 5.1; the job file has checked the form of the whole.
_PARAMETER = re.compile(r';\s*([^=;\s]+)=("(?:[^"\\]|\\.)*"|[^";\s]+)')
_BEGINNING = b"BEGIN:VCALENDAR"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_METHOD = re.compile(
    rb"^METHOD(?:;[^:\r\n]*)?:[ \t]*([A-Za-z0-9-]+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_FOLDED = re.compile(rb"\r?\n[ \t]")


@frozen
class MediaType:
    """A media type: `kind` is type and subtype; `parameters` are names, in lower case, and values.

    The values are spelled as in a header field, maybe in quotation marks.
    """

    kind: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def pieces(self) -> list[str]:
        """The value of a Content-Type field in pieces, between which the field may be folded."""
        pieces = [self.kind]
        for name, value in self.parameters:
            pieces[-1] += ";"
            pieces.append(f" {name}={value}")
        return pieces

    def __str__(self) -> str:
        return "".join(self.pieces)

    def has(self, name: str) -> bool:
        """Tell whether there is a parameter of this name."""
        return any(name == known for known, _ in self.parameters)


def media_type(
    given: str | None, filename: str, *, is_utf8: bool, methods: tuple[str, ...]
) -> MediaType:
    """Return the media type of a file: the given one, or that of the name, with what the file adds.

    `is_utf8` says whether the bytes are text in UTF-8, `methods` are those of `calendar_methods`.

    Raises:
        FieldError: a calendar is of another method than its type says, or of several.
    """
    found = _parsed(given) if given is not None else MediaType(_by_name(filename))
    added = []
    if found.kind.lower().startswith("text/") and is_utf8 and not found.has("charset"):
        added.append(("charset", "utf-8"))
    if found.kind.lower() == _CALENDAR:
        added += _method(found, methods)
    return MediaType(found.kind, (*found.parameters, *added))


def _parsed(text: str) -> MediaType:
    kind, _, _ = text.partition(";")
    parameters = [(name.lower(), value) for name, value in _PARAMETER.findall(text)]
    return MediaType(kind.strip(), tuple(parameters))


def _method(calendar: MediaType, methods: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the parameter that a calendar lacks, if any."""
    if len(methods) > 1:
        raise FieldError(
            f"has calendars of the methods {' and '.join(methods)}, and a part has one"
        )
    said = next((value for name, value in calendar.parameters if name == "method"), None)
    if said is None:
        return [("method", method) for method in methods]
    said = said.strip('"')
    if not methods:
        raise FieldError(f"has no METHOD, and its type says method={said}")
    if said.upper() != methods[0]:
        raise FieldError(f"has METHOD:{methods[0]}, and its type says method={said}")
    return []


def calendar_methods(data: bytes) -> tuple[str, ...]:
    r"""Return the METHODs of the calendars in a file, in capitals, each once; none of another file.

    Example:
        >>> calendar_methods(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:publish\r\n")
        ('PUBLISH',)
    """
    if data.removeprefix(_BYTE_ORDER_MARK)[: len(_BEGINNING)].upper() != _BEGINNING:
        return ()
    found = _METHOD.findall(_FOLDED.sub(b"", data))
    return tuple(dict.fromkeys(method.decode("ascii").upper() for method in found))


@cache
def _known_types() -> mimetypes.MimeTypes:
    # Python's own table alone: the same on every machine.
    return mimetypes.MimeTypes()


def _by_name(filename: str) -> str:
    """Guess type and subtype from a file's name."""
    kind, packed = _known_types().guess_type(filename)
    if packed is not None:
        return _PACKED.get(packed, _UNKNOWN)
    suffix = Path(filename).suffix.lower()
    kind = _TYPES.get(suffix, kind)
    if kind is None or kind.startswith(("message/", "multipart/")):
        return _UNKNOWN  # these two would not be allowed in base64 (RFC 2045 6.4)
    return kind
