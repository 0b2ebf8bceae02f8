"""The thread of an edition, in the database: the rules of `ledger.threads`.

    ledger.thread.messages(["ann@example.com"], until=1_795_767_300.0)

This module must never choose an edition.

Tests: tests/ledger/contract/test_roles.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.rows import Before
from mailbatch.ledger.threads import before_of, fact_of

_FACT = "thread"
_MESSAGES = """
SELECT s.key, d.message_id FROM standing AS s JOIN delivery AS d ON d.id = s.delivery_id
WHERE s.key = ANY ($1::text[]) AND s.claim = 'own' AND s.status = 'accepted'
AND s.settled_at < $2::double precision
"""
_KEEP = "INSERT INTO fact VALUES ($1, $2) ON CONFLICT DO NOTHING"
_KEPT = "SELECT value FROM fact WHERE name = $1"


class Thread:
    """The thread of an edition."""

    __slots__ = ("_held", "_link")

    def __init__(self, link: Link, held: OpenLeases) -> None:
        self._link = link
        self._held = held

    @property
    def ledger(self) -> str:
        """The id of the ledger: a digest of its secret, which no other ledger has."""
        seed = self._link.wait(self._link.fact("seed")) or ""
        return hashlib.sha256(f"ledger\0{seed}".encode()).hexdigest()[:32]

    def before(self) -> tuple[Before, ...] | None:
        """Return the editions of the thread, the last one first; None: none was chosen yet."""
        return before_of(self._link.wait(self._link.fact(_FACT)))

    def keep(self, before: Sequence[Before]) -> tuple[Before, ...]:
        """Keep the editions of the thread, unless another worker has; return the kept ones."""
        if not self._held.worker:
            raise self._link.closed()
        with self._link.transaction(self._held) as connection:
            kept = self._link.wait(connection.fetchval(_KEPT, _FACT))
            if kept is None:  # a worker with a role of its own may not so much as offer one
                self._link.wait(connection.execute(_KEEP, _FACT, fact_of(before)))
                kept = self._link.wait(connection.fetchval(_KEPT, _FACT))
        return before_of(kept) or ()

    def messages(self, keys: Iterable[str], until: float) -> dict[str, str]:
        """Return the Message-ID of each recipient, by key, that was accepted before `until`."""
        found = self._link.wait(self._link.fetch(_MESSAGES, list(keys), until))
        return {row["key"]: row["message_id"] for row in found}
