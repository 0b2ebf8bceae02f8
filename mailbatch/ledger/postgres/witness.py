"""The witness: the last that this machine has seen of a ledger in a database, in a file of its own.

    witness = Witness.take(Path(".mailbatch"), "mailbatch_news_48_194a6f4dea2a.5f0c2b7d")
    witness.tell("9f3c", 7713949474749974886, 22_021_896)     # an opening that was not refused
    witness.note(22_022_464, Passed(17, 1, 3))    # behind the acknowledgement, before the dot

A database cannot know of commits that are gone. Each process that writes keeps a *position* that
the write-ahead log had reached by an acknowledged commit, and the last commit point that passed.
Processes of one machine have a file each, held by a lock of the system: `NAME.1.seen` and so on,
where the name is that of the schema and of its database (`continuity.name_of`).
Without a folder the witness lives as long as its process. This module must never judge.

Tests: tests/ledger/postgres/test_continuity.py.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import zlib
from pathlib import Path
from typing import NamedTuple, Self

from mailbatch.errors import SYSTEM_REMEDIES, LedgerError
from mailbatch.frozen import frozen
from mailbatch.ledger.database import make_folder

#: Written over and over, in place: position, delivery, attempt, worker, and a sum over both lines.
_SEEN = b"%020d %020d %010d %010d"
_SUM = b" %08x\n"
_LONGEST = 4096
#: A file that is read in the middle of a write has another sum, and is read again so often.
_READS = 100


class Passed(NamedTuple):
    """A commit point that a worker has passed."""

    delivery: int
    attempt: int
    worker: int


@frozen
class Testimony:
    """The testimony of a witness about a ledger.

    `era` names the ledger and the last decision about a copy, `system` the PostgreSQL system.
    `position` is a position of the write-ahead log in bytes, `passed` the last commit point.
    """

    era: str
    system: int
    position: int = 0
    passed: Passed | None = None


class Witness:
    """The witness of one process that writes a ledger."""

    __slots__ = ("_fd", "_passed", "_path", "_position", "_said", "_said_line")

    def __init__(self, path: Path | None, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._said: tuple[str, int] | None = None
        self._said_line = b""
        self._position = 0
        self._passed: Passed | None = None

    @classmethod
    def take(cls, folder: Path | None, name: str) -> Self:
        """Take the first file of a name that no other process holds; without a folder none.

        A file of another user is passed over.

        Raises:
            LedgerError: the file cannot be made or locked (74).
        """
        if folder is None:
            return cls(None, -1)
        try:
            make_folder(folder)
            for number in itertools.count(1):
                path = folder / f"{name}.{number}.seen"
                try:
                    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                except PermissionError:
                    if not path.exists():  # the folder itself
                        raise
                    continue
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(fd)
                    continue
                return cls(path, fd)
        except OSError as error:
            raise _failed(folder, error) from error
        raise AssertionError

    def heard(self) -> list[Testimony]:
        """Return what the process itself has seen; nothing before the first `tell`."""
        if self._said is None:
            return []
        return [Testimony(*self._said, self._position, self._passed)]

    def tell(self, era: str, system: int, position: int) -> None:
        """Keep the ledger that is open from now on, and how far the log has come in there.

        Raises:
            LedgerError: the file cannot be written (74).
        """
        if self._said == (era, system):
            self.note(position)
            return
        before = None if self._path is None else _read(self._path)
        is_known = before is not None and (before.era, before.system) == (era, system)
        self._said, self._position = (era, system), position
        self._passed = before.passed if before is not None and is_known else None
        if self._path is None:
            return
        self._said_line = json.dumps({"era": era, "system": system}).encode() + b"\n"
        written = self._seen() + self._said_line
        try:
            os.pwrite(self._fd, written, 0)
            os.ftruncate(self._fd, len(written))
            os.fsync(self._fd)
        except OSError as error:
            raise _failed(self._path, error) from error

    def note(self, position: int, passed: Passed | None = None) -> None:
        """Keep how far the log had come by an acknowledged commit; it survives kill -9.

        `passed` None: the commit passed no commit point.

        Raises:
            LedgerError: the file cannot be written (74).
        """
        self._position = max(self._position, position)
        self._passed = passed or self._passed
        if self._path is None:
            return
        try:
            os.pwrite(self._fd, self._seen(), 0)
        except OSError as error:
            raise _failed(self._path, error) from error

    def _seen(self) -> bytes:
        """Return the line that is written over and over."""
        seen = _SEEN % (self._position, *(self._passed or (0, 0, 0)))
        return seen + _SUM % zlib.crc32(seen + self._said_line)

    def close(self) -> None:
        """Let the file go; without effect the second time."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._path = None
            os.close(fd)


def heard_of(folder: Path | None, name: str) -> list[Testimony]:
    """Return the testimonies of this machine about a ledger; a file that is damaged has none."""
    if folder is None:
        return []
    found = (_read(path) for path in files_of(folder, name))
    return [testimony for testimony in found if testimony is not None]


def files_of(folder: Path, name: str) -> list[Path]:
    """Return the files of the witnesses of a ledger in a folder, sorted."""
    return sorted(folder.glob(f"{name}.*.seen"))


def _read(path: Path) -> Testimony | None:
    """Return the testimony of a file; None for one that cannot be read, or has another sum.

    Half of a position must never speak against a ledger: the process that writes does not wait.
    """
    for _ in range(_READS):
        try:
            written = path.read_bytes()[:_LONGEST]
            seen, sep, said = written.partition(b"\n")
            numbers, _, told_sum = seen.rpartition(b" ")
            # The first line alone: behind it may stand the rest of a longer one, about to be cut.
            line = said.partition(b"\n")[0]
            if int(told_sum, 16) != zlib.crc32(numbers + line + sep):
                continue
            position, *passed = map(int, numbers.split())
            told, point = json.loads(line), Passed(*passed)
            return Testimony(told["era"], told["system"], position, point if point.worker else None)
        except (OSError, ValueError, TypeError, KeyError):
            return None
    return None


def _failed(path: Path, error: OSError) -> LedgerError:
    return LedgerError(
        f"{path}: the witness of the ledger cannot be written: {error.strerror or error}",
        hint=SYSTEM_REMEDIES.get(error.errno or 0, "name a folder of this user with --state-dir"),
    )
