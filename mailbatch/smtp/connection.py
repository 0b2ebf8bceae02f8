"""The SMTP client's side of a conversation, as a state machine (RFC 5321, 2920, 3030, 3207, 4954).

The machine does no I/O, knows no clock and starts no TLS: a session does. This module must never
let a byte leave that the server is not ready for.

Parts
-----
`State`     the phase (table: module `phases`), the open transaction, the events; has the others
`Pipeline`  which bytes may leave, and which replies are owed (RFC 2920)
`Listener`  the server's bytes as replies without secrets: `ReplyParser`, `Echoes`, `AuthExchange`
`BdatUse`   the evidence of this session about BDAT, for the `BdatTrust` of the run
`ANSWERS`   the meaning of a reply, by the verb that is answered (module `answers`)

Theory of operation
-------------------
The caller states an intent (`hello`, `begin`, `send_content`, ...); an intent only queues. Then the
caller turns, until the awaited event has come:

    data_to_send()  ->  the bytes that may leave now      receive_data(bytes), receive_eof()
    next_event()    ->  the next event, or None           connection_lost(reason)

I1  One entry in the pipeline for every reply owed, pushed where the bytes are handed over. Replies
    take entries from the left, by counting (RFC 2920 3.1); code and text play no part.
I2  Bytes leave only if nothing in flight ends a command group. Without PIPELINING every command
    ends one: the same engine sends one at a time. Whole groups leave at once, however large; the
    caller reads while writing, or a long group dead-locks (RFC 2920 3.1).
I3  No byte follows the final dot, nor a BDAT, before the reply (the provider's page). No content
    follows DATA before the reply: content goes only to accepted recipients, or by BDAT.
I4  A transaction is settled exactly once, and then there is exactly one `TransactionDone`, however
    the connection ends. The outcomes follow from the replies noted (module `transaction`).
I5  The end of data counts as handed over when `pieces_to_send` has returned the last byte. Before
    that no recipient can have the message; after that only a reply tells. The last byte of a BDAT
    is an end of data.
I6  After a protocol error, a 421, a refusal in the middle of content, the end of the stream or
    QUIT the phase is CLOSED for good: nothing leaves, nothing is read. Every intent then raises
    the failure that ended the connection. Invitations among the events are withdrawn.
I7  No text of the server gets out but through the `Listener`, which takes secrets out.

`receive_data` never raises. A breach of the protocol surfaces as `RemoteProtocolError` from
`next_event`, behind the events that came before, and again at every further call.

A refused transaction cleans up: by a lone dot where the server still reads content for no
recipient, by RSET where the server still has a sender. `TransactionDone` does not wait for the
reply to that. The next transaction may be begun at once: RSET joins the next group, the reply to
the dot is waited for by I2. So is the reply to the RSET behind a refused BDAT: a server that did
not skip the content answers each line as a command, and no further content may leave before that
would have been seen.

With CHUNKING (RFC 3030) and PIPELINING a transaction is one flight: `begin(held=True)` lets nothing
leave before `send_chunk` has given the content, then MAIL, RCPTs and BDAT LAST leave together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailbatch.errors import ConnectionLost, LocalProtocolError, RemoteProtocolError
from mailbatch.smtp import commands
from mailbatch.smtp.answers import take, take_alike
from mailbatch.smtp.auth import AuthExchange
from mailbatch.smtp.bdat import BdatTrust, BdatUse
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.content import checked, stuff
from mailbatch.smtp.listener import Listener
from mailbatch.smtp.phases import Phase, Signal
from mailbatch.smtp.state import State
from mailbatch.smtp.transaction import Transaction

if TYPE_CHECKING:
    from mailbatch.envelope import Envelope
    from mailbatch.sasl import Mechanism
    from mailbatch.smtp import events
    from mailbatch.smtp.listener import Transcript
    from mailbatch.smtp.pipeline import Pipeline

#: So many recipients are asked at a time where the bound of the server is not known: RFC 5321
#: 4.5.3.1.8 asks for 100, and each recipient asked in vain costs a second at some servers.
WINDOW = 100
_CRLF = b"\r\n"
# An enum's member costs a slow look-up before Python 3.12; these are used for every transaction.
_BEGIN, _BODY, _FINISH = Signal.BEGIN, Signal.BODY, Signal.FINISH
_MAIL, _RCPT, _DATA, _END_OF_DATA = Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.END_OF_DATA
_HOLD, _CHUNK, _BDAT = Signal.HOLD, Signal.CHUNK, Verb.BDAT
_CLOSED, _HANDSHAKE = Phase.CLOSED, Phase.HANDSHAKE


class Connection:
    """The client's side of one SMTP conversation; the greeting is owed from the start.

    `password` is shown in no reply, error or transcript, should the server repeat it. `trust` is
    shared by the connections of a run.

    `state` is for reading: the phase, the reply owed, the open transaction and the capabilities.

    Every intent raises `LocalProtocolError` where the phase does not allow the intent. Once the
    phase is CLOSED the failure is raised that ended the connection: `RemoteProtocolError`,
    `ServiceUnavailable` or `ConnectionLost`.
    """

    def __init__(
        self,
        *,
        local_name: str,
        pipelining: bool = True,
        transcript: Transcript | None = None,
        password: str | None = None,
        trust: BdatTrust | None = None,
    ) -> None:
        self._hello = commands.ehlo(local_name)
        self._transcript = transcript
        self._listener = Listener(transcript, password)
        self._bdat = BdatUse(trust or BdatTrust(), self._listener.redact)
        self.state = State(self._listener, self._bdat, pipelining=pipelining)
        self._pipeline = self.state.pipeline
        self._secured = False
        # MAIL and the RCPTs of a held transaction.
        self._held = b""
        # The last two bytes of the content that `send_body` queued so far.
        self._body_end = _CRLF
        self._had_transaction = False

    # Intents: they queue, `data_to_send` hands over.

    def hello(self) -> None:
        """Say EHLO."""
        self.state.move(Signal.HELLO)
        self._pipeline.queue(self._hello, Verb.EHLO)

    def start_tls(self) -> None:
        """Ask for TLS (RFC 3207)."""
        state = self.state
        phase = state.next_phase(Signal.START_TLS)
        if self._secured or not state.capabilities.starttls:
            raise LocalProtocolError("STARTTLS is not on offer")
        state.phase = phase
        self._pipeline.queue(commands.STARTTLS, Verb.STARTTLS)

    def tls_started(self) -> None:
        """Go on after the TLS handshake, and forget the EHLO before (RFC 3207 4.2)."""
        self.state.move(Signal.TLS_STARTED)
        self._secured = True
        self.state.capabilities = Capabilities()
        self._pipeline.grouping = False

    def authenticate(self, mechanism: Mechanism) -> None:
        """Run a SASL mechanism (RFC 4954); after one success there is no other run."""
        state = self.state
        phase = state.next_phase(Signal.AUTHENTICATE)
        if state.authenticated or mechanism.name not in state.capabilities.auth:
            raise LocalProtocolError(f"AUTH {mechanism.name} is not on offer")
        exchange = AuthExchange(mechanism)
        line = exchange.command()
        state.phase = phase
        self._listener.exchange = exchange
        self._pipeline.queue(line, Verb.AUTH, shown=exchange.shown)

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int | None = None,
        eight_bit: bool = False,
        held: bool = False,
        at_once: int | None = None,
    ) -> Transaction:
        """Queue MAIL, the RCPTs and DATA of a transaction; `held`: let `send_chunk` send them.

        `size` is that of the content in bytes, before dots are stuffed, and announced if the server
        knows SIZE; likewise the wish of `envelope.dsn`, if the server knows DSN. `eight_bit` says
        that the content is not all ASCII. Of more than `at_once`
        recipients (None: any number) the others wait for the replies to these, `WINDOW` at a time:
        so few are asked in vain of a server that takes no more.

        Raises:
            LocalProtocolError: also if the server does not take such a message (8BITMIME, SMTPUTF8,
                SIZE, CHUNKING), or an address cannot be written in a command.
        """
        state = self.state
        phase = state.next_phase(_HOLD if held else _BEGIN)
        _check_offers(state, envelope, size=size, eight_bit=eight_bit, held=held)
        smtputf8 = envelope.smtputf8
        dsn = envelope.dsn if state.capabilities.dsn else None
        mail = commands.mail(
            envelope.reverse_path,
            size=None if state.capabilities.size is None else size,
            eight_bit=eight_bit,
            smtputf8=smtputf8,
            envelope_id=None if dsn is None else dsn.envelope_id,
        )
        rcpts = commands.rcpts(
            envelope.forward_paths, smtputf8=smtputf8, notify=() if dsn is None else dsn.notify
        )
        if held:
            self._held = mail + rcpts
        else:
            _queue_group(self._pipeline, mail, rcpts, len(envelope.forward_paths), at_once)
        state.phase = phase
        state.transaction = transaction = Transaction(
            envelope,
            size=size,
            eight_bit=eight_bit,
            chunked=held,
            first=not self._had_transaction,
            troubled=state.refusals > 0,
        )
        self._had_transaction = True
        return transaction

    def send_chunk(self, content: bytes) -> None:
        """Queue the held MAIL and RCPTs and the whole content by BDAT; legal after a held `begin`.

        Record the commit point first: all of this flight may leave at once.

        Raises:
            LocalProtocolError: also for content that may not go on the wire (module `content`).
        """
        state = self.state
        phase = state.next_phase(_CHUNK)
        content = checked(content)
        transaction = state.open_transaction()
        _check_body(content, transaction)
        state.phase = phase
        held, self._held = self._held + commands.bdat(len(content)), b""
        shown = None
        if self._transcript is not None:
            shown = held + b"<%d bytes of content>" % len(content)
        rcpts = len(transaction.envelope.forward_paths)
        self._pipeline.queue(held + content, _MAIL, *[_RCPT] * rcpts, _BDAT, shown=shown)

    def send_content(self, content: bytes) -> None:
        """Queue the whole content and the end of data; legal after `ContentWanted`.

        Raises:
            LocalProtocolError: also for content that may not go on the wire (module `content`).
        """
        state = self.state
        phase = state.next_phase(_FINISH)
        stuffed = stuff(content)
        _check_body(stuffed, state.open_transaction())
        state.phase = phase
        shown = None
        if self._transcript is not None:
            shown = b"<%d bytes of content>\r\n." % len(stuffed)
        self._pipeline.queue(stuffed + commands.END_OF_DATA, _END_OF_DATA, shown=shown)

    def send_body(self, stuffed: bytes, *, is_ascii: bool | None = None) -> None:
        """Queue a part of the content that went through `content.stuff` as a whole.

        The end of data is held back until `finish_content`: record the commit point in between.
        `is_ascii`: what is known of the part, or of more around it; None: nothing.
        """
        self.state.move(_BODY)
        _check_body(stuffed, self.state.open_transaction(), is_ascii=is_ascii)
        self._body_end = (self._body_end + stuffed[-2:])[-2:]
        shown = None
        if self._transcript is not None:
            shown = b"<%d bytes of content>" % len(stuffed)
        self._pipeline.queue(stuffed, shown=shown)

    def finish_content(self) -> None:
        """Queue the end of data behind the parts that `send_body` queued."""
        state = self.state
        phase = state.next_phase(_FINISH)
        if self._body_end != _CRLF:
            raise LocalProtocolError("the content does not end with CRLF")
        state.phase = phase
        self._pipeline.queue(commands.END_OF_DATA, _END_OF_DATA)

    def reset(self) -> None:
        """Say RSET; `ResetDone` tells of the reply."""
        self.state.move(Signal.RESET)
        self._pipeline.queue(commands.RSET, Verb.RSET)

    def noop(self) -> None:
        """Say NOOP, to see whether the session is alive; `NoopDone` tells of the reply."""
        self.state.move(Signal.NOOP)
        self._pipeline.queue(commands.NOOP, Verb.NOOP)

    def quit(self) -> None:
        """Say QUIT; `Closed` tells of the reply, or that none came."""
        self.state.move(Signal.QUIT)
        self._pipeline.queue(commands.QUIT, Verb.QUIT)

    # Bytes out

    def data_to_send(self) -> bytes:
        """Return the bytes that may leave now, and count them as handed over; empty if none may."""
        return b"".join(self.pieces_to_send())

    def pieces_to_send(self) -> list[bytes]:
        """Return the bytes that may leave now, in pieces as they were queued, as `data_to_send`."""
        flights = self._pipeline.hand_over()
        if not flights:
            return []
        transaction = self.state.transaction
        for data, verbs, shown, _ in flights:
            if transaction is not None and verbs:
                # The clean-up of the transaction before may leave in front of this one's MAIL.
                if verbs[0] is _MAIL:
                    transaction.handed_over = True
                    if verbs[-1] is _BDAT:
                        transaction.end_of_data_handed_over = True
                        self._bdat.handed_over()
                elif verbs[0] is _END_OF_DATA:
                    transaction.end_of_data_handed_over = True
            if self._transcript is not None:
                for line in (data if shown is None else shown).splitlines():
                    self._transcript("C", line)
        return [data for data, *_ in flights]

    # Bytes in

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the server, cut anywhere; `next_event` returns the events that follow."""
        state = self.state
        if state.phase is _CLOSED:
            return
        listener = self._listener
        listener.receive_data(data)
        try:
            if state.phase is _HANDSHAKE:
                state.refuse_early_bytes()
            while state.phase is not _CLOSED and (reply := listener.next_reply()) is not None:
                take(state, reply)
                take_alike(state, reply)
        except RemoteProtocolError as error:
            state.break_off(error)

    def receive_eof(self) -> None:
        """Take the end of the server's stream."""
        state = self.state
        if state.phase is Phase.QUITTING:
            state.close(None)
            return
        reason = "the server closed the connection"
        if state.owed is not None:
            reason += f" {state.owed.in_reply_to}"
        evidence = self._listener.evidence
        self.connection_lost(f"{reason}, after '{evidence}'" if evidence else reason)

    def connection_lost(self, reason: str, *, ours: bool = False) -> None:
        """Give up, and settle the open transaction: the socket failed or a deadline passed.

        `ours`: the caller wished the end, which says nothing of the server.
        """
        self.state.close(ConnectionLost(reason), ours=ours)

    def next_event(self) -> events.Event | None:
        """Return the next event of the server, or None until more bytes have come.

        Raises:
            RemoteProtocolError: the server broke the protocol; the connection is of no more use.
        """
        return self.state.next_event()


def _check_offers(
    state: State, envelope: Envelope, *, size: int | None, eight_bit: bool, held: bool
) -> None:
    capabilities = state.capabilities
    if held and not state.chunking:
        raise LocalProtocolError("CHUNKING and PIPELINING are not on offer")
    if eight_bit and not capabilities.eight_bit_mime:
        raise LocalProtocolError("the content is 8-bit and the server has no 8BITMIME")
    if envelope.smtputf8 and not capabilities.smtputf8:
        raise LocalProtocolError("the envelope needs SMTPUTF8 and the server has none")
    if size is not None and not capabilities.admits(size):
        raise LocalProtocolError(
            f"the message has {size} bytes and the server takes {capabilities.size}"
        )


def _check_body(content: bytes, transaction: Transaction, *, is_ascii: bool | None = None) -> None:
    if not (transaction.eight_bit or (content.isascii() if is_ascii is None else is_ascii)):
        raise LocalProtocolError("the content is 8-bit and was announced as 7-bit")


def _queue_group(
    pipeline: Pipeline, mail: bytes, rcpts: bytes, count: int, at_once: int | None
) -> None:
    if pipeline.grouping and (at_once is None or count <= at_once):
        pipeline.queue(mail + rcpts + commands.DATA, _MAIL, *[_RCPT] * count, _DATA)
        return
    lines = rcpts.splitlines(keepends=True)
    if not pipeline.grouping or at_once is None:
        pipeline.queue(mail, _MAIL)
        for line in lines:
            pipeline.queue(line, _RCPT)
    else:
        asked = lines[:at_once]
        pipeline.queue(mail + b"".join(asked), _MAIL, *[_RCPT] * len(asked), waits=True)
        for start in range(at_once, count, WINDOW):
            asked = lines[start : start + WINDOW]
            last = start + WINDOW >= count
            pipeline.queue(b"".join(asked), *[_RCPT] * len(asked), waits=not last)
    pipeline.queue(commands.DATA, _DATA)
