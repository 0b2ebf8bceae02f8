"""A session over a real socket: connecting, TLS, deadlines, and bytes to and from the engine.

This is the only module of the room with I/O and a clock. It decides nothing about recipients: replies
go to `Connection`, which settles the transaction; here a failure becomes a `SessionError` and the
session is closed and never used again (a desynchronised session is how mail gets lost).

Reading goes on while writing: the transport buffers what the socket does not take yet, and replies
are read meanwhile, so a command group of any length cannot deadlock (RFC 2920 3.1).

Deadlines are per reply (RFC 5321 4.5.3.2), not per read: a server that drips bytes gains nothing.
They are kept by one timer that is moved lazily, because a timer per reply would cost more than the
reply itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mailbatch.envelope import Envelope
from mailbatch.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    RemoteProtocolError,
    ServiceUnavailable,
    SessionError,
    SessionTimeout,
    TLSError,
)
from mailbatch.smtp import connection as engine
from mailbatch.smtp.auth import choose_mechanism
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.content import end_of_data, stuff
from mailbatch.smtp.transaction import Transaction

#: Contents up to this many bytes leave in one write; larger ones leave in blocks, and their end of
#: data is held back until the transport has taken everything before it.
ONE_WRITE_BYTES = 64 * 1024
#: Block size for larger contents, and the transport's high-water mark while they leave.
BLOCK_BYTES = 256 * 1024
#: QUIT is a courtesy; nobody waits long for its reply.
QUIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines in seconds; the defaults are at least those of RFC 5321 4.5.3.2."""

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    end_of_data: float = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """The server as the session needs it: where it is and how it is secured.

    `security` is `starttls`, `tls` or `plaintext`. `auth` is `auto`, `plain`, `login`, `xoauth2` or
    `none`; without a username there is no authentication. `password` never shows in a repr.
    """

    host: str
    port: int
    security: str = "starttls"
    auth: str = "auto"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    pipelining: bool = True
    timeouts: Timeouts = field(default_factory=Timeouts)

    @property
    def address(self) -> str:
        """Host and port for people and logs."""
        return f"{self.host}:{self.port}"


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies chain and host name, TLS 1.2 or later.

    Raises `TLSError` where `ca_file` cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise TLSError(
                f"cannot read trust anchors from {ca_file}: {error}",
                hint="server.ca_file must be a PEM file of certificates",
            ) from error
    return context


class Session(asyncio.Protocol):
    """One conversation from greeting to QUIT, for as many transactions as the server allows.

    `Session.open` connects, secures and authenticates. Then, per transaction: `begin`,
    `await content_wanted()`, the caller's commit point, `await send_content(...)`, `await done()`.
    Every wait raises a `SessionError` when the conversation fails; the open `Transaction` is settled by
    then, and its `outcomes()` tell what is certain.
    """

    def __init__(
        self, server: Server, transcript: Callable[[str, bytes], None] | None = None
    ) -> None:
        self.server = server
        self.transactions = 0
        self.loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._transcript = transcript
        self._transport: asyncio.Transport | None = None
        self._events: deque[engine.Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._failure: SessionError | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._upgrading = False
        self._closed = self.loop.create_future()
        self._transaction: Transaction | None = None
        self.peer_is_loopback = False
        self.tls_version: str | None = None
        self.certificate: dict[str, object] = {}
        self.greeting: str = ""

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls, server: Server, *, transcript: Callable[[str, bytes], None] | None = None
    ) -> Session:
        """Connect, greet, secure and authenticate; return a session that is ready for transactions.

        Raises `ConnectError`, `TLSError`, `AuthenticationError`, `ServiceUnavailable`,
        `SessionTimeout`, `ConnectionLost` or `RemoteProtocolError`; nothing stays open then.
        """
        session = cls(server, transcript)
        try:
            await session._connect()
            await session._greet()
            await session._authenticate()
        except BaseException:
            session.abort()
            raise
        return session

    async def _connect(self) -> None:
        server = self.server
        context = tls_context(server.ca_file) if server.security != "plaintext" else None
        implicit = context if server.security == "tls" else None
        try:
            async with asyncio.timeout(server.timeouts.connect):
                await self.loop.create_connection(
                    lambda: self,
                    server.host,
                    server.port,
                    ssl=implicit,
                    server_hostname=server.host if implicit else None,
                )
        except TimeoutError as error:
            raise ConnectError(
                f"{server.address} did not answer within {server.timeouts.connect:g} s",
                hint="check server.host, server.port and the network",
            ) from error
        except ssl.SSLError as error:
            raise _tls_error(server, error) from error
        except OSError as error:
            raise ConnectError(
                f"cannot connect to {server.address}: {_reason(error)}",
                hint="check server.host, server.port and the network",
            ) from error
        self._context = context
        if implicit is not None:
            self._note_tls()

    async def _greet(self) -> None:
        greeted = await self._expect(engine.Greeted)
        self.greeting = greeted.reply.text
        self._engine.hello()
        self._flush()
        await self._expect(engine.HelloDone)
        if self.server.security == "starttls":
            await self._start_tls()

    async def _start_tls(self) -> None:
        if not self.capabilities.starttls:
            raise TLSError(
                f"{self.server.address} does not offer STARTTLS",
                hint="the run stops rather than send credentials in clear text; "
                "try security: tls with port 465",
            )
        self._engine.start_tls()
        self._flush()
        await self._expect(engine.TLSReady)
        self._upgrading = True
        transport, context = self._transport, self._context
        if transport is None or context is None:
            raise ConnectionLost(f"{self.server.address} closed the connection at STARTTLS")
        try:
            upgraded = await self.loop.start_tls(
                transport,
                self,
                context,
                server_hostname=self.server.host,
                ssl_handshake_timeout=self.server.timeouts.connect,
            )
        except (ssl.SSLError, ConnectionError, TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError):
                raise
            raise _tls_error(self.server, error) from error
        if upgraded is None:
            raise TLSError(f"{self.server.address} closed the connection in the TLS handshake")
        self._transport = upgraded
        self._upgrading = False
        self._engine.tls_started()
        self._note_tls()
        self._engine.hello()
        self._flush()
        await self._expect(engine.HelloDone)

    async def _authenticate(self) -> None:
        server = self.server
        if server.auth == "none" or server.username is None:
            return
        if self.tls_version is None and not self.peer_is_loopback:
            raise AuthenticationError(
                "refusing to send credentials without TLS", hint="use security: starttls or tls"
            )
        mechanism = choose_mechanism(
            self.capabilities, server.auth, server.username, server.password or ""
        )
        self._engine.authenticate(mechanism)
        self._flush()
        await self._expect(engine.Authenticated)

    def _note_tls(self) -> None:
        if self._transport is None:
            return
        found = self._transport.get_extra_info("ssl_object")
        if found is not None:
            self.tls_version = found.version()
            self.certificate = found.getpeercert() or {}

    # -- transactions ------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """What the server announced last (after TLS, if there is TLS)."""
        return self._engine.capabilities

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""
        return self._failure is None and self._transport is not None

    def begin(self, envelope: Envelope, *, size: int, eight_bit: bool) -> Transaction:
        """Send MAIL, every RCPT and DATA as one command group (RFC 2920)."""
        if self._failure is not None:
            raise self._failure
        transaction = self._engine.begin(envelope, size=size, eight_bit=eight_bit)
        self._transaction = transaction
        self.transactions += 1
        self._flush()
        return transaction

    async def content_wanted(self) -> bool:
        """Wait for the replies of the command group; False if there is nobody to send content to."""
        event = await self._next()
        if type(event) is engine.ContentWanted:
            return True
        if type(event) is engine.TransactionDone:
            return False
        raise self._unexpected(event)

    async def send_content(self, content: bytes, commit: Callable[[], None]) -> None:
        """Hand over the content; `commit` is called right before its last bytes are handed over.

        If `commit` raises, the end of data is not sent and the session is aborted.
        """
        if len(content) > ONE_WRITE_BYTES:
            await self._send_blocks(stuff(content))
        try:
            commit()
        except BaseException:
            self.abort()
            raise
        if len(content) > ONE_WRITE_BYTES:
            self._engine.finish_content()
        else:
            self._engine.send_content(content)
        self._flush()

    async def _send_blocks(self, stuffed: bytes) -> None:
        body = memoryview(stuffed)[: len(stuffed) - len(end_of_data(stuffed))]
        for start in range(0, len(body), BLOCK_BYTES):
            self._engine.send_body(bytes(body[start : start + BLOCK_BYTES]))
            self._flush()
            self._set_deadline(self.server.timeouts.command)
            await self._drain()
            if self._failure is not None:
                raise self._failure

    async def _drain(self) -> None:
        """Wait until the transport has handed everything to the system."""
        while self._transport is not None and self._transport.get_write_buffer_size():
            if self._failure is not None:
                raise self._failure
            self._writable = self.loop.create_future()
            self._transport.set_write_buffer_limits(high=0)
            await self._writable

    async def done(self) -> None:
        """Wait for the reply to the end of data."""
        event = await self._next()
        if type(event) is not engine.TransactionDone:
            raise self._unexpected(event)
        self._transaction = None

    async def quit(self) -> None:
        """Say QUIT, wait a little for the reply, close; never fails."""
        if self._failure is None and self._transport is not None:
            try:
                self._engine.quit()
                self._flush()
                async with asyncio.timeout(QUIT_SECONDS):
                    await asyncio.shield(self._closed)
            except (SessionError, TimeoutError):
                pass  # the conversation is over either way (RFC 5321 4.1.1.10 asks for no more)
        self.abort()

    def abort(self) -> None:
        """Close at once; an open transaction is settled as it stands."""
        self._fail(ConnectionLost(f"the session with {self.server.address} was ended"))
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # -- asyncio.Protocol --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the greeting is owed from now on."""
        if not isinstance(transport, asyncio.Transport) and not hasattr(transport, "write"):
            raise TypeError("a stream transport is needed")
        self._transport = transport  # type: ignore[assignment]
        if self._connection is not None:
            return
        peer = transport.get_extra_info("peername")
        self.peer_is_loopback = _is_loopback(peer[0]) if isinstance(peer, tuple) else True
        found = transport.get_extra_info("socket")
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._connection = Connection(
            local_name=_local_name(transport.get_extra_info("sockname")),
            pipelining=self.server.pipelining,
            transcript=self._transcript,
        )
        self._rearm()

    def data_received(self, data: bytes) -> None:
        """Feed the engine, send what may leave now, wake whoever waits."""
        connection = self._engine
        try:
            connection.receive_data(data)
            self._collect()
        except RemoteProtocolError as error:
            self._fail(error)
            return
        self._flush()

    def eof_received(self) -> bool:
        """Close our side too: half-open sessions are of no use in SMTP."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone: settle what is open."""
        if self._upgrading:
            return  # the TLS handshake failed; its exception tells more
        self._transport = None
        if not self._closed.done():
            self._closed.set_result(None)
        what = self._awaiting()
        cause = f": {_reason(exc)}" if exc is not None else ""
        self._fail(ConnectionLost(f"{self.server.address} closed the connection{what}{cause}"))

    def pause_writing(self) -> None:
        """Nothing to do: what is written is bounded by one transaction."""

    def resume_writing(self) -> None:
        """The system has taken everything that was written."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _engine(self) -> Connection:
        if self._connection is None:
            raise self._failure or ConnectionLost(f"not connected to {self.server.address}")
        return self._connection

    def _flush(self) -> None:
        data = self._engine.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)
        self._rearm()

    def _collect(self) -> None:
        connection, events = self._engine, self._events
        while (event := connection.next_event()) is not None:
            if type(event) is engine.ServiceClosing:
                self._fail(ServiceUnavailable(f"{self.server.address} ended the session: {event.reply}"))
                return
            events.append(event)
        if events and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self) -> engine.Event:
        while not self._events:
            if self._failure is not None:
                raise self._failure
            self._waiter = self.loop.create_future()
            await self._waiter
        return self._events.popleft()

    async def _expect[E](self, kind: type[E]) -> E:
        raise AssertionError

    def _fail(self, failure: SessionError) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            self._connection.connection_lost(str(failure))
        for future in (self._waiter, self._writable):
            if future is not None and not future.done():
                future.set_result(None)
        if self._transport is not None:
            self._transport.abort()
