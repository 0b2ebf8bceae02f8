"""A session around another one: each part of a transport's session is that of the inner one.

    class RedirectedSession(WrappedSession): ...   # another `begin`, and all else as it is

A wrapping session says in its own class what it does differently. This module must never change a
conversation.

Tests: tests/delivery/test_dialogues.py, tests/cli/test_run.py.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from mailbatch.delivery.transport import Attempt, Offers, TransportSession
from mailbatch.envelope import Envelope
from mailbatch.errors import SessionError
from mailbatch.octets import Octets

Value_co = TypeVar("Value_co", covariant=True)


class Passed(Generic[Value_co]):
    """A fact of a wrapped object, passed on under its name: `usable = Passed[bool]("session")`."""

    def __init__(self, wrapped: str) -> None:
        """`wrapped` is the name of the attribute that holds the wrapped object."""
        self._wrapped = wrapped
        self._name = ""

    def __set_name__(self, owner: type[object], name: str) -> None:
        self._name = name

    def __get__(self, wrapping: object, owner: type[object]) -> Value_co:
        value: Value_co = getattr(getattr(wrapping, self._wrapped), self._name)
        return value


class WrappedSession:
    """A `TransportSession` that hands everything to `session`."""

    def __init__(self, session: TransportSession) -> None:
        self.session = session

    transactions = Passed[int]("session")
    capabilities = Passed[Offers]("session")
    usable = Passed[bool]("session")
    failure = Passed[SessionError | None]("session")
    refusals = Passed[int]("session")
    slow_at = Passed[int | None]("session")

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
