"""Whether the files that a job names are there, while a person still watches.

Paths that are templates are known only to rendering; where a secret is, is asked when it is needed.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from mailbatch.errors import JobError, raise_if_starved
from mailbatch.job.fields import is_template
from mailbatch.job.paths import resolve_path
from mailbatch.job.reading import Path, Reading
from mailbatch.job.scalars import Interpolated
from mailbatch.suggest import did_you_mean

#: The keys that name files, whether they may be absolute, and whether the file must be there.
#: "*" stands for every key; lists are gone through.
_KEYS: tuple[tuple[tuple[str, ...], bool, bool], ...] = (
    (("server", "ca_file"), True, True),
    (("recipients", "file"), False, True),
    (("recipients", "suppress"), True, True),
    (("message", "text"), True, True),
    (("message", "html"), True, True),
    (("message", "markdown"), True, True),
    (("message", "attachments"), True, True),
    (("message", "attachments", "path"), True, True),
    (("message", "inline", "*"), True, True),
    (("results",), False, False),
)


def add_file_errors(reading: Reading, folder: FilePath) -> None:
    """Add the files that cannot be used to what is wrong with a reading."""
    refused = {path for _, path in reading.faults}
    for keys, absolute_allowed, required in _KEYS:
        for path, name in _texts(reading.data, (), keys):
            if path in refused or not name.strip() or is_template(name):
                continue
            try:
                file = resolve_path(folder, name, absolute_allowed=absolute_allowed)
                if required:
                    _look(file, _as_written(name, path, reading))
            except JobError as error:
                reading.add(reading.places[path].value, path, error.message, error.hint)


def _texts(value: Any, path: Path, keys: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Find the texts that `keys` lead to."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, number), keys)
    elif keys and isinstance(value, dict):
        for key in value if keys[0] == "*" else keys[:1]:
            if key in value:
                yield from _texts(value[key], (*path, key), keys[1:])
    elif not keys and isinstance(value, str):
        yield path, value


def _as_written(name: str, path: Path, reading: Reading) -> str:
    """Return a file's name as the job has it: what the environment holds is not repeated."""
    if not isinstance(name, Interpolated):
        return name
    place = reading.places[path]
    return reading.source.text[place.value : place.end].strip("\"'")


def _look(file: FilePath, written: str) -> None:
    try:
        mode = file.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise JobError(f"there is no file {written}", hint=_similar(file)) from None
    except OSError as error:
        raise_if_starved(error)
        raise JobError(f"{written} cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise JobError(f"{written} is a folder, not a file")


def _similar(file: FilePath) -> str | None:
    try:
        names = [entry.name for entry in file.parent.iterdir()]
    except OSError:
        return "Its folder is not there either."
    return did_you_mean(file.name, names)
