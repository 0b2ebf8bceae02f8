"""Where every row of the recipient table stands, streamed out of the ledger.

Reads only, and sees outcomes that are not folded yet: it serves the run and whoever looks on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mailbatch.ledger.database import Database
from mailbatch.ledger.leasing import group_text
from mailbatch.outcome import Status


class ResultRow(NamedTuple):
    r"""One row of the results: a row of the recipient table and what became of it.

    `row` is the line of the record, None when the row left the table. `message_id` is the
    server's, `header_message_id` ours, both without angle brackets. `group` is `de/pro`, with `/`
    and `\` in a value escaped by a backslash. Times are seconds since the epoch, UTC. `reason`
    says what no reply says, and names the copies (Cc, Bcc) that were refused.
    """

    row: int | None
    email: str
    status: Status
    message_id: str | None
    reply_code: int | None
    enhanced_status: str | None
    reply: str | None
    attempts: int
    group: str | None
    edition: str
    header_message_id: str | None
    first_attempt_at: float | None
    settled_at: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class UnfinishedRow:
    """A row of the recipient table that did not come through, with its cells."""

    line: int
    status: Status
    values: tuple[str, ...]


# The first EXISTS is asked once, and mostly there are no copies to look for.
_RESULTS = """
SELECT s.line, s.address, s.status, coalesce(p.code, c.code), coalesce(p.enhanced, c.enhanced),
       coalesce(p.text, c.reply), s.attempts, g.cells, d.message_id, s.first_attempt_at,
       s.settled_at, s.reason,
       CASE WHEN s.status = 'accepted'
         THEN nullif(coalesce(p.message_id, c.message_id), d.message_id) END,
       CASE WHEN EXISTS (SELECT 1 FROM copy) THEN (
         SELECT group_concat(
           'copy to ' || address || ' ' || replace(status, '_', ' ')
             || CASE WHEN code IS NULL THEN coalesce(': ' || reason, '')
                ELSE ': ' || code || coalesce(' ' || enhanced, '') || ' ' || reply END, '; ')
         FROM copy WHERE copy.delivery_id = s.delivery_id AND status <> 'accepted') END
FROM standing AS s
LEFT JOIN recipient_group AS g ON g.id = s.group_id
LEFT JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN reply AS p ON p.id = s.reply_id
LEFT JOIN (
  SELECT reply_id, code, enhanced, reply, server_message_id(reply) AS message_id
  FROM outcome WHERE code IS NOT NULL
  UNION ALL
  SELECT reply_id, code, enhanced, reply, server_message_id(reply)
  FROM lease WHERE accepted_at IS NOT NULL) AS c
  ON c.reply_id = s.reply_id
ORDER BY """
# A table that was planned once and asks for all of its rows lies in its order: then a million rows
# need not be sorted, in a file of their own.
_IN_ORDER = "SELECT NOT EXISTS (SELECT 1 FROM recipient NOT INDEXED WHERE line IS NOT id)"


def result_rows(database: Database, edition: str) -> Iterator[ResultRow]:
    """Every row of the table in its order, then those that left it."""
    group = lru_cache(maxsize=1024)(group_text)
    with database.guard:
        (in_order,) = database.connection.execute(_IN_ORDER).fetchone()
        order = "s.id" if in_order else "s.line IS NULL, s.line, s.id"
        for (
            line, address, status, code, enhanced, reply, attempts, cells, message_id, first,
            settled, reason, server_id, copies,
        ) in database.connection.execute(_RESULTS + order):  # fmt: skip
            yield ResultRow(
                line,
                address,
                _STATUSES[status],
                server_id,
                code,
                enhanced,
                reply,
                attempts,
                None if cells is None else group(cells),
                edition,
                message_id if attempts else None,  # else nobody can have seen it
                first,
                settled,
                f"{reason}; {copies}" if reason and copies else reason or copies or None,
            )


_STATUSES = {str(status): status for status in Status}


#: What `results --failed` lists. Not those in doubt: mailing them again may reach them twice; so it
#: may with those of them who wait for a resend, or were refused one.
UNFINISHED_STATUSES = (Status.PENDING, Status.DEFERRED, Status.REJECTED, Status.INVALID)

_UNFINISHED = """
SELECT line, status, cells FROM standing
WHERE line IS NOT NULL AND status IN ('pending', 'deferred', 'rejected', 'invalid')
AND id NOT IN (SELECT id FROM recipient WHERE resend)
ORDER BY line
"""


def unfinished_rows(database: Database) -> Iterator[UnfinishedRow]:
    """The rows of the table that were not mailed, in their order."""
    with database.guard:
        for line, status, cells in database.connection.execute(_UNFINISHED):
            yield UnfinishedRow(line, Status(status), tuple(json.loads(cells)))


def columns(database: Database) -> tuple[str, ...]:
    """The columns of the table as it was planned last; none before the first plan."""
    with database.guard:
        found = database.connection.execute(
            "SELECT columns FROM header WHERE id = (SELECT value FROM fact WHERE name = 'header')"
        ).fetchone()
    return () if found is None else tuple(json.loads(found[0]))


def counts(database: Database) -> dict[Status, int]:
    """How many rows of the table have each status; every status is there."""
    found = dict.fromkeys(Status, 0)
    with database.guard:
        for status, number in database.connection.execute(_COUNTS):
            found[Status(status)] = number
    return found


def knows(database: Database, address: str) -> bool:
    """Whether a row of the table, as it was planned last, has this address."""
    with database.guard:
        return bool(database.connection.execute(_KNOWS, (address.lower(),) * 2).fetchone()[0])


def shares_messages(database: Database) -> bool:
    """Whether any delivery goes to several addresses."""
    with database.guard:
        return bool(database.connection.execute(_SHARES).fetchone()[0])


def due_deliveries(database: Database, most: int) -> int:
    """How many deliveries are due in this run; counted up to `most`."""
    with database.guard:
        (count,) = database.connection.execute(_DUE_DELIVERIES, (most,)).fetchone()
    return int(count)


def waits_for_the_server(database: Database) -> bool:
    """Whether somebody is pending by a reply of the server, not for want of a try."""
    with database.guard:
        found = database.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM standing"
            " WHERE status = 'pending' AND reply_id IS NOT NULL)"
        ).fetchone()
    return bool(found[0])


def next_due(database: Database) -> float | None:
    """When the next recipient is due who has to wait; None if there is none."""
    with database.guard:
        (due,) = database.connection.execute(_NEXT_DUE).fetchone()
    return None if due is None else float(due)


# An index leads to the rows that are mailed; the others are looked at only if none of them has it.
_KNOWS = """
SELECT EXISTS (
  SELECT 1 FROM recipient WHERE address_key = ? AND claim = 'own' AND line IS NOT NULL
) OR EXISTS (SELECT 1 FROM recipient WHERE address_key = ? AND line IS NOT NULL)
"""
_DUE_DELIVERIES = """
SELECT count(*) FROM (SELECT 1 FROM delivery WHERE due IS NOT NULL LIMIT ?)
"""
_SHARES = """
SELECT EXISTS (
  SELECT 1 FROM delivery WHERE group_id IS NOT NULL AND 1 < (
    SELECT count(*) FROM (
      SELECT 1 FROM recipient WHERE delivery_id = delivery.id AND claim = 'own' LIMIT 2)))
"""
_COUNTS = """
SELECT status, sum(recipients) FROM (
  SELECT status, recipients FROM tally
  UNION ALL
  SELECT r.status, -1 FROM outcome AS o JOIN recipient AS r ON r.id = o.recipient_id
  UNION ALL
  SELECT status, 1 FROM outcome
  UNION ALL
  SELECT 'accepted', recipients FROM lease WHERE accepted_at IS NOT NULL
  UNION ALL
  SELECT 'deferred', -deferred FROM lease WHERE accepted_at IS NOT NULL
  UNION ALL
  SELECT 'pending', deferred - recipients FROM lease WHERE accepted_at IS NOT NULL
) GROUP BY status
"""
_NEXT_DUE = """
SELECT min(due) FROM (
  SELECT min(due) AS due FROM delivery WHERE due > 0
  UNION ALL
  SELECT min(due) FROM outcome WHERE due > 0
)
"""
