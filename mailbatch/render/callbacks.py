r"""Infobip's X-IB-* header fields.

A program without encoded-words reads the values: ASCII only, folded at white space that means
nothing, and refused rather than bent. Callback data is JSON with `\\uXXXX` escapes; a text in the
data that no line holds is refused, because readers make one blank or two of a line end. Where
reports are asked for, the data holds the token of the delivery, too, behind the data of the job. A
message of a test has no bulk id: the provider would count and report the test as one of the
mailing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mailbatch.errors import JobError, MessageError, Reason
from mailbatch.render.encodings import LONGEST_LINE
from mailbatch.render.field_text import FieldError
from mailbatch.render.fields import Field, HeaderField
from mailbatch.render.headers import fold_field, structured_field
from mailbatch.render.templates import Names, Templates, Value
from mailbatch.render.uris import web_address
from mailbatch.report_token import LENGTH, MEMBER, is_token

if TYPE_CHECKING:
    from mailbatch.job import model

#: Infobip's limits, in characters.
BULK_ID_LIMIT = 100
DATA_LIMIT = 4000

_DATA_NAME = "X-IB-Callback-Data"


def callback_fields(
    job: model.Job, templates: Templates, *, of_bulk: bool = True
) -> Iterator[HeaderField]:
    """Make the callback fields of a job in the order of the provider's page.

    `of_bulk` says that the messages belong to the mailing and so have its bulk id.
    """
    for key, name, encode in (
        *((("callbacks.bulk_id", "X-IB-Bulk-Id", _bulk_id),) if of_bulk else ()),
        ("callbacks.tracking_url", "X-IB-Tracking-Url", _url),
        ("callbacks.intermediate_report", "X-IB-Intermediate-Report", structured_field),
        ("callbacks.notify_url", "X-IB-Notify-Url", _url),
        ("callbacks.notify_content_type", "X-IB-Notify-Content-Type", structured_field),
    ):
        if (setting := job.find(key)) is not None:
            yield Field(name, templates.value(setting), encode)
    if job.callbacks.data is not None or job.asks_for_reports:
        yield CallbackData(job, templates)


def _bulk_id(name: str, text: str) -> bytes:
    if not text:
        raise FieldError("is empty")
    if len(text) > BULK_ID_LIMIT:
        raise FieldError(
            f"has {len(text)} characters; at most {BULK_ID_LIMIT} are allowed",
            reason=Reason.BULK_ID_TOO_LONG,
        )
    return structured_field(name, text)


def _url(name: str, text: str) -> bytes:
    return structured_field(name, web_address(text))


class CallbackData:
    """The X-IB-Callback-Data field: JSON whose texts are templates, with the token of the delivery.

    Constant parts are encoded once. The field may be folded behind a comma or a colon of the JSON,
    where white space means nothing, and never inside a text. The token stands last: as a member of
    a mapping, in an entry of its own of a list, alone where the job has no data. Data that leave no
    place for the token go without: a message is worth more than the name of its report.
    """

    name = _DATA_NAME
    key = "callbacks.data"

    def __init__(self, job: model.Job, templates: Templates) -> None:
        self._place = job.locate(self.key)
        self._texts = {setting.key: setting for setting in job.each(self.key)}
        data = job.callbacks.data
        self.source = None if data is None else json.dumps(data, sort_keys=True, default=str)
        # One list of parts for each piece between two places where the field may be folded.
        self._pieces: list[list[str | Value]] = [[]]
        if data is not None:
            self._compile(data, self.key, templates)
        #: The JSON, where every message has the same but for the token.
        self._fixed: list[str] | None = None
        if not any(isinstance(part, Value) for piece in self._pieces for part in piece):
            self._fixed = self._rendered({})
        self._marked = job.asks_for_reports

    def _compile(self, node: Any, key: str, templates: Templates) -> None:
        if isinstance(node, dict):
            self._compile_members(
                "{}", [(str(name), item, f"{key}.{name}") for name, item in node.items()], templates
            )
        elif isinstance(node, list | tuple):
            items = [(None, item, f"{key}[{number}]") for number, item in enumerate(node)]
            self._compile_members("[]", items, templates)
        elif isinstance(node, str):
            value = templates.value(self._texts[key])
            constant = value.constant
            self._pieces[-1].append(value if constant is None else _json(constant))
        else:
            self._pieces[-1].append(_json(node))

    def _compile_members(
        self, brackets: str, members: Sequence[tuple[str | None, Any, str]], templates: Templates
    ) -> None:
        self._pieces[-1].append(brackets[0])
        for number, (name, item, key) in enumerate(members):
            if number:
                self._pieces[-1].append(",")
                self._pieces.append([])
            if name is not None:
                self._pieces[-1].append(f"{_json(name)}:")
                self._pieces.append([])
            self._compile(item, key, templates)
        self._pieces[-1].append(brackets[1])

    @property
    def constant(self) -> bytes | None:
        """The field, where every message has the same; else None.

        Raises:
            JobError: the JSON has more than 4000 characters.
        """
        if self._fixed is None:
            return None
        try:
            field = self.write(self._fixed)
        except MessageError as error:
            raise JobError(error.message, location=self._place) from None
        return None if self._marked else field

    def write(self, pieces: list[str]) -> bytes:
        """Return the field as bytes.

        Raises:
            MessageError: more than 4000 characters, or a text that no line can hold.
        """
        if self._fixed is not None and pieces is not self._fixed:
            token = pieces[-1][1 : 1 + LENGTH]
            if is_token(token):  # one for each message: the rest of the field is laid out once
                before, after = self._around_token
                return before + token.encode("ascii") + after
        try:
            return _data_field(pieces)
        except FieldError as error:
            raise MessageError(str(error), location=self._place, reason=error.reason) from None

    @cached_property
    def _around_token(self) -> tuple[bytes, bytes]:
        """The bytes before and behind the token, where only the token varies."""
        any_token = "0" * LENGTH
        field = _data_field(_with_token(self._fixed or [""], any_token))
        before, _, after = field.rpartition(any_token.encode("ascii"))
        return before, after

    def shown(self, pieces: list[str]) -> str:
        """Return the JSON as readers show it."""
        return " ".join(pieces)

    def render(self, names: Names) -> list[str]:
        """Return the JSON for a recipient, in pieces between which the field may be folded.

        Raises:
            TemplateError: a template fails.
        """
        pieces = self._rendered(names) if self._fixed is None else self._fixed
        if not self._marked:
            return pieces
        marked = _with_token(pieces, names["delivery"]["token"])
        return marked if _length(marked) <= DATA_LIMIT else pieces

    def _rendered(self, names: Names) -> list[str]:
        """Return the JSON of the job's own data, as `render` does; empty where there is none."""
        return [
            "".join(
                [part if isinstance(part, str) else _json(part.render(names)) for part in piece]
            )
            for piece in self._pieces
        ]


def _with_token(pieces: list[str], token: str) -> list[str]:
    """Return the pieces of JSON with the token behind the last member of the data.

    Example:
        >>> _with_token(['{"id":', '"7"}'], "57049136f20f7a33")
        ['{"id":', '"7",', '"mb":', '"57049136f20f7a33"}']
    """
    *before, last = pieces
    name, value = _MEMBER, f"{_json(token)}}}"
    if not last:
        return [f"{{{name}", value]
    if last.endswith("]"):
        begin, name, value = last[:-1], f"{{{name}", f"{value}]"
    else:
        begin = last[:-1]
    if begin in {"[", "{"} and not before:  # without a member of its own
        return [begin + name, value]
    return [*before, f"{begin},", name, value]


def _length(pieces: list[str]) -> int:
    """Return the length of the value, unfolded, in characters."""
    return sum(map(len, pieces)) + len(pieces) - 1


def _data_field(pieces: list[str]) -> bytes:
    length = _length(pieces)
    if length > DATA_LIMIT:
        raise FieldError(
            f"has {length} characters; at most {DATA_LIMIT} are allowed",
            reason=Reason.CALLBACK_DATA_TOO_LONG,
        )
    before = len(_DATA_NAME) + 2  # the name, a colon and a blank; on later lines the blank alone
    for piece in pieces:
        if before + len(piece) > LONGEST_LINE:
            raise FieldError(
                f"has a text of {len(piece)} characters as JSON, which no line of a header can "
                f"hold: at most {LONGEST_LINE - before}",
                reason=Reason.CALLBACK_DATA_TOO_LONG,
            )
        before = 1
    return fold_field(_DATA_NAME, [pieces[0], *[f" {piece}" for piece in pieces[1:]]])


_json = json.JSONEncoder(ensure_ascii=True, allow_nan=False).encode
_MEMBER = f"{_json(MEMBER)}:"
