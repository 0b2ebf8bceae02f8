"""The lock of a run: one process holds an edition, and a second one is told who.

`flock` on a file beside the ledger. The kernel frees it when its holder dies, however it dies; it
has no age and never expires, because a lock that is declared stale mails people twice. POSIX only:
Windows is out of scope. Keep the state folder on a local disk. This module must never remove the
lock file: whoever waits for a removed file holds nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mailbatch.errors import LedgerLocked
from mailbatch.ledger.failure import from_system, taken_over


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock, or held it last.

    `running`: the ledger was open, and has not been put away in order since. `lots` is how often
    deliveries were leased, as far as they have been handed out. `seal` is the digest of what was
    put away.
    """

    pid: int
    host: str
    started: str
    boot: str
    running: bool = False
    lots: int = 0
    seal: str | None = None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


class RunLock:
    """An exclusive lock on an edition, held until `release` or the end of the process."""

    __slots__ = ("_fd", "_holder", "died", "lots", "path", "seal")

    def __init__(self, path: Path, *, boot: str) -> None:
        """Take the lock file `path`, creating it; LedgerLocked if another process has it.

        `died` says that the holder before, on this boot, never put the ledger away, after `lots`;
        else `seal` is the digest of what it put away.
        """
        self.path = path
        try:
            self._fd = _open_locked(path)
        except OSError as error:
            raise from_system(path, error, what="the lock cannot be taken") from error
        previous = _read(self._fd)
        self.died = previous is not None and previous.running and previous.boot == boot
        self.seal = None if previous is None or previous.running else previous.seal
        self.lots = 0 if previous is None else previous.lots
        started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._holder = Holder(os.getpid(), os.uname().nodename, started, boot)
        try:
            # What the holder before left stands until the ledger is found in order.
            self.mark(running=self.died, lots=self.lots, seal=self.seal)
        except BaseException:
            self.release()
            raise

    def check(self) -> None:
        """Raise LedgerError if the lock file is not at its path any more: others could get in."""
        if not _is_at(self._fd, self.path):
            raise taken_over(self.path, "the lock file was removed")

    def mark(
        self, *, running: bool, lots: int, seal: str | None = None, durable: bool = False
    ) -> None:
        """Write down who holds the lock, and whether the ledger is open or put away.

        `durable`: the seal of the run before must not come back with a power loss, or the ledger
        that this run writes would be taken for an older copy.
        """
        try:
            _write(self._fd, replace(self._holder, running=running, lots=lots, seal=seal))
            if durable:
                os.fsync(self._fd)
        except OSError as error:
            raise from_system(self.path, error, what="the lock cannot be written") from error

    def release(self) -> None:
        """Give the lock back; without effect the second time."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def last_holder(path: Path) -> Holder | None:
    """Who holds the lock file `path`, or held it last, without touching the lock."""
    try:
        with path.open("rb") as stream:
            return _read(stream.fileno())
    except OSError:
        return None


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file `path` now, whatever its note says.

    The kernel is asked with a shared lock, given back at once: a run that starts in that very
    instant would find it taken, so ask only where the note says that a run is under way.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(fd)
    except BlockingIOError:
        return True
    except OSError as error:
        raise from_system(path, error, what="the lock cannot be looked at") from error
    return False


def _open_locked(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(fd, path):
                return fd
        except BlockingIOError:
            holder = _read(fd)
            os.close(fd)
            raise locked(path, holder) from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # somebody put another file in its place: that one is the lock


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))  # noqa: PTH116 - once a lease
    except FileNotFoundError:
        return False


def _read(fd: int) -> Holder | None:
    # The first line alone: behind it may stand the rest of a longer note, about to be cut off.
    text = os.pread(fd, 4096, 0).decode("utf-8", "replace").partition("\n")[0]
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _write(fd: int, holder: Holder) -> None:
    text = json.dumps(asdict(holder)).encode() + b"\n"
    os.pwrite(fd, text, 0)
    os.ftruncate(fd, len(text))


def locked(path: Path, holder: Holder | None, *, hint: str | None = None) -> LedgerLocked:
    """The refusal of what a run that is under way forbids; by default of another run."""
    who = str(holder) if holder else "a process that has just started"
    return LedgerLocked(
        f"{path}: another run holds this edition: {who}",
        hint=hint or "wait for it to end, or look with `mailbatch status`; this run sent nothing",
    )
