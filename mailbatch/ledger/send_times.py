"""The times of sending in a plan: the instant of each row, and the recipients that wait for theirs.

    lay(connection, block)               # the texts of the rows, beside `incoming`
    check_groups(connection)             # rows of one message must agree
    hold(connection, now)                # recipient.due: the instant, fixed when planned first

An instant stands in `recipient.due`, and nowhere else: a recipient that was never tried and is due
above 0 waits for a time of sending (`HELD`). So a row without such a time costs nothing, and a
lease finds those that are due as it finds deferred ones. The instant of a recipient stays as long
as the row says a time that means the instant; a row that says another time, or that comes back into
the plan, gets the first instant from then on. This module must never change a recipient that was
tried, nor read a clock.

Tests: tests/ledger/contract/test_send_times.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from mailbatch.ledger.database import set_fact
from mailbatch.ledger.folding import DUE
from mailbatch.ledger.incoming import Block
from mailbatch.send_time import SendTimesError, send_time

#: The fact of a plan whose rows have times of sending.
FACT = "send_times"
#: The rows that a refusal names.
_NAMED = 10
_UNTRIED = """
(status = 'pending' AND attempts = 0 AND reason IS NULL AND reply_id IS NULL AND due IS NOT NULL)
"""
#: The recipients that wait for a time of sending, or have waited, in the SQL of either ledger.
HELD = f"""
({_UNTRIED} AND due > 0 AND EXISTS (SELECT 1 FROM fact WHERE name = '{FACT}'))
"""  # noqa: S608 - constants
INCOMING = """
CREATE TEMP TABLE incoming_time (line INTEGER PRIMARY KEY, said TEXT NOT NULL)
"""
# The groups of a plan that is laid aside, and of the first plan of a ledger.
_ASIDE, _FIRST = "incoming", "(SELECT line, wanted, group_id AS cluster FROM recipient)"
_APART = """
SELECT min(i.line), count(*) OVER () FROM {rows} AS i
LEFT JOIN incoming_time AS t ON t.line = i.line
WHERE i.wanted AND i.cluster IS NOT NULL
GROUP BY i.cluster HAVING count(DISTINCT coalesce(t.said, '')) > 1
ORDER BY min(i.line) LIMIT ?
"""
_OTHER = """
SELECT i.line, coalesce(t.said, 'now'), coalesce(f.said, 'now') FROM {rows} AS i
LEFT JOIN incoming_time AS t ON t.line = i.line
LEFT JOIN incoming_time AS f ON f.line = :first
WHERE i.wanted AND i.cluster = (SELECT cluster FROM {rows} WHERE line = :first)
AND t.said IS NOT f.said ORDER BY i.line LIMIT 1
"""
# A row that shares a delivery with the one that owns it waits with that one.
_FIX = f"""
UPDATE recipient SET due = t.at
FROM temp.incoming_time AS i CROSS JOIN temp.send_time AS t ON t.said = i.said
WHERE i.line = recipient.line AND recipient.claim IS NOT NULL AND {_UNTRIED}
AND NOT (due > 0 AND means(i.said, due))
"""  # noqa: S608 - constants
_AT_ONCE = f"""
UPDATE recipient SET due = 0 WHERE claim IS NOT NULL AND due > 0 AND {_UNTRIED}
AND line NOT IN (SELECT line FROM temp.incoming_time)
"""  # noqa: S608 - constants
# Others than these get a delivery right before their first lease (`waiting`).
_GIVE = (
    f"UPDATE delivery SET due = {DUE} WHERE due IS NOT NULL AND due IS NOT {DUE}",  # noqa: S608
    """
    UPDATE recipient NOT INDEXED SET
      delivery_id = (SELECT coalesce(max(id), 0) FROM delivery) + id
    WHERE claim = 'own' AND delivery_id IS NULL AND group_id IS NULL AND status = 'pending'
    AND due > 0
    """,
    """
    INSERT INTO delivery (id, part, due)
    SELECT delivery_id, 1, due FROM recipient NOT INDEXED
    WHERE delivery_id > (SELECT coalesce(max(id), 0) FROM delivery) ORDER BY delivery_id
    """,
)


def lay(connection: sqlite3.Connection, block: Block) -> None:
    """Lay the times of the rows that ask for a mail into `incoming_time`."""
    if block.times.count(None) == len(block.times):
        return
    rows = zip(block.lines, block.times, block.statuses, strict=True)
    connection.executemany(
        "INSERT INTO incoming_time VALUES (?, ?)",
        [(line, said) for line, said, status in rows if said is not None and status == "pending"],
    )


def laid(connection: sqlite3.Connection, coming: Iterator[Block]) -> Iterator[Block]:
    """Yield the blocks of a plan, each behind `lay`."""
    for block in coming:
        lay(connection, block)
        yield block


def check_groups(connection: sqlite3.Connection, *, first: bool = False) -> None:
    """Check that the rows of a group, which share messages, say one time.

    The rows are laid aside, or, with `first`, those of the first plan, which has been made.

    Raises:
        SendTimesError: they do not.
    """
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM temp.incoming_time)").fetchone()[0]:
        return
    source = _FIRST if first else _ASIDE
    apart = connection.execute(_APART.format(rows=source), (_NAMED,)).fetchall()
    if not apart:
        return
    rows = []
    for line, _ in apart:
        other_line, said, other = connection.execute(
            _OTHER.format(rows=source), {"first": line}
        ).fetchone()
        rows.append((other_line, f"send_at is {said}, and {other} in row {line}"))
    raise SendTimesError(tuple(rows), apart[0][1])


def are_known(connection: sqlite3.Connection) -> bool:
    """Say whether the rows of the last plan had times of sending."""
    query = "SELECT EXISTS (SELECT 1 FROM fact WHERE name = ?)"
    return bool(connection.execute(query, (FACT,)).fetchone()[0])


def hold(connection: sqlite3.Connection, now: float | None) -> None:
    """Fix the instants of a plan that is made at `now`, inside its transaction.

    Without `now` (seconds since the epoch) the rows of the plan have no times: all are due at once.
    """
    if now is not None:
        found = connection.execute("SELECT DISTINCT said FROM temp.incoming_time").fetchall()
        connection.execute("CREATE TEMP TABLE send_time (said TEXT PRIMARY KEY, at REAL NOT NULL)")
        connection.executemany(
            "INSERT INTO send_time VALUES (?, ?)",
            [(said, send_time(said).first_at(now)) for (said,) in found],
        )
        connection.create_function("means", 2, _means, deterministic=True)
        connection.execute(_FIX)
    connection.execute(_AT_ONCE)
    for statement in _GIVE:
        connection.execute(statement)
    set_fact(connection, FACT, None if now is None else "1")


def _means(said: str, due: float) -> bool:
    return send_time(said).names(due)
