"""What is under way: lease, commit point, outcome. The hot path of the ledger, free of layers.

A delivery is leased (synced to the disk), its commit point is recorded before the last bytes of
the end of data leave, its outcome after the reply: two small commits a message. Outcomes wait in a
table of their own and are folded into `recipient` with the next lease, many in one transaction.
This module must never decide what a reply means: it records the Outcome it is given.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailbatch.errors import LedgerError
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.failure import broken_rule, taken_over
from mailbatch.outcome import UNFINISHED, Outcome, Reply, Status

_OF_AN_ATTEMPT = frozenset(
    {
        Status.PENDING,
        Status.ACCEPTED,
        Status.REJECTED,
        Status.DEFERRED,
        Status.IN_DOUBT,
        Status.INVALID,  # this server can never be given the address
    }
)
#: The server may hold the message: only behind a commit point.
_BEHIND_COMMIT = frozenset({Status.ACCEPTED, Status.IN_DOUBT})


@dataclass(slots=True)
class Leased:
    """A leased delivery: the row ids behind each address of this attempt."""

    rows: dict[str, tuple[int, ...]]
    committed: bool = False


class UnderWay:
    """The deliveries that this process has leased, and what it records of them."""

    __slots__ = ("_database", "_next_reply", "_open", "run")

    def __init__(self, database: Database, run: int) -> None:
        self._database = database
        self._open: dict[int, Leased] = {}
        #: The number of this run in the ledger.
        self.run = run
        with database.guard:
            (last,) = database.connection.execute(
                "SELECT max((SELECT coalesce(max(id), 0) FROM reply),"
                " (SELECT coalesce(max(reply_id), 0) FROM outcome))"
            ).fetchone()
        self._next_reply = int(last) + 1

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, delivery_id: int) -> bool:
        return delivery_id in self._open

    def add(self, delivery_id: int, leased: Leased) -> None:
        """Take note of a delivery that has just been leased."""
        self._open[delivery_id] = leased

    def commit_point(self, delivery_id: int, digest: bytes | None) -> None:
        """Record that the end of data is about to leave."""
        leased = self._leased(delivery_id)
        if leased.committed:
            raise self._broken(f"delivery {delivery_id} has passed its commit point already")
        with self._database.guard:
            changed = self._database.connection.execute(
                "UPDATE lease SET committed = 1, digest = ? WHERE delivery_id = ? AND run = ?",
                (digest, delivery_id, self.run),
            ).rowcount
        if changed != 1:
            raise self._lost()
        leased.committed = True

    def settle(
        self, delivery_id: int, outcomes: Sequence[Outcome], *, now: float, retry_at: float | None
    ) -> None:
        """Record what an attempt came to: all of it or nothing."""
        leased = self._leased(delivery_id)
        rows: list[tuple[object, ...]] = []
        copies: list[Outcome] = []
        replies: dict[Reply, int] = {}
        addresses = set()
        for outcome in outcomes:
            status = outcome.status
            if status not in _OF_AN_ATTEMPT:
                raise self._broken(f"{status} is no outcome of an attempt")
            if status in _BEHIND_COMMIT and not leased.committed:
                raise self._broken(f"delivery {delivery_id} is {status} without a commit point")
            ids = leased.rows.get(outcome.address)
            if ids is None:
                copies.append(outcome)
                continue
            if outcome.address in addresses:
                raise self._broken(f"delivery {delivery_id} has two outcomes for one address")
            addresses.add(outcome.address)
            rows += self._outcome_rows(delivery_id, ids, outcome, replies, now, retry_at)
        if len(addresses) != len(leased.rows):
            raise self._broken(f"delivery {delivery_id} has an address without an outcome")
        self._insert(delivery_id, rows, copies, now)
        self._next_reply += len(replies)
        del self._open[delivery_id]

    def _outcome_rows(
        self,
        delivery_id: int,
        ids: tuple[int, ...],
        outcome: Outcome,
        replies: dict[Reply, int],
        now: float,
        retry_at: float | None,
    ) -> list[tuple[object, ...]]:
        status = outcome.status
        due = settled_at = None
        if status not in UNFINISHED:
            settled_at = now
        elif outcome.counted or status is Status.DEFERRED:
            due = retry_at
        else:
            due = 0.0  # nobody has looked at it: at once
        code = enhanced = text = number = None
        reply = outcome.reply
        if reply is not None:
            number = replies.get(reply)
            if number is None:  # the text is written once, however many it decided
                number = replies[reply] = self._next_reply + len(replies)
                code, enhanced, text = reply.code, reply.enhanced, reply.text
        counted = 1 if outcome.counted else 0
        tail = (outcome.reason, due, settled_at)
        first = (ids[0], delivery_id, str(status), counted, number, code, enhanced, text, *tail)
        others = (
            (i, delivery_id, str(status), counted, number, None, None, None, *tail) for i in ids[1:]
        )
        return [first, *others]

    def _insert(
        self,
        delivery_id: int,
        rows: list[tuple[object, ...]],
        copies: list[Outcome],
        now: float,
    ) -> None:
        if len(rows) == 1 and not copies:
            with self._database.guard:
                changed = self._database.connection.execute(
                    f"{_INSERT} WHERE {_IS_OURS}",
                    (*rows[0], delivery_id, self.run),
                ).rowcount
            if changed != 1:
                raise self._lost()
            return
        with self._database.transaction() as connection:
            ours = connection.execute(f"SELECT {_IS_OURS}", (delivery_id, self.run))
            if not ours.fetchone()[0]:
                raise self._lost()
            connection.executemany(_INSERT, rows)
            connection.executemany(
                "INSERT OR REPLACE INTO copy VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (_copy_row(delivery_id, copy, now) for copy in copies),
            )

    def release(self, delivery_ids: Iterable[int]) -> None:
        """Give leased deliveries back that were not tried: as if they had never been leased."""
        ids = list(dict.fromkeys(delivery_ids))
        for delivery_id in ids:
            if self._leased(delivery_id).committed:
                raise self._broken(f"delivery {delivery_id} is released behind its commit point")
        with self._database.transaction() as connection:
            release(connection, ids)
        for delivery_id in ids:
            del self._open[delivery_id]

    def invalidate(self, delivery_id: int, reason: str, now: float) -> None:
        """Mark the rows of a leased delivery as not mailable."""
        if self._leased(delivery_id).committed:
            raise self._broken(f"delivery {delivery_id} is invalid behind its commit point")
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE recipient SET status = 'invalid', reason = ?, due = NULL, settled_at = ?"
                " WHERE delivery_id = ? AND status IN ('pending', 'deferred')",
                (reason, now, delivery_id),
            )
            release(connection, [delivery_id])
            set_fact(connection, "plan", None)  # the next plan asks for these rows again
        del self._open[delivery_id]

    def _leased(self, delivery_id: int) -> Leased:
        try:
            return self._open[delivery_id]
        except KeyError:
            raise self._broken(f"delivery {delivery_id} is not leased") from None

    def _lost(self) -> LedgerError:
        return taken_over(self._database.path, "another run took the ledger")

    def _broken(self, what: str) -> LedgerError:
        return broken_rule(self._database.path, what)


_INSERT = "INSERT INTO outcome SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
_IS_OURS = "EXISTS (SELECT 1 FROM lease WHERE delivery_id = ? AND run = ?)"


def _copy_row(delivery_id: int, copy: Outcome, now: float) -> tuple[object, ...]:
    reply = copy.reply
    seen = (None, None, None) if reply is None else (reply.code, reply.enhanced, reply.text)
    return (delivery_id, copy.address, str(copy.status), *seen, copy.reason, now)


#: When the first of a delivery's unsettled recipients is due; NULL: none in this run.
DUE = """
(SELECT min(due) FROM recipient
 WHERE delivery_id = delivery.id AND status IN ('pending', 'deferred'))
"""


def release(connection: sqlite3.Connection, delivery_ids: Iterable[int]) -> None:
    """End leases that came to nothing, inside a transaction.

    A first lease takes its Message-ID and Date with it: nobody can have seen them, and a mail that
    leaves days later must not carry the old Date.
    """
    ids = [(delivery_id,) for delivery_id in delivery_ids]
    connection.executemany(
        f"UPDATE delivery SET due = {DUE} WHERE id = ?",  # noqa: S608 - a constant
        ids,
    )
    connection.executemany(
        "UPDATE delivery SET date = NULL, message_id = NULL WHERE id = ?"
        " AND (SELECT first FROM lease WHERE delivery_id = delivery.id)",
        ids,
    )
    connection.executemany("DELETE FROM lease WHERE delivery_id = ?", ids)


def fold(connection: sqlite3.Connection) -> None:
    """Take the waiting outcomes over into `recipient` and `delivery`, inside a transaction."""
    if connection.execute("SELECT NOT EXISTS (SELECT 1 FROM outcome)").fetchone()[0]:
        return
    for statement in _FOLD:
        connection.execute(statement)


_FOLD = (
    """
    INSERT INTO reply (id, code, enhanced, text)
    SELECT reply_id, code, enhanced, reply FROM outcome WHERE code IS NOT NULL
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
        WHEN o.reply_id IS NULL AND NOT o.counted THEN recipient.reply_id ELSE o.reply_id END
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
    """
    UPDATE delivery SET digest = l.digest FROM lease AS l
    WHERE l.delivery_id = delivery.id AND l.digest IS NOT NULL AND delivery.id IN (
      SELECT delivery_id FROM outcome WHERE status IN ('in_doubt', 'pending', 'deferred'))
    """,
    "DELETE FROM lease WHERE delivery_id IN (SELECT delivery_id FROM outcome)",
    # The next plan asks for invalid rows again.
    """
    DELETE FROM fact
    WHERE name = 'plan' AND EXISTS (SELECT 1 FROM outcome WHERE status = 'invalid')
    """,
    "DELETE FROM outcome",
)
