"""The burial of workers that are gone, by any worker, in one transaction.

    recovered = await bury(link, connection, worker)

A worker whose lock can be taken has no connection any more, so that no statement of it is under
way. Its leases before a commit point are ended, and due again. Those behind one are in doubt, which
is derived (the view `standing`) until the holder of the plan records it: the process of the worker
may live, and know the outcome. This module must never decide by time that a worker is gone.

Tests: tests/ledger/postgres/test_opening.py, tests/ledger/postgres/test_workers.py.
"""

from __future__ import annotations

from typing import Any

from mailbatch.ledger.ports import Recovery
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.locks import BURIAL, lock_class, stand_still, try_lock
from mailbatch.ledger.postgres.suspicion import recover_refused


async def bury(link: Link, connection: Any, worker: int, *, record: bool) -> Recovery:
    """Bury the workers that are gone, and end what they left open before a commit point.

    `record` ends the rest, too, as doubts. Without effect while another worker buries.
    """
    async with connection.transaction():
        if not await try_lock(link, connection, BURIAL):
            return Recovery()
        await connection.execute(
            "UPDATE worker SET live = false WHERE live AND id <> $1"
            " AND pg_try_advisory_xact_lock($2, id::integer)",
            worker, lock_class(link.schema),
        )  # fmt: skip
        # By the rows alone: a worker that leaves now has settled all behind this snapshot.
        await connection.execute("SET LOCAL mailbatch.gone = '{}'")
        left = await connection.fetch(_LEFT)
        recipients = await connection.fetchval(_DOUBT) if record else 0
        ended = [row["delivery_id"] for row in left if record or not row["passed"]]
        if ended:
            await connection.execute("SELECT end_leases($1)", ended)
        suspects = await connection.fetch(_SUSPECTS)
        if suspects:
            await stand_still(link, connection)
            for row in suspects:
                await recover_refused(connection, row["id"], row["suspected_since"])
        if recipients:
            await connection.execute(_DOUBTED)
    released = sum(not row["passed"] for row in left)
    return Recovery(released, len(ended) - released, recipients)


_LEFT = """
SELECT l.delivery_id, p.attempt IS NOT NULL AS passed FROM lease AS l
JOIN worker AS w ON w.id = l.worker AND NOT w.live
LEFT JOIN point AS p ON p.delivery_id = l.delivery_id AND p.attempt = l.attempt
"""
_SUSPECTS = "SELECT id, suspected_since FROM worker WHERE NOT live AND suspected_since IS NOT NULL"
#: By the clock of the database, since the machines of workers have many.
_DOUBTED = """
INSERT INTO fact VALUES ('doubted_at', extract(epoch FROM now())::text)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_DOUBT = """
WITH doubted AS (
  UPDATE recipient AS r SET
    status = s.status, reason = s.reason, due = NULL, reply_id = NULL, attempts = s.attempts,
    first_attempt_at = s.first_attempt_at, settled_at = s.settled_at, resend = 0, digest = s.digest
  FROM standing AS s JOIN doubtful AS q ON q.id = s.id
  WHERE r.id = s.id RETURNING r.id)
SELECT count(*) FROM doubted
"""
