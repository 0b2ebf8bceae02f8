"""One worker: takes deliveries, renders ahead, sends them through one session, settles them.

The order of every delivery, which is the promise of the project:

1. leased in the ledger (durable), before MAIL leaves;
2. MAIL, RCPT and DATA leave as one command group: the first wait;
3. the commit point is recorded, then the last bytes of the content are handed over;
4. the next message is rendered while the reply is on its way: the second wait;
5. the outcome of every address is settled in the ledger.

With CHUNKING the first wait is left out: 3 comes before anything leaves, and all leaves together.

A failed conversation settles the open delivery by what is certain and is followed by a new
session. This module decides no outcome (smtp.transaction does) and formats nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

from mailbatch.delivery.lots import Lots
from mailbatch.delivery.options import Progress
from mailbatch.delivery.retry import RetryPolicy
from mailbatch.delivery.throttle import Throttle
from mailbatch.delivery.transport import Attempt, Offers, TransportSession
from mailbatch.envelope import Delivery, Envelope
from mailbatch.errors import (
    AuthenticationError,
    InputError,
    LedgerError,
    LocalProtocolError,
    ServiceUnavailable,
    SessionError,
    TLSError,
)
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from mailbatch.render.composer import Composer
from mailbatch.render.message import Message

#: A session that would idle longer than this is ended and opened again when it is needed.
LONGEST_IDLE = 20.0
#: So many refusals of the sender in a row (5yz to MAIL) end the run.
MOST_REFUSALS = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery with its message, ready for a transaction.

    `refused` are outcomes that are certain without asking the server (an address that needs
    SMTPUTF8).
    """

    delivery: Delivery
    message: Message
    envelope: Envelope
    refused: tuple[Outcome, ...] = ()


@dataclass(slots=True)
class Run:
    """What the workers of one run share.

    `broken` is the first failure of the ledger: behind it no commit point is passed any more.
    """

    ledger: Ledger
    lots: Lots
    composer: Composer
    policy: RetryPolicy
    throttle: Throttle
    progress: Progress
    clock: Callable[[], float]
    stop: asyncio.Event
    settled: asyncio.Event
    accept_changes: bool = False
    broken: LedgerError | None = None
    server: str = ""
    transactions_per_session: int = 0
    busy: int = 0
    sessions: int = 0
    transactions: int = 0


class Sender:
    """A worker with at most one open session."""

    def __init__(self, run: Run, open_session: Callable[[], Awaitable[TransportSession]]) -> None:
        self._run = run
        self._open_session = open_session
        self._session: TransportSession | None = None
        self._ahead: Prepared | None = None
        self._losses = 0
        self._refusals = 0

    async def work(self) -> None:
        """Send until nothing is due any more or the run is stopped.

        Raises the `SessionError` after which trying again is useless or not allowed.
        """
        run = self._run
        try:
            while not run.stop.is_set():
                prepared, self._ahead = self._ahead or self._next(), None
                if prepared is None:
                    if not await self._idle():
                        break
                    continue
                await self._deliver(prepared)
        except BaseException:
            self._give_back()
            if self._session is not None:
                self._session.abort()
            raise
        self._give_back()
        if self._session is not None:
            await self._session.quit()

    # -- what comes next ---------------------------------------------------------------------------

    def _next(self) -> Prepared | None:
        """Take the next delivery that can be composed; settle those that cannot be as invalid."""
        run = self._run
        while (delivery := run.lots.take()) is not None:
            prepared = self._prepare(delivery)
            if prepared is not None:
                return prepared
        return None

    def _prepare(self, delivery: Delivery) -> Prepared | None:
        """Render the message; None if the rows turned out to be invalid."""
        run = self._run
        offers = self._session.capabilities if self._session is not None else None
        try:
            message = run.composer.compose(
                delivery, eight_bit=offers is None or offers.eight_bit_mime
            )
        except InputError as error:
            self._refuse(delivery, str(error))
            return None
        paths = (*delivery.unsettled, *_copies(delivery, message))
        utf8 = not all(map(str.isascii, paths)) or not message.reverse_path.isascii()
        return Prepared(delivery, message, Envelope(message.reverse_path, paths, smtputf8=utf8))

    def _refuse(self, delivery: Delivery, reason: str) -> None:
        """Settle what cannot be sent: as invalid, or as the doubt that it was before a resend."""
        run, now = self._run, self._run.clock()
        if not delivery.resent:
            run.ledger.invalidate(delivery.id, reason, now=now)
            run.progress.settled(Status.INVALID, len(delivery.unsettled))
            return
        why = f"not sent again: {reason}"
        doubts = tuple(
            Outcome(address, Status.IN_DOUBT, reason=why, counted=False)
            if address in delivery.resent
            else Outcome(address, Status.DEFERRED, reason=why, counted=False)
            for address in delivery.unsettled
        )
        run.ledger.settle(delivery.id, doubts, now=now, retry_at=None)
        run.progress.note(f"{', '.join(sorted(delivery.resent))}: {why}")
        run.progress.settled(Status.IN_DOUBT, len(delivery.resent))

    def _give_back(self) -> None:
        if self._ahead is not None:
            self._run.lots.put_back(self._ahead.delivery)
            self._ahead = None

    async def _idle(self) -> bool:
        """Wait until a deferred delivery is due; False if there is nothing to wait for."""
        run = self._run
        due = run.lots.next_due()
        if due is None:
            if not run.busy:
                return False
            # Another worker's delivery may yet be deferred and become ours.
            run.settled.clear()
            await _first(run.settled.wait(), run.stop.wait())
            return True
        delay = max(0.0, due - run.clock())
        if delay > LONGEST_IDLE and self._session is not None:
            await self._session.quit()
            self._session = None
        run.progress.waiting(delay, "deferred recipients")
        await _first(run.stop.wait(), seconds=delay)
        return True

    # -- one delivery ------------------------------------------------------------------------------

    async def _deliver(self, prepared: Prepared) -> None:
        run = self._run
        if not await run.throttle.admit(len(prepared.envelope.forward_paths), run.stop):
            run.lots.put_back(prepared.delivery)
            return
        run.busy += 1
        try:
            session = await self._ready_session(prepared)
            if session is None:
                return
            if run.stop.is_set():  # nothing is begun behind a signal
                run.lots.put_back(prepared.delivery)
                return
            fitted = self._fit(prepared, session.capabilities)
            if fitted is not None and self._is_what_may_have_arrived(fitted):
                await self._transact(session, fitted)
        finally:
            run.busy -= 1
            run.settled.set()

    async def _ready_session(self, prepared: Prepared) -> TransportSession | None:
        """Return a usable session, opening one if needed; None if the run was stopped meanwhile."""
        run = self._run
        session = self._session
        limit = run.transactions_per_session
        if session is not None and session.usable and 0 < limit <= session.transactions:
            await session.quit()
            session = None
        while session is None or not session.usable:
            self._session = session = None
            if run.stop.is_set() or (self._losses > 1 and not await self._wait_after_loss()):
                run.lots.put_back(prepared.delivery)
                return None
            try:
                session = await self._open_unless_stopped()
            except SessionError as error:
                self._count_loss(prepared, error)
            except BaseException:
                run.lots.put_back(prepared.delivery)
                raise
        if self._session is not session:
            self._session = session
            run.sessions += 1
            run.progress.session_opened(run.server)
        return session

    async def _open_unless_stopped(self) -> TransportSession | None:
        """Open a session; None if the run was stopped before it was ready."""
        opening = asyncio.ensure_future(self._open_session())
        try:
            await _first(asyncio.wait({opening}), self._run.stop.wait())
            if opening.done():
                return opening.result()
        finally:
            opening.cancel()
        await asyncio.wait({opening})  # it closes what it has opened
        return None

    def _count_loss(self, prepared: Prepared | None, error: SessionError) -> None:
        """Count a failed conversation; raise where trying again is no use or not allowed."""
        self._losses += 1
        final = isinstance(error, AuthenticationError | TLSError | LocalProtocolError)
        final = final or self._refusals >= MOST_REFUSALS
        if final or self._losses >= self._run.policy.attempts:
            if prepared is not None:
                self._run.lots.put_back(prepared.delivery)
            raise error
        self._run.progress.note(f"{error}; trying again")

    async def _wait_after_loss(self) -> bool:
        run = self._run
        seconds = run.policy.wait_before(self._losses - 1)
        run.progress.waiting(seconds, "the server")
        return not await _first(run.stop.wait(), seconds=seconds)

    def _fit(self, prepared: Prepared, offers: Offers) -> Prepared | None:
        """Adapt what was rendered ahead to this session's offers; None if nothing is left."""
        delivery = prepared.delivery
        if prepared.message.eight_bit and not offers.eight_bit_mime:
            again = self._prepare(delivery)
            if again is None:
                return None
            prepared = again
        if offers.size and prepared.message.size > offers.size:
            reason = (
                f"the message has {prepared.message.size} bytes, the server takes {offers.size}; "
                f"biggest part: {prepared.message.biggest_part()}"
            )
            self._refuse(delivery, reason)
            return None
        if prepared.envelope.smtputf8 and not offers.smtputf8:
            return self._without_smtputf8(prepared)
        return prepared

    def _without_smtputf8(self, prepared: Prepared) -> Prepared | None:
        delivery, envelope = prepared.delivery, prepared.envelope
        reason = "the address needs SMTPUTF8, which the server does not offer"
        refused = tuple(
            Outcome(address, Status.INVALID, reason=reason)
            for address in envelope.forward_paths
            if not address.isascii()
        )
        left = tuple(address for address in envelope.forward_paths if address.isascii())
        # A copy of a letter that its recipient cannot get is of no use to anybody.
        if not set(left) & set(delivery.unsettled) or not envelope.reverse_path.isascii():
            self._refuse(delivery, reason)
            return None
        return Prepared(delivery, prepared.message, Envelope(envelope.reverse_path, left), refused)

    def _is_what_may_have_arrived(self, prepared: Prepared) -> bool:
        """Say whether a resend is the message that may have arrived; if not, it stays in doubt."""
        delivery = prepared.delivery
        if not delivery.digests or self._run.accept_changes:
            return True
        if delivery.digests == {_digest(prepared)}:
            return True
        self._refuse(
            delivery, "the message is another one than may have arrived (see --accept-changes)"
        )
        return False

    async def _transact(self, session: TransportSession, prepared: Prepared) -> None:
        """Run one transaction and settle it, whatever happens to the session."""
        run, delivery, message = self._run, prepared.delivery, prepared.message
        failure: SessionError | None = None
        attempt: Attempt | None = None
        trouble: Exception | None = None
        try:
            attempt = session.begin(
                prepared.envelope,
                size=message.size,
                eight_bit=message.eight_bit,
                content=message.content,
            )
            run.transactions += 1
            if await session.content_wanted():
                await session.send_content(message.content, lambda: self._commit(prepared))
                trouble = self._look_ahead(session)
                await session.done()
        except SessionError as error:
            failure = error
        failure = failure or session.failure or self._sender_refused(attempt)
        if failure is not None:
            session.abort()  # also settles the attempt, if it is still open
        outcomes = attempt.outcomes() if attempt is not None else ()
        if attempt is None:
            run.lots.put_back(delivery)
        else:
            self._settle(prepared, outcomes)
        if trouble is not None:
            raise trouble
        if failure is None or any(o.status is Status.ACCEPTED for o in outcomes):
            self._losses = 0
        if failure is not None:
            self._count_loss(None, failure)

    def _sender_refused(self, attempt: Attempt | None) -> SessionError | None:
        """Return a failure once the server has refused the sender again and again.

        Every message has the same sender: going on would only mark everybody as rejected.
        """
        reply = attempt.sender_refusal if attempt is not None else None
        self._refusals = self._refusals + 1 if reply is not None else 0
        if self._refusals < MOST_REFUSALS:
            return None
        return ServiceUnavailable(
            f"{self._run.server} refuses the sender: {reply}",
            hint="see sender.from and sender.envelope_from; then --retry-rejected",
        )

    def _look_ahead(self, session: TransportSession) -> Exception | None:
        """Prepare the next message while the reply to this one is on its way.

        Whatever fails is returned: the reply is read and settled first.
        """
        if not self._run.stop.is_set() and session.usable:
            try:
                self._ahead = self._next()
            except Exception as error:  # noqa: BLE001 - raised again, once the reply is settled
                return error
        return None

    def _commit(self, prepared: Prepared) -> None:
        run = self._run
        if run.broken is not None:
            raise run.broken
        run.ledger.commit_point(prepared.delivery.id, digest=_digest(prepared))

    def _settle(self, prepared: Prepared, outcomes: tuple[Outcome, ...]) -> None:
        run, delivery = self._run, prepared.delivery
        now = run.clock()
        every = outcomes + prepared.refused
        retry_at = None
        if any(o.status in _AGAIN and o.counted for o in every):
            retry_at = run.policy.next_try(
                tries=delivery.tries, first_try=delivery.first_try, now=now
            )
        try:
            run.ledger.settle(delivery.id, every, now=now, retry_at=retry_at)
        except LedgerError as error:
            run.broken = error
            for outcome in every:
                run.progress.alarm(f"not recorded: {_in_words(outcome)}")
            raise
        mine = set(delivery.unsettled)
        for status, count in Counter(o.status for o in every if o.address in mine).items():
            run.progress.settled(status, count)


def _copies(delivery: Delivery, message: Message) -> list[str]:
    """Return the Cc and Bcc addresses that still need a RCPT; spelling does not make two of one."""
    known = {address.lower() for address in (*delivery.addresses, *delivery.settled_copies)}
    copies = []
    for copy in message.copies:
        if copy.lower() not in known:
            known.add(copy.lower())
            copies.append(copy)
    return copies


_AGAIN = frozenset({Status.DEFERRED, Status.PENDING})


def _digest(prepared: Prepared) -> bytes:
    return sha256(prepared.message.content).digest()


def _in_words(outcome: Outcome) -> str:
    seen = outcome.reply or outcome.reason or "no reply"
    return f"{outcome.address} is {outcome.status.replace('_', ' ')}: {seen}"


async def _first(*waits: Awaitable[object], seconds: float | None = None) -> bool:
    """Wait until one of `waits` is over; False if `seconds` passed first."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return bool(done)
