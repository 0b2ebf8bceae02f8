"""A session around another one: each part of a transport's session is that of the inner one.

    class RedirectedSession(WrappedSession): ...   # another `begin`, and all else as it is

A wrapping session says in its own class what it does differently. This module must never change a
conversation.

Tests: tests/delivery/test_dialogues.py, tests/cli/test_run.py.
"""

from __future__ import annotations

from mailbatch.delivery.transport import Attempt, Offers, TransportSession
from mailbatch.envelope import Envelope
from mailbatch.errors import SessionError
from mailbatch.octets import Octets


class WrappedSession:
    """A `TransportSession` that hands everything to `session`."""

    def __init__(self, session: TransportSession) -> None:
        self.session = session

    @property
    def transactions(self) -> int:
        """The number of transactions that were begun."""
        return self.session.transactions

    @property
    def capabilities(self) -> Offers:
        """The announcements of the server."""
        return self.session.capabilities

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""
        return self.session.usable

    @property
    def failure(self) -> SessionError | None:
        """The failure that ended the session, None while the session is open."""
        return self.session.failure

    @property
    def refusals(self) -> int:
        """The number of commands that the server has refused."""
        return self.session.refusals

    @property
    def slow_at(self) -> int | None:
        """The number of refusals behind which replies took much longer."""
        return self.session.slow_at

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: Octets | None = None,
        at_once: int | None = None,
    ) -> Attempt:
        """Open a transaction."""
        return self.session.begin(
            envelope, size=size, eight_bit=eight_bit, content=content, at_once=at_once
        )

    async def content_wanted(self) -> bool:
        """Wait until the content may be sent."""
        return await self.session.content_wanted()

    async def send_content(self, content: Octets) -> bool:
        """Hand over the content but the last bytes."""
        return await self.session.send_content(content)

    def finish(self) -> None:
        """Hand over the last bytes."""
        self.session.finish()

    async def done(self) -> None:
        """Wait for the outcome."""
        await self.session.done()

    async def quit(self) -> None:
        """End the session politely."""
        await self.session.quit()

    def abort(self) -> None:
        """End the session at once."""
        self.session.abort()
