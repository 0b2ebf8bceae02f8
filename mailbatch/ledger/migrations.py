"""The migration of a ledger of an earlier version, so that an edition outlives an update.

A migration is a part of the transaction that begins a run (`recovery.begin_run`): under the lock,
behind every check of the ledger, synced. So a ledger has two states and none between them, whatever
dies: the earlier version, untouched, or the present version with a run begun. The file stays the
same file, with owner, birth and journal; lock file and witness need no change, and the
number of the run tells an older copy, as ever. A migrated copy that is renamed into place would
give all of that up: between the rename and the removal of the old journal SQLite could lay the old
journal over the new file. Source: https://www.sqlite.org/howtocorrupt.html (2.5, 2.6).

    connection.execute("BEGIN IMMEDIATE")
    migrate(connection)                      # 2 -> 3: one step of statements for each version
    connection.execute("COMMIT")

A reader of an earlier version sees the present one through temporary views, and the file stays as
it is. To add version n+1: change `schema.sql` and `VERSION`, append a step to `_STEPS`, write for
each earlier version in `_AS_PRESENT` the views that show a ledger of it as one of n+1, and put a
ledger of version n into `tests/ledger/earlier/`. A new column stands last in its table, where
ALTER TABLE puts it. This module must never change a ledger outside a transaction, nor take a
layout of an earlier version from another module: a step stays as published.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mailbatch.errors import LedgerError

#: The version of `schema.sql`.
VERSION = 3

#: What leads from each version to the next: statements, run in one transaction.
_STEPS: dict[int, tuple[str, ...]] = {
    # The server's name for a message stands beside its reply, read once.
    2: (
        "ALTER TABLE reply ADD COLUMN message_id TEXT",
        "UPDATE reply SET message_id = server_message_id(text)",
    ),
}

#: What shows an earlier version as the present one to a reader: temporary objects over its names.
_AS_PRESENT: dict[int, tuple[str, ...]] = {
    2: (
        """
        CREATE TEMP VIEW reply AS
        SELECT id, code, enhanced, text, server_message_id(text) AS message_id FROM main.reply
        """,
    ),
}


def check_version(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a ledger of a version that this mailbatch can neither use nor migrate.

    Raises:
        LedgerError: a later version, or one of a release candidate (74).
    """
    version = version_of(connection)
    if version == VERSION or version in _STEPS:
        return
    if version > VERSION:
        raise LedgerError(
            f"{path}: the ledger has version {version}, this mailbatch knows versions up to "
            f"{VERSION}: a newer mailbatch wrote it",
            hint="use that mailbatch, or a newer one; this one has changed nothing",
        )
    raise LedgerError(
        f"{path}: the ledger has version {version}: a release candidate of mailbatch wrote it",
        hint="finish the edition with 1.0.0rc1; this mailbatch has changed nothing",
    )


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the ledger that a connection has open.

    >>> version_of(sqlite3.connect(":memory:"))
    0
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def is_present(connection: sqlite3.Connection) -> bool:
    """Say whether a ledger has the present version already."""
    return version_of(connection) == VERSION


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a ledger to the present version, inside the caller's transaction."""
    for version in range(version_of(connection), VERSION):
        for statement in _STEPS[version]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={version + 1}")


def show_as_present(connection: sqlite3.Connection) -> None:
    """Show a reader an earlier version as the present one; the file stays as it is."""
    for statement in _AS_PRESENT.get(version_of(connection), ()):
        connection.execute(statement)
