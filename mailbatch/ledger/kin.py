"""Other ledgers of an edition: a job that got another name left a memory under the old name.

Few rows are read: each address is looked up by the index. This module must never decide whether two
ledgers are of the same mailing.

Tests: tests/certainty/test_put_back.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mailbatch.envelope import address_key
from mailbatch.ledger.database import open_for_reading
from mailbatch.ledger.forgotten import Forgotten

_HAS_IT = """
SELECT EXISTS (
  SELECT 1 FROM recipient AS r LEFT JOIN lease AS l ON l.delivery_id = r.delivery_id
  LEFT JOIN outcome AS o ON o.recipient_id = r.id
  WHERE r.id IN (SELECT id FROM recipient WHERE key = ?1 AND mailbox IS NULL AND claim = 'own'
                 UNION ALL SELECT id FROM recipient WHERE mailbox = ?1 AND claim = 'own')
  AND (coalesce(o.status, r.status) IN ('accepted', 'in_doubt') OR l.accepted_at IS NOT NULL))
"""


def other_ledgers(path: Path) -> list[Path]:
    """Return the ledgers of other jobs beside `path`, with the same edition; sorted."""
    edition = path.name.partition("@")[2]
    found = [p for p in path.parent.glob("*@*") if p.name.partition("@")[2] == edition]
    return sorted(p for p in found if p.name != path.name)


def count_mailed(path: Path, addresses: Iterable[str]) -> int:
    """Count the addresses that have, or may have, the message of the ledger at `path`.

    Raises LedgerError (74) where the ledger cannot be read.
    """
    database = open_for_reading(path)
    try:
        with database.guard:
            forgotten = Forgotten.of(database.connection)
            keys = list(map(address_key, addresses))
            if forgotten is not None:
                keys = [forgotten.alias(key) or key for key in keys]
            return sum(database.connection.execute(_HAS_IT, (key,)).fetchone()[0] for key in keys)
    finally:
        database.close()
