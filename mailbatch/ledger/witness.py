"""The witness: the state that the last run left, told once more in a second file beside the ledger.

A person who puts an older copy of ledger and lock file back leaves the witness alone, or puts back
a copy whose birth tells. The witness also knows the commit points that were passed since the last
lease, which no other file does. This module must never judge a note.

Tests: tests/certainty/test_put_back.py, tests/ledger/test_damage.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from mailbatch.frozen import frozen
from mailbatch.ledger.failure import from_system
from mailbatch.ledger.holder import Holder, read_holder
from mailbatch.ledger.inode import Inode, inode_of

_POINTS = b"%010d %020d\n"  # written over and over, in place: the run, and its commit points
_POINTS_LENGTH = 32


@frozen
class Testimony:
    """The testimony of a witness: the last note of the lock file, and the inode of that file then.

    `birth` is that of the witness itself at the time of writing, `at` the inode of the witness now.
    `points` is the number of commit points that the run with the number `run` has passed.
    """

    note: Holder
    lock_birth: str
    lock_status: int
    lock_rights: str
    birth: str
    at: Inode
    run: int
    points: int


def witness_of(ledger: Path) -> Path:
    """Return the witness of a ledger; hidden, so that `cp` and `rm` with a `*` pass it over.

    >>> witness_of(Path("news@2026-W48.sqlite3")).name
    '.news@2026-W48.sqlite3.seen'
    """
    return ledger.with_name(f".{ledger.name}.seen")


class Witness:
    """The witness file, open for writing by the holder of the lock alone."""

    __slots__ = ("_birth", "_fd", "path")

    def __init__(self, path: Path) -> None:
        """Open the file `path`, creating it; raises LedgerError where that fails."""
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._birth = inode_of(self._fd).birth
        except OSError as error:
            raise from_system(path, error, what="the witness cannot be written") from error

    def hear(self) -> Testimony | None:
        """Return the last testimony; None where there is none."""
        return _read(self._fd)

    def tell(self, note: Holder, lock: Inode, *, durable: bool) -> None:
        """Keep the last note of the lock file together with the inode of that file."""
        said = {
            "birth": self._birth,
            "lock_birth": lock.birth,
            "lock_status": lock.status,
            "lock_rights": lock.rights,
            "note": note.as_text(),
        }
        text = json.dumps(said).encode() + b"\n"
        try:
            if os.fstat(self._fd).st_size < _POINTS_LENGTH:
                os.pwrite(self._fd, _POINTS % (0, 0), 0)
            os.pwrite(self._fd, text, _POINTS_LENGTH)
            os.ftruncate(self._fd, _POINTS_LENGTH + len(text))
            if durable:
                os.fsync(self._fd)
        except OSError as error:
            raise from_system(self.path, error, what="the witness cannot be written") from error

    def count(self, run: int, points: int) -> None:
        """Keep the number of commit points that a run has passed; the number survives kill -9."""
        try:
            os.pwrite(self._fd, _POINTS % (run, points), 0)
        except OSError as error:
            raise from_system(self.path, error, what="the witness cannot be written") from error

    def close(self) -> None:
        """Close the file; without effect the second time."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def last_testimony(path: Path) -> Testimony | None:
    """Return the testimony of the witness `path`, without touching the file; None without one."""
    try:
        with path.open("rb") as stream:
            return _read(stream.fileno())
    except OSError:
        return None


def _read(fd: int) -> Testimony | None:
    counted, _, rest = os.pread(fd, 8192, 0).decode("utf-8", "replace").partition("\n")
    try:
        run, points = map(int, counted.split())
        # The first line alone: behind it may stand the rest of a longer one, about to be cut off.
        said = json.loads(rest.partition("\n")[0])
        note = read_holder(said.pop("note"))
        if note is None:
            return None
        return Testimony(note=note, at=inode_of(fd), run=run, points=points, **said)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
