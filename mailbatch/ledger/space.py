"""Room on the disk, taken before the first message, so that a full disk strikes before it.

This module must never delete or shrink anything.
"""

from __future__ import annotations

from mailbatch.ledger.database import Database


def reserve(database: Database, rows: int) -> None:
    """Make the file system keep the room that sending to `rows` recipients will fill."""
