"""The end of a ledger that was a rehearsal: its files go, so that the next rehearsal begins anew.

    discard(folder / "letter@2026-W48.sqlite3")

The ledger of a mailing is never discarded: it knows who has the message. So this module must be
called for rehearsals alone.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.ledger.database import is_there
from mailbatch.ledger.failure import from_system
from mailbatch.ledger.lock import RunLock, boot_id
from mailbatch.ledger.opening import lock_of
from mailbatch.ledger.witness import witness_of


def discard(path: Path) -> None:
    """Remove the ledger at `path`, and every file beside the ledger that knows of it.

    Without effect where there is none. The lock is held until its file goes as the last one, so
    that no other run loses a ledger under way; whoever waits for the lock finds that it has left
    the path, and takes the new one.

    Raises:
        LedgerLocked: another run holds the ledger (75).
        LedgerError: a file cannot be removed (74).
    """
    lock = lock_of(path)
    if not (is_there(path) or is_there(lock)):
        return
    held = RunLock(lock, boot=boot_id(), restored=True)
    try:
        journal, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
        for file in (path, journal, index, witness_of(path), lock):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise from_system(path, error, what="the rehearsal before cannot be removed") from error
    finally:
        held.release()
