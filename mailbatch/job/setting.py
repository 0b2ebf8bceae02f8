"""Settings of a job: texts with keys and places, and the two kinds that the model declares.

A key of the job is declared once, in the model: the type says whether the text is a template
(`Templated`) or names a file (`NamesFile`). All lists of templates and of files are read from these
marks, so that no reader of the job can forget a key:

    for setting in job.templated():
        print(setting.place, setting.key, setting.text)

    job.yaml:12:3 message.subject {{ first_name }}, what is new
    job.yaml:13:3 message.text letter.txt.j2

Nothing here opens a file, and nothing renders.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel

from mailbatch.errors import Location
from mailbatch.frozen import frozen
from mailbatch.job.fields import TextFor

#: The step of declared keys that stands for every key of a mapping.
EVERY = "*"
#: The place of a value: keys and list indexes, from the root of the job.
KeyPath = tuple[str | int, ...]

Mark = TypeVar("Mark")

# One step of a key: an index, or a name.
_STEP = re.compile(r"\[(\d+)\]\.?|([^.\[]+)\.?")


@frozen
class Setting:
    """A text of the job: a key such as `message.subject`, the text, and the place of the value."""

    key: str
    text: str
    place: Location


@frozen
class Templated:
    """The mark of a type of the model whose text is a template that every message renders.

    With `tree`, the value is a tree of lists and mappings, and every text in the tree is a
    template.
    """

    tree: bool = False


@frozen
class NamesFile:
    """The mark of a type of the model whose text names a file.

    `kind` is the word for people. An `absolute` name may lead out of the job's folder. A file
    without `read` is written rather than read. Without `at_load`, the file is looked at when a
    run needs it, rather than when the job is loaded. The text `word` names no file: `./word` does.
    """

    kind: str
    absolute: bool = True
    read: bool = True
    at_load: bool = True
    word: str | None = None


def declared(
    section: type[BaseModel], kind: type[Mark]
) -> tuple[tuple[tuple[str, ...], Mark], ...]:
    """Return the keys below a section whose types bear a mark of a kind, in the model's order.

    Each is a path of keys with a mark; lists have no step in a path, `EVERY` is each key of a
    mapping. Where one text may stand for a mapping (`TextFor`), a path ends there, too.
    """
    mark: Any = kind  # a type is hashable, but a type of a type variable is none for mypy
    return _declared(section, mark)


@functools.cache  # the model does not change, and a run asks several times
def _declared(section: type[BaseModel], kind: type[Any]) -> tuple[tuple[tuple[str, ...], Any], ...]:
    return tuple(
        found
        for name, field in section.model_fields.items()
        for found in _marked(field.annotation, field.metadata, kind, (field.alias or name,))
    )


def _marked(
    annotation: Any, metadata: tuple[Any, ...] | list[Any], kind: type[Mark], at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Mark]]:
    """Give the paths and marks of one annotation, whose own metadata is `metadata`."""
    yield from ((at, mark) for mark in metadata if isinstance(mark, kind))
    alone = {(*at, mark.key) for mark in metadata if isinstance(mark, TextFor)}
    for path, mark in _inside(annotation, kind, at):
        yield path, mark
        if path in alone:
            yield at, mark


def _inside(
    annotation: Any, kind: type[Mark], at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Mark]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for path, mark in declared(annotation, kind):
            yield (*at, *path), mark
    elif get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        yield from _marked(inner, metadata, kind, at)
    elif get_origin(annotation) is dict:
        yield from _marked(get_args(annotation)[1], (), kind, (*at, EVERY))
    else:
        for argument in get_args(annotation):
            yield from _marked(argument, (), kind, at)


def texts_at(
    value: Any, keys: tuple[str, ...], path: KeyPath = ()
) -> Iterator[tuple[KeyPath, str]]:
    """Find the texts that `keys` lead to, in sections or in the plain data of a job file."""
    if isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from texts_at(item, keys, (*path, number))
    elif keys:
        members = _members(value)
        for key in members if keys[0] == EVERY else keys[:1]:
            if key in members:
                yield from texts_at(members[key], keys[1:], (*path, key))
    elif isinstance(value, str):
        yield path, value


def texts_in(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Find every text in a tree of lists and mappings."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from texts_in(item, (*path, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_in(item, (*path, str(key)))


def _members(value: Any) -> Mapping[str, Any]:
    """Return the values of a section or a mapping by key; no values of anything else."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {field.alias or name: getattr(value, name) for name, field in fields.items()}
    return value if isinstance(value, dict) else {}


def value_at(section: BaseModel, key: str) -> Any:
    """Return the value of a key, `message.attachments[0].path`; None where the job has none.

    Raises:
        KeyError: the model has no such key, or the job no such entry of a list or mapping.
    """
    value: Any = section
    rest = key
    while rest and value is not None:
        step = _STEP.match(rest)
        if isinstance(value, dict):  # names of headers and images may hold dots
            value, rest = value[rest], ""
        elif step is None or (step[1] is None) == isinstance(value, tuple):
            raise KeyError(key)
        elif isinstance(value, tuple):
            if int(step[1]) >= len(value):
                raise KeyError(key)
            value, rest = value[int(step[1])], rest[step.end() :]
        else:
            members = _members(value)
            if step[2] not in members:
                raise KeyError(key)
            value, rest = members[step[2]], rest[step.end() :]
    return value


def written(path: KeyPath) -> str:
    """Write a path as a key.

    Example:
        >>> written(("message", "attachments", 0, "path"))
        'message.attachments[0].path'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]
