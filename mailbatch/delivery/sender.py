"""One worker takes deliveries, sends them through one session, and has their outcomes recorded.

The order of every delivery, which is the promise of the project; `Sender._deliver` is these lines:

1. the supply gives a delivery: leased (on the disk) and composed;
2. MAIL, RCPT and DATA leave as one command group: the first wait, behind which the content leaves,
   all but the last bytes;
3. the commit point is recorded, and behind the record the last bytes leave: the second wait;
4. meanwhile the supply is asked for the next delivery;
5. the rules of the run judge whose trouble each refusal is, and the delivery of 4 begins with 2, so
   that the server has something to do;
6. the outcome of every address is recorded.

With CHUNKING the first wait is left out: 3 comes before anything leaves, and all leaves together.

Invariants, with the place that keeps each:

W1. The lease of a delivery is on the disk before MAIL leaves (`Supply` gives out nothing else).
W2. The last bytes of a content leave behind the record of the commit point and never otherwise:
    `TransportSession.finish` is called by the `Recorder` alone.
W3. A worker has at most two deliveries: one in a transaction, and one in `state`. The outcome of
    the first is recorded no later than the commit point of the second: before, or in one commit
    with the records of other sessions.
W4. Each delivery that was given out is settled, made invalid or put back. A delivery in a
    transaction (2, 3) is settled by certain outcomes. A delivery in `state` is put back where the
    worker ends, even if MAIL has left (`Begun`): no content has, and the session ends with the
    worker. A delivery of which nothing can be recorded stays leased, and the next run recovers the
    lease.
W5. No transaction begins behind a stop, nor while the gate, the pace, the throttle or the session
    forbid that. No commit point is recorded while the gate is closed: the transaction ends with its
    session, and its recipients stay pending.
W6. A failure of work done ahead (4, 5) never costs the outcome of the delivery before: the failure
    is raised behind 6.

A failure is raised, with two exceptions of the hot path. Work done ahead has its failure postponed
(W6): `_postponed` is raised behind 6, and nothing is done ahead behind it. A failed conversation is
a value between 3 and 6, since the transaction has outcomes all the same; behind these `Link` counts
or raises the failure. This module decides no outcome (`smtp.transaction` does) and formats nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from mailbatch.delivery.limits import SAFE_RECIPIENTS
from mailbatch.delivery.link import LONGEST_IDLE, Link, first
from mailbatch.delivery.shared import Run
from mailbatch.delivery.transport import Attempt, TransportSession
from mailbatch.delivery.verdict import Verdict
from mailbatch.delivery.work import Prepared
from mailbatch.errors import LedgerError, SessionError
from mailbatch.frozen import frozen
from mailbatch.ledger.ports import answer
from mailbatch.outcome import Outcome, SameForAll, Status


@frozen
class Idle:
    """The worker has no delivery."""


@frozen
class Ready:
    """The worker has a delivery that was not begun."""

    prepared: Prepared


@frozen
class Begun:
    """The transaction of a delivery is open in a session, since `at` (seconds since the epoch)."""

    prepared: Prepared
    session: TransportSession
    attempt: Attempt
    at: float


State: TypeAlias = Idle | Ready | Begun
IDLE = Idle()


class Sender:
    """A worker with at most one open session; `state` is the delivery that comes next."""

    def __init__(self, run: Run, open_session: Callable[[], Awaitable[TransportSession]]) -> None:
        self.state: State = IDLE
        self._run = run
        self._link = Link(run, open_session)
        self._postponed: Exception | None = None

    async def work(self) -> None:
        """Send until nothing is due any more, the run is stopped or the others are enough.

        Raises:
            SessionError: trying again is useless or not allowed.
            LedgerError: an outcome cannot be recorded, or nothing can be leased.
        """
        run, link = self._run, self._link
        try:
            while not run.crew.stop.is_set() and not link.given_up:
                if self.state is IDLE:
                    prepared = await run.supply.next(link.offers)
                    if prepared is not None:
                        self.state = Ready(prepared)
                if self.state is not IDLE:
                    await self._deliver()
                elif not await self._wait_for_work():
                    break
        except BaseException:
            self._put_back()
            link.abort()
            raise
        self._put_back()
        await link.quit()

    # -- one delivery ------------------------------------------------------------------------------

    async def _deliver(self) -> None:
        """Send the delivery in hand, and have the next one begun: steps 2 to 6."""
        run, state = self._run, self.state
        self.state = IDLE
        run.crew.busy += 1
        try:
            begun = await self._begin_in_time(state) if type(state) is Ready else state
            if type(begun) is not Begun:
                return
            session, prepared = begun.session, begun.prepared
            run.crew.transactions += 1
            failure, in_time = None, True
            try:
                if await session.content_wanted():  # 2
                    if await session.send_content(prepared.message.octets):
                        in_time = self._commit(prepared, session)  # 3
                    self._look_ahead(session)  # 4
                    await session.done()
            except SessionError as error:
                failure = error
            failure = failure or session.failure
            if failure is not None:
                session.abort()  # also settles the attempt, if it is still open
            verdict = self._judge(begun, failure if in_time else None)  # 5
            if not in_time:
                verdict = replace(verdict, outcomes=_uncounted(verdict.outcomes))
            if failure is None and not verdict.renew and self._postponed is None:
                self._begin_next(session)
            self._record(prepared, verdict)  # 6
            if self._postponed is not None:
                raise self._postponed
            if in_time:
                await self._go_on(verdict, failure)
            else:
                run.crew.stop.set()
        finally:
            run.rules.pace.leave(self)
            run.crew.busy -= 1
            run.crew.tell_settled()

    def _commit(self, prepared: Prepared, session: TransportSession) -> bool:
        """Have the commit point recorded; False: the window has closed, and the session is ended.

        Raises:
            LedgerError: the record failed.
            OutputError: the last bytes of a dry run cannot be written.
        """
        run, gate = self._run, self._run.rules.gate
        if gate.is_limited and not gate.may_commit():
            session.abort()
            return False
        run.recorder.commit_point(prepared.delivery.id, prepared.digest, session)
        return True

    async def _begin_in_time(self, ready: Ready) -> Begun | None:
        """Begin a transaction once that is allowed; None: not any more, or there is no need."""
        run, prepared = self._run, ready.prepared
        session = await self._session_in_time(prepared)
        if session is None:
            return None
        fitted = run.fitting.fit(prepared, session.capabilities)
        if fitted is None:
            return None
        recipients = len(fitted.envelope.forward_paths)
        while run.rules.gate.waits(recipients) and not run.crew.stop.is_set():
            await first(run.crew.settled().wait(), run.crew.stop.wait())
        if run.crew.stop.is_set() or not run.rules.gate.enter(recipients):
            run.crew.stop.set()
            run.supply.put_back(fitted.delivery)
            return None
        try:
            return self._begin(session, fitted)
        except SessionError as error:
            session.abort()
            run.rules.gate.leave(recipients, 0)
            run.supply.put_back(fitted.delivery)
            self._link.lose(error)
            return None

    async def _session_in_time(self, prepared: Prepared) -> TransportSession | None:
        """Wait until a transaction may begin; None: not any more, and the delivery is put back."""
        run, session = self._run, None
        try:
            if await self._keep_pace():
                session = await self._session_in_turn(prepared)
            if run.crew.stop.is_set():  # nothing is begun behind a signal
                session = None
        finally:
            if session is None:
                run.supply.put_back(prepared.delivery)
        return session

    async def _session_in_turn(self, prepared: Prepared) -> TransportSession | None:
        """Wait for `server.rate`; return a session, None: not any more.

        A shared turn has passed where a session had to be opened behind the wait: others have the
        turns that follow. So another one is taken, once.
        """
        throttle, link = self._run.rules.throttle, self._link
        fitting = self._run.rules.limits.fitting(prepared.envelope.forward_paths)
        is_again = not throttle.passes
        while True:
            seconds = await answer(throttle.delay(fitting))
            if seconds > 0.0 and not await link.pause(seconds):
                return None
            before = link.session
            session = await link.ready()
            if session is before or is_again or seconds > LONGEST_IDLE:
                return session
            is_again = True

    async def _keep_pace(self) -> bool:
        """Wait for a server that wants a slower pace; False if stopped."""
        run, rules, stop = self._run, self._run.rules, self._run.crew.stop
        while rules.pace.is_slow and not stop.is_set():
            seconds = rules.pace.resume_at - run.clock()
            if seconds > 0.0:
                # A delivery that another worker had under way may be accepted, and end the wait.
                await self._link.pause(seconds, "the server's limit", run.crew.settled().wait())
            elif rules.pace.enter(self):
                break
            else:  # another worker tries the server: the others wait for its outcome
                await first(run.crew.settled().wait(), stop.wait())
        return not stop.is_set()

    def _begin(self, session: TransportSession, prepared: Prepared) -> Begun:
        message, at = prepared.message, self._run.clock()
        attempt = session.begin(
            prepared.envelope,
            size=message.size,
            eight_bit=message.eight_bit,
            content=message.octets,
            at_once=self._run.rules.limits.at_once,
        )
        return Begun(prepared, session, attempt, at)

    # -- ahead of an outcome -----------------------------------------------------------------------

    def _look_ahead(self, session: TransportSession) -> None:
        """Ask for the next delivery while the reply to this one is on its way.

        A message that another process still makes is not waited for: the reply may be here first.
        """
        run = self._run
        if run.crew.stop.is_set() or not session.usable:
            return
        try:
            prepared = run.supply.next_ready(self._link.offers)
        except Exception as error:  # noqa: BLE001 - raised behind the outcome
            self._postponed = error
            if isinstance(error, LedgerError):  # other workers need not find out by themselves
                run.recorder.fail(error)
            return
        if prepared is not None:
            self.state = Ready(prepared)

    def _begin_next(self, session: TransportSession) -> None:
        """Begin the next delivery, if no wait is due.

        The server answers while the outcome before is recorded. That record has nothing to do with
        the next delivery, which is leased, and whose commit point is yet to come.
        """
        run, state = self._run, self.state
        if type(state) is not Ready or run.crew.stop.is_set() or not session.usable:
            return
        rules = run.rules
        if not rules.throttle.is_open or rules.pace.is_slow or rules.troubles.ended is not None:
            return
        if self._link.has_had_its_share:
            return
        try:
            fitted = run.fitting.fit(state.prepared, session.capabilities)
            if fitted is None:
                self.state = IDLE
                return
            if fitted is not state.prepared:
                self.state = Ready(fitted)
            recipients = len(fitted.envelope.forward_paths)
            if rules.gate.waits(recipients):
                return
            if not rules.gate.enter(recipients):
                run.crew.stop.set()
                return
            try:
                self.state = self._begin(session, fitted)
            except SessionError:  # found again where the next session is wanted
                rules.gate.leave(recipients, 0)
        except Exception as error:  # noqa: BLE001 - raised behind the outcome
            self._postponed = error

    # -- the outcome -------------------------------------------------------------------------------

    def _judge(self, begun: Begun, failure: SessionError | None) -> Verdict:
        """Ask the rules whose trouble the refusals are, where there are any."""
        rules, worker = self._run.rules, self._link.worker
        attempt, session = begun.attempt, begun.session
        if (
            failure is None
            and rules.troubles.calm
            and not session.refusals
            and worker.used_up is None
        ):
            outcomes = attempt.outcomes()
            if isinstance(outcomes, SameForAll) and outcomes.status is _ACCEPTED:
                if len(outcomes) > SAFE_RECIPIENTS:
                    rules.limits.proved(len(outcomes))
                return Verdict(outcomes)
        return rules.troubles.judge(attempt, session, worker, begun=begun.at, failure=failure)

    def _record(self, prepared: Prepared, verdict: Verdict) -> None:
        """Have the outcome of every address recorded, with the time of the next try."""
        run, delivery, outcomes = self._run, prepared.delivery, verdict.outcomes
        now = run.clock()
        every = (*outcomes, *prepared.others) if prepared.others else outcomes
        # Outcomes that are the same for all need not be looked at a thousand times.
        kinds = (every,) if isinstance(every, SameForAll) else every
        retry_at = None
        for kind in kinds:
            if kind.counted and kind.status in _AGAIN:
                retry_at = run.rules.retry.next_try(
                    tries=delivery.tries, first_try=delivery.first_try, now=now
                )
                break
        run.recorder.suspect(run.rules.troubles.suspected_since)
        run.recorder.settle(
            delivery, every, now=now, retry_at=retry_at, resume_at=verdict.resume_at
        )
        if run.rules.gate.is_limited:
            run.rules.gate.leave(len(prepared.envelope.forward_paths), _counted(outcomes))

    async def _go_on(self, verdict: Verdict, failure: SessionError | None) -> None:
        """Act upon the verdict: end the run, or the session, or count a lost session."""
        link, ended = self._link, self._run.rules.troubles.ended
        if ended is not None:
            await link.quit()
            raise ended
        if failure is None or any(outcome.status in _FINAL for outcome in verdict.outcomes):
            link.serves()
        if failure is not None:
            link.forget()
            if verdict.excused:
                link.excuse()
            else:
                link.lose(failure)
        elif verdict.renew:
            await link.quit()

    # -- without a delivery ------------------------------------------------------------------------

    async def _wait_for_work(self) -> bool:
        """Wait until a delivery is due, again or for the first time; False if none will be."""
        run = self._run
        due = run.supply.next_due()
        if due is None:
            if not run.crew.busy:
                return False
            # Another worker's delivery may yet be deferred and become ours.
            await first(run.crew.settled().wait(), run.crew.stop.wait())
            return True
        await self._link.pause(max(0.0, due - run.clock()), "recipients due later")
        return True

    def _put_back(self) -> None:
        """Put the delivery in hand back; an open transaction ends with its session."""
        state, self.state = self.state, IDLE
        if isinstance(state, Begun):
            self._run.rules.gate.leave(len(state.prepared.envelope.forward_paths), 0)
            self._run.crew.tell_settled()
        if not isinstance(state, Idle):
            self._run.supply.put_back(state.prepared.delivery)


def _uncounted(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return the outcomes of a transaction that we ended: no attempt of the pending ones."""
    return tuple(replace(o, counted=False) if o.status in _AGAIN else o for o in outcomes)


def _counted(outcomes: Sequence[Outcome]) -> int:
    """Count the addresses, copies among these, that the server has taken, or may have taken."""
    if isinstance(outcomes, SameForAll):
        return len(outcomes) if outcomes.status in _TAKEN else 0
    return sum(outcome.status in _TAKEN for outcome in outcomes)


#: Tuples: an enum's member is found in them by identity, which is quicker than its hash.
_AGAIN = (Status.DEFERRED, Status.PENDING)
_FINAL = (Status.ACCEPTED, Status.REJECTED)
_TAKEN = (Status.ACCEPTED, Status.IN_DOUBT)
_ACCEPTED = Status.ACCEPTED
