"""The plan: from the recipient table to deliveries, reconciled with the settled recipients.

The rows are streamed into a temporary table; the rest is SQL over whole sets: the memory stays flat
and a million rows take seconds. The identity of a recipient is a key, by default the address in
lower case: never the line, never a position. One transaction: the old plan or the new one. This
module must never change a settled recipient (accepted, rejected, in_doubt, skipped), but for a
rejected one whose address was corrected.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from mailbatch.envelope import Recipient, address_key
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger import assignment, merging, recovery, rekeying, space
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.folding import fold, fold_ahead
from mailbatch.ledger.naming import named
from mailbatch.ledger.ports import PlanChange
from mailbatch.ledger.standing import Standing
from mailbatch.ledger.under_way import UnderWay
from mailbatch.outcome import UNFINISHED

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Digest(Protocol):
    """A running digest, as hashlib has them."""

    def update(self, data: bytes, /) -> None:
        """Add bytes to the digest."""


class Plan:
    """The plan of an edition; `under_way` None only reads."""

    __slots__ = ("_database", "_standing", "_under_way")

    def __init__(self, database: Database, under_way: UnderWay | None, standing: Standing) -> None:
        self._database = database
        self._under_way = under_way
        self._standing = standing

    def reconcile(
        self,
        columns: Sequence[str],
        rows: Iterable[Recipient],
        *,
        group_by: Sequence[str],
        recipients_per_transaction: int,
        identity: Identity = BY_ADDRESS,
        accept_changes: bool = False,
    ) -> PlanChange:
        """Make the plan that of `rows` in one synced transaction (`ports.Planning`)."""
        under_way = self._writing()
        if len(under_way):
            raise broken_rule(self._database.path, "the plan changes while deliveries are leased")
        database = self._database
        said = [list(columns), list(group_by), recipients_per_transaction]
        if not identity.is_address:
            said.append(identity.text)
        digest = hashlib.sha256(_encode(said).encode())
        connection = database.connection
        with database.guard:
            connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        try:
            fold_ahead(database)
            with database.transaction(durable=True):
                fold(connection)
                connection.execute(_INCOMING)
                connection.executemany(_INSERT, _incoming(rows, digest))
                rekeying.rekey(connection, identity, columns, accept_changes=accept_changes)
                change = _merge(
                    connection, columns, digest.hexdigest(), recipients_per_transaction, identity
                )
        finally:
            with database.guard:
                for table in ("incoming", "shown", "unassigned", "home", "rekeyed"):
                    connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        with database.guard:
            # A large plan need not stand twice.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with database.transaction():
            # The journal of an open ledger is never empty: else nobody could tell that it was lost.
            set_fact(connection, "plan", digest.hexdigest())
        under_way.layers.note()
        return change

    def content_digests(self) -> dict[str, str]:
        """Return the digests of the message's own inputs that were set last, by name."""
        return dict(json.loads(self._database.fact("content_digests") or "{}"))

    def set_content_digests(self, digests: Mapping[str, str]) -> None:
        """Keep the digests of the message's own inputs, by name."""
        self._writing()
        with self._database.transaction(durable=True) as connection:
            set_fact(connection, "content_digests", json.dumps(dict(digests), sort_keys=True))

    def knows(self, address: str) -> bool:
        """Say whether a row of the table, as it was planned last, has this address, or key."""
        connection = self._database.connection
        with self._database.guard:
            wanted, value = named(connection, address)
            (found,) = connection.execute(
                _KNOWS.format(wanted=wanted), {"named": value, "address": address_key(address)}
            ).fetchone()
        return bool(found)

    def shares_messages(self) -> bool:
        """Say whether any delivery goes to several addresses."""
        with self._database.guard:
            return bool(self._database.connection.execute(_SHARES).fetchone()[0])

    def due_deliveries(self, most: int, *, address: str | None = None) -> int:
        """Count the deliveries that are due in this run, to an address or a key; to `most`."""
        connection = self._database.connection
        with self._database.guard:
            query, value = _DUE_DELIVERIES, ""
            if address is not None:
                wanted, value = named(connection, address)
                query = _DUE_TO.format(wanted=wanted)
            (count,) = connection.execute(query, {"most": most, "named": value}).fetchone()
        return int(count)

    def reserve_space(self, rows: int | None = None) -> None:
        """Take the room that sending to `rows` recipients will fill; None: to all unfinished."""
        self._writing()
        space.reserve(self._database, self._unfinished() if rows is None else rows)

    def reopen_deferred(self) -> int:
        """Make pending and deferred recipients due now, with fresh tries; return the deferred."""
        self._writing()
        if self._unfinished():
            with self._database.transaction() as connection:
                set_fact(connection, "finished_at", None)
        return recovery.reopen_deferred(self._database)

    def reopen_rejected(self) -> int:
        """Make the rejected recipients of the last plan pending; return the number of rows."""
        self._writing()
        return recovery.reopen_rejected(self._database)

    def mark_finished(self, now: float) -> None:
        """Note that a run ended at `now`; with nothing pending or deferred it is finished."""
        self._writing()
        unfinished = self._unfinished()
        with self._database.transaction(durable=True) as connection:
            if unfinished:
                set_fact(connection, "finished_at", None)
            elif self._database.fact("finished_at") is None:
                set_fact(connection, "finished_at", repr(now))

    def _unfinished(self) -> int:
        """Count the recipients that a run still has to do something about."""
        counts = self._standing.counts()
        return sum(counts[status] for status in UNFINISHED)

    def _writing(self) -> UnderWay:
        if self._under_way is None:
            raise broken_rule(self._database.path, "the ledger is not open for writing")
        self._under_way.check_open()
        return self._under_way


# An index leads to the rows that are mailed; the others are looked at only if none of them has it.
_KNOWS = """
SELECT EXISTS (
  SELECT 1 FROM recipient WHERE {wanted} AND line IS NOT NULL
) OR EXISTS (
  SELECT 1 FROM recipient WHERE coalesce(mailbox, key) = :address AND line IS NOT NULL)
"""
_DUE_DELIVERIES = """
SELECT count(*) FROM (SELECT 1 FROM delivery WHERE due IS NOT NULL LIMIT :most)
"""
_DUE_TO = """
SELECT count(*) FROM (
  SELECT DISTINCT delivery_id FROM recipient
  WHERE {wanted} AND status IN ('pending', 'deferred') AND due IS NOT NULL LIMIT :most)
"""
_SHARES = """
SELECT EXISTS (
  SELECT 1 FROM delivery WHERE group_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM recipient WHERE delivery_id = delivery.id AND claim = 'own'
    AND coalesce(mailbox, key) <> (
      SELECT coalesce(mailbox, key) FROM recipient
      WHERE delivery_id = delivery.id AND claim = 'own' LIMIT 1)))
"""
_INCOMING = """
CREATE TEMP TABLE incoming (
  line INTEGER PRIMARY KEY, address TEXT, key TEXT, mailbox TEXT, cells TEXT, cluster TEXT,
  wanted INTEGER, status TEXT, reason TEXT)
"""
_INSERT = "INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ROWS_A_DIGEST = 256
#: Of pages, and of what is sorted besides. Four times as much saves a changed plan of a million 3 %
#: of its time and a first one nothing, and would be two fifths of the memory of the run.
_CACHE_KIB = 8192


def _incoming(
    rows: Iterable[Recipient], digest: Digest
) -> Iterator[tuple[int, str, str, str | None, str, str | None, bool, str, str | None]]:
    said: list[str] = []
    for row in rows:
        cells = _json(row.values)
        cluster = None if row.group is None else _json(row.group)
        line, address, status, reason = row.line, row.address, row.status, row.reason
        said.append(f"{line}\x1f{address}\x1f{cells}\x1f{cluster}\x1f{status}\x1f{reason}\x1e")
        if len(said) == _ROWS_A_DIGEST:
            digest.update("".join(said).encode())
            said.clear()
        key, mailbox = row.key, None
        if key is None:
            key = address_key(address)
        else:
            mailbox = address_key(address)
        yield (line, address, key, mailbox, cells, cluster, status == "pending", status, reason)
    digest.update("".join(said).encode())


def _json(values: tuple[str, ...]) -> str:
    """Return a JSON list; where nothing is to be escaped in half the time of an encoder."""
    text = '","'.join(values)
    if text.isprintable() and "\\" not in text and text.count('"') == 2 * len(values) - 2:
        return f'["{text}"]'
    return _encode(values)


def _merge(
    connection: sqlite3.Connection,
    columns: Sequence[str],
    digest: str,
    limit: int,
    identity: Identity,
) -> PlanChange:
    (known,) = connection.execute("SELECT (SELECT value FROM fact WHERE name = 'plan')").fetchone()
    total, wanted, clusters = connection.execute(
        "SELECT count(*), coalesce(sum(wanted), 0), count(cluster) FROM incoming"
    ).fetchone()
    if known == digest:
        return PlanChange(total)
    header = _header_id(connection, columns)
    if clusters:
        connection.execute(
            "INSERT OR IGNORE INTO recipient_group (cells)"
            " SELECT cluster FROM incoming WHERE cluster IS NOT NULL ORDER BY line"
        )
    bases = connection.execute(
        "SELECT (SELECT coalesce(max(id), 0) FROM recipient),"
        " (SELECT coalesce(max(id), 0) FROM delivery)"
    ).fetchone()
    replanned, by_address = bases[0] > 0, identity.by_address
    if replanned:
        counts = merging.match(connection, header)
        added = merging.add(connection, header, *bases)
    else:
        counts = merging.NOBODY_KNOWN
        added = merging.add_first(connection, header)
    if replanned:
        assignment.leave(connection, limit, by_address=by_address)
    assignment.find(connection, base=bases[1], replanned=replanned)
    if replanned or clusters:
        assignment.find_parts(connection, limit, replanned=replanned, by_address=by_address)
    if replanned:
        assignment.settle(connection)
    if added + counts.shown_wanted < wanted:
        merging.add_repeats(connection, header, grouped=bool(clusters), identity=identity)
    if wanted < total:
        merging.add_unwanted(connection, header)
    merging.recount(connection)
    set_fact(connection, "plan", digest)
    return PlanChange(
        total, added, counts.changed, counts.withdrawn, counts.stopped, counts.returned
    )


def _header_id(connection: sqlite3.Connection, columns: Sequence[str]) -> int:
    text = _encode(list(columns))
    connection.execute("INSERT OR IGNORE INTO header (columns) VALUES (?)", (text,))
    (header,) = connection.execute("SELECT id FROM header WHERE columns = ?", (text,)).fetchone()
    connection.execute("INSERT OR REPLACE INTO fact VALUES ('header', ?)", (str(header),))
    return int(header)
