"""The mistakes that pydantic finds, in words for people and at the places of the job file.

The wording of most refusals is that of the checks themselves; the few words of pydantic
itself are replaced here, and "did you mean" is added. Nothing here repeats a value.

Tests: tests/job/test_loader.py.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mailbatch.job.advice import file_advice, list_advice, quotes_advice
from mailbatch.job.fields import NO_LITERAL, NULL, ONE_LINE, REFUSED
from mailbatch.job.model import Job
from mailbatch.job.reading import Path, Reading
from mailbatch.job.section import Section
from mailbatch.job.server import ONE_SOURCE, Secret
from mailbatch.job.setting import EVERY, NamesFile, declared
from mailbatch.suggest import nearest

_WORDS = {
    "missing": "is missing",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
}
_MAPPING = _WORDS["model_type"]
NO_FILE = "must be the name of a file, not the text itself"
#: The sections of a job -> how each is written, for a value in place of the section.
_FORMS: dict[Path, str] = {
    ("server",): "server: {host: smtp.example.com, username: NAME, password: {env: NAME}}",
    ("sender",): "sender: {from: Example News <news@example.com>}",
    ("recipients",): "recipients: {file: recipients.csv}",
    ("message",): "message: {subject: Hello, text: letter.txt.j2}",
    ("message", "unsubscribe"): 'unsubscribe: {url: "https://example.com/leave"}',
    ("message", "headers"): "headers: {X-Campaign: autumn}",
    ("message", "inline"): "inline: {logo: images/logo.png}",
    ("callbacks",): 'callbacks: {notify_url: "https://example.com/reports"}',
    ("retry",): "retry: {attempts: 5, initial: 2s}",
    ("variables",): "variables: {issue: 48}",
}
#: The names that other programs have for the sender's address.
_OF_SENDER = frozenset(("name", "email", "address", "mail", "fromname", "fromaddress", "fromemail"))
#: Marks of a text that is one value, such as a name before an address, in spite of its commas.
_PHRASE = re.compile(r"""[<>"]|[^\s,;]\s+[^\s,;]""")
#: The step that pydantic adds where a key of a mapping is at fault rather than the value.
_KEY_STEP = "[key]"


def add_model_errors(error: ValidationError, reading: Reading) -> None:
    """Add the refusals of the model to the faults of a reading."""
    details = error.errors(include_url=False)
    meant: set[Path] = set()
    for detail in details:
        if detail["type"] == "extra_forbidden":
            meant.add(_add_unknown(detail["loc"], reading))
    for detail in details:
        if detail["type"] != "extra_forbidden":
            _add(detail, reading, meant)


def _add(detail: ErrorDetails, reading: Reading, meant: set[Path]) -> None:
    context = detail.get("ctx", {}) if detail["type"] == REFUSED else {}
    message = context.get("message") or _WORDS[detail["type"]]
    hint = context.get("hint")
    path = _written(detail["loc"], reading)
    if (at := context.get("at")) is not None:
        path = (*path[:-1], *at.split(".")) if at else path[:-1]
        if not at and any(one[:-1] == path for one in meant):
            return  # the section lacks what a misspelt key of it was meant to be
    if message == NO_LITERAL:
        # That `password: ${NAME}` is no way at all matters more than whether NAME is set.
        reading.faults = [found for found in reading.faults if found[1] != path]
    elif path in meant or any(path[:size] in reading.broken for size in range(len(path) + 1)):
        return
    if detail["input"] is NULL:
        message, hint = "has no value", "Give it one, or leave the key out."
    elif message == _MAPPING:
        hint = hint or _as_mapping(path, detail["input"])
    elif message == ONE_LINE and _names_file(path) and file_advice(detail["input"]) is not None:
        message, hint = NO_FILE, _file_hint(path, detail["input"], reading)
    elif isinstance(detail["input"], str):
        listed = detail["loc"][:-1] == path and type(detail["loc"][-1]) is int
        words = listed and _PHRASE.search(detail["input"]) is None
        several = list_advice(detail["input"]) if words else None
        hint = quotes_advice(detail["input"]) or several or hint
    if path in reading.places:
        place = reading.places[path]
        start = place.key if _KEY_STEP in detail["loc"] else place.value
    else:
        start = reading.places[path[:-1]].key
    reading.add(start, path, message, hint)


def _as_mapping(path: Path, given: Any) -> str | None:
    """Say how a mapping is written, for a list or a text in place of the mapping."""
    if isinstance(given, list) and any(isinstance(one, dict) for one in given):
        return "Leave the dashes out: the keys stand below, indented."
    form = _FORMS.get(path)
    return f"Write it as {form}" if form is not None else None


def _names_file(path: Path) -> bool:
    """Tell whether the text at a path of a job names a file."""
    steps = [step for step in path if isinstance(step, str)]
    return any(
        len(keys) == len(steps)
        and all(one in {EVERY, step} for one, step in zip(keys, steps, strict=True))
        for keys, _ in declared(Job, NamesFile)
    )


def _file_hint(path: Path, given: str, reading: Reading) -> str | None:
    """Say what to do about a text of several lines in place of the name of a file."""
    place = reading.places.get(path)
    written = reading.source.text[place.value : place.end] if place is not None else ""
    if written.startswith('"') and "\\" in written:
        return r"Put the name into single quotes: \n and \t are no letters inside of double ones."
    return file_advice(given)


def _written(loc: tuple[str | int, ...], reading: Reading) -> Path:
    """Return the path of the value at fault, as far as the file has that path.

    A step may be pydantic's own: into a list that the file writes as a single value, or to a key.
    A missing key is kept.
    """
    path: Path = ()
    data = reading.data
    for step in loc:
        if (*path, step) in reading.places:
            path = (*path, step)
            data = data[step]
        elif isinstance(step, str):
            return (*path, step) if isinstance(data, dict) and step != _KEY_STEP else path
    return path


def _add_unknown(loc: tuple[str | int, ...], reading: Reading) -> Path:
    """Add an unknown key, and return the path of the key that is probably meant."""
    path = _written(loc, reading)
    key = str(path[-1])
    section = _section(path[:-1])
    known = _keys(section)
    near = nearest(key[:64], known) if ":" not in key else None
    start = reading.places[path].key
    if near is not None:
        reading.add(start, path, f'unknown key, did you mean "{near}"?')
        return (*path[:-1], near)
    if section is Secret:
        # The key may be the secret itself, written in braces.
        reading.add(reading.places[path[:-1]].value, path[:-1], ONE_SOURCE)
        return path[:-1]
    first = key.partition(":")[0]
    if first in known and first != key:
        reading.add(start, path, "unknown key", f"Write a space behind the colon of {first}.")
        return (*path[:-1], first)
    if key.strip() != key:
        hint = "Indent with spaces: a blank of another kind is part of the name."
    elif "@" in key or " " in key:
        hint = "Put a text with a comma in it into quotes."
    elif path[0] == "sender" and key.replace("_", "").casefold() in _OF_SENDER:
        hint = f"Write {_FORMS['sender',]}."
    elif homes := _homes().get(key):
        hint = f"{key} belongs to {' or '.join(homes)}."
    else:
        hint = f"Known here: {', '.join(known)}."
    reading.add(start, path, "unknown key", hint)
    return path


def _keys(section: type[Section]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _section(path: Path) -> type[Section]:
    """Return the model of the mapping at a path of a job."""
    section: type[Section] = Job
    for step in path:
        if isinstance(step, str):
            fields = dict(zip(_keys(section), section.model_fields.values(), strict=True))
            section = _inside(fields[step].annotation) or section
    return section


def _inside(annotation: Any) -> type[Section] | None:
    """Return the model inside an annotation, such as `tuple[Attachment, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_inside, get_args(annotation))), None)


@cache
def _homes() -> dict[str, list[str]]:
    """Return the mappings of a job that have a key, for every key below the top."""
    homes: dict[str, list[str]] = {}
    rest: list[tuple[str, type[Section]]] = [("", Job)]
    for prefix, section in rest:
        for key, field in zip(_keys(section), section.model_fields.values(), strict=True):
            if prefix:
                homes.setdefault(key, []).append(prefix)
            if (inner := _inside(field.annotation)) is not None:
                rest.append((f"{prefix}.{key}" if prefix else key, inner))
    return homes
