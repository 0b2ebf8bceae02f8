"""Which delivery a recipient belongs to: one of its own, or a part of its group's.

This module must never move a settled recipient, nor let anybody join a delivery that was leased:
what others may have got of it must stay byte for byte what it was.
"""

from __future__ import annotations

import sqlite3

from mailbatch.ledger.under_way import DUE

_UNSETTLED = "('pending', 'deferred')"


def leave(connection: sqlite3.Connection, limit: int) -> None:
    """Take recipients out of deliveries that are theirs no more."""
    never_leased = "(SELECT date FROM delivery WHERE id = delivery_id) IS NULL"
    connection.execute(
        "UPDATE recipient SET delivery_id = NULL WHERE claim = 'own' AND delivery_id IS NOT NULL"  # noqa: S608 - constants
        f" AND status IN ('withdrawn', 'invalid', 'suppressed', 'filtered') AND {never_leased}"
    )
    connection.execute(
        "UPDATE recipient SET delivery_id = NULL WHERE claim = 'own' AND delivery_id IS NOT NULL"  # noqa: S608 - constants
        f" AND status IN {_UNSETTLED}"
        " AND (SELECT group_id FROM delivery WHERE id = delivery_id) IS NOT group_id"
    )
    connection.execute(
        "UPDATE recipient SET delivery_id = NULL WHERE id IN (SELECT id FROM ("  # noqa: S608 - constants
        "SELECT id, row_number() OVER (PARTITION BY delivery_id ORDER BY id) AS place"
        " FROM recipient WHERE claim = 'own' AND group_id IS NOT NULL AND delivery_id IS NOT NULL"
        f" AND status IN {_UNSETTLED}) WHERE place > ?)",
        (limit,),
    )


def find(connection: sqlite3.Connection, limit: int, *, base: int, replanned: bool) -> None:
    """Give every unsettled recipient a delivery; ids above `base` are new."""
    if replanned:
        connection.execute(
            "UPDATE recipient SET delivery_id = ? + id WHERE claim = 'own' AND delivery_id IS NULL"  # noqa: S608 - constants
            f" AND group_id IS NULL AND status IN {_UNSETTLED}",
            (base,),
        )
    connection.execute(
        "INSERT INTO delivery (id, part, due) SELECT delivery_id, 1, 0 FROM recipient"
        " WHERE delivery_id > ? ORDER BY delivery_id",
        (base,),
    )
    _find_parts(connection, limit, replanned=replanned)
    if replanned:
        connection.execute(
            f"UPDATE delivery SET due = {DUE} WHERE due IS NOT {DUE}"  # noqa: S608 - constants
        )
        connection.execute(
            "DELETE FROM delivery WHERE NOT EXISTS ("
            "SELECT 1 FROM recipient WHERE delivery_id = delivery.id)"
        )
        connection.execute("DELETE FROM copy WHERE delivery_id NOT IN (SELECT id FROM delivery)")


def _find_parts(connection: sqlite3.Connection, limit: int, *, replanned: bool) -> None:
    connection.execute(
        "CREATE TEMP TABLE homeless AS SELECT group_id, id FROM recipient WHERE claim = 'own'"  # noqa: S608 - constants
        f" AND delivery_id IS NULL AND group_id IS NOT NULL AND status IN {_UNSETTLED}"
        " ORDER BY group_id, id"
    )
    group = delivery = None
    room = 0
    spare: list[tuple[int, int]] = []
    for group_id, recipient_id in connection.execute("SELECT group_id, id FROM homeless"):
        if group_id != group:
            group, room = group_id, 0
            spare = _spare(connection, group_id, limit) if replanned else []
        if room == 0 and spare:
            delivery, room = spare.pop()
        elif room == 0:
            delivery = _new_part(connection, group_id)
            room = limit
        connection.execute(
            "UPDATE recipient SET delivery_id = ? WHERE id = ?", (delivery, recipient_id)
        )
        room -= 1


def _spare(connection: sqlite3.Connection, group_id: int, limit: int) -> list[tuple[int, int]]:
    """The group's deliveries that may take more, with their room; the first one last."""
    return connection.execute(
        "SELECT d.id, ? - count(r.id) AS room FROM delivery AS d"
        " LEFT JOIN recipient AS r ON r.delivery_id = d.id AND r.claim = 'own'"
        " WHERE d.group_id = ? AND d.date IS NULL GROUP BY d.id HAVING room > 0 ORDER BY d.id DESC",
        (limit, group_id),
    ).fetchall()


def _new_part(connection: sqlite3.Connection, group_id: int) -> int:
    connection.execute("UPDATE recipient_group SET parts = parts + 1 WHERE id = ?", (group_id,))
    (part,) = connection.execute(
        "SELECT parts FROM recipient_group WHERE id = ?", (group_id,)
    ).fetchone()
    delivery = connection.execute(
        "INSERT INTO delivery (group_id, part, due) VALUES (?, ?, 0)", (group_id, part)
    ).lastrowid
    assert delivery is not None  # noqa: S101 - an INSERT has one
    return delivery
