"""The turn of a job: one run at a time over all of its editions, where `server.cap` counts these.

    turn = Turn.take(folder / "news.cap")    # None: a run of another edition has the turn
    with turn:
        ...

`flock`, as the lock of a run: the kernel ends a turn with its process. This module must never
remove the file, nor write into it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from mailbatch.ledger.database import make_folder
from mailbatch.ledger.failure import from_system


class Turn:
    """The turn, held until the end of a block."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Take the turn; None where another process has it.

        Raises:
            LedgerError: the file cannot be made or locked (74).
        """
        try:
            make_folder(path.parent)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise from_system(path, error, what="the turn cannot be taken") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError as error:
            os.close(fd)
            raise from_system(path, error, what="the turn cannot be taken") from error
        return cls(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._fd)
