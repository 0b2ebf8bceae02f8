"""The assignment of recipients to deliveries: parts of groups, and recipients tried before.

`NOT INDEXED`: where nearly every row is looked at, the order of the rows is the fastest. This
module must never move a settled recipient, nor add a recipient to a delivery that was leased: a
message that may have arrived must stay byte for byte the same.

Where the key of a recipient is not the address (`by_address` is False), an address may have several
rows in a group. They are one RCPT: the first of them is assigned, and the others follow.

Tests: tests/ledger/contract/test_model.py, tests/ledger/test_groups.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from mailbatch.ledger.database import drop_index
from mailbatch.ledger.folding import DUE, UNSETTLED
from mailbatch.ledger.waiting import WAITING

_ROWS = "recipient AS r NOT INDEXED"


def leave(connection: sqlite3.Connection, limit: int, *, by_address: bool) -> None:
    """Take recipients out of deliveries that no longer match the status or group.

    So is a row whose address has the message of that delivery already, by another row.
    """
    never_leased = "(SELECT date FROM delivery WHERE id = delivery_id) IS NULL"
    connection.execute(
        "UPDATE recipient NOT INDEXED SET delivery_id = NULL"  # noqa: S608 - constants
        " WHERE claim = 'own' AND delivery_id IS NOT NULL"
        f" AND status IN ('withdrawn', 'invalid', 'suppressed', 'filtered') AND {never_leased}"
    )
    connection.execute(
        "UPDATE recipient NOT INDEXED SET delivery_id = NULL"  # noqa: S608 - constants
        " WHERE claim = 'own' AND delivery_id IS NOT NULL"
        f" AND status IN {UNSETTLED}"
        " AND (SELECT group_id FROM delivery WHERE id = delivery_id) IS NOT group_id"
    )
    if not by_address:
        connection.execute(_LEAVE_THE_MAILED)
    place = "row_number() OVER (PARTITION BY delivery_id ORDER BY id)"
    if not by_address:
        place = "dense_rank() OVER (PARTITION BY delivery_id ORDER BY mailbox)"
    connection.execute(
        "UPDATE recipient SET delivery_id = NULL WHERE id IN (SELECT id FROM ("  # noqa: S608 - constants
        f"SELECT id, {place} AS place"
        " FROM recipient WHERE claim = 'own' AND group_id IS NOT NULL AND delivery_id IS NOT NULL"
        f" AND status IN {UNSETTLED}) WHERE place > ?)",
        (limit,),
    )


_LEAVE_THE_MAILED = f"""
UPDATE recipient SET delivery_id = NULL
WHERE claim = 'own' AND group_id IS NOT NULL AND delivery_id IS NOT NULL AND status IN {UNSETTLED}
AND EXISTS (
  SELECT 1 FROM recipient AS o WHERE o.delivery_id = recipient.delivery_id AND o.claim = 'own'
  AND o.mailbox = recipient.mailbox AND o.status IN ('accepted', 'in_doubt', 'skipped'))
"""  # noqa: S608 - constants


def find(connection: sqlite3.Connection, *, base: int) -> None:
    """Give a delivery to recipients without a group that were tried; ids above `base` are new.

    All others wait, and get a delivery right before the first lease (`waiting`).
    """
    connection.execute(
        "UPDATE recipient NOT INDEXED SET delivery_id = ? + id"  # noqa: S608 - constants
        " WHERE claim = 'own' AND delivery_id IS NULL"
        f" AND group_id IS NULL AND status IN {UNSETTLED} AND NOT {WAITING}",
        (base,),
    )
    connection.execute(
        "INSERT INTO delivery (id, part, due) SELECT delivery_id, 1, 0 FROM recipient"
        " WHERE delivery_id > ? ORDER BY delivery_id",
        (base,),
    )


def find_parts(
    connection: sqlite3.Connection, limit: int, *, replanned: bool, by_address: bool
) -> None:
    """Give every unsettled recipient of a group a delivery of at most `limit` recipients."""
    if by_address:
        _find_parts(connection, limit, replanned=replanned)
        return
    if replanned:
        _follow(connection)
    _find_parts(connection, limit, replanned=replanned, chosen=_FIRST_OF_ADDRESS)
    _follow(connection)


def _follow(connection: sqlite3.Connection) -> None:
    """Put rows into the delivery that another row of their group and address waits in."""
    for statement in _FOLLOW:
        connection.execute(statement)


def _find_parts(
    connection: sqlite3.Connection, limit: int, *, replanned: bool, chosen: str = _ROWS
) -> None:
    connection.execute(
        "CREATE TEMP TABLE unassigned (id INTEGER PRIMARY KEY, group_id INTEGER, part INTEGER)"
    )
    connection.execute(
        _UNASSIGNED.format(part="NULL" if replanned else _NEXT_PART, chosen=chosen),
        {"limit": limit},
    )
    if replanned:
        addresses = "r.id" if chosen == _ROWS else "DISTINCT r.mailbox"
        connection.executemany(
            "UPDATE unassigned SET part = ? WHERE id = ?",
            list(_in_spare_parts(connection, limit, addresses)),
        )
        connection.execute(_PART_OF_THE_REST, {"limit": limit})
    for statement in _ADD_DELIVERIES:
        connection.execute(statement)
    if replanned:
        connection.execute(_ASSIGN)
        return
    # Where all are assigned anew, their index is sorted afterwards, all at once.
    index = drop_index(connection, "recipient_by_delivery")
    connection.execute(_ASSIGN)
    connection.execute(index)


_NEXT_PART = (
    "(SELECT parts FROM recipient_group AS g WHERE g.id = r.group_id) + 1"
    " + (row_number() OVER (PARTITION BY r.group_id ORDER BY r.id) - 1) / :limit"
)
_UNASSIGNED = f"""
INSERT INTO unassigned SELECT r.id, r.group_id, {{part}} FROM {{chosen}}
WHERE r.claim = 'own' AND r.delivery_id IS NULL AND r.group_id IS NOT NULL
AND r.status IN {UNSETTLED}
"""  # noqa: S608 - constants
_FIRST_OF_ADDRESS = f"""
(SELECT min(id) AS id, group_id, 'own' AS claim, NULL AS delivery_id, 'pending' AS status
 FROM recipient WHERE claim = 'own' AND delivery_id IS NULL AND group_id IS NOT NULL
 AND status IN {UNSETTLED} GROUP BY group_id, mailbox) AS r
"""  # noqa: S608 - constants
_FOLLOW = (
    """
    CREATE TEMP TABLE home (group_id, mailbox, delivery_id, PRIMARY KEY (group_id, mailbox))
    """,
    f"""
    INSERT INTO home SELECT r.group_id, r.mailbox, max(r.delivery_id)
    FROM recipient AS r CROSS JOIN delivery AS d ON d.id = r.delivery_id AND d.date IS NULL
    WHERE r.claim = 'own' AND r.group_id IS NOT NULL AND r.status IN {UNSETTLED}
    GROUP BY r.group_id, r.mailbox
    """,  # noqa: S608 - constants
    f"""
    UPDATE recipient SET delivery_id = h.delivery_id FROM home AS h
    WHERE h.group_id = recipient.group_id AND h.mailbox = recipient.mailbox
    AND recipient.claim = 'own' AND recipient.delivery_id IS NULL
    AND recipient.status IN {UNSETTLED}
    """,  # noqa: S608 - constants
    "DROP TABLE temp.home",
)
_PART_OF_THE_REST = f"""
UPDATE unassigned SET part = fresh.part FROM (
  SELECT r.id, {_NEXT_PART} AS part FROM unassigned AS r WHERE r.part IS NULL
) AS fresh WHERE fresh.id = unassigned.id
"""  # noqa: S608 - constants
# Deliveries are sent in the order of their ids: so in that of the table, by the first of each.
# Parts that are leased together then have their rows on the same pages, however groups are mixed.
_ADD_DELIVERIES = (
    """
    INSERT INTO delivery (group_id, part, due)
    SELECT group_id, part, 0 FROM unassigned WHERE true GROUP BY group_id, part ORDER BY min(id)
    ON CONFLICT DO NOTHING
    """,
    """
    UPDATE recipient_group SET parts = newest.part
    FROM (SELECT group_id, max(part) AS part FROM unassigned GROUP BY group_id) AS newest
    WHERE newest.group_id = recipient_group.id AND newest.part > parts
    """,
)
_ASSIGN = """
UPDATE recipient SET delivery_id = (
  SELECT id FROM delivery WHERE group_id = h.group_id AND part = h.part)
FROM unassigned AS h WHERE h.id = recipient.id
"""


def _in_spare_parts(
    connection: sqlite3.Connection, limit: int, addresses: str
) -> Iterator[tuple[int, int]]:
    """Yield recipients with room in deliveries that were never leased, as part and recipient.

    `addresses` counts those of a delivery, in SQL.
    """
    spare = connection.execute(
        f"SELECT d.group_id, d.part, ? - count({addresses}) AS room FROM delivery AS d"  # noqa: S608 - of two
        " LEFT JOIN recipient AS r ON r.delivery_id = d.id AND r.claim = 'own'"
        " WHERE d.date IS NULL AND d.group_id IN (SELECT group_id FROM unassigned)"
        " GROUP BY d.id HAVING room > 0 ORDER BY d.id",
        (limit,),
    ).fetchall()
    for group_id, part, room in spare:
        taken = connection.execute(
            "SELECT id FROM unassigned WHERE group_id = ? AND part IS NULL ORDER BY id LIMIT ?",
            (group_id, room),
        )
        yield from ((part, recipient_id) for (recipient_id,) in taken.fetchall())


def settle(connection: sqlite3.Connection) -> None:
    """Bring the deliveries up to date with their recipients; an empty delivery vanishes."""
    connection.execute(
        f"UPDATE delivery SET due = {DUE} WHERE due IS NOT {DUE}"  # noqa: S608 - constants
    )
    connection.execute(
        "DELETE FROM delivery WHERE NOT EXISTS ("
        "SELECT 1 FROM recipient WHERE delivery_id = delivery.id)"
    )
    connection.execute("DELETE FROM copy WHERE delivery_id NOT IN (SELECT id FROM delivery)")
