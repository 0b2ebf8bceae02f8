"""The recipients that a program asks about: where each stands, and what the server called it.

    rows_of(ledger, ("ann@example.com",))[0].message_id

Reads only. This module must never decide, nor look at a server.

Tests: tests/cli/test_asked.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailbatch.envelope import address_key
from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status


def rows_of(ledger: OpenLedger, named: Iterable[str]) -> tuple[ResultRow, ...]:
    """Return the rows with these addresses or keys, in the order of the results.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    texts = list(named)
    if not texts:
        return ()
    standing = ledger.standing
    keys, addresses = set(texts), set(map(address_key, texts))
    if (alias := standing.aliases()) is not None:
        keys |= {known for text in texts if (known := alias(text))}
        addresses |= {known for text in texts if (known := alias(address_key(text)))}
    return tuple(
        [
            row
            for row, keyed in zip(standing.result_rows(), standing.keyed_rows(), strict=True)
            if keyed.key in keys or address_key(keyed.address) in addresses
        ]
    )


def send_times_of(ledger: OpenLedger, rows: Iterable[ResultRow]) -> dict[int, float]:
    """Return the instants of rows that wait, or have waited, for a time of sending, by the line.

    Seconds since the epoch.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found: dict[int, float] = {}
    for row in rows:
        if row.row is not None and row.status is Status.PENDING:
            found.update((row.row, at) for at, _ in ledger.plan.send_times(0.0, row.row))
    return found
