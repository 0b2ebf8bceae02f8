"""The facts that rows of one delivery share in the results: looked up once, not row by row.

A thousand recipients of a group have one reply, one Message-ID and one time. All that the results
say of a row beside line and address follows from a few columns of the row, so rows with equal ones
share the facts of the first. Of recipients who were never tried, or whose crowd has a note
(`folding`), the delivery says all. This module must never let two rows share facts that differ in
one of these columns.

Tests: tests/ledger/test_standing.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from mailbatch.ledger.rows import SharedRows

#: The columns of a row `s` that all but line and address follow from.
_DECIDING = (
    "s.status, s.reason, s.attempts, s.first_attempt_at, s.settled_at, s.reply_id, s.delivery_id,"
    " s.group_id, s.message_id, s.named"
)
_BARE = f"SELECT s.line, s.address, {_DECIDING}, s.id FROM {{rows}} AS s ORDER BY {{order}}"  # noqa: S608 - constants
# Of a row that is as the plan wrote it, all but line and address follows from the delivery.
_NOTED = """
SELECT s.line, s.address, CASE WHEN s.status = 'pending' AND s.attempts = 0 AND coalesce(
  s.reason, s.first_attempt_at, s.settled_at, s.reply_id, s.message_id, s.named) IS NULL
  THEN s.delivery_id END, s.id
FROM recipient AS s ORDER BY {order}
"""
_ONE = f"SELECT {_DECIDING} FROM recipient AS s WHERE s.id = ?"  # noqa: S608 - constants
# Groups that are mostly of one row share nothing.
_SHARES = """
SELECT EXISTS (SELECT 1 FROM recipient_group)
AND (SELECT count(*) FROM recipient_group) * 8 <= (SELECT sum(recipients) FROM tally)
"""
#: So many facts are kept.
_MOST = 4096
_ROWS_AT_ONCE = 256
#: Of rows whose facts are made into text once a block.
_NOTED_AT_ONCE = 4096
_OWN = 2  # line and address


def are_shared(connection: sqlite3.Connection) -> bool:
    """Say whether the ledger has groups of several rows."""
    return bool(connection.execute(_SHARES).fetchone()[0])


def shared_blocks(
    connection: sqlite3.Connection,
    rows: str,
    order: str,
    facts_of: Callable[[int], tuple[Any, ...]],
) -> Iterator[SharedRows]:
    """Stream the rows of the results in blocks.

    `rows` is the table or view to read, `order` an expression of SQL; `facts_of` looks the facts of
    the row with an id up.
    """
    found = connection.execute(_BARE.format(rows=rows, order=order))
    known = _Facts(facts_of)
    while block := found.fetchmany(_ROWS_AT_ONCE):
        keyed = [(row[0], row[1], row[_OWN:-1], row[-1]) for row in block]
        yield SharedRows(keyed, known.of(keyed))


def noted_blocks(
    connection: sqlite3.Connection, order: str, facts_of: Callable[[int], tuple[Any, ...]]
) -> Iterator[SharedRows]:
    """Stream the rows of the results in blocks, where no outcome is but in notes.

    `order` and `facts_of` as for `shared_blocks`.
    """
    found = connection.execute(_NOTED.format(order=order))
    known = _Facts(facts_of)
    while block := found.fetchmany(_NOTED_AT_ONCE):
        keyed = [row if row[_OWN] is not None else _decided(connection, row) for row in block]
        yield SharedRows(keyed, known.of(keyed))


def _decided(connection: sqlite3.Connection, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row with the columns that decide on its facts in the place of the delivery."""
    return (*row[:_OWN], connection.execute(_ONE, row[-1:]).fetchone(), row[-1])


class _Facts:
    """The facts by the key of rows; each is looked up once, while these are not too many."""

    __slots__ = ("_facts_of", "_known")

    def __init__(self, facts_of: Callable[[int], tuple[Any, ...]]) -> None:
        self._facts_of = facts_of
        self._known: dict[Hashable, tuple[Any, ...]] = {}

    def of(self, rows: list[tuple[Any, ...]]) -> Mapping[Hashable, tuple[Any, ...]]:
        """Return the facts of these rows, and maybe of others."""
        if len(self._known) > _MOST:
            self._known = {}  # the last block has the one before
        known = self._known
        for key, row_id in {row[_OWN]: row[-1] for row in rows if row[_OWN] not in known}.items():
            known[key] = self._facts_of(row_id)
        return known
