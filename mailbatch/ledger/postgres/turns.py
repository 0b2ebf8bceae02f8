"""The turns of a rate that all workers of a mailing share, by the clock of the database.

    seconds = await turns.take(1)        # so long until one recipient may be sent to

Each recipient has an instant of its own, whichever worker asks. An instant that is not used is
lost. A machine uses an instant a little late, and the next one in time: so that no second has more
than the rate, instants are more than `1 / rate` apart, by what a busy machine may be late:

    instants in a second and the lateness = (1 + lateness) / apart = rate

An instant is told in the clock of this machine, by the quickest answer of the last seconds: an
answer that a busy machine hears late would make its turns late. This module must never decide what
a turn is used for.
"""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial
from typing import Any

from mailbatch.ledger.postgres.link import Link

#: So late a turn is used, and so early by the timers of an event loop: seconds.
LATE, _EARLY = 0.03, 0.002
#: No turn is sooner than this, or than two others last: the answer has to arrive before. Seconds.
_AHEAD = 0.01
#: So long the quickest answer stands for the clock of the database: seconds.
_QUICKEST = 10.0
# The row is locked until the commit, so that the commit does not wait for the disk: a crash of the
# database forgets some turns, and time has gone on behind it.
_TAKE = f"""
WITH quick AS (SELECT set_config('synchronous_commit', 'off', true)),
apart AS (SELECT (1 + {LATE + _EARLY} * least(rate, 1)) / rate AS seconds FROM mailing)
UPDATE mailing SET next_slot = greatest(
    next_slot, clock_timestamp() + make_interval(secs => least({_AHEAD}, 2 * apart.seconds)))
  + make_interval(secs => $1::integer * apart.seconds)
FROM quick, apart WHERE rate IS NOT NULL
RETURNING extract(epoch FROM next_slot)::double precision - $1::integer * apart.seconds,
  extract(epoch FROM clock_timestamp())::double precision, apart.seconds
"""  # noqa: S608 - constants


class _FarClock:
    """The clock of the database in that of this machine, by the quickest of the last answers."""

    __slots__ = ("_before", "_least", "_until")

    def __init__(self) -> None:
        self._least = self._before = math.inf
        self._until = -math.inf

    def behind(self, told: float, *, heard: float) -> float:
        """Note an answer, and return what to add to a time of the database; seconds."""
        if heard > self._until:
            self._before, self._least = self._least, math.inf
            self._until = heard + _QUICKEST
        self._least = min(self._least, heard - told)
        return min(self._least, self._before)


class Turns:
    """The turns of one worker: all sessions of the process ask together, once at a time."""

    __slots__ = ("_asked", "_clock", "_connection", "_link", "_waiting")

    def __init__(self, link: Link) -> None:
        self._clock = _FarClock()
        self._link = link
        self._connection: Any = None
        self._waiting: list[tuple[int, asyncio.Future[float]]] = []
        self._asked: asyncio.Task[None] | None = None

    async def take(self, recipients: int) -> float:
        """Take turns for so many recipients; return the wait before their use, in seconds.

        Below 0.0 the turns have passed already.

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
                at, apart = await self._link.answer(self._link.again(partial(self._take, wanted)))
            except Exception as error:  # noqa: BLE001 - raised by each that waits
                for _, turn in waiting:
                    if not turn.done():
                        turn.set_exception(error)
                continue
            for recipients, turn in waiting:
                if not turn.done():
                    turn.set_result(at - time.monotonic())
                at += recipients * apart

    async def _take(self, recipients: int, _is_again: bool) -> tuple[float, float]:
        """Return the first turn, in the clock of this machine, and the seconds that each lasts."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._link.reconnect()
        row = await self._connection.fetchrow(_TAKE, recipients)
        heard = time.monotonic()
        if row is None:
            return heard, 0.0
        at, told, apart = row
        return at + self._clock.behind(told, heard=heard), apart

    async def close(self) -> None:
        """Close the connection; a turn that is asked for gets none."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
