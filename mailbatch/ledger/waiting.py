"""The recipients that wait for a delivery of their own: pending, due at once, and never leased.

    waiters = next_waiters(connection, 32)   # the next 32 of these
    give_deliveries(connection, waiters, [(first_id, message_id, date), ...])

All of such a delivery follows from the row of the recipient. So a plan of a million recipients
writes no delivery for them: the row comes with the first lease, in the transaction of the lease,
and stays from then on, even where the lease is given back. A fact says behind which
recipient the next one is looked for, since a scan must not read again those that have a delivery;
each plan forgets that fact. This module must never give a second delivery to a recipient that has
one, nor any to a recipient of a group.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from mailbatch.ledger.attempts import COLUMNS, Row
from mailbatch.ledger.database import set_fact

_FACT = "waiting_behind"
_NONE = (1 << 63) - 1  # behind every id
#: The recipients that wait, in SQL.
WAITING = """
(claim = 'own' AND delivery_id IS NULL AND group_id IS NULL AND status = 'pending' AND due = 0)
"""
# NOT INDEXED: the order of the rows is the order of the deliveries.
_NEXT = f"""
SELECT {COLUMNS} FROM recipient AS r NOT INDEXED WHERE id > ? AND {WAITING} ORDER BY id LIMIT ?
"""  # noqa: S608 - constants
_COUNT = f"""
SELECT count(*) FROM (
  SELECT 1 FROM recipient NOT INDEXED WHERE id > ? AND {WAITING} LIMIT ?)
"""  # noqa: S608 - constants


class Waiters(NamedTuple):
    """The next recipients that wait, in the order of the table.

    `first_id` is the id that the delivery of the first of them gets; those of the others follow.
    No delivery that there is has so large an id. `are_all`: nobody waits behind them.
    """

    rows: list[Row]
    first_id: int
    are_all: bool


#: No recipient waits, as far as was asked.
NO_WAITERS = Waiters([], _NONE, are_all=False)


def next_waiters(connection: sqlite3.Connection, count: int) -> Waiters:
    """Return the next recipients that wait, at most `count`. Inside a transaction."""
    behind = _behind(connection)
    if count < 1 or behind == _NONE:
        return NO_WAITERS
    rows = list(map(Row._make, connection.execute(_NEXT, (behind, count))))
    return Waiters(rows, _last_id(connection) + 1, are_all=len(rows) < count)


def give_deliveries(
    connection: sqlite3.Connection,
    waiters: Waiters,
    fixed: Sequence[tuple[int, str, int]],
) -> None:
    """Give the first of the waiters their deliveries, leased: id, Message-ID and Date of each.

    The others wait on. Inside the transaction in which they were found.
    """
    given = waiters.rows[: len(fixed)]
    connection.executemany(
        "INSERT INTO delivery (id, part, message_id, date) VALUES (?, 1, ?, ?)", fixed
    )
    connection.executemany(
        "UPDATE recipient SET delivery_id = ? WHERE id = ?",
        [(one[0], row.id) for one, row in zip(fixed, given, strict=True)],
    )
    if waiters.are_all and len(given) == len(waiters.rows):
        set_fact(connection, _FACT, str(_NONE))
    elif given:
        set_fact(connection, _FACT, str(given[-1].id))


def give_deliveries_to(connection: sqlite3.Connection, chosen: str, value: str) -> None:
    """Give a delivery to those that wait of the recipients that a person named (`named`)."""
    found = connection.execute(
        f"SELECT id FROM recipient WHERE {chosen} AND {WAITING} ORDER BY id",  # noqa: S608 - constants
        {"named": value},
    )
    _give(connection, [row_id for (row_id,) in found.fetchall()])


def count(connection: sqlite3.Connection, most: int) -> int:
    """Count the recipients that wait; up to `most`."""
    (found,) = connection.execute(_COUNT, (_behind(connection), most)).fetchone()
    return int(found)


def forget(connection: sqlite3.Connection, *, nobody: bool = False) -> None:
    """Look for recipients that wait from the start again: a plan may have changed any row.

    `nobody`: the plan has just found that no recipient waits, and none is looked for.
    """
    set_fact(connection, _FACT, str(_NONE) if nobody else None)


def _behind(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT value FROM fact WHERE name = ?", (_FACT,)).fetchone()
    return 0 if found is None else int(found[0])


def _last_id(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM delivery").fetchone()
    return int(last)


def _give(connection: sqlite3.Connection, recipients: list[int]) -> None:
    given = list(enumerate(recipients, start=_last_id(connection) + 1))
    connection.executemany(
        "INSERT INTO delivery (id, part, due) VALUES (?, 1, 0)",
        [(delivery_id,) for delivery_id, _ in given],
    )
    connection.executemany("UPDATE recipient SET delivery_id = ? WHERE id = ?", given)
