"""A session over a real socket: connecting, TLS, authentication, transactions, QUIT.

Its lower half, bytes and deadlines, is `Dialogue`. It decides nothing about recipients: replies go
to `Connection`, which settles the transaction. A failure is a `SessionError`, and the session is
closed and never used again (a desynchronised session is how mail gets lost).

Where the server announces CHUNKING and PIPELINING, a content that leaves in one write anyway leaves
in one flight with its envelope (RFC 3030): `begin` lets nothing leave, `content_wanted` does not
wait, `send_content` hands over nothing, and all of it leaves with `finish`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable

from mailbatch.envelope import Envelope
from mailbatch.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    SessionError,
    TLSError,
    raise_if_starved,
)
from mailbatch.smtp import events
from mailbatch.smtp.auth import choose_mechanism
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.content import checked, could_send, stuff
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.network import reason_of, tls_context, tls_error
from mailbatch.smtp.phases import Phase
from mailbatch.smtp.server import Chunking, Server
from mailbatch.smtp.transaction import Transaction
from mailbatch.smtp.vigil import Vigil

#: Contents up to this many bytes leave in one write; larger ones leave in blocks, and their end of
#: data is held back until the system has taken everything before it, which BDAT could not have.
ONE_WRITE_BYTES = 64 * 1024
BLOCK_BYTES = 256 * 1024
#: QUIT is a courtesy; nobody waits long for its reply.
QUIT_SECONDS = 5.0


class Session(Dialogue):
    """One conversation from greeting to QUIT, for as many transactions as the server allows.

    `Session.open` connects, secures and authenticates. Then, per transaction: `begin`,
    `await content_wanted()`, `await send_content(content)`, `finish()` once the commit point is
    recorded, `await done()`. A wait raises a `SessionError` when the conversation fails; the
    transaction is settled by then, and its `outcomes()` tell what is certain. After a failure the
    session is not `usable` any more.
    `chunking` and `vigil` are shared by the sessions of a run: whether BDAT works with this server,
    and whether its replies come in no time.
    """

    def __init__(
        self,
        server: Server,
        transcript: Callable[[str, bytes], None] | None = None,
        chunking: Chunking | None = None,
        vigil: Vigil | None = None,
    ) -> None:
        super().__init__(server, transcript, chunking, vigil)
        self.transactions = 0
        self.greeting = ""
        self.tls_version: str | None = None
        self.certificate: dict[str, object] = {}
        self._context: ssl.SSLContext | None = None
        self._chunk: bytes | None = None  # of the flight that is held

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls,
        server: Server,
        *,
        transcript: Callable[[str, bytes], None] | None = None,
        chunking: Chunking | None = None,
        vigil: Vigil | None = None,
    ) -> Session:
        """Connect, greet, secure and authenticate; return a session ready for transactions.

        Raises `ConnectError`, `TLSError`, `AuthenticationError`, `ServiceUnavailable`,
        `SessionTimeout`, `ConnectionLost` or `RemoteProtocolError`; nothing stays open then.
        """
        session = cls(server, transcript, chunking, vigil)
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
            raise_if_starved(error)
            text = f"cannot connect to {server.address}: {reason_of(error)}"
            raise ConnectError(text, hint=hint) from error
        self._note_tls()

    async def _hello(self) -> None:
        self._engine.hello()
        self._flush()
        await self._expect(events.HelloDone)

    async def _start_tls(self) -> None:
        if not self.capabilities.starttls:
            sent = "mail" if self._is_anonymous else "credentials"
            other = (
                "for a server on this machine, security: plaintext is allowed"
                if self.peer_is_loopback
                else "try security: tls with port 465"
            )
            raise TLSError(
                f"{self.server.address} does not offer STARTTLS",
                hint=f"the run stops rather than send {sent} in clear text; {other}",
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

    @property
    def _is_anonymous(self) -> bool:
        return self.server.auth == "none" or self.server.username is None

    async def _authenticate(self) -> None:
        server = self.server
        if self._is_anonymous or server.username is None:
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
            self._chunking.allowed
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

    async def send_content(self, content: bytes, *, stuffed: bytes | None = None) -> bool:
        """Hand over the content but its last bytes; False if it was refused or lost meanwhile.

        Record the commit point, then `finish`. In one flight no byte leaves before that. `stuffed`
        is what `stuff` made of the content before.
        """
        if self._engine.phase is Phase.HELD:
            self._chunk = checked(content)
            return True
        stuffed = stuff(content) if stuffed is None else stuffed
        if self._is_over:
            return False
        if len(stuffed) > ONE_WRITE_BYTES:
            await self._send_blocks(stuffed)
        else:
            self._engine.send_body(stuffed)  # leaves together with the end of data
        return not self._is_over  # if it is, `done` says why

    def finish(self) -> None:
        """Hand over the last bytes of the content, or the whole flight.

        Without effect if the content was refused or the session lost meanwhile.
        """
        if self._is_over:
            return
        chunk, self._chunk = self._chunk, None
        try:
            if chunk is None:
                self._engine.finish_content()
            else:
                self._engine.send_chunk(chunk)
        except SessionError as error:  # `done` raises it
            self._fail(error)
            return
        self._flush()

    @property
    def _is_over(self) -> bool:
        """Whether the content is refused, or lost with the session."""
        return bool(self._events) or self.failure is not None

    async def _send_blocks(self, stuffed: bytes) -> None:
        for start in range(0, len(stuffed), BLOCK_BYTES):
            if self._is_over:
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
        # An end that is ours says nothing of the server.
        self._chunking = Chunking(allowed=self._chunking.allowed)
        self._fail(ConnectionLost(f"the session with {self.server.address} was ended"))
