"""The publication of a mailing to workers without a job file: a role of a ledger in a database.

    publication = publication_of(ledger)           # None: a file, which one process sends
    publication.publish(Published(name, samples, versions), data)
    ...
    publication.current()                          # on another machine

A worker composes of the bundle, and first makes the samples: equal bytes are the proof that its
messages are those of the run. This module must never import a module that stores anything.

Tests: tests/ledger/postgres/test_publication.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from mailbatch.envelope import Delivery
from mailbatch.frozen import frozen
from mailbatch.ledger.ports import HeldBy, OpenLedger
from mailbatch.outcome import Status

#: All terms that this version keeps (`Published.terms`).
TERMS = ("guard", "thread")


class Sample(NamedTuple):
    """A message that every worker has to make with the same bytes.

    `recipient` is the id of a row in the ledger, `digest` the SHA-256 of the content in hex digits;
    empty where the message cannot be made; of a mailing with terms that of both.
    """

    recipient: int
    digest: str


@frozen
class Published:
    """A mailing that workers may send: the name of its bundle, samples, and versions by name.

    `rate` is that of all workers together, in recipients per second; None: no limit. `file` is the
    path of a bundle that is too large for the database, on the machine of the run; None: the
    database has the bundle. `step` is the number of recipients that may have been sent to, over all
    workers, before a guard has judged again; None: no guard watches. `threaded`: workers place
    messages behind those of earlier editions.
    """

    bundle: str
    samples: Sequence[Sample]
    versions: Mapping[str, str]
    rate: float | None = None
    file: str | None = None
    step: int | None = None
    threaded: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms that a worker has to keep beside the bytes: one without them may not send.

        They are part of the digests of samples, so that a mailbatch from before a term, which reads
        past it, finds another message than its own, and leaves.
        """
        kept = (self.step is not None, self.threaded)
        return tuple(name for name, is_so in zip(TERMS, kept, strict=True) if is_so)

    @property
    def mark(self) -> str:
        """The name that claims hold a worker to: that of the bundle, with the terms."""
        return " ".join((self.bundle, *self.terms))


@frozen
class Company:
    """The other processes that write a ledger, and all rows of the table by their status."""

    workers: Sequence[HeldBy]
    counts: Mapping[Status, int]


@frozen
class Counted:
    """The recipients that count against a daily number, at the instant `now` (seconds, epoch).

    `taken` has pairs of an instant and a number, those that servers took by then, over all editions
    of the job. `under_way` are those that workers have leased, at most. `busy`: processes write
    another edition of the job.
    """

    now: float
    taken: Sequence[tuple[float, int]]
    under_way: int
    busy: bool = False


class Grant(NamedTuple):
    """The recipients that may be claimed; `waits`: outcomes under way may leave room for more."""

    recipients: int
    waits: bool = False


class Bound(Protocol):
    """A bound of the recipients that all workers of a mailing may claim; asked in any thread.

    `copies` is the number of addresses that a message has beside those of its recipients, at most.
    """

    copies: int

    def since(self, now: float) -> float:
        """Return since when recipients have to be counted (seconds since the epoch)."""

    def judge(self, counted: Counted) -> Grant:
        """Return how many recipients may be claimed, copies included."""

    def pass_on(self) -> None:
        """Note that a claim was granted without a count."""


class Turns(Protocol):
    """The turns of the rate that all workers share; used in the event loop of a run."""

    def take(self, recipients: int) -> Awaitable[float]:
        """Take turns for so many recipients; the answer is the wait before their use, in seconds.

        Below 0.0 the turns have passed already. Without a rate no turn has a wait. An awaitable
        raises LedgerError where no turn can be had.
        """


class Publication(Protocol):
    """The mailing as workers without a job file see it.

    Calls are blocking, but those of turns and `company`.
    """

    @property
    def turns(self) -> Turns:
        """The turns of the rate of the mailing, by the clock of the database."""

    def bound_by(self, bound: Bound) -> None:
        """Have claims of this process take recipients within a bound, and count for it now.

        Raises:
            LedgerError: the database fails.
        """

    def judged_by(self, bound: Bound) -> None:
        """Have a bound judge what counts now; no claim is bound, nor counts again by that.

        Raises:
            LedgerError: the database fails.
        """

    def telling(self, domain: str) -> list[tuple[int, Delivery]]:
        """Return the deliveries of telling recipients, with their row ids: samples of a plan.

        The rows with the shortest and the longest cells, and with the most non-ASCII text.
        `domain` goes into the Message-IDs.
        """

    def delivery_of(self, recipient: int, domain: str) -> Delivery | None:
        """Return the sample delivery of a row, as `telling` does; None where the row is gone."""

    def publish(self, published: Published, archive: bytes) -> None:
        """Let workers send with the bundle in `archive`, which is stored unless it has a file.

        Another bundle than before waits until nothing is leased.

        Raises:
            LedgerLocked: workers have messages under way, made of another bundle.
        """

    def withdraw(self, rate: float | None = None) -> None:
        """Let no worker without a job file claim any more; turns are of the rate of this run."""

    @property
    def step_is_used_up(self) -> bool:
        """Whether the last claim of this process got nothing, since a guard has to judge before."""

    def current(self) -> Published | None:
        """Return what is published, None: nothing is.

        Raises:
            JobError: it has terms that this version does not know (78).
        """

    def archive(self, bundle: str) -> bytes | None:
        """Return the archive of a bundle by its name; None where there is none."""

    def is_left(self) -> bool:
        """Bury workers that are gone, and say whether anything is due, deferred or under way."""

    def is_due(self, within: float) -> bool:
        """Say whether a worker is wanted within so many seconds, or anything is under way."""

    def clock_ahead(self) -> float:
        """Return by how much the clock of the database is ahead of this machine's, in seconds."""

    def company(self) -> Awaitable[Company | None]:
        """Return the other workers and all counts, in the event loop of a run, beside its sending.

        None: no other worker has been there since the opening. An awaitable raises LedgerError
        where the database does not answer now; nothing is waited for.
        """

    def stop(self, words: str, exit_code: int) -> None:
        """Stop all workers by trouble that is the trouble of all; the first words stay."""


@runtime_checkable
class _Publishing(Protocol):
    """A ledger that workers without a job file can join."""

    @property
    def publication(self) -> Publication: ...


def publication_of(ledger: OpenLedger) -> Publication | None:
    """Return the publication of a ledger in a database; None for a file."""
    return ledger.publication if isinstance(ledger, _Publishing) else None
