"""The recipients that servers took, by the second: the witness of `server.cap`.

    taken_since(database, now - 86_400)     # [(1795767301.0, 40), (1795767302.0, 38)]

Each instant is at or behind the acceptance: behind the record of the reply, and for a doubt at the
last moment at which the server can have taken the message. One pass over the rows, which takes less
than a second for a million: a ledger that was not written since then need not be asked at all. This
module must never write.
"""

from __future__ import annotations

import json
from contextlib import suppress

from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.elsewhere import ANY, AT, SERVER, folded_server

#: How long a server may take for the end of data (RFC 5321 4.5.3.2.6), in seconds.
END_OF_DATA = 600.0
# Longer than any cap looks back, in seconds.
_KEPT = 3 * 86_400.0

#: A folded doubt of a dead run has the time of its lease: the run was recovered later.
_TAKEN = """
SELECT at, sum(number) FROM (
  SELECT CAST(settled_at AS INTEGER) + 1 AS at, count(*) AS number FROM recipient AS r
  WHERE settled_at > :since - 1 AND (status = 'accepted' OR status = 'skipped') {folded} GROUP BY 1
  UNION ALL
  SELECT CAST(accepted_at AS INTEGER) + 1, sum(recipients) FROM lease
  WHERE accepted_at > :since - 1 {waiting} GROUP BY 1
  UNION ALL
  SELECT CAST(settled_at AS INTEGER) + 1, count(*) FROM outcome
  WHERE settled_at > :since - 1 AND status = 'accepted' {waiting} GROUP BY 1
  UNION ALL
  SELECT CAST(settled_at AS INTEGER) + 1, count(*) FROM copy
  WHERE settled_at > :since - 1 AND status IN ('accepted', 'in_doubt') {copied} GROUP BY 1
  UNION ALL
  SELECT CAST(settled_at + :late AS INTEGER) + 1, count(*) FROM outcome
  WHERE status = 'in_doubt' {waiting} GROUP BY 1
) GROUP BY at HAVING at > :since
"""
#: A dead run left no word of the copies of a doubtful message: as many as any message had.
_COPIES = """
SELECT coalesce(max(number), 0) FROM (SELECT count(*) AS number FROM copy GROUP BY delivery_id)
"""
#: A second pass, where the tally knows of doubts; mostly there are none.
_DOUBTS = """
SELECT CAST(max(settled_at, :recovered) + :late AS INTEGER) + 1 AS at,
  count(*) + count(DISTINCT delivery_id) * :copies
FROM recipient AS r WHERE status = 'in_doubt' {folded} GROUP BY at HAVING at > :since
"""
_HAS_DOUBTS = "SELECT recipients FROM main.tally WHERE status = 'in_doubt'"
_DOUBTFUL = "SELECT EXISTS (SELECT 1 FROM temp.sqlite_master WHERE name = 'doubtful')"
#: Those of one server alone, where any other server has taken recipients; mostly none has.
_OF_ALL = {"folded": "", "waiting": "", "copied": ""}
_OF_ONE = {
    "folded": f"AND {folded_server('r')} IS :server",
    "waiting": f"AND {AT} IS :server",
    "copied": "AND server IS :server",
}


def taken_since(
    database: Database, since: float, server: str | None = None
) -> list[tuple[float, int]]:
    """Return pairs of an instant (seconds since the epoch) and a number, as the port says.

    A doubt that is to be sent again counts at every server: its row forgets which one had it.
    """
    (one,) = database.connection.execute(f"SELECT {ANY}").fetchone()
    which = _OF_ONE if one or server is not None else _OF_ALL
    (copies,) = database.connection.execute(_COPIES).fetchone()
    values = {
        "since": since,
        "recovered": float(database.fact("doubted_at") or 0.0),
        "late": END_OF_DATA,
        "copies": copies,
        "server": server,
    }
    found = database.connection.execute(_TAKEN.format(**which), values).fetchall()
    if database.connection.execute(_HAS_DOUBTS).fetchone()[0]:
        found += database.connection.execute(_DOUBTS.format(**which), values).fetchall()
    taken = [(float(at), int(number)) for at, number in found]
    is_there = database.fact(SERVER) == server
    if is_there and database.connection.execute(_DOUBTFUL).fetchone()[0]:
        (number,) = database.connection.execute("SELECT count(*) FROM temp.doubtful").fetchone()
        taken.append((_written_at(database) + END_OF_DATA + 1.0, int(number) * (1 + copies)))
    resent = json.loads(database.fact("resent") or "[]")
    return taken + [(float(at), int(number)) for at, number in resent if at > since]


def note_resent(database: Database, recipients: int, *, now: float) -> None:
    """Note, inside a transaction, that so many doubts are to be sent again.

    The row of such a recipient forgets the doubt, and a server may have taken the first message.
    """
    text = kept_resent(database.fact("resent"), recipients, now=now)
    set_fact(database.connection, "resent", text)


def kept_resent(known: str | None, recipients: int, *, now: float) -> str:
    """Return the fact `resent` (JSON) with so many doubts more, and without those of long ago."""
    resent = json.loads(known or "[]")
    kept = [[at, number] for at, number in resent if at > now - _KEPT]
    return json.dumps([*kept, [int(now + END_OF_DATA) + 1, recipients]])


def _written_at(database: Database) -> float:
    """Return when the ledger was last written, its journal included."""
    latest = 0.0
    for path in (database.path, database.path.with_name(f"{database.path.name}-wal")):
        with suppress(FileNotFoundError):
            latest = max(latest, path.stat().st_mtime)
    return latest
