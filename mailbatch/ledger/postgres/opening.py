"""The opening of a ledger in PostgreSQL: the server looked at, schema, locks, and a worker.

    entered = link.wait(enter(link, {"job": "news", "edition": "48"}))   # holds the plan
    entered = link.wait(join(link))                                      # a worker beside others

Nothing is changed before the server and the schema are found fit. All locks are tried, and never
waited for. This module must never change a recipient: that is the affair of a burial (`burial`).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.frozen import frozen
from mailbatch.ledger.ports import HeldBy, Recovery
from mailbatch.ledger.postgres.burial import bury
from mailbatch.ledger.postgres.continuity import (
    Origin,
    begin_origin,
    check_origin,
    gone,
    keep_origin,
    name_of,
    take_as_it_stands,
)
from mailbatch.ledger.postgres.link import Link, set_fact
from mailbatch.ledger.postgres.locks import PLANNER, lock_class
from mailbatch.ledger.postgres.migrating import (
    VERSION,
    functions,
    is_known,
    migrate,
)
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.roles import let_work
from mailbatch.ledger.postgres.witness import Testimony, Witness, files_of, heard_of
from mailbatch.times import iso_time

_SCHEMA = Path(__file__).with_name("schema.sql")
#: The first server whose backends notice a client that is gone in the middle of a statement.
_SERVER_AT_LEAST = 140000
#: Settings that acknowledge a commit behind its sync. Source:
#: https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
_SYNCED = ("on", "remote_apply")


@frozen
class Entered:
    """A worker of a ledger, what dead workers had left open, and whose ledger that is."""

    worker: int
    recovered: Recovery
    facts: Mapping[str, str]
    witness: Witness


async def enter(
    link: Link,
    facts: Mapping[str, str] | None,
    *,
    restored: bool = False,
    beside: bool = False,
) -> Entered:
    """Open a ledger for writing; with `facts`, job and edition at least, a missing one is made.

    The lock of the plan is held as long as the connection lives. Without `facts` nothing is sent.
    `restored` takes the ledger as it stands, although this may be an older copy. `beside`: without
    the lock, where a run holds the plan.

    Raises:
        LedgerLocked: another run holds the plan of the edition.
        LedgerError: the server or the ledger is not fit.
    """
    connection = await link.open_writer()
    await check_server(link, connection)
    group = lock_class(link.schema)
    alone = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", group, PLANNER)
    if not (alone or beside):
        raise locked(link, first_of(await writers(link)))
    if facts is not None and not await is_there(link, connection):
        name = await name_of(link, connection)
        if link.seen is not None and heard_of(link.seen, name):
            raise gone(link, files_of(link.seen, name))
        await _create(link, connection, facts)
    elif facts is not None and alone:
        await _bring_up(link, connection, facts)
    role = "decide" if facts is None else "run"
    entered = await _entered(link, connection, facts, role, restored=restored)
    if facts is not None:  # a person has seen to the trouble that stopped all workers
        await connection.execute(_GO_ON)
        await let_work(link, connection)
    return entered


async def _bring_up(link: Link, connection: Any, facts: Mapping[str, str]) -> None:
    """Bring a ledger of an earlier version to this one, where this run may have it.

    Raises:
        LedgerLocked: a worker of that version is at work.
        LedgerError: the ledger is of another mailing, or may be an older copy.
    """
    found = await _facts(connection)
    # An edition that was put away has no tables to bring up (`archiving`).
    if not is_known(found.get("version")) or "archived_at" in found:
        return
    _check_mailing(link, found, facts)
    heard = heard_of(link.seen, await name_of(link, connection))
    await check_origin(link, connection, heard, writes=True)
    others = await writers(link, connection)
    if others:
        raise locked(link, others[0], hint="stop its workers first: they are of another version")
    await migrate(connection)


#: The run offers the mailing anew, once the send is confirmed.
_GO_ON = """
UPDATE mailing SET stop = NULL, stop_code = NULL, bundle = NULL, published = NULL
WHERE stop IS NOT NULL
"""


async def join(link: Link) -> Entered:
    """Open a ledger as a worker beside others, that never changes the plan.

    Raises:
        LedgerError: the server or the ledger is not fit.
    """
    connection = await link.open_writer()
    await check_server(link, connection)
    return await _entered(link, connection, None, "work")


async def _entered(
    link: Link,
    connection: Any,
    facts: Mapping[str, str] | None,
    role: str,
    *,
    restored: bool = False,
) -> Entered:
    """Enter a worker, and bury the workers that are gone."""
    found = await check_ledger(link, connection, facts)
    name = await name_of(link, connection)
    heard = heard_of(link.seen, name)
    witness = Witness.take(link.seen, name)
    try:
        if restored:
            await _take_copy(link, connection, heard)
            heard = []
        origin = await check_origin(link, connection, heard, writes=True)
        worker, position = await _insert(link, connection, role, origin)
        witness.tell(origin.era, origin.system, position)
        await check_lock(link, connection, worker)
        recovered = await bury(link, connection, worker, record=role != "work")
    except BaseException:
        witness.close()
        raise
    return Entered(worker, recovered, found, witness)


async def _take_copy(link: Link, connection: Any, heard: Sequence[Testimony]) -> None:
    """Take a ledger as it stands, where no process writes it.

    Raises:
        LedgerLocked: a worker is alive.
    """
    others = await writers(link, connection)
    if others:
        raise locked(link, others[0], hint="stop the workers first: they know what they have sent")
    async with connection.transaction():
        await take_as_it_stands(link, connection, heard)


async def _insert(link: Link, connection: Any, role: str, origin: Origin) -> tuple[int, int]:
    """Add a worker that holds its lock; return its number, and a position of the log before that.

    One transaction: no other worker sees the row before the lock is held.
    """
    async with connection.transaction():
        worker: int = await connection.fetchval(
            "INSERT INTO worker (pid, host, version, role) VALUES ($1, $2, $3, $4) RETURNING id",
            os.getpid(), os.uname().nodename, version("mailbatch"), role,
        )  # fmt: skip
        taken = "SELECT pg_try_advisory_lock($1, $2)"
        if not await connection.fetchval(taken, lock_class(link.schema), worker):
            raise link.broken(f"the lock of worker {worker} is taken")
        return worker, await keep_origin(connection, origin)


async def leave(link: Link, held: OpenLeases) -> None:
    """End a worker in order, once; what it has leased waits for the next opening."""
    worker, held.worker = held.worker, 0
    async with link.writer() as connection:
        position = await connection.fetchval(_LEAVE, worker)
    if position is not None:
        held.witness.note(position)


_LEAVE = """
UPDATE worker SET live = false WHERE id = $1 RETURNING pg_current_wal_insert_lsn()
"""


async def check_server(link: Link, connection: Any) -> None:
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
        raise _pooled(link)


async def check_lock(link: Link, connection: Any, worker: int) -> None:
    """Refuse a connection whose later statement has another backend, without the lock of a worker.

    Raises:
        LedgerError: a pooler has given the backend to others.
    """
    if not await connection.fetchval(_HOLDS, lock_class(link.schema), worker):
        connection.terminate()
        raise _pooled(link)


_HOLDS = """
SELECT EXISTS (
  SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
  AND pid = pg_backend_pid() AND classid = $1::bigint::oid AND objid = $2::bigint::oid)
"""


def _pooled(link: Link) -> LedgerError:
    return LedgerError(
        f"{link.name}: a pooler answers in place of the server, and may share the connection",
        hint="name the server itself in the URL: the lock of a run lives in its connection",
    )


async def is_there(link: Link, connection: Any) -> bool:
    """Say whether the edition has a ledger in the database.

    Raises:
        LedgerError: it has one that the user of the URL may not read.
    """
    found = await connection.fetchrow(_RIGHTS, link.schema)
    # To one without rights its tables are not there, as if somebody had dropped the ledger.
    if found is not None and not found["may_read"]:
        raise LedgerError(
            f"{link.name}: user {found['me']} may not read this ledger: it is that of user"
            f" {found['owner']}",
            hint=f"name {found['owner']} in the URL: who began an edition goes on with it",
        )
    return found is not None


#: A schema whose table of facts is gone can be read: that it was dropped is said later.
_RIGHTS = """
SELECT current_user AS me, pg_get_userbyid(n.nspowner) AS owner,
  has_schema_privilege(n.oid, 'USAGE') AND coalesce(has_table_privilege(f.oid, 'SELECT'), true)
  AS may_read
FROM pg_namespace AS n
LEFT JOIN pg_class AS f ON f.relnamespace = n.oid AND f.relname = 'fact'
WHERE n.nspname = $1
"""


async def _create(link: Link, connection: Any, facts: Mapping[str, str]) -> None:
    """Create the ledger, whole or not at all."""
    own = {"seed": secrets.token_hex(16), **facts, "version": VERSION}
    own["lock_class"] = str(lock_class(link.schema))
    said = f"mailbatch: edition {facts['edition']} of job {facts['job']}".replace("'", "''")
    async with connection.transaction():
        await connection.execute(f"CREATE SCHEMA {link.schema}")
        await connection.execute(f"COMMENT ON SCHEMA {link.schema} IS '{said}'")
        await connection.execute(_SCHEMA.read_text(encoding="utf-8"))
        await connection.execute(functions())
        for name, value in own.items():
            await set_fact(connection, name, value)
        await begin_origin(connection)


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
    found = await _facts(connection)
    if "archived_at" in found:
        raise LedgerError(
            f"{link.name}: edition {found['edition']} of {found['job']} was put away by `mailbatch"
            f" ledger archive` at {iso_time(float(found['archived_at']))}",
            hint="its results are what is left; name another edition to send again",
        )
    if found.get("version") != VERSION:
        raise LedgerError(
            f"{link.name}: the ledger has version {found.get('version')}, and this mailbatch"
            f" writes version {VERSION}",
            hint="`mailbatch run` brings it to this version"
            if is_known(found.get("version"))
            else "use the mailbatch that began the edition",
        )
    if facts is not None:
        _check_mailing(link, found, facts)
    return found


async def _facts(connection: Any) -> dict[str, str]:
    """Return the facts that say whose ledger this is, and whether it may be used."""
    return dict(
        await connection.fetch(
            "SELECT name, value FROM fact"
            " WHERE name IN ('version', 'job', 'edition', 'seed', 'archived_at')"
        )
    )


def _check_mailing(link: Link, found: Mapping[str, str], facts: Mapping[str, str]) -> None:
    """Raise LedgerError for the ledger of another mailing."""
    if any(found[name] != facts[name] for name in ("job", "edition")):
        raise LedgerError(
            f"{link.name}: the ledger belongs to edition {found['edition']!r} of job"
            f" {found['job']!r}",
            hint="give every edition a ledger of its own",
        )


async def writers(link: Link, connection: Any = None, *, but: int = 0) -> tuple[HeldBy, ...]:
    """Return the processes whose workers are alive, the run first; `but` one worker."""
    try:
        asked = link.fetch(_WRITERS, but) if connection is None else connection.fetch(_WRITERS, but)
        return tuple(HeldBy(row["pid"], row["host"], row["since"]) for row in await asked)
    except asyncpg.UndefinedTableError:  # the ledger is just being made
        return ()


_WRITERS = """
SELECT pid, host, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
FROM workers WHERE alive AND id <> $1 ORDER BY role = 'work', id
"""


def first_of(processes: Sequence[HeldBy]) -> HeldBy | None:
    """Return the process that holds the plan, if one is known."""
    return processes[0] if processes else None


def locked(link: Link, process: HeldBy | None, *, hint: str | None = None) -> LedgerLocked:
    """Return the refusal of an action that a run under way forbids; by default of another run."""
    return LedgerLocked(
        f"{link.name}: another run holds this edition:"
        f" {process or 'a process that has just started'}",
        hint=hint or "wait for it to end, or look with `mailbatch status`; this run sent nothing",
    )
