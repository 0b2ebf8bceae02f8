"""The advisory locks of an edition: those of the plan, and that of each worker.

    async with link.writing(worker) as connection:
        await stand_still(link, connection)      # no worker claims until the transaction ends

A claim shares the lock STILL, and a change of recipients that workers may have takes the lock
alone: so no delivery is leased in between. A lock is tried, and never waited for. This module must
never read or write a row.

Tests: tests/ledger/postgres/test_workers.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from mailbatch.errors import LedgerLocked
from mailbatch.ledger.postgres.link import Link

#: The lock of the session that may change the plan; a worker has that of its own number.
PLANNER = 0
#: Shared by each claim, and held alone by a change of recipients: both for one transaction.
STILL = -1
#: Held by a burial, for one transaction.
BURIAL = -2
#: Claims take milliseconds: so long the lock is tried, and so often, in seconds.
_PATIENCE, _AGAIN = 30.0, 0.02


def lock_class(schema: str) -> int:
    """Return the class of the advisory locks of an edition: a positive number of 31 bits."""
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:4]) >> 1


async def try_lock(link: Link, connection: Any, number: int, *, shared: bool = False) -> bool:
    """Take a lock until the end of the transaction, alone or shared; False where it is taken."""
    name = "pg_try_advisory_xact_lock_shared" if shared else "pg_try_advisory_xact_lock"
    group = lock_class(link.schema)
    return bool(await connection.fetchval(f"SELECT {name}($1, $2)", group, number))


async def stand_still(link: Link, connection: Any) -> None:
    """Let no worker claim until the transaction ends.

    Raises:
        LedgerLocked: claims, or another change, went on for half a minute.
    """
    for _ in range(int(_PATIENCE / _AGAIN)):
        if await try_lock(link, connection, STILL):
            return
        await asyncio.sleep(_AGAIN)
    raise LedgerLocked(
        f"{link.name}: another process has been changing the ledger for {_PATIENCE:.0f} s",
        hint="run again; nothing was changed",
    )
