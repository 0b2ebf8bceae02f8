"""The memory of the last run of a ledger, and whether that memory can be the last word.

Lock file and witness remember the last run. Each holds the birth of its own file, so a copy is
recognised; the witness holds the time of the last write to the lock file, so an older note written
over a newer one is recognised. Copies of both files were moved together with the ledger, if the
ledger stands in another place now, or put back, if the ledger stands where it stood. This module
must never read or write a file.

Tests: tests/ledger/test_speed.py.
"""

from __future__ import annotations

from enum import Enum

from mailbatch.frozen import frozen
from mailbatch.ledger.holder import Holder
from mailbatch.ledger.inode import Inode
from mailbatch.ledger.witness import Testimony


class Kept(Enum):
    """The place of the notes since they were written.

    TAKEN: a person decided to go on without the notes.
    """

    HERE = "here"
    MOVED = "moved"
    RESTORED = "restored"
    TAKEN = "taken"


@frozen
class Place:
    """The place of a ledger: a path, the name of the machine, and the boot of the machine."""

    home: str
    host: str
    boot: str


@frozen
class Memory:
    """The newest note that can be trusted, if there is one, and the place since.

    `points` is the number of commit points that the run with the number `run` passed, as far as is
    known.
    """

    note: Holder | None = None
    kept: Kept = Kept.HERE
    run: int = 0
    points: int = 0

    @property
    def died(self) -> bool:
        """Whether the last run never put the ledger away."""
        return self.note is not None and self.note.running

    @property
    def seal(self) -> str | None:
        """The digest of what the last run put away."""
        return None if self.note is None or self.note.running else self.note.seal

    def is_of(self, boot: str, ledger: Inode) -> bool:
        """Say whether the last run began under this boot, with this very file on this mount.

        Then no commit of that run can be lost, however the run ended.
        """
        note = self.note
        return (
            note is not None
            and self.kept is Kept.HERE
            and note.ran == boot
            and (note.file, note.mount) == (ledger.birth, ledger.mount)
        )


def remember(
    note: Holder | None, lock: Inode | None, seen: Testimony | None, *, here: Place
) -> Memory:
    """Judge the notes of lock file and witness.

    `note` stands in the lock file, whose inode is `lock`.
    """
    found: list[Holder] = []
    own: list[Holder] = []
    if note is not None:
        found.append(note)
        # An earlier mailbatch wrote no birth.
        if note.birth is None or (lock is not None and note.birth == lock.birth):
            own.append(note)
    if seen is not None:
        found.append(seen.note)
        if seen.birth == seen.at.birth:
            own.append(seen.note)
    if not found:
        return Memory()
    newest = max(own or found, key=lambda one: one.writes)
    kept = Kept.HERE
    if not own:
        stood_here = (newest.home, newest.host) == (here.home, here.host)
        kept = Kept.RESTORED if stood_here else Kept.MOVED
    elif own == found and _was_written_over(note, lock, seen, here.boot):
        kept = Kept.RESTORED
    run, points = (0, 0) if seen is None else (seen.run, seen.points)
    return Memory(newest, kept, run, points)


def _was_written_over(
    note: Holder | None, lock: Inode | None, seen: Testimony | None, boot: str
) -> bool:
    """Say whether another program wrote the note that the witness knows into the lock file again.

    A change of rights changes the time as well. A note that the witness does not know yet was
    written by a run that was killed right behind the write. A power loss may take an unsynced note,
    and not the time of the write.
    """
    if note is None or lock is None or seen is None or note.writes != seen.note.writes:
        return False
    if note.running and (note.ran, note.mount) != (boot, lock.mount):
        return False
    return lock.status != seen.lock_status and lock.rights == seen.lock_rights
