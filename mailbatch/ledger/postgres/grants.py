"""The grants of claims: the recipients that `server.cap` and `warmup` leave to all workers.

    granted = await grants.cut(connection, 256, None)     # in the transaction of a claim
    ...
    await grants.take(connection, recipients, deliveries)

The row `allowance` has what is left, and a claim holds the row until the commit: so no two claims
take the same recipients. A claim takes off what is leased, whatever becomes of that. Where no more
is left, the claim counts again, in one snapshot of the database: what servers took, what is in
doubt, and what is leased. So refusals, burials and the hours give recipients back, and no death can
lose or double one. A process that is frozen in the middle of a claim would hold up all others: so
the server ends its connection, which is a connection that was lost, as any other (`rejoining`).

A guard lets workers send in steps: so many recipients may have been sent to, over all of them,
until the run has judged and writes a higher number. Each claim reads the number in its transaction,
and takes recipients off the same row.

The other editions of the job are counted once for each worker, behind the row of this one: of two
editions that begin at once each sees the other, and neither claims. This module must never decide
how many a day may have (`Bound`).
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerError
from mailbatch.frozen import frozen
from mailbatch.ledger.postgres.address import schemas_of
from mailbatch.ledger.postgres.editions import HIDDEN, SCHEMAS
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.taken import taken_in
from mailbatch.ledger.published import Bound, Counted, Grant

#: The row is tried so often, with such a pause: seconds.
_TRIES, _AGAIN = 25, 0.02
#: A claim whose process says nothing for so long is rolled back, and its connection ended: ms.
_FROZEN = 10_000


@frozen
class Cut:
    """The most that a claim may take: deliveries, and recipients of each; None: any number.

    `waits`: none may be claimed now, and more after outcomes that are under way.
    """

    deliveries: int
    most: int | None
    waits: bool = False


class Grants:
    """The grants of one process; without a bound every claim is granted."""

    __slots__ = ("_bound", "_has_groups", "_held", "_job", "_left", "_link", "_others", "_seen_as",
                 "step", "step_is_used_up")  # fmt: skip

    def __init__(self, link: Link, held: OpenLeases, job: str) -> None:
        self._link = link
        self._held = held
        self._job = job
        self._bound: Bound | None = None
        self._has_groups: bool | None = None
        #: The step of the mailing, as the claim under way has read it; None: no guard watches.
        self.step: int | None = None
        #: Whether the last claim got nothing, since the step was used up.
        self.step_is_used_up = False
        # What the claim under way may take.
        self._left = 0
        # The recipients of other editions, as the worker with this number found them.
        self._others: list[tuple[float, int]] = []
        self._seen_as = 0

    async def bound_by(self, bound: Bound) -> None:
        """Grant within a bound from now on, and count for it now."""
        self._bound = bound
        async with self._link.writing(self._held) as connection:
            await self._count(connection, bound)
            # What the row has may be of a time before other editions sent.
            await forget_count(connection)

    async def judged_by(self, bound: Bound) -> None:
        """Have a bound judge what counts now, and change nothing: no claim counts again by that."""
        async with self._link.reading() as connection:
            await self._count(connection, bound)

    async def cut(self, connection: Any, deliveries: int, most: int | None) -> Cut:
        """Return how many deliveries a claim may take, and of how many recipients each.

        A delivery to several is claimed alone, and cut where that is needed.
        """
        bound, copies = self._bound, self._copies
        self.step_is_used_up = False
        if (bound is None and self.step is None) or deliveries < 1:
            return Cut(deliveries, most)
        if self._has_groups is None:
            self._has_groups = await connection.fetchval(_HAS_GROUPS)
        each = 1 + copies
        row = await self._locked(connection)
        if row is None:
            return Cut(0, most, waits=True)
        free = row["free"]
        # The last of a count are taken without another one, but that a group is not cut for want of
        # what came back: near the end every claim would count, one behind the other.
        least = each * deliveries if self._has_groups else each
        is_new = bound is not None and self._seen_as != self._held.worker
        if free is None or free < least or is_new:
            grant = await self._counted(connection, bound)
        else:
            grant = Grant(free)
            if bound is not None:
                bound.pass_on()
        self._left = grant.recipients
        if grant.recipients < each:
            # What was counted stands, although nothing is claimed.
            await connection.execute(_KEEP, grant.recipients)
            return Cut(0, most, grant.waits)
        if self._has_groups:
            room = grant.recipients - copies
            return Cut(1, room if most is None else min(most, room))
        return Cut(min(deliveries, grant.recipients // each), most)

    async def _locked(self, connection: Any) -> Any:
        """Return the row of what is left, locked; None where other claims hold it for long."""
        for _ in range(_TRIES):
            row = await connection.fetchrow(_LOCK, str(_FROZEN))
            if row is not None:
                return row
            await asyncio.sleep(_AGAIN)
        return None

    async def take(self, connection: Any, recipients: int, deliveries: int) -> None:
        """Take off what a claim has leased."""
        if (self._bound is not None or self.step is not None) and deliveries:
            taken = recipients + deliveries * self._copies
            await connection.execute(_KEEP, max(0, self._left - taken))

    @property
    def _copies(self) -> int:
        """The addresses that a message has beside those of its recipients, where these count."""
        return 0 if self._bound is None else self._bound.copies

    async def _counted(self, connection: Any, bound: Bound | None) -> Grant:
        """Count for the bound, and for the step; what is left is that of the tighter one."""
        grant = None if bound is None else await self._count(connection, bound)
        if self.step is None:
            return grant or Grant(0)
        left = max(0, self.step - await connection.fetchval(_TRIED))
        # Of groups the recipients are counted one by one.
        room = left and (left + self._copies if self._has_groups else left * (1 + self._copies))
        if grant is not None and grant.recipients <= room:
            return grant
        self.step_is_used_up = not room
        return Grant(room)

    async def _count(self, connection: Any, bound: Bound) -> Grant:
        """Count all that counts, and have the bound judge."""
        now = await connection.fetchval(_NOW)
        since = bound.since(now)
        busy = False
        if self._seen_as != self._held.worker:
            self._others, busy = await self._of_others(connection, bound, since)
        if not busy:
            self._seen_as = self._held.worker
        own, under_way = await taken_in(connection, self._link.schema, since, copies=bound.copies)
        return bound.judge(Counted(now, [*own, *self._others], under_way, busy))

    async def _of_others(
        self, connection: Any, bound: Bound, since: float
    ) -> tuple[list[tuple[float, int]], bool]:
        """Return the recipients of the other editions, and whether a process writes one of them.

        Raises:
            LedgerError: the role of this process may not read one of them.
        """
        taken: list[tuple[float, int]] = []
        hidden = await connection.fetchval(HIDDEN, schemas_of(self._job), self._job)
        if hidden is not None:
            raise LedgerError(
                f"{self._link.name}: this role may not read {hidden}, an edition of this job whose"
                " recipients count for server.cap, too",
                hint="`mailbatch run` of that edition, by its planner, gives the worker its rights",
            )
        for (schema,) in await connection.fetch(SCHEMAS, schemas_of(self._job)):
            if schema == self._link.schema:
                continue
            try:
                async with connection.transaction():
                    if not await connection.fetchval(_COUNTS.format(schema=schema), self._job):
                        continue
                    if await connection.fetchval(_BUSY.format(schema=schema)):
                        return [], True
                    found, left = await taken_in(connection, schema, since, copies=bound.copies)
            except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
                continue  # it is dropped just now, or was begun by another version
            taken += found
            if left:  # of a worker that is gone, and not buried
                taken.append((await connection.fetchval(_NOW), left))
        return taken, False


async def forget_count(connection: Any) -> None:
    """Have the next claim count: the numbers of the job may be others now."""
    await connection.execute("UPDATE allowance SET free = NULL WHERE free IS NOT NULL")


_LOCK = """
WITH frozen AS MATERIALIZED (
  SELECT set_config('idle_in_transaction_session_timeout', $1, true) AS milliseconds)
SELECT free FROM allowance, frozen WHERE frozen.milliseconds IS NOT NULL
FOR UPDATE OF allowance SKIP LOCKED
"""
_HAS_GROUPS = "SELECT EXISTS (SELECT 1 FROM recipient_group)"
#: The recipients that were sent to, whatever came of that, or may be now: those of a first lease.
_TRIED = """
SELECT (SELECT count(*) FROM recipient WHERE attempts > 0) + (
  SELECT count(*) FROM lease AS l JOIN recipient AS r ON r.delivery_id = l.delivery_id
  WHERE r.attempts = 0 AND r.status IN ('pending', 'deferred') AND r.due <= l.leased_at
  AND (l.mailbox IS NULL OR l.mailbox = coalesce(r.mailbox, r.key)))
"""
_NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_KEEP = "UPDATE allowance SET free = $1 WHERE free IS DISTINCT FROM $1"
#: Whether a schema has an edition of the job; one that was put away has no rows left.
_COUNTS = """
SELECT EXISTS (SELECT 1 FROM {schema}.fact WHERE name = 'job' AND value = $1)
  AND NOT EXISTS (SELECT 1 FROM {schema}.fact WHERE name = 'archived_at')
"""
_BUSY = "SELECT EXISTS (SELECT 1 FROM {schema}.workers WHERE alive)"
