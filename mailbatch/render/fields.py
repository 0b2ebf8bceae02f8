"""Header fields of a job: a name, a value that may be a template, and the encoder of the value.

A field knows the place of the value in the job, for every error. The fields of `message.headers`
and `message.language` are made here; those of other keys by `correspondents`, `mailing_lists` and
`callbacks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from mailbatch.errors import InputError, JobError, MessageError
from mailbatch.frozen import frozen
from mailbatch.render.addresses import parse_addresses
from mailbatch.render.field_text import FieldError
from mailbatch.render.headers import address_field, phrases_field, structured_field, text_field
from mailbatch.render.languages import language_field
from mailbatch.render.templates import Names, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

#: Writes a field from a name and the text of the value; raises `FieldError`.
Encode = Callable[[str, str], bytes]


class HeaderField(Protocol):
    """A header field of every message: rendered for a recipient, then written or shown.

    The value is a list of pieces: one text, the URIs of a list, the tokens of JSON.
    """

    @property
    def name(self) -> str:
        """The field's name."""

    @property
    def key(self) -> str:
        """The key in the job."""

    @property
    def source(self) -> str | None:
        """The value in the job, before rendering; None for a field without a key."""

    @property
    def constant(self) -> bytes | None:
        """The field, where every message has the same; JobError for one that cannot be written."""

    def render(self, names: Names) -> list[str]:
        """Return the pieces of the value for a recipient.

        Raises:
            TemplateError, MessageError: a template fails, or gives no such value.
        """

    def write(self, pieces: list[str]) -> bytes:
        """Return the field as bytes.

        Raises:
            MessageError: no line can hold the value.
        """

    def shown(self, pieces: list[str]) -> str:
        """Return the value for readers."""


@frozen
class Field:
    """A header field with one value."""

    name: str
    value: Value
    encode: Encode

    @property
    def key(self) -> str:
        """The key in the job."""
        return self.value.key

    @property
    def constant(self) -> bytes | None:
        """The field, where every message has the same; else None.

        Raises:
            JobError: the value cannot be written.
        """
        if self.value.constant is None:
            return None
        try:
            return self.encode(self.name, self.value.constant.strip(" "))
        except FieldError as error:
            raise JobError(str(error), location=self.value.place) from None

    @property
    def source(self) -> str:
        """The value in the job, before rendering."""
        return self.value.source

    def render(self, names: Names) -> list[str]:
        """Return the text of the value for a recipient, as the only piece.

        Blanks around the text are no part of the value: readers drop some of them, and a field
        would have to be encoded to keep them.

        Raises:
            TemplateError: the template fails.
        """
        return [self.value.render(names).strip(" ")]

    def write(self, pieces: list[str]) -> bytes:
        """Return the field as bytes.

        Raises:
            MessageError: the value cannot be written.
        """
        try:
            return self.encode(self.name, pieces[0])
        except FieldError as error:
            raise MessageError(str(error), location=self.value.place, reason=error.reason) from None

    def shown(self, pieces: list[str]) -> str:
        """Return the value for readers."""
        return pieces[0]


@frozen
class FixedField:
    """A header field that follows from another key: `text` in ASCII, the same in every message."""

    name: str
    key: str
    text: str

    @property
    def source(self) -> None:
        """None: the key that asks for the field is the source."""

    @property
    def constant(self) -> bytes:
        """The field."""
        return structured_field(self.name, self.text)

    def render(self, names: Names) -> list[str]:
        """Return the text of the value, as the only piece."""
        del names
        return [self.text]

    def write(self, pieces: list[str]) -> bytes:
        """Return the field as bytes."""
        return structured_field(self.name, pieces[0])

    def shown(self, pieces: list[str]) -> str:
        """Return the value for readers."""
        return pieces[0]


# Fields of addresses, in whose display names alone may be encoded-words.
_ADDRESSES = frozenset(
    (
        "disposition-notification-to",
        "errors-to",
        "mail-followup-to",
        "mail-reply-to",
        "resent-cc",
        "resent-from",
        "resent-sender",
        "resent-to",
        "return-receipt-to",
        "sender",
    )
)
# Fields of phrases with commas between them (RFC 5322 3.6.5); its `Comments` is unstructured.
_PHRASES = frozenset(("keywords",))
# Fields whose form is defined by a grammar that knows no encoded-words.
_STRUCTURED = frozenset(
    (
        "archived-at",
        "auto-submitted",
        "feedback-id",
        "importance",
        "precedence",
    )
)
# Fields of message ids (RFC 5322 3.6.4), each in angle brackets.
_IDS = frozenset(("in-reply-to", "references"))
_IS_IDS = re.compile(r"\s*(?:<[^<>\s@]+@[^<>\s@]+>\s*)+").fullmatch
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_STRUCTURED_PREFIXES = ("list-", "x-ib-")


def custom_fields(job: model.Job, templates: Templates) -> Iterator[Field]:
    """Make the fields of `message.headers`; one that is empty for a recipient is left out."""
    for name, setting in zip(job.message.headers, job.each("message.headers"), strict=True):
        if not _NAME.fullmatch(name):
            problem = "is no header name: ASCII letters, digits and hyphens, at most 64"
            templates.errors.append(JobError(problem, location=setting.place))
            continue
        encode = _unless_empty(_encoding(name.lower()))
        yield Field(name, templates.value(setting), encode)


def content_language(job: model.Job, templates: Templates) -> Iterator[Field]:
    """Make the field of `message.language`; an empty one is left out for a recipient."""
    if (language := job.find("message.language")) is not None:
        yield Field("Content-Language", templates.value(language), language_field)


def _encoding(name: str) -> Encode:
    """Return the function that writes a field of the job's own; `name` is in lower case."""
    if name in _ADDRESSES:
        return _addresses
    if name in _PHRASES:
        return phrases_field
    if name in _IDS:
        return _ids
    structured = name in _STRUCTURED or name.startswith(_STRUCTURED_PREFIXES)
    return structured_field if structured else text_field


def _addresses(name: str, text: str) -> bytes:
    entries = parse_addresses(text)
    return address_field(name, entries) if entries else b""


def _ids(name: str, text: str) -> bytes:
    if _IS_IDS(text) is None:
        raise FieldError("must be message ids in angle brackets, as in <4711@example.com>")
    return structured_field(name, text)


def _unless_empty(encode: Encode) -> Encode:
    return lambda name, text: encode(name, text) if text else b""


def constant_of(field: HeaderField, errors: list[InputError]) -> bytes | None:
    """Return the bytes of a constant field, None of one that varies; a mistake goes to `errors`."""
    try:
        return field.constant
    except JobError as error:
        errors.append(error)
        return None


def coalesced(
    fields: Iterable[HeaderField], errors: list[InputError]
) -> Iterator[bytes | HeaderField]:
    """Give the fields in order, constant neighbours as one."""
    same = b""
    for field in fields:
        constant = constant_of(field, errors)
        if constant is not None:
            same += constant
            continue
        if same:
            yield same
            same = b""
        yield field
    if same:
        yield same
