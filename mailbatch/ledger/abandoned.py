"""The doubts that a dead run left, shown to a reader before the next run records them.

A run recovers a ledger before using it; `status` and `resolve` may come first, and must not hide a
recipient that may have the message. Temporary views over the names of the ledger show a reader the
outcome of that recovery. This module must never change the ledger, nor take the lock.

Tests: tests/certainty/test_put_back.py, tests/ledger/test_lock.py.
"""

from __future__ import annotations

import os
import sqlite3

from mailbatch.ledger.continuity import is_exact, reached
from mailbatch.ledger.database import Database
from mailbatch.ledger.holder import Holder
from mailbatch.ledger.inode import inode_of
from mailbatch.ledger.lock import boot_id
from mailbatch.ledger.memory import Memory
from mailbatch.ledger.migrations import present_standing
from mailbatch.ledger.recovery import doubt_reason


def show_recovered(database: Database, memory: Memory, *, boot: str | None = None) -> None:
    """Show the recipients in doubt as such, if the process that held the ledger has ended."""
    boot = boot or boot_id()
    if _is_alive(memory.note, boot):
        return
    found, file = reached(database, None), inode_of(database.path)
    exact = is_exact(database.path, found, memory, boot=boot, file=file)
    same_boot = database.fact("boot_id") == boot
    certain = exact and same_boot
    with database.guard:
        doubtful = database.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM lease WHERE (committed OR ?) AND accepted_at IS NULL"
            " AND delivery_id NOT IN (SELECT delivery_id FROM outcome))",
            (not certain,),
        ).fetchone()[0]
        if doubtful:
            reason = doubt_reason(same_boot=same_boot, exact=exact)
            database.connection.execute(_FIND, (reason, not certain))
            database.connection.execute("DROP VIEW IF EXISTS temp.standing")
            database.connection.execute(_standing(database.connection))
            database.connection.execute(_TALLY)


def _is_alive(holder: Holder | None, boot: str) -> bool:
    """Say whether the holder may still be running; a process number given again counts as alive."""
    if holder is None or not holder.running or holder.boot != boot:
        return False
    if holder.host != os.uname().nodename:
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_FIND = """
CREATE TEMP TABLE doubtful AS
SELECT r.id, l.leased_at, ? AS reason, coalesce(l.digest, r.digest) AS digest
FROM lease AS l
JOIN recipient AS r ON r.delivery_id = l.delivery_id AND r.status IN ('pending', 'deferred')
  AND r.due <= l.leased_at AND (l.mailbox IS NULL OR l.mailbox = coalesce(r.mailbox, r.key))
WHERE (l.committed OR ?) AND l.accepted_at IS NULL
AND l.delivery_id NOT IN (SELECT delivery_id FROM outcome)
"""
#: The columns of `standing` that a doubt changes; all others stay as they are.
_IN_DOUBT = {
    "status": "CASE WHEN q.id IS NULL THEN s.status ELSE 'in_doubt' END",
    "reason": "coalesce(q.reason, s.reason)",
    "attempts": "s.attempts + (q.id IS NOT NULL)",
    "first_attempt_at": "coalesce(s.first_attempt_at, q.leased_at)",
    "settled_at": "coalesce(q.leased_at, s.settled_at)",
    "digest": "CASE WHEN q.id IS NULL THEN s.digest ELSE q.digest END",
    "reply_id": "CASE WHEN q.id IS NULL THEN s.reply_id END",
}


def _standing(connection: sqlite3.Connection) -> str:
    """Return the view `standing` with the doubts in it, over the ledger's own of that name."""
    own = present_standing(connection)
    found = connection.execute(f"SELECT * FROM {own} LIMIT 0")  # noqa: S608 - a constant
    columns = [name for name, *_ in found.description]
    shown = ", ".join(f"{_IN_DOUBT.get(name, f's.{name}')} AS {name}" for name in columns)
    return (
        f"CREATE TEMP VIEW standing AS SELECT {shown}"  # noqa: S608 - constants
        f" FROM {own} AS s LEFT JOIN temp.doubtful AS q ON q.id = s.id"
    )


_TALLY = """
CREATE TEMP VIEW tally AS
SELECT status, recipients FROM main.tally
UNION ALL SELECT r.status, -1 FROM temp.doubtful AS q JOIN recipient AS r ON r.id = q.id
UNION ALL SELECT 'in_doubt', 1 FROM temp.doubtful
"""
