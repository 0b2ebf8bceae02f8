"""The deliveries under way: lease, commit point, outcome. The hot path, free of layers.

A delivery is leased (synced to the disk), the commit point is recorded before the last bytes of the
end of data leave, the outcome after the reply: two small commits a message, or one for several
messages. Settled deliveries wait, by far the most of them as one note in the lease, and are folded
into `recipient` later. This module must never decide the meaning of a reply: an Outcome is recorded
as given.

Tests: tests/ledger/contract/test_model.py, tests/ledger/test_run.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from mailbatch.errors import LedgerError
from mailbatch.ledger import suspicion as suspicions
from mailbatch.ledger.attempts import Leased
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.elsewhere import AT
from mailbatch.ledger.failure import broken_rule, from_sqlite, taken_over
from mailbatch.ledger.folding import DUE, fold_ahead
from mailbatch.ledger.layers import Layers
from mailbatch.ledger.lock import RunLock
from mailbatch.ledger.outcomes import OutcomeRow, outcome_rows
from mailbatch.ledger.ports import CommitPoint, Settlement, Suspicion
from mailbatch.outcome import Outcome, Reply, SameForAll, Status

_ACCEPTED = Status.ACCEPTED


class Together:
    """One commit for the records of a block: all or nothing."""

    __slots__ = ("_under_way",)

    def __init__(self, under_way: UnderWay) -> None:
        self._under_way = under_way

    def __enter__(self) -> None:
        self._under_way.begin_together()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._under_way.end_together(commit=kind is None)


class UnderWay:
    """The deliveries that this process has leased, and the records of these deliveries."""

    __slots__ = (
        "_before", "_database", "_lock", "_next_reply", "_open", "_undo", "accepted", "is_open",
        "layers", "points", "run",
    )  # fmt: skip

    def __init__(self, database: Database, run: int, lock: RunLock, layers: Layers) -> None:
        self._database = database
        #: To be noted behind whatever may begin the journal anew.
        self.layers = layers
        self._lock = lock
        self._open: dict[int, Leased] = {}
        #: Whether the ledger is still open for writing.
        self.is_open = True
        # What to put back if a commit of several records fails; None outside of one.
        self._undo: list[tuple[int, Leased, bool]] | None = None
        self._before = (0, 0, 0)
        #: How many commit points this run has passed.
        self.points = 0
        #: The number of this run in the ledger.
        self.run = run
        #: How many deliveries were accepted as a whole since they were folded last.
        self.accepted = 0
        with database.guard:
            (last,) = database.connection.execute(
                "SELECT max((SELECT coalesce(max(id), 0) FROM reply),"
                " (SELECT coalesce(max(reply_id), 0) FROM outcome),"
                " (SELECT coalesce(max(reply_id), 0) FROM lease))"
            ).fetchone()
        self._next_reply = int(last) + 1

    def __len__(self) -> int:
        return len(self._open)

    def add(self, delivery_id: int, leased: Leased) -> None:
        """Take note of a delivery that has just been leased."""
        self._open[delivery_id] = leased

    def end(self) -> None:
        """Record nothing any more: the ledger is put away."""
        self._open.clear()
        self.is_open = False

    def check_open(self) -> None:
        """Raise LedgerError where the ledger is put away already."""
        if not self.is_open:
            raise self._broken("the ledger is not open for writing")

    def record(
        self,
        settlements: Sequence[Settlement],
        points: Sequence[CommitPoint],
        suspicion: Suspicion | None = None,
    ) -> None:
        """Record outcomes and commit points in one commit: all or nothing (`ports.Records`)."""
        if suspicion is None and len(settlements) + len(points) == 1:
            self._record(settlements, points)
            return
        with self.together():
            if suspicion is not None:
                self.suspect(suspicion.since)
            self._record(settlements, points)

    def _record(self, settlements: Sequence[Settlement], points: Sequence[CommitPoint]) -> None:
        for delivery_id, outcomes, now, retry_at, resume_at in settlements:
            self.settle(delivery_id, outcomes, now=now, retry_at=retry_at, resume_at=resume_at)
        for delivery_id, digest in points:
            self.commit_point(delivery_id, digest=digest)

    def suspect(self, since: float | None) -> None:
        """Note since when refusals may turn out to be trouble of the account; None: none may."""
        self.check_open()
        with self._database.transaction() as connection:
            suspicions.suspect(connection, since)

    def give_back(self, since: float, reply: Reply) -> int:
        """Make pending the recipients that this reply rejected since then; return the rows."""
        self.check_open()
        fold_ahead(self._database)
        with self._database.transaction(durable=True) as connection:
            return suspicions.give_back(connection, since, reply)

    def together(self) -> Together:
        """Record the commit points and outcomes of a block in one commit, which survives kill -9.

        Where the commit fails nothing of the block is recorded, and all is as before.
        """
        self.check_open()
        return Together(self)

    def begin_together(self) -> None:
        """Begin to record commit points and outcomes in one commit."""
        self._database.begin_together()
        self._undo, self._before = [], (self._next_reply, self.accepted, self.points)

    def end_together(self, *, commit: bool) -> None:
        """End the commit of several records; if none of them is recorded, all is as before."""
        undo, self._undo = self._undo or [], None
        done, passes = False, commit and self.points > self._before[2]
        try:
            try:
                if passes:
                    self._lock.check()
            except BaseException:
                commit = False
                raise
            finally:
                self._database.end_together(commit=commit)
            done = commit
            if passes:
                self._lock.count(self.run, self.points)
        finally:
            if not done:
                for delivery_id, leased, committed in reversed(undo):
                    leased.committed = committed
                    self._open[delivery_id] = leased
                self._next_reply, self.accepted, self.points = self._before

    def commit_point(self, delivery_id: int, *, digest: bytes | None = None) -> None:
        """Record that the end of data is about to leave; the record survives kill -9."""
        leased = self._leased(delivery_id)
        if leased.committed:
            raise self._broken(f"delivery {delivery_id} has passed its commit point already")
        alone = self._undo is None
        if alone:  # else before the commit
            self._lock.check()
        self._change_lease(_COMMIT, (self.points + 1, digest, delivery_id, self.run))
        self._note(delivery_id, leased)
        leased.committed = True
        self.points += 1
        if alone:
            self._lock.count(self.run, self.points)

    def settle(
        self,
        delivery_id: int,
        outcomes: Sequence[Outcome],
        *,
        now: float,
        retry_at: float | None,
        resume_at: float = 0.0,
    ) -> None:
        """Record the outcomes of an attempt: all or nothing."""
        leased = self._leased(delivery_id)
        reply = _accepted_by(leased, outcomes)
        if reply is not None:
            self._note(delivery_id, leased)
            self._accept(delivery_id, reply, now)
            return
        rows, copies, number = outcome_rows(
            leased,
            Settlement(delivery_id, outcomes, now, retry_at, resume_at),
            self._next_reply,
            self._broken,
        )
        self._note(delivery_id, leased)
        self._insert(delivery_id, rows, copies, now)
        self._next_reply = number
        del self._open[delivery_id]

    def _accept(self, delivery_id: int, reply: Reply, now: float) -> None:
        """Record that all recipients have the message, in one row."""
        said = (self._next_reply, reply.code, reply.enhanced, reply.text)
        self._change_lease(_ACCEPT, (now, *said, delivery_id, self.run))
        self._next_reply += 1
        self.accepted += 1
        del self._open[delivery_id]

    def _change_lease(self, statement: str, values: tuple[object, ...]) -> None:
        """Change one lease of this run, which must be there."""
        try:  # as `Database.guard` does, twice for every message
            changed = self._database.connection.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise from_sqlite(self._database.path, error) from error
        if changed != 1:
            raise self._lost()

    def _note(self, delivery_id: int, leased: Leased) -> None:
        """Note a delivery as it is, before a record changes the delivery."""
        if self._undo is not None:
            self._undo.append((delivery_id, leased, leased.committed))

    def _insert(
        self, delivery_id: int, rows: list[OutcomeRow], copies: list[Outcome], now: float
    ) -> None:
        if len(rows) == 1 and not copies:
            with self._database.guard:
                changed = self._database.connection.execute(
                    _INSERT_OURS, (*rows[0], delivery_id, self.run)
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
                f"INSERT OR REPLACE INTO copy SELECT ?, ?, ?, ?, ?, ?, ?, ?, {AT}",
                (_copy_row(delivery_id, copy, now) for copy in copies),
            )

    def release(self, delivery_ids: Iterable[int]) -> None:
        """Give leased deliveries back that were not tried: as if never leased."""
        ids = list(dict.fromkeys(delivery_ids))
        for delivery_id in ids:
            if self._leased(delivery_id).committed:
                raise self._broken(f"delivery {delivery_id} is released behind its commit point")
        with self._database.transaction() as connection:
            release(connection, ids)
        for delivery_id in ids:
            del self._open[delivery_id]

    def leave(self, delivery_ids: Iterable[int]) -> None:
        """Keep no note of leased deliveries (`ports.Records`)."""
        for delivery_id in delivery_ids:
            self._open.pop(delivery_id, None)

    def invalidate(self, delivery_id: int, reason: str, *, now: float) -> None:
        """Mark the rows of a leased delivery as not mailable; a resent one is in doubt again."""
        if self._leased(delivery_id).committed:
            raise self._broken(f"delivery {delivery_id} is invalid behind its commit point")
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE recipient SET status = CASE WHEN resend THEN 'in_doubt' ELSE 'invalid' END,"
                " reason = ?, due = NULL, settled_at = ?, resend = 0"
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


_COMMIT = "UPDATE lease SET committed = ?, digest = ? WHERE delivery_id = ? AND run = ?"
_ACCEPT = """
UPDATE lease SET accepted_at = ?, reply_id = ?, code = ?, enhanced = ?, reply = ?
WHERE delivery_id = ? AND run = ?
"""
_INSERT = "INSERT INTO outcome SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
_IS_OURS = "EXISTS (SELECT 1 FROM lease WHERE delivery_id = ? AND run = ?)"
_INSERT_OURS = f"{_INSERT} WHERE {_IS_OURS}"


def _accepted_by(leased: Leased, outcomes: Sequence[Outcome]) -> Reply | None:
    """Return the reply by which all recipients got the message; None where there is more to say."""
    if not leased.whole or not leased.committed or len(outcomes) != len(leased.ids):
        return None
    alike = outcomes if isinstance(outcomes, SameForAll) else SameForAll.of(outcomes)
    if alike is None or alike.status is not _ACCEPTED or not alike.counted or alike.reason:
        return None
    if alike.addresses != leased.addresses and set(alike.addresses) != set(leased.addresses):
        return None
    return alike.reply


def _copy_row(delivery_id: int, copy: Outcome, now: float) -> tuple[object, ...]:
    reply = copy.reply
    seen = (None, None, None) if reply is None else (reply.code, reply.enhanced, reply.text)
    return (delivery_id, copy.address, str(copy.status), *seen, copy.reason, now)


def release(connection: sqlite3.Connection, delivery_ids: Iterable[int]) -> None:
    """End leases that came to nothing, inside a transaction.

    A first lease takes Message-ID and Date along: no server has seen them, and a mail that
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
