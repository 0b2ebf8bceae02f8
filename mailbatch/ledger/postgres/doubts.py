"""The recipients in doubt, and the decisions of people about these.

    for doubt in doubts.in_doubt(): ...
    doubts.resolve("accepted", address="ann@example.com", now=now)

This module must never end a doubt by itself.

Tests: tests/ledger/contract/test_roles.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mailbatch.envelope import address_key
from mailbatch.ledger.attempts import doubt_of
from mailbatch.ledger.ports import Decision
from mailbatch.ledger.postgres.link import Link, set_fact
from mailbatch.ledger.postgres.locks import stand_still
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.taken import note_resent
from mailbatch.ledger.rows import Doubt

_DOUBTS = """
SELECT s.address, s.line, d.id, s.key, g.cells, d.part, d.message_id, s.settled_at, s.reason,
  s.digest
FROM standing AS s JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN recipient_group AS g ON g.id = d.group_id
WHERE s.status = 'in_doubt' ORDER BY s.line IS NULL, s.line, s.id
"""
_CHOSEN = """
status = 'in_doubt' AND ($1::text IS NULL OR coalesce(mailbox, key) = $1)
AND ($2::bigint IS NULL OR delivery_id = $2)
"""
_DECISIONS = {
    "accepted": "status = 'accepted', settled_at = $3::double precision,"
    " reason = 'resolved as accepted'",
    "skip": "status = 'skipped', settled_at = $3::double precision, reason = 'resolved as skipped'",
    "resend": "status = 'pending', settled_at = NULL, reason = 'resolved to be resent', due = 0,"
    " resend = CASE WHEN $3::double precision IS NULL THEN resend ELSE 1 END",
}
_ACCEPT = """
UPDATE recipient AS r SET status = 'accepted', settled_at = $1, reason = p.reason
FROM unnest($2::bigint[], $3::text[], $4::text[]) AS p (delivery_id, mailbox, reason)
WHERE r.status = 'in_doubt' AND r.delivery_id = p.delivery_id
AND coalesce(r.mailbox, r.key) = p.mailbox
"""


class InDoubt:
    """The recipients in doubt, and the decisions about them."""

    __slots__ = ("_held", "_link")

    def __init__(self, link: Link, held: OpenLeases) -> None:
        self._link = link
        self._held = held

    def in_doubt(self) -> Iterator[Doubt]:
        """Stream the recipients that may have the message, in the order of the table."""
        yield from map(doubt_of, self._link.snapshots.stream(_DOUBTS))

    def resolve(
        self,
        decision: Decision,
        *,
        address: str | None = None,
        delivery_id: int | None = None,
        now: float,
    ) -> int:
        """Settle the recipients in doubt as a person decided; return the number of rows."""
        chosen = (None if address is None else address_key(address), delivery_id)
        self._check_writing()
        with self._link.transaction(self._held) as connection:
            self._link.wait(stand_still(self._link, connection))
            done = self._link.wait(_resolve(connection, decision, chosen, now))
        self._held.forget_due()
        return done

    def accept(self, reasons: Mapping[tuple[int, str], str], *, now: float) -> int:
        """Settle recipients in doubt as accepted, each with a reason; return the number of rows."""
        proven = (
            [delivery_id for delivery_id, _ in reasons],
            [address_key(address) for _, address in reasons],
            list(reasons.values()),
        )
        self._check_writing()
        with self._link.transaction(self._held) as connection:
            return _number(self._link.wait(connection.execute(_ACCEPT, now, *proven)))

    def _check_writing(self) -> None:
        if not (self._held.worker and self._held.is_open):
            raise self._link.closed()


async def _resolve(
    connection: Any, decision: Decision, chosen: tuple[str | None, int | None], now: float
) -> int:
    deliveries: list[int] = []
    if decision == "resend":
        found = await connection.fetch(
            "UPDATE delivery SET tries = 0, tries_since = NULL WHERE id IN ("  # noqa: S608 - constants
            f"SELECT delivery_id FROM recipient WHERE {_CHOSEN}) RETURNING id",
            *chosen,
        )
        deliveries = [row["id"] for row in found]
        # The next plan looks whether they are still wanted.
        await set_fact(connection, "plan", None)
    number = _number(
        await connection.execute(
            f"UPDATE recipient SET {_DECISIONS[decision]} WHERE {_CHOSEN}",  # noqa: S608 - constants
            *chosen,
            now,
        )
    )
    await connection.execute("SELECT set_due_behind_leases($1)", deliveries)
    if decision == "resend" and number:
        await note_resent(connection, number, now=now)
    return number


def _number(done: str) -> int:
    """Return the number of rows of a command tag: `UPDATE 7`."""
    return int(done.rpartition(" ")[2])
