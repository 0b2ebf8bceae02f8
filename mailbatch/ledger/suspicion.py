"""Refusals in a row that may turn out to be trouble of the account, and no recipient's outcome.

Such refusals are recorded as they come: `rejected`. While the cause is open, a fact says since
when. A run that ends before the cause is known, or that finds the account in trouble, gives the
recipients back; so does the next run where this one died. This module must never touch a recipient
that was accepted, nor one that was refused before that moment.
"""

from __future__ import annotations

import sqlite3

from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.folding import DUE, fold
from mailbatch.outcome import Reply

_FACT = "suspected_since"
DIED = "refused right before the run died; nobody knows whether for good"


def suspect(connection: sqlite3.Connection, since: float | None) -> None:
    """Note since when refusals are open to doubt (seconds since the epoch); None: none is."""
    set_fact(connection, _FACT, None if since is None else repr(since))


def is_open(database: Database) -> bool:
    """Say whether refusals are open to doubt."""
    return database.fact(_FACT) is not None


def give_back(connection: sqlite3.Connection, since: float, reply: Reply) -> int:
    """Make pending the recipients that were refused since then by this reply; return the rows.

    Recipients deferred by the reply are included, where the reply was a refusal for now. Replies
    are the same if code and enhanced status are: texts differ in addresses and ids. None of these
    recipients is tried again in this run, and the reply is their reason.
    """
    fold(connection)
    values: dict[str, object] = {
        "since": since,
        "code": reply.code,
        "enhanced": reply.enhanced,
        "due": None,
    }
    return _reopen(
        connection,
        f"({_REJECTED} OR status = 'deferred' AND due IS NOT 0)"  # noqa: S608 - constants
        " AND (SELECT code FROM reply WHERE id = reply_id) = :code"
        " AND (SELECT enhanced FROM reply WHERE id = reply_id) IS :enhanced",
        values,
        reason=str(reply),
    )


def recover(connection: sqlite3.Connection) -> int:
    """Make pending the recipients that a dead run rejected under suspicion; return the rows.

    Inside the transaction that begins a run, where everything is folded if there are any.
    """
    found = connection.execute("SELECT value FROM fact WHERE name = ?", (_FACT,)).fetchone()
    if found is None:
        return 0
    suspect(connection, None)
    return _reopen(connection, _REJECTED, {"since": float(found[0]), "due": 0.0}, reason=DIED)


_REJECTED = "status = 'rejected' AND settled_at >= :since"


def _reopen(
    connection: sqlite3.Connection, chosen: str, values: dict[str, object], *, reason: str
) -> int:
    values["reason"] = reason
    deliveries = connection.execute(
        f"SELECT DISTINCT delivery_id FROM recipient WHERE {chosen}",  # noqa: S608 - constants
        values,
    ).fetchall()
    # Their copies were refused with them, and are asked for again.
    connection.executemany(
        "DELETE FROM copy WHERE delivery_id = ? AND status = 'rejected' AND settled_at >= ?",
        [(delivery_id, values["since"]) for (delivery_id,) in deliveries],
    )
    changed = connection.execute(
        "UPDATE recipient SET status = 'pending', settled_at = NULL, due = :due, reason = :reason,"  # noqa: S608 - constants
        " attempts = max(attempts - 1, 0),"
        " first_attempt_at = CASE WHEN attempts > 1 THEN first_attempt_at END"
        f" WHERE {chosen}",
        values,
    ).rowcount
    connection.executemany(
        f"UPDATE delivery SET due = {DUE} WHERE id = ?",  # noqa: S608 - a constant
        deliveries,
    )
    return changed
