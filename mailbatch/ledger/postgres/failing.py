"""The failures of a database: which of them mean that a connection is lost, and what to do.

    try:
        await connection.execute(statement)
    except LOST as error:
        raise failure(link.name, error) from error

This module must never connect.

Tests: tests/ledger/postgres/test_rejoining.py, tests/cli/test_database.py.
"""

from __future__ import annotations

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerError, LedgerUnreachable

#: The errors of the driver and of the system, of which some mean that a connection is lost. A
#: statement that meets the last words of a backend that was ended is an InternalClientError.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
#: The SQLSTATE of our own refusals in `schema.sql`.
_LOST = "MB001"
#: A pooler refuses settings of a session so: PgBouncer says `unsupported startup parameter`.
_PROTOCOL = "08P01"
#: What to do about a refusal, by the beginning of its SQLSTATE. Source:
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_HINTS = (
    ("28", "look at user and password: in the URL, in PGPASSFILE, in pg_hba.conf of the server"),
    ("3D000", "create the database (createdb), or name another one in the URL"),
    ("3F000", "somebody dropped the ledger while it was used; put it back from a backup"),
    ("42P01", "somebody dropped the ledger while it was used; put it back from a backup"),
    ("42501", "plan with the role of runs (mailbatch ledger init), or let the owner GRANT CREATE"),
    ("53100", "make room on the disk of the database, then run again"),
    ("53300", "let the server take more connections (max_connections), or start fewer workers"),
    ("25006", "name the primary in the URL: this server takes no writes"),
)
_URL = "look at the URL; sslrootcert=FILE in it names the certificate of the database's CA"
_REPORT = "run again; if it stays, report it with this text"


def is_lost(error: Exception, connection: asyncpg.Connection | None = None) -> bool:
    """Say whether an error means that there is no connection any more."""
    state = getattr(error, "sqlstate", None) or ""
    return (
        isinstance(error, OSError | asyncpg.InternalClientError)
        or state.startswith(("08", "57P"))
        or (connection is not None and connection.is_closed())
    )


def failure(name: str, error: Exception) -> LedgerError:
    """Return the LedgerError of the ledger `name` for an error of the driver or the system.

    A LedgerUnreachable where another try may find the database there again.
    """
    state = getattr(error, "sqlstate", None)
    said = _words(error)
    if state == _LOST:
        return LedgerError(
            f"{name}: the ledger was taken over while this run was under way ({said})",
            hint="let one run work on an edition; nothing was sent after it was taken",
        )
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return LedgerError(
            f"{name}: the server is a standby, and cannot be written",
            hint="name the primary in the URL, or all hosts of which one is the primary",
        )
    if isinstance(error, asyncpg.ClientConfigurationError):
        return LedgerError(f"{name}: the connection to the ledger failed: {said}", hint=_URL)
    if state == _PROTOCOL:
        return LedgerError(
            f"{name}: the server refuses the connection: {said}",
            hint="name the server itself in the URL, and no pooler in its place",
        )
    if state is None or state.startswith(("08", "57P")):
        return LedgerUnreachable(
            f"{name}: the connection to the ledger failed: {said}",
            hint="look at the database and the network, then run again: nobody is mailed twice",
        )
    hint = next((hint for start, hint in _HINTS if state.startswith(start)), _REPORT)
    return LedgerError(f"{name}: the ledger cannot be used: {said} (SQLSTATE {state})", hint=hint)


def _words(error: Exception) -> str:
    """Return the words of an error on one line, without the number and the hint of its source."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return said.strip().partition("\n")[0] or type(error).__name__
