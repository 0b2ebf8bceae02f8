"""A session over a real socket: opening, transactions, QUIT.

A session has a `Dialogue` (bytes and deadlines), made ready by an `Opening` (connection, TLS,
authentication). Nothing is decided here about recipients: replies go to the `Connection` of the
dialogue, which settles the transaction. A failure is a `SessionError`, and the session is closed
and never used again (a desynchronised session is how mail gets lost).

Where the server announces CHUNKING and PIPELINING, a content that leaves in one write anyway leaves
in one flight with the envelope (RFC 3030): `begin` lets nothing leave, `content_wanted` does not
wait, `send_content` hands over nothing, and the whole flight leaves with `finish`.

Tests: tests/session/test_ends.py, tests/session/test_chunking.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from mailbatch.envelope import Envelope
from mailbatch.errors import SessionError
from mailbatch.octets import Octets
from mailbatch.smtp import events
from mailbatch.smtp.bdat import BdatTrust
from mailbatch.smtp.capabilities import Capabilities
from mailbatch.smtp.content import checked, could_send, flight
from mailbatch.smtp.dialogue import Dialogue
from mailbatch.smtp.opening import Opened, Opening
from mailbatch.smtp.phases import Phase
from mailbatch.smtp.polling import Polling
from mailbatch.smtp.server import Server
from mailbatch.smtp.transaction import Transaction
from mailbatch.smtp.window import Window

#: Contents up to this many bytes leave in one write; larger ones leave in blocks, and their end of
#: data is held back until the system has taken everything before it, which BDAT could not have.
ONE_WRITE_BYTES = 64 * 1024
#: QUIT is a courtesy: the longest wait for the reply, in seconds.
QUIT_SECONDS = 5.0


class Session:
    """One conversation from greeting to QUIT, for as many transactions as the server allows.

    `Session.open` connects, secures and authenticates. Then, per transaction: `begin`,
    `await content_wanted()`, `await send_content(content)`, `finish()` once the commit point is
    recorded, `await done()`. A wait raises a `SessionError` when the conversation fails; the
    transaction is settled by then, and `outcomes()` of the transaction tells each certain outcome.
    After a failure the session is not `usable` any more.

    `opened` has the findings of the opening. `transactions` counts the begun transactions.
    """

    def __init__(self, dialogue: Dialogue, opened: Opened) -> None:
        self.opened = opened
        self.transactions = 0
        self._dialogue = dialogue
        self._connection = dialogue.connection
        self._state = dialogue.connection.state
        self._chunk: bytes | None = None  # of the flight that is held
        self._window = Window(asyncio.get_running_loop().time)

    @classmethod
    async def open(
        cls,
        server: Server,
        *,
        transcript: Callable[[str, bytes], None] | None = None,
        trust: BdatTrust | None = None,
        polling: Polling | None = None,
    ) -> Session:
        """Connect, greet, secure and authenticate; return a session ready for transactions.

        `trust` (in BDAT) and `polling` (for quick replies) are shared by the sessions of a run.

        Raises:
            SessionError: a step failed (`ConnectError`, `TLSError`, `AuthenticationError`,
                `ServiceUnavailable`, `SessionTimeout`, `ConnectionLost`, `RemoteProtocolError`);
                nothing stays open then.
        """
        return await cls.over(Dialogue(server, transcript=transcript, trust=trust, polling=polling))

    @classmethod
    async def over(cls, dialogue: Dialogue) -> Session:
        """Open a session over a dialogue that is not connected yet; raises as `open`."""
        try:
            return cls(dialogue, await Opening(dialogue).make_ready())
        except BaseException:
            dialogue.abort()
            raise

    # -- facts -------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """The last capabilities that the server announced (after TLS, if there is TLS)."""
        return self._state.capabilities

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""
        return self._dialogue.is_open

    @property
    def failure(self) -> SessionError | None:
        """The failure that ended the session, if it has ended."""
        return self._dialogue.failure

    @property
    def refusals(self) -> int:
        """The number of commands that the server has refused in this session."""
        return self._state.refusals

    @property
    def slow_at(self) -> int | None:
        """The number of refusals behind which replies took much longer; None if no reply did."""
        return self._dialogue.watch.slow_at

    # -- transactions ------------------------------------------------------------------------------

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: Octets | None = None,
        at_once: int | None = None,
    ) -> Transaction:
        """Send MAIL, every RCPT and DATA as one command group (RFC 2920).

        Where the `content` may go by BDAT the group is held back, to leave in one flight with the
        content. Of more than `at_once` recipients the others are asked little by little. `size` is
        in bytes, before dots are stuffed.

        Raises:
            SessionError: the session has failed.
            LocalProtocolError: the server does not take such a message.
        """
        dialogue = self._dialogue
        if dialogue.failure is not None:
            raise dialogue.failure
        few = at_once is None or len(envelope.forward_paths) <= at_once
        held = few and content is not None and self._is_one_flight(content)
        transaction = self._connection.begin(
            envelope, size=size, eight_bit=eight_bit, held=held, at_once=at_once
        )
        self.transactions += 1
        dialogue.flush()
        return transaction

    def _is_one_flight(self, content: Octets) -> bool:
        short = self._state.chunking and content.size <= ONE_WRITE_BYTES
        return short and not could_send(content.joined())

    async def content_wanted(self) -> bool:
        """Wait for the replies of the group; False if no recipient was accepted.

        In one flight there is no reply before the content, and the answer is True.

        Raises:
            SessionError: the session has failed.
        """
        if self._state.phase is Phase.HELD:
            return True
        event = await self._dialogue.next()
        if type(event) is events.ContentWanted:
            return True
        if type(event) is events.TransactionDone:
            return False
        raise self._dialogue.refused(event)

    async def send_content(self, content: Octets) -> bool:
        """Hand over the content but the last bytes; False if it was refused or lost meanwhile.

        Record the commit point, then `finish`. In one flight no byte leaves before that. A piece
        that was sent before is neither checked nor stuffed again, and no piece is joined.

        Raises:
            LocalProtocolError: the content may not go on the wire (module `content`).
        """
        if self._state.phase is Phase.HELD:
            self._chunk = checked(content.joined())
            return True
        queued, large = 0, content.size > ONE_WRITE_BYTES
        for block, is_ascii in flight(content):
            if self._dialogue.has_news:
                return False
            self._connection.send_body(block, is_ascii=is_ascii)
            queued += len(block)
            if queued >= self._window.size:
                queued = await self._hand_over(queued)
        if queued and large:  # else it leaves together with the end of data
            await self._hand_over(queued)
        return not self._dialogue.has_news  # if it is, `done` says why

    async def _hand_over(self, size: int) -> int:
        """Send the queued blocks, and wait until the system has taken their bytes; return 0."""
        began = self._window.begin()
        self._dialogue.flush()
        await self._dialogue.drain()
        self._window.end(began, size)
        return 0

    def finish(self) -> None:
        """Hand over the last bytes of the content, or the whole flight.

        Without effect if the content was refused or the session lost meanwhile.
        """
        if self._dialogue.has_news:
            return
        chunk, self._chunk = self._chunk, None
        try:
            if chunk is None:
                self._connection.finish_content()
            else:
                self._connection.send_chunk(chunk)
        except SessionError as error:  # `done` raises it
            self._dialogue.fail(error)
            return
        self._dialogue.flush()

    async def done(self) -> None:
        """Wait for the reply to the end of data.

        Raises:
            SessionError: the session has failed; the transaction is settled.
        """
        event = await self._dialogue.next()
        if type(event) is not events.TransactionDone:
            raise self._dialogue.refused(event)

    # -- ending ------------------------------------------------------------------------------------

    async def quit(self) -> None:
        """Say QUIT, wait a little for the reply unless the server is slow, close; never fails."""
        if self.usable:
            with contextlib.suppress(SessionError, TimeoutError):
                self._connection.quit()
                self._dialogue.flush()
                async with asyncio.timeout(QUIT_SECONDS if self.slow_at is None else 0.0):
                    await self._dialogue.expect(events.Closed)
        self.abort()

    def abort(self) -> None:
        """Close at once; an open transaction is settled as it stands."""
        self._dialogue.abort()
