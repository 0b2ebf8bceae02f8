"""The mistakes that pydantic finds, in words for people and at the places of the job file.

The wording of most refusals is that of the checks themselves; the few words of pydantic
itself are replaced here, and "did you mean" is added. Nothing here repeats a value.

Tests: tests/job/test_loader.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mailbatch.job.fields import NO_LITERAL, NULL, REFUSED
from mailbatch.job.model import Job
from mailbatch.job.reading import Path, Reading
from mailbatch.job.section import Section
from mailbatch.job.server import ONE_SOURCE, Secret
from mailbatch.suggest import nearest

_WORDS = {
    "missing": "is missing",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
}
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
        path = (*path[:-1], at) if at else path[:-1]
    if message == NO_LITERAL:
        # That `password: ${NAME}` is no way at all matters more than whether NAME is set.
        reading.faults = [found for found in reading.faults if found[1] != path]
    elif path in meant or any(path[:size] in reading.broken for size in range(len(path) + 1)):
        return
    if detail["input"] is NULL:
        message, hint = "has no value", "Give it one, or leave the key out."
    if path in reading.places:
        place = reading.places[path]
        start = place.key if _KEY_STEP in detail["loc"] else place.value
    else:
        start = reading.places[path[:-1]].key
    reading.add(start, path, message, hint)


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
    near = nearest(key[:64], known)
    start = reading.places[path].key
    if near is not None:
        reading.add(start, path, f'unknown key, did you mean "{near}"?')
        return (*path[:-1], near)
    if section is Secret:
        # The key may be the secret itself, written in braces.
        reading.add(reading.places[path[:-1]].value, path[:-1], ONE_SOURCE)
        return path[:-1]
    if homes := _homes().get(key):
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
