"""The putting away of an edition: its recipients leave the database, and the fact stays.

    await put_away(link, held, now)      # behind the results, which are on the disk

All tables with recipients, messages and replies are dropped in one transaction, in which nobody
else writes the ledger. Name, edition and the time stay, so that no run begins the edition anew
(`opening.check_ledger`). This module must never look at a result.
"""

from __future__ import annotations

from typing import Any

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerLocked
from mailbatch.ledger.postgres.link import Link, live, set_fact
from mailbatch.ledger.postgres.locks import stand_still
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.opening import locked, writers

#: So long readers of the tables are waited for.
_PATIENCE = "10s"


async def put_away(link: Link, held: OpenLeases, now: float) -> None:
    """Drop the recipients of an edition, and note that it was put away at `now` (seconds, epoch).

    Raises:
        LedgerLocked: another process writes the ledger, or wrote it since this one opened it, or
            reads it for long; nothing was changed.
        LedgerError: the database fails, or this user does not own the ledger (74).
    """
    try:
        async with link.writer() as connection, live(connection, held):
            await _drop(link, connection, held.worker, now)
    except asyncpg.LockNotAvailableError as error:
        raise LedgerLocked(
            f"{link.name}: another process has been reading the ledger for {_PATIENCE}",
            hint="end it, and run the command again; nothing was dropped",
        ) from error


async def _drop(link: Link, connection: Any, worker: int, now: float) -> None:
    await stand_still(link, connection)
    others = await writers(link, connection, but=worker)
    if others:
        raise locked(link, others[0], hint="wait for its end; nothing was dropped")
    if await connection.fetchval(_WRITTEN_SINCE, worker):
        raise LedgerLocked(
            f"{link.name}: another process wrote the ledger while the results were written",
            hint="run the command again: the results have to say that, too; nothing was dropped",
        )
    await connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
    await connection.execute(_DROP)
    await connection.execute("UPDATE mailing SET bundle = NULL, published = NULL, stop = NULL")
    await connection.execute(_FORGET)
    await set_fact(connection, "archived_at", repr(now))


#: Another worker that came after the one that this process was at first (`rejoining`).
_WRITTEN_SINCE = """
WITH RECURSIVE mine AS (
  SELECT id, after FROM worker WHERE id = $1
  UNION SELECT w.id, w.after FROM worker AS w JOIN mine ON w.id = mine.after)
SELECT EXISTS (
  SELECT 1 FROM worker
  WHERE id > (SELECT min(id) FROM mine) AND id NOT IN (SELECT id FROM mine))
"""
_DROP = """
SET LOCAL client_min_messages = warning;
DROP TABLE allowance, recipient, recipient_group, header, delivery, block, lease, point, past_point,
  reply, copy, bundle
CASCADE
"""
_FORGET = """
DELETE FROM fact
WHERE name NOT IN ('version', 'job', 'edition', 'seed', 'lock_class', 'finished_at')
"""
