r"""Files that take the place of others: the old file or the new one stands there, and is whole.

A new file is written beside its target, synced, and renamed over the target; then the folder is
synced, so that the name survives a power loss, too (rename(2), fsync(2)). This module must never
leave a torn or a temporary file behind, nor replace anything but a regular file. It imports nothing
of mailbatch but the errors.

    with replacing(Path("results/news.csv")) as stream:
        stream.write("row,email\r\n")  # readers still see the old file
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from mailbatch.errors import SYSTEM_REMEDIES, OutputError


class NotRegularFile(OSError):
    """A device, a folder or the like stands where a file was to be read or replaced: `filename`."""

    def __init__(self, path: Path) -> None:
        super().__init__(None, "it is not a regular file", str(path))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read, and never wait: a FIFO would wait for a writer.

    Raises:
        NotRegularFile: a device, a folder or the like stands there.
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularFile(path)
    return os.fdopen(descriptor, "rb")


@contextmanager
def replacing(path: Path, *, encoding: str = "utf-8", parents: bool = False) -> Iterator[TextIO]:
    """Give a text stream whose file takes the place of `path` once the block ends well.

    Line ends are written as they come. The new file has the permissions of the old one; a link to a
    file stays a link. `parents` makes the folder where there is none.

    Raises:
        NotRegularFile: a device, a folder or the like stands at `path`.
        OSError: the file cannot be written, synced or renamed; the old one stands.
    """
    with _replacing(path, "w", parents=parents, encoding=encoding, newline="") as stream:
        yield stream


@contextmanager
def replacing_bytes(path: Path) -> Iterator[BinaryIO]:
    """Give a binary stream whose file takes the place of `path` once the block ends well.

    Raises:
        NotRegularFile, OSError: as `replacing`.
    """
    with _replacing(path, "wb") as stream:
        yield stream


@contextmanager
def _replacing(
    path: Path,
    kind: str,
    *,
    parents: bool = False,
    encoding: str | None = None,
    newline: str | None = None,
) -> Iterator[Any]:
    """Give a stream of a kind: `w` of text, `wb` of bytes."""
    target, mode = _target(path, parents=parents)
    _remove_leftovers(target)
    building = _beside(target)
    fd = _create(building)
    try:
        with os.fdopen(fd, kind, 1 << 18, encoding, newline=newline) as stream:
            fcntl.flock(fd, fcntl.LOCK_EX)  # the sign that a living process writes this file
            yield stream
            stream.flush()
            if mode is not None:
                os.fchmod(fd, mode)
            os.fsync(fd)
            building.rename(target)
        with suppress(PermissionError):  # a user may write into a folder, and not look at it
            sync_folder(target.parent)
    finally:
        with suppress(OSError):
            building.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file in UTF-8; raises what `replacing` raises."""
    with replacing(path) as stream:
        stream.write(text)


def check_replaceable(path: Path) -> None:
    """Try what `replacing(path, parents=True)` would begin with, and leave only the folder.

    Raises:
        OSError: the error that writing would end in now.
    """
    target, _ = _target(path, parents=True)
    building = _beside(target)
    os.close(_create(building))
    building.unlink()


def put_in_place(building: Path, target: Path) -> None:
    """Rename a file that is written and synced over `target`, and sync the name.

    Raises:
        OSError: either fails.
    """
    building.rename(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss.

    Raises:
        OSError: the folder cannot be opened or synced.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def unwritable(path: Path, error: OSError, option: str) -> OutputError:
    """Return the OutputError (74) for a file that cannot be written, with the next step.

    `option` is the option of the command line that names another place (`--results`).
    """
    hint = _remedy(error, option)
    if isinstance(error, NotRegularFile):
        path, hint = Path(error.filename), "name a file that may be replaced"
    if error.errno == errno.ENOENT and not path.parent.exists():
        hint = f"make the folder {path.parent}, or choose another {option}"
    if hint is None:
        hint = f"make the folder writable for this user, or choose another {option}"
    return OutputError(f"{path}: the file cannot be written: {error.strerror or error}", hint=hint)


def cannot_write(path: Path, error: OSError, option: str) -> OutputError:
    """Return the OutputError (74) for a folder of files, or a file in it, with the next step.

    `path` is named where the error names no file; `option` names another place.
    """
    named = error.filename2 or error.filename or path  # of a copy the second one is written
    hint = _remedy(error, option) or f"choose another {option}"
    return OutputError(f"cannot write {named}: {error.strerror}", hint=hint)


def _remedy(error: OSError, option: str) -> str | None:
    """Return the remedy for a failure of the system, None for that of a path."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"free some space, or choose another {option}"
    return SYSTEM_REMEDIES.get(error.errno or 0)


def _target(path: Path, *, parents: bool) -> tuple[Path, int | None]:
    """Return the file that is replaced, behind all links, and its permissions if it is there."""
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    if parents:
        target.parent.mkdir(parents=True, exist_ok=True)
    return target, mode


def _mode(target: Path) -> int | None:
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise NotRegularFile(target)
    return stat.S_IMODE(found.st_mode)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")


def _create(building: Path) -> int:
    return os.open(building, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666)


def _remove_leftovers(target: Path) -> None:
    """Remove the files that killed processes were writing to replace `target`."""
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        with suppress(OSError), leftover.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()
