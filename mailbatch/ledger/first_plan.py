"""The first plan of a ledger: the rows of the table, written where they stay, in their order.

A ledger that knows no recipient has nothing to compare a table with. So no row is laid aside
first: each page of `recipient` is written once, and the index of the keys is sorted
afterwards, all at once. Rows with `group_by` go another way (`merging`), since the parts of groups
are cut over the whole table. This module must never be used where a recipient is known.

Tests: tests/ledger/test_plan.py, tests/ledger/contract/test_model.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from mailbatch.identity import Identity
from mailbatch.ledger.database import Database
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.incoming import Block
from mailbatch.ledger.merging import repeated_reason

_COLUMNS = "id, line, address, own_key, mailbox, header_id, cells, claim, wanted, status, reason,\
 due"
_ADD_WANTED = f"""
INSERT INTO recipient ({_COLUMNS})
VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, 'own', 1, 'pending', NULL, 0)
"""  # noqa: S608 - constants
_ADD = f"""
INSERT INTO recipient ({_COLUMNS})
SELECT ?1, ?1, ?2, ?3, ?4, ?5, ?6, iif(w, 'own', NULL), w, ?7, ?8, iif(w, 0, NULL)
FROM (SELECT ?7 = 'pending' AS w)
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
) -> tuple[int, int]:
    """Write the rows of the blocks into `recipient`; return all rows, and those to be mailed.

    Inside a transaction of the caller.

    Raises:
        LedgerError: a row has a group.
    """
    connection = database.connection
    (index,) = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE name = 'recipient_by_key'"
    ).fetchone()
    connection.execute("DROP INDEX recipient_by_key")
    rows = wanted = 0
    for block in blocks:
        if any(block.clusters):
            raise broken_rule(database.path, "a row has a group, and the plan has none")
        number = len(block.lines)
        plain = (
            block.lines, block.addresses, block.own_keys, block.mailboxes, [header] * number,
            block.cells,
        )  # fmt: skip
        if block.is_wanted:
            connection.executemany(_ADD_WANTED, zip(*plain, strict=True))
            wanted += number
        else:
            told = zip(*plain, block.statuses, block.reasons, strict=True)
            connection.executemany(_ADD, told)
            wanted += block.statuses.count("pending")
        rows += number
    try:
        connection.execute(index)
    except sqlite3.IntegrityError:  # somebody stands in the table twice
        wanted -= connection.execute(_REPEATED, (repeated_reason(identity),)).rowcount
        connection.execute(index)
    return rows, wanted
