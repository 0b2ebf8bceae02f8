"""Refusals that may be trouble of the account: the rules of `ledger.suspicion`, in the database.

    await suspect(connection, worker, since)            # these may be no fault of recipients
    await give_back(connection, worker, since, reply)   # and this reply was none

A streak of refusals is that of one worker: another worker has a server, or an address, of its own.
No worker claims meanwhile (`locks.stand_still`). This module must never touch a recipient that was
accepted, nor one that was refused before.

Tests: tests/ledger/contract/test_promises.py, tests/ledger/contract/test_roles.py.
"""

from __future__ import annotations

from typing import Any

from mailbatch.ledger.suspicion import DIED
from mailbatch.outcome import Reply

_REJECTED = """
r.status = 'rejected' AND r.settled_at >= $1
AND EXISTS (SELECT 1 FROM reply AS p WHERE p.id = r.reply_id AND p.worker = $4)
"""
_SAME_REPLY = """
(r.status = 'rejected' AND r.settled_at >= $1
 OR r.status = 'deferred' AND r.due IS DISTINCT FROM 0)
AND EXISTS (SELECT 1 FROM reply AS p WHERE p.id = r.reply_id AND p.worker = $4 AND p.code = $5
            AND p.enhanced IS NOT DISTINCT FROM $6)
"""


async def suspect(connection: Any, worker: int, since: float | None) -> None:
    """Note since when refusals to a worker are open to doubt (seconds, epoch); None: none is."""
    await connection.execute("UPDATE worker SET suspected_since = $2 WHERE id = $1", worker, since)


async def give_back(connection: Any, worker: int, since: float, reply: Reply) -> int:
    """Make pending the recipients that this reply to a worker refused since then; return the rows.

    None of these recipients is tried again in this run, and the reply is their reason.
    """
    said = (worker, reply.code, reply.enhanced)
    return await _reopen(connection, _SAME_REPLY, since, None, str(reply), *said)


async def recover_refused(connection: Any, worker: int, since: float) -> int:
    """Make pending the recipients rejected to a dead worker under suspicion; return the rows."""
    await suspect(connection, worker, None)
    return await _reopen(connection, _REJECTED, since, 0.0, DIED, worker)


async def _reopen(
    connection: Any, chosen: str, since: float, due: float | None, reason: str, *said: object
) -> int:
    found = await connection.fetch(
        "UPDATE recipient AS r SET status = 'pending', settled_at = NULL,"  # noqa: S608 - constants
        " due = $2::double precision, reason = $3::text, attempts = greatest(r.attempts - 1, 0),"
        " first_attempt_at = CASE WHEN r.attempts > 1 THEN r.first_attempt_at END"
        f" WHERE {chosen} RETURNING r.delivery_id",
        since, due, reason, *said,
    )  # fmt: skip
    deliveries = list({row["delivery_id"] for row in found})
    # Their copies were refused with them, and are asked for again.
    await connection.execute(
        "DELETE FROM copy WHERE delivery_id = ANY ($1) AND status = 'rejected'"
        " AND settled_at >= $2",
        deliveries, since,
    )  # fmt: skip
    await connection.execute("SELECT set_due_behind_leases($1)", deliveries)
    return len(found)
