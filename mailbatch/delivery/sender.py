"""One worker: takes deliveries, renders ahead, sends them through one session, settles them.

The order of every delivery, which is the promise of the project:

1. leased in the ledger (durable), before MAIL leaves;
2. MAIL, RCPT and DATA leave as one command group: the first wait;
3. the commit point is recorded (module `recording`), then the last bytes of the content are handed
   over;
4. the next message is rendered while the reply is on its way: the second wait;
5. the outcome of every address is settled in the ledger; what was rendered in 4 begins with 2 right
   before, so that the server has something to do meanwhile.

With CHUNKING the first wait is left out: 3 comes before anything leaves, and all leaves together.

A failed conversation settles the open delivery by what is certain and is followed by a new
session. This module decides no outcome (smtp.transaction does) and formats nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from mailbatch.delivery.ahead import PATIENCE
from mailbatch.delivery.prepared import Prepared, fit, prepare, takes_eight_bit
from mailbatch.delivery.shared import Run
from mailbatch.delivery.transport import Attempt, TransportSession
from mailbatch.envelope import Delivery
from mailbatch.errors import (
    AuthenticationError,
    LedgerError,
    LocalProtocolError,
    ServiceUnavailable,
    SessionError,
    TLSError,
    UnknownHost,
)
from mailbatch.outcome import Alike, Outcome, Status

#: A session that would idle longer than this is ended and opened again when it is needed.
LONGEST_IDLE = 20.0
#: So many refusals of the sender in a row (5yz to MAIL) end the run.
MOST_REFUSALS = 3


class Sender:
    """A worker with at most one open session."""

    def __init__(self, run: Run, open_session: Callable[[], Awaitable[TransportSession]]) -> None:
        self._run = run
        self._open_session = open_session
        self._session: TransportSession | None = None
        self._taken: Delivery | None = None
        self._ahead: Prepared | None = None
        self._begun: Attempt | None = None  # the transaction of `_ahead`, if it is open already
        self._losses = 0
        self._refusals = 0

    async def work(self) -> None:
        """Send until nothing is due any more or the run is stopped.

        Raises the `SessionError` after which trying again is useless or not allowed.
        """
        run = self._run
        try:
            while not run.stop.is_set():
                prepared, self._ahead = self._ahead or await self._next(), None
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

    async def _next(self) -> Prepared | None:
        """Take the next delivery that can be composed; settle those that cannot be as invalid."""
        run = self._run
        while True:
            prepared = self._next_at_hand()
            if prepared is not None or self._taken is None or run.ahead is None:
                return prepared
            run.busy += 1  # what is held may yet come back to the others
            try:
                began = run.ahead.times()
                await _first(run.ahead.more(), run.stop.wait(), seconds=PATIENCE)
                run.ahead.judge(began)
            finally:
                run.busy -= 1
                run.settled.set()
            if run.stop.is_set():
                return None

    def _next_at_hand(self) -> Prepared | None:
        """Do the same without waiting: what another process still makes stays taken."""
        run = self._run
        while (delivery := self._take()) is not None:
            offers = self._session.capabilities if self._session is not None else None
            composed = None
            if run.ahead is not None:
                if not run.ahead.is_at_hand(delivery, eight_bit=takes_eight_bit(offers)):
                    return None
                composed = run.ahead.take(delivery)
            if composed is None:  # it is composed here, and that may take a while
                run.recording.flush()
            self._taken = None
            prepared = prepare(run, delivery, offers, composed)
            if prepared is not None:
                return prepared
        return None

    def _take(self) -> Delivery | None:
        """Return the next delivery; until it is prepared it can be given back."""
        run = self._run
        if self._taken is None:
            if run.lots.is_used_up:  # the next is synced to the disk, and that takes a while
                run.recording.flush()
            self._taken = run.lots.take()
        return self._taken

    def _give_back(self) -> None:
        if self._ahead is not None:
            self._run.lots.put_back(self._ahead.delivery)
        elif self._taken is not None:
            self._run.lots.put_back(self._taken)
        self._ahead = self._taken = None

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
        if self._begun is None and not await run.throttle.admit(
            len(prepared.envelope.forward_paths), run.stop
        ):
            run.lots.put_back(prepared.delivery)
            return
        run.busy += 1
        try:
            if self._begun is not None and self._session is not None:
                await self._transact(self._session, prepared)
                return
            session = await self._ready_session(prepared)
            if session is None:
                return
            if run.stop.is_set():  # nothing is begun behind a signal
                run.lots.put_back(prepared.delivery)
                return
            fitted = fit(run, prepared, session.capabilities)
            if fitted is not None:
                await self._transact(session, fitted)
        finally:
            run.busy -= 1
            run.settled.set()

    async def _ready_session(self, prepared: Prepared) -> TransportSession | None:
        """Return a usable session, opening one if needed; None if the run was stopped meanwhile."""
        run = self._run
        session = self._session
        if session is not None and session.usable and self._has_had_its_share(session):
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

    def _has_had_its_share(self, session: TransportSession) -> bool:
        """Whether `transactions_per_session` are reached; 0 is any number."""
        return 0 < self._run.transactions_per_session <= session.transactions

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
        final = final or (self._run.attended and isinstance(error, UnknownHost))
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

    async def _transact(self, session: TransportSession, prepared: Prepared) -> None:
        """Run one transaction and settle it, whatever happens to the session."""
        run, content = self._run, prepared.message.content
        failure: SessionError | None = None
        trouble: Exception | None = None
        attempt, self._begun = self._begun, None
        try:
            if attempt is None:
                attempt = self._begin(session, prepared)
            run.transactions += 1
            if await session.content_wanted():
                if await session.send_content(content, stuffed=prepared.stuffed):
                    run.recording.commit_point(prepared.delivery.id, prepared.digest, session)
                trouble = self._look_ahead(session)
                await session.done()
        except SessionError as error:
            failure = error
        failure = self._end_if_failed(session, attempt, failure)
        outcomes = attempt.outcomes() if attempt is not None else ()
        if attempt is None:
            run.lots.put_back(prepared.delivery)
        else:
            if failure is None and trouble is None:
                trouble = self._begin_next(session)
            self._settle(prepared, outcomes)
        if trouble is not None:
            raise trouble
        if failure is None or any(o.status is Status.ACCEPTED for o in outcomes):
            self._losses = 0
        if failure is not None:
            self._count_loss(None, failure)

    def _end_if_failed(
        self, session: TransportSession, attempt: Attempt | None, failure: SessionError | None
    ) -> SessionError | None:
        """Return what has ended the conversation, or ends it now; None if it goes on."""
        failure = failure or session.failure or self._sender_refused(attempt)
        if failure is not None:
            session.abort()  # also settles the attempt, if it is still open
        return failure

    def _begin(self, session: TransportSession, prepared: Prepared) -> Attempt:
        message = prepared.message
        return session.begin(
            prepared.envelope,
            size=message.size,
            eight_bit=message.eight_bit,
            content=message.content,
        )

    def _begin_next(self, session: TransportSession) -> Exception | None:
        """Begin what was made ready ahead, if nothing has to be waited for.

        The server answers while the outcome before is recorded, and that has nothing to do with
        what is begun: it is leased, and its commit point is yet to come. Whatever fails is
        returned: the outcome is recorded first.
        """
        run, ahead = self._run, self._ahead
        if ahead is None or run.stop.is_set() or not session.usable or not run.throttle.is_open:
            return None
        if self._has_had_its_share(session):
            return None
        try:
            self._ahead = fit(run, ahead, session.capabilities)
            if self._ahead is not None:
                with suppress(SessionError):  # found again where the next session is wanted
                    self._begun = self._begin(session, self._ahead)
        except Exception as error:  # noqa: BLE001 - raised again, once the outcome is recorded
            return error
        return None

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

        Whatever fails is returned: the reply is read and settled first. It does not wait for a
        message that another process still makes: the reply may be here before it.
        """
        if not self._run.stop.is_set() and session.usable:
            try:
                self._ahead = self._next_at_hand()
            except Exception as error:  # noqa: BLE001 - raised again, once the reply is settled
                if isinstance(error, LedgerError):
                    self._run.recording.fail(error)  # the others need not find out by themselves
                return error
        return None

    def _settle(self, prepared: Prepared, outcomes: Sequence[Outcome]) -> None:
        run, delivery = self._run, prepared.delivery
        now = run.clock()
        every = (*outcomes, *prepared.refused) if prepared.refused else outcomes
        # What came to the same for all need not be looked at a thousand times.
        kinds = (every,) if isinstance(every, Alike) else every
        retry_at = None
        if any(kind.counted and kind.status in _AGAIN for kind in kinds):
            retry_at = run.policy.next_try(
                tries=delivery.tries, first_try=delivery.first_try, now=now
            )
        run.recording.settle(delivery, every, now=now, retry_at=retry_at)


#: A tuple: an enum's member is found in it by identity, which is quicker than its hash.
_AGAIN = (Status.DEFERRED, Status.PENDING)


async def _first(*waits: Awaitable[object], seconds: float | None = None) -> bool:
    """Wait until one of `waits` is over; False if `seconds` passed first."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return bool(done)
