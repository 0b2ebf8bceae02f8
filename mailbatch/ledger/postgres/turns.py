"""The turns of a rate that all workers of a mailing share, by the clock of the database.

    seconds = await turns.take(1)        # so long until one recipient may be sent to

Each recipient has an instant of its own, `1 / rate` behind the one before, whichever worker asks:
no second has more than the rate. An instant that is not used is lost. This module must never
decide what a turn is used for.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from mailbatch.ledger.postgres.link import Link

# The row is locked until the commit, so that the commit does not wait for the disk: a crash of the
# database forgets some turns, and time has gone on behind it.
_TAKE = """
WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
UPDATE mailing SET next_slot = greatest(next_slot, clock_timestamp())
  + make_interval(secs => $1::integer / rate)
FROM quick WHERE rate IS NOT NULL
RETURNING extract(epoch FROM next_slot - clock_timestamp())::double precision - $1::integer / rate,
  rate
"""


class Turns:
    """The turns of one worker: all sessions of the process ask together, once at a time."""

    __slots__ = ("_asked", "_connection", "_link", "_waiting")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._connection: Any = None
        self._waiting: list[tuple[int, asyncio.Future[float]]] = []
        self._asked: asyncio.Task[None] | None = None

    async def take(self, recipients: int) -> float:
        """Take turns for so many recipients; return the wait before their use, in seconds.

        Raises:
            LedgerError: the database does not answer.
        """
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[float] = loop.create_future()
        self._waiting.append((recipients, turn))
        if self._asked is None or self._asked.done():
            self._asked = loop.create_task(self._ask())
        return await turn

    async def _ask(self) -> None:
        """Ask for all that wait, until none does."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                wanted = sum(recipients for recipients, _ in waiting)
                begins, seconds = await self._link.answer(
                    self._link.again(partial(self._take, wanted))
                )
            except Exception as error:  # noqa: BLE001 - raised by each that waits
                for _, turn in waiting:
                    if not turn.done():
                        turn.set_exception(error)
                continue
            for recipients, turn in waiting:
                if not turn.done():
                    turn.set_result(max(0.0, begins))
                begins += recipients * seconds

    async def _take(self, recipients: int, _is_again: bool) -> tuple[float, float]:
        """Return the seconds until the first turn, and the seconds that each lasts."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._link.reconnect()
        row = await self._connection.fetchrow(_TAKE, recipients)
        return (0.0, 0.0) if row is None else (row[0], 1.0 / row[1])

    async def close(self) -> None:
        """Close the connection; a turn that is asked for gets none."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
