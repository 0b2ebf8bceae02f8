"""The records of leased deliveries: commit points and outcomes, in one commit of the worker's own.

    await records.record([Settlement(delivery.id, outcomes, now, None)], [CommitPoint(other.id)])

A record without copies is one statement, and so one round trip. The rules of an outcome are those
of `ledger.outcomes`; functions of `schema.sql` refuse what is not this worker's. This module must
never decide the meaning of a reply: an Outcome is recorded as given.

Tests: tests/ledger/contract/test_promises.py, tests/ledger/contract/test_model.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mailbatch.errors import LedgerError
from mailbatch.ledger.message_ids import server_message_id
from mailbatch.ledger.outcomes import OutcomeRow, outcome_rows
from mailbatch.ledger.ports import CommitPoint, Settlement, Suspicion
from mailbatch.ledger.postgres import suspicion as suspicions
from mailbatch.ledger.postgres.leasing import NEXT_DUE
from mailbatch.ledger.postgres.link import Link, live, set_fact
from mailbatch.ledger.postgres.locks import stand_still
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.witness import Passed
from mailbatch.outcome import Outcome, Reply

T = TypeVar("T")
#: A worker takes the numbers of so many replies at once: the increment of `reply_number`.
_REPLIES = 1_000_000


@dataclass(slots=True)
class _Said:
    """All that one call records, checked against what the worker has leased."""

    settled: list[int] = field(default_factory=list)
    rows: list[OutcomeRow] = field(default_factory=list)
    copies: list[tuple[int, Outcome, float]] = field(default_factory=list)
    points: list[CommitPoint] = field(default_factory=list)


class Recording:
    """The records of the deliveries that this worker has leased."""

    __slots__ = ("_held", "_last_reply", "_link", "_next_reply")

    def __init__(self, link: Link, held: OpenLeases) -> None:
        self._link = link
        self._held = held
        self._next_reply = self._last_reply = 0

    async def record(
        self,
        settlements: Sequence[Settlement],
        points: Sequence[CommitPoint],
        suspicion: Suspicion | None = None,
    ) -> None:
        """Record outcomes and commit points in one commit: all or nothing (`ports.Records`)."""
        self._check_open()

        async def call(is_again: bool) -> None:
            await self._record(settlements, points, suspicion, is_again=is_again)

        await self._link.answer(self._link.again(call))

    async def invalidate(self, delivery_id: int, reason: str, *, now: float) -> None:
        """Mark the rows of a leased delivery as not mailable; a resent one is in doubt again."""
        self._check_open()
        self._check_uncommitted([delivery_id], "is invalid")

        async def call(is_again: bool) -> None:
            await self._invalidate(delivery_id, reason, now, is_again=is_again)

        await self._link.answer(self._link.again(call))

    async def release(self, delivery_ids: Iterable[int]) -> None:
        """Give leased deliveries back that were not tried: as if never leased."""
        self._check_open()
        ids = list(dict.fromkeys(delivery_ids))
        self._check_uncommitted(ids, "is released")

        async def call(is_again: bool) -> None:
            await self._release(ids, is_again=is_again)

        await self._link.answer(self._link.again(call))

    def leave(self, delivery_ids: Iterable[int]) -> None:
        """Keep no note of leased deliveries (`ports.Records`)."""
        for delivery_id in delivery_ids:
            self._held.leases.pop(delivery_id, None)

    async def give_back(self, since: float, reply: Reply) -> int:
        """Make pending the recipients that this reply rejected since then; return the rows."""
        self._check_open()
        return await self._link.answer(self._link.again(lambda _: self._give_back(since, reply)))

    # -- in the thread of the link -------------------------------------------------------------

    async def _record(
        self,
        settlements: Sequence[Settlement],
        points: Sequence[CommitPoint],
        suspicion: Suspicion | None,
        *,
        is_again: bool,
    ) -> None:
        await self._take_numbers(sum(len(one.outcomes) for one in settlements))
        # A connection that was lost is opened anew first: what others took meanwhile is known then.
        async with self._link.writer() as connection:
            said, number = self._check(settlements, points)
            passed = None
            if is_again and await self._is_recorded(connection, said):
                due = await connection.fetchval(NEXT_DUE)
            elif suspicion is None and not said.copies:
                due, passed = await self._write(connection, said)
            else:
                async with live(connection, self._held):
                    if suspicion is not None:
                        await suspicions.suspect(connection, self._held.worker, suspicion.since)
                    await connection.executemany(_COPY, list(map(_copy_row, said.copies)))
                    due, passed = await self._write(connection, said)
        if passed is not None:
            self._testify(passed, said)
        self._next_reply = number
        self._tell_late(settlements)
        if said.settled:
            self._held.note_due(due)
        for delivery_id in said.settled:
            del self._held.leases[delivery_id]
        for point in said.points:
            self._held.leases[point.delivery_id].committed = True

    async def _write(self, connection: Any, said: _Said) -> tuple[float | None, Any]:
        """Write all that is said but copies.

        Return when the next deferred delivery is due, and what `_testify` keeps.
        """
        if not said.settled and not said.points:
            return None, None
        rows = said.rows
        replies = [row for row in rows if row.code is not None]
        due, *passed = await connection.fetchrow(
            _RECORD,
            self._held.worker,
            said.settled,
            [row.recipient_id for row in rows],
            [row.delivery_id for row in rows],
            [row.status for row in rows],
            [row.counted for row in rows],
            [row.reply_id for row in rows],
            _unless_null([row.reason for row in rows]),
            _unless_null([row.due for row in rows]),
            [row.settled_at for row in rows],
            [row.reply_id for row in replies],
            [row.code for row in replies],
            [row.enhanced for row in replies],
            [row.reply for row in replies],
            [server_message_id(row.reply or "") for row in replies],
            [point.delivery_id for point in said.points],
            [point.digest for point in said.points],
        )
        return due, passed

    def _tell_late(self, settlements: Sequence[Settlement]) -> None:
        """Tell the answers that came behind a decision, and change nothing any more; once each."""
        for settlement in settlements:
            if settlement.delivery_id in self._held.decided:
                self._held.decided.discard(settlement.delivery_id)
                for outcome in settlement.outcomes:
                    self._link.tell(
                        f"{outcome.address}: the answer of the server came behind a decision about"
                        f" the doubt, and is not recorded: {outcome.status}"
                    )

    def _testify(self, passed: Any, said: _Said) -> None:
        """Have the witness know what is acknowledged, before the last bytes of a content leave."""
        position, attempt = passed
        last = None
        if said.points:
            last = Passed(said.points[-1].delivery_id, attempt, self._held.worker)
        self._held.witness.note(position, last)

    def _check(
        self, settlements: Sequence[Settlement], points: Sequence[CommitPoint]
    ) -> tuple[_Said, int]:
        """Return the rows of a record, and the next number of a reply; refuse a broken rule."""
        said, number = _Said(), self._next_reply
        for settlement in settlements:
            delivery_id = settlement.delivery_id
            if delivery_id in self._held.lost:  # others have it, and nothing of it left here
                continue
            if delivery_id in said.settled:
                raise self._not_leased(delivery_id)
            leased = self._leased(delivery_id)
            rows, copies, number = outcome_rows(leased, settlement, number, self._link.broken)
            said.settled.append(delivery_id)
            said.rows += rows
            said.copies += [(delivery_id, copy, settlement.now) for copy in copies]
        passed = set[int]()
        for point in points:
            delivery_id = point.delivery_id
            if delivery_id in self._held.lost:
                raise self._taken()
            if delivery_id in said.settled:
                raise self._not_leased(delivery_id)
            if self._leased(delivery_id).committed or delivery_id in passed:
                raise self._link.broken(
                    f"delivery {delivery_id} has passed its commit point already"
                )
            passed.add(delivery_id)
            said.points.append(point)
        return said, number

    async def _take_numbers(self, count: int) -> None:
        """Have numbers for so many replies, which no other worker has."""
        if self._next_reply + count <= self._last_reply:
            return
        if count > _REPLIES:
            raise self._link.broken(f"{count} outcomes in one record")
        async with self._link.writer() as connection:
            first = await connection.fetchval("SELECT nextval('reply_number')")
        self._next_reply, self._last_reply = first, first + _REPLIES

    async def _is_recorded(self, connection: Any, said: _Said) -> bool:
        """Say whether all that is said was recorded by a call whose answer was lost."""
        if said.settled:
            return not await self._still_leased(connection, said.settled[:1])
        if not said.points:
            return False
        delivery_id = said.points[0].delivery_id
        return bool(await connection.fetchval(_PASSED, delivery_id, self._held.worker))

    async def _still_leased(self, connection: Any, ids: Sequence[int]) -> list[int]:
        """Return the deliveries of these that this worker has leased, in the database."""
        rows = await connection.fetch(
            "SELECT delivery_id FROM lease WHERE worker = $1 AND delivery_id = ANY ($2)",
            self._held.worker, ids,
        )  # fmt: skip
        return [row["delivery_id"] for row in rows]

    async def _invalidate(
        self, delivery_id: int, reason: str, now: float, *, is_again: bool
    ) -> None:
        async with self._link.writer() as connection:
            if delivery_id not in self._held.lost and (
                not is_again or await self._still_leased(connection, [delivery_id])
            ):
                async with live(connection, self._held):
                    await connection.execute(_INVALIDATE, delivery_id, reason, now)
                    due = await self._end(connection, [delivery_id])
                    # The next plan asks for these rows again.
                    await set_fact(connection, "plan", None)
                self._held.note_due(due)
        self._held.leases.pop(delivery_id, None)

    async def _release(self, given: Sequence[int], *, is_again: bool) -> None:
        async with self._link.writer() as connection:
            ids = await self._still_leased(connection, given) if is_again else given
            ids = [delivery_id for delivery_id in ids if delivery_id not in self._held.lost]
            async with live(connection, self._held):
                due = await self._end(connection, ids)
        self._held.note_due(due)
        for delivery_id in given:
            self._held.leases.pop(delivery_id, None)

    async def _end(self, connection: Any, ids: Sequence[int]) -> float | None:
        """End leases of this worker; return when the next deferred delivery is due."""
        mine = await connection.fetchval(
            "SELECT count(*) FROM lease WHERE worker = $1 AND delivery_id = ANY ($2)",
            self._held.worker, ids,
        )  # fmt: skip
        if mine != len(ids):
            raise self._link.broken("a lease of this worker is gone")
        await connection.execute("SELECT end_leases($1)", ids)
        due: float | None = await connection.fetchval(NEXT_DUE)
        return due

    async def _give_back(self, since: float, reply: Reply) -> int:
        async with self._link.writing(self._held) as connection:
            await stand_still(self._link, connection)
            rows = await suspicions.give_back(connection, self._held.worker, since, reply)
            due = await connection.fetchval(NEXT_DUE)
        self._held.note_due(due)
        return rows

    # -- the rules -----------------------------------------------------------------------------

    def _check_open(self) -> None:
        if not self._held.is_open:
            raise self._link.closed()

    def _leased(self, delivery_id: int) -> Any:
        try:
            return self._held.leases[delivery_id]
        except KeyError:
            raise self._not_leased(delivery_id) from None

    def _not_leased(self, delivery_id: int) -> Exception:
        return self._link.broken(f"delivery {delivery_id} is not leased")

    def _taken(self) -> LedgerError:
        return LedgerError(
            f"{self._link.name}: another worker took what this process had leased, while there was"
            " no connection to the ledger",
            hint="run again; all that was sent is recorded",
        )

    def _check_uncommitted(self, ids: Iterable[int], what: str) -> None:
        for delivery_id in ids:
            if delivery_id not in self._held.lost and self._leased(delivery_id).committed:
                raise self._link.broken(f"delivery {delivery_id} {what} behind its commit point")


_RECORD = """
SELECT next_due, seen_at, last_attempt
FROM record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""
_PASSED = """
SELECT EXISTS (
  SELECT 1 FROM lease AS l
  JOIN point AS p ON p.delivery_id = l.delivery_id AND p.attempt = l.attempt
  WHERE l.delivery_id = $1 AND l.worker = $2)
"""
_INVALIDATE = """
UPDATE recipient SET
  status = CASE WHEN resend = 1 THEN 'in_doubt' ELSE 'invalid' END,
  reason = $2, due = NULL, settled_at = $3, resend = 0
WHERE delivery_id = $1 AND status IN ('pending', 'deferred')
"""
_COPY = """
INSERT INTO copy VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (delivery_id, address) DO UPDATE SET
  status = excluded.status, code = excluded.code, enhanced = excluded.enhanced,
  reply = excluded.reply, reason = excluded.reason, settled_at = excluded.settled_at
"""


def _unless_null(values: list[T | None]) -> list[T | None]:
    """Return values; none where all are None: the database takes these for the missing ones."""
    return values if any(value is not None for value in values) else []


def _copy_row(copied: tuple[int, Outcome, float]) -> tuple[object, ...]:
    delivery_id, copy, now = copied
    reply = copy.reply
    seen = (None, None, None) if reply is None else (reply.code, reply.enhanced, reply.text)
    return (delivery_id, copy.address, str(copy.status), *seen, copy.reason, now)
