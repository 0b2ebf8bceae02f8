"""The overlap of a plan with the mail of an edition: an address, and a message by another key.

    overlap.check(connection, identity)      # row 2 would be mailed at the address of key 1

A further message to an address is ordinary where the recipient of the first one stays there in the
table, or has left the table and the job names the key: a new order of a customer. Where that
recipient has another address now, keys of rows were exchanged, as by a column that was sorted
alone. Where the key follows from `group_by`, a cell may have been corrected. This module must never
change a recipient, and costs a plan of addresses nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from mailbatch.envelope import address_key
from mailbatch.errors import OverlapError, Reason
from mailbatch.identity import Identity
from mailbatch.ledger.rekeying import identity_of
from mailbatch.ledger.rows import KeyedRow, Moved
from mailbatch.outcome import Status

#: The rows that a refusal names.
_NAMED = 10


def check(connection: sqlite3.Connection, identity: Identity) -> None:
    """Check the rows of a plan, which are `incoming`; rows with new keys are no matter of this.

    Raises:
        OverlapError: rows would be mailed at an address that has a message by another key, which
            is the key of another address now; or, by a key that no job names, of no row.
    """
    if identity.is_address or identity_of(connection) != identity:
        return
    try:
        connection.execute(_MET)
        if connection.execute("SELECT EXISTS (SELECT 1 FROM temp.met)").fetchone()[0]:
            connection.execute("CREATE INDEX temp.incoming_by_key ON incoming (key)")
            _refuse(connection.execute(_FOUND).fetchall(), identity)
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.met")


def check_rows(
    connection: sqlite3.Connection, identity: Identity, rows: Iterable[KeyedRow]
) -> None:
    """Check the rows of a plan that is made elsewhere; raises as `check`."""
    if identity.is_address or identity_of(connection) != identity:
        return
    try:
        connection.execute(
            "CREATE TEMP TABLE incoming (line INTEGER PRIMARY KEY, address, key, mailbox, wanted)"
        )
        connection.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?)", _laid(rows))
        check(connection, identity)
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.incoming")


def _laid(rows: Iterable[KeyedRow]) -> Iterator[tuple[int, str, str, str, bool]]:
    for row in rows:
        if row.line is not None:
            yield row.line, row.address, row.key, address_key(row.address), row.wanted


def _refuse(found: list[tuple[int, str, int | None, str | None]], identity: Identity) -> None:
    exchanged = [one for one in found if one[2] is not None]
    if exchanged:
        rows = tuple(
            (line, f"{address} has a message by another key, that of row {now} ({elsewhere}) now")
            for line, address, now, elsewhere in exchanged[:_NAMED]
        )
        raise OverlapError(rows, len(exchanged), Reason.KEYS_EXCHANGED)
    if found and not identity.given:
        rows = tuple(
            (line, f"{address} has a message by a row that has left the table")
            for line, address, _, _ in found[:_NAMED]
        )
        raise OverlapError(rows, len(found), Reason.GROUPING_CHANGED)


def moved(connection: sqlite3.Connection, rows: Iterable[KeyedRow]) -> Iterator[Moved]:
    """Yield the rows that would get nothing, as their key had the message at another address."""
    for row in rows:
        if not row.wanted:
            continue
        found = connection.execute(_MOVED, (row.key, address_key(row.address))).fetchone()
        if found is not None and row.line is not None:
            yield Moved(row.line, row.address, found[0], Status(found[1]))


def further(connection: sqlite3.Connection) -> int:
    """Count the addresses with a recipient to be mailed, and a message by a row that has left."""
    if identity_of(connection).is_address:
        return 0
    return int(connection.execute(_FURTHER).fetchone()[0])


_HAS_IT = "('accepted', 'in_doubt', 'skipped')"
# A row that comes to the address: no recipient so far, or one that waits at another address.
_MET = f"""
CREATE TEMP TABLE met AS
SELECT i.line, i.address, i.key, i.mailbox, r.key AS other
FROM incoming AS i
CROSS JOIN recipient AS r ON r.mailbox = i.mailbox
CROSS JOIN standing AS s ON s.id = r.id
WHERE i.wanted AND r.claim = 'own' AND r.key <> i.key AND (s.status IN {_HAS_IT} OR r.resend)
AND NOT EXISTS (
  SELECT 1 FROM recipient AS k CROSS JOIN standing AS t ON t.id = k.id
  WHERE k.key = i.key AND k.claim = 'own'
  AND (k.mailbox = i.mailbox OR k.resend OR t.status IN {_HAS_IT}))
"""  # noqa: S608 - constants
_FOUND = """
SELECT m.line, m.address, n.line, n.address FROM temp.met AS m
LEFT JOIN incoming AS n ON n.line = (SELECT min(line) FROM incoming WHERE key = m.other)
WHERE NOT EXISTS (SELECT 1 FROM incoming AS o WHERE o.key = m.other AND o.mailbox = m.mailbox)
AND NOT EXISTS (SELECT 1 FROM incoming AS o WHERE o.key = m.key AND o.wanted AND o.line < m.line)
GROUP BY m.line, n.line IS NULL ORDER BY m.line
"""
_MOVED = f"""
SELECT s.address, s.status FROM standing AS s JOIN recipient AS r ON r.id = s.id
WHERE s.key = ? AND s.claim = 'own' AND s.mailbox <> ? AND (s.status IN {_HAS_IT} OR r.resend)
"""  # noqa: S608 - constants
_FURTHER = f"""
SELECT count(DISTINCT s.mailbox) FROM standing AS s
WHERE s.mailbox IS NOT NULL AND s.claim = 'own' AND s.status IN ('pending', 'deferred')
AND EXISTS (
  SELECT 1 FROM recipient AS o CROSS JOIN standing AS t ON t.id = o.id
  WHERE o.mailbox = s.mailbox AND o.claim = 'own' AND o.key <> s.key AND o.line IS NULL
  AND t.status IN {_HAS_IT})
"""  # noqa: S608 - constants
