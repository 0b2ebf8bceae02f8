"""Refusals that may be trouble of the account: the rules of `ledger.suspicion`, in the database.

    await suspect(connection, since)              # these refusals may be no fault of recipients
    await give_back(connection, since, reply)     # and this reply was none

This module must never touch a recipient that was accepted, nor one that was refused before.

Tests: tests/ledger/contract/test_promises.py, tests/ledger/contract/test_roles.py.
"""

from __future__ import annotations

from typing import Any

from mailbatch.ledger.postgres.link import set_fact
from mailbatch.ledger.suspicion import DIED
from mailbatch.outcome import Reply

_FACT = "suspected_since"
_REJECTED = "r.status = 'rejected' AND r.settled_at >= $1"
_SAME_REPLY = f"""
({_REJECTED} OR r.status = 'deferred' AND r.due IS DISTINCT FROM 0)
AND EXISTS (SELECT 1 FROM reply AS p WHERE p.id = r.reply_id AND p.code = $4
            AND p.enhanced IS NOT DISTINCT FROM $5)
"""  # noqa: S608 - constants


async def suspect(connection: Any, since: float | None) -> None:
    """Note since when refusals are open to doubt (seconds since the epoch); None: none is."""
    await set_fact(connection, _FACT, None if since is None else repr(since))


async def give_back(connection: Any, since: float, reply: Reply) -> int:
    """Make pending the recipients that this reply refused since then; return the rows.

    None of these recipients is tried again in this run, and the reply is their reason.
    """
    said = (reply.code, reply.enhanced)
    return await _reopen(connection, _SAME_REPLY, since, None, str(reply), *said)


async def recover_refused(connection: Any) -> int:
    """Make pending the recipients that a dead run rejected under suspicion; return the rows."""
    since = await connection.fetchval("SELECT value FROM fact WHERE name = $1", _FACT)
    if since is None:
        return 0
    await suspect(connection, None)
    return await _reopen(connection, _REJECTED, float(since), 0.0, DIED)


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
    await connection.execute("SELECT set_due($1)", deliveries)
    return len(found)
