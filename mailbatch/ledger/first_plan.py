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
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, islice

from mailbatch.identity import Identity
from mailbatch.ledger.database import Database, drop_index
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.incoming import Block
from mailbatch.ledger.merging import repeated_reason

#: Rows for one statement, since a statement costs as much as three rows; more are not faster.
_AT_ONCE = 8
_COLUMNS = (
    "id, line, address, own_key, mailbox, cells, claim, wanted, status, reason, due, header_id"
)
_ADD = f"""
INSERT INTO recipient ({_COLUMNS})
SELECT ?1, ?1, ?2, ?3, ?4, ?5, iif(w, 'own', NULL), w, ?6, ?7, iif(w, 0, NULL), ?8
FROM (SELECT ?6 = 'pending' AS w)
"""  # noqa: S608 - constants
#: The same for rows that ask for a mail, and for those of them whose key is the address.
_WANTED = "?{0}, ?{0}, ?{1}, ?{2}, ?{3}, ?{4}"
_ALONE = "?{0}, ?{0}, ?{1}, NULL, NULL, ?{2}"
#: The indexes that are sorted afterwards; that of the keys first, since it may find repeats.
_INDEXES = ("key", "mailbox", "delivery")
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
    indexes = [drop_index(connection, f"recipient_by_{name}") for name in _INDEXES]
    counts = Counter[str]()
    for block in blocks:
        if any(block.clusters):
            raise broken_rule(database.path, "a row has a group, and the plan has none")
        counts.update(block.statuses)
        if not block.is_wanted:
            columns = (*_told(block), block.statuses, block.reasons)
            rows = [(*row, header) for row in zip(*columns, strict=True)]
            connection.executemany(_ADD, rows)
        elif block.keys is block.addresses and not any(block.mailboxes):
            columns = (block.lines, block.addresses, block.cells)
            _add_wanted(connection, _ALONE, header, columns)
        else:
            _add_wanted(connection, _WANTED, header, _told(block))
    try:
        for index in indexes:
            connection.execute(index)
    except sqlite3.IntegrityError:  # somebody stands in the table twice
        repeated = connection.execute(_REPEATED, (repeated_reason(identity),)).rowcount
        for index in indexes:
            connection.execute(index)
        counts.update(pending=-repeated, duplicate=repeated)
    return counts


def _told(block: Block) -> tuple[Sequence[object], ...]:
    return block.lines, block.addresses, block.own_keys, block.mailboxes, block.cells


def _add_wanted(
    connection: sqlite3.Connection, form: str, header: int, columns: tuple[Sequence[object], ...]
) -> None:
    """Add rows that ask for a mail, each a line of `columns`, which `form` takes."""
    rows, fields = zip(*columns, strict=True), len(columns)
    together = len(columns[0]) // _AT_ONCE * _AT_ONCE
    values = chain.from_iterable(islice(rows, together))
    several = zip(*[values] * (_AT_ONCE * fields), strict=True)
    connection.executemany(_statement(form, fields, header, _AT_ONCE), several)
    connection.executemany(_statement(form, fields, header, 1), rows)


@cache
def _statement(form: str, fields: int, header: int, rows: int) -> str:
    """Return the statement that adds so many rows."""
    values = ", ".join(
        f"({form.format(*range(n, n + fields))}, 'own', 1, 'pending', NULL, 0, {header})"
        for n in range(1, rows * fields, fields)
    )
    return f"INSERT INTO recipient ({_COLUMNS}) VALUES {values}"  # noqa: S608 - constants, a number
