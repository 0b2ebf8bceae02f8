"""The rule for paths of the job: relative to the job file, and below the folder of that file.

The one rule for every file that a job names, cheap enough to be applied for every message, because
a path may be a template. Nothing here opens a file.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from mailbatch.errors import JobError


def resolve_path(folder: Path, name: str, *, absolute_allowed: bool) -> Path:
    """Return the path of a file that the job names, after the rule for paths.

    `folder` is the job's (`Job.folder`), `name` the path in the job or the one that a template
    gives. An allowed absolute path is returned unchanged. The file need not exist. The result keeps
    the names of symbolic links, so that an attachment has the name in the job, and has the letters
    of the file's own name (`stored_path`).

    Raises:
        JobError: The path leaves the folder, by `..` or by a symbolic link, or is absolute
            where that is not allowed. The message completes "PATH ..." and has no location: callers
            know both.
    """
    if not name or "\0" in name:
        raise JobError("is no path", hint="Name a file, from the folder of the job file.")
    path = Path(name)
    if path.is_absolute():
        if not absolute_allowed:
            raise JobError(
                "must be relative to the job file",
                hint="Name it from the folder of the job file, which it must not leave.",
            )
        return stored_path(path)
    if not name.isascii():
        path = stored_path(folder / path).relative_to(folder)
    if not _stays_plainly(folder, path) and not _stays(folder, path):
        other = ", or name it by its absolute path" if absolute_allowed else ""
        raise JobError("leaves the folder of the job file", hint=f"Move the file there{other}.")
    return folder / path


def stored_path(path: Path) -> Path:
    """Return a path with the letters of the names that are there: é, or e and an accent.

    macOS writes names decomposed, and people and programs write them composed (Unicode NFC). A name
    that is there as it is written stays, and so does one that several files could mean.
    """
    if str(path).isascii() or os.path.lexists(path):
        return path
    folder = stored_path(path.parent)
    wanted = unicodedata.normalize("NFC", path.name)
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names alone
    except OSError:
        names = []
    found = [name for name in names if unicodedata.normalize("NFC", name) == wanted]
    return folder / (found[0] if len(found) == 1 else path.name)


def _stays_plainly(folder: Path, path: Path) -> bool:
    """Tell whether a path has neither `..` nor symbolic links, for a fifth of the time."""
    if ".." in path.parts:
        return False
    here = str(folder)
    for part in path.parts:
        here = f"{here}{os.sep}{part}"
        if os.path.islink(here):  # noqa: PTH114 - this runs for every message
            return False
    return True


def _stays(folder: Path, path: Path) -> bool:
    """Tell whether a path stays below the folder when every symbolic link is followed."""
    base = os.path.realpath(folder)
    target = os.path.realpath(folder / path)
    return target == base or target.startswith(base.rstrip(os.sep) + os.sep)
