"""The rows of a plan that the ledger has already, word for word: a merge passes these over.

    unchanged = lay_aside(connection, blocks(rows, digest), header)     # 990,000 of a million

Table and ledger are read side by side, in the order of the lines. A row with the line, address and
cells of a recipient who is mailed changes nothing, unless another row of the table has the same
address. So only the other rows come into `incoming`, and only the other recipients into `touched`:
those alone may have left the table. Where both orders differ, more rows than necessary go the long
way. This module must never change a recipient, and must never be asked about rows that have a
group, or a key that is not the address.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeAlias

from mailbatch.ledger.incoming import LAY, ROWS, Block, Row, rows_of

#: The line, the address and the cells of a recipient.
_Known: TypeAlias = "tuple[int | None, str, str | None]"
#: Recipients that are looked at together; many more have a line before that of a block where the
#: table was sorted anew.
_TOGETHER = 16 * ROWS
_TOUCHED = "CREATE TEMP TABLE touched (id INTEGER PRIMARY KEY)"
_TOUCH = "INSERT INTO touched VALUES (?)"
# Cells that are NULL equal no others: such a recipient may change even where the row does not.
_KNOWN = """
SELECT line, address, CASE WHEN
    wanted AND group_id IS NULL AND mailbox IS NULL AND header_id = ?
    AND status IN ('pending', 'deferred', 'accepted', 'rejected', 'in_doubt', 'skipped')
  THEN cells END, id
FROM recipient NOT INDEXED WHERE claim = 'own' ORDER BY id
"""
# An earlier row with the address of an unchanged one would stand for both.
_MET_AGAIN = """
INSERT INTO incoming (line, address, key, cells, wanted, status)
SELECT r.line, r.address, r.key, r.cells, 1, 'pending'
FROM (SELECT DISTINCT key FROM incoming) AS i
CROSS JOIN recipient AS r ON r.key = i.key AND r.claim = 'own'
WHERE r.id NOT IN (SELECT id FROM touched)
"""


def lay_aside(connection: sqlite3.Connection, coming: Iterable[Block], header: int) -> int:
    """Lay the rows that may change a recipient into `incoming`; return the number of the others.

    `header` is that of the columns of the rows. Inside the transaction of a plan.
    """
    connection.execute(_TOUCHED)
    unchanged = 0
    with closing(connection.execute(_KNOWN, (header,))) as found:
        for block, known in _side_by_side(coming, found):
            if block is not None:
                others = [row for row in rows_of(block) if not _is_known(row, known)]
                unchanged += len(block.lines) - len(others)
                connection.executemany(LAY, others)
            connection.executemany(_TOUCH, [(recipient_id,) for recipient_id in known.values()])
    return unchanged - connection.execute(_MET_AGAIN).rowcount


def _side_by_side(
    coming: Iterable[Block], found: sqlite3.Cursor
) -> Iterator[tuple[Block | None, dict[_Known, int]]]:
    """Yield each block with the ids of the recipients up to its last line, by what they say.

    The recipients behind the last block come without one, and so do those that are too many for
    the memory, which stays flat in any order.
    """
    ahead: list[Any] = []
    for block in coming:
        known = dict[_Known, int]()
        while ahead := ahead or found.fetchmany(ROWS):
            taken = _up_to(block.lines[-1], ahead)
            known.update([(row[:3], row[3]) for row in ahead[:taken]])
            ahead = ahead[taken:]
            if ahead:
                break
            if len(known) >= _TOGETHER:
                yield None, known
                known = {}
        yield block, known
    while ahead := ahead or found.fetchmany(ROWS):
        yield None, {row[:3]: row[3] for row in ahead}
        ahead = []


def _up_to(line: int, rows: Sequence[Any]) -> int:
    """Count the first rows up to a line; the recipient of a row that left the table has none."""
    if (rows[-1][0] or 0) <= line:
        return len(rows)
    return next(number for number, row in enumerate(rows) if (row[0] or 0) > line)


def _is_known(row: Row, known: dict[_Known, int]) -> bool:
    """Say whether a row is that of a recipient, whom this takes out of `known`."""
    line, address, _, mailbox, cells, cluster, wanted, _, _ = row
    if not wanted or mailbox is not None or cluster is not None:
        return False
    return known.pop((line, address, cells), None) is not None
