"""The first plan of a ledger: the rows of the table, written where they stay, in their order.

A ledger that knows no recipient has nothing to compare a table with. So no row is laid aside
first: each page of `recipient` is written once, and the index of the keys is sorted
afterwards, all at once. The parts of groups are given out on the way (`first_parts`); where a key
stands twice, or groups are many, they are cut again over the whole table (`assignment`). This
module must never be used where a recipient or a group is known.

Tests: tests/ledger/test_plan.py, tests/ledger/contract/test_model.py.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, islice, repeat

from mailbatch.frozen import frozen
from mailbatch.identity import Identity
from mailbatch.ledger import assignment
from mailbatch.ledger.database import Database, drop_index
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.first_parts import FirstParts
from mailbatch.ledger.incoming import Block
from mailbatch.ledger.merging import repeated_reason
from mailbatch.outcome import Status

#: Rows for one statement, since a statement costs as much as three rows; more are not faster.
_AT_ONCE = 8
_PENDING = Status.PENDING.value
_FIELDS = ("address", "own_key", "mailbox", "cells")
_PLACE = ("group_id", "delivery_id")
#: All that differs between rows whose key is the very address, but their place.
_ALONE = ("address", "cells")
_CONSTANT = "claim, wanted, status, reason, due, header_id"
_ADD = f"""
INSERT INTO recipient (id, line, {", ".join((*_FIELDS, *_PLACE))}, {_CONSTANT})
SELECT ?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(w, 'own', NULL), w, ?8, ?9, iif(w, 0, NULL), ?10
FROM (SELECT ?8 = 'pending' AS w)
"""  # noqa: S608 - constants
# The first row of a key is the one that is mailed.
_FIRST = """
CREATE TEMP TABLE first AS
SELECT key, min(line) AS line FROM recipient WHERE claim = 'own'
GROUP BY key HAVING count(*) > 1
"""
# A further row of a group with one address is a row of the same message: an order line, say.
_SHARED = """
UPDATE recipient SET claim = 'shared'
FROM temp.first AS f CROSS JOIN recipient AS o ON o.id = f.line
WHERE f.key = recipient.key AND recipient.claim = 'own' AND recipient.line > f.line
AND recipient.group_id = o.group_id AND recipient.group_id IN (
  SELECT group_id FROM recipient WHERE claim = 'own'
  GROUP BY group_id HAVING min(key) = max(key))
"""
_REPEATED = """
UPDATE recipient SET
  claim = NULL, wanted = 0, due = NULL, status = 'duplicate', reason = ? || ' ' || f.line
FROM temp.first AS f
WHERE f.key = recipient.key AND recipient.claim = 'own' AND recipient.line > f.line
"""
_SHARE = """
UPDATE recipient SET delivery_id = (
  SELECT delivery_id FROM recipient AS o WHERE o.key = recipient.key AND o.claim = 'own')
WHERE claim = 'shared'
"""
# Parts were given to rows that ask for no mail of their own, or to some groups alone.
_TAKE_BACK = (
    "UPDATE recipient SET delivery_id = NULL WHERE delivery_id IS NOT NULL",
    "DELETE FROM delivery WHERE group_id IS NOT NULL",
    "UPDATE recipient_group SET parts = 0",
)


@frozen
class Laid:
    """The result of a first plan: the rows of each status, and the recipients to be mailed.

    `everywhere`: every row has a group, so that no recipient waits for a delivery of its own.
    """

    counts: Counter[str]
    added: int
    everywhere: bool = False


def lay(
    database: Database,
    header: int,
    blocks: Iterable[Block],
    identity: Identity,
    *,
    limit: int | None = None,
) -> Laid:
    """Write the rows of the blocks into `recipient`, inside a transaction of the caller.

    `limit` is the number of recipients of a delivery at most; None: no row has a group.

    Raises:
        LedgerError: a row has a group, and there is no `limit`.
    """
    connection = database.connection
    parts = None if limit is None else FirstParts(connection, limit)
    by_key, by_mailbox, by_delivery = (
        drop_index(connection, f"recipient_by_{name}") for name in ("key", "mailbox", "delivery")
    )
    counts = Counter[str]()
    for block in blocks:
        counts.update(block.statuses)
        if parts is not None:
            _write(connection, header, block, *parts.place(block))
        elif any(block.clusters):
            raise broken_rule(database.path, "a row has a group, and the plan has none")
        else:
            _write(connection, header, block)
    try:
        connection.execute(by_key)
        repeated = shared = 0
    except sqlite3.IntegrityError:  # somebody stands in the table twice
        repeated, shared = _mark_repeated(connection, identity, grouped=parts is not None)
        connection.execute(by_key)
        counts.update(pending=-repeated, duplicate=repeated)
    connection.execute(by_mailbox)
    if parts is not None and limit is not None:
        parts.finish()
        if parts.spilled or repeated or shared:
            _cut_again(connection, by_delivery, limit)
            return Laid(counts, counts[_PENDING] - shared, parts.everywhere)
    connection.execute(by_delivery)
    return Laid(counts, counts[_PENDING], parts is not None and parts.everywhere)


def _mark_repeated(
    connection: sqlite3.Connection, identity: Identity, *, grouped: bool
) -> tuple[int, int]:
    """Mark the further rows of each key; return how many are duplicates, and how many share."""
    connection.execute(_FIRST)
    try:
        shared = connection.execute(_SHARED).rowcount if grouped else 0
        repeated = connection.execute(_REPEATED, (repeated_reason(identity),)).rowcount
    finally:
        connection.execute("DROP TABLE temp.first")
    return repeated, shared


def _cut_again(connection: sqlite3.Connection, by_delivery: str, limit: int) -> None:
    """Cut the parts of all groups over the whole table."""
    for statement in _TAKE_BACK:
        connection.execute(statement)
    connection.execute(by_delivery)
    assignment.find_parts(connection, limit, replanned=False, by_address=True)
    connection.execute(_SHARE)


def _write(
    connection: sqlite3.Connection,
    header: int,
    block: Block,
    *place: Iterable[int | None],
) -> None:
    """Write the rows of a block; `place` is the group and the delivery of each, or nothing."""
    fields: tuple[Sequence[object], ...]
    fields = (block.lines, block.addresses, block.own_keys, block.mailboxes, block.cells)
    if not block.is_wanted:
        rows = zip(
            *fields, *(place or (repeat(None), repeat(None))), block.statuses, block.reasons,
            repeat(header), strict=False,
        )  # fmt: skip
        connection.executemany(_ADD, rows)
        return
    names = (*_FIELDS, *_PLACE[: len(place)])
    if block.keys is block.addresses and not any(block.mailboxes):
        names = (*_ALONE, *_PLACE[: len(place)])
        fields = (block.lines, block.addresses, block.cells)
    rows = zip(*fields, *place, strict=True)
    width = 1 + len(names)
    together = islice(rows, len(block.lines) // _AT_ONCE * _AT_ONCE)
    values = chain.from_iterable(together)
    connection.executemany(
        _add_wanted(header, names, _AT_ONCE), zip(*[values] * (width * _AT_ONCE), strict=True)
    )
    connection.executemany(_add_wanted(header, names, 1), rows)


@cache
def _add_wanted(header: int, names: tuple[str, ...], rows: int) -> str:
    """Return the statement that adds so many rows that ask for a mail, with fields of `names`."""
    wanted, width = f"'own', 1, 'pending', NULL, 0, {header}", 1 + len(names)
    values = ", ".join(
        f"(?{n}, {', '.join(f'?{place}' for place in range(n, n + width))}, {wanted})"
        for n in range(1, rows * width, width)
    )
    columns = ", ".join(("id", "line", *names))
    return f"INSERT INTO recipient ({columns}, {_CONSTANT}) VALUES {values}"  # noqa: S608 - constants, a number
