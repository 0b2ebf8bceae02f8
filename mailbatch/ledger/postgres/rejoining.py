"""A connection that was lost, while the process lives: the process goes on as another worker.

    link.rejoin_by(partial(rejoin, link, held))      # asked before the next statement

The backend of the lost connection may still be at work. So the new worker waits until the lock of
the old one is free: no statement of the old one is under way then, and all that it wrote is there
to be seen. One transaction buries the old worker and moves its leases over to the new one; a lease
that the process does not know was never answered, and is given back. So a database that was
restarted leaves no doubt where the process lives on.

Another worker may have buried the old one meanwhile: its leases before a commit point are due again
(`OpenLeases.lost`), and those behind one are moved over, and not in doubt any more; where a run has
recorded the doubt already, and no person has resolved that, the lease is made again.

This module must never take a worker for gone whose lock it cannot take.
"""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from typing import Any

from mailbatch.errors import LedgerError
from mailbatch.ledger.postgres.continuity import Origin, check_origin, keep_origin
from mailbatch.ledger.postgres.failing import LOST, is_lost
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.locks import PLANNER, lock_class
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.opening import check_lock, check_server, first_of, locked, writers

#: So long the locks of the lost connection are tried, and so often: seconds. A backend notices a
#: client that is gone within 25 s (`link`).
_PATIENCE, _AGAIN = 60.0, 0.2


async def rejoin(link: Link, held: OpenLeases) -> None:
    """Connect anew as another worker, with all leases of the old one that are still there.

    Raises:
        LedgerLocked: another run took the edition meanwhile.
        LedgerError: the old connection does not end, or the ledger cannot be used.
    """
    now = asyncio.get_running_loop().time
    until = now() + _PATIENCE
    while True:
        connection = await link.reopen_writer()
        try:
            await check_server(link, connection)
            origin = await check_origin(link, connection, held.witness.heard(), writes=True)
            if await _take_over(link, connection, held, origin):
                await check_lock(link, connection, held.worker)
                return
            if now() > until:
                raise LedgerError(
                    f"{link.name}: the connection was lost, and the server keeps the old one open",
                    hint="end it (pg_terminate_backend), or wait for its keepalive, then run again",
                )
        except LOST as error:
            if not is_lost(error, connection):
                raise
        await asyncio.sleep(_AGAIN)


async def _take_over(link: Link, connection: Any, held: OpenLeases, origin: Origin) -> bool:
    """Become another worker; False while a lock is taken, and nothing is changed then."""
    group = lock_class(link.schema)
    mine = await connection.fetch(_MINE, held.worker)
    if not mine:
        raise link.broken(f"worker {held.worker} is not in the ledger")
    if mine[0]["role"] == "run" and not await _hold_plan(link, connection, group, held.worker):
        return False
    numbers = [row["id"] for row in mine]
    transaction = connection.transaction()
    await transaction.start()
    try:
        worker = await _insert(connection, held.worker)
        free = await _try(connection, group, worker)
        for row in mine:
            free = free and (not row["live"] or await _try_here(connection, group, row["id"]))
        adopted = await _adopt(connection, held, worker, numbers) if free else set()
        due = await connection.fetchval("SELECT min(due) FROM delivery WHERE due > 0")
        position = await keep_origin(connection, origin)
    except BaseException:
        await transaction.rollback()
        raise
    if not free:
        await transaction.rollback()
        return False
    await transaction.commit()
    held.witness.tell(origin.era, origin.system, position)
    held.worker = worker
    held.note_due(due)
    if not all(row["live"] for row in mine):
        _forget_lost(held, adopted)
    return True


async def _insert(connection: Any, old: int) -> int:
    number: int = await connection.fetchval(
        "INSERT INTO worker (pid, host, version, role, suspected_since, after)"
        " SELECT $2, $3, $4, role, suspected_since, id FROM worker WHERE id = $1 RETURNING id",
        old, os.getpid(), os.uname().nodename, version("mailbatch"),
    )  # fmt: skip
    return number


async def _adopt(connection: Any, held: OpenLeases, worker: int, numbers: list[int]) -> set[int]:
    """Bury the workers that this process was, and return the deliveries whose leases are moved."""
    await connection.execute(
        "UPDATE worker SET live = false, suspected_since = NULL WHERE id = ANY ($1)", numbers
    )
    rows = await connection.fetch(
        "UPDATE lease SET worker = $1 WHERE worker = ANY ($2) RETURNING delivery_id",
        worker, numbers,
    )  # fmt: skip
    # A suspicion is about the refusals of this process, under whatever number.
    await connection.execute(
        "UPDATE reply SET worker = $1 WHERE worker = ANY ($2) AND code >= 400", worker, numbers
    )
    adopted = {row["delivery_id"] for row in rows}
    adopted |= await _take_back(connection, held, worker, adopted)
    unknown = sorted(adopted - held.leases.keys())
    if unknown:
        await connection.execute("SELECT end_leases($1)", unknown)
    return adopted


async def _take_back(connection: Any, held: OpenLeases, worker: int, adopted: set[int]) -> set[int]:
    """Lease again what a run recorded as in doubt meanwhile, and return the deliveries.

    This process knows the outcomes, or will; a doubt that a person has resolved stays as it is.
    """
    doubted = {
        delivery_id: leased
        for delivery_id, leased in held.leases.items()
        if leased.committed and not leased.resent and delivery_id not in adopted
    }
    if not doubted:
        return set()
    recipients = [row_id for leased in doubted.values() for ids in leased.ids for row_id in ids]
    found = await connection.fetch(_LEASE_AGAIN, worker, held.worker, list(doubted), recipients)
    return {row["delivery_id"] for row in found}


def _forget_lost(held: OpenLeases, adopted: set[int]) -> None:
    """Forget the leases that a burial ended: others have these, or a person has resolved them."""
    for delivery_id in held.leases.keys() - adopted:
        if held.leases.pop(delivery_id).committed:
            held.decided.add(delivery_id)
        held.lost.add(delivery_id)


async def _hold_plan(link: Link, connection: Any, group: int, old: int) -> bool:
    """Take the lock of the plan; False while the lost connection may have it.

    Raises:
        LedgerLocked: another run has it, since the lost connection has no lock any more.
    """
    if await _try(connection, group, PLANNER):
        return True
    if not await _try_here(connection, group, old):
        return False
    if await _try(connection, group, PLANNER):
        return True
    raise locked(
        link,
        first_of(await writers(link, connection)),
        hint="this run lost its connection, and leaves the rest to the other one",
    )


async def _try(connection: Any, group: int, number: int) -> bool:
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", group, number))


async def _try_here(connection: Any, group: int, number: int) -> bool:
    query = "SELECT pg_try_advisory_xact_lock($1, $2)"
    return bool(await connection.fetchval(query, group, number))


#: The worker, and those that came after it while the answer to a commit was lost.
_MINE = """
WITH RECURSIVE mine AS (
  SELECT id, live, role FROM worker WHERE id = $1
  UNION SELECT w.id, w.live, w.role FROM worker AS w JOIN mine AS m ON w.after = m.id)
SELECT id, live, role FROM mine ORDER BY id
"""
#: A doubt was recorded at the time of the lease. The attempt is the last one, and its commit point
#: of a worker that this process was.
_LEASE_AGAIN = """
WITH RECURSIVE was AS (
  SELECT id, after FROM worker WHERE id = $2
  UNION SELECT w.id, w.after FROM worker AS w JOIN was ON w.id = was.after),
back AS (
  SELECT r.id, r.delivery_id, d.attempt, r.settled_at
  FROM delivery AS d
  JOIN point AS p ON p.delivery_id = d.id AND p.attempt = d.attempt
  JOIN was ON was.id = p.worker
  JOIN recipient AS r ON r.delivery_id = d.id AND r.id = ANY ($4)
  WHERE d.id = ANY ($3) AND r.status = 'in_doubt'),
again AS (
  UPDATE recipient AS r SET
    status = 'pending', reason = NULL, due = 0, settled_at = NULL, attempts = r.attempts - 1,
    first_attempt_at = CASE WHEN r.attempts > 1 THEN r.first_attempt_at END
  FROM back WHERE back.id = r.id),
held AS (
  UPDATE delivery AS d SET due = NULL FROM back WHERE back.delivery_id = d.id)
INSERT INTO lease (delivery_id, attempt, worker, leased_at, mailbox, partial, first)
SELECT delivery_id, attempt, $1, min(settled_at), NULL, true, false FROM back
GROUP BY delivery_id, attempt RETURNING delivery_id
"""
