"""The ledger: what is certain about every recipient of one edition of one job.

One SQLite file, one writing process at a time. The promise it keeps: nobody is mailed twice
silently and nobody is lost, whatever dies. Per delivery: `lease` (intend), `commit_point` before
the last bytes of the end of data are handed over, `settle` after the reply.

    kill -9, or the process dies   leased: pending again; behind its commit point: in doubt
    power loss, or the system dies  every leased, unsettled delivery: in doubt

This module must never send, render, wait, or read a clock but for the lock's note of who holds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from mailbatch.envelope import Delivery, Recipient
from mailbatch.errors import LedgerError
from mailbatch.files import sync_folder
from mailbatch.ledger import plan, recovery, space, standing, suspicion
from mailbatch.ledger.abandoned import look_through
from mailbatch.ledger.boot import boot_id as this_boot
from mailbatch.ledger.damage import seal
from mailbatch.ledger.database import (
    Database,
    check_exists,
    make_folder,
    open_for_reading,
    set_fact,
)
from mailbatch.ledger.failure import broken_rule, from_system
from mailbatch.ledger.folding import fold_all
from mailbatch.ledger.holder import Holder
from mailbatch.ledger.leasing import Leasing, lots
from mailbatch.ledger.lock import RunLock, is_held, last_holder, last_memory, locked
from mailbatch.ledger.opening import Opened, begin, check_unless_written, lock_of, open_locked
from mailbatch.ledger.plan import PlanChange
from mailbatch.ledger.recovery import Decision, Doubt, Recovery
from mailbatch.ledger.standing import ResultRow, UnfinishedRow
from mailbatch.ledger.under_way import Together, UnderWay
from mailbatch.outcome import UNFINISHED, Outcome, Reply, Status


class Ledger:
    """The ledger of one (job, edition); a context manager.

    `open` gives one that a run writes, `read` one that only looks. Every method raises LedgerError
    (74) when the file cannot be read or written; then nothing of that call was recorded.
    """

    __slots__ = ("_database", "_leasing", "_lock", "_under_way", "edition", "job", "moved",
                 "recovered")  # fmt: skip

    def __init__(self, database: Database, lock: RunLock | None = None) -> None:
        self._database = database
        self._lock = lock
        self._leasing: Leasing | None = None
        self._under_way: UnderWay | None = None
        self.job: str = database.fact("job") or ""
        self.edition: str = database.fact("edition") or ""
        #: What a dead run had left open, and what became of it.
        self.recovered = Recovery()
        #: Where its last run was (path, machine), if in another place.
        self.moved: tuple[str, str] | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        job: str,
        edition: str,
        message_id_domain: str,
        boot_id: str | None = None,
    ) -> Ledger:
        """The ledger at `path` for a run: created if there is none, locked, checked, recovered.

        `message_id_domain` goes into the Message-IDs that are fixed from now on. Raises
        LedgerLocked (75) while another run holds it, LedgerError if it is damaged or belongs to
        another job or edition.
        """
        boot = boot_id or this_boot()
        try:
            make_folder(path.parent)
        except OSError as error:
            raise from_system(path.parent, error, what="the folder cannot be made") from error
        facts = {"job": job, "edition": edition, "boot_id": boot}
        return cls._open(path, boot, facts, message_id_domain)

    @classmethod
    def reopen(cls, path: Path, *, boot_id: str | None = None, restored: bool = False) -> Ledger:
        """The ledger at `path` to decide about, not to send: locked, checked, recovered.

        `restored` takes it as it stands, although it may be an older copy; what was leased and not
        settled is in doubt. Raises LedgerError if there is none, else what `open` raises.
        """
        check_exists(path)
        return cls._open(path, boot_id or this_boot(), None, None, restored=restored)

    @classmethod
    def _open(
        cls, path: Path, boot: str, facts: Mapping[str, str] | None, domain: str | None,
        *, restored: bool = False,
    ) -> Ledger:  # fmt: skip
        opened = open_locked(path, boot=boot, facts=facts, restored=restored)
        ledger = cls(opened.database, opened.lock)
        ledger.moved = opened.moved
        try:
            ledger._begin(opened, boot, domain)
        except BaseException:
            ledger._abandon()
            raise
        return ledger

    @classmethod
    def read(cls, path: Path, *, boot_id: str | None = None) -> Ledger:
        """The ledger at `path` to look at, also while a run writes it.

        If its run died, what is in doubt is shown so before the next run records it. Raises
        LedgerError if there is none, if it is damaged, or if it knows less than its last run.
        """
        database = open_for_reading(path)
        try:
            boot = boot_id or this_boot()
            check_unless_written(path, database, boot=boot)
            look_through(database, last_memory(lock_of(path), boot=boot), boot=boot)
            return cls(database)
        except BaseException:
            database.close()
            raise

    def _begin(self, opened: Opened, boot: str, domain: str | None) -> None:
        self._under_way, self.recovered = begin(opened, boot)
        if domain is not None:
            self._leasing = Leasing(
                self._database, self._under_way, job=self.job, edition=self.edition, domain=domain
            )

    @property
    def path(self) -> Path:
        """Where the ledger is."""
        return self._database.path

    def close(self) -> None:
        """Put the ledger away and free the lock; what is leased waits for the next open.

        Without effect the second time.
        """
        if self._lock is not None and self._under_way is not None:
            run, self._under_way, self._leasing = self._under_way.run, None, None
            in_order = False
            try:
                fold_all(self._database, run=run)
                # What was taken away is not put away: the note goes on to say that it is open.
                if self._lock.is_at_its_place() and self._database.is_at_its_place():
                    self._lock.mark(running=False, lots=lots(self._database))
                    in_order = True
            finally:
                self._abandon(in_order=in_order)
        else:
            self._abandon()

    def _abandon(self, *, in_order: bool = False) -> None:
        try:
            number = lots(self._database) if in_order else 0
            self._database.close()
            if in_order and self._lock is not None:
                with suppress(OSError):  # the journal that is gone must not come back
                    sync_folder(self.path.parent)
                with suppress(OSError, LedgerError):  # without its seal it is checked page by page
                    self._lock.mark(running=False, lots=number, seal=seal(self.path))
        finally:
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def check_idle(self) -> None:
        """Raise LedgerLocked (75) if another process writes the ledger: nothing is final yet."""
        holder = self.held_by()
        if holder is not None:
            raise locked(
                lock_of(self.path),
                holder,
                hint="wait for it to end: it may be mailing those very people",
            )

    def held_by(self) -> Holder | None:
        """Return which other process writes the ledger now; None if none does."""
        lock = lock_of(self.path)
        holder = last_holder(lock)
        # Who died left its note, and another process may have its number by now.
        if self._lock is None and holder is not None and holder.running and is_held(lock):
            return holder
        return None

    # The plan

    def reconcile(
        self,
        columns: Sequence[str],
        rows: Iterable[Recipient],
        *,
        group_by: Sequence[str],
        recipients_per_transaction: int,
    ) -> PlanChange:
        """Make the plan that of `rows`, in one synced transaction; the memory stays flat.

        Rows come in the order of their lines, each line once. Settled recipients stay as they are.
        Whatever `rows` raises passes through and leaves the old plan standing.
        """
        under_way = self._writing()
        if len(under_way):
            raise broken_rule(self.path, "the plan changes while deliveries are leased")
        change = plan.reconcile(
            self._database,
            columns,
            rows,
            group_by=group_by,
            recipients_per_transaction=recipients_per_transaction,
        )
        under_way.layers.note()
        return change

    def content_digests(self) -> dict[str, str]:
        """The digests of the message's own inputs that were set last; empty before that."""
        return dict(json.loads(self._database.fact("content_digests") or "{}"))

    def set_content_digests(self, digests: Mapping[str, str]) -> None:
        """Keep the digests of the message's own inputs, by their names."""
        self._writing()
        with self._database.transaction(durable=True) as connection:
            set_fact(connection, "content_digests", json.dumps(dict(digests), sort_keys=True))

    def knows(self, address: str) -> bool:
        """Whether a row of the table, as it was planned last, has this address."""
        return standing.knows(self._database, address)

    def shares_messages(self) -> bool:
        """Whether any delivery goes to several addresses."""
        return standing.shares_messages(self._database)

    def reserve_space(self, rows: int | None = None) -> None:
        """Take the room from the file system that sending to `rows` recipients will fill.

        None: to everybody who is pending or deferred. Raises LedgerError (74) if there is not
        enough, before anything is sent.
        """
        self._writing()
        if rows is None:
            counts = self.counts()
            rows = sum(counts[status] for status in UNFINISHED)
        space.reserve(self._database, rows)

    # The run

    def lease(
        self, count: int, *, now: float, address: str | None = None, most: int | None = None
    ) -> list[Delivery]:
        """At most `count` deliveries that are due at `now`, leased and synced to the disk.

        Pending ones come in the order of the table; deferred ones whose time has come get a
        quarter of the lot, and all of it once nothing else is pending. With `address` only its
        delivery, for this address alone. Each goes to `most` recipients at most (None: to all).
        """
        if self._leasing is None or self._lock is None:
            raise broken_rule(self.path, "the ledger is not open to send")
        self._lock.check()
        self._database.check_place()
        leased = self._leasing.lease(count, now=now, address=address, most=most)
        if leased:  # after the commit, and before anything of it can be sent
            self._lock.mark(running=True, lots=self._leasing.lots)
            self._database.keep_reading()
        return leased

    def release(self, delivery_ids: Iterable[int]) -> None:
        """Give back deliveries that were leased and not tried; no attempt is counted."""
        self._writing().release(delivery_ids)

    def commit_point(self, delivery_id: int, *, digest: bytes | None = None) -> None:
        """Record, before the last bytes of the end of data leave, that they are about to.

        It survives kill -9 when this returns. `digest` is the SHA-256 of the content, kept while
        the delivery may have to be sent again.
        """
        self._writing().commit_point(delivery_id, digest)

    def settle(
        self,
        delivery_id: int,
        outcomes: Sequence[Outcome],
        *,
        now: float,
        retry_at: float | None,
        resume_at: float = 0.0,
    ) -> None:
        """Record one outcome for every address of the attempt, recipients and copies.

        Whoever is deferred, or pending with an attempt counted, is due again at `retry_at` (None:
        not in this run); without an attempt counted: at `resume_at` (0: at once). It survives
        kill -9 when this returns.
        """
        self._writing().settle(
            delivery_id, outcomes, now=now, retry_at=retry_at, resume_at=resume_at
        )

    def suspect(self, since: float | None) -> None:
        """Note since when refusals may turn out to be trouble of the account; None: none may."""
        self._writing()
        with self._database.transaction() as connection:
            suspicion.suspect(connection, since)

    def give_back(self, since: float, reply: Reply) -> int:
        """Make pending again whoever was rejected since then by this reply; how many rows."""
        self._writing()
        with self._database.transaction(durable=True) as connection:
            return suspicion.give_back(connection, since, reply)

    def together(self) -> Together:
        """Record the commit points and outcomes of a block in one commit, which survives kill -9.

        Where it fails nothing of the block is recorded, and all is as before.
        """
        return Together(self._writing())

    def invalidate(self, delivery_id: int, reason: str, *, now: float) -> None:
        """Mark the rows of a leased delivery as invalid; the next plan asks for them again."""
        self._writing().invalidate(delivery_id, reason, now)

    def reopen_deferred(self) -> int:
        """Begin a run: whoever is pending or deferred is due now, with fresh tries.

        Returns the number of deferred rows.
        """
        self._writing()
        counts = self.counts()
        if any(counts[status] for status in UNFINISHED):
            with self._database.transaction() as connection:
                set_fact(connection, "finished_at", None)
        return recovery.reopen_deferred(self._database)

    def reopen_rejected(self) -> int:
        """Make every rejected recipient pending whom the last plan asks for; the number of rows."""
        self._writing()
        return recovery.reopen_rejected(self._database)

    def due_deliveries(self, most: int) -> int:
        """How many deliveries are due, now or later in this run; counted up to `most`."""
        return standing.due_deliveries(self._database, most)

    def waits_for_the_server(self) -> bool:
        """Whether somebody is pending by a reply of the server, not for want of a try."""
        return standing.waits_for_the_server(self._database)

    def next_due(self) -> float | None:
        """When the next deferred recipient is due; None if no deferred one has tries left."""
        return standing.next_due(self._database)

    def mark_finished(self, now: float) -> None:
        """Note that a run ended at `now`; with nothing pending or deferred it is finished."""
        self._writing()
        counts = self.counts()
        with self._database.transaction(durable=True) as connection:
            if any(counts[status] for status in UNFINISHED):
                set_fact(connection, "finished_at", None)
            elif self._database.fact("finished_at") is None:
                set_fact(connection, "finished_at", repr(now))

    # What is known

    def finished_at(self) -> float | None:
        """When the edition last became finished, seconds since the epoch; None while it is not."""
        found = self._database.fact("finished_at")
        return None if found is None else float(found)

    def counts(self) -> dict[Status, int]:
        """How many rows of the table have each status; every status is there."""
        return standing.counts(self._database)

    def result_rows(self) -> Iterator[ResultRow]:
        """Every row of the table in its order, then those that left it; streams."""
        return standing.result_rows(self._database, self.edition)

    def unfinished_rows(self) -> Iterator[UnfinishedRow]:
        """The rows of the table that are pending, deferred, rejected or invalid, in their order."""
        return standing.unfinished_rows(self._database)

    def columns(self) -> tuple[str, ...]:
        """The columns of the table as it was planned last; none before the first plan."""
        return standing.columns(self._database)

    # Doubt

    def in_doubt(self) -> Iterator[Doubt]:
        """Everybody who may have the message, in the order of the table."""
        return recovery.doubts(self._database)

    def resolve(self, decision: Decision, *, address: str | None = None, now: float) -> int:
        """Settle who is in doubt as somebody decided; the number of rows.

        `accepted`: they have it. `skip`: nobody cares. `resend`: pending again, with the same
        Message-ID and Date. `address` limits it to one recipient.
        """
        self._writing()
        return recovery.resolve(self._database, decision, address=address, now=now)

    def _writing(self) -> UnderWay:
        if self._under_way is None:
            raise broken_rule(self.path, "the ledger is not open for writing")
        return self._under_way
