"""The first plan of a ledger: the rows of the table, written where they stay, in their order.

A ledger that knows no recipient has nothing to compare a table with. So no row is laid aside
first: each page of `recipient` is written once, and the index of the keys is sorted
afterwards, all at once. Rows with `group_by` go another way (`merging`), since the parts of groups
are cut over the whole table. This module must never be used where a recipient is known.

Tests: tests/ledger/test_plan.py, tests/ledger/contract/test_model.py.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from mailbatch.identity import Identity
from mailbatch.ledger.database import Database, drop_index
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.incoming import Block
from mailbatch.ledger.merging import repeated_reason

#: Rows for one statement, since a statement costs as much as three rows; more are not faster.
_AT_ONCE = 8
_FIELDS = 5  # of a wanted row
_COLUMNS = (
    "id, line, address, own_key, mailbox, cells, claim, wanted, status, reason, due, header_id"
)
_ADD = f"""
INSERT INTO recipient ({_COLUMNS})
SELECT ?1, ?1, ?2, ?3, ?4, ?5, iif(w, 'own', NULL), w, ?6, ?7, iif(w, 0, NULL), ?8
FROM (SELECT ?6 = 'pending' AS w)
"""  # noqa: S608 - constants
# The first row of a key is the one that is mailed.
_REPEATED = """
UPDATE recipient SET
  claim = NULL, wanted = 0, due = NULL, status = 'duplicate',
  reason = ? || ' ' || f.line
FROM (SELECT key, min(line) AS line FROM recipient WHERE claim = 'own'
      GROUP BY key HAVING count(*) > 1) AS f
WHERE f.key = recipient.key AND claim = 'own' AND recipient.line > f.line
"""


def lay(
    database: Database, header: int, blocks: Iterable[Block], identity: Identity
) -> Counter[str]:
    """Write the rows of the blocks into `recipient`; return how many have each status.

    Inside a transaction of the caller.

    Raises:
        LedgerError: a row has a group.
    """
    connection = database.connection
    index = drop_index(connection, "recipient_by_key")
    one, several = _add_wanted(header, 1), _add_wanted(header, _AT_ONCE)
    counts = Counter[str]()
    for block in blocks:
        if any(block.clusters):
            raise broken_rule(database.path, "a row has a group, and the plan has none")
        counts.update(block.statuses)
        rows = zip(
            block.lines, block.addresses, block.own_keys, block.mailboxes, block.cells, strict=True
        )
        if block.is_wanted:
            together = len(block.lines) // _AT_ONCE * _AT_ONCE
            connection.executemany(several, _joined(islice(rows, together)))
            connection.executemany(one, rows)
        else:
            told = zip(rows, block.statuses, block.reasons, strict=True)
            connection.executemany(_ADD, [(*row, *status, header) for row, *status in told])
    try:
        connection.execute(index)
    except sqlite3.IntegrityError:  # somebody stands in the table twice
        repeated = connection.execute(_REPEATED, (repeated_reason(identity),)).rowcount
        connection.execute(index)
        counts.update(pending=-repeated, duplicate=repeated)
    return counts


def _add_wanted(header: int, rows: int) -> str:
    """Return the statement that adds so many rows, each of which asks for a mail."""
    places = range(1, rows * _FIELDS, _FIELDS)
    wanted = f"'own', 1, 'pending', NULL, 0, {header}"
    values = ", ".join(
        f"(?{n}, ?{n}, ?{n + 1}, ?{n + 2}, ?{n + 3}, ?{n + 4}, {wanted})" for n in places
    )
    return f"INSERT INTO recipient ({_COLUMNS}) VALUES {values}"  # noqa: S608 - constants, a number


def _joined(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Yield the values of so many rows together."""
    values = chain.from_iterable(rows)
    return zip(*[values] * (_AT_ONCE * _FIELDS), strict=True)
