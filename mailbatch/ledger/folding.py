"""The move of settled deliveries into `recipient` and `delivery`: many rows at once.

A delivery that was accepted as a whole is one note in its lease until then: settling costs the same
for one recipient and for a thousand. The rows of a delivery may lie all over the table, each on a
page apart; moved together, in the order of the table, many rows share a page.

The note of a crowd, many recipients who were never tried before, says all that their rows would
say. So that note stays where it is until something has to look at these rows one by one: a plan
that changes, a decision of a person, another server. This module must never decide anything:
recorded facts are moved.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice, pairwise

from mailbatch.ledger import elsewhere
from mailbatch.ledger.database import Database, set_fact

#: The statuses of a recipient that a run still has to do with, in SQL.
UNSETTLED = "('pending', 'deferred')"
#: When the first of a delivery's unsettled recipients is due; NULL: none in this run.
DUE = """
(SELECT min(due) FROM recipient
 WHERE delivery_id = delivery.id AND status IN ('pending', 'deferred'))
"""
#: The notes of deliveries that were accepted as a whole, in SQL.
ACCEPTED = "accepted_at IS NOT NULL"
#: Those of them that are moved at every occasion; the others, of crowds, wait for a need.
SMALL = f"""
({ACCEPTED} AND (recipients < 64 OR NOT first OR deferred > 0 OR EXISTS (
  SELECT 1 FROM fact WHERE name = 'server' OR name = 'send_times')))
"""  # noqa: S608 - constants
#: So many rows are taken over in one transaction, at most; each may write a few pages of the
#: journal, whose room is bounded (`space`).
ROWS_AT_ONCE = 256


def fold(connection: sqlite3.Connection) -> None:
    """Move all that waits, inside a transaction."""
    fold_outcomes(connection)
    _fold_accepted(connection, ACCEPTED)


def fold_small(connection: sqlite3.Connection) -> None:
    """Move all that waits but the notes of crowds, inside a transaction."""
    fold_outcomes(connection)
    _fold_accepted(connection, SMALL)


def put_away(database: Database, *, run: int) -> None:
    """Move what waits at the end of a run, but the notes of crowds; sync all to the disk."""
    fold_ahead(database, SMALL)
    with database.transaction(durable=True) as connection:
        fold_small(connection)
        set_fact(connection, "put_away", str(run))


def fold_ahead(database: Database, notes: str = ACCEPTED) -> None:
    """Move accepted deliveries in small transactions, where they are many; leave few alone.

    `notes` are all (`ACCEPTED`) or some of them (`SMALL`).
    """
    for _ in steps(database, notes):
        pass


def steps(database: Database, notes: str = ACCEPTED) -> Iterator[None]:
    """Move many accepted deliveries, a transaction for each step.

    Each step moves rows from one place where every reader finds them to another; only the last step
    forgets the leases.
    """
    with database.guard:
        (rows,) = database.connection.execute(
            f"SELECT sum(recipients) FROM lease WHERE {notes}"  # noqa: S608 - a constant
        ).fetchone()
        if rows is None or rows <= ROWS_AT_ONCE:
            return
        # The journal was not copied since the last lease; each step wants room in it.
        database.stop_reading()
        database.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        places = database.connection.execute(_PLACES.format(notes=notes))
        bounds = [place for (place,) in islice(places, 0, None, ROWS_AT_ONCE)]
    for first, behind in pairwise((*bounds, _END)):
        with database.transaction() as connection:
            _accept(connection, notes, first, behind)
            if behind == _END:
                _forget_accepted(connection, notes)
        yield


def fold_outcomes(connection: sqlite3.Connection) -> None:
    """Move the waiting outcomes into `recipient` and `delivery`, inside a transaction."""
    if connection.execute("SELECT NOT EXISTS (SELECT 1 FROM outcome)").fetchone()[0]:
        return
    elsewhere.note_outcomes(connection)
    for statement in _FOLD:
        connection.execute(statement)


def _fold_accepted(connection: sqlite3.Connection, notes: str) -> None:
    """Move the deliveries that were accepted as a whole, inside a transaction."""
    _accept(connection, notes, 0, _END)
    _forget_accepted(connection, notes)


def _accept(connection: sqlite3.Connection, notes: str, first: int, behind: int) -> None:
    elsewhere.note_accepted(connection, first, behind)
    connection.execute(_ACCEPT.format(notes=notes), (first, behind))


def _forget_accepted(connection: sqlite3.Connection, notes: str) -> None:
    """Count the rows that were moved, keep the replies, and end the leases."""
    rows, deferred = connection.execute(
        f"SELECT sum(recipients), sum(deferred) FROM lease WHERE {notes}"  # noqa: S608 - a constant
    ).fetchone()
    if rows is None:
        return
    connection.execute(_KEEP_REPLIES.format(notes=notes))
    connection.executemany(
        "UPDATE tally SET recipients = recipients + ? WHERE status = ?",
        [(rows, "accepted"), (-deferred, "deferred"), (deferred - rows, "pending")],
    )
    connection.execute(f"DELETE FROM lease WHERE {notes}")  # noqa: S608 - a constant


_END = (1 << 63) - 1  # behind every id
_PLACES = """
SELECT r.id FROM lease AS l CROSS JOIN recipient AS r ON r.delivery_id = l.delivery_id
WHERE {notes} ORDER BY r.id
"""
_KEEP_REPLIES = """
INSERT INTO reply (id, code, enhanced, text, message_id)
SELECT reply_id, code, enhanced, reply, server_message_id(reply) FROM lease WHERE {notes}
"""
# The IN makes SQLite walk the rows of the leases, in their order, and not every recipient.
# They are not counted one by one: the trigger of `tally` sees their lease.
_ACCEPT = """
UPDATE recipient SET
  status = 'accepted', reason = NULL, due = NULL, settled_at = l.accepted_at,
  attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, l.leased_at),
  reply_id = l.reply_id, resend = 0, digest = l.digest
FROM lease AS l
WHERE l.delivery_id = recipient.delivery_id AND recipient.status IN ('pending', 'deferred')
AND recipient.id IN (
  SELECT r.id FROM lease AS w CROSS JOIN recipient AS r ON r.delivery_id = w.delivery_id
  WHERE {notes} AND r.id >= ? AND r.id < ?)
"""

_FOLD = (
    """
    INSERT INTO reply (id, code, enhanced, text, message_id)
    SELECT reply_id, code, enhanced, reply, server_message_id(reply)
    FROM outcome WHERE code IS NOT NULL
    """,
    # The IN makes SQLite walk the few outcomes and not every recipient.
    """
    UPDATE recipient SET
      status = o.status, reason = o.reason, due = o.due, settled_at = o.settled_at,
      attempts = attempts + o.counted,
      first_attempt_at = CASE WHEN o.counted THEN coalesce(
        first_attempt_at, (SELECT leased_at FROM lease WHERE lease.delivery_id = o.delivery_id)
      ) ELSE first_attempt_at END,
      reply_id = CASE
        WHEN o.reply_id IS NULL AND NOT o.counted THEN recipient.reply_id ELSE o.reply_id END,
      resend = resend AND o.status IN ('pending', 'deferred', 'rejected'),
      digest = CASE
        WHEN o.status IN ('in_doubt', 'accepted') AND o.counted
          THEN (SELECT digest FROM lease WHERE lease.delivery_id = o.delivery_id)
        WHEN o.status <> 'skipped' THEN digest END
    FROM outcome AS o
    WHERE o.recipient_id = recipient.id AND recipient.id IN (SELECT recipient_id FROM outcome)
    """,
    """
    UPDATE delivery SET
      tries = tries + 1, tries_since = coalesce(
        tries_since, (SELECT leased_at FROM lease WHERE lease.delivery_id = delivery.id))
    WHERE id IN (
      SELECT delivery_id FROM outcome WHERE counted AND status IN ('pending', 'deferred'))
    """,
    f"""
    UPDATE delivery SET due = {DUE} WHERE id IN (
      SELECT delivery_id FROM outcome WHERE status IN ('pending', 'deferred')
      UNION
      SELECT delivery_id FROM outcome
      WHERE delivery_id IN (SELECT delivery_id FROM lease WHERE partial))
    """,  # noqa: S608 - constants only
    "DELETE FROM lease WHERE delivery_id IN (SELECT delivery_id FROM outcome)",
    # The next plan asks for invalid rows again.
    """
    DELETE FROM fact
    WHERE name = 'plan' AND EXISTS (SELECT 1 FROM outcome WHERE status = 'invalid')
    """,
    "DELETE FROM outcome",
)
