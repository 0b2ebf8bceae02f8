"""The two ports between a worker and a ledger: `Supply` gives deliveries, `Recorder` keeps records.

A worker (module `sender`) knows nothing else of a ledger, nor of the place where messages are
composed. Implementations: `supply.ComposedLots` and `recording.Recording`, both over the roles of
`ledger.ports`, near or far; `tests/support/work.py` has doubles of both, and
`tests/support/far_ledger.py` a far ledger. Both ports are shared by all workers of a run, and used
in the event loop.

    prepared = supply.next_ready(offers) or await supply.next(offers)
    ...  # MAIL, RCPT, DATA; the content but the last bytes
    recorder.commit_point(prepared.delivery.id, prepared.digest, session)
    ...  # session.finish() was called behind the record
    recorder.settle(prepared.delivery, outcomes, now=now, retry_at=None)

**A ledger that is far** costs a near one nothing: no method that is called for each message returns
an awaitable. `commit_point` has the session as a continuation, and the session waits for a reply
anyway; an outcome is recorded at the latest together with the next commit point of any session, so
that the sessions themselves are the back-pressure. Only `next`, and methods that are called once a
run, may be awaited.

**Failures** have one way: a method raises a failure that is known now, and a later failure stands
in `broken` and is raised by the next call. Behind the first failure no commit point is recorded.
`broken` is a `LedgerError` of the record, or the failure of the last bytes behind the record: an
`OutputError` where a dry run cannot write an `.eml` file.

Tests: tests/delivery/test_sender.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mailbatch.delivery.transport import Offers
from mailbatch.envelope import Delivery, Envelope
from mailbatch.errors import SessionError
from mailbatch.frozen import frozen
from mailbatch.outcome import Outcome, Reply
from mailbatch.render.message import Message


@frozen
class Prepared:
    """A delivery with its message, ready for a transaction.

    `digest` is the content's (module octets): a resend with the same digest is the same message.
    `others` are outcomes of addresses that are not asked about: addresses that need SMTPUTF8, and
    addresses without room in the transaction.
    """

    delivery: Delivery
    message: Message
    envelope: Envelope
    digest: bytes
    others: tuple[Outcome, ...] = ()


class Supply(Protocol):
    """The next deliveries of a run, leased and composed.

    The lease of a delivery is on the disk before the delivery is given out. Each is given out once:
    no other worker gets a delivery that was not put back. A delivery whose message cannot be
    composed is made invalid here and never given out.
    """

    def next_ready(self, offers: Offers | None) -> Prepared | None:
        """Return the next delivery whose message is ready; None where a wait would be needed.

        `offers` are those of the worker's session; None without a session.

        Raises:
            LedgerError: the lease, or an invalid delivery, cannot be recorded.
        """

    async def next(self, offers: Offers | None) -> Prepared | None:
        """Wait for the next delivery; None where none is due now, or the run is stopped.

        Raises:
            LedgerError: the lease, or an invalid delivery, cannot be recorded.
        """

    def put_back(self, delivery: Delivery) -> None:
        """Take back a delivery whose content has not left, as the next one to give out.

        MAIL may have left in a session that ends. No attempt is counted, neither for the recipients
        nor against the limit of the run.
        """

    def next_due(self) -> float | None:
        """Return when the next deferred delivery is due; None: the supply is drained.

        Seconds since the epoch, asked when `next` gave nothing. A delivery that another worker has
        under way may yet be deferred, or put back.
        """

    async def release(self) -> None:
        """Give back all leases that were not given out, at the end of a run.

        Raises:
            LedgerError: the leases cannot be given back; the next run finds and releases them.
        """


class LastBytes(Protocol):
    """A session that holds the last bytes of a content back; `smtp.session.Session` is one."""

    @property
    def failure(self) -> SessionError | None:
        """The failure that ended the session, None while the session is open."""

    def finish(self) -> None:
        """Hand over the last bytes of the content."""

    def abort(self) -> None:
        """End the session at once; the last bytes never leave."""


class Recorder(Protocol):
    """The records of outcomes; all methods but the awaited ones return at once.

    Records of one delivery are made in the order of the calls. A record survives the death of the
    process once the last bytes have left (commit point), or the progress was told (outcome).
    """

    @property
    def broken(self) -> Exception | None:
        """The first failure; from then on no commit point is recorded and no last bytes leave."""

    def commit_point(self, delivery_id: int, digest: bytes, session: LastBytes) -> None:
        """Record the commit point of a delivery, then have `session` hand over the last bytes.

        `digest` is the content's (module octets). `session.finish()` is called once the record
        survives kill -9: within this call, or later. `session.abort()` is called instead where the
        record failed; a session that ended meanwhile needs no record and gets none.

        Raises:
            LedgerError: the record failed.
            OutputError: the last bytes of a dry run cannot be written.
        Either may be `broken`, of before; the session is aborted.
        """

    def settle(
        self,
        delivery: Delivery,
        outcomes: Sequence[Outcome],
        *,
        now: float,
        retry_at: float | None,
        resume_at: float = 0.0,
    ) -> None:
        """Record the outcomes of an attempt, and tell the progress behind the record.

        One outcome for every address of the attempt, recipients and copies; times as in
        `ledger.ports.Settlement`. An outcome that cannot be recorded is told as an alarm. Behind a
        failure outcomes are recorded, too, where that is possible.

        Raises:
            LedgerError: the record failed, and that is known already.
        """

    def invalidate(self, delivery: Delivery, reason: str, *, now: float) -> None:
        """Record that a delivery cannot be sent: all rows are invalid.

        A recipient that may have the message already, and was to be sent to again, stays in doubt.

        Raises:
            LedgerError: the record failed, and that is known already.
        """

    def suspect(self, since: float | None) -> None:
        """Record, with the next record, since when refusals may be trouble of the run; None: none.

        Seconds since the epoch. Without effect where that is no news.
        """

    def flush(self) -> None:
        """Let no record wait for others any more: a longer step comes next.

        Raises:
            LedgerError, OutputError: `broken`, of now or before.
        """

    def fail(self, error: Exception) -> None:
        """Record no commit point any more; sessions that wait for theirs are aborted."""

    async def answered(self) -> None:
        """Wait until the progress was told of all that the ledger has recorded so far."""

    async def drain(self) -> None:
        """Wait until all is recorded.

        Raises:
            LedgerError, OutputError: `broken`, of now or before.
        """

    async def close(self, *, at_once: bool = False) -> None:
        """Record the outcomes that wait, at the end of a run; no commit point is recorded.

        `at_once` waits a moment at most for a far ledger: the run was stopped at once.
        """

    async def release(self, delivery_ids: Sequence[int]) -> None:
        """Give back leases of deliveries that were not tried; no attempt is counted.

        Raises:
            LedgerError: the leases cannot be given back.
        """

    async def give_back(self, since: float, reply: Reply) -> None:
        """Make pending the recipients that this reply rejected since then (seconds, epoch).

        Raises:
            LedgerError: that cannot be recorded.
        """

    async def acquit(self) -> None:
        """Note, at the end of a run, that no refusal is under suspicion any more.

        Raises:
            LedgerError: that cannot be recorded.
        """
