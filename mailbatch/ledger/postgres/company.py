"""The other workers of a mailing, and where its recipients stand, looked at beside the sending.

    lookout = Lookout(link, held)
    company = await lookout.look()       # None: no other worker was there since the opening

The looks have a connection of their own, so that no lease and no record waits for a count. A
database that is away is not waited for. This module must never write.
"""

from __future__ import annotations

import asyncio

import asyncpg  # type: ignore[import-untyped]

from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.opening import writers
from mailbatch.ledger.postgres.standing import COUNTS, STATUSES
from mailbatch.ledger.postgres.streaming import find_gone
from mailbatch.ledger.published import Company
from mailbatch.outcome import Status

#: A look that hangs for so many seconds is given up, and with it the connection.
_PATIENCE = 300.0
# Cheap: a run that has always been alone counts nothing.
_JOINED = "SELECT EXISTS (SELECT 1 FROM worker WHERE id <> $1 AND (live OR id > $1))"


class Lookout:
    """The looks of one worker at the others, one at a time."""

    __slots__ = ("_connection", "_has_company", "_held", "_link", "_looking", "_turn")

    def __init__(self, link: Link, held: OpenLeases) -> None:
        self._link = link
        self._held = held
        self._connection: asyncpg.Connection | None = None
        self._has_company = False
        self._looking: asyncio.Task[object] | None = None
        self._turn = asyncio.Lock()

    async def look(self) -> Company | None:
        """Return the other workers and all counts; None: no other worker has been there.

        Raises:
            LedgerError: the database does not answer now.
        """
        return await self._link.answer(self._look())

    async def _look(self) -> Company | None:
        async with self._turn:
            self._looking = asyncio.current_task()
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await self._ask()
            except BaseException:
                self._drop()
                raise
            finally:
                self._looking = None

    async def _ask(self) -> Company | None:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await self._link.connect()
        if not self._has_company:
            self._has_company = await connection.fetchval(_JOINED, self._held.worker)
        if not self._has_company:
            return None
        await find_gone(connection)
        counts = dict.fromkeys(Status, 0)
        for status, number in await connection.fetch(COUNTS):
            counts[STATUSES[status]] = number
        others = await writers(self._link, connection, but=self._held.worker)
        return Company(others, counts)

    async def close(self) -> None:
        """End a look that is under way, and close the connection."""
        looking = self._looking
        if looking is not None:
            looking.cancel()
            await asyncio.wait({looking})
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
