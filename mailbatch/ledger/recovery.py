"""The recovery of a ledger whose run died, and the decisions of people about doubts.

On the same boot the rule is exact: a delivery without a commit point was certainly not sent, and
behind a commit point only the server knows. After another boot the last commits may be lost with
the page cache: every delivery that was leased and not settled is in doubt. This module must never
end a doubt by itself.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping

from mailbatch.envelope import address_key
from mailbatch.ledger import elsewhere, suspicion
from mailbatch.ledger.attempts import doubt_of
from mailbatch.ledger.database import Database, keep_free_pages, set_fact
from mailbatch.ledger.failure import broken_rule
from mailbatch.ledger.folding import ACCEPTED, DUE, SMALL, fold, fold_ahead, fold_small
from mailbatch.ledger.migrations import is_present, migrate
from mailbatch.ledger.ports import Decision, Recovery
from mailbatch.ledger.rows import Doubt
from mailbatch.ledger.send_times import HELD
from mailbatch.ledger.taken import note_resent
from mailbatch.ledger.under_way import UnderWay, release

DIED = "the run died after the end of data was sent and before its reply was read"
REBOOTED = "the machine went down while the delivery was under way; it may have been sent"
LOST = "the run died, and what it wrote last may be lost from the ledger; it may have been sent"


def begin_run(database: Database, boot: str, *, exact: bool = True) -> tuple[int, Recovery]:
    """Begin a run in one synced transaction: migrate, fold, recover; return the number of the run.

    Not `exact`: the last commits may be lost, as after a power loss. The number stands in every
    lease: no other run can commit or settle a delivery that this run leased. A ledger of an earlier
    mailbatch gets its id here. In a finished edition the notes of crowds stay: mostly nothing asks
    for them. Behind a run that ended in order they stay here, too: a commit before the number of
    this run would make the ledger that was put away pass for an older copy (`continuity`).
    """
    with database.guard:
        present = is_present(database.connection)
    ended = present and database.fact("put_away") == database.fact("run")
    stays = ended or (present and database.fact("finished_at") is not None)
    stays = stays and not suspicion.is_open(database)
    if present and not ended:
        fold_ahead(database, SMALL if stays else ACCEPTED)
    with database.transaction(durable=True) as connection:
        migrate(connection)
        if stays:
            fold_small(connection)
        else:
            fold(connection)
        known = connection.execute("SELECT value FROM fact WHERE name = 'boot_id'").fetchone()
        same_boot = exact and known is not None and known[0] == boot
        left = connection.execute(
            "SELECT delivery_id, committed FROM lease WHERE accepted_at IS NULL"
        ).fetchall()
        doubtful = [i for i, committed in left if committed or not same_boot]
        certain = [i for i, committed in left if not committed and same_boot]
        release(connection, certain)
        reason = doubt_reason(same_boot=known is not None and known[0] == boot, exact=exact)
        recipients = 0
        for delivery_id in doubtful:
            recipients += _doubt(connection, delivery_id, reason)
        suspicion.recover(connection)
        elsewhere.begin(connection, None)  # a run begins at the first server of the job
        if recipients:
            set_fact(connection, "doubted_at", str(time.time()))
        set_fact(connection, "boot_id", boot)
        set_fact(connection, "points", None)
        connection.execute("INSERT OR IGNORE INTO fact VALUES ('id', lower(hex(randomblob(16))))")
        last = connection.execute("SELECT value FROM fact WHERE name = 'run'").fetchone()
        number = 1 if last is None else int(last[0]) + 1
        set_fact(connection, "run", str(number))
        # A run may have died, or found the disk full, while it gave pages back (`packing`). No
        # commit before this one may say so: see `continuity`.
        keep_free_pages(connection)
    return number, Recovery(len(certain), len(doubtful), recipients)


def doubt_reason(*, same_boot: bool, exact: bool) -> str:
    """Return the reason of a doubt."""
    if not same_boot:
        return REBOOTED
    return DIED if exact else LOST


def _doubt(connection: sqlite3.Connection, delivery_id: int, reason: str) -> int:
    (leased_at, mailbox) = connection.execute(
        "SELECT leased_at, mailbox FROM lease WHERE delivery_id = ?", (delivery_id,)
    ).fetchone()
    elsewhere.note_doubt(connection, delivery_id)
    changed = connection.execute(
        "UPDATE recipient SET status = 'in_doubt', reason = :reason, due = NULL, reply_id = NULL,"
        " attempts = attempts + 1, settled_at = :at,"
        " first_attempt_at = coalesce(first_attempt_at, :at), resend = 0,"
        " digest = coalesce((SELECT digest FROM lease WHERE delivery_id = :delivery), digest)"
        " WHERE delivery_id = :delivery AND status IN ('pending', 'deferred') AND due <= :at"
        " AND (:mailbox IS NULL OR coalesce(mailbox, key) = :mailbox)",
        {"reason": reason, "at": leased_at, "delivery": delivery_id, "mailbox": mailbox},
    ).rowcount
    connection.execute(
        f"UPDATE delivery SET due = {DUE} WHERE id = ?",  # noqa: S608 - a constant
        (delivery_id,),
    )
    connection.execute("DELETE FROM lease WHERE delivery_id = ?", (delivery_id,))
    return changed


_DECISIONS = {
    "accepted": "status = 'accepted', settled_at = :now, reason = 'resolved as accepted'",
    "skip": "status = 'skipped', settled_at = :now, reason = 'resolved as skipped'",
    "resend": "status = 'pending', settled_at = NULL, reason = 'resolved to be resent', due = 0,"
    " resend = 1",
}
_CHOSEN = (
    "status = 'in_doubt' AND (:mailbox IS NULL OR coalesce(mailbox, key) = :mailbox)"
    " AND (:delivery IS NULL OR delivery_id = :delivery)"
)


_DOUBTS = """
SELECT s.address, s.line, d.id, s.key, g.cells, d.part, d.message_id, s.settled_at, s.reason,
       s.digest
FROM standing AS s JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN recipient_group AS g ON g.id = d.group_id
WHERE s.status = 'in_doubt' ORDER BY s.line IS NULL, s.line, s.id
"""


class InDoubt:
    """The recipients in doubt, and the decisions about them; `under_way` None only reads."""

    __slots__ = ("_database", "_under_way")

    def __init__(self, database: Database, under_way: UnderWay | None) -> None:
        self._database = database
        self._under_way = under_way

    def in_doubt(self) -> Iterator[Doubt]:
        """Stream the recipients that may have the message, in the order of the table."""
        with self._database.guard:
            yield from map(doubt_of, self._database.connection.execute(_DOUBTS))

    def resolve(
        self,
        decision: Decision,
        *,
        address: str | None = None,
        delivery_id: int | None = None,
        now: float,
    ) -> int:
        """Settle the recipients in doubt as a person decided; return the number of rows."""
        if self._under_way is None:
            raise broken_rule(self._database.path, "the ledger is not open for writing")
        self._under_way.check_open()
        mailbox = None if address is None else address_key(address)
        values = {"now": now, "mailbox": mailbox, "delivery": delivery_id}
        fold_ahead(self._database)
        with self._database.transaction(durable=True) as connection:
            fold(connection)
            if decision == "resend":
                connection.execute(
                    "UPDATE delivery SET due = 0, tries = 0, tries_since = NULL WHERE id IN ("  # noqa: S608 - constants
                    f"SELECT delivery_id FROM recipient WHERE {_CHOSEN})",
                    values,
                )
                set_fact(
                    connection, "plan", None
                )  # the next plan looks whether they are still wanted
            changed = connection.execute(
                f"UPDATE recipient SET {_DECISIONS[decision]} WHERE {_CHOSEN}",  # noqa: S608 - constants
                values,
            ).rowcount
            if decision == "resend" and changed:
                note_resent(self._database, changed, now=now)
            return changed

    def accept(self, reasons: Mapping[tuple[int, str], str], *, now: float) -> int:
        """Settle recipients in doubt as accepted, each with a reason; return the number of rows."""
        if self._under_way is None:
            raise broken_rule(self._database.path, "the ledger is not open for writing")
        self._under_way.check_open()
        proven = [
            (now, reason, delivery_id, address_key(address))
            for (delivery_id, address), reason in reasons.items()
        ]
        fold_ahead(self._database)
        with self._database.transaction(durable=True) as connection:
            fold(connection)
            return connection.executemany(
                "UPDATE recipient SET status = 'accepted', settled_at = ?, reason = ?"
                " WHERE status = 'in_doubt' AND delivery_id = ? AND coalesce(mailbox, key) = ?",
                proven,
            ).rowcount


def reopen_deferred(database: Database) -> int:
    """Make unfinished rows of earlier runs due now, with fresh tries; return the deferred ones."""
    with database.transaction(durable=True) as connection:
        fold_small(connection)  # nobody of a crowd was deferred
        deferred = connection.execute(
            "SELECT recipients FROM tally WHERE status = 'deferred'"
        ).fetchone()[0]
        # Mostly there are none, and due is asked of every row.
        chosen = f"due IS NOT 0 AND status IN ('pending', 'deferred') AND NOT {HELD}"
        _reopen(connection, chosen, "due = 0")
    return int(deferred)


def move_to(database: Database, server: str) -> None:
    """Go on at another server of the job: pending rows are due there at once, with fresh tries.

    Rows that wait for a time of sending wait as before. Rows that a 421 deferred are due, too: a
    server that ends a session says nothing about a recipient (RFC 5321 3.8). No delivery may be
    leased. All that is recorded from now on is of that server, until the next run begins at the
    first one.
    """
    fold_ahead(database)
    with database.transaction(durable=True) as connection:
        fold(connection)
        elsewhere.begin(connection, server)
        _reopen(connection, _MOVES, "due = 0")


_MOVES = f"""
due IS NOT 0 AND NOT {HELD} AND (status = 'pending' OR status = 'deferred' AND EXISTS (
  SELECT 1 FROM reply WHERE reply.id = recipient.reply_id AND reply.code = 421))
"""  # noqa: S608 - constants


def reopen_rejected(database: Database) -> int:
    """Make the rejected rows of the last plan pending; return the number of rows."""
    fold_ahead(database)
    with database.transaction(durable=True) as connection:
        fold(connection)
        changed = _reopen(
            connection,
            "status = 'rejected' AND wanted",
            "status = 'pending', settled_at = NULL, due = 0",
        )
        if changed:
            set_fact(connection, "plan", None)  # the next plan takes their fields over
    return changed


def _reopen(connection: sqlite3.Connection, chosen: str, changes: str) -> int:
    (found,) = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM recipient WHERE {chosen})"  # noqa: S608 - constants
    ).fetchone()
    if not found:
        return 0
    connection.execute(
        "UPDATE delivery SET due = 0, tries = 0, tries_since = NULL"  # noqa: S608 - constants
        f" WHERE id IN (SELECT delivery_id FROM recipient WHERE {chosen})"
        " AND id NOT IN (SELECT delivery_id FROM lease)"
    )
    return connection.execute(f"UPDATE recipient SET {changes} WHERE {chosen}").rowcount  # noqa: S608 - constants
