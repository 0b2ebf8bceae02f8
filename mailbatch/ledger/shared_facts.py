"""The facts that rows of one delivery share in the results: looked up once, not row by row.

A thousand recipients of a group have one reply, one Message-ID and one time. All that the results
say of a row beside line and address follows from a few columns of the row, so rows with equal ones
share the facts of the first. This module must never let two rows share facts that differ in one of
these columns.

Tests: tests/ledger/test_standing.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

#: The columns of a row `s` that all but line and address follow from.
_DECIDING = (
    "s.status, s.reason, s.attempts, s.first_attempt_at, s.settled_at, s.reply_id, s.delivery_id,"
    " s.group_id, s.message_id, s.named"
)
_BARE = f"SELECT s.line, s.address, {_DECIDING}, s.id FROM {{rows}} AS s ORDER BY {{order}}"  # noqa: S608 - constants
# Groups that are mostly of one row share nothing.
_SHARES = """
SELECT EXISTS (SELECT 1 FROM recipient_group)
AND (SELECT count(*) FROM recipient_group) * 8 <= (SELECT sum(recipients) FROM tally)
"""
#: So many facts are kept.
_MOST = 4096
_ROWS_AT_ONCE = 256
_OWN = 2  # line and address


def are_shared(connection: sqlite3.Connection) -> bool:
    """Say whether the ledger has groups of several rows."""
    return bool(connection.execute(_SHARES).fetchone()[0])


def shared_blocks(
    connection: sqlite3.Connection,
    rows: str,
    order: str,
    facts_of: Callable[[int], tuple[Any, ...]],
) -> Iterator[list[tuple[Any, ...]]]:
    """Stream the rows of the results in blocks: line, address, and the facts.

    `rows` is the table or view to read, `order` an expression of SQL; `facts_of` looks the facts of
    the row with an id up.
    """
    found = connection.execute(_BARE.format(rows=rows, order=order))
    known: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    while block := found.fetchmany(_ROWS_AT_ONCE):
        if len(known) > _MOST:
            known.clear()
        yield [(*row[:_OWN], *_facts(row, known, facts_of)) for row in block]


def _facts(
    row: tuple[Any, ...],
    known: dict[tuple[Any, ...], tuple[Any, ...]],
    facts_of: Callable[[int], tuple[Any, ...]],
) -> tuple[Any, ...]:
    deciding = row[_OWN:-1]
    facts = known.get(deciding)
    if facts is None:
        facts = known[deciding] = facts_of(row[-1])
    return facts
