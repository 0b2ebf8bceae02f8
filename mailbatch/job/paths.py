"""Where a path of the job leads: relative to the job file, and below its folder.

The one rule for every file that a job names. It is cheap enough to be asked for every message,
because a path may be a template. Nothing here opens a file.
"""

from __future__ import annotations

import os
from pathlib import Path

from mailbatch.errors import JobError


def resolve_path(folder: Path, name: str, *, absolute_allowed: bool) -> Path:
    """Return the path of a file that the job names, after checking that it may be used.

    `folder` is the job's (`Job.folder`), `name` the path as the job writes it or a template gives
    it. An absolute path is returned as it is where it is allowed. The file need not exist. The
    result keeps the names of symbolic links, so that an attachment is called what the job calls it.

    Raises:
        JobError: The path leaves the folder, by `..` or by a symbolic link, or is absolute where it
            must not be. The message completes "PATH ..." and has no location: callers know both.
    """
    if not name or "\0" in name:
        raise JobError("is no path")
    path = Path(name)
    if path.is_absolute():
        if not absolute_allowed:
            raise JobError(
                "must be relative to the job file",
                hint="Name it from the folder of the job file, which it must not leave.",
            )
        return path
    base = os.path.realpath(folder)
    target = os.path.realpath(Path(base, name))
    if target != base and not target.startswith(base.rstrip(os.sep) + os.sep):
        raise JobError("leaves the folder of the job file", hint=_escape_hint(absolute_allowed))
    return Path(base, name)


def _escape_hint(absolute_allowed: bool) -> str:
    if absolute_allowed:
        return "Move the file there, or name it by its absolute path."
    return "Move the file there."
