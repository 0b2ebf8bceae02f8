"""A dialogue over a real socket: bytes to and from the engine, deadlines, the first failure.

A session waits for events here, and every failure becomes a `SessionError` here. This module must
never decide the next command: that is for modules `opening` and `session`.

Reading goes on while writing: the transport buffers the bytes that the socket does not take yet,
and replies are read meanwhile, so a command group of any length cannot deadlock (RFC 2920 3.1).

Deadlines are per reply (RFC 5321 4.5.3.2), not per read: a server that drips bytes gains nothing.

Tests: tests/session/test_deadlines.py, tests/session/test_ends.py.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

from mailbatch.errors import ConnectionLost, RemoteProtocolError, SessionError, SessionTimeout
from mailbatch.host_names import is_loopback
from mailbatch.smtp import events
from mailbatch.smtp.bdat import BdatTrust
from mailbatch.smtp.commands import FACTS
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.content import BLOCK_BYTES
from mailbatch.smtp.deadline import Deadline
from mailbatch.smtp.echoes import Echoes
from mailbatch.smtp.failures import failure_of, reason_of, starttls_taken
from mailbatch.smtp.network import acknowledge, local_name
from mailbatch.smtp.polling import Polling
from mailbatch.smtp.server import Server
from mailbatch.smtp.state import State
from mailbatch.smtp.watch import Watch

#: Fewer bytes are joined for a write: that takes less time than to write pieces.
JOINED_BYTES = 64 * 1024

E = TypeVar("E", bound=events.Event)
_ENDINGS = (events.ServiceClosing, events.Closed)


class Dialogue(asyncio.Protocol):
    """The two ends of a connection talking, until the first failure ends the dialogue.

    `failure` is that first failure: after it nothing is sent or read any more. `watch` sees how
    long replies take. `trust` (in BDAT) and `polling` (for quick replies) are shared by the
    dialogues of a run.

        dialogue.connection.hello()                  # an intent of the engine
        dialogue.flush()                             # EHLO leaves
        await dialogue.expect(events.HelloDone)      # or a `SessionError`
    """

    def __init__(
        self,
        server: Server,
        *,
        transcript: Callable[[str, bytes], None] | None = None,
        trust: BdatTrust | None = None,
        polling: Polling | None = None,
    ) -> None:
        self.server = server
        self.failure: SessionError | None = None
        self.peer_is_loopback = False
        self._loop = asyncio.get_running_loop()
        self._transcript = transcript
        self._trust = trust or BdatTrust(allowed=server.chunking)
        self._polling = polling
        self._connection: Connection | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._socket: socket.socket | None = None
        self._upgrading = False
        self._events: deque[events.Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._undrained = 0  # how many bytes the system had not taken, at the deadline before
        self._deadline = Deadline(self._loop, self._expired)
        # How long a reply to each verb is waited for, in seconds.
        self._patience = {
            verb: getattr(server.timeouts, facts.deadline) for verb, facts in FACTS.items()
        }
        self.watch = Watch(self._loop.time)
        self._replies = 0

    # -- asyncio.Protocol --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, at first and not once more behind TLS; the greeting is owed now."""
        # A stream's transport writes; uvloop's are no subclasses of asyncio's to tell by.
        self._transport = cast("asyncio.WriteTransport", transport)
        peer = transport.get_extra_info("peername")
        self.peer_is_loopback = bool(peer) and is_loopback(str(peer[0]))
        self._socket = transport.get_extra_info("socket")
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._connection = Connection(
            local_name=self.server.hello or local_name(transport.get_extra_info("sockname")),
            pipelining=self.server.pipelining,
            transcript=self._transcript,
            password=self.server.password,
            trust=self._trust,
        )
        self._rearm(self._connection.state)

    def data_received(self, data: bytes) -> None:
        """Feed the engine, send the bytes that may leave now, end the wait for an event."""
        if self.failure is not None:
            return
        connection = self._connection or self.connection
        state = connection.state
        owed, refusals = state.pipeline.owed, state.refusals
        connection.receive_data(data)
        self.watch.heard(owed, refusals=refusals)
        if self.watch.slow_at is not None and state.asks_in_vain:
            self.fail(ConnectionLost(f"{self.server.address} takes no more recipients, slowly"))
            return
        self._collect()

    def eof_received(self) -> bool:
        """Tell the engine; half-open connections are of no use in SMTP, so the transport closes."""
        if self.failure is None:
            self.connection.receive_eof()
            self._collect()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle the open transaction: the transport is gone."""
        if self._upgrading:
            return  # the TLS handshake failed; its own exception tells more
        self._transport = self._socket = None
        cause = f" ({reason_of(exc)})" if exc is not None else ""
        text = f"{self.server.address} closed the connection{self._where()}{cause}"
        self.fail(ConnectionLost(text))

    # `pause_writing` stays without effect: the bytes that wait are bounded by one transaction.

    def resume_writing(self) -> None:
        """Note that the system has taken all bytes that were written."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # -- facts -------------------------------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """The engine.

        Raises:
            SessionError: there never was a connection; the failure says why, where one is known.
        """
        if self._connection is None:
            raise self.failure or ConnectionLost(f"not connected to {self.server.address}")
        return self._connection

    @property
    def was_connected(self) -> bool:
        """Whether there ever was a connection."""
        return self._connection is not None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that has not failed."""
        return self.failure is None and self._transport is not None

    @property
    def has_news(self) -> bool:
        """Whether a wait would be over at once: by an event, or by the failure."""
        return bool(self._events) or self.failure is not None

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS of the connection; None in clear text."""
        found = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        return cast("ssl.SSLObject | None", found)

    # -- saying and waiting ------------------------------------------------------------------------

    def flush(self) -> None:
        """Send the bytes that may leave now in one write; large pieces are not joined."""
        connection = self._connection or self.connection
        pieces = connection.pieces_to_send()
        if pieces and self._transport is not None:
            self.watch.said()
            if len(pieces) == 1:
                self._transport.write(pieces[0])
            elif sum(map(len, pieces)) <= JOINED_BYTES:
                self._transport.write(b"".join(pieces))
            else:
                self._transport.writelines(pieces)
        self._rearm(connection.state)

    async def drain(self) -> None:
        """Wait until the system has taken all bytes, for each block `timeouts.command` seconds.

        A transport may have several blocks at once: as long as another one was taken in time, the
        next one has as long again.
        """
        transport = self._transport
        if transport is None:
            return
        # A transport that broke while writing has an empty buffer, and says so a moment later.
        if not transport.get_write_buffer_size() and not transport.is_closing():
            return
        self._drained = self._loop.create_future()
        transport.set_write_buffer_limits(high=0)
        self._undrained = transport.get_write_buffer_size()
        self._deadline.set(self.server.timeouts.command)
        await self._drained

    async def next(self) -> events.Event:
        """Wait for the next event.

        Raises:
            SessionError: the dialogue has failed, and all events before that are taken.
        """
        while not self._events:
            if self.failure is not None:
                raise self.failure
            self._waiter = self._loop.create_future()
            if self._polling is None:
                await self._waiter
            else:
                owed = (self._connection or self.connection).state.pipeline.owed
                began = self._polling.begin(owed or "")
                await self._waiter
                self._polling.end(began)
        return self._events.popleft()

    async def expect(self, kind: type[E]) -> E:
        """Wait for an event of this kind.

        Raises:
            SessionError: another event came, which ends the dialogue, or the dialogue has failed.
        """
        event = await self.next()
        if not isinstance(event, kind):
            raise self.refused(event)
        return event

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the TLS handshake behind STARTTLS, and tell the engine.

        Raises:
            OSError: the handshake failed, `ssl.SSLError` where TLS itself is the reason.
            SessionError: the connection has ended.
        """
        transport = self._transport
        if transport is None:
            raise self.failure or ConnectionLost("the connection ended at STARTTLS")
        self._upgrading = True
        try:
            upgraded = await self._loop.start_tls(
                transport,
                self,
                context,
                server_hostname=self.server.dns_name.rstrip("."),
                ssl_handshake_timeout=self.server.timeouts.connect,
            )
        finally:
            self._upgrading = False
        if upgraded is None:
            text = f"{self.server.address} ended the TLS handshake"
            raise ConnectionLost(text, hint=starttls_taken(self.server))
        self._transport = upgraded
        self.connection.tls_started()

    # -- failing -----------------------------------------------------------------------------------

    def refused(self, event: events.Event) -> SessionError:
        """Return the failure that an unwelcome event means; the dialogue ends with it."""
        failure = failure_of(event, self.server, self._redact)
        self.fail(failure)
        return failure

    def fail(self, failure: SessionError, *, ours: bool = False) -> None:
        """End the dialogue; only the first failure counts. `ours`: our side wished the end."""
        if self.failure is None:
            self.failure = failure
            if self._connection is not None:
                self._connection.connection_lost(str(failure), ours=ours)
        self._deadline.close()
        if self._transport is not None:
            self._transport.abort()
            self._transport = self._socket = None
        self._wake()

    def abort(self) -> None:
        """Close at once; an open transaction is settled as it stands."""
        ended = ConnectionLost(f"the session with {self.server.address} was ended")
        self.fail(ended, ours=True)

    # -- inside ------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Take the events and send the bytes that are free now; fail with the connection."""
        state = (self._connection or self.connection).state
        ending: SessionError | None = None
        try:
            while (event := state.next_event()) is not None:
                if isinstance(event, _ENDINGS):
                    ending = ending or failure_of(event, self.server, self._redact)
                else:
                    self._events.append(event)
        except RemoteProtocolError as error:
            ending = error
        if ending is not None:
            self.fail(ending)
            return
        self.flush()
        if self._socket is not None and state.pipeline.owed is not None:
            acknowledge(self._socket)  # more replies are to come
        if self._events:
            self._wake()

    def _wake(self) -> None:
        for future in (self._waiter, self._drained):
            if future is not None and not future.done():
                future.set_result(None)

    def _redact(self, text: str) -> str:
        return Echoes(self.server.password or "").redact(text)

    def _where(self) -> str:
        """Return the command whose reply is awaited, as the end of a sentence."""
        owed = self._connection.state.owed if self._connection is not None else None
        return f" {owed.in_reply_to}" if owed else ""

    def _rearm(self, state: State) -> None:
        """Give the oldest reply owed its deadline; only a complete reply moves it."""
        owed = state.pipeline.owed
        if owed is None:
            self._deadline.clear()
        elif state.replies != self._replies or not self._deadline.armed:
            self._replies = state.replies
            self._deadline.set(self._patience[owed])

    def _expired(self) -> None:
        left = _left(self._transport, self._drained)
        if left is not None and self._undrained - left >= BLOCK_BYTES:  # another block in time
            self._undrained = left
            self._deadline.set(self.server.timeouts.command)
            return
        text = f"{self.server.address} did not answer in time{self._where()}"
        self.fail(SessionTimeout(text))


def _left(
    transport: asyncio.WriteTransport | None, drained: asyncio.Future[None] | None
) -> int | None:
    """Return how many bytes wait for the system; None where the dialogue does not wait for that."""
    if transport is None or drained is None or drained.done():
        return None
    return transport.get_write_buffer_size()
