"""The recipients that servers took, by the second: the rules of `ledger.taken`, in the database.

    await taken_since(link, now - 86_400)     # [(1795767301.0, 40), (1795767302.0, 38)]

Each instant is at or behind the acceptance. A doubt that is derived, and not recorded yet, counts
as of now, by the clock of the database.

Tests: tests/ledger/postgres/test_same_as_file.py.
"""

from __future__ import annotations

import json
from typing import Any

from mailbatch.ledger.postgres.link import Link, set_fact
from mailbatch.ledger.taken import END_OF_DATA, kept_resent

_TAKEN = """
WITH copies AS (
  SELECT coalesce(max(number), 0) AS most
  FROM (SELECT count(*) AS number FROM copy GROUP BY delivery_id) AS c)
SELECT at, sum(number)::bigint FROM (
  SELECT floor(settled_at) + 1 AS at, count(*) AS number FROM recipient
  WHERE settled_at > $1::double precision - 1 AND status IN ('accepted', 'skipped') GROUP BY 1
  UNION ALL
  SELECT floor(settled_at) + 1, count(*) FROM copy
  WHERE settled_at > $1 - 1 AND status IN ('accepted', 'in_doubt') GROUP BY 1
  UNION ALL
  SELECT floor(greatest(settled_at, $2::double precision) + $3::double precision) + 1,
    count(*) + count(DISTINCT delivery_id) * (SELECT most FROM copies)
  FROM recipient WHERE status = 'in_doubt' GROUP BY 1
  UNION ALL
  SELECT extract(epoch FROM now())::double precision + $3 + 1,
    count(*) * (1 + (SELECT most FROM copies))
  FROM doubtful HAVING count(*) > 0
) AS taken (at, number) GROUP BY at HAVING at > $1
"""


async def taken_since(link: Link, since: float) -> list[tuple[float, int]]:
    """Return pairs of an instant (seconds since the epoch) and a number, those behind `since`."""
    recovered = float(await link.fact("doubted_at") or 0.0)
    found = await link.fetch(_TAKEN, since, recovered, END_OF_DATA)
    resent = json.loads(await link.fact("resent") or "[]")
    taken = [(float(at), int(number)) for at, number in found]
    return taken + [(float(at), int(number)) for at, number in resent if at > since]


async def note_resent(connection: Any, recipients: int, *, now: float) -> None:
    """Note, inside a transaction, that so many doubts are to be sent again."""
    known = await connection.fetchval("SELECT value FROM fact WHERE name = 'resent'")
    await set_fact(connection, "resent", kept_resent(known, recipients, now=now))
