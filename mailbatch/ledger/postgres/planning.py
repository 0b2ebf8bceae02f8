"""The plan in the database: a first one by COPY as it is read, a later one by the rows that differ.

    change = plan.reconcile(columns, rows, group_by=(), recipients_per_transaction=100)

A later plan, or one with groups, is made by the rules of a file, in a file of the moment
(`snapshot`). One transaction of the worker, in which no other worker claims: the old plan or the
new one. This module must never change a plan while deliveries are leased.

Tests: tests/ledger/contract/test_model.py, tests/ledger/postgres/test_same_as_file.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from mailbatch.envelope import Recipient, address_key
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger.database import Database
from mailbatch.ledger.incoming import Block, PlanDigest, blocks, count_unchanged, encode
from mailbatch.ledger.merging import repeated_reason
from mailbatch.ledger.plan import bring, settings
from mailbatch.ledger.postgres import snapshot
from mailbatch.ledger.postgres.forgotten import forgotten_by
from mailbatch.ledger.postgres.leasing import WAITING, check_nothing_leased
from mailbatch.ledger.postgres.link import Link, set_fact
from mailbatch.ledger.postgres.locks import stand_still
from mailbatch.ledger.postgres.naming import named
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.rows import PlanChange
from mailbatch.ledger.send_times import HELD
from mailbatch.outcome import Status

_PENDING = Status.PENDING.value
_UNSETTLED = "('pending', 'deferred')"
#: Neighbouring recipients of a block.
_BLOCK = 4096
#: Blocks of rows for one COPY.
_BLOCKS = 64
_COPIED = (
    "id", "line", "address", "key", "mailbox", "cells", "claim", "wanted", "status", "reason",
    "due", "header_id",
)  # fmt: skip


class Planning:
    """The plan of an edition."""

    __slots__ = ("_held", "_link")

    def __init__(self, link: Link, held: OpenLeases) -> None:
        self._link = link
        self._held = held

    def reconcile(
        self,
        columns: Sequence[str],
        rows: Iterable[Recipient],
        *,
        group_by: Sequence[str],
        recipients_per_transaction: int,
        identity: Identity = BY_ADDRESS,
        accept_changes: bool = False,
        now: float | None = None,
    ) -> PlanChange:
        """Make the plan that of `rows` in one transaction (`ports.Planning`)."""
        self._check_writing()
        if len(self._held):
            raise self._link.broken("the plan changes while deliveries are leased")
        said = settings(columns, group_by, recipients_per_transaction, identity)
        forgotten = self._wait(forgotten_by(self._link.fetch))
        if forgotten is not None:
            rows = forgotten.disguising(rows)
        change = self._unchanged(rows, PlanDigest(said))
        if change is not None:
            return change
        digest = PlanDigest(said)
        coming = blocks(rows, digest)
        with self._still() as connection:
            self._wait(check_nothing_leased(self._link, connection, self._held.worker))
            known = self._wait(connection.fetchval("SELECT EXISTS (SELECT 1 FROM recipient)"))
            if known or group_by or now is not None:
                change = self._merge(
                    connection, columns, coming, digest, by_group=bool(group_by),
                    limit=recipients_per_transaction, identity=identity,
                    accept_changes=accept_changes, now=now,
                )  # fmt: skip
            else:
                change = self._begin(connection, columns, coming, identity)
                self._wait(set_fact(connection, "plan", digest.text))
                self._wait(set_fact(connection, "plan_head", digest.head))
            # No worker has a row of the new plan before the send of it is confirmed.
            self._wait(connection.execute(_WITHDRAW))
            self._wait(connection.execute(_BLOCKS_ANEW))
        self._held.forget_due()
        self._wait(_analyze(self._link))
        return change

    def _unchanged(self, rows: Iterable[Recipient], digest: PlanDigest) -> PlanChange | None:
        """Return no change where the rows are planned already, word for word; else None.

        Rows that can be read once only are not looked at.
        """
        if isinstance(rows, Iterator):
            return None
        known = self._fact("plan")
        if known is None:
            return None
        number = count_unchanged(rows, digest, known=known, head=self._fact("plan_head"))
        return None if number is None else PlanChange(number)

    def _begin(
        self,
        connection: asyncpg.Connection,
        columns: Sequence[str],
        coming: Iterator[Block],
        identity: Identity,
    ) -> PlanChange:
        """Copy the rows into a ledger that knows no recipient, each with a message of its own."""
        header = self._wait(_header_id(connection, columns))
        self._wait(set_fact(connection, "identity", _identity_text(identity)))
        self._wait(connection.execute(_WITHOUT_INDEXES))
        counts = Counter[str]()
        while some := list(islice(coming, _BLOCKS)):
            records: list[tuple[object, ...]] = []
            for block in some:
                if any(block.clusters):
                    raise self._link.broken("a row has a group, and the plan has none")
                counts.update(block.statuses)
                records += _records(block, header)
            self._wait(
                connection.copy_records_to_table("recipient", records=records, columns=_COPIED)
            )
        repeated = self._wait(_make_indexes(connection, identity))
        counts.update(pending=-repeated, duplicate=repeated)
        return PlanChange(counts.total(), added=counts[_PENDING])

    def _merge(
        self,
        connection: asyncpg.Connection,
        columns: Sequence[str],
        coming: Iterator[Block],
        digest: PlanDigest,
        **rules: Any,
    ) -> PlanChange:
        """Bring the recipients up to date in a file of the moment, and copy back what differs."""

        def ask(query: str, *values: object) -> Iterator[Any]:
            return self._link.snapshots.rows(connection, query, *values)

        self._wait(connection.execute(_INDEXES))
        with snapshot.scratch(ask) as database:
            with database.transaction():
                snapshot.keep_as_before(database)
                change = bring(database, columns, coming, digest, **rules)
            self._store(connection, database)
        return change

    def _store(self, connection: asyncpg.Connection, database: Database) -> None:
        """Write the rows that are new, changed or gone, and the facts of the plan."""
        for table in (snapshot.HEADER, snapshot.GROUP, snapshot.DELIVERY):
            self._delete(connection, table.name, snapshot.gone_ids(database, table))
            for some in _lots(snapshot.changed_rows(database, table)):
                self._wait(_update(connection, table, some))
            self._copy(connection, table, snapshot.new_rows(database, table))
        # No row is changed in its place: two recipients may have exchanged their keys.
        table = snapshot.RECIPIENT
        changed = (row[0] for row in snapshot.changed_rows(database, table))
        ids = chain(snapshot.gone_ids(database, table), changed)
        self._delete(connection, table.name, ids)
        rows = chain(snapshot.changed_rows(database, table), snapshot.new_rows(database, table))
        self._copy(connection, table, rows)
        for name in snapshot.FACTS:
            self._wait(set_fact(connection, name, database.fact(name)))
        self._wait(connection.execute(_FORGET))

    def _delete(self, connection: asyncpg.Connection, name: str, ids: Iterable[Any]) -> None:
        for some in _lots(ids):
            self._wait(
                connection.execute(f"DELETE FROM {name} WHERE id = ANY ($1)", some)  # noqa: S608 - of the tables above
            )

    def _copy(
        self, connection: asyncpg.Connection, table: snapshot.Table, rows: Iterable[Any]
    ) -> None:
        for some in _lots(rows):
            self._wait(
                connection.copy_records_to_table(table.name, records=some, columns=table.columns)
            )

    def content_digests(self) -> dict[str, str]:
        """Return the digests of the message's own inputs that were set last, by name."""
        return dict(json.loads(self._fact("content_digests") or "{}"))

    def set_content_digests(self, digests: Mapping[str, str]) -> None:
        """Keep the digests of the message's own inputs, by name."""
        text = json.dumps(dict(digests), sort_keys=True)
        with self._transaction() as connection:
            self._wait(set_fact(connection, "content_digests", text))

    def knows(self, address: str) -> bool:
        """Say whether a row of the table, as it was planned last, has this address, or key."""
        return bool(self._wait(_knows(self._link, address)))

    def shares_messages(self) -> bool:
        """Say whether any delivery goes to several addresses."""
        return bool(self._wait(self._link.value(_SHARES)))

    def send_times(self, behind: float, line: int | None = None) -> list[tuple[float, int]]:
        """Return the instants behind one that rows wait for, each with the number of rows."""
        return list(map(tuple, self._link.snapshots.stream(_SEND_TIMES, behind, line)))

    def due_deliveries(self, most: int, *, address: str | None = None) -> int:
        """Count the deliveries that are due in this run, to an address or a key; to `most`."""
        return int(self._wait(_count_due(self._link, most, address)))

    def reserve_space(self, rows: int | None = None) -> None:  # noqa: ARG002 - of the role
        """Check that the ledger may be written: room is the affair of the database."""
        self._check_writing()

    def reopen_deferred(self) -> int:
        """Make pending and deferred recipients due now, with fresh tries; return the deferred."""
        with self._still() as connection:
            deferred = self._wait(
                connection.fetchval("SELECT count(*) FROM recipient WHERE status = 'deferred'")
            )
            unfinished = self._wait(
                connection.fetchval(
                    f"SELECT EXISTS (SELECT 1 FROM recipient WHERE status IN {_UNSETTLED})"  # noqa: S608 - constants
                )
            )
            if unfinished:
                self._wait(set_fact(connection, "finished_at", None))
            chosen = f"status IN {_UNSETTLED} AND due IS DISTINCT FROM 0 AND NOT {HELD}"
            self._wait(_reopen(connection, chosen, "due = 0"))
        self._held.forget_due()
        return int(deferred)

    def reopen_rejected(self) -> int:
        """Make the rejected recipients of the last plan pending; return the number of rows."""
        with self._still() as connection:
            changed = self._wait(
                _reopen(
                    connection,
                    "status = 'rejected' AND wanted = 1",
                    "status = 'pending', settled_at = NULL, due = 0",
                )
            )
            if changed:  # the next plan takes their fields over
                self._wait(set_fact(connection, "plan", None))
        self._held.forget_due()
        return int(changed)

    def mark_finished(self, now: float) -> None:
        """Note that a run ended at `now`; with nothing pending or deferred it is finished."""
        self._check_writing()
        self._wait(self._link.again(lambda _: self._mark_finished(now)))

    @contextmanager
    def _transaction(self) -> Iterator[asyncpg.Connection]:
        self._check_writing()
        with self._link.transaction(self._held) as connection:
            yield connection

    @contextmanager
    def _still(self) -> Iterator[asyncpg.Connection]:
        """Have the connection that writes in a transaction in which no worker claims."""
        with self._transaction() as connection:
            self._wait(stand_still(self._link, connection))
            yield connection

    async def _mark_finished(self, now: float) -> None:
        async with self._link.writing(self._held) as connection:
            await _note_finished(connection, now)

    def _fact(self, name: str) -> str | None:
        found: str | None = self._wait(self._link.fact(name))
        return found

    def _wait(self, coroutine: Any) -> Any:
        return self._link.wait(coroutine)

    def _check_writing(self) -> None:
        if not (self._held.worker and self._held.is_open):
            raise self._link.closed()


def _identity_text(identity: Identity) -> str | None:
    return None if identity.is_address else identity.text


def _records(block: Block, header: int) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a block as they are copied; the id is the line."""
    rows = zip(
        block.lines, block.addresses, block.keys, block.mailboxes, block.cells, block.statuses,
        block.reasons, strict=True,
    )  # fmt: skip
    for line, address, key, mailbox, cells, status, reason in rows:
        asks = ("own", 1, status, reason, 0.0) if status == _PENDING else (
            None, 0, status, reason, None,
        )  # fmt: skip
        yield (line, line, address, key, mailbox, cells, *asks, header)


def _lots(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(rows)
    while some := list(islice(rest, snapshot.ROWS)):
        yield some


async def _header_id(connection: asyncpg.Connection, columns: Sequence[str]) -> int:
    text = encode(list(columns))
    header: int = await connection.fetchval(
        "INSERT INTO header SELECT coalesce(max(id), 0) + 1, $1 FROM header"
        " ON CONFLICT (columns) DO UPDATE SET columns = excluded.columns RETURNING id",
        text,
    )
    await set_fact(connection, "header", str(header))
    return header


async def _make_indexes(connection: asyncpg.Connection, identity: Identity) -> int:
    """Make the indexes of `recipient`; return the number of rows that are duplicates."""
    try:
        async with connection.transaction():
            await connection.execute(_INDEXES)
    except asyncpg.UniqueViolationError:  # somebody stands in the table twice
        done = await connection.execute(_REPEATED, repeated_reason(identity))
        await connection.execute(_INDEXES)
        return int(done.rpartition(" ")[2])
    return 0


async def _update(
    connection: asyncpg.Connection, table: snapshot.Table, rows: list[tuple[object, ...]]
) -> None:
    names = table.columns
    await connection.execute(
        f"CREATE TEMP TABLE coming ON COMMIT DROP AS SELECT {', '.join(names)}"  # noqa: S608 - of the tables above
        f" FROM {table.name} WITH NO DATA"
    )
    await connection.copy_records_to_table("coming", records=rows, columns=names)
    changes = ", ".join(f"{name} = c.{name}" for name in names[1:])
    await connection.execute(
        f"UPDATE {table.name} AS t SET {changes} FROM coming AS c WHERE c.id = t.id"  # noqa: S608 - of the tables above
    )
    await connection.execute("DROP TABLE coming")


async def _analyze(link: Link) -> None:
    async with link.writer() as connection:
        await connection.execute("ANALYZE recipient")


async def _knows(link: Link, address: str) -> bool:
    async with link.reading() as connection:
        wanted, value = await named(connection, address)
        found: bool = await connection.fetchval(
            _KNOWS.format(wanted=wanted), value, address_key(address)
        )
    return found


async def _count_due(link: Link, most: int, address: str | None) -> int:
    async with link.reading() as connection:
        if address is None:
            found: int = await connection.fetchval(_DUE_DELIVERIES, most)
        else:
            wanted, value = await named(connection, address)
            found = await connection.fetchval(_DUE_TO.format(wanted=wanted), value, most)
    return found


async def _reopen(connection: asyncpg.Connection, chosen: str, changes: str) -> int:
    await connection.execute(
        "UPDATE delivery SET due = 0, tries = 0, tries_since = NULL"  # noqa: S608 - constants
        f" WHERE id IN (SELECT delivery_id FROM recipient WHERE {chosen})"
        " AND id NOT IN (SELECT delivery_id FROM lease)"
    )
    done = await connection.execute(f"UPDATE recipient SET {changes} WHERE {chosen}")  # noqa: S608 - constants
    return int(done.rpartition(" ")[2])


async def _note_finished(connection: asyncpg.Connection, now: float) -> None:
    # A doubt that no run has recorded yet is pending in the table alone.
    unfinished = await connection.fetchval(
        f"SELECT EXISTS (SELECT 1 FROM recipient WHERE status IN {_UNSETTLED})"  # noqa: S608 - constants
        f" AND EXISTS (SELECT 1 FROM standing WHERE status IN {_UNSETTLED})"
    )
    if unfinished:
        await set_fact(connection, "finished_at", None)
    else:
        await connection.execute(
            "INSERT INTO fact VALUES ('finished_at', $1) ON CONFLICT DO NOTHING", repr(now)
        )


_KNOWS = """
SELECT EXISTS (
  SELECT 1 FROM recipient AS r WHERE {wanted} AND r.line IS NOT NULL
) OR EXISTS (
  SELECT 1 FROM recipient WHERE coalesce(mailbox, key) = $2 AND line IS NOT NULL)
"""
_SEND_TIMES = f"""
SELECT due, count(*) FROM recipient
WHERE {HELD} AND due > $1 AND ($2::bigint IS NULL OR line = $2) GROUP BY due ORDER BY due
"""  # noqa: S608 - constants
_DUE_DELIVERIES = f"""
SELECT count(*) FROM (
  (SELECT 1 FROM delivery WHERE due IS NOT NULL LIMIT $1)
  UNION ALL
  (SELECT 1 FROM block AS b CROSS JOIN LATERAL (
     SELECT 1 FROM recipient AS r WHERE r.id BETWEEN b.next AND b.last AND {WAITING}) AS w LIMIT $1)
  LIMIT $1) AS d
"""  # noqa: S608 - constants
_DUE_TO = """
SELECT count(*) FROM (
  SELECT DISTINCT coalesce(r.delivery_id, -r.id) FROM recipient AS r
  WHERE {wanted} AND r.status IN ('pending', 'deferred') AND r.due IS NOT NULL LIMIT $2) AS d
"""
_SHARES = """
SELECT EXISTS (
  SELECT 1 FROM delivery AS d JOIN recipient AS r ON r.delivery_id = d.id AND r.claim = 'own'
  WHERE d.group_id IS NOT NULL
  GROUP BY d.id HAVING count(DISTINCT coalesce(r.mailbox, r.key)) > 1)
"""
# The indexes of `recipient` come behind the last row of the first plan, where they cost least. None
# is dropped for it: that would wait for every reader, and every reader would wait for the plan.
# What a lease writes from then on leaves room in its page: the outcome stays in there, and no index
# gets another entry.
_INDEXES = """
ALTER TABLE recipient SET (fillfactor = 50);
CREATE UNIQUE INDEX IF NOT EXISTS recipient_by_id ON recipient (id);
CREATE UNIQUE INDEX IF NOT EXISTS recipient_by_key ON recipient (key) WHERE claim = 'own';
CREATE INDEX IF NOT EXISTS recipient_by_mailbox ON recipient (mailbox) WHERE mailbox IS NOT NULL;
CREATE INDEX IF NOT EXISTS recipient_by_delivery ON recipient (delivery_id)
  WHERE delivery_id IS NOT NULL;
"""
# Of a table that had no row so far; where there are none, no lock is taken.
_WITHOUT_INDEXES = """
DROP INDEX IF EXISTS recipient_by_id, recipient_by_key, recipient_by_mailbox, recipient_by_delivery
"""
# The first row of a key is the one that is mailed.
_REPEATED = """
UPDATE recipient AS r SET
  claim = NULL, wanted = 0, due = NULL, status = 'duplicate', reason = $1 || ' ' || f.line
FROM (SELECT key, min(line) AS line FROM recipient WHERE claim = 'own'
      GROUP BY key HAVING count(*) > 1) AS f
WHERE f.key = r.key AND r.claim = 'own' AND r.line > f.line
"""
_WITHDRAW = "UPDATE mailing SET bundle = NULL, published = NULL"
_BLOCKS_ANEW = f"""
DELETE FROM block;
INSERT INTO block (id, next, last)
SELECT n, n, n + {_BLOCK - 1}
FROM (SELECT min(id) AS first, max(id) AS last FROM recipient) AS r,
  generate_series(r.first, r.last, {_BLOCK}) AS n;
SELECT setval('delivery_number', greatest(
  (SELECT last_value FROM delivery_number), (SELECT coalesce(max(id), 1) FROM delivery)));
"""  # noqa: S608 - constants
# Else a later delivery with the same number would have what was recorded of one that is gone.
_FORGET = """
DELETE FROM copy AS c WHERE NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.id = c.delivery_id);
WITH gone AS (
  DELETE FROM point AS p WHERE NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.id = p.delivery_id)
  RETURNING delivery_id, attempt, worker)
INSERT INTO past_point SELECT delivery_id, attempt, worker FROM gone;
"""
