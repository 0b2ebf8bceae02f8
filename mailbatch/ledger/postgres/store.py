"""A ledger in PostgreSQL, of one edition of one job; `mailbatch.ledger.postgres` has the rules.

    with PostgresLedger.read(place_in(url, "news", "48")) as ledger:
        print(ledger.standing.counts())

This module must never send, render, wait for a lock, or read a clock.

Tests: tests/ledger/contract/test_model.py, tests/ledger/postgres/test_opening.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mailbatch.errors import LedgerError
from mailbatch.ledger.attempts import Names
from mailbatch.ledger.ports import HeldBy, OpenLedger, Recovery
from mailbatch.ledger.postgres.address import Place
from mailbatch.ledger.postgres.archiving import put_away
from mailbatch.ledger.postgres.continuity import check_origin, name_of
from mailbatch.ledger.postgres.doubts import InDoubt
from mailbatch.ledger.postgres.grants import Grants
from mailbatch.ledger.postgres.leasing import Leasing
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.opening import (
    Entered,
    check_ledger,
    enter,
    join,
    leave,
    locked,
    writers,
)
from mailbatch.ledger.postgres.planning import Planning
from mailbatch.ledger.postgres.proof import Proof
from mailbatch.ledger.postgres.publication import OfDatabase
from mailbatch.ledger.postgres.recording import Recording
from mailbatch.ledger.postgres.rejoining import rejoin
from mailbatch.ledger.postgres.standing import Standing
from mailbatch.ledger.postgres.threads import Thread
from mailbatch.ledger.postgres.witness import heard_of

if TYPE_CHECKING:
    from mailbatch.ledger.postgres.forgetting import Forgetting


class PostgresLedger:
    """The ledger of one (job, edition) in a database; a context manager.

    `open` returns a ledger for a run, `reopen` one for decisions, `read` one for readers. Every
    method raises LedgerError (74) when the database fails or refuses.
    """

    __slots__ = ("_held", "_leasing", "_link", "_records", "doubts", "edition", "job",
                 "moved", "plan", "publication", "recovered", "standing", "thread")  # fmt: skip

    def __init__(
        self,
        link: Link,
        facts: Mapping[str, str],
        entered: Entered | None,
        domain: str | None = None,
        bundle: str | None = None,
    ) -> None:
        self._link = link
        self._held = (
            OpenLeases() if entered is None else OpenLeases(entered.worker, entered.witness)
        )
        grants = Grants(link, self._held, facts["job"])
        self._leasing: Leasing | None = None
        if entered is not None and domain is not None:
            seed = entered.facts["seed"]
            names = Names(job=facts["job"], edition=facts["edition"], secret=seed, domain=domain)
            self._leasing = Leasing(link, self._held, names, grants, bundle=bundle)
        self._records = None if entered is None else Recording(link, self._held)
        if entered is not None:
            link.rejoin_by(partial(rejoin, link, self._held))
        self.job = facts["job"]
        self.edition = facts["edition"]
        #: Deliveries that dead workers had left open, as they were recovered.
        self.recovered = Recovery() if entered is None else entered.recovered
        #: A database is always at its place.
        self.moved: tuple[str, str] | None = None
        self.standing = Standing(link, self.edition)
        self.plan = Planning(link, self._held)
        self.doubts = InDoubt(link, self._held)
        self.thread = Thread(link, self._held)
        self.publication = OfDatabase(link, self._held, grants, partial(self._names, facts))

    @staticmethod
    def _names(facts: Mapping[str, str], domain: str) -> Names:
        """Return the maker of Message-IDs at a domain."""
        return Names(
            job=facts["job"], edition=facts["edition"], secret=facts["seed"], domain=domain
        )

    @classmethod
    def open(
        cls,
        place: Place,
        *,
        job: str,
        edition: str,
        message_id_domain: str,
        secret: str | None = None,
    ) -> Self:
        """Open the ledger of an edition for a run: created if missing, locked, recovered.

        `message_id_domain` goes into the Message-IDs that are fixed from now on, and so does the
        secret of the ledger: `secret` for a ledger that is created here, by default a random one.

        Raises:
            LedgerLocked: another run holds the ledger.
            LedgerError: the server or the ledger is not fit.
        """
        facts = {"job": job, "edition": edition}
        if secret is not None:
            facts["seed"] = secret
        return cls._enter(place, facts, message_id_domain)

    @classmethod
    def join(cls, place: Place, *, message_id_domain: str, bundle: str) -> Self:
        """Open the ledger of an edition as a worker beside others, that never changes the plan.

        `bundle` is the mark of the bundle that the messages are made of (`Published.mark`): where
        the mailing has another one, nothing is leased any more.

        Raises:
            LedgerError: there is none; the server or the ledger is not fit.
        """
        link = Link(place)
        try:
            entered = link.wait(join(link))
        except BaseException:
            link.close()
            raise
        return cls(link, entered.facts, entered, message_id_domain, bundle)

    @classmethod
    def reopen(cls, place: Place, *, restored: bool = False, beside: bool = False) -> Self:
        """Open the ledger of an edition to decide, not to send: locked, recovered.

        `restored` takes the ledger as it stands, although this may be an older copy; deliveries
        that were leased and not settled are in doubt. `beside`: also while a run is under way.

        Raises:
            LedgerError: there is none; else as `open`.
        """
        return cls._enter(place, None, None, restored=restored, beside=beside)

    @classmethod
    def read(cls, place: Place) -> Self:
        """Open the ledger of an edition to read, also while a run writes.

        Raises:
            LedgerError: there is none, or one of another version.
        """
        link = Link(place)
        try:
            facts = link.wait(_look(link))
        except BaseException:
            link.close()
            raise
        return cls(link, facts, None)

    @classmethod
    def _enter(
        cls,
        place: Place,
        facts: Mapping[str, str] | None,
        domain: str | None,
        *,
        restored: bool = False,
        beside: bool = False,
    ) -> Self:
        link = Link(place)
        try:
            entered = link.wait(enter(link, facts, restored=restored, beside=beside))
        except BaseException:
            link.close()
            raise
        return cls(link, entered.facts, entered, domain)

    @property
    def worker(self) -> int:
        """The number of the worker that this process is now; 0: the ledger is only read."""
        return self._held.worker

    @property
    def leases(self) -> Leasing:
        """The deliveries that are due, of a ledger that is open to run."""
        if self._leasing is None:
            raise self._link.broken("the ledger is not open to send")
        return self._leasing

    @property
    def records(self) -> Recording:
        """The records of leased deliveries, of a ledger that is open for writing."""
        if self._records is None:
            raise self._link.closed()
        return self._records

    @property
    def path(self) -> Path:
        """The place of the ledger, as messages name it: no path of a file."""
        return Path(self._link.name)

    @contextmanager
    def proof(self) -> Iterator[Proof]:
        """Have the proof of the edition, of one snapshot of the database.

        Raises:
            LedgerError: this user may not read the secret that names recipients (74).
        """
        secret = self._link.wait(self._link.fact("seed"))
        if secret is None:
            raise LedgerError(
                f"{self._link.name}: this user may not read the secret that names recipients",
                hint="name a user in the URL who may run the mailing",
            )
        with self._link.snapshots.take() as ask:
            yield Proof(ask, edition=self.edition, secret=secret)

    def forgetting(self) -> Forgetting:
        """Return the forgetting of people, of a ledger that is open to read or to decide."""
        from mailbatch.ledger.postgres.forgetting import Forgetting

        return Forgetting(self._link, self._held)

    def writers(self) -> tuple[HeldBy, ...]:
        """Return the other processes that write the ledger now, the run before its workers."""
        return self._link.wait(writers(self._link, but=self._held.worker))

    def listen(self, tell: Callable[[str], None]) -> None:
        """Have `tell` hear, in the thread of the link, when a database is waited for."""
        self._link.listen(tell)

    def put_away(self, now: float) -> None:
        """Drop the recipients of an edition whose results are written, at `now` (seconds, epoch).

        The ledger can only be closed afterwards, and is not opened any more.

        Raises:
            LedgerLocked: another process writes the ledger, or reads it for long.
            LedgerError: the database fails, or the ledger is another user's (74).
        """
        self._link.wait(put_away(self._link, self._held, now))

    def check_idle(self) -> None:
        """Raise LedgerLocked if another process writes the ledger: nothing is final yet."""
        others = self.writers()
        if others:
            hint = "wait for it to end: it may be mailing those very people"
            raise locked(self._link, others[0], hint=hint)

    def close(self) -> None:
        """Put the ledger away and free the lock; leased deliveries wait for the next opening.

        Without effect the second time. A connection that is gone has freed the lock already.
        """
        self._held.end()
        self._leasing = self._records = None
        self._link.give_up()
        if self._held.worker:
            with suppress(LedgerError):
                self._link.wait(self.publication.lookout.close())
                self._link.wait(self.publication.turns.close())
                self._link.wait(leave(self._link, self._held))
        self._link.close()
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


async def _look(link: Link) -> dict[str, str]:
    async with link.reading() as connection:
        # Before the position is asked, which goes on meanwhile.
        heard = heard_of(link.seen, await name_of(link, connection))
        facts = await check_ledger(link, connection, None)
        # A standby that answers readers is behind by its nature.
        if not await connection.fetchval("SELECT pg_is_in_recovery()"):
            await check_origin(link, connection, heard, writes=False)
        return facts


if TYPE_CHECKING:  # every role is there, as the ports have it
    _OPENED: Callable[[Place], OpenLedger] = PostgresLedger.read
