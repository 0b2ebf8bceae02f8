"""The recipients that servers took, by the second: the rules of `ledger.taken`, in the database.

    await taken_since(link, now - 86_400)     # [(1795767301.0, 40), (1795767302.0, 38)]

Each instant is at or behind the acceptance. A doubt that is derived, and not recorded yet, counts
as of now, by the clock of the database.

Tests: tests/ledger/postgres/test_same_as_file.py.
"""

from __future__ import annotations

import math
from typing import Any

from mailbatch.ledger.postgres.link import Link, set_fact
from mailbatch.ledger.taken import END_OF_DATA, kept_resent

_TAKEN = """
WITH copies AS (
  SELECT coalesce(max(number), 0) AS most
  FROM (SELECT count(*) AS number FROM {schema}.copy GROUP BY delivery_id) AS c),
doubts AS MATERIALIZED (SELECT id FROM {schema}.doubtful)
SELECT at, sum(number)::bigint FROM (
  SELECT floor(settled_at) + 1 AS at, count(*) AS number FROM {schema}.recipient
  WHERE settled_at > $1::double precision - 1 AND status IN ('accepted', 'skipped') GROUP BY 1
  UNION ALL
  SELECT floor(settled_at) + 1, count(*) FROM {schema}.copy
  WHERE settled_at > $1 - 1 AND status IN ('accepted', 'in_doubt') GROUP BY 1
  UNION ALL
  SELECT floor(greatest(settled_at, (
      SELECT value::double precision FROM {schema}.fact WHERE name = 'doubted_at'))
    + $2::double precision) + 1,
    count(*) + count(DISTINCT delivery_id) * (SELECT most FROM copies)
  FROM {schema}.recipient WHERE status = 'in_doubt' GROUP BY 1
  UNION ALL
  SELECT extract(epoch FROM now())::double precision + $2 + 1,
    count(*) * (1 + (SELECT most FROM copies))
  FROM doubts HAVING count(*) > 0
{further}
) AS taken (at, number) GROUP BY at HAVING at > $1
UNION ALL
SELECT at, number FROM (
  SELECT (resent.one ->> 0)::double precision, (resent.one ->> 1)::bigint
  FROM {schema}.fact CROSS JOIN json_array_elements(value::json) AS resent (one)
  WHERE name = 'resent'
) AS resent (at, number) WHERE at > $1
"""
#: One snapshot with the rest: a lease that is settled meanwhile is counted here or there. An
#: attempt may have some of a group, which counts as a whole, and holds others back until its end.
_UNDER_WAY = """
  UNION ALL
  SELECT 'infinity', count(*) + count(DISTINCT l.delivery_id) * $3::integer
  FROM {schema}.lease AS l JOIN {schema}.recipient AS r ON r.delivery_id = l.delivery_id
  WHERE r.status IN ('pending', 'deferred') AND r.due <= l.leased_at
  AND (l.mailbox IS NULL OR l.mailbox = coalesce(r.mailbox, r.key))
  AND r.id NOT IN (SELECT id FROM doubts)
"""


async def taken_since(link: Link, since: float) -> list[tuple[float, int]]:
    """Return pairs of an instant (seconds since the epoch) and a number, those behind `since`."""
    query = _TAKEN.format(schema=link.schema, further="")
    found = await link.fetch(query, since, END_OF_DATA)
    return [(float(at), int(number)) for at, number in found]


async def taken_in(
    connection: Any, schema: str, since: float, *, copies: int
) -> tuple[list[tuple[float, int]], int]:
    """Return what `taken_since` does, of any edition, and how many recipients are under way.

    A message has so many `copies` beside its recipients, at most.
    """
    query = _TAKEN.format(schema=schema, further=_UNDER_WAY.format(schema=schema))
    found = await connection.fetch(query, since, END_OF_DATA, copies)
    taken = [(float(at), int(number)) for at, number in found]
    under_way = sum(number for at, number in taken if at == math.inf)
    return [(at, number) for at, number in taken if at < math.inf], under_way


async def note_resent(connection: Any, recipients: int, *, now: float) -> None:
    """Note, inside a transaction, that so many doubts are to be sent again."""
    known = await connection.fetchval("SELECT value FROM fact WHERE name = 'resent'")
    await set_fact(connection, "resent", kept_resent(known, recipients, now=now))
