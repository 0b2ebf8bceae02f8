"""A ledger in one SQLite file, of one edition of one job; `mailbatch.ledger` has the invariants.

One writing process at a time. For each delivery: a lease, a commit point before the last bytes of
the end of data are handed over, an outcome after the reply.

    kill -9, or the process dies     leased: pending again; behind its commit point: in doubt
    power loss, or the system dies   every leased, unsettled delivery: in doubt

This module must never send, render, wait, or read a clock but for the note of the lock.

Tests: tests/ledger/contract/test_model.py, tests/ledger/test_run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mailbatch.errors import LedgerError
from mailbatch.files import sync_folder
from mailbatch.ledger.abandoned import show_recovered
from mailbatch.ledger.damage import seal
from mailbatch.ledger.database import (
    Database,
    check_exists,
    make_folder,
    open_for_reading,
)
from mailbatch.ledger.failure import broken_rule, from_system
from mailbatch.ledger.folding import put_away
from mailbatch.ledger.holder import Holder
from mailbatch.ledger.leasing import Leasing, lots
from mailbatch.ledger.lock import RunLock, is_held, last_holder, last_memory, locked
from mailbatch.ledger.lock import boot_id as this_boot
from mailbatch.ledger.opening import begin, check_unless_written, lock_of, open_locked
from mailbatch.ledger.packing import pack
from mailbatch.ledger.plan import Plan
from mailbatch.ledger.ports import HeldBy, Recovery
from mailbatch.ledger.recovery import InDoubt, move_to
from mailbatch.ledger.standing import Standing
from mailbatch.ledger.threads import Thread
from mailbatch.ledger.under_way import UnderWay

if TYPE_CHECKING:
    from mailbatch.ledger.corrections import Corrections
    from mailbatch.ledger.forgetting import Forgetting
    from mailbatch.ledger.proof import Proof


class Ledger:
    """The ledger of one (job, edition); a context manager.

    `open` returns a ledger for a run, `reopen` one for decisions, `read` one for readers. Every
    method raises LedgerError (74) when the file cannot be read or written; then nothing of that
    call was recorded.
    """

    __slots__ = ("_database", "_leasing", "_lock", "_under_way", "doubts", "edition", "job",
                 "moved", "plan", "recovered", "standing", "thread")  # fmt: skip

    def __init__(
        self,
        database: Database,
        lock: RunLock | None = None,
        under_way: UnderWay | None = None,
        leasing: Leasing | None = None,
    ) -> None:
        self._database = database
        self._lock = lock
        self._under_way = under_way
        self._leasing = leasing
        self.job: str = database.fact("job") or ""
        self.edition: str = database.fact("edition") or ""
        #: Deliveries that a dead run had left open, as they were recovered.
        self.recovered = Recovery()
        #: The place of its last run (path, machine), if that was another place.
        self.moved: tuple[str, str] | None = None
        self.standing = Standing(database)
        self.plan = Plan(database, under_way, self.standing)
        self.doubts = InDoubt(database, under_way)
        self.thread = Thread(database, under_way)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        job: str,
        edition: str,
        message_id_domain: str,
        secret: str | None = None,
        boot_id: str | None = None,
    ) -> Ledger:
        """Open the ledger at `path` for a run: created if missing, locked, checked, recovered.

        `message_id_domain` goes into the Message-IDs that are fixed from now on, and so does the
        secret of the ledger: `secret` for a ledger that is created here, by default a random one.
        Raises LedgerLocked while another run holds the ledger, LedgerError (74) if the ledger
        is damaged or belongs to another job or edition.
        """
        boot = boot_id or this_boot()
        try:
            make_folder(path.parent)
        except OSError as error:
            raise from_system(path.parent, error, what="the folder cannot be made") from error
        facts = {"job": job, "edition": edition, "boot_id": boot}
        if secret is not None:
            facts["seed"] = secret
        return cls._open(path, boot, facts, message_id_domain)

    @classmethod
    def reopen(cls, path: Path, *, boot_id: str | None = None, restored: bool = False) -> Ledger:
        """Open the ledger at `path` to decide, not to send: locked, checked, recovered.

        `restored` takes the ledger as it stands, although it may be an older copy; every delivery
        that was leased and not settled is in doubt. Raises LedgerError if there is none, else as
        `open`.
        """
        check_exists(path)
        return cls._open(path, boot_id or this_boot(), None, None, restored=restored)

    @classmethod
    def _open(
        cls, path: Path, boot: str, facts: Mapping[str, str] | None, domain: str | None,
        *, restored: bool = False,
    ) -> Ledger:  # fmt: skip
        opened = open_locked(path, boot=boot, facts=facts, restored=restored)
        database, lock = opened.database, opened.lock
        try:
            under_way, recovered = begin(opened, boot)
            leasing = None
            if domain is not None and facts is not None:
                names = {"job": facts["job"], "edition": facts["edition"]}
                leasing = Leasing(database, lock, under_way, domain=domain, **names)
            ledger = cls(database, lock, under_way, leasing)
        except BaseException:
            try:
                database.abandon()
            finally:
                lock.release()
            raise
        ledger.moved, ledger.recovered = opened.moved, recovered
        return ledger

    @classmethod
    def read(cls, path: Path, *, boot_id: str | None = None) -> Ledger:
        """Open the ledger at `path` to read, also while a run writes.

        Recipients that a dead run left in doubt are shown so, before the next run records them.
        Raises LedgerError (74) if there is none, if the ledger is damaged, or if it is older than
        its last run.
        """
        database = open_for_reading(path)
        try:
            boot = boot_id or this_boot()
            check_unless_written(path, database, boot=boot)
            show_recovered(database, last_memory(lock_of(path), boot=boot), boot=boot)
            return cls(database)
        except BaseException:
            database.close()
            raise

    @property
    def leases(self) -> Leasing:
        """The deliveries that are due, of a ledger that is open to run."""
        if self._leasing is None:
            raise broken_rule(self.path, "the ledger is not open to send")
        return self._leasing

    @property
    def records(self) -> UnderWay:
        """The records of leased deliveries, of a ledger that is open for writing."""
        if self._under_way is None:
            raise broken_rule(self.path, "the ledger is not open for writing")
        return self._under_way

    def move_to(self, server: str) -> None:
        """Go on at another server of the job, host and port; no delivery may be leased.

        Pending recipients are due there at once, with fresh tries. The next run begins at the first
        server of the job again.
        """
        under_way = self.records
        if len(under_way):
            raise broken_rule(self.path, "the server changes while deliveries are leased")
        move_to(self._database, server)
        under_way.layers.note()

    def forgetting(self) -> Forgetting:
        """Return the forgetting of people, of a ledger that is open to read or to decide."""
        from mailbatch.ledger.forgetting import Forgetting

        return Forgetting(self._database, self._under_way)

    def corrections(self) -> Corrections:
        """Return the corrections that the edition has part in."""
        from mailbatch.ledger.corrections import Corrections

        return Corrections(self._database, self._under_way)

    @contextmanager
    def proof(self) -> Iterator[Proof]:
        """Have the proof of the edition, of a ledger that is open to read.

        Raises:
            LedgerError: the ledger has no secret to name recipients by (74).
        """
        from mailbatch.ledger.proof import Proof

        yield Proof(self._database)

    @property
    def path(self) -> Path:
        """The place of the ledger."""
        return self._database.path

    def close(self) -> None:
        """Put the ledger away and free the lock; leased deliveries wait for the next opening.

        Without effect the second time.
        """
        if self._lock is not None and self._under_way is not None:
            run, layers = self._under_way.run, self._under_way.layers
            self._under_way.end()
            self._under_way = self._leasing = None
            in_order = False
            try:
                put_away(self._database, run=run)
                if pack(self._database):
                    layers.note()
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
        """Raise LedgerLocked if another process writes the ledger: nothing is final yet."""
        holder = self._holder()
        if holder is not None:
            raise locked(
                lock_of(self.path),
                holder,
                hint="wait for it to end: it may be mailing those very people",
            )

    def writers(self) -> tuple[HeldBy, ...]:
        """Return the other process that writes the ledger now, if one does."""
        holder = self._holder()
        return () if holder is None else (holder.process,)

    def listen(self, tell: Callable[[str], None]) -> None:
        """Do nothing: a file lets nobody wait."""

    def _holder(self) -> Holder | None:
        lock = lock_of(self.path)
        holder = last_holder(lock)
        # Who died left its note, and another process may have its number by now.
        if self._lock is None and holder is not None and holder.running and is_held(lock):
            return holder
        return None
