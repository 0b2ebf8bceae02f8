"""The lease of the next deliveries, and the Delivery that a run gets for each lease.

One transaction a lot, synced to the disk: after a power loss every delivery that may have been sent
is known. This module must never lease a delivery twice, nor a delivery whose recipients are all
settled.

Tests: tests/ledger/contract/test_model.py, tests/ledger/test_run.py.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.cells import unpacked
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.folding import fold_accepted, fold_ahead, fold_outcomes
from mailbatch.ledger.lock import RunLock
from mailbatch.ledger.naming import named
from mailbatch.ledger.under_way import Leased, UnderWay
from mailbatch.ledger.waiting import give_deliveries, give_deliveries_to

#: At least so many deliveries that were accepted as a whole wait before they are folded.
_FOLD_AT = 256
#: A lot with so many recipients is large enough, whatever was asked for: they are in the memory.
_RECIPIENTS = 16_384
_TOKEN_LENGTH = 32  # hexadecimal: 128 bits

_COLUMNS = "r.id, r.line, r.address, r.key, r.mailbox, r.claim, r.cells, r.status, r.due,\
 r.attempts, r.reason, r.resend, r.digest"
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
    columns=_COLUMNS, chosen="SELECT id FROM delivery WHERE due = 0 ORDER BY id LIMIT ?", order=""
)
_LATE = _CHOSEN.format(
    columns=_COLUMNS,
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
_ONE = _CHOSEN.format(columns=_COLUMNS, chosen="SELECT ? AS id", order="")
_MEMBERS = f"SELECT {_COLUMNS} FROM recipient AS r WHERE delivery_id = ? ORDER BY id LIMIT ?"  # noqa: S608 - a constant
_NEXT_DUE = """
SELECT min(due) FROM (
  SELECT min(due) AS due FROM delivery WHERE due > 0
  UNION ALL
  SELECT min(due) FROM outcome WHERE due > 0
)
"""
# Of a large group this is all that has to be known, if nobody of it was ever tried, and no
# address can stand there twice.
_CROWD = """
SELECT id, address, mailbox IS NULL
  AND claim = 'own' AND status = 'pending' AND due <= ? AND NOT attempts AND NOT resend
FROM recipient WHERE delivery_id = ? ORDER BY id
"""

_decode = json.JSONDecoder().raw_decode


class _Head(NamedTuple):
    """A delivery of `_CHOSEN`."""

    id: int
    part: int
    message_id: str | None
    date: int | None
    tries: int
    tries_since: float | None
    group: str | None


class _Row(NamedTuple):
    """A recipient of a delivery: `_COLUMNS`."""

    id: int
    line: int | None
    address: str
    key: str
    mailbox: str | None
    claim: str
    cells: str
    status: str
    due: float | None
    attempts: int
    reason: str | None
    resend: int
    digest: bytes | None

    @property
    def to(self) -> str:
        """The address in lower case: that of the RCPT, which rows of one address share."""
        return self.mailbox or self.key


class _Attempt(NamedTuple):
    """The recipients of one attempt of a delivery.

    `addresses` are all that the delivery ever had, `seen` the rows that templates see, `again`
    the rows that may have the message already. `attempts` is the number of earlier attempts,
    `deferred` the number of deferred rows.
    """

    leased: Leased
    addresses: tuple[str, ...]
    seen: list[_Row]
    again: list[_Row]
    attempts: int
    deferred: int


class Leasing:
    """The deliveries of the ledger that are due."""

    __slots__ = ("_database", "_domain", "_lock", "_seed", "_under_way", "lots")

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
        """Lease for a run that fixes Message-IDs of `domain` from now on.

        The secret of the ledger is in each of these: job, edition and address are known to others,
        and a report that names a Message-ID must come from a message. A ledger that an earlier
        mailbatch made has no secret.
        """
        self._database = database
        self._lock = lock
        self._under_way = under_way
        secret = database.fact("seed")
        names = [job, edition, secret] if secret else [job, edition]
        self._seed = hashlib.sha256(json.dumps(names).encode())
        self._domain = domain
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

    def next_due(self) -> float | None:
        """Return when the next deferred recipient is due; None if no deferred one has tries."""
        with self._database.guard:
            (due,) = self._database.connection.execute(_NEXT_DUE).fetchone()
        return None if due is None else float(due)

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
            fold_ahead(self._database)
        with self._database.transaction(durable=True) as connection:
            fold_outcomes(connection)
            if folding:
                fold_accepted(connection)
            alone = {} if address is None else _wanted(connection, count, now, address)
            due = (
                _due(connection, count, now) if address is None else _found_each(connection, alone)
            )
            for head, rows in due:
                to = alone.get(head.id)
                attempt = _cut(_attempt(connection, head, rows, now, to), most)
                leased = attempt.leased
                deliveries.append(self._delivery(connection, head, attempt, now))
                entries.append(leased)
                number = sum(map(len, leased.ids))
                # Numbers: sqlite3 looks for an adapter of a bool, for each of them.
                first, partial = int(head.date is None), int(not leased.whole)
                leases.append((head.id, run, now, to, partial, first, number, attempt.deferred))
                recipients += number
                if recipients >= _RECIPIENTS:
                    break
            connection.executemany(
                "UPDATE delivery SET due = NULL, message_id = ?, date = ? WHERE id = ?",
                [(delivery.message_id, delivery.date, delivery.id) for delivery in deliveries],
            )
            connection.executemany(
                "INSERT INTO lease (delivery_id, run, leased_at, mailbox, partial, first,"
                " recipients, deferred) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                leases,
            )
            if deliveries:
                set_fact(connection, "lots", str(self.lots + 1))
                set_fact(connection, "points", str(self._under_way.points))
        if folding:
            self._under_way.accepted = 0
        if deliveries:
            self.lots += 1
            self._under_way.layers.note()
        for delivery, entry in zip(deliveries, entries, strict=True):
            self._under_way.add(delivery.id, entry)
        return deliveries

    def _delivery(
        self, connection: sqlite3.Connection, head: _Head, attempt: _Attempt, now: float
    ) -> Delivery:
        seen, again = attempt.seen, attempt.again
        key = delivery_key(seen[0].key, head.group, head.part)
        seed = key if head.group is not None else _seed(seen[0])
        return Delivery(
            id=head.id,
            key=key,
            attempt=1 + attempt.attempts,
            message_id=head.message_id or f"{self._token(seed)}@{self._domain}",
            date=int(now) if head.date is None else head.date,
            unsettled=attempt.leased.addresses,
            addresses=attempt.addresses,
            rows=tuple([_recipient(row, head.group) for row in seen]),
            # Copies may be settled only where the delivery was leased before.
            settled_copies=_NOBODY if head.date is None else _settled_copies(connection, head.id),
            resent=attempt.leased.resent,
            digests=frozenset(row.digest for row in again if row.digest) if again else _NOTHING,
            tries=head.tries + 1,
            first_try=now if head.tries_since is None else head.tries_since,
        )

    def _token(self, seed: str) -> str:
        """Return the local part of a Message-ID: one for each delivery of an edition."""
        name = self._seed.copy()
        name.update(seed.encode())
        return name.hexdigest()[:_TOKEN_LENGTH]


def lots(database: Database) -> int:
    """Return how often deliveries were leased, in all runs."""
    return int(database.fact("lots") or 0)


_NOBODY: frozenset[str] = frozenset()
_NOTHING: frozenset[bytes] = frozenset()


def _seed(row: _Row) -> str:
    """Return the part of a Message-ID that tells the delivery to one recipient from others.

    The address stands beside a key that is none: so no delivery of the edition, planned under
    another identity, can have had the name.
    """
    return row.key if row.mailbox is None else f"{row.mailbox}\x1f{row.key}"


def _due(connection: sqlite3.Connection, count: int, now: float) -> list[tuple[_Head, _Row | None]]:
    """Return every delivery that is next, with the recipient where there is one only."""
    if count < 1:
        return []
    give_deliveries(connection, count)
    # Deferred deliveries get a share of every lot and no more: they hold up nobody, and do not
    # wait until a million others are through.
    again = _found(connection, _LATE, (now, -(-count // 4)))
    first = _found(connection, _FIRST, (count - len(again),))
    if again and len(first) + len(again) < count:
        again = _found(connection, _LATE, (now, count - len(first)))
    return first + again


def _wanted(connection: sqlite3.Connection, count: int, now: float, text: str) -> dict[int, str]:
    """Return the deliveries that are due to the recipients a text names, with the one address."""
    wanted, value = named(connection, text)
    give_deliveries_to(connection, wanted, value)
    values = {"named": value, "now": now, "count": count}
    return dict(connection.execute(_WANTED.format(wanted=wanted), values).fetchall())


def _found_each(
    connection: sqlite3.Connection, ids: Iterable[int]
) -> list[tuple[_Head, _Row | None]]:
    return [one for delivery_id in ids for one in _found(connection, _ONE, (delivery_id,))]


def _found(
    connection: sqlite3.Connection, query: str, values: tuple[object, ...]
) -> list[tuple[_Head, _Row | None]]:
    return [
        (_Head._make(found[:_HEAD]), None if found[_HEAD] is None else _Row._make(found[_HEAD:]))
        for found in connection.execute(query, values)
    ]


_HEAD = len(_Head._fields)


def _attempt(
    connection: sqlite3.Connection, head: _Head, row: _Row | None, now: float, to: str | None
) -> _Attempt:
    """Return the attempt of a delivery; `row` is the recipient where the delivery has one only.

    With `to` (an address in lower case) the attempt is for that address alone.
    """
    if row is not None:
        return _of_one(row)
    if to is None and head.date is None:
        crowd = connection.execute(_CROWD, (now, head.id)).fetchall()
        ids, addresses, plain = zip(*crowd, strict=True)
        if all(plain):
            leased = Leased(addresses, tuple([(row_id,) for row_id in ids]), whole=True)
            return _Attempt(leased, addresses, _members(connection, head, 1), [], 0, 0)
    return _of_some(_members(connection, head, -1), now, to)


def _cut(attempt: _Attempt, most: int | None) -> _Attempt:
    """Return the attempt for the first `most` addresses; the others stay behind, and are due."""
    leased = attempt.leased
    if most is None or len(leased.addresses) <= most:
        return attempt
    addresses = leased.addresses[:most]
    resent = leased.resent & frozenset(addresses)
    cut = Leased(addresses, leased.ids[:most], whole=False, resent=resent)
    return attempt._replace(leased=cut)


def _members(connection: sqlite3.Connection, head: _Head, limit: int) -> list[_Row]:
    return list(map(_Row._make, connection.execute(_MEMBERS, (head.id, limit))))


def _of_one(row: _Row) -> _Attempt:
    """Return the attempt of a delivery that has one row, which is due with the delivery."""
    addresses, again = (row.address,), [row] if row.resend else []
    resent = frozenset(addresses) if again else _NOBODY
    leased = Leased(addresses, ((row.id,),), whole=True, resent=resent)
    return _Attempt(leased, addresses, [row], again, row.attempts, int(row.status == "deferred"))


def _of_some(rows: list[_Row], now: float, to: str | None) -> _Attempt:
    """Return the attempt of a delivery with recipients that may be settled, or wait.

    Rows of one address share a RCPT, and its outcome, in the spelling of the first.
    """
    own: dict[str, str] = {}
    for row in rows:
        if row.claim == "own":
            own.setdefault(row.to, row.address)
    found: dict[str, tuple[int, ...]] = {}
    tried: list[_Row] = []
    whole = True
    for row in rows:
        if row.status not in _UNSETTLED:
            continue
        if row.due is not None and row.due <= now and (to is None or to == row.to):
            address = own[row.to]
            found[address] = (*found.get(address, ()), row.id)
            tried.append(row)
        else:
            whole = False
    addresses = tuple(own.values())
    alone = len(addresses) == 1
    seen = sorted(rows, key=lambda row: row.line or 0) if alone else tried[:1]
    again = [row for row in tried if row.resend]
    resent = frozenset(own[row.to] for row in again) if again else _NOBODY
    leased = Leased(tuple(found), tuple(found.values()), whole=whole, resent=resent)
    deferred = sum(row.status == "deferred" for row in tried)
    return _Attempt(leased, addresses, seen, again, max(r.attempts for r in tried), deferred)


_UNSETTLED = frozenset({"pending", "deferred"})


def delivery_key(key: str, group: str | None, part: int) -> str:
    """Return the name of a delivery: its recipient's key, or its group and part (`de/pro#1`).

    >>> delivery_key("ann@example.com", None, 0), delivery_key("", '["de", "pro"]', 1)
    ('ann@example.com', 'de/pro#1')
    """
    return key if group is None else f"{group_text(group)}#{part}"


def group_text(cells: str) -> str:
    r"""Return the values of a group in one line, from JSON: `de/pro`; `/` and `\` are escaped.

    >>> print(group_text('["de", "a/b"]'))
    de/a\/b
    """
    values = json.loads(cells)
    return "/".join(value.replace("\\", "\\\\").replace("/", "\\/") for value in values)


def _recipient(row: _Row, group: str | None) -> Recipient:
    return Recipient(
        row.line or 0,
        row.address,
        unpacked(row.cells, row.address),
        None if group is None else tuple(_decode(group)[0]),
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
