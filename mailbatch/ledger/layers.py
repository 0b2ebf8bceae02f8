"""The two layers of a ledger in use: the file, and the journal that is laid over the file.

An older copy of one layer with a newer one of the other is whole by the rules of SQLite, and a
mixture of two moments. So a ledger counts how often the journal was begun anew, which happens only
when all of the journal was copied into the file. The lock file keeps the count that the file alone
must have since then. This module must never change a ledger of another process.

Tests: tests/ledger/test_recovery.py.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.lock import RunLock

_SALTS = slice(16, 24)  # of the header: new ones whenever the journal is begun anew


class Layers:
    """The two layers of an open ledger, and the counts in the lock file."""

    __slots__ = ("_database", "_journal", "_lock")

    def __init__(self, database: Database, lock: RunLock, journal: bytes) -> None:
        """Keep `journal`: the answer of `journal_of` before this run wrote anything."""
        self._database = database
        self._lock = lock
        self._journal = journal

    def note(self) -> None:
        """Write down that the journal was begun anew, if it was.

        Synced before the lock file says so: else a power loss would make an older copy of this
        ledger.
        """
        path = self._database.path
        if journal_of(path) == self._journal:
            return
        lower = count(self._database)
        with self._database.transaction(durable=True) as connection:
            set_fact(connection, "layer", str(lower + 1))
        self._journal = journal_of(path)
        self._lock.note_layers(lower=lower, upper=lower + 1)


def count(database: Database) -> int:
    """Count how often the journal was begun anew, by the ledger's own word."""
    return int(database.fact("layer") or 0)


def journal_of(path: Path) -> bytes:
    """Return the identity of the journal over the ledger: the same bytes until a new beginning."""
    try:
        with path.with_name(path.name + "-wal").open("rb") as stream:
            return stream.read(32)[_SALTS]
    except OSError:
        return b""


def count_below(path: Path) -> int | None:
    """Return the count of the file alone, without the journal; None where the file is unreadable.

    A write that was cut off in the file is no harm: the journal has that page.
    """
    try:
        address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            found = connection.execute("SELECT value FROM fact WHERE name = 'layer'").fetchone()
            return 0 if found is None else int(found[0])
    except (sqlite3.Error, ValueError):
        return None
