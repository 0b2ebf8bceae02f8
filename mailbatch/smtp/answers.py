"""The receiving half of a connection: replies find their command and become events.

`Connection` (where the theory of operation stands) adds the sending half. This half must never
give a reply to any command but its own, and never go on after something it does not understand.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar

from mailbatch.errors import (
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    ServiceUnavailable,
    SessionError,
)
from mailbatch.smtp import commands, events
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.commands import FACTS, Verb
from mailbatch.smtp.echoes import Echoes
from mailbatch.smtp.phases import TRANSITIONS, Phase, Signal
from mailbatch.smtp.pipeline import Pipeline
from mailbatch.smtp.reply import ReplyParser, decode
from mailbatch.smtp.transaction import Course, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mailbatch.outcome import Reply
    from mailbatch.smtp.auth import Authentication

    #: Called with "C" or "S" and one line without its line end, free of secrets and controls.
    Transcript = Callable[[str, bytes], None]

_CHALLENGE = 334  # RFC 4954 4
_CLOSING = 421  # RFC 5321 3.8
_NEGATIVE = 400  # from here on: 4yz and 5yz (RFC 5321 4.2.1)
_TRANSIENT = 4
# An enum's member costs a slow look-up before Python 3.12; these are used for every reply.
_CLOSED, _HANDSHAKE = Phase.CLOSED, Phase.HANDSHAKE
_CONTENT_WANTED, _SETTLED = Signal.CONTENT_WANTED, Signal.SETTLED
_GO_ON, _CONTENT = Course.GO_ON, Course.CONTENT
_POSITIVE = {verb: facts.positive for verb, facts in FACTS.items()}
# Content is on its way and its end is not handed over: the server owes nothing.
_SENDING = frozenset({Phase.CONTENT, Phase.END_OF_DATA})


class Answers:
    """What the server says, and what it comes to."""

    def __init__(
        self, *, pipelining: bool, transcript: Transcript | None, password: str | None
    ) -> None:
        self.phase = Phase.GREETING
        self.capabilities = Capabilities()
        self.transaction: Transaction | None = None
        self.replies = 0
        self.refusals = 0
        self.chunking_failed: str | None = None
        self._pipelining = pipelining
        self._transcript = transcript
        self._pipeline = Pipeline()
        self._echoes = Echoes(password or "")
        self._parser = self._new_parser()
        self._heard_lines: list[bytes] = []
        self._events: deque[events.Event] = deque()
        self._authentication: Authentication | None = None
        self._authenticated = False
        self._said_bdat = False
        self._took_bdat = False
        self._error: RemoteProtocolError | None = None
        self._end: SessionError | None = None

    @property
    def owed(self) -> Verb | None:
        """What the oldest reply is owed for: it names the deadline and the error text."""
        return self._pipeline.owed

    @property
    def asks_in_vain(self) -> bool:
        """Whether replies are owed to RCPTs behind the one that the server had no room for."""
        return (
            self.transaction is not None
            and self.transaction.room is not None
            and self._pipeline.owed is Verb.RCPT
        )

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the server, cut anywhere."""
        if self.phase is _CLOSED:
            return
        parser, echoes = self._parser, self._echoes
        echoes.listen(data)
        try:
            parser.receive_data(data)
            if self.phase is _HANDSHAKE:
                self._refuse_early_bytes()
            while self.phase is not _CLOSED and (reply := parser.next_reply()) is not None:
                harmless = not echoes.alert and len(reply.lines) == 1
                self._take(reply if harmless else echoes.clean(reply))
        except RemoteProtocolError as error:
            self._error = error
            if self._said_bdat:
                # It may have read a content as commands; with DATA it has less to mistake.
                self.chunking_failed = self.chunking_failed or str(error)
            self._close(error)

    def receive_eof(self) -> None:
        """Take the end of the server's stream."""
        if self.phase is Phase.QUITTING:
            self._close(None)
            return
        reason = "the server closed the connection"
        if self.owed is not None:
            reason += f" {self.owed.in_reply_to}"
        evidence = self._parser.evidence
        self.connection_lost(f"{reason}, after '{evidence}'" if evidence else reason)

    def connection_lost(self, reason: str) -> None:
        """Give up: the socket failed or a deadline passed. Settles the open transaction."""
        self._close(ConnectionLost(reason))

    def next_event(self) -> events.Event | None:
        """Return what the server did next, or None until more bytes have come.

        Raises:
            RemoteProtocolError: the server broke the protocol; the connection is of no more use.
        """
        if self._events:
            return self._events.popleft()
        if self._error is not None:
            raise self._error
        return None

    # Replies

    def _take(self, reply: Reply) -> None:
        self.replies += 1
        verb = self._pipeline.answered()
        if verb is None:
            self._take_unowed(reply)
            return
        code = reply.code
        if code >= _NEGATIVE:
            self.refusals += 1
        elif code not in _POSITIVE[verb]:
            raise RemoteProtocolError(f"the server said {code} {verb.in_reply_to}")
        self._ANSWERS[verb](self, reply)
        if code == _CLOSING:
            self._close_service(reply)

    def _take_unowed(self, reply: Reply) -> None:
        half_way = self.phase in _SENDING and reply.code >= _NEGATIVE
        if half_way:
            # The end of data must not follow, and without it this session cannot go on.
            self._open().final_reply = reply
        idle = self.phase is Phase.READY and reply.severity == _TRANSIENT
        if reply.code == _CLOSING or idle:
            # Amazon SES ends an idle session by 451 4.4.2, where RFC 5321 3.8 has 421.
            self._close_service(reply)
        elif half_way:
            self._close(ConnectionLost(f"the server refused the content half-way: {reply}"))
        else:
            raise RemoteProtocolError(f"the server said {reply.code} and owed no reply")

    def _on_greeting(self, reply: Reply) -> None:
        if reply.code < _NEGATIVE:
            self._move(Signal.POSITIVE, events.Greeted(reply))
        else:
            self._move(Signal.NEGATIVE, events.GreetingRefused(reply))

    def _on_ehlo(self, reply: Reply) -> None:
        if reply.code >= _NEGATIVE:
            self._move(Signal.NEGATIVE, events.HelloRefused(reply))
            return
        self.capabilities = Capabilities.from_reply(reply)
        self._pipeline.grouping = self._pipelining and self.capabilities.pipelining
        self._move(Signal.POSITIVE, events.HelloDone(self.capabilities))

    def _on_starttls(self, reply: Reply) -> None:
        if reply.code >= _NEGATIVE:
            self._move(Signal.NEGATIVE, events.TLSRefused(reply))
            return
        self._refuse_early_bytes()
        self._move(Signal.POSITIVE, events.TLSReady())

    def _on_auth(self, reply: Reply) -> None:
        authentication = self._authentication
        if authentication is None:
            raise LocalProtocolError("there is no authentication to go on with")
        if reply.code == _CHALLENGE:
            answer = authentication.answer(reply.text)
            if answer is None:
                self._pipeline.queue(commands.AUTH_CANCEL, Verb.AUTH_CANCEL)
            else:
                self._pipeline.queue(answer, Verb.AUTH, shown=b"***")
            return
        reply = self._echoes.clean(reply, authentication.secrets)
        self._authentication = None
        self._parser.discreet = False
        if reply.code < _NEGATIVE:
            self._authenticated = True
            self._move(Signal.POSITIVE, events.Authenticated(reply))
        else:
            explained = authentication.explained
            self._move(Signal.NEGATIVE, events.AuthenticationRefused(reply, explained))

    def _on_mail(self, reply: Reply) -> None:
        transaction = self._open()
        course = transaction.take_mail(reply, self._pipeline.unsent)
        if course is not _GO_ON:
            self._follow(transaction, course)

    def _on_rcpt(self, reply: Reply) -> None:
        transaction = self._open()
        course = transaction.take_rcpt(reply, self._pipeline.unsent)
        if course is not _GO_ON:
            self._follow(transaction, course)

    def _on_data(self, reply: Reply) -> None:
        transaction = self._open()
        self._follow(transaction, transaction.take_data(reply))

    def _on_end_of_data(self, reply: Reply) -> None:
        transaction = self._open()
        transaction.final_reply = reply
        self._settle(transaction)

    def _on_bdat(self, reply: Reply) -> None:
        transaction = self._open()
        transaction.take_chunk(reply)
        self._took_bdat = self._took_bdat or reply.code < _NEGATIVE
        if reply.code >= _NEGATIVE and reply.code != _CLOSING:
            if transaction.knows_no_bdat:
                self.chunking_failed = f"the server announces CHUNKING and said '{reply}' to BDAT"
            self._clear(Verb.CLEAR_BDAT)
        self._settle(transaction)

    def _on_lone_dot(self, reply: Reply) -> None:
        """Ignore it: nobody was to have this message."""

    def _on_clear(self, reply: Reply) -> None:
        # Exim refuses the twelfth RSET of a session and ends it: that is an end as a 421 is.
        if reply.code >= _NEGATIVE and reply.code != _CLOSING:
            self._close_service(reply)

    def _on_clear_bdat(self, reply: Reply) -> None:
        if reply.code >= _NEGATIVE and reply.code != _CLOSING:
            # It may be the answer to a line of the content, which was not skipped.
            raise RemoteProtocolError(f"the server refused RSET: {reply}")

    def _on_reset(self, reply: Reply) -> None:
        if reply.code < _NEGATIVE:
            self._events.append(events.ResetDone(reply))
        self._on_clear(reply)

    def _on_noop(self, reply: Reply) -> None:
        self._events.append(events.NoopDone(reply))

    def _on_quit(self, _reply: Reply) -> None:
        self._close(None)

    _ANSWERS: ClassVar[Mapping[Verb, Callable[[Answers, Reply], None]]] = {
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

    # Inside

    def _follow(self, transaction: Transaction, course: Course) -> None:
        """Do what a transaction needs next."""
        pipeline = self._pipeline
        if course is _CONTENT:
            self._move(_CONTENT_WANTED, events.ContentWanted(transaction))
        elif course is Course.DATA:
            pipeline.keep_last(1)
        else:
            pipeline.keep_last(0)
            if course is Course.RSET:
                self._clear(Verb.CLEAR)
            elif course is Course.LONE_DOT:
                pipeline.queue(commands.END_OF_DATA, Verb.LONE_DOT)
            self._settle(transaction)

    def _clear(self, verb: Verb) -> None:
        """Have the server forget the sender: with one it refuses the next MAIL."""
        self._pipeline.queue(commands.RSET, verb)

    def _settle(self, transaction: Transaction) -> None:
        transaction.settled = True
        self.transaction = None
        self._move(_SETTLED, events.TransactionDone(transaction))

    def _open(self) -> Transaction:
        if self.transaction is None:
            raise LocalProtocolError("there is no open transaction")
        return self.transaction

    def _next_phase(self, signal: Signal) -> Phase:
        phase = TRANSITIONS[self.phase].get(signal)
        if phase is None:
            if self._end is not None:
                raise self._end
            raise LocalProtocolError(f"{signal} is not possible in the phase {self.phase}")
        return phase

    def _move(self, signal: Signal, event: events.Event | None = None) -> None:
        self.phase = self._next_phase(signal)
        if event is not None:
            self._events.append(event)

    def _close_service(self, reply: Reply) -> None:
        self._close(ServiceUnavailable(f"the server ended the session: {reply}"), reply)

    def _close(self, end: SessionError | None, closing: Reply | None = None) -> None:
        """End the connection for good; `end` is why, None after QUIT, `closing` a 421."""
        if self.phase is Phase.CLOSED:
            return
        self._show_lines()
        self.phase = Phase.CLOSED
        self._end = end
        self._pipeline.clear()
        kept = [event for event in self._events if not isinstance(event, events.INVITATIONS)]
        self._events = deque(kept)
        transaction = self.transaction
        if transaction is not None:
            if transaction.chunked and transaction.end_of_data_handed_over and closing is None:
                self._suspect_chunking(str(end))
            transaction.broken = str(end)
            transaction.settled = True
            self.transaction = None
            self._events.append(events.TransactionDone(transaction))
        if closing is not None:
            self._events.append(events.ServiceClosing(closing))
        if self._error is None:
            self._events.append(events.Closed(None if end is None else str(end)))

    def _suspect_chunking(self, end: str) -> None:
        """Blame BDAT for a session that was lost behind it, unless it has worked before.

        What hangs or closes at every BDAT would leave somebody in doubt each time.
        """
        if not self._took_bdat and self.chunking_failed is None:
            self.chunking_failed = f"no BDAT has worked with the server: {end}"

    def _refuse_early_bytes(self) -> None:
        # RFC 3207 6: plain text behind the 220 would be read as if TLS had protected it.
        if self._parser.unfinished:
            raise RemoteProtocolError("the server sent plain text between STARTTLS and TLS")

    def _new_parser(self) -> ReplyParser:
        parser = ReplyParser()
        parser.clean = self._echoes.cleaned
        if self._transcript is not None:
            parser.on_line = self._hear_line
        return parser

    def _hear_line(self, line: bytes) -> None:
        """Keep a line for the transcript until its reply is complete: what it is shows then."""
        self._heard_lines.append(line)
        if line[3:4] != b"-":
            self._show_lines()

    def _show_lines(self) -> None:
        heard, self._heard_lines = self._heard_lines, []
        if self._transcript is None:
            return
        texts = [decode(line) for line in heard]
        if self._echoes.alert or self._authentication is not None or len(texts) > 1:
            said = self._authentication.secrets if self._authentication is not None else ()
            texts = self._echoes.cleaned(texts, said)
        for text in texts:
            self._transcript("S", text.encode())
