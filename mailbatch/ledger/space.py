"""Room on the disk, taken before the first message: a full disk strikes before and not between.

A reply that cannot be recorded is a doubt. So the room for a run is taken from the file system
first: free pages inside the ledger for the rows, and the blocks of the journal, which is written
over and over. File systems that never write in place (btrfs, ZFS) cannot promise blocks; there the
room is looked for and not kept. The end of an edition gives back what was not filled (`packing`).
This module must never shrink a file.
"""

from __future__ import annotations

import errno
import os

from mailbatch.errors import LedgerError
from mailbatch.ledger.database import CHECKPOINT_PAGES, Database
from mailbatch.ledger.failure import from_system

#: What a settled recipient adds, and a delivery that comes with its first lease: measured 8 bytes a
#: recipient (a group of 1000 that was accepted), 96 (refused, each with a text of its own) and 180
#: to 220 (one each), with replies of 60 characters. Texts may be some 130 longer.
_BYTES_A_RECIPIENT = 224
_BYTES_A_DELIVERY = 96
_BYTES_AT_LEAST = 1 << 16
#: What a delivery writes to the journal before it is begun anew: two or three pages.
_JOURNAL_A_DELIVERY = 12_288
_JOURNAL_AT_LEAST = 1 << 18
_JOURNAL_AT_MOST = (CHECKPOINT_PAGES + 1024) * 4120
_CHUNK = 1 << 22


def reserve(database: Database, rows: int) -> None:
    """Keep the room that sending to `rows` recipients will fill, or raise LedgerError."""
    path = database.path
    journal = path.with_name(path.name + "-wal")
    try:
        journal_bytes = min(_JOURNAL_AT_LEAST + rows * _JOURNAL_A_DELIVERY, _JOURNAL_AT_MOST)
        records = rows * _BYTES_A_RECIPIENT + _deliveries(database, rows) * _BYTES_A_DELIVERY
        missing = _missing(database, _BYTES_AT_LEAST + records)
        found = os.statvfs(path.parent)
        wanted = missing + max(0, journal_bytes - journal.stat().st_size)
        if wanted > found.f_bavail * found.f_frsize:
            raise _too_little(database, rows, wanted)
        _allocate(journal, journal_bytes)
    except OSError as error:
        raise from_system(path, error, what="there is no room to record the run") from error
    _grow(database, missing)


def _too_little(database: Database, rows: int, wanted: int) -> LedgerError:
    return LedgerError(
        f"{database.path}: there is no room to record the run: {rows} recipients need "
        f"{max(1, round(wanted / 1e6))} MB",
        hint="free some space, or set --state-dir; nothing was sent",
    )


def _deliveries(database: Database, rows: int) -> int:
    """Return the number of deliveries that so many recipients are in, at most."""
    with database.guard:
        (number,) = database.connection.execute(_DELIVERIES).fetchone()
    return rows if number is None else min(rows, int(number))


# Without groups each recipient has a delivery, most of which are not written yet.
_DELIVERIES = """
SELECT CASE WHEN EXISTS (SELECT 1 FROM recipient_group) THEN (SELECT count(*) FROM delivery) END
"""


def _missing(database: Database, wanted: int) -> int:
    """Return the number of bytes by which the free pages of the ledger fall short of `wanted`."""
    with database.guard:
        execute = database.connection.execute
        if execute("SELECT EXISTS (SELECT 1 FROM ballast)").fetchone()[0]:
            execute("DELETE FROM ballast")  # of a run that was stopped here
        (free,) = execute("PRAGMA freelist_count").fetchone()
        (page_size,) = execute("PRAGMA page_size").fetchone()
    return max(0, wanted - int(free) * int(page_size))


def _allocate(journal: os.PathLike[str], size: int) -> None:
    """Give the journal its blocks: SQLite writes over those, and never takes zeros for frames.

    Only the journal may be opened here: closing any other file of an open ledger would drop
    SQLite's locks on the ledger (POSIX).
    """
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    fd = os.open(journal, os.O_RDWR)
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise  # else: this file system cannot promise anything
    finally:
        os.close(fd)


def _grow(database: Database, missing: int) -> None:
    """Add pages to the ledger, and free them: SQLite takes free pages before growing the file."""
    with database.guard:
        # Many systems build SQLite such that it overwrites what is deleted: here zeros with zeros,
        # by way of a journal that gets as long as all of it.
        (secure,) = database.connection.execute("PRAGMA secure_delete").fetchone()
        database.connection.execute("PRAGMA secure_delete=OFF")
    try:
        while missing > 0:
            chunk = min(missing, _CHUNK)
            with database.guard:
                database.connection.execute("INSERT INTO ballast VALUES (zeroblob(?))", (chunk,))
                database.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            missing -= chunk
    finally:
        with database.guard:
            database.connection.execute("DELETE FROM ballast")
            database.connection.execute(f"PRAGMA secure_delete={secure}")
            database.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
