"""The policy of a run for refusals: their trouble, judged over all sessions, and its consequence.

A refusal of one person is that person's outcome. Trouble of the account, the sender, the session or
the rate is the run's, and costs no recipient an outcome or an attempt. This module counts over all
sessions of a run, and judges each transaction (`judge`) and each session that was not let in
(`not_let_in`); the meaning of a single reply is read in `smtp.refusals`. An outcome may only become
milder here: this module must never accept or reject, and neither waits nor talks.

    refused                                      the trouble      the consequence
    -------------------------------------------  ---------------  ---------------------------------
    530, 538, words for AUTH or TLS              not let in       the run ends, 77
    503 at MAIL                                  out of step      new session; again: 69
    a day's or month's limit, at any command     not today        the run ends, 75
    another limit, at any command                slow down        wait, then one at a time
    too many recipients, at RCPT                 too large        as many as were taken (`limits`)
    too many recipients, at DATA or behind it    too large        that many, or half of them
    4yz at MAIL in a session that took some      session used up  new session
    the same 5yz 10 times at DATA or behind it,  account          the run ends, 69; the refused are
      3 times at MAIL, 50 at RCPT (10 domains)                      pending again
    the same 4yz 5 times                         slow down        wait, then one at a time

"Times" are in a row over all sessions, with no acceptance in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mailbatch.delivery.limits import Limits, domain_of
from mailbatch.delivery.pace import Pace
from mailbatch.delivery.streak import Streak
from mailbatch.delivery.transport import Attempt, TransportSession
from mailbatch.delivery.verdict import Entry, Verdict, Worker
from mailbatch.errors import (
    AuthenticationDeferred,
    AuthenticationError,
    ConnectionLost,
    LimitReached,
    ServiceUnavailable,
    SessionError,
)
from mailbatch.outcome import Outcome, Reply, Status
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.refusals import Meaning, Trouble, essence, meaning_of

#: So many equal 5yz in a row mean the account: at MAIL, at DATA or the end of data, at RCPT. One
#: blocked domain may be many rows of a sorted table, so at RCPT they are of so many domains, too.
MOST_AT_MAIL, MOST_AT_CONTENT, MOST_AT_RCPT, LEAST_DOMAINS = 3, 10, 50, 10
#: So many equal 4yz in a row ask the run to slow down.
MOST_FOR_NOW = 5
#: From so many refused RCPTs in a row on a dying run leaves a note of them.
SUSPICIOUS_AT_RCPT = 10
# A refused transaction may be so many refused commands: RCPT, and DATA without a recipient.
_REFUSALS_OF_ONE = 2
# The same 4yz to AUTH so many times is no chance.
_MOST_AT_AUTH = 2
# So many sessions in a row that are out of step are no chance, either.
_MOST_OUT_OF_STEP = 2

_OUT_OF_STEP, _TOO_BIG = 503, 552  # RFC 5321 4.2.3; RFC 1870 6.1
# RFC 3463: X.3.4 message too big for system, X.2.3 message length exceeds administrative limit.
_ABOUT_SIZE = (None, "5.3.4", "5.2.3")
_TOO_MANY = "4.5.3"  # RFC 3463: X.5.3 too many recipients
_REFUSED = (Status.REJECTED, Status.DEFERRED)
# Trouble that is the run's at first sight, and the part of it that asks for time.
_AT_ONCE = frozenset({Trouble.LOGIN, Trouble.LIMIT, Trouble.ALLOWANCE})
_ITS_TIME = _AT_ONCE - {Trouble.LOGIN}


_SEE_TO_THE_ACCOUNT = (
    "the refused are pending again: see to the sender and the account, then run again"
)
_SEE_THE_TRANSCRIPT = "--transcript shows what was said; pipelining: off may help"
_KEEP_BELOW = "run again when the limit allows it; {key}.rate keeps a run below a rate"
_RUN_LATER = "run again later; {key}.sessions says how many sessions a run opens"
_CREDENTIALS = (
    "see {key}.username and {key}.password, and {key}.security where the server asks for TLS"
)


class Troubles:
    """The refusals of all sessions of a run, counted together.

    `ended` is the failure that ends the run, None so far. `calm`: nothing is counted, and an
    acceptance changes nothing. `server` names the other end, `key` its place in the job.
    """

    def __init__(
        self,
        limits: Limits,
        pace: Pace,
        *,
        server: str,
        clock: Callable[[], float],
        key: str = "server",
    ) -> None:
        self.ended: SessionError | None = None
        self.calm = True
        self._limits = limits
        self._pace = pace
        self._server = server
        self._key = key
        self._clock = clock
        self._let_in = False
        self._troubled_since = 0.0
        self._streak = Streak()  # 5yz at MAIL, DATA or the end of data
        self._at_rcpt = Streak()  # 5yz at RCPT
        self._for_now = Streak()  # 4yz
        self._at_auth = Streak()

    @property
    def suspected_since(self) -> float | None:
        """The time since which refusals may turn out to be the run's; None if none may."""
        if self.calm:
            return None
        if self._streak.count or self._at_rcpt.count >= SUSPICIOUS_AT_RCPT:
            return self._troubled_since
        return None

    @property
    def unfinished(self) -> list[tuple[float, Reply]]:
        """The streaks that a run which ends early gives back: the begin and the reply of each.

        The trouble of refusals behind the last acceptance is not known yet. Refusals of RCPT, and
        refusals for now, are the recipients' own until a streak is long enough.
        """
        streaks = [self._streak]
        if self._is_everybody(self._at_rcpt):
            streaks.append(self._at_rcpt)
        if self._for_now.count >= MOST_FOR_NOW:
            streaks.append(self._for_now)
        return [(self._troubled_since or s.began, s.reply) for s in streaks if s.reply is not None]

    # -- transactions ------------------------------------------------------------------------------

    def judge(
        self,
        attempt: Attempt,
        session: TransportSession,
        worker: Worker,
        *,
        begun: float,
        failure: SessionError | None,
    ) -> Verdict:
        """Judge a transaction that began at `begun` (seconds since the epoch).

        `failure` ended the session of the transaction; None: the session is open.
        """
        outcomes = attempt.outcomes()
        self.calm = False
        if attempt.room is not None:
            self._limits.learn_recipients(attempt.room)
        self._note_first_mail(attempt, session, worker)
        if attempt.answered and (attempt.refusal is None or attempt.refusal[0] is not Verb.MAIL):
            worker.refused_in_a_row = worker.out_of_step = 0
        if any(outcome.status is Status.ACCEPTED for outcome in outcomes):
            self._relieve(begun)
        verdict = self._judge_recipients(attempt, Verdict(outcomes), begun)
        refusal = attempt.refusal
        if refusal is not None:
            verdict = self._judge_refusal(attempt, refusal, verdict, session, worker, begun)
        elif _is_closed(failure) and not attempt.answered and session.transactions > 1:
            worker.refused_mails += 1
            self._use_up(session, worker, closed=True)
            verdict = replace(verdict, excused=True)
        refused = refusal is not None or any(
            o.reply is not None and o.reply.negative for o in outcomes
        )
        if failure is not None and refused:
            at_mail = refusal is not None and refusal[0] is Verb.MAIL
            verdict = self._excuse_loss(verdict, session, failure, at_mail=at_mail)
        return replace(verdict, renew=verdict.renew or self._is_worn(session))

    def _relieve(self, begun: float) -> None:
        """Go on at full speed: a transaction was accepted.

        A transaction that was under way in another session before the first refusal does not count.
        """
        if begun < self._troubled_since or self.ended is not None:
            return
        self._troubled_since = 0.0
        self._pace.relieve()
        for streak in (self._streak, self._at_rcpt, self._for_now):
            streak.end()
        self.calm = True

    def _note_first_mail(self, attempt: Attempt, session: TransportSession, worker: Worker) -> None:
        """Learn the number of transactions of a session, once a new session shows the cause.

        A limit of the account refuses the first MAIL of the new session, too.
        """
        if session.transactions > 1 or worker.used_up is None or not attempt.answered:
            return
        used_up, worker.used_up = worker.used_up, None
        if attempt.refusal is not None and attempt.refusal[0] is Verb.MAIL:
            return
        if worker.closed:
            self._limits.cut_short(used_up)
        else:
            self._limits.learn_transactions(used_up)

    def _use_up(self, session: TransportSession, worker: Worker, *, closed: bool) -> None:
        """Suspect that the session has had as many transactions as the server allows."""
        worker.used_up = session.transactions - worker.refused_mails
        worker.closed = closed

    def _excuse_loss(
        self, verdict: Verdict, session: TransportSession, failure: SessionError, *, at_mail: bool
    ) -> Verdict:
        """Excuse a session that ended with a refusal; learn how many refusals a session bears."""
        if not _is_closed(failure):
            return verdict
        closing = failure.reply is not None  # a 421 is a refusal, too
        known = self._limits.refusals
        if not at_mail and session.refusals > closing:
            self._limits.learn_refusals(session.refusals - closing)
        nobodys = not any(outcome.counted for outcome in verdict.outcomes)
        learned = self._limits.refusals != known
        if nobodys and not (at_mail or learned or self._pace.resume_at > self._clock()):
            return verdict  # it came to nothing, and so it would for ever
        return replace(verdict, excused=True)

    def _is_worn(self, session: TransportSession) -> bool:
        """Say whether a new session would be of more use."""
        if session.slow_at is not None:
            self._limits.learn_refusals(max(1, session.slow_at - _REFUSALS_OF_ONE))
            return True
        return session.refusals >= self._limits.refusals

    # -- refused recipients ------------------------------------------------------------------------

    def _judge_recipients(self, attempt: Attempt, verdict: Verdict, begun: float) -> Verdict:
        """Judge the refusals of RCPT."""
        if attempt.accepted and begun >= self._troubled_since and self.ended is None:
            self._at_rcpt.end()
        refusal = attempt.refusal
        whole = None if refusal is None else refusal[1]
        excused: set[Reply] = set()
        for outcome in verdict.outcomes:
            reply = outcome.reply
            if reply is None or reply is whole or outcome.status not in _REFUSED:
                continue
            meaning = meaning_of(Verb.RCPT, reply)
            if self._is_the_runs_at_rcpt(meaning, outcome, reply, attempt, begun):
                excused.add(reply)
        return self._milder(verdict, excused) if excused else verdict

    def _is_the_runs_at_rcpt(
        self, meaning: Meaning, outcome: Outcome, reply: Reply, attempt: Attempt, begun: float
    ) -> bool:
        """Say whether a refused RCPT is trouble of the run; if so, act."""
        if meaning.trouble in _AT_ONCE:
            self._act(meaning, reply, begun)
            return True
        if attempt.accepted or not reply.negative:  # somebody gets it; or a 254
            return False
        if reply.permanent or meaning.trouble is Trouble.ACCOUNT:
            return self._is_refused_as_all(outcome, reply)
        if reply.enhanced == _TOO_MANY or not self._is_for_now_again(Verb.RCPT, reply):
            return False
        self._act(meaning, reply, begun)
        return True

    def _is_refused_as_all(self, outcome: Outcome, reply: Reply) -> bool:
        """Count a recipient that was refused for good; say whether all recipients are."""
        streak = self._at_rcpt
        self._add(streak, essence(reply), reply)
        streak.domains.add(domain_of(outcome.address))
        if not self._is_everybody(streak):
            return False
        self._end(_refused(self._server, "refuses recipient after recipient", reply))
        return True

    @staticmethod
    def _is_everybody(streak: Streak) -> bool:
        return streak.count >= MOST_AT_RCPT and len(streak.domains) >= LEAST_DOMAINS

    # -- refused transactions ----------------------------------------------------------------------

    def _judge_refusal(
        self,
        attempt: Attempt,
        refusal: tuple[Verb, Reply],
        verdict: Verdict,
        session: TransportSession,
        worker: Worker,
        begun: float,
    ) -> Verdict:
        """Judge the refusal of a transaction as a whole."""
        verb, reply = refusal
        meaning = meaning_of(verb, reply)
        if verb is Verb.MAIL:
            again = self._of_the_session(reply, meaning, session, worker)
            if again is not None:
                return replace(self._milder(verdict, {reply}), renew=again)
        if self._is_the_runs(attempt, meaning, reply, begun):
            # A new session shows whether the limit was the old one's.
            used = verb is Verb.MAIL and session.transactions > worker.refused_mails
            return replace(self._milder(verdict, {reply}), renew=used)
        if reply.permanent or meaning.trouble is Trouble.ACCOUNT:
            account = self._is_of_the_account(verb, reply, meaning)
            return self._milder(verdict, {reply}) if account else verdict
        if not self._is_for_now_again(verb, reply):
            return verdict
        self._act(meaning, reply, begun)
        return self._milder(verdict, {reply})

    def _is_the_runs(self, attempt: Attempt, meaning: Meaning, reply: Reply, begun: float) -> bool:
        """Say whether a refusal is trouble of the run at first sight; if so, act."""
        if meaning.trouble is Trouble.CROWD and attempt.accepted > 1:
            most = meaning.recipients
            fewer = most is not None and most < attempt.accepted
            self._limits.learn_recipients(most if fewer and most else attempt.accepted // 2)
            return True
        if meaning.trouble not in _AT_ONCE:
            return False
        self._act(meaning, reply, begun)
        return True

    def _is_for_now_again(self, verb: Verb, reply: Reply) -> bool:
        """Count a refusal for now; say whether the same one comes again and again."""
        return self._add(self._for_now, (verb, essence(reply)), reply) >= MOST_FOR_NOW

    def _of_the_session(
        self, reply: Reply, meaning: Meaning, session: TransportSession, worker: Worker
    ) -> bool | None:
        """Say whether a refused MAIL asks for a new session; None: no trouble of the session."""
        if reply.code == _OUT_OF_STEP and meaning.trouble is not Trouble.LOGIN:
            worker.out_of_step += 1
            if worker.out_of_step >= _MOST_OUT_OF_STEP:
                what = "is out of step in every session"
                self._end(_refused(self._server, what, reply, _SEE_THE_TRANSCRIPT))
            return True
        worker.refused_mails += 1
        if reply.permanent or session.transactions == worker.refused_mails:
            return None  # the account's, or a session that took none: it is not used up
        if meaning.trouble in _ITS_TIME:
            return None
        worker.refused_in_a_row += 1
        if not reply.closing and worker.refused_in_a_row == 1:
            return False  # once may be chance
        self._use_up(session, worker, closed=reply.closing)
        return True

    def _is_of_the_account(self, verb: Verb, reply: Reply, meaning: Meaning) -> bool:
        """Count a refusal of sender, content or account; say whether the account is the cause."""
        if verb is Verb.MAIL and reply.code == _TOO_BIG and reply.enhanced in _ABOUT_SIZE:
            return False  # the message's own
        count = self._add(self._streak, (verb, essence(reply)), reply)
        at_once = meaning.trouble is Trouble.ACCOUNT and reply.permanent
        if not at_once and count < (MOST_AT_MAIL if verb is Verb.MAIL else MOST_AT_CONTENT):
            return False
        what = "the sender" if verb is Verb.MAIL else "message after message"
        self._end(_refused(self._server, f"refuses {what}", reply))
        return True

    # -- sessions ----------------------------------------------------------------------------------

    def let_in(self) -> None:
        """Note that a session was opened."""
        self._let_in = True
        self._at_auth.end()

    def not_let_in(self, error: SessionError, *, others: int) -> Entry:
        """Decide about a session that was not opened, while `others` are open."""
        reply = error.reply
        if not isinstance(reply, Reply):
            return Entry.END if isinstance(error, AuthenticationError) else Entry.AGAIN
        if not isinstance(error, AuthenticationError | AuthenticationDeferred):
            return Entry.AGAIN
        if self._let_in and others:
            self._limits.learn_sessions(others)
            return Entry.GIVE_UP
        limited = meaning_of(Verb.AUTH, reply).trouble in _ITS_TIME
        if isinstance(error, AuthenticationDeferred):
            count = self._at_auth.add(essence(reply), reply, self._clock())
            if not limited and count < _MOST_AT_AUTH:
                return Entry.AGAIN
            limited = True
        self._end(_limited(error.message, reply, self._key, _RUN_LATER) if limited else error)
        return Entry.END

    # -- inside ------------------------------------------------------------------------------------

    def _add(self, streak: Streak, key: object, reply: Reply) -> int:
        """Count a refusal; return how many equal ones there were in a row."""
        if self.ended is not None and key != streak.key:
            return 0  # what ended the run is given back; this is not it
        now = self._clock()
        self._troubled_since = self._troubled_since or now
        return streak.add(key, reply, now)

    def _act(self, meaning: Meaning, reply: Reply, begun: float) -> None:
        """Let the run wait; end the run where the wait would be too long, or is no use."""
        self._troubled_since = self._troubled_since or self._clock()
        if meaning.trouble is Trouble.LOGIN:
            self._end(_not_let_in(self._server, reply, self._key))
        elif meaning.trouble is Trouble.ALLOWANCE:
            self._end(_limited(f"{self._server} takes no more today: {reply}", reply, self._key))
        elif not self._pace.slow(begun=begun, seconds=meaning.seconds, until=meaning.until):
            self._end(_limited(f"{self._server} takes no more for now: {reply}", reply, self._key))

    def _end(self, failure: SessionError) -> None:
        self.ended = self.ended or failure

    def _milder(self, verdict: Verdict, excused: set[Reply]) -> Verdict:
        """Make the recipients that one of these replies refused pending, without an attempt."""
        outcomes = tuple(_milder(outcome, excused) for outcome in verdict.outcomes)
        resume_at = max(verdict.resume_at, self._pace.resume_at)
        return replace(verdict, outcomes=outcomes, resume_at=resume_at)


def _is_closed(failure: SessionError | None) -> bool:
    """Say whether the server ended the session, by 421 or without a word: no time-out."""
    return isinstance(failure, ServiceUnavailable | ConnectionLost)


def _milder(outcome: Outcome, excused: set[Reply]) -> Outcome:
    reply = outcome.reply
    if reply is None or reply not in excused or outcome.status not in _REFUSED:
        return outcome
    return replace(outcome, status=Status.PENDING, reason=str(reply), counted=False)


def _refused(server: str, what: str, reply: Reply, hint: str = _SEE_TO_THE_ACCOUNT) -> SessionError:
    return ServiceUnavailable(f"{server} {what}: {reply}", hint=hint, reply=reply)


def _not_let_in(server: str, reply: Reply, key: str) -> SessionError:
    text = f"{server} wants to know who sends, or TLS: {reply}"
    return AuthenticationError(text, hint=_CREDENTIALS.format(key=key), reply=reply)


def _limited(message: str, reply: Reply, key: str, hint: str = _KEEP_BELOW) -> SessionError:
    return LimitReached(message, hint=hint.format(key=key), reply=reply)
