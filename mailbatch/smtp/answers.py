"""The meaning of each reply for a connection: one function a verb, in one table.

`take` finds the command of a reply by counting, and calls the function of that verb with the state
of the connection. This module must never give a reply to another command, never go on after a
reply that no RFC allows there, and hold no state.

    reply 354 while DATA is owed     ->  `_on_data`  ->  phase CONTENT, event `ContentWanted`
    reply 550 while RCPT is owed     ->  `_on_rcpt`  ->  noted in the transaction
    reply 250 while nothing is owed  ->  `RemoteProtocolError`

Tests: tests/smtp/test_conversations.py, tests/smtp/test_connection.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailbatch.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from mailbatch.smtp import commands, events
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.commands import FACTS, Verb
from mailbatch.smtp.phases import Phase, Signal
from mailbatch.smtp.transaction import Course

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mailbatch.outcome import Reply
    from mailbatch.smtp.state import State
    from mailbatch.smtp.transaction import Transaction

_CHALLENGE = 334  # RFC 4954 4
_OK = 250
_RCPT = Verb.RCPT
# An enum's member costs a slow look-up before Python 3.12; these are used for every reply.
_CONTENT_WANTED = Signal.CONTENT_WANTED
_GO_ON, _CONTENT = Course.GO_ON, Course.CONTENT
_POSITIVE = {verb: facts.positive for verb, facts in FACTS.items()}
# Content is on its way and its end is not handed over: the server owes nothing.
_SENDING = frozenset({Phase.CONTENT, Phase.END_OF_DATA})


def take(state: State, reply: Reply) -> None:
    """Give a reply to the command that was sent first of those without one.

    Raises:
        RemoteProtocolError: no reply was owed, or none with this code.
    """
    state.replies += 1
    verb = state.pipeline.answered()
    if verb is None:
        _take_unowed(state, reply)
        return
    if reply.code in _POSITIVE[verb]:
        ANSWERS[verb](state, reply)
        return
    if not reply.negative:
        raise RemoteProtocolError(f"the server said {reply.code} {verb.in_reply_to}")
    state.refusals += 1
    ANSWERS[verb](state, reply)
    if reply.closing:
        state.close_service(reply)


def take_alike(state: State, reply: Reply) -> None:
    """Give a reply that accepted a recipient to the next recipients, too, as often as it comes.

    A large group is answered by thousands of the same line. The code and the enhanced status are
    those of a mere acceptance, so that no such reply leads anywhere.
    """
    if reply.code != _OK or reply.enhanced is None or state.owed is not _RCPT:
        return
    alike = state.listener.alike()
    if alike:
        count = state.pipeline.answered_alike(_RCPT, alike)
        state.listener.skip(count)
        state.replies += count
        transaction = state.open_transaction()
        transaction.take_accepted(reply, count)
        if transaction.refused:
            _end_refused(state, transaction)


def _take_unowed(state: State, reply: Reply) -> None:
    half_way = state.phase in _SENDING and reply.negative
    if half_way:
        # The end of data must not follow, and without it this session cannot go on.
        state.open_transaction().final_reply = reply
    idle = state.phase is Phase.READY and reply.transient
    if reply.closing or idle:
        # Amazon SES ends an idle session by 451 4.4.2, where RFC 5321 3.8 has 421.
        state.close_service(reply)
    elif half_way:
        state.close(ConnectionLost(f"the server refused the content half-way: {reply}"))
    else:
        raise RemoteProtocolError(f"the server said {reply.code} and owed no reply")


def _on_greeting(state: State, reply: Reply) -> None:
    if reply.negative:
        state.move(Signal.NEGATIVE, events.GreetingRefused(reply))
    else:
        state.move(Signal.POSITIVE, events.Greeted(reply))


def _on_ehlo(state: State, reply: Reply) -> None:
    if reply.negative:
        state.move(Signal.NEGATIVE, events.HelloRefused(reply))
        return
    state.capabilities = Capabilities.from_reply(reply)
    state.pipeline.grouping = state.pipelining and state.capabilities.pipelining
    state.move(Signal.POSITIVE, events.HelloDone(state.capabilities))


def _on_starttls(state: State, reply: Reply) -> None:
    if reply.negative:
        state.move(Signal.NEGATIVE, events.TLSRefused(reply))
        return
    state.refuse_early_bytes()
    state.move(Signal.POSITIVE, events.TLSReady())


def _on_auth(state: State, reply: Reply) -> None:
    listener = state.listener
    exchange = listener.exchange
    if exchange is None:
        raise LocalProtocolError("there is no authentication to go on with")
    if reply.code == _CHALLENGE:
        answer = exchange.answer(reply.text)
        if answer is None:
            state.pipeline.queue(commands.AUTH_CANCEL, Verb.AUTH_CANCEL)
        else:
            state.pipeline.queue(answer, Verb.AUTH, shown=exchange.shown)
        return
    reply = listener.redacted(reply)
    listener.exchange = None
    if reply.negative:
        refused = events.AuthenticationRefused(reply, exchange.explained)
        state.move(Signal.NEGATIVE, refused)
    else:
        state.authenticated = True
        state.move(Signal.POSITIVE, events.Authenticated(reply))


def _on_mail(state: State, reply: Reply) -> None:
    transaction = state.open_transaction()
    course = transaction.take_mail(reply, state.pipeline.unsent)
    if course is _GO_ON:
        return
    if state.owed is None:
        _follow(state, transaction, course)
    else:  # replies to the first RCPTs are owed: they are not those of the next transaction
        state.pipeline.keep_last(0)


def _on_rcpt(state: State, reply: Reply) -> None:
    transaction = state.open_transaction()
    course = transaction.take_rcpt(reply, state.pipeline.unsent)
    if course is not _GO_ON:
        _follow(state, transaction, course)
    elif transaction.refused:
        _end_refused(state, transaction)


def _end_refused(state: State, transaction: Transaction) -> None:
    """Settle a transaction whose MAIL was refused, behind the last reply to the first RCPTs."""
    if state.owed is None and not state.pipeline.unsent:
        _follow(state, transaction, Course.STOP)


def _on_data(state: State, reply: Reply) -> None:
    transaction = state.open_transaction()
    _follow(state, transaction, transaction.take_data(reply))


def _on_end_of_data(state: State, reply: Reply) -> None:
    transaction = state.open_transaction()
    transaction.final_reply = reply
    state.settle(transaction)


def _on_bdat(state: State, reply: Reply) -> None:
    transaction = state.open_transaction()
    transaction.take_chunk(reply)
    state.bdat.answered(transaction)
    if reply.negative and not reply.closing:
        state.clear_sender(Verb.CLEAR_BDAT)
    state.settle(transaction)


def _on_lone_dot(_state: State, _reply: Reply) -> None:
    """Ignore the reply: the message was for no recipient."""


def _on_clear(state: State, reply: Reply) -> None:
    # Exim refuses the twelfth RSET of a session and ends it: that is an end as a 421 is.
    if reply.negative and not reply.closing:
        state.close_service(reply)


def _on_clear_bdat(_state: State, reply: Reply) -> None:
    if reply.negative and not reply.closing:
        # It may be the answer to a line of the content, which was not skipped.
        raise RemoteProtocolError(f"the server refused RSET: {reply}")


def _on_reset(state: State, reply: Reply) -> None:
    if not reply.negative:
        state.tell(events.ResetDone(reply))
    _on_clear(state, reply)


def _on_noop(state: State, reply: Reply) -> None:
    state.tell(events.NoopDone(reply))


def _on_quit(state: State, _reply: Reply) -> None:
    state.close(None)


#: By the verb that a reply is owed for.
ANSWERS: Mapping[Verb, Callable[[State, Reply], None]] = {
    Verb.GREETING: _on_greeting,
    Verb.EHLO: _on_ehlo,
    Verb.STARTTLS: _on_starttls,
    Verb.AUTH: _on_auth,
    Verb.AUTH_CANCEL: _on_auth,
    Verb.MAIL: _on_mail,
    Verb.RCPT: _on_rcpt,
    Verb.DATA: _on_data,
    Verb.END_OF_DATA: _on_end_of_data,
    Verb.BDAT: _on_bdat,
    Verb.LONE_DOT: _on_lone_dot,
    Verb.RSET: _on_reset,
    Verb.CLEAR: _on_clear,
    Verb.CLEAR_BDAT: _on_clear_bdat,
    Verb.NOOP: _on_noop,
    Verb.QUIT: _on_quit,
}


def _follow(state: State, transaction: Transaction, course: Course) -> None:
    """Do the next step of a transaction."""
    pipeline = state.pipeline
    if course is _CONTENT:
        state.move(_CONTENT_WANTED, events.ContentWanted(transaction))
    elif course is Course.DATA:
        pipeline.keep_last(1)
    else:
        pipeline.keep_last(0)
        if course is Course.RSET:
            state.clear_sender(Verb.CLEAR)
        elif course is Course.LONE_DOT:
            pipeline.queue(commands.END_OF_DATA, Verb.LONE_DOT)
        state.settle(transaction)
