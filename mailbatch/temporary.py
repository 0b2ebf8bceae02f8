"""Folders of temporary files that end with their process, however the process ends.

    with temporary_folder() as folder:
        (folder / "rows.csv").write_text(...)

A rehearsal, a gallery and the bundle of a worker hold addresses and texts of people. A killed
process cannot clear up, so that each process removes what killed ones of the same user have left.
The lock of a folder says that its process lives (flock(2)); the kernel frees the lock with the
process. This module must never touch a folder of another user, nor one without its own prefix.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "mailbatch-tmp-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a private folder that is removed behind the block, or by the next process.

    Raises:
        OSError: no folder can be made.
    """
    _remove_leftovers()
    folder, fd = _locked()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what is left, the next process removes
        os.close(fd)


def _locked() -> tuple[Path, int]:
    """Return a new folder and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # another process took the new folder for a leftover
        with suppress(OSError):  # a file system without locks: nobody can remove the folder either
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return folder, fd
        os.close(fd)  # the same, a moment later: before it had a lock


def _remove_leftovers() -> None:
    """Remove the folders of killed processes of this user."""
    for leftover in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            fd = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(fd).st_uid == os.geteuid():
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(leftover)
            finally:
                os.close(fd)
