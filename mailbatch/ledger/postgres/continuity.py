"""The proof that a database has every commit of a ledger; an older copy has not, and is refused.

    heard = heard_of(link.seen, await name_of(link, connection))
    origin = await check_origin(link, connection, heard, writes=True)
    ...
    await keep_origin(connection, origin)        # in the transaction that enters a worker

Evidence inside of the database: the system, the database and the schema that the ledger was made
in, which a dump that is put back has not, and the timeline, which recovery and a standby that takes
over change. Evidence outside: the testimonies of this machine (`witness`), of commits that were
acknowledged. Another timeline is taken only where a synchronous standby had every commit. A refusal
by a testimony is written into the database, so that no other process goes on there. This module
must never take back a refusal but by the decision of a person (`take_as_it_stands`).

Tests: tests/certainty/test_failover.py.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from typing import Any

from mailbatch.errors import LedgerError
from mailbatch.frozen import frozen
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.locks import lock_class
from mailbatch.ledger.postgres.witness import Testimony

_PUT_BACK = (
    "name the database that has every commit, or put that back. If this one is all there is, "
    "`mailbatch resolve JOB --restored` goes on from it: compare the results and the provider's "
    "log first, because whoever was mailed since will be mailed again"
)


@frozen
class Origin:
    """The place where a ledger stands now: its era, the system, and the timeline.

    `replicated`: synchronous standbys are named now.
    """

    era: str
    system: int
    timeline: int
    replicated: bool


async def name_of(link: Link, connection: Any) -> str:
    """Return the name of a ledger in the state folder, which may have those of many databases.

    Physical copies of a database share the name, at whatever address.
    """
    row = await connection.fetchrow(_DATABASE)
    told = hashlib.sha256(f"{row['system']} {row['database']}".encode()).hexdigest()[:8]
    return f"{link.schema}.{told}"


async def check_origin(
    link: Link, connection: Any, heard: Iterable[Testimony], *, writes: bool
) -> Origin:
    """Return where a ledger stands; refuse one that may lack commits.

    `heard` was read before. `writes`: the refusal is written down for all other processes.

    Raises:
        LedgerError: an older copy, or a timeline that may be without commits (74).
    """
    row = await connection.fetchrow(_ORIGIN)
    if row["behind"] is not None:
        raise older(link, row["behind"])
    if (row["system"], row["database"], row["schema"]) != (
        row["system_now"], row["database_now"], row["schema_now"],
    ):  # fmt: skip
        raise older(link, "it was made in another place, and copied or restored to this one")
    if row["timeline"] != row["timeline_now"] and not row["replicated"]:
        raise older(
            link,
            f"the database has come to timeline {row['timeline_now']}, from {row['timeline']}, by a"
            " restored backup or a standby that may have been behind",
        )
    for testimony in heard:
        missing = await _missing(connection, testimony, row)
        if missing is not None:
            if writes:
                await _write_down(connection, missing)
            raise older(link, missing)
    return Origin(row["eras"][-1], row["system_now"], row["timeline_now"], row["replicated_now"])


async def _missing(connection: Any, testimony: Testimony, row: Any) -> str | None:
    """Say in words what a testimony knows and a ledger does not; None: nothing."""
    here = os.uname().nodename
    if testimony.era not in row["eras"]:
        return f"{here} has seen another ledger of this edition here, or a later one"
    if testimony.era != row["eras"][-1]:
        return None  # a person has taken a copy as it stands since
    if testimony.passed is not None and not await connection.fetchval(_HAS, *testimony.passed):
        return f"a commit point is not there that {here} has passed"
    if testimony.position > row["position"]:
        behind = testimony.position - row["position"]
        return f"its log is {behind:,} bytes behind what {here} has seen"
    return None


async def _write_down(connection: Any, missing: str) -> None:
    """Stop all processes that write the ledger, and refuse those that come."""
    async with connection.transaction():
        await connection.execute(_STOP, f"the ledger may be an older copy: {missing}", 74)
        await connection.execute("UPDATE origin SET behind = $1 WHERE behind IS NULL", missing)


async def begin_origin(connection: Any) -> None:
    """Write down where a ledger is made, in the transaction that makes it."""
    await connection.execute(_BEGIN, [secrets.token_hex(8)])


async def keep_origin(connection: Any, origin: Origin) -> int:
    """Note an opening in its transaction; return a position that the commit is behind of."""
    await connection.execute(_KEEP, origin.timeline, origin.replicated)
    position: int = await connection.fetchval("SELECT pg_current_wal_insert_lsn()")
    return position


async def take_as_it_stands(link: Link, connection: Any, heard: Iterable[Testimony]) -> None:
    """Take a copy for the ledger as a person decided; all that was leased there may have left.

    The decision is about all that this machine has `heard`, later copies that were taken before
    included: no such testimony counts any more. The transaction is the caller's, and no other
    process writes the ledger.
    """
    eras = [testimony.era for testimony in heard]
    await connection.execute(_TAKE, secrets.token_hex(8), eras)
    await connection.execute(_COMMITTED, lock_class(link.schema))


def older(link: Link, what: str) -> LedgerError:
    """Return the refusal of a ledger that may not know all who were mailed."""
    return LedgerError(f"{link.name}: the ledger may be an older copy: {what}", hint=_PUT_BACK)


def gone(link: Link, files: Iterable[object]) -> LedgerError:
    """Return the refusal to begin an edition anew whose ledger this machine has seen."""
    named = ", ".join(map(str, files))
    return LedgerError(
        f"{link.name}: the ledger of this edition is gone, and this machine has written it",
        hint=f"put it back, or name its database. If it was dropped for good, delete {named}: then"
        " the edition begins anew, and everybody is mailed again",
    )


_DATABASE = """
SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
  (SELECT oid FROM pg_database WHERE datname = current_database()) AS database
"""
_NOW = """
(SELECT system_identifier FROM pg_control_system()) AS system_now,
(SELECT oid FROM pg_database WHERE datname = current_database()) AS database_now,
(SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AS schema_now,
('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer AS timeline_now,
current_setting('synchronous_standby_names') <> '' AS replicated_now
"""
_ORIGIN = f"SELECT o.*, {_NOW}, pg_current_wal_insert_lsn() AS position FROM origin AS o"  # noqa: S608 - constants
_BEGIN = f"""
INSERT INTO origin (eras, system, database, schema, timeline, replicated)
SELECT $1, system_now, database_now, schema_now, timeline_now, replicated_now
FROM (SELECT {_NOW}) AS now
"""  # noqa: S608 - constants
_TAKE = f"""
UPDATE origin SET
  eras = eras || ARRAY (SELECT unnest($2::text[]) EXCEPT SELECT unnest(eras)) || $1::text,
  behind = NULL, system = system_now, database = database_now,
  schema = schema_now, timeline = timeline_now, replicated = replicated_now
FROM (SELECT {_NOW}) AS now
"""  # noqa: S608 - constants
_KEEP = """
UPDATE origin SET timeline = $1, replicated = replicated AND $2
WHERE timeline <> $1 OR (replicated AND NOT $2)
"""
#: Of a copy nobody knows which of its leases have come to a commit point since.
_COMMITTED = """
INSERT INTO point (delivery_id, attempt, worker)
SELECT l.delivery_id, l.attempt, l.worker FROM lease AS l
JOIN worker AS w ON w.id = l.worker
  AND (NOT w.live OR pg_try_advisory_xact_lock($1, w.id::integer))
ON CONFLICT DO NOTHING
"""
_HAS = """
SELECT EXISTS (SELECT 1 FROM point WHERE (delivery_id, attempt, worker) = ($1, $2, $3))
  OR EXISTS (SELECT 1 FROM past_point WHERE (delivery_id, attempt, worker) = ($1, $2, $3))
"""
_STOP = "UPDATE mailing SET stop = $1, stop_code = $2 WHERE stop IS NULL"
