"""One worker: takes deliveries, renders ahead, sends them through one session, settles them.

The order of every delivery, which is the promise of the project:

1. leased in the ledger (durable), before MAIL leaves;
2. MAIL, RCPT and DATA leave as one command group: the first wait;
3. the commit point is recorded (module `recording`), then the last bytes of the content are handed
   over;
4. the next message is rendered while the reply is on its way: the second wait;
5. the policy of the run judges whose trouble each refusal is (module `trouble`);
6. the outcome of every address is settled in the ledger; what was rendered in 4 begins with 2 right
   before, so that the server has something to do meanwhile.

With CHUNKING the first wait is left out: 3 comes before anything leaves, and all leaves together.

A failed conversation settles the open delivery by what is certain and is followed by a new
session. This module decides no outcome (smtp.transaction does) and formats nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from mailbatch.delivery.ahead import PATIENCE
from mailbatch.delivery.limits import SAFE_RECIPIENTS
from mailbatch.delivery.link import Link, first
from mailbatch.delivery.prepared import Prepared, fit, prepare, takes_eight_bit
from mailbatch.delivery.shared import Run
from mailbatch.delivery.transport import Attempt, TransportSession
from mailbatch.delivery.verdict import Verdict
from mailbatch.envelope import Delivery
from mailbatch.errors import LedgerError, SessionError
from mailbatch.outcome import SameForAll, Status


class Sender:
    """A worker with at most one open session."""

    def __init__(self, run: Run, open_session: Callable[[], Awaitable[TransportSession]]) -> None:
        self._run = run
        self._link = Link(run, open_session)
        self._taken: Delivery | None = None
        self._ahead: Prepared | None = None
        self._begun: Attempt | None = None  # the transaction of `_ahead`, if it is open already
        self._begun_at = 0.0
        self._trying = False  # whether the server is tried by this worker while the run is slow

    async def work(self) -> None:
        """Send until nothing is due any more, the run is stopped or the others are enough.

        Raises the `SessionError` after which trying again is useless or not allowed.
        """
        run = self._run
        try:
            while not run.stop.is_set() and not self._link.given_up:
                prepared, self._ahead = self._ahead or await self._next(), None
                if prepared is None:
                    if not await self._idle():
                        break
                    continue
                await self._deliver(prepared)
        except BaseException:
            self._give_back()
            self._link.abort()
            raise
        self._give_back()
        await self._link.quit()

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
                await first(run.ahead.more(), run.stop.wait(), seconds=PATIENCE)
                run.ahead.judge(began)
            finally:
                run.busy -= 1
                run.tell_settled()
            if run.stop.is_set():
                return None

    def _next_at_hand(self) -> Prepared | None:
        """Do the same without waiting: what another process still makes stays taken."""
        run = self._run
        while (delivery := self._take()) is not None:
            session = self._link.session
            offers = session.capabilities if session is not None else None
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
            await first(run.settled.wait(), run.stop.wait())
            return True
        await self._link.pause(max(0.0, due - run.clock()), "deferred recipients")
        return True

    # -- one delivery ------------------------------------------------------------------------------

    async def _deliver(self, prepared: Prepared) -> None:
        run = self._run
        run.busy += 1
        try:
            session = self._link.session
            if self._begun is None or session is None:
                session = await self._may_begin(prepared)
                if session is None:
                    return
                fitted = fit(run, prepared, session.capabilities)
                if fitted is None:
                    return
                prepared = fitted
            await self._transact(session, prepared)
        finally:
            if self._trying:
                run.pace.trying = self._trying = False
            run.busy -= 1
            run.tell_settled()

    async def _may_begin(self, prepared: Prepared) -> TransportSession | None:
        """Wait until a transaction may begin; None, and it is put back, if none may any more."""
        run = self._run
        session = None
        try:
            if await self._keep_pace(prepared):
                session = await self._link.ready()
                if run.stop.is_set():  # nothing is begun behind a signal
                    session = None
        finally:
            if session is None:
                run.lots.put_back(prepared.delivery)
        return session

    async def _keep_pace(self, prepared: Prepared) -> bool:
        """Wait for `server.rate` and for a server that wants it slower; False if stopped."""
        run = self._run
        while run.pace.is_slow and not run.stop.is_set():
            seconds = run.pace.resume_at - run.clock()
            if seconds > 0.0:
                # Somebody whom another worker had under way may be accepted, and end it.
                await self._link.pause(seconds, "the server's limit", run.settled.wait())
            elif run.pace.trying:  # by another worker: the others wait for what comes of it
                await first(run.settled.wait(), run.stop.wait())
            else:
                run.pace.trying = self._trying = True
                break
        seconds = run.throttle.delay(run.limits.fitting(prepared.envelope.forward_paths))
        if seconds <= 0.0:
            return not run.stop.is_set()
        return await self._link.pause(seconds)

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
        failure = failure or session.failure
        if failure is not None:
            session.abort()  # also settles the attempt, if it is still open
        if attempt is None:
            run.lots.put_back(prepared.delivery)
            if failure is not None:
                self._link.lose(failure)
            return
        verdict = self._judge(attempt, session, failure)
        if failure is None and trouble is None and not verdict.renew:
            trouble = self._begin_next(session)
        self._settle(prepared, verdict)
        if trouble is not None:
            raise trouble
        await self._go_on(verdict, failure)

    def _judge(
        self, attempt: Attempt, session: TransportSession, failure: SessionError | None
    ) -> Verdict:
        """Ask the policy whose trouble it is, where there is any."""
        run, worker = self._run, self._link.worker
        if (
            failure is None
            and run.troubles.calm
            and not session.refusals
            and worker.used_up is None
        ):
            outcomes = attempt.outcomes()
            if isinstance(outcomes, SameForAll) and outcomes.status is _ACCEPTED:
                if len(outcomes) > SAFE_RECIPIENTS:
                    run.limits.proved(len(outcomes))
                return Verdict(outcomes)
        return run.troubles.judge(attempt, session, worker, begun=self._begun_at, failure=failure)

    async def _go_on(self, verdict: Verdict, failure: SessionError | None) -> None:
        """Act upon what is known now: end the run, or the session, or count its loss."""
        run = self._run
        if run.troubles.ended is not None:
            await self._link.quit()
            raise run.troubles.ended
        if failure is None or any(outcome.status in _FINAL for outcome in verdict.outcomes):
            self._link.serves()
        if failure is not None:
            self._link.forget()
            if verdict.excused:
                self._link.excuse()
            else:
                self._link.lose(failure)
        elif verdict.renew:
            await self._link.quit()

    def _begin(self, session: TransportSession, prepared: Prepared) -> Attempt:
        message, self._begun_at = prepared.message, self._run.clock()
        return session.begin(
            prepared.envelope,
            size=message.size,
            eight_bit=message.eight_bit,
            content=message.content,
            at_once=self._run.limits.at_once,
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
        if run.pace.is_slow or run.troubles.ended is not None or self._link.has_had_its_share:
            return None
        try:
            self._ahead = fit(run, ahead, session.capabilities)
            if self._ahead is not None:
                with suppress(SessionError):  # found again where the next session is wanted
                    self._begun = self._begin(session, self._ahead)
        except Exception as error:  # noqa: BLE001 - raised again, once the outcome is recorded
            return error
        return None

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

    def _settle(self, prepared: Prepared, verdict: Verdict) -> None:
        run, delivery, outcomes = self._run, prepared.delivery, verdict.outcomes
        now = run.clock()
        every = (*outcomes, *prepared.others) if prepared.others else outcomes
        # What came to the same for all need not be looked at a thousand times.
        kinds = (every,) if isinstance(every, SameForAll) else every
        retry_at = None
        if any(kind.counted and kind.status in _AGAIN for kind in kinds):
            retry_at = run.policy.next_try(
                tries=delivery.tries, first_try=delivery.first_try, now=now
            )
        run.recording.suspect(run.troubles.suspected_since)
        run.recording.settle(
            delivery, every, now=now, retry_at=retry_at, resume_at=verdict.resume_at
        )


#: Tuples: an enum's member is found in them by identity, which is quicker than its hash.
_AGAIN = (Status.DEFERRED, Status.PENDING)
_FINAL = (Status.ACCEPTED, Status.REJECTED)
_ACCEPTED = Status.ACCEPTED
