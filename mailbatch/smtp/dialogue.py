"""A dialogue over a real socket: bytes to and from the engine, deadlines, and how it fails.

The lower half of a session: whoever waits for an event waits here, and whatever goes wrong becomes
a `SessionError` here. It must never decide what is said next: that is the session's.

Reading goes on while writing: the transport buffers what the socket does not take yet, and replies
are read meanwhile, so a command group of any length cannot deadlock (RFC 2920 3.1).

Deadlines are per reply (RFC 5321 4.5.3.2), not per read: a server that drips bytes gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

from mailbatch.errors import (
    AuthenticationDeferred,
    AuthenticationError,
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    ServiceUnavailable,
    SessionError,
    SessionTimeout,
    TLSError,
)
from mailbatch.smtp import events
from mailbatch.smtp.auth_refusals import refusal_hint
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.deadline import Deadline
from mailbatch.smtp.echoes import Echoes
from mailbatch.smtp.network import acknowledge, is_loopback, local_name, reason_of, starttls_hint
from mailbatch.smtp.server import Chunking, Server
from mailbatch.smtp.vigil import Vigil
from mailbatch.smtp.watch import Watch

E = TypeVar("E", bound=events.Event)
_ENDINGS = (events.ServiceClosing, events.Closed)


class Dialogue(asyncio.Protocol):
    """What is said between two ends of a connection, until the first failure ends it.

    `failure` is what ended it. After that nothing is sent or read any more.
    """

    def __init__(
        self,
        server: Server,
        transcript: Callable[[str, bytes], None] | None = None,
        chunking: Chunking | None = None,
        vigil: Vigil | None = None,
    ) -> None:
        self.server = server
        self.failure: SessionError | None = None
        self.peer_is_loopback = False
        self._loop = asyncio.get_running_loop()
        self._transcript = transcript
        self._chunking = chunking or Chunking(allowed=server.chunking)
        self._vigil = vigil
        self._connection: Connection | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._socket: socket.socket | None = None
        self._upgrading = False
        self._events: deque[events.Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._deadline = Deadline(self._loop, self._expired)
        self._watch = Watch(self._loop.time)
        self._replies = 0

    # -- asyncio.Protocol --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the greeting is owed from now on."""
        # A stream's transport writes; uvloop's are no subclasses of asyncio's to tell by.
        self._transport = cast("asyncio.WriteTransport", transport)
        if self._connection is not None:
            return  # TLS was started: the conversation goes on
        peer = transport.get_extra_info("peername")
        self.peer_is_loopback = bool(peer) and is_loopback(str(peer[0]))
        found = transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._socket = found
        self._connection = Connection(
            local_name=local_name(transport.get_extra_info("sockname")),
            pipelining=self.server.pipelining,
            transcript=self._transcript,
            password=self.server.password,
        )
        self._rearm()

    def data_received(self, data: bytes) -> None:
        """Feed the engine, send what may leave now, wake whoever waits."""
        if self.failure is not None:
            return
        engine = self._engine
        owed, refusals = engine.owed, engine.refusals
        engine.receive_data(data)
        self._watch.heard(owed, refusals=refusals)
        if self._watch.slow_at is not None and engine.asks_in_vain:
            self._fail(ConnectionLost(f"{self.server.address} takes no more recipients, slowly"))
            return
        self._collect()

    def eof_received(self) -> bool:
        """Tell the engine; half-open connections are of no use in SMTP, so the transport closes."""
        if self.failure is None:
            self._engine.receive_eof()
            self._collect()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what is open: the transport is gone."""
        if self._upgrading:
            return  # the TLS handshake failed; its own exception tells more
        self._transport = self._socket = None
        cause = f" ({reason_of(exc)})" if exc is not None else ""
        text = f"{self.server.address} closed the connection{self._where()}{cause}"
        self._fail(ConnectionLost(text))

    def pause_writing(self) -> None:
        """Do nothing: what is written is bounded by one transaction."""

    def resume_writing(self) -> None:
        """Note that the system has taken everything that was written."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _engine(self) -> Connection:
        if self._connection is None:
            raise self.failure or ConnectionLost(f"not connected to {self.server.address}")
        return self._connection

    def _flush(self) -> None:
        data = self._engine.data_to_send()
        if data and self._transport is not None:
            self._watch.said()
            self._transport.write(data)
        self._rearm()

    def _collect(self) -> None:
        """Take the events, then send what they let go; what ends the conversation ends us too."""
        engine = self._engine
        self._note_chunking(engine)
        ending: SessionError | None = None
        try:
            while (event := engine.next_event()) is not None:
                if isinstance(event, _ENDINGS):
                    ending = ending or self._failure_of(event)
                else:
                    self._events.append(event)
        except RemoteProtocolError as error:
            ending = error
        if ending is not None:
            self._fail(ending)
            return
        self._flush()
        if self._socket is not None and engine.owed is not None:
            acknowledge(self._socket)  # more replies are to come
        if self._events:
            self._wake()

    def _note_chunking(self, engine: Connection) -> None:
        """Keep all sessions of the run from what has failed here."""
        if engine.chunking_failed is not None and self._chunking.allowed:
            self._chunking.fail(self._clean(engine.chunking_failed))

    def _wake(self) -> None:
        for future in (self._waiter, self._drained):
            if future is not None and not future.done():
                future.set_result(None)

    async def _next(self) -> events.Event:
        while not self._events:
            if self.failure is not None:
                raise self.failure
            self._waiter = self._loop.create_future()
            if self._vigil is None:
                await self._waiter
            else:
                began = self._vigil.begin()
                await self._waiter
                self._vigil.end(began)
        return self._events.popleft()

    async def _expect(self, kind: type[E]) -> E:
        event = await self._next()
        if not isinstance(event, kind):
            raise self._refusal(event)
        return event

    def _refusal(self, event: events.Event) -> SessionError:
        """Return the failure that an unwelcome event means; the session ends with it."""
        failure = self._failure_of(event)
        self._fail(failure)
        return failure

    def _failure_of(self, event: events.Event) -> SessionError:
        where = self.server.address
        match event:
            case events.AuthenticationRefused(reply, why) if reply.severity == 5:  # noqa: PLR2004 - 5yz
                said = self._clean(f"{reply} (the token's status: {why})" if why else str(reply))
                return AuthenticationError(
                    f"{where} refused the authentication: {said}",
                    hint=refusal_hint(reply.text),
                    reply=reply,
                )
            case events.AuthenticationRefused(reply):
                return AuthenticationDeferred(
                    f"{where} ended the session: {self._clean(str(reply))}", reply=reply
                )
            case events.TLSRefused(reply):
                text = f"{where} refused STARTTLS: {reply}"
                return TLSError(text, hint=starttls_hint(reply.code))
            case (
                events.GreetingRefused(reply)
                | events.HelloRefused(reply)
                | events.ServiceClosing(reply)
            ):
                return ServiceUnavailable(
                    f"{where} ended the session: {self._clean(str(reply))}", reply=reply
                )
            case events.Closed(reason):
                return ConnectionLost(f"{where}: {reason or 'the connection was closed'}")
        return LocalProtocolError(f"{type(event).__name__} came where nothing waits for it")

    def _clean(self, text: str) -> str:
        return Echoes(self.server.password or "").redact(text)

    def _fail(self, failure: SessionError) -> None:
        if self.failure is None:
            self.failure = failure
            if self._connection is not None:
                self._connection.connection_lost(str(failure))
                self._note_chunking(self._connection)
        self._deadline.close()
        if self._transport is not None:
            self._transport.abort()
            self._transport = self._socket = None
        self._wake()

    def _where(self) -> str:
        """Return what was being waited for, as the end of a sentence."""
        owed = self._connection.owed if self._connection is not None else None
        return f" {owed.in_reply_to}" if owed else ""

    def _rearm(self) -> None:
        """Give the oldest reply owed its deadline; only a complete reply moves it."""
        engine = self._engine
        owed = engine.owed
        if owed is None:
            self._deadline.clear()
        elif not self._deadline.armed or engine.replies != self._replies:
            self._replies = engine.replies
            self._deadline.set(getattr(self.server.timeouts, owed.deadline))

    def _expired(self) -> None:
        text = f"{self.server.address} did not answer in time{self._where()}"
        self._fail(SessionTimeout(text))
