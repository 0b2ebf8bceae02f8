"""JSON lines: one JSON object (RFC 8259) a line; the keys of the first one are the columns.

    {"email": "ann@example.com", "first_name": "Ann", "points": 1.50}

Reading streams and is as strict as for CSV: every object has the keys of the first, in any order,
and a line without an object is an error. Values become text: a text stays, a number keeps the
written form (17 is "17", 1.50 is "1.50", no digit is lost), true and false become these words, null
the empty text. A list or an object is refused: a cell holds one value. Blank lines are no records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from mailbatch.errors import Location, RecipientError
from mailbatch.frozen import frozen
from mailbatch.recipients.records import MAX_CELL, name_fault
from mailbatch.recipients.source import Source
from mailbatch.recipients.spool import Spool
from mailbatch.remarks import NO_REMARKS, Remarks
from mailbatch.suggest import did_you_mean_or_all

_OBJECT = 'Each line is one whole object, such as: {"email": "ann@example.org", "plan": "pro"}'
_ARRAY = "A JSON array is no JSON lines; jq -c '.[]' writes one object of it a line."
_WHITE_SPACE = " \t\r\n"
# No text has these characters; JSON writes them as escapes.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: dict[Any, str] = {True: "true", False: "false", None: ""}


class _Members(list[tuple[str, Any]]):
    """The members of an object in the order of the text, with repeated keys."""


@frozen
class JsonLines:
    """A file of JSON objects with known columns; iterating reads all objects.

    `header` is the line of the object that names the columns.
    """

    path: Path | Spool
    shown: str
    encoding: str
    columns: tuple[str, ...]
    header: int

    @property
    def remarks(self) -> Remarks:
        """None: a text hides no records, and shows numbers as written."""
        return NO_REMARKS

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        columns = self.columns
        with Source(self.path, shown=self.shown, encoding=self.encoding) as source:
            for number, line in enumerate(source.lines(), 1):
                members = _members(line, self.shown, number)
                if members is None:
                    continue
                if [name for name, _ in members] != list(columns):
                    members = self._in_order(members, number)
                yield number, tuple([self._cell(*member, line, number) for member in members])

    def _in_order(self, members: _Members, number: int) -> _Members:
        """Return the members in the order of the columns.

        Raises:
            RecipientError: a key is missing, or is none of the columns.
        """
        values = dict(members)
        if len(values) < len(members):
            raise _error(self.shown, number, f"the key {_twice(members)!r} stands there twice")
        missing = [name for name in self.columns if name not in values]
        if extra := [name for name in values if name not in self.columns]:
            raise _error(
                self.shown,
                number,
                f"the key {extra[0]!r} is not on line {self.header}, which names the columns",
                hint=did_you_mean_or_all(extra[0], missing or self.columns),
            )
        if missing:
            raise _error(
                self.shown,
                number,
                f"the key {missing[0]!r} is missing, which line {self.header} has",
                hint="Write null where there is no value.",
            )
        return _Members((name, values[name]) for name in self.columns)

    def _cell(self, name: str, value: Any, line: str, number: int) -> str:
        if isinstance(value, str):
            fault = _text_fault(value, line) if len(line) > MAX_CELL or "\\u" in line else None
            if fault is not None:
                raise _error(self.shown, number, f"the value of {name!r} {fault}")
            return value
        if isinstance(value, list):
            kind = _kind(value)
            raise _error(
                self.shown,
                number,
                f"the value of {name!r} is {kind}; a cell holds a text, a number, true, false or "
                "null",
            )
        return _WORDS[value]


def open_json_lines(path: Path | Spool, *, shown: str, encoding: str) -> JsonLines:
    """Read the columns of a file of JSON lines from its first object.

    `shown` is the name of the file in errors.

    Raises:
        RecipientError: the file cannot be read, or the first line is no object.
    """
    with Source(path, shown=shown, encoding=encoding) as source:
        for number, line in enumerate(source.lines(), 1):
            members = _members(line, shown, number)
            if members is None:
                continue
            columns = tuple(name for name, _ in members)
            reason = name_fault(columns) if columns else "the first object has no keys"
            if len(set(columns)) < len(columns):
                reason = f"the key {_twice(members)!r} stands there twice"
            if any(map(_SURROGATE.search, columns)):
                reason = "a key holds half a surrogate pair"
            if reason is not None:
                raise _error(shown, number, reason, hint=_OBJECT)
            return JsonLines(path, shown, encoding, columns, number)
    raise _error(shown, 1, "the file is empty", hint=_OBJECT)


def _members(line: str, shown: str, number: int) -> _Members | None:
    """Return the members of the object on a line, None for a blank line."""
    text = line.rstrip(_WHITE_SPACE)
    if not text:
        return None
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        reason = (error.msg[:1].lower() + error.msg[1:]).removesuffix(" at")
        hint = _ARRAY if text.lstrip(_WHITE_SPACE).startswith("[") else _OBJECT
        raise RecipientError(
            f"this is no JSON: {reason}",
            location=Location(shown, number, error.colno),
            hint=hint,
        ) from None
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deep"
        raise _error(shown, number, f"this is no JSON: {reason}") from None
    if isinstance(value, _Members):
        return value
    hint = _ARRAY if isinstance(value, list) else _OBJECT
    raise _error(shown, number, f"this is {_kind(value)}, not an object", hint=hint)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number there")


_decode = json.JSONDecoder(
    object_pairs_hook=_Members, parse_float=str, parse_int=str, parse_constant=_refuse
).decode


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "an object" if isinstance(value, _Members) else "a list"
    return "a single value"


def _text_fault(value: str, line: str) -> str | None:
    if len(value) > MAX_CELL:
        return f"has more than {MAX_CELL} characters"
    if "\\u" in line and (found := _NO_TEXT.search(value)) is not None:
        return "holds a NUL character" if found[0] == "\0" else "holds half a surrogate pair"
    return None


def _twice(members: _Members) -> str:
    names = [name for name, _ in members]
    return next(name for name in names if names.count(name) > 1)


def _error(shown: str, line: int, message: str, *, hint: str | None = None) -> RecipientError:
    return RecipientError(message, location=Location(shown, line), hint=hint)
