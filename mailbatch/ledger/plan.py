"""The plan: from the recipient table to deliveries, reconciled with the settled recipients.

A first plan writes the rows where they stay (`first_plan`). Later the rows are streamed into a
temporary table, and the rest is SQL over whole sets (`merging`): the memory stays flat and a
million rows take seconds. The identity of a recipient is a key, by default the address in lower
case: never the line, never a position. One transaction: the old plan or the new one. This module
must never change a settled recipient (accepted, rejected, in_doubt, skipped), but for a rejected
one whose address was corrected.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mailbatch.envelope import Recipient, address_key
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger import (
    assignment,
    first_plan,
    merging,
    overlap,
    recovery,
    rekeying,
    send_times,
    space,
    unchanged,
    waiting,
)
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.folding import SMALL, fold, fold_ahead, fold_small
from mailbatch.ledger.forgotten import Forgotten
from mailbatch.ledger.incoming import (
    INCOMING,
    LAY,
    Block,
    PlanDigest,
    blocks,
    count_unchanged,
    encode,
    rows_of,
)
from mailbatch.ledger.naming import named
from mailbatch.ledger.rows import PlanChange
from mailbatch.ledger.standing import Standing
from mailbatch.ledger.under_way import UnderWay
from mailbatch.outcome import UNFINISHED


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
        now: float | None = None,
    ) -> PlanChange:
        """Make the plan that of `rows` in one synced transaction (`ports.Planning`)."""
        under_way = self._writing()
        if len(under_way):
            raise broken_rule(self._database.path, "the plan changes while deliveries are leased")
        database = self._database
        said = settings(columns, group_by, recipients_per_transaction, identity)
        digest, connection = PlanDigest(said), database.connection
        cache = _FIRST_CACHE_KIB if database.fact("plan") is None else _CACHE_KIB
        with database.guard:
            connection.execute(f"PRAGMA cache_size=-{cache}")
            forgotten = Forgotten.of(connection)
        if forgotten is not None:
            rows = forgotten.disguising(rows)
        try:
            fold_ahead(database, SMALL)
            with database.transaction():
                fold_small(connection)
            change = self._unchanged(rows, PlanDigest(said))
            if change is None:
                fold_ahead(database)
                with database.transaction(durable=True):
                    fold(connection)
                    coming = blocks(rows, digest)
                    change = bring(
                        database, columns, coming, digest, by_group=bool(group_by),
                        limit=recipients_per_transaction, identity=identity,
                        accept_changes=accept_changes, now=now,
                    )  # fmt: skip
        finally:
            _forget_aside(database)
        with database.guard:
            # A large plan need not stand twice.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with database.transaction():
            # The journal of an open ledger is never empty: else nobody could tell that it was lost.
            set_fact(connection, "plan", database.fact("plan"))
        under_way.layers.note()
        return change

    def _unchanged(self, rows: Iterable[Recipient], digest: PlanDigest) -> PlanChange | None:
        """Return no change where the rows are planned already, word for word; else None.

        Rows that can be read once only are not looked at.
        """
        known, head = self._database.fact("plan"), self._database.fact("plan_head")
        if known is None or isinstance(rows, Iterator):
            return None
        number = count_unchanged(rows, digest, known=known, head=head)
        return None if number is None else PlanChange(number)

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

    def send_times(self, behind: float, line: int | None = None) -> list[tuple[float, int]]:
        """Return the instants behind one that rows wait for, each with the number of rows."""
        with self._database.guard:
            found = self._database.connection.execute(_SEND_TIMES, {"behind": behind, "line": line})
            return [(float(at), number) for at, number in found]

    def due_deliveries(self, most: int, *, address: str | None = None) -> int:
        """Count the deliveries that are due in this run, to an address or a key; to `most`."""
        connection = self._database.connection
        with self._database.guard:
            if address is not None:
                wanted, value = named(connection, address)
                query = _DUE_TO.format(wanted=wanted)
                (count,) = connection.execute(query, {"most": most, "named": value}).fetchone()
                return int(count)
            (count,) = connection.execute(_DUE_DELIVERIES, (most,)).fetchone()
            return int(count) + waiting.count(connection, most - count)

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
        """Note that a run ended at `now`; with nothing pending or deferred it is finished.

        All that was settled is folded first, but the notes of crowds: so the results, read next,
        need no view of rows.
        """
        self._writing()
        unfinished = self._unfinished()
        fold_ahead(self._database, SMALL)
        with self._database.transaction(durable=True) as connection:
            fold_small(connection)
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
_SEND_TIMES = f"""
SELECT due, count(*) FROM recipient NOT INDEXED
WHERE {send_times.HELD} AND due > :behind AND (:line IS NULL OR line = :line)
GROUP BY due ORDER BY due
"""  # noqa: S608 - constants
_DUE_DELIVERIES = """
SELECT count(*) FROM (SELECT 1 FROM delivery WHERE due IS NOT NULL LIMIT ?)
"""
_DUE_TO = """
SELECT count(*) FROM (
  SELECT DISTINCT coalesce(delivery_id, -id) FROM recipient
  WHERE {wanted} AND status IN ('pending', 'deferred') AND due IS NOT NULL
  AND NOT EXISTS (
    SELECT 1 FROM lease WHERE lease.delivery_id = recipient.delivery_id AND accepted_at IS NOT NULL)
  LIMIT :most)
"""
_SHARES = """
SELECT EXISTS (
  SELECT 1 FROM delivery WHERE group_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM recipient WHERE delivery_id = delivery.id AND claim = 'own'
    AND coalesce(mailbox, key) <> (
      SELECT coalesce(mailbox, key) FROM recipient
      WHERE delivery_id = delivery.id AND claim = 'own' LIMIT 1)))
"""
#: The temporary tables of a plan.
_ASIDE = (
    "incoming", "incoming_time", "send_time", "touched", "shown", "unassigned", "home", "rekeyed",
)  # fmt: skip
#: Of pages, and of what is sorted besides. Four times as much saves a changed plan of a million 3 %
#: of its time and a first one nothing, and would be two fifths of the memory of the run.
_CACHE_KIB = 8192
#: Of a first plan, which writes page after page and sorts one index.
_FIRST_CACHE_KIB = 4096


def bring(
    database: Database,
    columns: Sequence[str],
    coming: Iterator[Block],
    digest: PlanDigest,
    *,
    by_group: bool,
    limit: int,
    identity: Identity,
    accept_changes: bool,
    now: float | None = None,
) -> PlanChange:
    """Bring a ledger up to date with the rows of `coming`, inside a transaction; keep the digest.

    `limit` is the number of recipients of a delivery at most. `now` is when the plan is made, for
    rows with times of sending; None: no recipient waits. Temporary tables are left behind.

    Raises:
        IdentityError, OverlapError, SendTimesError: as `ports.Planning.reconcile`.
    """
    connection = database.connection
    known, timed = _knows_anybody(connection), now is not None or send_times.are_known(connection)
    # Rows of one message may spell their group in several ways, and are compared with each other.
    apart = identity.is_address and not identity.one_message
    first = not known and not timed and (apart or not by_group)
    connection.execute(INCOMING)
    connection.execute(send_times.INCOMING)
    passed = None
    if not first:
        alone = known and not by_group and not timed and identity.is_address
        passed = _lay_aside(connection, coming, columns if alone else None)
        send_times.check_groups(connection)
    if not accept_changes:
        overlap.check(connection, identity)
    rekeying.rekey(connection, identity, columns, accept_changes=accept_changes)
    if first:
        # A rehearsal does not wait, and refuses groups that a real plan would refuse all the same.
        coming = send_times.laid(connection, coming) if by_group else coming
        change = _begin(database, columns, coming, identity, limit if by_group else None)
        send_times.check_groups(connection, first=True)
    else:
        change = _merge(connection, columns, digest.text, limit, identity, passed)
    if timed:
        send_times.hold(connection, now)
    _keep(connection, digest)
    return change


def settings(
    columns: Sequence[str], group_by: Sequence[str], limit: int, identity: Identity
) -> list[object]:
    """Return all that a plan depends upon beside the rows."""
    said: list[object] = [list(columns), list(group_by), limit]
    return said if identity.is_address else [*said, identity.text]


def _forget_aside(database: Database) -> None:
    with database.guard:
        for table in _ASIDE:
            database.connection.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _keep(connection: sqlite3.Connection, digest: PlanDigest) -> None:
    set_fact(connection, "plan", digest.text)
    set_fact(connection, "plan_head", digest.head)


def _knows_anybody(connection: sqlite3.Connection) -> bool:
    """Say whether there is a recipient, or a group: a number of a part is never given twice."""
    (known,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM recipient) OR EXISTS (SELECT 1 FROM recipient_group)"
    ).fetchone()
    return bool(known)


def _begin(
    database: Database,
    columns: Sequence[str],
    coming: Iterator[Block],
    identity: Identity,
    limit: int | None,
) -> PlanChange:
    """Plan the rows for a ledger that knows no recipient; `limit` is that of `first_plan.lay`."""
    connection = database.connection
    header = _header_id(connection, columns)
    laid = first_plan.lay(database, header, coming, identity, limit=limit)
    waiting.forget(connection, nobody=laid.everywhere)
    merging.count(connection, laid.counts)
    return PlanChange(laid.counts.total(), added=laid.added)


def _lay_aside(
    connection: sqlite3.Connection, coming: Iterator[Block], columns: Sequence[str] | None
) -> int | None:
    """Lay the rows into `incoming`; return the number of rows that were passed over, unchanged.

    None, and all rows are laid, without `columns` and where a recipient has another key now.
    """
    if columns is not None and rekeying.identity_of(connection).is_address:
        return unchanged.lay_aside(connection, coming, _header_id(connection, columns))
    for block in coming:
        connection.executemany(LAY, rows_of(block))
        send_times.lay(connection, block)
    return None


def _merge(
    connection: sqlite3.Connection,
    columns: Sequence[str],
    digest: str,
    limit: int,
    identity: Identity,
    passed: int | None,
) -> PlanChange:
    """Bring the recipients of the ledger up to date with the rows in `incoming`.

    `passed` is that of `_lay_aside`.
    """
    (known,) = connection.execute("SELECT (SELECT value FROM fact WHERE name = 'plan')").fetchone()
    total, wanted, clusters = connection.execute(
        "SELECT count(*), coalesce(sum(wanted), 0), count(cluster) FROM incoming"
    ).fetchone()
    if known == digest:
        return PlanChange(total + (passed or 0))
    header = _header_id(connection, columns)
    if clusters:
        connection.execute(
            "INSERT OR IGNORE INTO recipient_group (cells)"
            " SELECT cluster FROM incoming WHERE cluster IS NOT NULL ORDER BY line"
        )
    last, last_delivery = connection.execute(
        "SELECT (SELECT coalesce(max(id), 0) FROM recipient),"
        " (SELECT coalesce(max(id), 0) FROM delivery)"
    ).fetchone()
    replanned, by_address = last > 0, identity.by_address
    waiting.forget(connection)
    if replanned:
        counts = merging.match(connection, header, whole=passed is None)
        added = merging.add(connection, header, last)
    else:
        counts = merging.NOBODY_KNOWN
        added = merging.add_first(connection, header)
    if replanned:
        assignment.leave(connection, limit, by_address=by_address)
        assignment.find(connection, base=last_delivery)
    if replanned or clusters:
        assignment.find_parts(connection, limit, replanned=replanned, by_address=by_address)
    if replanned:
        assignment.settle(connection)
    if added + counts.shown_wanted < wanted:
        merging.add_repeats(connection, header, grouped=bool(clusters), identity=identity)
    if wanted < total:
        merging.add_unwanted(connection, header)
    merging.recount(connection)
    return PlanChange(
        total + (passed or 0),
        added,
        counts.changed,
        counts.withdrawn,
        counts.stopped,
        counts.returned,
    )


def _header_id(connection: sqlite3.Connection, columns: Sequence[str]) -> int:
    text = encode(list(columns))
    connection.execute("INSERT OR IGNORE INTO header (columns) VALUES (?)", (text,))
    (header,) = connection.execute("SELECT id FROM header WHERE columns = ?", (text,)).fetchone()
    connection.execute("INSERT OR REPLACE INTO fact VALUES ('header', ?)", (str(header),))
    return int(header)
