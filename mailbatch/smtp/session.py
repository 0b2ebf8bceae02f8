"""A session over a real socket: connecting, TLS, deadlines, and bytes to and from the engine.

The only module of the room with I/O and a clock. It decides nothing about recipients: replies go to
`Connection`, which settles the transaction; here a failure becomes a `SessionError`, and the
session is closed and never used again (a desynchronised session is how mail gets lost).

Reading goes on while writing: the transport buffers what the socket does not take yet, and replies
are read meanwhile, so a command group of any length cannot deadlock (RFC 2920 3.1).

Where the server announces CHUNKING and PIPELINING, a content that leaves in one write anyway leaves
in one flight with its envelope (RFC 3030): `begin` lets nothing leave, `content_wanted` does not
wait, and `send_content` records the commit point before it hands over anything at all.

Deadlines are per reply (RFC 5321 4.5.3.2), not per read: a server that drips bytes gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

from mailbatch.envelope import Envelope
from mailbatch.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    LocalProtocolError,
    RemoteProtocolError,
    ServiceUnavailable,
    SessionError,
    SessionTimeout,
    TLSError,
)
from mailbatch.smtp import events
from mailbatch.smtp.auth import choose_mechanism, redact
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.connection import Connection
from mailbatch.smtp.content import checked, could_send, stuff
from mailbatch.smtp.deadline import Deadline
from mailbatch.smtp.network import (
    acknowledge,
    is_loopback,
    local_name,
    reason_of,
    tls_context,
    tls_error,
)
from mailbatch.smtp.phases import Phase
from mailbatch.smtp.server import Server
from mailbatch.smtp.transaction import Transaction

E = TypeVar("E", bound=events.Event)

#: Contents up to this many bytes leave in one write; larger ones leave in blocks, and their end of
#: data is held back until the system has taken everything before it, which BDAT could not have.
ONE_WRITE_BYTES = 64 * 1024
BLOCK_BYTES = 256 * 1024
#: QUIT is a courtesy; nobody waits long for its reply.
QUIT_SECONDS = 5.0


class Session(asyncio.Protocol):
    """One conversation from greeting to QUIT, for as many transactions as the server allows.

    `Session.open` connects, secures and authenticates. Then, per transaction: `begin`,
    `await content_wanted()`, `await send_content(content, commit)`, `await done()`. A wait raises a
    `SessionError` when the conversation fails; the transaction is settled by then, and its
    `outcomes()` tell what is certain. After a failure the session is not `usable` any more.
    `no_chunking` is called with the reason once BDAT turns out not to work with this server.
    """

    def __init__(
        self,
        server: Server,
        transcript: Callable[[str, bytes], None] | None = None,
        no_chunking: Callable[[str], None] | None = None,
    ) -> None:
        self.server = server
        self.transactions = 0
        self.failure: SessionError | None = None
        self.greeting = ""
        self.tls_version: str | None = None
        self.certificate: dict[str, object] = {}
        self.peer_is_loopback = False
        self._loop = asyncio.get_running_loop()
        self._transcript = transcript
        self._no_chunking = no_chunking
        self._connection: Connection | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._socket: socket.socket | None = None
        self._context: ssl.SSLContext | None = None
        self._upgrading = False
        self._events: deque[events.Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._deadline = Deadline(self._loop, self._expired)
        self._replies = 0

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls,
        server: Server,
        *,
        transcript: Callable[[str, bytes], None] | None = None,
        no_chunking: Callable[[str], None] | None = None,
    ) -> Session:
        """Connect, greet, secure and authenticate; return a session ready for transactions.

        Raises `ConnectError`, `TLSError`, `AuthenticationError`, `ServiceUnavailable`,
        `SessionTimeout`, `ConnectionLost` or `RemoteProtocolError`; nothing stays open then.
        """
        session = cls(server, transcript, no_chunking)
        try:
            await session._connect()
            session.greeting = (await session._expect(events.Greeted)).reply.text
            await session._hello()
            if server.security == "starttls":
                await session._start_tls()
                await session._hello()
            await session._authenticate()
        except BaseException:
            session.abort()
            raise
        return session

    async def _connect(self) -> None:
        server = self.server
        if server.security != "plaintext":
            self._context = tls_context(server.ca_file)
        implicit = self._context if server.security == "tls" else None
        hint = "check server.host, server.port and the network"
        try:
            async with asyncio.timeout(server.timeouts.connect):
                await self._loop.create_connection(
                    lambda: self,
                    server.host,
                    server.port,
                    ssl=implicit,
                    server_hostname=server.host if implicit else None,
                )
        except TimeoutError as error:
            text = f"{server.address} did not answer within {server.timeouts.connect:g} s"
            raise ConnectError(text, hint=hint) from error
        except ssl.SSLError as error:
            raise tls_error(server, error) from error
        except OSError as error:
            text = f"cannot connect to {server.address}: {reason_of(error)}"
            raise ConnectError(text, hint=hint) from error
        self._note_tls()

    async def _hello(self) -> None:
        self._engine.hello()
        self._flush()
        await self._expect(events.HelloDone)

    async def _start_tls(self) -> None:
        if not self.capabilities.starttls:
            raise TLSError(
                f"{self.server.address} does not offer STARTTLS",
                hint="the run stops rather than send credentials in clear text; "
                "try security: tls with port 465",
            )
        self._engine.start_tls()
        self._flush()
        await self._expect(events.TLSReady)
        transport, context = self._transport, self._context
        if transport is None or context is None:
            raise self.failure or ConnectionLost("the connection ended at STARTTLS")
        self._upgrading = True
        try:
            upgraded = await self._loop.start_tls(
                transport,
                self,
                context,
                server_hostname=self.server.host,
                ssl_handshake_timeout=self.server.timeouts.connect,
            )
        except ssl.SSLError as error:
            raise tls_error(self.server, error) from error
        except OSError as error:  # a time-out is one, too: neither says anything about TLS
            text = f"no TLS handshake with {self.server.address}: {reason_of(error)}"
            raise ConnectError(text) from error
        finally:
            self._upgrading = False
        if upgraded is None:
            raise ConnectionLost(f"{self.server.address} ended the TLS handshake")
        self._transport = upgraded
        self._engine.tls_started()
        self._note_tls()

    def _note_tls(self) -> None:
        if self._transport is None:
            return
        found = self._transport.get_extra_info("ssl_object")
        if found is not None:
            self.tls_version = found.version()
            self.certificate = found.getpeercert() or {}

    async def _authenticate(self) -> None:
        server = self.server
        if server.auth == "none" or server.username is None:
            return
        if self.tls_version is None and not self.peer_is_loopback:
            raise AuthenticationError(
                "refusing to send credentials without TLS", hint="use security: starttls or tls"
            )
        mechanism = choose_mechanism(self.capabilities, server.auth)
        if mechanism is None:
            offered = ", ".join(sorted(self.capabilities.auth)) or "none"
            raise AuthenticationError(
                f"{server.address} does not offer authentication by {server.auth} "
                f"(it offers: {offered})",
                hint="see server.auth",
            )
        self._engine.authenticate(mechanism(server.username, server.password or ""))
        self._flush()
        await self._expect(events.Authenticated)

    # -- transactions ------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """What the server announced last (after TLS, if there is TLS)."""
        return self._engine.capabilities

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""
        return self.failure is None and self._transport is not None

    def begin(
        self, envelope: Envelope, *, size: int, eight_bit: bool, content: bytes | None = None
    ) -> Transaction:
        """Send MAIL, every RCPT and DATA as one command group (RFC 2920).

        Where the `content` may go by BDAT they are held back, to leave in one flight with it.
        """
        if self.failure is not None:
            raise self.failure
        held = content is not None and self._is_one_flight(content)
        transaction = self._engine.begin(envelope, size=size, eight_bit=eight_bit, held=held)
        self.transactions += 1
        self._flush()
        return transaction

    def _is_one_flight(self, content: bytes) -> bool:
        return (
            self.server.chunking
            and self._engine.chunking
            and len(content) <= ONE_WRITE_BYTES
            and not could_send(content)
        )

    async def content_wanted(self) -> bool:
        """Wait for the replies of the group; False if there is nobody to send content to.

        In one flight nobody is asked before.
        """
        if self._engine.phase is Phase.HELD:
            return True
        event = await self._next()
        if type(event) is events.ContentWanted:
            return True
        if type(event) is events.TransactionDone:
            return False
        raise self._refusal(event)

    async def send_content(self, content: bytes, commit: Callable[[], None]) -> None:
        """Hand over the content; `commit` is called right before its last bytes are.

        In one flight it is called before any byte is. If `commit` raises, the end of data is not
        sent and the session is aborted.
        """
        if self._engine.phase is Phase.HELD:
            chunk = checked(content)
            self._commit(commit)
            self._engine.send_chunk(chunk)
            self._flush()
            return
        stuffed = stuff(content)
        if self._events or self.failure is not None:
            return
        if len(stuffed) > ONE_WRITE_BYTES:
            await self._send_blocks(stuffed)
        else:
            self._engine.send_body(stuffed)  # leaves together with the end of data
        if self._events or self.failure is not None:
            return  # refused or lost in the middle of the content: `done` says which
        self._commit(commit)
        self._engine.finish_content()
        self._flush()

    def _commit(self, commit: Callable[[], None]) -> None:
        try:
            commit()
        except BaseException:
            self.abort()
            raise

    async def _send_blocks(self, stuffed: bytes) -> None:
        for start in range(0, len(stuffed), BLOCK_BYTES):
            if self._events or self.failure is not None:
                return
            self._engine.send_body(stuffed[start : start + BLOCK_BYTES])
            self._flush()
            await self._drain()

    async def _drain(self) -> None:
        """Wait until the system has taken everything, at most as long as a block may take."""
        transport = self._transport
        if transport is None:
            return
        # A transport that broke while writing has an empty buffer, and says so a moment later.
        if not transport.get_write_buffer_size() and not transport.is_closing():
            return
        self._drained = self._loop.create_future()
        transport.set_write_buffer_limits(high=0)
        self._deadline.set(self.server.timeouts.command)
        await self._drained

    async def done(self) -> None:
        """Wait for the reply to the end of data."""
        event = await self._next()
        if type(event) is not events.TransactionDone:
            raise self._refusal(event)

    # -- ending ------------------------------------------------------------------------------------

    async def quit(self) -> None:
        """Say QUIT, wait a little for the reply, close; never fails."""
        if self.usable:
            with contextlib.suppress(SessionError, TimeoutError):
                self._engine.quit()
                self._flush()
                async with asyncio.timeout(QUIT_SECONDS):
                    await self._expect(events.Closed)
        self.abort()

    def abort(self) -> None:
        """Close at once; an open transaction is settled as it stands."""
        self._fail(ConnectionLost(f"the session with {self.server.address} was ended"))

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
        self._engine.receive_data(data)
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
            self._transport.write(data)
        self._rearm()

    def _collect(self) -> None:
        """Take the events, then send what they let go; what ends the conversation ends us too."""
        engine = self._engine
        if engine.chunking_failed is not None:
            self._tell_no_chunking(engine.chunking_failed)
        ending: SessionError | None = None
        try:
            while (event := engine.next_event()) is not None:
                if isinstance(event, events.ServiceClosing | events.Closed):
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

    def _tell_no_chunking(self, reason: str) -> None:
        tell, self._no_chunking = self._no_chunking, None
        if tell is not None:
            tell(self._clean(reason))

    def _wake(self) -> None:
        for future in (self._waiter, self._drained):
            if future is not None and not future.done():
                future.set_result(None)

    async def _next(self) -> events.Event:
        while not self._events:
            if self.failure is not None:
                raise self.failure
            self._waiter = self._loop.create_future()
            await self._waiter
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
            case events.AuthenticationRefused(reply) if reply.severity == 5:  # noqa: PLR2004 - 5yz
                return AuthenticationError(
                    f"{where} refused the authentication: {self._clean(str(reply))}",
                    hint="check server.username, server.password and server.auth",
                )
            case events.TLSRefused(reply):
                return TLSError(f"{where} refused STARTTLS: {reply}")
            case (
                events.GreetingRefused(reply)
                | events.HelloRefused(reply)
                | events.AuthenticationRefused(reply)
                | events.ServiceClosing(reply)
            ):
                return ServiceUnavailable(f"{where} ended the session: {self._clean(str(reply))}")
            case events.Closed(reason):
                return ConnectionLost(f"{where}: {reason or 'the connection was closed'}")
        return LocalProtocolError(f"{type(event).__name__} came where nothing waits for it")

    def _clean(self, text: str) -> str:
        secrets = [self.server.password] if self.server.password else []
        return redact(text, secrets)

    def _fail(self, failure: SessionError) -> None:
        if self.failure is None:
            self.failure = failure
            if self._connection is not None:
                self._connection.connection_lost(str(failure))
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
