"""The deliveries that this worker has leased, as far as the process knows: what it may record.

    held = OpenLeases()
    held.add(delivery.id, leased)

Leases and records share one of these. This module must never ask the database.

Tests: tests/ledger/contract/test_promises.py.
"""

from __future__ import annotations

from mailbatch.ledger.attempts import Leased


class OpenLeases:
    """The leases of a worker, by the id of the delivery, and when the next delivery is due."""

    __slots__ = ("is_open", "known_due", "leases", "next_due")

    def __init__(self) -> None:
        self.leases: dict[int, Leased] = {}
        #: Whether the ledger is still open for writing.
        self.is_open = True
        #: When the next deferred delivery is due (seconds since the epoch), if `known_due`.
        self.next_due: float | None = None
        self.known_due = False

    def __len__(self) -> int:
        return len(self.leases)

    def note_due(self, due: float | None) -> None:
        """Note when the next deferred delivery is due, as the database said last."""
        self.next_due, self.known_due = due, True

    def forget_due(self) -> None:
        """Note that a plan or a decision may have changed when deliveries are due."""
        self.known_due = False

    def end(self) -> None:
        """Record nothing any more: the ledger is put away."""
        self.leases.clear()
        self.is_open = False
