"""A session over a real socket: opening, transactions, QUIT.

Its lower halves are `Opening` (connection, TLS, authentication) and below that `Dialogue` (bytes
and deadlines). It decides nothing about recipients: replies go
to `Connection`, which settles the transaction. A failure is a `SessionError`, and the session is
closed and never used again (a desynchronised session is how mail gets lost).

Where the server announces CHUNKING and PIPELINING, a content that leaves in one write anyway leaves
in one flight with its envelope (RFC 3030): `begin` lets nothing leave, `content_wanted` does not
wait, `send_content` hands over nothing, and all of it leaves with `finish`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from mailbatch.envelope import Envelope
from mailbatch.errors import ConnectionLost, SessionError
from mailbatch.smtp import events
from mailbatch.smtp.content import checked, could_send, stuff
from mailbatch.smtp.opening import Opening
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


class Session(Opening):
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
        self._chunk: bytes | None = None  # of the flight that is held

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
            await session._make_ready()
        except BaseException:
            session.abort()
            raise
        return session

    # -- transactions ------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""
        return self.failure is None and self._transport is not None

    @property
    def refusals(self) -> int:
        """How many commands the server has refused in this session."""
        return self._connection.refusals if self._connection is not None else 0

    @property
    def slow_at(self) -> int | None:
        """Behind how many refusals replies began to take much longer; None if they do not."""
        return self._watch.slow_at

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: bytes | None = None,
        at_once: int | None = None,
    ) -> Transaction:
        """Send MAIL, every RCPT and DATA as one command group (RFC 2920).

        Where the `content` may go by BDAT they are held back, to leave in one flight with it.
        Of more than `at_once` recipients the others are asked little by little.
        """
        if self.failure is not None:
            raise self.failure
        few = at_once is None or len(envelope.forward_paths) <= at_once
        held = few and content is not None and self._is_one_flight(content)
        transaction = self._engine.begin(
            envelope, size=size, eight_bit=eight_bit, held=held, at_once=at_once
        )
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
        """Say QUIT, wait a little for the reply unless the server is slow, close; never fails."""
        if self.usable:
            with contextlib.suppress(SessionError, TimeoutError):
                self._engine.quit()
                self._flush()
                async with asyncio.timeout(QUIT_SECONDS if self.slow_at is None else 0.0):
                    await self._expect(events.Closed)
        self.abort()

    def abort(self) -> None:
        """Close at once; an open transaction is settled as it stands."""
        # An end that is ours says nothing of the server.
        self._chunking = Chunking(allowed=self._chunking.allowed)
        self._fail(ConnectionLost(f"the session with {self.server.address} was ended"))
