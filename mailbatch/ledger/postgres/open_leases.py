"""The worker that this process is, and the deliveries that it has leased: what it may record.

    held = OpenLeases(worker)
    held.add(delivery.id, leased)

A process that lost its connection is another worker afterwards (`rejoining`), so that the number of
the worker is read here, for each statement anew. Leases and records share one of these. This module
must never ask the database.

Tests: tests/ledger/contract/test_promises.py, tests/ledger/postgres/test_rejoining.py.
"""

from __future__ import annotations

from mailbatch.ledger.attempts import Leased
from mailbatch.ledger.postgres.witness import Witness


class OpenLeases:
    """The leases of a worker, by the id of the delivery, and when the next delivery is due."""

    __slots__ = (
        "again", "decided", "is_open", "known_due", "leases", "lost", "next_due", "witness",
        "worker",
    )  # fmt: skip

    def __init__(self, worker: int = 0, witness: Witness | None = None) -> None:
        #: The number of the worker; 0: the ledger is only read.
        self.worker = worker
        #: The memory of this machine of what was acknowledged.
        self.witness = witness or Witness(None, -1)
        self.leases: dict[int, Leased] = {}
        #: Deliveries that others took while this process had no connection: nothing of these left.
        self.lost: set[int] = set()
        #: Those of `lost` behind a commit point: the doubt has been decided, or is there again.
        self.decided: set[int] = set()
        #: Whether the ledger is still open for writing.
        self.is_open = True
        #: When the next deferred delivery is due (seconds since the epoch), if `known_due`.
        self.next_due: float | None = None
        self.known_due = False
        #: When to claim again in any case, whatever is due: the last claim had to wait for others.
        self.again: float | None = None

    def __len__(self) -> int:
        return len(self.leases)

    def add(self, delivery_id: int, leased: Leased) -> None:
        """Note a lease that is on the disk of the database."""
        self.leases[delivery_id] = leased
        self.lost.discard(delivery_id)
        self.decided.discard(delivery_id)

    def note_due(self, due: float | None) -> None:
        """Note when the next deferred delivery is due, as the database said last."""
        self.next_due, self.known_due = due, True

    def claim_again(self, at: float | None) -> None:
        """Note when to claim again, as the last claim said; no record changes that."""
        self.again = at

    def forget_due(self) -> None:
        """Note that a plan or a decision may have changed when deliveries are due."""
        self.known_due, self.again = False, None

    def end(self) -> None:
        """Record nothing any more: the ledger is put away."""
        self.leases.clear()
        self.is_open = False

    def close(self) -> None:
        """Let the witness go, behind the last record; without effect the second time."""
        self.witness.close()
