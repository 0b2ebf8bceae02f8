"""The look for the files that a job names, while a person still watches.

Paths that are templates are known only to rendering; the file of a secret is asked for by the run.

Tests: tests/job/test_loader.py.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from pathlib import Path as FilePath
from typing import Any

from mailbatch.errors import SYSTEM_REMEDIES, JobError, raise_if_starved
from mailbatch.job.advice import file_advice, list_advice, quotes_advice
from mailbatch.job.faults import NO_FILE
from mailbatch.job.fields import is_template
from mailbatch.job.message import PAGE
from mailbatch.job.model import Job
from mailbatch.job.paths import resolve_path, stored_path
from mailbatch.job.reading import Path, Reading
from mailbatch.job.scalars import Interpolated
from mailbatch.job.setting import NamesFile, declared, texts_at
from mailbatch.suggest import did_you_mean, nearest


def add_file_errors(reading: Reading, folder: FilePath, *, look: bool) -> None:
    """Add the files that cannot be used to the faults of a reading.

    Without `look` these are the names that cannot be used, whatever is there.
    """
    _add_unusable(reading, folder, look=look)
    if look:
        _add_table_as_letter(reading, folder)


def _add_unusable(reading: Reading, folder: FilePath, *, look: bool) -> None:
    refused = {path for _, path in reading.faults}
    for keys, mark in declared(Job, NamesFile):
        if not mark.at_load:
            continue
        for path, name in texts_at(reading.data, keys):
            if path in refused or not name.strip():
                continue
            advice = file_advice(name) if mark.kind == PAGE else None
            if is_template(name):
                if advice is not None and not _fits(folder, name):
                    reading.add(reading.places[path].value, path, NO_FILE, advice)
                continue
            try:
                file = resolve_path(folder, name, absolute_allowed=mark.absolute)
                if name == mark.word:
                    _check_word(file, name)
                elif look and mark.read and not _optional(reading, path):
                    _look(file, _as_written(name, path, reading), advice, section=str(path[0]))
            except JobError as error:
                reading.add(reading.places[path].value, path, error.message, error.hint)


def _optional(reading: Reading, path: Path) -> bool:
    """Tell whether the file at a path of the job may be missing: that of an attachment."""
    around: Any = reading.data
    for step in path[:-1]:
        around = around[step]
    return isinstance(around, dict) and around.get("optional") is True


def _add_table_as_letter(reading: Reading, folder: FilePath) -> None:
    """Add each template file that is the recipient table, too: a letter with all addresses."""
    tables = [name for _, name in texts_at(reading.data, ("recipients", "file"))]
    refused = {path for _, path in reading.faults}
    for key in ("text", "html", "mjml", "markdown"):
        for path, name in texts_at(reading.data, ("message", key)):
            if path not in refused and any(_is_one_file(folder, name, table) for table in tables):
                shown = _as_written(name, path, reading)
                message = f"{shown} is the table of recipients.file, too"
                reading.add(reading.places[path].value, path, message, _LETTER)


def _is_one_file(folder: FilePath, name: str, table: str) -> bool:
    try:
        return stored_path(folder / name).samefile(stored_path(folder / table))
    except (OSError, ValueError):
        return False


def readable(error: OSError) -> str:
    """Return the remedy for a file that is there and cannot be read."""
    if error.errno in SYSTEM_REMEDIES:
        return SYSTEM_REMEDIES[error.errno]
    if isinstance(error, PermissionError):
        return "Let the user who runs mailbatch read the file and its folder."
    return "Name a file that the user who runs mailbatch can read."


def _fits(folder: FilePath, name: str) -> bool:
    """Tell whether a template of a file's name may mean a file that is there."""
    pattern = "*".join(map(glob.escape, _MARKUP.split(name)))
    try:
        return any(glob.iglob(pattern, root_dir=folder))  # noqa: PTH207 - Path takes no absolute one
    except (OSError, ValueError):
        return False


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


_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_MAILBOX = re.compile(r"[^\s@/]+@[^\s@/]+\.[^\s@/.]+")
_ADDRESS = (
    "An address of the Web is no file: for a table, write `command: [curl, -fsS, ADDRESS]` under "
    "`recipients:`, in place of `file`."
)
_DOWNLOAD = (
    "An address of the Web is no file: download it first (`curl -fsSO ADDRESS`) and name the file "
    "here. A letter may also have the address as a link."
)
_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_LETTER = "Name the file of the letter here: each recipient would get the whole table."


def _look(file: FilePath, written: str, advice: str | None, *, section: str) -> None:
    try:
        mode = file.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        hint = _hint(file, written, advice, section)
        raise JobError(f"there is no file {written}", hint=hint) from None
    except OSError as error:
        raise_if_starved(error)
        raise JobError(
            f"{written} cannot be read: {error.strerror}", hint=readable(error)
        ) from None
    if stat.S_ISDIR(mode):
        raise JobError(f"{written} is a folder, not a file", hint="Name a file in it.")


def _hint(file: FilePath, written: str, advice: str | None, section: str) -> str | None:
    """Say what a name without a file may mean; `advice` is for a text in place of a name."""
    if "://" in written:
        return _ADDRESS if section == "recipients" else _DOWNLOAD
    if _MAILBOX.fullmatch(written):
        return "An address is no file: write it into a file of addresses, one a line."
    if written.startswith("~"):
        return "Write the whole path: ~ is no folder here."
    if _OF_WINDOWS.match(written) and os.sep == "/":
        name = re.split(r"[\\/]+", written)[-1]
        return f"This is a path of Windows: put the file into the job's folder, and write {name}."
    if "\\" in written and os.sep == "/":
        return "Write / between folders."
    return advice or quotes_advice(written) or list_advice(written) or _similar(file)


def _similar(file: FilePath) -> str | None:
    try:
        names = [entry.name for entry in file.parent.iterdir()]
    except OSError:
        return "Its folder is not there either."
    # A common ending makes no names alike: nope.txt is no slip for t.txt.
    alike = [one for one in names if nearest(file.stem, [FilePath(one).stem])]
    return did_you_mean(file.name, alike) or "A path begins at the folder of the job file."
