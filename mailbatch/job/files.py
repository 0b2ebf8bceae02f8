"""The look for the files that a job names, while a person still watches.

Paths that are templates are known only to rendering; the file of a secret is asked for by the run.

Tests: tests/job/test_loader.py.
"""

from __future__ import annotations

import stat
from pathlib import Path as FilePath

from mailbatch.errors import JobError, raise_if_starved
from mailbatch.job.fields import is_template
from mailbatch.job.model import Job
from mailbatch.job.paths import resolve_path
from mailbatch.job.reading import Path, Reading
from mailbatch.job.scalars import Interpolated
from mailbatch.job.setting import NamesFile, declared, texts_at
from mailbatch.suggest import did_you_mean


def add_file_errors(reading: Reading, folder: FilePath, *, look: bool) -> None:
    """Add the files that cannot be used to the faults of a reading.

    Without `look` these are the names that cannot be used, whatever is there.
    """
    refused = {path for _, path in reading.faults}
    for keys, mark in declared(Job, NamesFile):
        if not mark.at_load:
            continue
        for path, name in texts_at(reading.data, keys):
            if path in refused or not name.strip() or is_template(name):
                continue
            try:
                file = resolve_path(folder, name, absolute_allowed=mark.absolute)
                if name == mark.word:
                    _check_word(file, name)
                elif look and mark.read:
                    _look(file, _as_written(name, path, reading))
            except JobError as error:
                reading.add(reading.places[path].value, path, error.message, error.hint)


def _as_written(name: str, path: Path, reading: Reading) -> str:
    """Return a file's name in the job: a value of the environment is not repeated."""
    if not isinstance(name, Interpolated):
        return name
    place = reading.places[path]
    return reading.source.text[place.value : place.end].strip("\"'")


def _check_word(file: FilePath, word: str) -> None:
    """Raise `JobError` where a word is also the name of a file: that file may have been meant."""
    if file.is_file():
        raise JobError(
            f"{word} is a word of mailbatch here, and there is a file of that name",
            hint=f"Write ./{word} for the file, or give the file another name.",
        )


_ADDRESS = (
    "An address of the Web is no file: for a table, write `command: [curl, -fsS, ADDRESS]` under "
    "`recipients:`, in place of `file`."
)


def _look(file: FilePath, written: str) -> None:
    try:
        mode = file.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        hint = _ADDRESS if "://" in written else _similar(file)
        raise JobError(f"there is no file {written}", hint=hint) from None
    except OSError as error:
        raise_if_starved(error)
        raise JobError(f"{written} cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise JobError(f"{written} is a folder, not a file", hint="Name a file in it.")


def _similar(file: FilePath) -> str | None:
    try:
        names = [entry.name for entry in file.parent.iterdir()]
    except OSError:
        return "Its folder is not there either."
    return did_you_mean(file.name, names)
