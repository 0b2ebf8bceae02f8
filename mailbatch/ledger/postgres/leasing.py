"""The lease of the next deliveries, in one transaction of the worker: on the disk when given.

    deliveries = await leasing.lease(32, now=now)

Recipients that were never leased are claimed from blocks of neighbours, all others one by one; both
by FOR UPDATE SKIP LOCKED, so that workers do not wait for each other. The rules of an attempt are
those of `ledger.attempts`. This module must never lease a delivery twice.

Tests: tests/ledger/contract/test_model.py, tests/ledger/contract/test_roles.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from mailbatch.envelope import Delivery, address_key
from mailbatch.errors import LedgerLocked, MailingStopped
from mailbatch.ledger.attempts import (
    COLUMNS,
    NOBODY,
    Attempt,
    Head,
    Names,
    Row,
    cut,
    of_one,
    of_some,
)
from mailbatch.ledger.postgres.burial import bury
from mailbatch.ledger.postgres.grants import Grants
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.locks import STILL, try_lock
from mailbatch.ledger.postgres.naming import named
from mailbatch.ledger.postgres.open_leases import OpenLeases

#: A lot with so many recipients is large enough, whatever was asked for: they are in the memory.
_RECIPIENTS = 16_384
#: So long a change of the plan waits for messages that are under way, and looks so often: seconds.
_PATIENCE, _AGAIN = 60.0, 0.05
#: The recipients that wait for a delivery of their own, in SQL.
WAITING = """
(r.claim = 'own' AND r.delivery_id IS NULL AND r.group_id IS NULL AND r.status = 'pending'
 AND r.due = 0)
"""
_MAILING = """
SELECT bundle, stop, stop_code, (published::json ->> 'step')::bigint AS step FROM mailing
"""
NEXT_DUE = "SELECT min(due) FROM delivery WHERE due > 0"
#: How soon a worker asks again for what others have under way: seconds.
SOON = 0.9
#: A worker whose bundle is no longer that of the mailing leaves, and asks so late: seconds.
REPLACED = 60.0
#: Whether another live worker has leases, or there is something whose claim is under way.
_OTHERS = """
SELECT EXISTS (SELECT 1 FROM lease AS l JOIN worker AS w ON w.id = l.worker AND w.live
               WHERE l.worker <> $2)
  OR EXISTS (SELECT 1 FROM block) OR EXISTS (SELECT 1 FROM delivery WHERE due <= $1)
"""


class _Found(NamedTuple):
    """A delivery that is next, and its recipients; `to` is the one address of the attempt."""

    head: Head
    rows: list[Row]
    to: str | None
    is_new: bool


class Leasing:
    """The deliveries of the ledger that are due."""

    __slots__ = ("_bundle", "_grants", "_held", "_link", "_names")

    def __init__(
        self,
        link: Link,
        held: OpenLeases,
        names: Names,
        grants: Grants,
        *,
        bundle: str | None = None,
    ) -> None:
        """`bundle` is that of a worker without a job file, which sends nothing of another one."""
        self._bundle = bundle
        self._grants = grants
        self._link = link
        self._held = held
        self._names = names

    async def lease(
        self, count: int, *, now: float, address: str | None = None, most: int | None = None
    ) -> list[Delivery]:
        """Lease at most `count` deliveries that are due at `now` (`ports.Leases`)."""
        if not self._held.is_open:
            raise self._link.broken("the ledger is not open to send")
        return await self._link.answer(
            self._link.again(lambda _: self._lease(count, now, address, most))
        )

    def next_due(self, addresses: Sequence[str] = ()) -> float | None:
        """Return when the next delivery that waits is due, as the database said last."""
        if addresses:
            return self._link.wait(_next_due_to(self._link, addresses))
        if self._held.again is not None:
            return self._held.again
        if not self._held.known_due:
            self._held.note_due(self._link.wait(self._link.value(NEXT_DUE)))
        return self._held.next_due

    async def _lease(
        self, count: int, now: float, address: str | None, most: int | None
    ) -> list[Delivery]:
        leased = await self._claimed(count, now, address, most)
        if leased or count < 1:
            return leased
        async with self._link.writer() as connection:
            await bury(self._link, connection, self._held.worker, record=False)
        return await self._claimed(count, now, address, most)

    async def _claimed(
        self, count: int, now: float, address: str | None, most: int | None
    ) -> list[Delivery]:
        async with self._link.writing(self._held) as connection:
            later = await self._claims_later(connection)
            if later is not None:
                self._held.claim_again(now + later)
                return []
            granted = await self._grants.cut(connection, count, most)
            if granted.deliveries < 1 <= count:
                self._held.note_due(None)
                self._held.claim_again(now + SOON if granted.waits else None)
                return []
            count, most = granted.deliveries, granted.most
            if address is None:
                found = await _due(connection, count, now)
            else:
                found = await _wanted(connection, count, now, address)
            chosen: list[tuple[_Found, Attempt, Delivery]] = []
            copies = await _settled_copies(connection, found)
            recipients = 0
            for one in found:
                attempt = cut(_attempt(one, now), most)
                settled = copies.get(one.head.id, NOBODY)
                delivery = self._names.delivery(one.head, attempt, now, settled)
                chosen.append((one, attempt, delivery))
                recipients += sum(map(len, attempt.leased.ids))
                if recipients >= _RECIPIENTS:
                    break
            await self._claim(connection, chosen, now)
            await self._grants.take(connection, recipients, len(chosen))
            due = await connection.fetchval(NEXT_DUE)
            again = None
            if not chosen and count > 0 and address is None:
                again = await self._due_by_others(connection, now, due)
        self._held.note_due(due)
        self._held.claim_again(again)
        for _, attempt, delivery in chosen:
            self._held.add(delivery.id, attempt.leased)
        return [delivery for _, _, delivery in chosen]

    async def _claims_later(self, connection: Any) -> float | None:
        """Return the seconds until a claim may be made; None: now.

        No claim is made while recipients are changed by another hand, nor with another bundle.

        Raises:
            MailingStopped: another worker met trouble that is the trouble of all.
        """
        if not await try_lock(self._link, connection, STILL, shared=True):
            return SOON
        mailing = await connection.fetchrow(_MAILING)
        self._grants.step = mailing["step"]
        if mailing["stop"] is not None:
            raise MailingStopped(mailing["stop"], exit_code=mailing["stop_code"])
        is_current = self._bundle is None or mailing["bundle"] == self._bundle
        return None if is_current else REPLACED

    async def _due_by_others(self, connection: Any, now: float, due: float | None) -> float | None:
        """Return when to ask again, where other workers have leases, or claim right now."""
        if await connection.fetchval(_OTHERS, now, self._held.worker):
            return now + SOON if due is None else min(due, now + SOON)
        return None

    async def _claim(
        self, connection: Any, chosen: Sequence[tuple[_Found, Attempt, Delivery]], now: float
    ) -> None:
        """Write the leases, with Message-ID and Date where these are the first."""
        if not chosen:
            return
        new = [one for one in chosen if one[0].is_new]
        if new:
            added = await connection.execute(
                _LEASE_NEW, *_columns(new), [one.rows[0].id for one, _, _ in new],
                self._held.worker, now,
            )  # fmt: skip
            if added != f"UPDATE {len(new)}":
                raise self._link.broken("a recipient would have a second delivery")
        known = [one for one in chosen if not one[0].is_new]
        if known:
            first = [one.head.date is None for one, _, _ in known]
            await connection.execute(_LEASE, *_columns(known), first, self._held.worker, now)


def _columns(chosen: Sequence[tuple[_Found, Attempt, Delivery]]) -> Iterator[list[Any]]:
    """Yield what every lease is written with: ids, names, dates, single addresses, partial."""
    yield [d.id for _, _, d in chosen]
    yield [d.message_id for _, _, d in chosen]
    yield [d.date for _, _, d in chosen]
    yield [one.to for one, _, _ in chosen]
    yield [not attempt.leased.whole for _, attempt, _ in chosen]


async def _next_due_to(link: Link, addresses: Sequence[str]) -> float | None:
    """Return when the next of the recipients that texts name is due; None if none waits."""
    found: list[float] = []
    async with link.reading() as connection:
        for text in addresses:
            wanted, value = await named(connection, text)
            due = await connection.fetchval(
                f"SELECT min(r.due) FROM recipient AS r WHERE {wanted}"  # noqa: S608 - constants
                " AND r.status IN ('pending', 'deferred') AND r.due > 0"
                " AND NOT EXISTS (SELECT 1 FROM lease AS l WHERE l.delivery_id = r.delivery_id)",
                value,
            )
            if due is not None:
                found.append(due)
    return min(found, default=None)


async def check_nothing_leased(link: Link, connection: Any, worker: int) -> None:
    """Wait, while no worker claims, until nothing is leased any more.

    The doubts of workers that are gone are recorded.

    Raises:
        LedgerLocked: a worker had deliveries under way for a minute.
    """
    for _ in range(int(_PATIENCE / _AGAIN)):
        if not await connection.fetchval("SELECT EXISTS (SELECT 1 FROM lease)"):
            return
        await bury(link, connection, worker, record=True)
        await asyncio.sleep(_AGAIN)
    raise LedgerLocked(
        f"{link.name}: other workers have messages under way, and the plan has changed",
        hint="run again when they are through, or stop them; nothing was changed",
    )


#: A delivery that is made by its first lease.
_LEASE_NEW = """
WITH chosen AS (
  SELECT * FROM unnest(
    $1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::boolean[], $6::bigint[])
    AS c (id, message_id, date, mailbox, partial, recipient_id)),
added AS (
  INSERT INTO delivery (id, part, message_id, date, attempt)
  SELECT id, 1, message_id, date, 1 FROM chosen),
leased AS (
  INSERT INTO lease (delivery_id, attempt, worker, leased_at, mailbox, partial, first)
  SELECT id, 1, $7, $8, mailbox, partial, true FROM chosen)
UPDATE recipient AS r SET delivery_id = c.id
FROM chosen AS c WHERE r.id = c.recipient_id AND r.delivery_id IS NULL
"""
_LEASE = """
WITH leased AS (
  UPDATE delivery AS d SET
    due = NULL, message_id = c.message_id, date = c.date, attempt = d.attempt + 1
  FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::boolean[], $6::boolean[])
    AS c (id, message_id, date, mailbox, partial, first)
  WHERE d.id = c.id RETURNING d.id, d.attempt, c.mailbox, c.partial, c.first)
INSERT INTO lease (delivery_id, attempt, worker, leased_at, mailbox, partial, first)
SELECT id, attempt, $7, $8, mailbox, partial, first FROM leased
"""


def _attempt(one: _Found, now: float) -> Attempt:
    if len(one.rows) == 1 and one.to is None:
        return of_one(one.rows[0])
    return of_some(one.rows, now, one.to)


# -- the choice ------------------------------------------------------------------------------------

_HEADS = """
SELECT d.id, d.part, d.message_id, d.date, d.tries, d.tries_since,
  (SELECT cells FROM recipient_group AS g WHERE g.id = d.group_id)
FROM delivery AS d WHERE {chosen} FOR UPDATE OF d SKIP LOCKED
"""
_FIRST = _HEADS.format(chosen="d.due = 0 ORDER BY d.id LIMIT $1")
_LATE = _HEADS.format(chosen="d.due > 0 AND d.due <= $2 ORDER BY d.due, d.id LIMIT $1")
_ONE = _HEADS.format(chosen="d.id = ANY ($1) ORDER BY d.id")
_MEMBERS = f"""
SELECT r.delivery_id, {COLUMNS} FROM recipient AS r WHERE r.delivery_id = ANY ($1)
ORDER BY r.delivery_id, r.id
"""  # noqa: S608 - constants


async def _due(connection: Any, count: int, now: float) -> list[_Found]:
    """Return every delivery that is next: those due at once in their order, then deferred ones.

    Deferred deliveries get a quarter of the lot, and all of it once nothing else is pending.
    """
    if count < 1:
        return []
    again = await connection.fetch(_LATE, -(-count // 4), now)
    heads = await connection.fetch(_FIRST, count - len(again))
    first = await _with_rows(connection, heads)
    # No more than the lot takes: a block forgets the recipients that come out of it.
    room = _RECIPIENTS - sum(len(one.rows) for one in first)
    new = await _waiting(connection, min(room, count - len(again) - len(first)))
    if again and len(first) + len(new) + len(again) < count:
        again = await connection.fetch(_LATE, count - len(first) - len(new), now)
    return [*first, *new, *await _with_rows(connection, again)]


async def _waiting(connection: Any, count: int) -> list[_Found]:
    """Claim the next recipients that were never leased, from blocks that no worker claims now."""
    found: list[Any] = []
    while len(found) < count:
        block = await connection.fetchrow(
            "SELECT id, next, last FROM block ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        if block is None:
            break
        wanted = count - len(found)
        rows = await connection.fetch(_IN_BLOCK, block["next"], block["last"], wanted)
        found += rows
        if len(rows) < wanted:
            await connection.execute("DELETE FROM block WHERE id = $1", block["id"])
        else:
            await connection.execute(
                "UPDATE block SET next = $2 WHERE id = $1", block["id"], rows[-1]["id"] + 1
            )
    return await _new(connection, [Row._make(row) for row in found])


_IN_BLOCK = f"""
SELECT {COLUMNS} FROM recipient AS r WHERE r.id BETWEEN $1 AND $2 AND {WAITING}
ORDER BY r.id LIMIT $3
"""  # noqa: S608 - constants


async def _new(connection: Any, rows: Sequence[Row], to: str | None = None) -> list[_Found]:
    """Return a delivery of its own for each recipient, not written yet."""
    if not rows:
        return []
    numbers = await connection.fetch(
        "SELECT nextval('delivery_number') AS id FROM generate_series(1, $1)", len(rows)
    )
    ids = sorted(number["id"] for number in numbers)
    return [
        _Found(Head(delivery_id, 1, None, None, 0, None, None), [row], to, is_new=True)
        for delivery_id, row in zip(ids, rows, strict=True)
    ]


async def _wanted(connection: Any, count: int, now: float, text: str) -> list[_Found]:
    """Return the deliveries that are due to the recipients a text names, for the one address."""
    wanted, value = await named(connection, text)
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM recipient AS r WHERE {wanted} AND {WAITING}"  # noqa: S608 - constants
        " ORDER BY r.id LIMIT $2",
        value, count,
    )  # fmt: skip
    chosen = await connection.fetch(
        "SELECT r.delivery_id, min(coalesce(r.mailbox, r.key)) FROM recipient AS r"  # noqa: S608 - constants
        f" WHERE {wanted} AND r.status IN ('pending', 'deferred') AND r.due <= $2"
        " AND NOT EXISTS (SELECT 1 FROM lease AS l WHERE l.delivery_id = r.delivery_id)"
        " AND r.delivery_id IS NOT NULL GROUP BY r.delivery_id ORDER BY r.delivery_id LIMIT $3",
        value, now, count,
    )  # fmt: skip
    alone = dict(map(tuple, chosen))
    heads = await connection.fetch(_ONE, list(alone))
    known = [one._replace(to=alone[one.head.id]) for one in await _with_rows(connection, heads)]
    new = [
        one
        for row in rows[: count - len(known)]
        for one in await _new(connection, [Row._make(row)], to=address_key(row["address"]))
    ]
    return [*known, *new]


async def _with_rows(connection: Any, heads: Sequence[Any]) -> list[_Found]:
    if not heads:
        return []
    found = {head[0]: _Found(Head(*head), [], None, is_new=False) for head in heads}
    for delivery_id, *row in await connection.fetch(_MEMBERS, list(found)):
        found[delivery_id].rows.append(Row._make(row))
    return list(found.values())


async def _settled_copies(connection: Any, found: Iterable[_Found]) -> dict[int, frozenset[str]]:
    """Return the copies of each delivery that need no RCPT any more."""
    # Copies may be settled only where the delivery was leased before.
    before = [one.head.id for one in found if one.head.date is not None]
    if not before:
        return {}
    rows = await connection.fetch(
        "SELECT delivery_id, array_agg(address) FROM copy WHERE delivery_id = ANY ($1)"
        " AND status IN ('accepted', 'rejected', 'in_doubt') GROUP BY delivery_id",
        before,
    )
    return {delivery_id: frozenset(addresses) for delivery_id, addresses in rows}
