"""The folder of bundles that are too large for a database; runs write there, and workers read.

    path = put(folder, name, data)             # on the machine of the run
    with taken(folder, name) as stream: ...    # on that of a worker: the bytes of the name, or none

The SHA-256 of the bytes, which the database has, is the name of a file. A worker reads a private
copy, so that no change between look and use matters. This module must never use a name that is none
of a bundle, nor remove a file.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mailbatch.errors import JobError, LedgerError
from mailbatch.files import open_regular, replacing_bytes, unwritable

OPTION = "--bundles"
#: The variable of the environment in place of the option.
VARIABLE = "MAILBATCH_BUNDLES"
_NAME = re.compile("[0-9a-f]{64}")
_AT_ONCE = 1 << 20


def path_in(folder: Path, name: str) -> Path:
    """Return the path of a bundle in a folder.

    Raises:
        LedgerError: the name, which comes out of a database, is none of a bundle (74).
    """
    if _NAME.fullmatch(name) is None:
        raise LedgerError(
            "the bundle of the mailing has a name that is none",
            hint="somebody has changed the database; `mailbatch run` with the job file names it",
        )
    return folder / f"{name}.bundle"


def put(folder: Path, name: str, data: bytes) -> Path:
    """Have a bundle in a folder, whole or not at all, and return the path.

    Raises:
        OutputError: the file cannot be written (74).
    """
    path = path_in(folder, name)
    try:
        if not _is_there(path, name):
            with replacing_bytes(path) as stream:
                stream.write(data)
    except OSError as error:
        raise unwritable(path, error, OPTION) from error
    return path


@contextmanager
def taken(folder: Path | None, name: str, *, written: str) -> Iterator[tuple[BinaryIO, int]]:
    """Have a private copy of a bundle, and the size; `written` is the path that the run wrote.

    Raises:
        JobError: no folder is named, or the file is not there, cannot be read or has other bytes
            (78).
        LedgerError: the name is none, or there is no room for the copy (74).
    """
    if folder is None:
        raise JobError(
            f"the files of the mailing are too large for the database: the run wrote them to "
            f"{written}, and this worker knows no folder of bundles",
            hint=f"name the folder here, too: {OPTION} DIR, or {VARIABLE}",
        )
    path = path_in(folder, name)
    with _temporary() as copy:
        try:
            with open_regular(path) as stream:
                digest = _copied(stream, copy)
        except OSError as error:
            raise JobError(
                f"{path}: the bundle of the mailing cannot be read: {error.strerror}",
                hint=f"let every worker read the folder that the run wrote {written} into",
            ) from error
        if digest != name:
            raise JobError(
                f"{path}: the bundle of the mailing has other bytes than the run wrote",
                hint=f"copy {written} of the machine of the run here again, or run the job again",
            )
        size = copy.tell()
        copy.seek(0)
        yield copy, size


@contextmanager
def _temporary() -> Iterator[BinaryIO]:
    """Give a file that ends with the process.

    Raises:
        LedgerError: there is no room for one (74).
    """
    try:
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError as error:
        raise _no_room(error) from None
    try:
        yield copy
    finally:
        with suppress(OSError):  # bytes without room are written again
            copy.close()


def _copied(stream: BinaryIO, copy: BinaryIO) -> str:
    """Copy a stream, and return the SHA-256 in hex digits."""
    digest = hashlib.sha256()
    while some := stream.read(_AT_ONCE):
        digest.update(some)
        try:
            copy.write(some)
            copy.flush()
        except OSError as error:
            raise _no_room(error) from None
    return digest.hexdigest()


def _no_room(error: OSError) -> LedgerError:
    return LedgerError(
        f"the bundle of the mailing cannot be copied: {error.strerror}",
        hint="make room in the folder for temporary files, or name another one (TMPDIR)",
    )


def _is_there(path: Path, name: str) -> bool:
    """Say whether a file has the bytes of a name already."""
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == name
    except FileNotFoundError:
        return False
