"""The lock of a run: one process holds an edition, and a second process is told the holder.

`flock` on a file beside the ledger. The kernel frees the lock when the holder dies, however that
happens; the lock has no age and never expires, because a lock that is declared stale mails people
twice. POSIX only: Windows is out of scope. Keep the state folder on a local disk. This module must
never remove the lock file: a process that waits for a removed file holds nothing.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import replace
from pathlib import Path

from mailbatch.errors import LedgerLocked
from mailbatch.ledger.failure import from_system, put_back, taken_over
from mailbatch.ledger.holder import Holder, read_holder
from mailbatch.ledger.inode import Inode, inode_of
from mailbatch.ledger.memory import Kept, Memory, Place, remember
from mailbatch.ledger.witness import Witness, last_testimony, witness_of
from mailbatch.times import iso_time


class RunLock:
    """An exclusive lock on an edition, held until `release` or the end of the process."""

    __slots__ = ("_at", "_fd", "_name", "_note", "_witness", "memory", "path")

    def __init__(self, path: Path, *, boot: str, restored: bool = False) -> None:
        """Take the lock file `path`, created if there is none; LedgerLocked if a process has it.

        `memory` is the memory of the holder before. `restored` takes the files as they stand, and
        remembers nothing. Raises LedgerError where the files were put back from a copy.
        """
        self.path = path
        self._name = os.fspath(path)
        try:
            self._fd = _open_locked(path)
        except OSError as error:
            raise from_system(path, error, what="the lock cannot be taken") from error
        self._witness: Witness | None = None
        try:
            self._take(boot, restored=restored)
        except BaseException:
            self.release()
            raise

    def _take(self, boot: str, *, restored: bool) -> None:
        try:
            found = inode_of(self._fd)
            self._at = _place(os.fstat(self._fd))
            previous = _read(self._fd)
        except OSError as error:
            raise from_system(self.path, error, what="the lock cannot be taken") from error
        ledger = self.path.with_suffix("")
        # What was put back stays as it is, so that it is noticed again.
        seen = last_testimony(witness_of(ledger))
        here = place_of(ledger, boot)
        self.memory = remember(previous, found, seen, here=here)
        writes = max(
            [0, *(one.writes for one in (previous, seen.note if seen else None) if one is not None)]
        )
        if restored:
            self.memory = Memory(kept=Kept.TAKEN)
        elif self.memory.kept is Kept.RESTORED:
            raise put_back(ledger, self.path, witness_of(ledger))
        note = self.memory.note or Holder(0, "", "", boot)
        started = iso_time(time.time())
        self._note = replace(
            note,
            pid=os.getpid(),
            host=here.host,
            started=started,
            boot=boot,
            ran=note.ran or note.boot,
            home=here.home,
            birth=found.birth,
            writes=writes,
        )
        self._witness = Witness(witness_of(ledger))
        # What the holder before left stands until the ledger is found in order.
        self._write(self._note, durable=False)

    def check(self) -> None:
        """Raise LedgerError if the lock file has left the path: another run could get in."""
        if not self.is_at_its_place():
            raise taken_over(self.path, "the lock file was removed")

    def is_at_its_place(self) -> bool:
        """Say whether the lock file is at the path still; asked at every commit point."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - a microsecond less
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._at

    def create(self, ledger: str) -> None:
        """Write down that a ledger was made; synced, before a run in the ledger can be."""
        self._write(replace(self._note, ledger=ledger), durable=True)

    def begin(self, run: int, ledger: str, file: Inode, *, lots: int) -> None:
        """Write down that a run has the ledger open; synced.

        The seal of the run before must not come back with a power loss: else the ledger of this run
        would be taken for an older copy.
        """
        note = replace(
            self._note,
            running=True,
            lots=lots,
            seal=None,
            run=run,
            ledger=ledger,
            ran=self._note.boot,
            file=file.birth,
            mount=file.mount,
        )
        self.count(run, 0)
        self._write(note, durable=True)

    def mark(self, *, running: bool, lots: int, seal: str | None = None) -> None:
        """Write down whether the ledger is open or put away; with a seal, synced."""
        note = replace(self._note, running=running, lots=lots, seal=seal)
        self._write(note, durable=not running)

    def note_layers(self, *, lower: int, upper: int) -> None:
        """Write down the least counts of the file, and of file and journal, from now on."""
        self._write(replace(self._note, lower=lower, upper=upper), durable=False)

    def count(self, run: int, points: int) -> None:
        """Write down the number of commit points that a run has passed."""
        if self._witness is not None:
            self._witness.count(run, points)

    def _write(self, note: Holder, *, durable: bool) -> None:
        note = replace(note, writes=note.writes + 1)
        text = note.as_text().encode() + b"\n"
        try:
            os.pwrite(self._fd, text, 0)
            os.ftruncate(self._fd, len(text))
            if durable:
                os.fsync(self._fd)
            now = inode_of(self._fd)
        except OSError as error:
            raise from_system(self.path, error, what="the lock cannot be written") from error
        self._note = note
        # Where another lock file stands there is another holder, and the witness is that one's.
        if self._witness is not None and self.is_at_its_place():
            self._witness.tell(note, now, durable=durable)

    def release(self) -> None:
        """Give the lock back; without effect the second time."""
        if self._witness is not None:
            self._witness.close()
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def last_holder(path: Path) -> Holder | None:
    """Return the holder of the lock file `path`, or the last holder, without touching the lock."""
    try:
        with path.open("rb") as stream:
            return _read(stream.fileno())
    except OSError:
        return None


def last_memory(path: Path, *, boot: str) -> Memory:
    """Return the memory of the last run, by lock file `path` and witness; touches neither."""
    ledger = path.with_suffix("")
    try:
        lock = inode_of(path)
    except OSError:
        lock = None
    seen = last_testimony(witness_of(ledger))
    return remember(last_holder(path), lock, seen, here=place_of(ledger, boot))


def place_of(ledger: Path, boot: str) -> Place:
    """Return the place of a ledger.

    >>> place_of(Path("/news.sqlite3"), "boot 1").home
    '/news.sqlite3'
    """
    return Place(os.path.realpath(ledger), os.uname().nodename, boot)


def is_held(path: Path) -> bool:
    """Say whether a process holds the lock file `path` now, by the kernel's word.

    The kernel is asked with a shared lock that is given back at once. A run that starts in that
    very instant would be refused: ask only where the note says that a run is under way.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(fd)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
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
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _place(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _read(fd: int) -> Holder | None:
    # The first line alone: behind it may stand the rest of a longer note, about to be cut off.
    return read_holder(os.pread(fd, 4096, 0).decode("utf-8", "replace").partition("\n")[0])


def locked(path: Path, holder: Holder | None, *, hint: str | None = None) -> LedgerLocked:
    """Return the refusal of an action that a run under way forbids; by default of another run.

    >>> print(locked(Path("news.sqlite3"), None))
    news.sqlite3: another run holds this edition: a process that has just started
    """
    who = holder.process if holder else "a process that has just started"
    return LedgerLocked(
        f"{path}: another run holds this edition: {who}",
        hint=hint or "wait for it to end, or look with `mailbatch status`; this run sent nothing",
    )


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: macOS has an id for each boot session; the BSDs have the time of the boot.
_SYSCTL_NAMES = ("kern.bootsessionuuid", "kern.boottime")


def boot_id() -> str:
    """Return an id that stays the same until the machine boots again.

    After kill -9 everything that was written is still in the page cache; after a power loss only
    synced bytes are on the disk. The ledger compares the boot of the last run with this one.

    Linux: `/proc/sys/kernel/random/boot_id`. macOS: `kern.bootsessionuuid`. BSD: `kern.boottime`.
    Without any of these every call returns a new id: each run that died then counts as a power
    loss, which names too many deliveries as in doubt and never too few.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return _elsewhere()


def _elsewhere() -> str:
    import subprocess
    import uuid

    for name in _SYSCTL_NAMES:
        try:
            found = subprocess.run(
                ["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if found.stdout.strip():
            return f"{name}={found.stdout.strip()}"
    return f"unknown-{uuid.uuid4()}"
