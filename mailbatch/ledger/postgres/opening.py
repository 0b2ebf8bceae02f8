"""The opening of a ledger in PostgreSQL: schema, lock, worker, and the burial of dead workers.

    entered = link.wait(enter(link, {"job": "news", "edition": "48"}))   # worker, recovery, names

Nothing is changed before the server and the schema are found fit. All locks are tried, and never
waited for. This module must never decide by time that a worker is gone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.ledger.ports import HeldBy, Recovery
from mailbatch.ledger.postgres.link import Link, set_fact
from mailbatch.ledger.postgres.suspicion import recover_refused

VERSION = "1"
_SCHEMA = Path(__file__).with_name("schema.sql")
#: The first server whose backends notice a client that is gone in the middle of a statement.
_SERVER_AT_LEAST = 140000
#: Settings that acknowledge a commit behind its sync. Source:
#: https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
_SYNCED = ("on", "remote_apply")
_RUN = 0  # the lock of the run; a worker has that of its number


def lock_class(schema: str) -> int:
    """Return the class of the advisory locks of an edition: a positive number of 31 bits."""
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:4]) >> 1


@dataclass(frozen=True, slots=True)
class Entered:
    """A worker of a ledger, what dead workers had left open, and whose ledger that is."""

    worker: int
    recovered: Recovery
    facts: Mapping[str, str]


async def enter(link: Link, facts: Mapping[str, str] | None) -> Entered:
    """Open a ledger for writing; with `facts`, job and edition at least, a missing one is made.

    Raises:
        LedgerLocked: another run holds the edition.
        LedgerError: the server or the ledger is not fit.
    """
    connection = await link.open_writer()
    await _check_server(link, connection)
    group = lock_class(link.schema)
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", group, _RUN):
        raise locked(link, await holder(link))
    if facts is not None and not await is_there(link, connection):
        await _create(link, connection, facts)
    found = await check_ledger(link, connection, facts)
    worker = await connection.fetchval(
        "INSERT INTO worker (pid, host, version) VALUES ($1, $2, $3) RETURNING id",
        os.getpid(), os.uname().nodename, version("mailbatch"),
    )  # fmt: skip
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", group, worker):
        raise link.broken(f"the lock of worker {worker} is taken")
    return Entered(worker, await _recover(connection, group, worker), found)


async def leave(link: Link, worker: int) -> None:
    """End a worker in order; what it has leased waits for the next opening."""
    async with link.writer() as connection:
        await connection.execute("UPDATE worker SET live = false WHERE id = $1", worker)


async def _check_server(link: Link, connection: Any) -> None:
    """Refuse a server that forgets commits, or a pooler that shares connections and their locks."""
    row = await connection.fetchrow(
        "SELECT pg_backend_pid() AS pid, current_setting('synchronous_commit') AS synced,"
        " current_setting('server_version_num')::integer AS version,"
        " pg_is_in_recovery() AS standby"
    )
    if row["version"] < _SERVER_AT_LEAST:
        raise LedgerError(
            f"{link.name}: the server is PostgreSQL {row['version'] // 10000}",
            hint="the ledger needs PostgreSQL 14 or later",
        )
    if row["standby"]:
        raise LedgerError(
            f"{link.name}: the server is a standby, and cannot be written",
            hint="name the primary in the URL",
        )
    if row["synced"] not in _SYNCED:
        raise LedgerError(
            f"{link.name}: synchronous_commit is {row['synced']}: a crash of the database would"
            " forget who has the message",
            hint="set synchronous_commit = on for the role or the database",
        )
    if row["pid"] != connection.get_server_pid():
        raise LedgerError(
            f"{link.name}: a pooler answers in place of the server, and may share the connection",
            hint="name the server itself in the URL: the lock of a run lives in its connection",
        )


async def is_there(link: Link, connection: Any) -> bool:
    """Say whether the edition has a ledger in the database."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", link.schema
        )
    )


async def _create(link: Link, connection: Any, facts: Mapping[str, str]) -> None:
    """Create the ledger, whole or not at all."""
    own = {"seed": secrets.token_hex(16), **facts, "version": VERSION}
    own["lock_class"] = str(lock_class(link.schema))
    said = f"mailbatch: edition {facts['edition']} of job {facts['job']}".replace("'", "''")
    async with connection.transaction():
        await connection.execute(f"CREATE SCHEMA {link.schema}")
        await connection.execute(f"COMMENT ON SCHEMA {link.schema} IS '{said}'")
        await connection.execute(_SCHEMA.read_text(encoding="utf-8"))
        for name, value in own.items():
            await set_fact(connection, name, value)


async def check_ledger(
    link: Link, connection: Any, facts: Mapping[str, str] | None
) -> dict[str, str]:
    """Return job, edition and seed of a ledger; refuse one of another version or mailing.

    Raises:
        LedgerError: there is none, or one that is not to be used.
    """
    if not await is_there(link, connection):
        raise LedgerError(
            f"{link.name}: there is no ledger of this edition",
            hint="`mailbatch run` makes it; look at the edition and the URL",
        )
    found = dict(
        await connection.fetch(
            "SELECT name, value FROM fact WHERE name IN ('version', 'job', 'edition', 'seed')"
        )
    )
    if found.get("version") != VERSION:
        raise LedgerError(
            f"{link.name}: the ledger has version {found.get('version')}, and this mailbatch"
            f" writes version {VERSION}",
            hint="use the mailbatch that began the edition",
        )
    if facts is not None and any(found[name] != facts[name] for name in ("job", "edition")):
        raise LedgerError(
            f"{link.name}: the ledger belongs to edition {found['edition']!r} of job"
            f" {found['job']!r}",
            hint="give every edition a ledger of its own",
        )
    return found


async def holder(link: Link) -> HeldBy | None:
    """Return the process whose worker is alive; None where none is, or none is known yet."""
    try:
        row = await link.row(
            'SELECT pid, host, to_char(since, \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') AS since'
            " FROM workers WHERE alive ORDER BY id DESC LIMIT 1"
        )
    except asyncpg.UndefinedTableError:  # the ledger is just being made
        return None
    return None if row is None else HeldBy(row["pid"], row["host"], row["since"])


def locked(link: Link, process: HeldBy | None, *, hint: str | None = None) -> LedgerLocked:
    """Return the refusal of an action that a run under way forbids; by default of another run."""
    return LedgerLocked(
        f"{link.name}: another run holds this edition:"
        f" {process or 'a process that has just started'}",
        hint=hint or "wait for it to end, or look with `mailbatch status`; this run sent nothing",
    )


async def _recover(connection: Any, group: int, worker: int) -> Recovery:
    """Bury the workers that are gone, and settle all that they left open, in one transaction."""
    async with connection.transaction():
        await connection.execute(
            "UPDATE worker SET live = false WHERE live AND id <> $1"
            " AND pg_try_advisory_xact_lock($2, id::integer)",
            worker, group,
        )  # fmt: skip
        left = await connection.fetch(
            "SELECT l.delivery_id, p.attempt IS NOT NULL AS passed FROM lease AS l"
            " JOIN worker AS w ON w.id = l.worker AND NOT w.live"
            " LEFT JOIN point AS p ON p.delivery_id = l.delivery_id AND p.attempt = l.attempt"
        )
        recipients = await connection.fetchval(_DOUBT)
        await connection.execute("SELECT end_leases($1)", [row["delivery_id"] for row in left])
        await recover_refused(connection)
        if recipients:
            await connection.execute(_DOUBTED)
    doubts = sum(row["passed"] for row in left)
    return Recovery(len(left) - doubts, doubts, recipients)


#: By the clock of the database, since the machines of workers have many.
_DOUBTED = """
INSERT INTO fact VALUES ('doubted_at', extract(epoch FROM now())::text)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_DOUBT = """
WITH doubted AS (
  UPDATE recipient AS r SET
    status = s.status, reason = s.reason, due = NULL, reply_id = NULL, attempts = s.attempts,
    first_attempt_at = s.first_attempt_at, settled_at = s.settled_at, resend = 0, digest = s.digest
  FROM standing AS s JOIN doubtful AS q ON q.id = s.id
  WHERE r.id = s.id RETURNING r.id)
SELECT count(*) FROM doubted
"""
