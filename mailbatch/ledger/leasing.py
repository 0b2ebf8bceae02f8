"""The lease of the next deliveries, and the Delivery that a run gets for each lease.

One transaction a lot, synced to the disk: after a power loss every delivery that may have been sent
is known. This module must never lease a delivery twice, nor a delivery whose recipients are all
settled.

Tests: tests/ledger/contract/test_model.py, tests/ledger/test_run.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from mailbatch.envelope import Delivery
from mailbatch.ledger.attempts import (
    COLUMNS,
    NOBODY,
    Attempt,
    Head,
    Leased,
    Names,
    Row,
    cut,
    of_one,
    of_some,
)
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.folding import SMALL, fold_ahead, fold_outcomes, fold_small
from mailbatch.ledger.lock import RunLock
from mailbatch.ledger.naming import named
from mailbatch.ledger.under_way import UnderWay
from mailbatch.ledger.waiting import (
    NO_WAITERS,
    Waiters,
    give_deliveries,
    give_deliveries_to,
    next_waiters,
)

#: At least so many deliveries that were accepted as a whole wait before they are folded.
_FOLD_AT = 256
#: A lot with so many recipients is large enough, whatever was asked for: they are in the memory.
_RECIPIENTS = 16_384

# The chosen deliveries in their order; those that have one recipient together with it.
_CHOSEN = """
SELECT d.id, d.part, d.message_id, d.date, d.tries, d.tries_since, g.cells, {columns}
FROM ({chosen}) AS c
CROSS JOIN delivery AS d ON d.id = c.id
LEFT JOIN recipient AS r ON r.id = (SELECT min(id) FROM recipient WHERE delivery_id = d.id)
  AND r.id = (SELECT max(id) FROM recipient WHERE delivery_id = d.id)
LEFT JOIN recipient_group AS g ON g.id = d.group_id
ORDER BY {order} d.id
"""
_FIRST = _CHOSEN.format(
    columns=COLUMNS, chosen="SELECT id FROM delivery WHERE due = 0 ORDER BY id LIMIT ?", order=""
)
_LATE = _CHOSEN.format(
    columns=COLUMNS,
    chosen="SELECT id FROM delivery WHERE due > 0 AND due <= ? ORDER BY due, id LIMIT ?",
    order="d.due,",
)
# Those of a person's choice; `mailbox` is the one address that an attempt is for.
_WANTED = """
SELECT delivery_id, coalesce(mailbox, key) FROM recipient WHERE {wanted}
AND status IN ('pending', 'deferred') AND due <= :now
AND delivery_id NOT IN (SELECT delivery_id FROM lease)
GROUP BY delivery_id ORDER BY delivery_id LIMIT :count
"""
_ONE = _CHOSEN.format(columns=COLUMNS, chosen="SELECT ? AS id", order="")
_MEMBERS = f"SELECT {COLUMNS} FROM recipient AS r WHERE delivery_id = ? ORDER BY id LIMIT ?"  # noqa: S608 - a constant
_NEXT_DUE = """
SELECT min(due) FROM (
  SELECT min(due) AS due FROM delivery WHERE due > 0
  UNION ALL
  SELECT min(due) FROM outcome WHERE due > 0
)
"""
_NEXT_DUE_TO = """
SELECT min(coalesce(o.due, r.due)) FROM (SELECT * FROM recipient WHERE {wanted}) AS r
LEFT JOIN outcome AS o ON o.recipient_id = r.id
WHERE coalesce(o.status, r.status) IN ('pending', 'deferred') AND coalesce(o.due, r.due) > 0
AND NOT EXISTS (SELECT 1 FROM lease AS l
                WHERE l.delivery_id = r.delivery_id AND l.accepted_at IS NOT NULL)
"""
# Of large groups this is all that has to be known, if nobody of them was ever tried, and no
# address can stand there twice. Rows of several deliveries lie mixed: read in their own order,
# which is that of the inner list, each page is read once, and not once for each delivery.
_CROWDS = """
SELECT delivery_id, id, address, mailbox IS NULL
  AND claim = 'own' AND status = 'pending' AND due <= :now AND NOT attempts AND NOT resend
FROM recipient WHERE id IN (
  SELECT id FROM recipient WHERE delivery_id IN (SELECT value FROM json_each(:deliveries)))
ORDER BY delivery_id, id
"""
_SIZE = "SELECT count(*) FROM recipient WHERE delivery_id = ?"

#: The rows of a delivery: ids, addresses, and whether each was never tried and is due.
Crowd: TypeAlias = tuple[tuple[int, ...], tuple[str, ...], tuple[int, ...]]


class Leasing:
    """The deliveries of the ledger that are due."""

    __slots__ = ("_database", "_lock", "_names", "_under_way", "lots")

    def __init__(
        self,
        database: Database,
        lock: RunLock,
        under_way: UnderWay,
        *,
        job: str,
        edition: str,
        domain: str,
    ) -> None:
        """Lease for a run that fixes Message-IDs of `domain` from now on (`Names`)."""
        self._database = database
        self._lock = lock
        self._under_way = under_way
        secret = database.fact("seed")
        self._names = Names(job=job, edition=edition, secret=secret, domain=domain)
        #: How often deliveries were leased, in all runs.
        self.lots = lots(database)

    def lease(
        self, count: int, *, now: float, address: str | None = None, most: int | None = None
    ) -> list[Delivery]:
        """Lease at most `count` deliveries that are due at `now`, synced (`ports.Leases`)."""
        if not self._under_way.is_open:
            raise broken_rule(self._database.path, "the ledger is not open to send")
        self._lock.check()
        self._database.check_place()
        leased = self._lease(count, now=now, address=address, most=most)
        if leased:  # after the commit, and before anything of it can be sent
            self._lock.mark(running=True, lots=self.lots)
            self._database.keep_reading()
        return leased

    def next_due(self, addresses: Sequence[str] = ()) -> float | None:
        """Return when the next recipient that waits for a time is due; None if none does."""
        connection = self._database.connection
        with self._database.guard:
            if not addresses:
                (due,) = connection.execute(_NEXT_DUE).fetchone()
                return None if due is None else float(due)
            found = [_next_due_to(connection, address) for address in addresses]
        return min((due for due in found if due is not None), default=None)

    def _lease(
        self, count: int, *, now: float, address: str | None, most: int | None
    ) -> list[Delivery]:
        """Mark the next deliveries as leased in one synced commit."""
        deliveries: list[Delivery] = []
        entries: list[Leased] = []
        leases: list[tuple[object, ...]] = []
        run, recipients = self._under_way.run, 0
        folding = self._under_way.accepted >= _FOLD_AT
        if folding:
            fold_ahead(self._database, SMALL)
        with self._database.transaction(durable=True) as connection:
            fold_outcomes(connection)
            if folding:
                fold_small(connection)
            if address is None:
                alone: dict[int, str] = {}
                due, waiters = _due(connection, count, now)
                crowds = _first_crowds(connection, due, now)
            else:
                alone, crowds = _wanted(connection, count, now, address), {}
                due, waiters = _found_each(connection, alone), NO_WAITERS
            for head, row in due:
                to = alone.get(head.id)
                attempt = cut(_attempt(connection, head, row, now, to, crowds), most)
                leased = attempt.leased
                # Copies may be settled only where the delivery was leased before.
                copies = NOBODY if head.date is None else _settled_copies(connection, head.id)
                deliveries.append(self._names.delivery(head, attempt, now, copies))
                entries.append(leased)
                number = sum(map(len, leased.ids))
                # Numbers: sqlite3 looks for an adapter of a bool, for each of them.
                first, partial = int(head.date is None), int(not leased.whole)
                leases.append((head.id, run, now, to, partial, first, number, attempt.deferred))
                recipients += number
                if recipients >= _RECIPIENTS:
                    break
            _fix(connection, deliveries, waiters)
            if deliveries:
                self._write(connection, leases)
        if folding:
            self._under_way.accepted = 0
        if deliveries:
            self.lots += 1
            self._under_way.layers.note()
        for delivery, entry in zip(deliveries, entries, strict=True):
            self._under_way.add(delivery.id, entry)
        return deliveries

    def _write(self, connection: sqlite3.Connection, leases: Sequence[tuple[object, ...]]) -> None:
        connection.executemany(
            "INSERT INTO lease (delivery_id, run, leased_at, mailbox, partial, first,"
            " recipients, deferred) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            leases,
        )
        set_fact(connection, "lots", str(self.lots + 1))
        set_fact(connection, "points", str(self._under_way.points))


def lots(database: Database) -> int:
    """Return how often deliveries were leased, in all runs."""
    return int(database.fact("lots") or 0)


def _due(
    connection: sqlite3.Connection, count: int, now: float
) -> tuple[list[tuple[Head, Row | None]], Waiters]:
    """Return every delivery that is next, with the recipient where there is one only.

    Those of the waiters among them have no row yet.
    """
    if count < 1:
        return [], NO_WAITERS
    # Deferred deliveries get a share of every lot and no more: they hold up nobody, and do not
    # wait until a million others are through.
    again = _found(connection, _LATE, (now, -(-count // 4)))
    first = _found(connection, _FIRST, (count - len(again),))
    waiters = next_waiters(connection, count - len(again) - len(first))
    first += [
        (Head(delivery_id, 1, None, None, 0, None, None), row)
        for delivery_id, row in enumerate(waiters.rows, start=waiters.first_id)
    ]
    if again and len(first) + len(again) < count:
        again = _found(connection, _LATE, (now, count - len(first)))
    return first + again, waiters


def _fix(connection: sqlite3.Connection, deliveries: Sequence[Delivery], waiters: Waiters) -> None:
    """Fix Message-ID and Date of the leased deliveries, which are not due any more."""
    fixed = [(delivery.id, delivery.message_id, delivery.date) for delivery in deliveries]
    give_deliveries(connection, waiters, [one for one in fixed if one[0] >= waiters.first_id])
    connection.executemany(
        "UPDATE delivery SET due = NULL, message_id = ?2, date = ?3 WHERE id = ?1",
        [one for one in fixed if one[0] < waiters.first_id],
    )


def _next_due_to(connection: sqlite3.Connection, text: str) -> float | None:
    """Return when the next of the recipients that a text names is due; None if none waits."""
    wanted, value = named(connection, text)
    query = _NEXT_DUE_TO.format(wanted=wanted)
    (due,) = connection.execute(query, {"named": value}).fetchone()
    return None if due is None else float(due)


def _wanted(connection: sqlite3.Connection, count: int, now: float, text: str) -> dict[int, str]:
    """Return the deliveries that are due to the recipients a text names, with the one address."""
    wanted, value = named(connection, text)
    give_deliveries_to(connection, wanted, value)
    values = {"named": value, "now": now, "count": count}
    return dict(connection.execute(_WANTED.format(wanted=wanted), values).fetchall())


def _found_each(
    connection: sqlite3.Connection, ids: Iterable[int]
) -> list[tuple[Head, Row | None]]:
    return [one for delivery_id in ids for one in _found(connection, _ONE, (delivery_id,))]


def _found(
    connection: sqlite3.Connection, query: str, values: tuple[object, ...]
) -> list[tuple[Head, Row | None]]:
    return [
        (Head._make(found[:_HEAD]), None if found[_HEAD] is None else Row._make(found[_HEAD:]))
        for found in connection.execute(query, values)
    ]


_HEAD = len(Head._fields)


def _attempt(
    connection: sqlite3.Connection,
    head: Head,
    row: Row | None,
    now: float,
    to: str | None,
    crowds: dict[int, Crowd],
) -> Attempt:
    """Return the attempt of a delivery; `row` is the recipient where the delivery has one only.

    With `to` (an address in lower case) the attempt is for that address alone. `crowds` has the
    rows of some deliveries.
    """
    if row is not None:
        return of_one(row)
    if to is None and head.date is None:
        found = crowds if head.id in crowds else _crowds(connection, [head.id], now)
        ids, addresses, plain = found[head.id]
        if all(plain):
            leased = Leased(addresses, tuple([(row_id,) for row_id in ids]), whole=True)
            return Attempt(leased, addresses, _members(connection, head, 1), [], 0, 0)
    return of_some(_members(connection, head, -1), now, to)


def _first_crowds(
    connection: sqlite3.Connection, due: Iterable[tuple[Head, Row | None]], now: float
) -> dict[int, Crowd]:
    """Return the rows of the deliveries that fill a lot, of those that were never leased."""
    deliveries: list[int] = []
    recipients = 0
    for head, row in due:
        if row is None and head.date is None:
            deliveries.append(head.id)
            recipients += connection.execute(_SIZE, (head.id,)).fetchone()[0]
        else:
            recipients += 1
        if recipients >= _RECIPIENTS:
            break
    return _crowds(connection, deliveries, now) if deliveries else {}


def _crowds(
    connection: sqlite3.Connection, deliveries: Sequence[int], now: float
) -> dict[int, Crowd]:
    values = {"now": now, "deliveries": json.dumps(deliveries)}
    found = groupby(connection.execute(_CROWDS, values), key=itemgetter(0))
    crowds: dict[int, Crowd] = {}
    for delivery_id, rows in found:
        _, ids, addresses, plain = zip(*rows, strict=True)
        crowds[delivery_id] = (ids, addresses, plain)
    return crowds


def _members(connection: sqlite3.Connection, head: Head, limit: int) -> list[Row]:
    return list(map(Row._make, connection.execute(_MEMBERS, (head.id, limit))))


def _settled_copies(connection: sqlite3.Connection, delivery_id: int) -> frozenset[str]:
    rows = connection.execute(
        "SELECT address FROM copy WHERE delivery_id = ?"
        " AND status IN ('accepted', 'rejected', 'in_doubt')",
        (delivery_id,),
    )
    return frozenset(address for (address,) in rows)
