"""From the recipient table to deliveries: the plan, reconciled with what is settled already.

The rows are streamed into a temporary table; the rest is SQL over whole sets, so that the memory
stays flat and a million rows take seconds. The identity of a recipient is its address in lower
case: never the line, never a position. One transaction: the old plan or the new one.
This module must never change a settled recipient (accepted, rejected, in_doubt, skipped).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailbatch.envelope import Recipient
from mailbatch.ledger import homes, merging
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.folding import fold, fold_ahead

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Digest(Protocol):
    """A running digest, as hashlib has them."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes in."""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What a plan changed, in rows of the recipient table.

    `rows` is how many the table has. `added` were never asked for before; `changed` are unsettled
    rows with other fields; `withdrawn` left the table before they were sent; `stopped` became
    suppressed, filtered or invalid before they were sent; `returned` were withdrawn or stopped and
    are pending again.
    """

    rows: int
    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    stopped: int = 0
    returned: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.withdrawn or self.stopped or self.returned)


def reconcile(
    database: Database,
    columns: Sequence[str],
    rows: Iterable[Recipient],
    *,
    group_by: Sequence[str],
    recipients_per_transaction: int,
) -> PlanChange:
    """Make the plan that of `rows`; whatever `rows` raises leaves the old plan standing."""
    digest = hashlib.sha256(
        _encode([list(columns), list(group_by), recipients_per_transaction]).encode()
    )
    connection = database.connection
    with database.guard:
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    try:
        fold_ahead(database)
        with database.transaction(durable=True):
            fold(connection)
            connection.execute(_INCOMING)
            connection.executemany(
                "INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _incoming(rows, digest)
            )
            change = _merge(connection, columns, digest.hexdigest(), recipients_per_transaction)
    finally:
        with database.guard:
            for table in ("incoming", "shown", "homeless"):
                connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    with database.guard:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a large plan need not stand twice
    with database.transaction():
        # The journal of an open ledger is never empty: else nobody could tell that it was lost.
        set_fact(connection, "plan", digest.hexdigest())
    return change


_INCOMING = """
CREATE TEMP TABLE incoming (
  line INTEGER PRIMARY KEY, address TEXT, key TEXT, cells TEXT, cluster TEXT,
  wanted INTEGER, status TEXT, reason TEXT)
"""
_ROWS_A_DIGEST = 256
#: Of pages, and of what is sorted besides. Four times as much saves a changed plan of a million 3 %
#: of its time and a first one nothing, and would be two fifths of the memory of the run.
_CACHE_KIB = 8192


def _incoming(
    rows: Iterable[Recipient], digest: Digest
) -> Iterator[tuple[int, str, str, str, str | None, bool, str, str | None]]:
    said: list[str] = []
    for row in rows:
        cells = _json(row.values)
        cluster = None if row.group is None else _json(row.group)
        line, address, status, reason = row.line, row.address, row.status, row.reason
        said.append(f"{line}\x1f{address}\x1f{cells}\x1f{cluster}\x1f{status}\x1f{reason}\x1e")
        if len(said) == _ROWS_A_DIGEST:
            digest.update("".join(said).encode())
            said.clear()
        yield line, address, address.lower(), cells, cluster, status == "pending", status, reason
    digest.update("".join(said).encode())


def _json(values: tuple[str, ...]) -> str:
    """A JSON list; where nothing is to be escaped in half the time of an encoder."""
    text = '","'.join(values)
    if text.isprintable() and "\\" not in text and text.count('"') == 2 * len(values) - 2:
        return f'["{text}"]'
    return _encode(values)


def _merge(
    connection: sqlite3.Connection, columns: Sequence[str], digest: str, limit: int
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
    replanned = bases[0] > 0
    if replanned:
        counts = merging.match(connection, header)
        added = merging.add(connection, header, *bases)
    else:
        counts = merging.NOBODY_KNOWN
        added = merging.add_first(connection, header)
    if replanned:
        homes.leave(connection, limit)
    homes.find(connection, base=bases[1], replanned=replanned)
    if replanned or clusters:
        homes.find_parts(connection, limit, replanned=replanned)
    if replanned:
        homes.settle(connection)
    if added + counts.shown_wanted < wanted:
        merging.add_repeats(connection, header, grouped=bool(clusters))
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
