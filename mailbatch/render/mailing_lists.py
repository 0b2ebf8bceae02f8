"""The fields of a mailing list: List-Id, List-Unsubscribe (RFC 2919, 2369), one-click (RFC 8058).

Beside them stands `Precedence: bulk`, unless the job writes another one. RFC 2076 (3.9) calls the
field non-standard; but answering machines older than the List-* fields keep silent for it (RFC 3834
2), and content filters expect both in a newsletter.

A URL in these fields is never folded and never an encoded-word: a mail program that cannot read the
URL does not offer to unsubscribe, and the reader reports spam instead.

Tests: tests/render/test_fields.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.errors import JobError, MessageError
from mailbatch.render.field_text import FieldError
from mailbatch.render.fields import Field, FixedField, HeaderField
from mailbatch.render.headers import fold_field, phrase_chunks, structured_field
from mailbatch.render.templates import Names, Templates, Value
from mailbatch.render.uris import mail_address, web_address

if TYPE_CHECKING:
    from mailbatch.job import model

_PRECEDENCE = "Precedence"
_POST = "List-Unsubscribe=One-Click"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
_IDENTIFIER = re.compile(rf"(?=.{{1,255}}\Z){_LABEL}(?:\.{_LABEL})+")  # RFC 2919 2
_QUOTED_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"')


def list_fields(job: model.Job, templates: Templates) -> Iterator[HeaderField]:
    """Make the list fields of a job."""
    if (list_id := job.find("message.list_id")) is not None:
        yield Field("List-Id", templates.value(list_id), _list_id)
    if job.message.unsubscribe is not None:
        yield Unsubscribe(job, job.message.unsubscribe, templates)
        if job.message.unsubscribe.one_click:
            post = replace(job.at("message.unsubscribe.one_click"), text=_POST)
            yield Field("List-Unsubscribe-Post", templates.value(post), structured_field)
    of_a_list = job.message.list_id is not None or job.message.unsubscribe is not None
    if of_a_list and _PRECEDENCE.lower() not in map(str.lower, job.message.headers):
        yield FixedField(_PRECEDENCE, "message", "bulk")


def _list_id(name: str, text: str) -> bytes:
    """Write `news.example.com` or `Example News <news.example.com>`.

    Raises:
        FieldError: the text has no identifier, or the phrase holds a control character.
    """
    phrase, opening, rest = text.strip(" ").rpartition("<")
    phrase = phrase.strip(" ")
    identifier = rest.removesuffix(">" * len(opening))
    if (opening and identifier == rest) or not _IDENTIFIER.fullmatch(identifier):
        raise FieldError(f"{text!r} is no list identifier; write it as news.example.com")
    if not phrase:
        return structured_field(name, f"<{identifier}>")
    if quoted := _QUOTED_PHRASE.fullmatch(phrase):
        phrase = re.sub(r"\\(.)", r"\1", quoted[1]).strip(" ")
    first, *others = phrase_chunks(phrase, len(name) + 2)
    return fold_field(name, [first.strip(" "), *others, f" <{identifier}>"])


class Unsubscribe:
    """The List-Unsubscribe field: the URL first, where readers of RFC 8058 look."""

    name = "List-Unsubscribe"
    key = "message.unsubscribe"

    def __init__(self, job: model.Job, given: model.Unsubscribe, templates: Templates) -> None:
        self._place = job.locate(self.key)
        self._https = given.one_click
        self._url: Value | None = None
        self._mailto: Value | None = None
        if (url := job.find("message.unsubscribe.url")) is not None:
            self._url = templates.value(url)
        if (mailto := job.find("message.unsubscribe.mailto")) is not None:
            self._mailto = templates.value(mailto)
        self.values = [value for value in (self._url, self._mailto) if value is not None]
        self.source = ", ".join(value.source for value in self.values)

    @property
    def constant(self) -> bytes | None:
        """The field, where every message has the same; else None.

        Raises:
            JobError: a URI is none, or too long for a line.
        """
        if any(value.constant is None for value in self.values):
            return None
        try:
            return self._field(self._uris({}))
        except FieldError as error:
            raise JobError(str(error), location=self._place) from None

    def render(self, names: Names) -> list[str]:
        """Return the URIs for a recipient, in angle brackets.

        Raises:
            MessageError: a URL or an address is none.
            TemplateError: a template fails.
        """
        try:
            return self._uris(names)
        except FieldError as error:
            raise MessageError(str(error), location=self._place) from None

    def write(self, pieces: list[str]) -> bytes:
        """Return the field as bytes.

        Raises:
            MessageError: a URI is too long for a line.
        """
        try:
            return self._field(pieces)
        except FieldError as error:
            raise MessageError(str(error), location=self._place) from None

    def shown(self, pieces: list[str]) -> str:
        """Return the URIs for readers."""
        return ", ".join(pieces)

    def _field(self, uris: list[str]) -> bytes:
        first, *others = uris
        return fold_field(self.name, [first + "," * bool(others), *(f" {uri}" for uri in others)])

    def _uris(self, names: Names) -> list[str]:
        uris = []
        if self._url is not None:
            url = web_address(self._url.render(names))
            if self._https and not url.startswith("https:"):
                raise FieldError("one_click needs a url that begins with https://")
            uris.append(f"<{url}>")
        if self._mailto is not None:
            uris.append(f"<{mail_address(self._mailto.render(names))}>")
        return uris
