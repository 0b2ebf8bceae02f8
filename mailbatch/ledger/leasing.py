"""Which deliveries go next: the lease, and the Delivery that the run gets for it.

One transaction a lot, synced to the disk: after a power loss every delivery that may have been sent
is known. This module must never lease a delivery twice, nor one whose recipients are all settled.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.folding import fold_accepted, fold_ahead, fold_outcomes
from mailbatch.ledger.under_way import Leased, UnderWay

#: At least so many deliveries that were accepted as a whole wait before they are folded.
_FOLD_AT = 1024
_TOKEN_LENGTH = 32  # hexadecimal: 128 bits

# A row for every recipient of the chosen deliveries, in the order of the deliveries.
_CHOSEN = """
SELECT d.id, d.part, d.message_id, d.date, d.tries, d.tries_since, g.cells,
       r.id, r.line, r.address, r.address_key, r.claim, r.cells, r.status, r.due, r.attempts,
       r.reason, r.resend, r.digest
FROM ({chosen}) AS c
CROSS JOIN delivery AS d ON d.id = c.id
CROSS JOIN recipient AS r ON r.delivery_id = d.id
LEFT JOIN recipient_group AS g ON g.id = d.group_id
ORDER BY {order} d.id, r.id
"""
_FIRST = _CHOSEN.format(
    chosen="SELECT id FROM delivery WHERE due = 0 ORDER BY id LIMIT ?", order=""
)
_LATE = _CHOSEN.format(
    chosen="SELECT id FROM delivery WHERE due > 0 AND due <= ? ORDER BY due, id LIMIT ?",
    order="d.due,",
)
_ONE = _CHOSEN.format(
    chosen="""
    SELECT delivery_id AS id FROM recipient WHERE address_key = ? AND claim = 'own'
    AND status IN ('pending', 'deferred') AND due <= ?
    AND delivery_id NOT IN (SELECT delivery_id FROM lease)
    """,
    order="",
)

_decode = json.JSONDecoder().raw_decode


class _Row(NamedTuple):
    """A row of `_CHOSEN`."""

    delivery_id: int
    part: int
    message_id: str | None
    date: int | None
    tries: int
    tries_since: float | None
    group: str | None
    id: int
    line: int | None
    address: str
    address_key: str
    claim: str
    cells: str
    status: str
    due: float | None
    attempts: int
    reason: str | None
    resend: int
    digest: bytes | None


class Leasing:
    """Takes the next deliveries out of the ledger."""

    __slots__ = ("_database", "_domain", "_seed", "_under_way", "lots")

    def __init__(
        self, database: Database, under_way: UnderWay, *, job: str, edition: str, domain: str
    ) -> None:
        self._database = database
        self._under_way = under_way
        self._seed = hashlib.sha256(json.dumps([job, edition]).encode())
        self._domain = domain
        #: How often deliveries were leased, in all runs.
        self.lots = lots(database)

    def lease(self, count: int, *, now: float, address: str | None) -> list[Delivery]:
        """At most `count` deliveries that are due, marked as leased in one synced commit."""
        key = None if address is None else address.lower()
        deliveries: list[Delivery] = []
        entries: list[Leased] = []
        leases: list[tuple[object, ...]] = []
        folding = self._under_way.accepted >= _FOLD_AT
        if folding:
            fold_ahead(self._database)
        with self._database.transaction(durable=True) as connection:
            fold_outcomes(connection)
            if folding:
                fold_accepted(connection)
            for rows in self._due(connection, count, now, key):
                entry, deferred = _attempt(rows, now, key)
                delivery = self._delivery(connection, rows, tuple(entry.rows), now)
                deliveries.append(delivery)
                entries.append(entry)
                first = rows[0].date is None
                count = sum(map(len, entry.rows.values()))
                run = self._under_way.run
                leases.append((delivery.id, run, now, key, not entry.whole, first, count, deferred))
            connection.executemany(
                "UPDATE delivery SET due = NULL, message_id = ?, date = ? WHERE id = ?",
                [(delivery.message_id, delivery.date, delivery.id) for delivery in deliveries],
            )
            connection.executemany(
                "INSERT INTO lease (delivery_id, run, leased_at, address_key, partial, first,"
                " recipients, deferred) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                leases,
            )
            if deliveries:
                set_fact(connection, "lots", str(self.lots + 1))
        if folding:
            self._under_way.accepted = 0
        if deliveries:
            self.lots += 1
        for delivery, entry in zip(deliveries, entries, strict=True):
            self._under_way.add(delivery.id, entry)
        return deliveries

    def _due(
        self, connection: sqlite3.Connection, count: int, now: float, key: str | None
    ) -> list[list[_Row]]:
        """The recipients of every delivery that is next."""
        if count < 1:
            return []
        if key is not None:
            return _grouped(connection, _ONE, (key, now))
        # Deferred deliveries get a share of every lot and no more: they hold up nobody, and do not
        # wait until a million others are through.
        again = _grouped(connection, _LATE, (now, -(-count // 4)))
        first = _grouped(connection, _FIRST, (count - len(again),))
        if again and len(first) + len(again) < count:
            again = _grouped(connection, _LATE, (now, count - len(first)))
        return first + again

    def _delivery(
        self,
        connection: sqlite3.Connection,
        rows: list[_Row],
        unsettled: tuple[str, ...],
        now: float,
    ) -> Delivery:
        head = rows[0]
        tried = set(unsettled)
        key = delivery_key(head.address_key, head.group, head.part)
        if len(rows) == 1:
            addresses, seen = unsettled, rows
        else:
            addresses = tuple(row.address for row in rows if row.claim == "own")
            if len(addresses) == 1:
                seen = sorted(rows, key=lambda row: row.line or 0)
            else:
                seen = [next(row for row in rows if row.address in tried)]
        again = [row for row in rows if row.resend and row.address in tried]
        return Delivery(
            id=head.delivery_id,
            key=key,
            attempt=1 + max(row.attempts for row in rows if row.address in tried),
            message_id=head.message_id or f"{self._token(key)}@{self._domain}",
            date=int(now) if head.date is None else head.date,
            unsettled=unsettled,
            addresses=addresses,
            rows=tuple(map(_recipient, seen)),
            # Copies may be settled only where the delivery was leased before.
            settled_copies=_NOBODY
            if head.date is None
            else _settled_copies(connection, head.delivery_id),
            resent=frozenset(row.address for row in again) if again else _NOBODY,
            digests=frozenset(row.digest for row in again if row.digest) if again else _NOTHING,
            tries=head.tries + 1,
            first_try=now if head.tries_since is None else head.tries_since,
        )

    def _token(self, key: str) -> str:
        """The local part of a Message-ID: the same for this delivery of this edition, only."""
        name = self._seed.copy()
        name.update(key.encode())
        return name.hexdigest()[:_TOKEN_LENGTH]


def lots(database: Database) -> int:
    """How often deliveries were leased, in all runs."""
    return int(database.fact("lots") or 0)


_NOBODY: frozenset[str] = frozenset()
_NOTHING: frozenset[bytes] = frozenset()


def _grouped(
    connection: sqlite3.Connection, query: str, values: tuple[object, ...]
) -> list[list[_Row]]:
    rows = map(_Row._make, connection.execute(query, values))
    return [list(members) for _, members in groupby(rows, key=attrgetter("delivery_id"))]


def _attempt(rows: list[_Row], now: float, key: str | None) -> tuple[Leased, int]:
    """Whom this attempt goes to, and how many of their rows were deferred."""
    found: dict[str, tuple[int, ...]] = {}
    addresses: dict[str, str] = {}
    whole, deferred = True, 0
    resent = []
    for row in rows:
        if row.claim == "own":
            addresses[row.address_key] = row.address
        if row.status not in _UNSETTLED:
            continue
        if row.due is not None and row.due <= now and (key is None or key == row.address_key):
            address = addresses[row.address_key]  # an own row stands before those that share it
            found[address] = (*found.get(address, ()), row.id)
            deferred += row.status == "deferred"
            if row.resend:
                resent.append(address)
        else:
            whole = False
    return Leased(found, whole, frozenset(resent) if resent else _NOBODY), deferred


_UNSETTLED = frozenset({"pending", "deferred"})


def delivery_key(address_key: str, group: str | None, part: int) -> str:
    """The name of a delivery: its address, or its group and part (`de/pro#1`)."""
    return address_key if group is None else f"{group_text(group)}#{part}"


def group_text(cells: str) -> str:
    r"""The values of a group in one line, from their JSON: `de/pro`; `/` and `\` are escaped."""
    values = json.loads(cells)
    return "/".join(value.replace("\\", "\\\\").replace("/", "\\/") for value in values)


def _recipient(row: _Row) -> Recipient:
    return Recipient(
        row.line or 0,
        row.address,
        tuple(_decode(row.cells)[0]),
        None if row.group is None else tuple(_decode(row.group)[0]),
        row.status,
        row.reason,
    )


def _settled_copies(connection: sqlite3.Connection, delivery_id: int) -> frozenset[str]:
    rows = connection.execute(
        "SELECT address FROM copy WHERE delivery_id = ?"
        " AND status IN ('accepted', 'rejected', 'in_doubt')",
        (delivery_id,),
    )
    return frozenset(address for (address,) in rows)
