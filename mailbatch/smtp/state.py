"""The state of a connection: the phase, the replies owed, the open transaction, the events.

A `Connection` (where the theory of operation stands) changes the state by intents, module `answers`
by replies; all others only read. A state must never move but along the table of module `phases`.

Tests: tests/smtp/test_connection.py, tests/smtp/test_properties.py.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mailbatch.errors import (
    LocalProtocolError,
    RemoteProtocolError,
    ServiceUnavailable,
    SessionError,
)
from mailbatch.smtp import commands, events
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.commands import Verb
from mailbatch.smtp.phases import TRANSITIONS, Phase, Signal
from mailbatch.smtp.pipeline import Pipeline

if TYPE_CHECKING:
    from mailbatch.outcome import Reply
    from mailbatch.smtp.bdat import BdatUse
    from mailbatch.smtp.listener import Listener
    from mailbatch.smtp.transaction import Transaction

# An enum's member costs a slow look-up before Python 3.12; this is used for every transaction.
_SETTLED = Signal.SETTLED


class State:
    """The place of a connection in a conversation, and the parts that a reply can change.

    `phase` is the row of the table. `capabilities` are those of the last EHLO, all off before that
    and after STARTTLS. `transaction` is the open one, or None. `replies` counts complete replies: a
    deadline starts anew with each. `refusals` counts the commands that were refused.
    `authenticated`: AUTH has succeeded. `pipelining`: commands may leave in groups, if the server
    announces PIPELINING. `end` is the failure that ended the connection, None before that and after
    QUIT.

    The parts: `pipeline` (bytes that leave), `listener` (bytes that come) and `bdat` (the use of
    BDAT).
    """

    __slots__ = (
        "_error",
        "_events",
        "authenticated",
        "bdat",
        "capabilities",
        "end",
        "listener",
        "phase",
        "pipeline",
        "pipelining",
        "refusals",
        "replies",
        "transaction",
    )

    def __init__(self, listener: Listener, bdat: BdatUse, *, pipelining: bool) -> None:
        self.phase = Phase.GREETING
        self.capabilities = Capabilities()
        self.transaction: Transaction | None = None
        self.replies = 0
        self.refusals = 0
        self.authenticated = False
        self.pipelining = pipelining
        self.end: SessionError | None = None
        self.pipeline = Pipeline()
        self.listener = listener
        self.bdat = bdat
        self._events: deque[events.Event] = deque()
        self._error: RemoteProtocolError | None = None

    # Facts

    @property
    def owed(self) -> Verb | None:
        """The verb of the oldest reply owed, or None; deadline and error text follow from it."""
        return self.pipeline.owed

    @property
    def asks_in_vain(self) -> bool:
        """Whether replies are owed to RCPTs behind the one without room."""
        return (
            self.transaction is not None
            and self.transaction.room is not None
            and self.pipeline.owed is Verb.RCPT
        )

    @property
    def chunking(self) -> bool:
        """Whether a transaction may be one flight: CHUNKING and PIPELINING, and BDAT is trusted.

        ENHANCEDSTATUSCODES (RFC 2034) besides: all replies to a flight are 250, and only their
        statuses tell one reply too many from the reply to the content.
        """
        capabilities = self.capabilities
        return (
            capabilities.chunking
            and capabilities.enhanced_status_codes
            and self.pipeline.grouping
            and self.bdat.trust.allowed
        )

    def open_transaction(self) -> Transaction:
        """Return the open transaction.

        Raises:
            LocalProtocolError: no transaction is open.
        """
        if self.transaction is None:
            raise LocalProtocolError("there is no open transaction")
        return self.transaction

    def next_event(self) -> events.Event | None:
        """Take the oldest event; None if none is left.

        Raises:
            RemoteProtocolError: the server broke the protocol, and the events are used up.
        """
        if self._events:
            return self._events.popleft()
        if self._error is not None:
            raise self._error
        return None

    # Changes

    def next_phase(self, signal: Signal) -> Phase:
        """Return the phase to which `signal` leads from here.

        Raises:
            LocalProtocolError: the table has no such row.
            SessionError: the connection has ended; the failure says why.
        """
        phase = TRANSITIONS[self.phase].get(signal)
        if phase is None:
            if self.end is not None:
                raise self.end
            raise LocalProtocolError(f"{signal} is not possible in the phase {self.phase}")
        return phase

    def move(self, signal: Signal, event: events.Event | None = None) -> None:
        """Go to the phase to which `signal` leads, and add `event`.

        Raises:
            SessionError: as `next_phase`.
        """
        self.phase = self.next_phase(signal)
        if event is not None:
            self._events.append(event)

    def tell(self, event: events.Event) -> None:
        """Add an event that moves nothing."""
        self._events.append(event)

    def settle(self, transaction: Transaction) -> None:
        """Close a transaction: the outcomes are complete."""
        transaction.settled = True
        self.transaction = None
        self.move(_SETTLED, events.TransactionDone(transaction))

    def clear_sender(self, verb: Verb) -> None:
        """Have the server forget the sender by RSET: with one it refuses the next MAIL."""
        self.pipeline.queue(commands.RSET, verb)

    def refuse_early_bytes(self) -> None:
        """Check that no byte came behind the reply to STARTTLS.

        Raises:
            RemoteProtocolError: bytes came, and TLS would seem to protect them (RFC 3207 6).
        """
        if self.listener.unfinished:
            raise RemoteProtocolError("the server sent plain text between STARTTLS and TLS")

    # The end

    def break_off(self, error: RemoteProtocolError) -> None:
        """End for a breach of the protocol, which `next_event` raises behind the events before."""
        self._error = error
        self.bdat.garbled(str(error))
        self.close(error)

    def close_service(self, reply: Reply) -> None:
        """End by a reply of the server."""
        self.close(ServiceUnavailable(f"the server ended the session: {reply}"), closing=reply)

    def close(
        self, end: SessionError | None, *, closing: Reply | None = None, ours: bool = False
    ) -> None:
        """End for good, unless the end has come before.

        `end` is the failure, None after QUIT; `closing` the reply by which the server ended the
        session. `ours`: the caller wished the end, which says nothing of the server.
        """
        if self.phase is Phase.CLOSED:
            return
        self.listener.show_rest()
        self.phase = Phase.CLOSED
        self.end = end
        self.pipeline.clear()
        kept = [event for event in self._events if not isinstance(event, events.INVITATIONS)]
        self._events = deque(kept)
        transaction = self.transaction
        if transaction is not None:
            if closing is None and not ours:
                self.bdat.lost(transaction, str(end))
            transaction.broken = str(end)
            transaction.settled = True
            self.transaction = None
            self._events.append(events.TransactionDone(transaction))
        if closing is not None:
            self._events.append(events.ServiceClosing(closing))
        if self._error is None:
            self._events.append(events.Closed(None if end is None else str(end)))
