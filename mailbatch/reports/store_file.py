"""The file of the store: how it is opened, its journal, its layout, and its version.

Tests: tests/reports/test_store.py.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mailbatch.errors import StoreError
from mailbatch.reports.cursor import PULLS
from mailbatch.reports.journal import ROLLBACK, WAL, journal_mode

#: "mbrp", at its place in the header of the file.
APPLICATION_ID = 0x6D627270
SCHEMA_VERSION = 2
#: The version before, which lacks a table that no reader needs.
WITHOUT_PULLS = 1


def connect(path: Path, busy: float, mode: str) -> sqlite3.Connection:
    """Connect to the file at `path`; `busy` is the wait for others in seconds, `mode` SQLite's."""
    return sqlite3.connect(address(path, mode), uri=True, isolation_level=None, timeout=busy)


def address(path: Path, mode: str) -> str:
    """Return the URI of SQLite for a file."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def read_only(path: Path) -> str:
    """Return the mode to read a store in a folder where SQLite cannot make an index of a WAL.

    Without a WAL there is nothing to index, and nobody who could be writing one.
    """
    wal = path.with_name(f"{path.name}-wal")
    has_wal = wal.exists() and wal.stat().st_size > 0
    return "ro" if has_wal or os.access(path.parent, os.W_OK) else "ro&immutable=1"


def pragma(connection: sqlite3.Connection, name: str) -> Any:
    """Return the value of a pragma."""
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def choose_journal(path: Path, connection: sqlite3.Connection, *, is_new: bool) -> None:
    """Give a new store the journal for this SQLite; take a WAL away that is not safe with it."""
    wanted = journal_mode(sqlite3.sqlite_version_info)
    has_wal = pragma(connection, "journal_mode") == WAL
    if has_wal and wanted == ROLLBACK:
        try:
            connection.execute(f"PRAGMA journal_mode={ROLLBACK}")
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{path}: another process holds the store with a journal that SQLite "
                f"{sqlite3.sqlite_version} may lose commits of",
                hint="end that process, or use the Python that it runs with",
            ) from error
    elif is_new and wanted == WAL:
        with suppress(sqlite3.OperationalError):  # of two that create it one may; both are right
            connection.execute(f"PRAGMA journal_mode={WAL}")
    elif not has_wal:
        connection.execute(f"PRAGMA journal_mode={ROLLBACK}")


def create(connection: sqlite3.Connection) -> None:
    """Lay out an empty file, within the open transaction."""
    schema = files("mailbatch.reports").joinpath("schema.sql").read_text(encoding="utf-8")
    for statement in (*_statements(schema), PULLS):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring a file of the version before to this one, within the open transaction."""
    connection.execute(PULLS)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Yield each statement: a script as a whole would commit in the middle."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def check_identity(path: Path, connection: sqlite3.Connection) -> None:
    """See that a file is a store whose version can be read.

    Raises:
        StoreError: the file is another one, or of a newer version (74).
    """
    if pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"{path}: this is no store of reports", hint="set --store")
    version = pragma(connection, "user_version")
    if version not in (SCHEMA_VERSION, WITHOUT_PULLS):
        raise StoreError(
            f"{path}: the store has version {version}, this mailbatch knows {SCHEMA_VERSION}",
            hint="use the mailbatch that wrote it, or a newer one",
        )
