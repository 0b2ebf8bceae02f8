"""From a mapping of Python to a `Job`: the rules of a job file, without the file.

    load_mapping({"version": 1, "name": "morning", ...}, Path("news"))

Keys, values and refusals are those of a job file. A place is the key alone, as no line holds the
value. Only the text of a file is interpolated: `${NAME}` in a mapping stays as it stands, since a
program reads its own environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailbatch.errors import Location
from mailbatch.job.loader import job_of
from mailbatch.job.model import Job
from mailbatch.job.reading import BROKEN, Place, Reading, has_surrogate
from mailbatch.job.reading import Path as KeyPath
from mailbatch.job.source import Source
from mailbatch.job.yaml_tree import MAX_DEPTH

#: The name of such a job in errors, in the folder of the job.
_NAME = "job"


class _Unwritten(Source):
    """The source of a job that stands in no file: a place is the key alone."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "")

    def location(self, offset: int, key: str | None = None) -> Location:  # noqa: ARG002 - no text
        """Return the place of a key; `offset` orders the places and leads to no line."""
        return Location(self.path, key=key)


def load_mapping(
    given: Mapping[str, Any], folder: Path, *, look: bool = True, table: object | None = None
) -> Job:
    """Read a job from a mapping; `folder` is the one that relative paths start from.

    Lists may be tuples, and names of files may be `os.PathLike`. Without `look` the files that the
    job names need not be there. A `table` takes the place of the one that the job names.

    Raises:
        InputErrors: all mistakes, as `JobError`s in the order of the mapping.
    """
    path = folder / _NAME
    reader = _Reader(Reading(_Unwritten(str(path))))
    reader.reading.data = reader.value(given, ())
    return job_of(reader.reading, path, look=look, table=table)


class _Reader:
    """Copies the values of a mapping, and numbers the places in the order of the mapping."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def value(self, value: Any, path: KeyPath) -> Any:
        """Return a value as plain data; `BROKEN` stands for a value that no job may have."""
        number = len(self.reading.places)
        self.reading.places[path] = Place(number, number)
        if (fault := _fault(value, len(path))) is not None:
            return self._broken(path, fault)
        if isinstance(value, Mapping):
            return self._mapping(value, path)
        if isinstance(value, list | tuple):
            return [self.value(one, (*path, place)) for place, one in enumerate(value)]
        return _plain(value)

    def _mapping(self, given: Mapping[Any, Any], path: KeyPath) -> dict[str, Any]:
        data = {}
        for key, value in given.items():
            if not isinstance(key, str) or has_surrogate(key):
                self._broken(path, "a key must be a text")
            else:
                data[key] = self.value(value, (*path, key))
        return data

    def _broken(self, path: KeyPath, message: str) -> object:
        self.reading.broken.add(path)
        self.reading.add(self.reading.places[path].value, path, message)
        return BROKEN


def _fault(value: Any, depth: int) -> str | None:
    """Return the reason that a value may not stand in a job, None if it may."""
    if isinstance(value, Mapping | list | tuple):
        return f"more than {MAX_DEPTH} levels deep" if depth >= MAX_DEPTH else None
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return "has half a character (\\ud800 to \\udfff)" if has_surrogate(value) else None
    if value is None or isinstance(value, int | float):
        return None
    return f"must be text, a number, a list or a mapping, not {type(value).__name__}"


def _plain(value: Any) -> Any:
    """Return a scalar without its class: the text of an enumeration's member, the name of a path.

    >>> _plain(Path("letter.txt"))
    'letter.txt'
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value
