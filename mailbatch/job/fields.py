"""The scalar types of the job model: the check of each, the words of a refusal, the JSON Schema.

Every check takes the value that the YAML gives and returns the value that the rest of mailbatch
uses, or raises `refusal(...)`: a sentence for people that completes "server.port: ...". A refusal
never repeats the value, because the value may come from the environment. No check does I/O.

Tests: tests/job/test_model.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mailbatch.frozen import frozen
from mailbatch.job.advice import (
    cap_advice,
    duration_advice,
    no_advice,
    rate_advice,
    truth_advice,
    whole_advice,
)
from mailbatch.job.scalars import (
    LONGEST_DURATION,
    Interpolated,
    InterpolatedPlain,
    Rate,
    parse_duration,
    parse_rate,
    plain_value,
)
from mailbatch.suggest import did_you_mean

#: The error type of every refusal that is raised here.
REFUSED = "refused"
#: In place of a null of the file, so that no optional key accepts the null.
NULL = object()
ONE_LINE = "must be one line without control characters"
NO_LITERAL = "must not stand in the job file itself"

_A_DAY = re.compile(r"([1-9][0-9]{0,8})/day")
_MARKUP = re.compile(r"\{\{|\{%|\{#")
# No header and no argument of a command may hold these; some readers take one for a line end.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SOME = {"type": "string", "minLength": 1}


def refusal(message: str, *, hint: str | None = None, at: str | None = None) -> PydanticCustomError:
    """Make the exception by which a check refuses a value.

    `message` completes "server.port: ...", `hint` names a better value. `at` is the key at fault,
    beside the checked one, or a path from there; empty, the mapping around both is at fault.
    """
    return PydanticCustomError(REFUSED, "{message}", {"message": message, "hint": hint, "at": at})


def is_template(text: str) -> bool:
    """Tell whether a value has Jinja2 markup, so that only rendering knows the final text.

    Example:
        >>> is_template("Hello {{ first_name }}"), is_template("50 %")
        (True, False)
    """
    return _MARKUP.search(text) is not None


def fixed_start(text: str) -> str:
    """Return the text before the first Jinja2 markup, with which every rendering begins.

    Example:
        >>> fixed_start("invoices/{{ number }}.pdf")
        'invoices/'
    """
    return _MARKUP.split(text, maxsplit=1)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A scalar of the job file: `check` is the whole validation, `schema` the JSON Schema."""

    check: Callable[[Any], Any]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, _: Any, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


@frozen
class Several:
    """A list, read as a tuple; `single` says whether one value may stand for a list of one.

    `advice` gives the remedy for a value that is no list.
    """

    what: str
    single: bool = True
    empty: bool = True
    advice: Callable[[object], str | None] = no_advice

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._tuple, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        several = handler(schema)
        if not self.empty:
            several["minItems"] = 1
        return {"anyOf": [several["items"], several]} if self.single else several

    def _tuple(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, list | tuple):
            if not value and not self.empty:
                raise refusal("is an empty list", hint="Name something or leave the key out.")
            return tuple(value)
        if self.single and isinstance(value, str | dict):
            return (value,)
        raise refusal(f"must be {self.what}", hint=self.advice(value))


@frozen
class TextFor:
    """A mapping for which the text of the key `key` may stand alone."""

    key: str
    what: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._mapping, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [_SOME, handler(schema)]}

    def _mapping(self, value: Any) -> Any:
        if isinstance(value, str):
            return {self.key: value}
        if not isinstance(value, dict | BaseModel):
            raise refusal(f"must be {self.what}")
        return value


def text(value: Any) -> str:
    """Check text of any number of lines that is not empty."""
    if not isinstance(value, str):
        if isinstance(value, bool | int | float):
            raise refusal("must be text", hint="Put it into quotes.")
        if isinstance(value, list | dict):
            mark = "[" if isinstance(value, list) else "{"
            raise refusal("must be text", hint=f"Put a text that begins with {mark} into quotes.")
        raise refusal("must be text")
    if not value.strip():
        raise refusal("must not be empty")
    return str(value)


def line(value: Any) -> str:
    """Check text without line ends and other control characters."""
    checked = text(value)
    if _CONTROL.search(checked):
        hint = "Write >- instead of > or |." if checked.endswith("\n") else None
        raise refusal(ONE_LINE, hint=hint)
    return checked


def number_or_line(value: Any) -> str:
    """Check a line of text; a whole number becomes digits."""
    return str(value) if type(value) is int else line(value)


def fixed_line(value: Any) -> str:
    """Check a line of text that is no template: every message shares the value."""
    checked = line(value)
    if is_template(checked):
        raise refusal(
            "is no template: it is the same for every message",
            hint="Rows that want another one want a job of their own, by recipients.where.",
        )
    return checked


def true_or_false(value: Any) -> bool:
    """Check a truth value; `yes` and `on` are words in YAML 1.2."""
    typed = _typed(value)
    if not isinstance(typed, bool):
        raise refusal("must be true or false", hint=truth_advice(value))
    return typed


def _typed(value: Any) -> Any:
    """Give a value from the environment the type that YAML would give."""
    return plain_value(value) if isinstance(value, Interpolated) else value


def whole(low: int, high: int | None = None) -> Scalar:
    """Make the type of whole numbers from `low` to `high`."""
    words = (
        f"must be a number from {low} to {high}"
        if high
        else f"must be a whole number, {low} or more"
    )
    most = high if high is not None else 2**31 - 1

    def check(value: Any) -> int:
        typed = _typed(value)
        if type(typed) is not int or not low <= typed <= most:
            raise refusal(words, hint=whole_advice(value))
        return int(typed)

    return Scalar(check, {"type": "integer", "minimum": low, "maximum": most})


def duration(*, zero: bool) -> Scalar:
    """Make the type of durations in seconds; `zero` says whether 0 is one."""

    def check(value: Any) -> float:
        given = f"{value:f}" if type(value) in (int, float) else value
        try:
            seconds = parse_duration(given if isinstance(given, str) else "")
        except ValueError as error:
            raise refusal(str(error), hint=duration_advice(value)) from None
        if not seconds and not zero:
            raise refusal("must be longer than 0s")
        return seconds

    pattern = r"^[0-9]+(\.[0-9]+)?[smh]?$"
    number = {"type": "number", "maximum": LONGEST_DURATION}
    number |= {"minimum": 0} if zero else {"exclusiveMinimum": 0}
    return Scalar(check, {"anyOf": [{"type": "string", "pattern": pattern}, number]})


def _rate(value: Any) -> Rate:
    try:
        return parse_rate(value if isinstance(value, str) else "")
    except ValueError as error:
        raise refusal(str(error), hint=rate_advice(value)) from None


def _cap(value: Any) -> int:
    found = _A_DAY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refusal("must be recipients per day, such as 5000/day", hint=cap_advice(value))
    return int(found[1])


def one_of(*words: str, meant: Mapping[str, str] | None = None) -> Scalar:
    """Make the type of a word out of `words`; `meant` are remedies for words in lower case."""
    listed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))

    def check(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return str(value)
        hint = did_you_mean(value, words) if isinstance(value, str) else None
        if meant is not None and type(value) in (str, bool):
            hint = meant.get(str(value).casefold(), hint)
        raise refusal(f"must be {listed}", hint=hint)

    return Scalar(check, {"type": "string", "enum": list(words)})


def pattern(expression: str, words: str, *, hint: str | None = None) -> Scalar:
    """Make the type of texts that match `expression` as a whole; `words` refuse all others."""
    compiled = re.compile(expression)

    def check(value: Any) -> str:
        checked = line(value)
        if not compiled.fullmatch(checked):
            raise refusal(words, hint=hint)
        return checked

    return Scalar(check, {"type": "string", "pattern": f"^(?:{expression})$"})


def marked(scalar: Scalar) -> Scalar:
    """Make a type that keeps the mark of text from the environment, which no error repeats."""

    def check(value: Any) -> str:
        checked: str = scalar.check(value)
        return value if isinstance(value, Interpolated) else checked

    return Scalar(check, scalar.schema)


def settled(value: Any) -> Any:
    """Give every value in a tree of lists and mappings the type of YAML."""
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, InterpolatedPlain):
        return plain_value(value)
    return str(value) if isinstance(value, Interpolated) else value


def _list_or_mapping(value: Any) -> Any:
    if not isinstance(value, list | dict):
        raise refusal("must be a list or a mapping")
    return settled(value)


def _version(value: Any) -> int:
    value = _typed(value)
    if type(value) is not int:
        raise refusal("must be 1")
    if value != 1:
        raise refusal("must be 1: this mailbatch knows no other version")
    return int(value)


ANYTHING = Scalar(settled, {})
LIST_OR_MAPPING = Scalar(_list_or_mapping, {"anyOf": [{"type": "array"}, {"type": "object"}]})
VERSION = Scalar(_version, {"const": 1})
TEXT = Scalar(text, _SOME)
LINE = Scalar(line, _SOME)
FIXED = Scalar(fixed_line, _SOME)
NUMBER_OR_LINE = Scalar(number_or_line, {"anyOf": [_SOME, {"type": "integer"}]})
BOOLEAN = Scalar(true_or_false, {"type": "boolean"})
RATE = Scalar(
    _rate, {"type": "string", "pattern": r"^(?!0+(\.0+)?/)[0-9]{1,9}(\.[0-9]{1,6})?/(s|min|h|day)$"}
)
CAP = Scalar(_cap, {"type": "string", "pattern": r"^[1-9][0-9]{0,8}/day$"})
TIMEOUT = duration(zero=False)
WAIT = duration(zero=True)
