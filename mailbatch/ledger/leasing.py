"""Which deliveries go next: the lease, and the Delivery that the run gets for it.

One transaction a lot, synced to the disk: after a power loss every delivery that may have been sent
is known. This module must never lease a delivery twice, nor one whose recipients are all settled.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from typing import Any

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.database import Database
from mailbatch.ledger.under_way import Leased, UnderWay, fold

_TOKEN_LENGTH = 26  # base32: 130 bits

_RECIPIENTS = """
SELECT r.id, r.line, r.address, r.address_key, r.claim, r.cells, r.status, r.due, r.attempts,
       g.cells, d.part, d.message_id, d.date, d.tries, d.tries_since, r.reason
FROM recipient AS r JOIN delivery AS d ON d.id = r.delivery_id
LEFT JOIN recipient_group AS g ON g.id = d.group_id
WHERE r.delivery_id = ? ORDER BY r.id
"""


class Leasing:
    """Takes the next deliveries out of the ledger."""

    __slots__ = ("_database", "_domain", "_edition", "_job", "_under_way")

    def __init__(
        self, database: Database, under_way: UnderWay, *, job: str, edition: str, domain: str
    ) -> None:
        self._database = database
        self._under_way = under_way
        self._job = job
        self._edition = edition
        self._domain = domain

    def lease(self, count: int, *, now: float, address: str | None) -> list[Delivery]:
        """At most `count` deliveries that are due, marked as leased in one synced commit."""
        key = None if address is None else address.lower()
        leased: list[tuple[Delivery, Leased]] = []
        with self._database.transaction(durable=True) as connection:
            fold(connection)
            leased += [
                self._lease(connection, delivery_id, now, key)
                for delivery_id in self._due(connection, count, now, key)
            ]
        for delivery, entry in leased:
            self._under_way.add(delivery.id, entry)
        return [delivery for delivery, _ in leased]

    def _due(
        self, connection: sqlite3.Connection, count: int, now: float, key: str | None
    ) -> list[int]:
        if count < 1:
            return []
        if key is not None:
            return _ids(
                connection,
                "SELECT delivery_id FROM recipient WHERE address_key = ? AND claim = 'own'"
                " AND status IN ('pending', 'deferred') AND due <= ?"
                " AND delivery_id NOT IN (SELECT delivery_id FROM lease)",
                (key, now),
            )
        # Deferred deliveries get a share of every lot and no more: they hold up nobody, and do not
        # wait until a million others are through.
        late = "SELECT id FROM delivery WHERE due > 0 AND due <= ? ORDER BY due, id LIMIT ?"
        again = _ids(connection, late, (now, -(-count // 4)))
        first = _ids(
            connection,
            "SELECT id FROM delivery WHERE due = 0 ORDER BY id LIMIT ?",
            (count - len(again),),
        )
        if len(first) + len(again) < count:
            again = _ids(connection, late, (now, count - len(first)))
        return first + again

    def _lease(
        self, connection: sqlite3.Connection, delivery_id: int, now: float, key: str | None
    ) -> tuple[Delivery, Leased]:
        rows = connection.execute(_RECIPIENTS, (delivery_id,)).fetchall()
        addresses: list[str] = []
        attempt: dict[str, list[int]] = {}
        keys: dict[str, str] = {}
        attempts = 0
        left_behind = False
        for row in rows:
            row_id, _line, address, address_key, claim, _cells, status, due, tried = row[:9]
            if claim == "own":
                addresses.append(address)
                keys[address_key] = address
            if status not in {"pending", "deferred"}:
                continue
            if due is not None and due <= now and (key is None or key == address_key):
                attempt.setdefault(keys.get(address_key, address), []).append(row_id)
                attempts = max(attempts, tried)
            else:
                left_behind = True
        delivery = self._delivery(
            connection, delivery_id, rows, addresses, tuple(attempt), attempts + 1, now
        )
        connection.execute(
            "UPDATE delivery SET due = NULL, message_id = ?, date = ? WHERE id = ?",
            (delivery.message_id, delivery.date, delivery_id),
        )
        connection.execute(
            "INSERT INTO lease (delivery_id, run, leased_at, address_key, partial, first)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (delivery_id, self._under_way.run, now, key, left_behind, rows[0][12] is None),
        )
        return delivery, Leased({address: tuple(ids) for address, ids in attempt.items()})

    def _delivery(
        self,
        connection: sqlite3.Connection,
        delivery_id: int,
        rows: list[Any],
        addresses: list[str],
        unsettled: tuple[str, ...],
        attempt: int,
        now: float,
    ) -> Delivery:
        _, _, _, address_key, _, _, _, _, _, group, part, message_id, date, tries, first_try, _ = (
            rows[0]
        )
        copies: frozenset[str] = frozenset()
        if date is not None:  # leased before: copies may be settled
            copies = _settled_copies(connection, delivery_id)
        key = delivery_key(address_key, group, part)
        seen = rows if len(addresses) == 1 else [r for r in rows if r[2] in unsettled][:1]
        return Delivery(
            id=delivery_id,
            key=key,
            attempt=attempt,
            message_id=message_id or f"{token(self._job, self._edition, key)}@{self._domain}",
            date=int(now) if date is None else date,
            unsettled=unsettled,
            addresses=tuple(addresses),
            rows=tuple(_recipient(row) for row in sorted(seen, key=lambda r: r[1] or 0)),
            settled_copies=copies,
            tries=tries + 1,
            first_try=now if first_try is None else first_try,
        )


def token(job: str, edition: str, key: str) -> str:
    """The local part of a Message-ID: the same for the same delivery of the same edition, only."""
    name = json.dumps([job, edition, key]).encode()
    return base64.b32encode(hashlib.sha256(name).digest())[:_TOKEN_LENGTH].decode().lower()


def delivery_key(address_key: str, group: str | None, part: int) -> str:
    """The name of a delivery: its address, or its group and part (`de/pro#1`)."""
    return address_key if group is None else f"{group_text(group)}#{part}"


def group_text(cells: str) -> str:
    r"""The values of a group in one line, from their JSON: `de/pro`; `/` and `\` are escaped."""
    values = json.loads(cells)
    return "/".join(value.replace("\\", "\\\\").replace("/", "\\/") for value in values)


def _recipient(row: Any) -> Recipient:
    return Recipient(
        line=row[1],
        address=row[2],
        values=tuple(json.loads(row[5])),
        group=None if row[9] is None else tuple(json.loads(row[9])),
        status=row[6],
        reason=row[15],
    )


def _settled_copies(connection: sqlite3.Connection, delivery_id: int) -> frozenset[str]:
    rows = connection.execute(
        "SELECT address FROM copy WHERE delivery_id = ?"
        " AND status IN ('accepted', 'rejected', 'in_doubt')",
        (delivery_id,),
    )
    return frozenset(address for (address,) in rows)


def _ids(connection: sqlite3.Connection, query: str, values: tuple[object, ...]) -> list[int]:
    return [row[0] for row in connection.execute(query, values)]
