"""The recipients whose last answer came from another server than the first one of the job.

    move_to(database, "fallback.example:587")   # all that is recorded from now on is of that server

A run is at one server at a time. The fact `server` names that server, and no fact means the first
one of the job, `server` itself. A move folds all that was recorded before, so that whatever is not
folded yet belongs to the server of the fact: a record costs nothing more at either server. Folding
lays the name beside the recipients, in the table `elsewhere`, which has no row for those of the
first server; each new run begins there. A pending recipient was certainly not taken by the server
that is left, and is due at the next one at once, with fresh tries; so is a recipient that a 421
deferred. Any other deferred recipient keeps time and tries, which follow from the recipient's own
reply. A recipient in doubt stays in doubt. This
module must never change the status of a recipient.
"""

from __future__ import annotations

import sqlite3

from mailbatch.ledger.database import Database, set_fact

#: The name of the fact.
SERVER = "server"
#: The name of that server, in SQL; NULL: the first one.
AT = f"(SELECT value FROM fact WHERE name = '{SERVER}')"  # noqa: S608 - a constant
#: Whether a server but the first one can be the answer for a recipient, in SQL.
ANY = f"(EXISTS (SELECT 1 FROM elsewhere) OR {AT} IS NOT NULL)"  # noqa: S608 - constants
# A further row of one delivery has the answer of the row that stands for both.
_OWN = """
CASE WHEN {row}.claim = 'shared' THEN (
  SELECT o.id FROM recipient AS o WHERE o.key = {row}.key AND o.claim = 'own') ELSE {row}.id END
"""
_KNOWN = f"(SELECT e.server FROM elsewhere AS e WHERE e.recipient_id = {_OWN})"  # noqa: S608 - constants
_WAITS = """(
  EXISTS (SELECT 1 FROM outcome AS o
    WHERE o.recipient_id = {row}.id AND (o.counted OR o.reply_id IS NOT NULL))
  OR ({row}.status NOT IN ('pending', 'deferred') AND EXISTS (SELECT 1 FROM recipient AS w
    WHERE w.id = {row}.id AND w.status IN ('pending', 'deferred'))))
"""


def folded_server(row: str) -> str:
    """Return the server of a row of `recipient` that is folded, in SQL; `row` names the row."""
    return _KNOWN.format(row=row)


def server_of(row: str) -> str:
    """Return the server of a row of `standing`, in SQL; NULL: the first one, or none answered.

    An outcome that is not folded yet counts, and so does a doubt that a reader works out.
    """
    waits, known = _WAITS.format(row=row), _KNOWN.format(row=row)
    return f"CASE WHEN {ANY} THEN CASE WHEN {waits} THEN {AT} ELSE {known} END END"


def note_outcomes(connection: sqlite3.Connection) -> None:
    """Note the server of the outcomes that are about to be folded, inside a transaction."""
    _note(connection, _ANSWERED)


def note_accepted(connection: sqlite3.Connection, first: int, behind: int) -> None:
    """Note the server of the accepted recipients in a span of ids that are about to be folded."""
    _note(connection, _ACCEPTED, (first, behind))


def note_doubt(connection: sqlite3.Connection, delivery_id: int) -> None:
    """Note the server of a delivery whose recipients a recovery has found in doubt."""
    _note(connection, _DOUBTFUL, (delivery_id,))


def _note(connection: sqlite3.Connection, chosen: str, values: tuple[int, ...] = ()) -> None:
    (matters,) = connection.execute(f"SELECT {ANY}").fetchone()
    if not matters:
        return
    connection.execute(f"DELETE FROM elsewhere WHERE recipient_id IN ({chosen})", values)  # noqa: S608 - constants
    connection.execute(
        f"INSERT INTO elsewhere SELECT id, {AT} FROM recipient"  # noqa: S608 - constants
        f" WHERE id IN ({chosen}) AND claim = 'own' AND {AT} IS NOT NULL",
        values,
    )


_ANSWERED = "SELECT recipient_id FROM outcome WHERE counted OR reply_id IS NOT NULL"
_ACCEPTED = """
SELECT r.id FROM lease AS w CROSS JOIN recipient AS r ON r.delivery_id = w.delivery_id
WHERE w.accepted_at IS NOT NULL AND r.status IN ('pending', 'deferred')
AND r.id >= ? AND r.id < ?
"""
_DOUBTFUL = """
SELECT r.id FROM lease AS w CROSS JOIN recipient AS r ON r.delivery_id = w.delivery_id
WHERE w.delivery_id = ? AND r.status IN ('pending', 'deferred') AND r.due <= w.leased_at
AND (w.mailbox IS NULL OR coalesce(r.mailbox, r.key) = w.mailbox)
"""


def begin(connection: sqlite3.Connection, server: str | None) -> None:
    """Have all that is recorded from now on be of `server`, None: the first one of the job.

    Inside a transaction, behind the folding of all that was recorded before.
    """
    set_fact(connection, SERVER, server)


def counts(database: Database) -> dict[str, int]:
    """Count the accepted rows by the server that took them; those of the first one are left out."""
    with database.guard:
        (matters,) = database.connection.execute(f"SELECT {ANY}").fetchone()
        if not matters:
            return {}
        found = database.connection.execute(_COUNTS).fetchall()
    return {server: int(number) for server, number in found}


_COUNTS = f"""
SELECT server, count(*) FROM (
  SELECT {server_of("s")} AS server FROM standing AS s WHERE s.status = 'accepted')
WHERE server IS NOT NULL GROUP BY server ORDER BY server
"""  # noqa: S608 - constants
