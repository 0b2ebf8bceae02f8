"""The facts that rows of one delivery share in the results: looked up once, not row by row.

A thousand recipients of a group have one reply, one Message-ID and one time. All that the results
say of a row beside line and address follows from a few columns of the row, so rows with equal ones
share the facts of the first. Of recipients who were never tried, or whose crowd has a note
(`folding`), the delivery says all; where there are no groups, those who were never tried share one
set of facts. This module must never let two rows share facts that differ in one of these columns.

Tests: tests/ledger/test_standing.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from mailbatch.ledger.elsewhere import ANY
from mailbatch.ledger.rows import SharedRows

#: Looks the facts of the rows with these ids up: ids and facts, in any order.
FactsOf: TypeAlias = "Callable[[Sequence[int]], Iterable[tuple[int, tuple[Any, ...]]]]"

#: The columns of a row `s` that all but line and address follow from.
_DECIDING = (
    "s.status, s.reason, s.attempts, s.first_attempt_at, s.settled_at, s.reply_id, s.delivery_id,"
    " s.group_id, s.message_id, s.named"
)
_BARE = f"SELECT s.line, s.address, {_DECIDING}, s.id FROM {{rows}} AS s ORDER BY {{order}}"  # noqa: S608 - constants
# Of a row that is as the plan wrote it, all but line and address follows from the delivery: 0 where
# it has none, which is so of every such row without a group.
_NOTED = """
SELECT s.line, s.address, CASE WHEN s.status = 'pending' AND s.attempts = 0 AND coalesce(
  s.reason, s.first_attempt_at, s.settled_at, s.reply_id, s.message_id, s.named) IS NULL
  AND (s.delivery_id IS NOT NULL OR s.group_id IS NULL)
  THEN coalesce(s.delivery_id, 0) END, s.id
FROM recipient AS s ORDER BY {order}
"""
_SOME = f"""
SELECT s.id, {_DECIDING} FROM recipient AS s WHERE s.id IN (SELECT value FROM json_each(?))
"""  # noqa: S608 - constants
# Groups that are mostly of one row share nothing.
_SHARES = """
SELECT EXISTS (SELECT 1 FROM recipient_group)
AND (SELECT count(*) FROM recipient_group) * 8 <= (SELECT sum(recipients) FROM tally)
"""
# Else most rows would be looked up by themselves. Which server had a row shows in no column of it.
_WAITS = f"""
SELECT NOT EXISTS (SELECT 1 FROM recipient_group) AND NOT {ANY}
AND (SELECT recipients FROM tally WHERE status = 'pending') * 2
  >= (SELECT sum(recipients) FROM tally)
"""  # noqa: S608 - a constant
#: So many facts are kept.
_MOST = 4096
_ROWS_AT_ONCE = 256
_OWN = 2  # line and address


def are_shared(connection: sqlite3.Connection) -> bool:
    """Say whether the ledger has groups of several rows."""
    return bool(connection.execute(_SHARES).fetchone()[0])


def mostly_wait(connection: sqlite3.Connection) -> bool:
    """Say whether the ledger has no groups, and most rows were never tried."""
    return bool(connection.execute(_WAITS).fetchone()[0])


def shared_blocks(
    connection: sqlite3.Connection, rows: str, order: str, facts_of: FactsOf
) -> Iterator[SharedRows]:
    """Stream the rows of the results in blocks.

    `rows` is the table or view to read, `order` an expression of SQL.
    """
    found = connection.execute(_BARE.format(rows=rows, order=order))
    known = _Facts(facts_of)
    while block := found.fetchmany(_ROWS_AT_ONCE):
        keyed = [(row[0], row[1], row[_OWN:-1], row[-1]) for row in block]
        yield SharedRows(keyed, known.of(keyed))


def noted_blocks(
    connection: sqlite3.Connection, order: str, facts_of: FactsOf, *, alone: bool = False
) -> Iterator[SharedRows]:
    """Stream the rows of the results in blocks, where no outcome is but in notes.

    `order` and `facts_of` as for `shared_blocks`. `alone`: rows that were tried share nothing.
    """
    found = connection.execute(_NOTED.format(order=order))
    known = _Facts(facts_of)
    while block := found.fetchmany(_ROWS_AT_ONCE):
        if tried := [row[-1] for row in block if row[_OWN] is None]:
            keys = _alone(tried) if alone else _decided(connection, tried)
            block = [
                row if row[_OWN] is not None else (*row[:_OWN], keys[row[-1]], row[-1])
                for row in block
            ]
        yield SharedRows(block, known.of(block))


def _alone(ids: Sequence[int]) -> Mapping[int, Hashable]:
    """Return a key for each row that no other row has."""
    return {row_id: (row_id,) for row_id in ids}


def _decided(connection: sqlite3.Connection, ids: Sequence[int]) -> Mapping[int, Hashable]:
    """Return the columns that decide on the facts of each row."""
    return {row[0]: row[1:] for row in connection.execute(_SOME, (json.dumps(ids),))}


class _Facts:
    """The facts by the key of rows; each is looked up once, while these are not too many."""

    __slots__ = ("_facts_of", "_known")

    def __init__(self, facts_of: FactsOf) -> None:
        self._facts_of = facts_of
        self._known: dict[Hashable, tuple[Any, ...]] = {}

    def of(self, rows: list[tuple[Any, ...]]) -> Mapping[Hashable, tuple[Any, ...]]:
        """Return the facts of these rows, and maybe of others."""
        if len(self._known) > _MOST:
            self._known = {}  # the last block has the one before
        known = self._known
        if wanted := {row[_OWN]: row[-1] for row in rows if row[_OWN] not in known}:
            keys = {row_id: key for key, row_id in wanted.items()}
            for row_id, facts in self._facts_of(list(keys)):
                known[keys[row_id]] = facts
        return known
