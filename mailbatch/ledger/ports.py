"""A ledger, as the rest of mailbatch sees one: six roles, and the values that pass through these.

    with ledgers.open_to_run(place, job="news", edition="48", message_id_domain=domain) as one:
        one.plan.reconcile(columns, recipients, group_by=(), recipients_per_transaction=100)
        (delivery,) = await answer(one.leases.lease(1, now=now))
        await answer(one.records.record((), [CommitPoint(delivery.id, digest)]))
        ...  # the last bytes leave, the reply comes
        await answer(one.records.record([Settlement(delivery.id, outcomes, now, None)], ()))

A ledger is *near* (a file of this machine: a call returns when all is done) or *far* (a database
behind a network). The rules of both are asked, line by line, in `tests/ledger/contract/`:

**Promise.** No two runs, and no two workers, pass the commit point of one attempt of a delivery.
A delivery whose commit point is recorded and whose outcome is not is in doubt when the worker dies,
and pending only by evidence: an outcome, or the decision of a person; never by time.

**Permanence.** An answer of `Leases.lease`, of `Planning` and of `Doubts.resolve` is on the disk
when given: a power loss takes nothing of that back. An answer of `Records.record` survives the
death of the process (kill -9). A power loss may take records back, and the next opening knows so:
every delivery that was leased and not settled is in doubt then.

**All or nothing.** A call that raises has recorded nothing. A far ledger that lost the connection
may have recorded all of a call; the deliveries are in doubt then, which is safe, since no caller
acts without an answer.

**Not twice.** A commit point, an outcome, a release and an invalidation are of a delivery that this
opened ledger has leased and not settled; for any other delivery, and for the second time, each of
these raises `LedgerError`. Closing a ledger twice is without effect.

**Waiting.** `Leases` and `Records` are used in the event loop of a run, beside other sessions. A
far ledger answers there by an awaitable, and a near one by the value itself: no coroutine and no
turn of the loop is spent upon a file. `answer` takes both. One call of `Records` is under way at a
time: the next one begins behind the answer. One call of `Leases.lease` may be under way beside a
call of `Records`. All other roles are used while nothing else goes on (before the first session,
behind the last one, between the steps of a guarded run, in commands that send nothing): `Planning`,
`Standings`, `Doubts` and `close` are blocking calls.

**Errors.** `LedgerError` (74): the ledger cannot be read or written, or a rule above was broken;
`LedgerLocked`: another run holds the ledger. Only errors of a caller's iterable are raised besides.

This module must never import a module that stores anything.

Tests: tests/ledger/test_run.py, tests/delivery/test_far_ledger.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self, TypeAlias, TypeVar, Union

from mailbatch.envelope import Delivery, Recipient
from mailbatch.frozen import frozen
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger.rows import (
    Before,
    Doubt,
    PlanChange,
)
from mailbatch.ledger.standings import Standings
from mailbatch.outcome import Outcome, Reply

if TYPE_CHECKING:
    from mailbatch.ledger.traces import Tracing

T = TypeVar("T")
#: The answer of a near ledger, or an awaitable of the answer of a far one.
Answer: TypeAlias = Union[T, Awaitable[T]]  # noqa: UP007 - subscripted by the annotations below


async def answer(given: Answer[T]) -> T:
    """Wait for the answer of a ledger that may be far."""
    return await given if isinstance(given, Awaitable) else given


def near(given: Answer[T]) -> T:
    """Return the answer of a ledger that is certain to be near: a scratch ledger, for example.

    Raises:
        TypeError: the ledger is far.
    """
    if isinstance(given, Awaitable):
        raise TypeError("the answer of a far ledger has to be awaited")
    return given


class CommitPoint(NamedTuple):
    """The last bytes of a delivery's content are about to leave.

    `digest` is the content's (module octets), for a resend and as evidence. A tuple, for speed.
    """

    delivery_id: int
    digest: bytes | None = None


class Settlement(NamedTuple):
    """The outcomes of one attempt of a delivery: one for every address, recipients and copies.

    Times are seconds since the epoch. A recipient that is deferred, or pending with an attempt
    counted, is due again at `retry_at` (None: not in this run); one without an attempt counted at
    `resume_at` (0: at once).
    """

    delivery_id: int
    outcomes: Sequence[Outcome]
    now: float
    retry_at: float | None
    resume_at: float = 0.0


class Suspicion(NamedTuple):
    """Since when refusals may be trouble of the account (seconds, epoch); None: none may be.

    A run that dies under suspicion has its refusals made pending by the next one.
    """

    since: float | None


@frozen
class Recovery:
    """Deliveries that a dead run had left open; `recipients` are the rows now in doubt."""

    released: int = 0
    in_doubt: int = 0
    recipients: int = 0


@frozen
class HeldBy:
    """The process that writes a ledger: the number, the machine, and the start as people read it.

    >>> print(HeldBy(4711, "mail1", "2026-11-29T20:00:00Z"))
    process 4711 on mail1, since 2026-11-29T20:00:00Z
    """

    pid: int
    host: str
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


Decision: TypeAlias = Literal["accepted", "resend", "skip"]


class Planning(Protocol):
    """The plan: the recipients of the edition, and the deliveries made of them."""

    def reconcile(
        self,
        columns: Sequence[str],
        rows: Iterable[Recipient],
        *,
        group_by: Sequence[str],
        recipients_per_transaction: int,
        identity: Identity = BY_ADDRESS,
        accept_changes: bool = False,
        now: float | None = None,
    ) -> PlanChange:
        """Make the plan that of `rows`, all or nothing; the memory stays flat.

        Rows come in the order of their lines, each line once, and have the keys of `identity`.
        Settled recipients stay as before; but a rejected one whose address was corrected under the
        same key is pending. An error that `rows` raises passes through and leaves the old plan
        standing.

        With `now` (seconds, epoch) rows wait for `send_at`: a new one for the first from then on.

        An edition that was planned with another identity is mapped: each recipient gets the key
        that its row has now.

        Raises:
            IdentityError: a recipient that was mailed has no such key, or shares it; or rows that
                are no recipients so far are of addresses that have the message, without
                `accept_changes`.
            OverlapError: under the same identity, without `accept_changes`: rows would be mailed at
                addresses that have a message by a key which another address has now; or which no
                row has, and the job names no key.
            SendTimesError: rows of a group have other times of sending than the first one.
        """

    def content_digests(self) -> dict[str, str]:
        """Return the digests of the message's own inputs that were set last; empty before that."""

    def set_content_digests(self, digests: Mapping[str, str]) -> None:
        """Keep the digests of the message's own inputs, by name."""

    def knows(self, address: str) -> bool:
        """Say whether a row of the table, as it was planned last, has this address, or key."""

    def shares_messages(self) -> bool:
        """Say whether any delivery goes to several addresses."""

    def send_times(self, behind: float, line: int | None = None) -> list[tuple[float, int]]:
        """Return later instants that rows, or that at `line`, wait for; and the number of rows."""

    def due_deliveries(self, most: int, *, address: str | None = None) -> int:
        """Count the deliveries that are due, now or later in this run; up to `most`.

        With `address` only those to that address, or to the recipient with that key.
        """

    def reserve_space(self, rows: int | None = None) -> None:
        """Take the room that sending to `rows` recipients will fill, before the first message.

        None: to all recipients that are pending or deferred.

        Raises:
            LedgerError: there is not enough room.
        """

    def reopen_deferred(self) -> int:
        """Begin a run: pending and deferred recipients are due now, with fresh tries.

        Return the number of deferred rows.
        """

    def reopen_rejected(self) -> int:
        """Make the rejected recipients of the last plan pending; return the number of rows."""

    def mark_finished(self, now: float) -> None:
        """Note that a run ended at `now`; without unfinished recipients the edition is finished."""


class Leases(Protocol):
    """The deliveries that are due, leased to this run in lots. Used in the event loop."""

    def lease(
        self, count: int, *, now: float, address: str | None = None, most: int | None = None
    ) -> Answer[list[Delivery]]:
        """Lease at most `count` deliveries that are due at `now`, and return them; empty: none is.

        Pending deliveries come in the order of the table; deferred ones get a quarter of the lot,
        and all of it once nothing else is pending. With `address` only its deliveries, for this
        address alone: the one of each recipient that has it. A text that is the address of no
        recipient is a key. Each delivery goes to `most` recipients at most (None: all).
        """

    def next_due(self, addresses: Sequence[str] = ()) -> float | None:
        """Return when the next delivery, of `addresses` if given, is due; None where none will be.

        Seconds since the epoch, of those that wait for a time. Asked when `lease` gave nothing, and
        answered at once, by a far ledger from the last answers.
        """


class Records(Protocol):
    """Commit points, outcomes and leases given back, recorded in the event loop of a run."""

    def record(
        self,
        settlements: Sequence[Settlement],
        points: Sequence[CommitPoint],
        suspicion: Suspicion | None = None,
    ) -> Answer[None]:
        """Record outcomes and commit points in one commit that survives kill -9: all or nothing.

        `suspicion` None: as before. The last bytes of a content of `points` leave behind the
        answer, and never where the call raises.
        """

    def invalidate(self, delivery_id: int, reason: str, *, now: float) -> Answer[None]:
        """Mark the rows of a leased delivery as invalid; the next plan asks for these again.

        Behind a commit point this raises LedgerError. A recipient that is sent to again is in
        doubt, as before.
        """

    def release(self, delivery_ids: Iterable[int]) -> Answer[None]:
        """Give back deliveries that were leased and not tried; no attempt is counted.

        Raises LedgerError for one behind its commit point.
        """

    def leave(self, delivery_ids: Iterable[int]) -> None:
        """Keep no note of leased deliveries in memory: the next run gives back these leases."""

    def give_back(self, since: float, reply: Reply) -> Answer[int]:
        """Make pending the recipients that this reply rejected since then; return the rows."""


class Doubts(Protocol):
    """The recipients that are in doubt, and the decisions of people about them."""

    def in_doubt(self) -> Iterator[Doubt]:
        """Stream the recipients that may have the message, in the order of the table."""

    def resolve(
        self,
        decision: Decision,
        *,
        address: str | None = None,
        delivery_id: int | None = None,
        now: float,
    ) -> int:
        """Settle the recipients in doubt as a person decided; return the number of rows.

        `accepted`: they have the message. `skip`: they are left alone. `resend`: pending again,
        with the same Message-ID and Date. `address` limits the decision to that address, and
        `delivery_id` to one delivery: rows of one address in one message share the doubt.
        """

    def accept(self, reasons: Mapping[tuple[int, str], str], *, now: float) -> int:
        """Settle recipients in doubt as accepted, in one commit; return the number of rows.

        `reasons` has the proof of each, in words, by the id of the delivery and the address. A
        recipient that is not in doubt is passed over.
        """


class Threads(Protocol):
    """The thread that messages of the edition stand in, and the messages to stand behind."""

    @property
    def ledger(self) -> str:
        """The id of the ledger, which no other ledger has."""

    def before(self) -> tuple[Before, ...] | None:
        """Return the editions of the thread, the last one first; None: none was chosen yet."""

    def keep(self, before: Sequence[Before]) -> tuple[Before, ...]:
        """Keep the editions of the thread, unless some are kept; return those that are kept."""

    def messages(self, keys: Iterable[str], until: float) -> dict[str, str]:
        """Return the Message-ID of each recipient, by key, that was accepted before `until`.

        Seconds since the epoch; Message-IDs without angle brackets. A later answer is the same,
        whatever becomes of the edition. A blocking call, which any thread may make of a far ledger.
        """


class OpenLedger(Protocol):
    """The ledger of one edition of one job, opened to run, to decide or to read.

    A ledger opened to read has no `leases` and no `records`, one opened to decide no `leases`:
    these raise LedgerError, as the other calls that write do.
    """

    @property
    def job(self) -> str:
        """The name of the job."""

    @property
    def edition(self) -> str:
        """The edition of the job."""

    @property
    def recovered(self) -> Recovery:
        """The deliveries that a dead run had left open, as recovered at the opening."""

    @property
    def moved(self) -> tuple[str, str] | None:
        """The place of the last run (path, machine) where that was another place."""

    @property
    def path(self) -> Path:
        """The place of the ledger, as messages name it."""

    @property
    def plan(self) -> Planning:
        """The plan."""

    @property
    def leases(self) -> Leases:
        """The deliveries that are due."""

    @property
    def records(self) -> Records:
        """The records of leased deliveries."""

    @property
    def standing(self) -> Standings:
        """Where every recipient stands."""

    @property
    def doubts(self) -> Doubts:
        """The recipients in doubt."""

    @property
    def thread(self) -> Threads:
        """The thread of the messages."""

    def forgetting(self) -> Tracing:
        """Return the forgetting of people, of a ledger that is open to read or to decide."""

    def writers(self) -> tuple[HeldBy, ...]:
        """Return the other processes that write the ledger now, the run before its workers."""

    def listen(self, tell: Callable[[str], None]) -> None:
        """Have `tell` hear, in any thread, why a far ledger lets a run wait."""

    def check_idle(self) -> None:
        """Raise LedgerLocked if another process writes the ledger: nothing is final yet."""

    def close(self) -> None:
        """Put the ledger away and free the lock; leased deliveries wait for the next opening."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_error: object) -> None: ...
