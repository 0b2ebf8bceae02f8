"""The port through which a delivery leaves: SMTP sessions, or files for a dry run.

A dry run is another transport, not a branch in the run: everything up to the last step is the same.
`RedirectedSession` sends each message to one test address instead of its recipients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailbatch.envelope import Envelope
from mailbatch.errors import OutputError, SessionError, raise_if_starved
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from mailbatch.smtp.commands import Verb


class Attempt(Protocol):
    """One transaction, as far as the run cares: one outcome per address of its envelope."""

    @property
    def refusal(self) -> tuple[Verb, Reply] | None:
        """The command and the reply by which nobody of the envelope got the message, if one did."""

    @property
    def accepted(self) -> int:
        """How many recipients the server accepted, whatever became of the content."""

    @property
    def room(self) -> int | None:
        """How many recipients it took, where it said that it takes no more."""

    @property
    def answered(self) -> bool:
        """Whether there was any reply."""

    def outcomes(self) -> Sequence[Outcome]:
        """Return what became of each address, in the order of the envelope."""


class Offers(Protocol):
    """What the server announced that a message depends on."""

    @property
    def size(self) -> int | None:
        """The largest message in bytes; None if the server names no limit."""

    @property
    def eight_bit_mime(self) -> bool:
        """Whether 8-bit content may be sent (RFC 6152)."""

    @property
    def smtputf8(self) -> bool:
        """Whether non-ASCII local parts may be sent (RFC 6531)."""

    @property
    def mail_max(self) -> int | None:
        """How many transactions a session may have; None where it is not announced (RFC 9422)."""

    @property
    def rcpt_max(self) -> int | None:
        """How many recipients a transaction may have; None where it is not announced."""

    @property
    def rcpt_domain_max(self) -> int | None:
        """How many domains these may have; None where it is not announced."""


class TransportSession(Protocol):
    """What the sender needs of a session; `smtp.session.Session` is one."""

    @property
    def transactions(self) -> int:
        """How many transactions were begun."""

    @property
    def capabilities(self) -> Offers:
        """What the server announced."""

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""

    @property
    def failure(self) -> SessionError | None:
        """What ended the session, if it has ended."""

    @property
    def refusals(self) -> int:
        """How many commands the server has refused in this session."""

    @property
    def slow_at(self) -> int | None:
        """Behind how many refusals replies began to take much longer; None if they do not."""

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: bytes | None = None,
        at_once: int | None = None,
    ) -> Attempt:
        """Open a transaction; `content`, if it is given, is what `send_content` will be given.

        Of more than `at_once` recipients the others are asked little by little.
        """

    async def content_wanted(self) -> bool:
        """Wait until the content may be sent; False if there is nobody to send it to."""

    async def send_content(self, content: bytes, *, stuffed: bytes | None = None) -> bool:
        """Hand over the content but its last bytes; False if nobody wants them any more.

        `stuffed` is the content with its dots stuffed, where that has been done already.
        """

    def finish(self) -> None:
        """Hand over the last bytes of the content; their commit point is recorded before."""

    async def done(self) -> None:
        """Wait for the outcome of the content."""

    async def quit(self) -> None:
        """End the session politely."""

    def abort(self) -> None:
        """End the session at once."""


@dataclass(frozen=True, slots=True)
class Everything:
    """The offers of a file: any size, any octets."""

    size: int | None = None
    eight_bit_mime: bool = True
    smtputf8: bool = True
    mail_max: int | None = None
    rcpt_max: int | None = None
    rcpt_domain_max: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A message that lies in a file."""

    envelope: Envelope
    refusal: tuple[Verb, Reply] | None = None
    room: int | None = None
    answered: bool = True

    @property
    def accepted(self) -> int:
        """A file takes everybody."""
        return len(self.envelope.forward_paths)

    def outcomes(self) -> Sequence[Outcome]:
        """Return ACCEPTED for every address: the file took the message."""
        reply = Reply(250, ("written to a file",))
        return SameForAll(self.envelope.forward_paths, Status.ACCEPTED, reply)


class FileSession:
    """Write each message as a numbered .eml file named after its first recipient.

    The files hold the exact content that would go over the wire. Raises `OutputError` (74) where a
    file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.transactions = 0
        self.capabilities: Offers = Everything()
        self.usable = True
        self.failure: SessionError | None = None
        self.refusals = 0
        self.slow_at: int | None = None
        self._folder = folder
        self._first = ""
        self._content = b""

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,  # noqa: ARG002 - the port's signature
        eight_bit: bool,  # noqa: ARG002 - the port's signature
        content: bytes | None = None,  # noqa: ARG002 - the port's signature
        at_once: int | None = None,  # noqa: ARG002 - the port's signature
    ) -> Attempt:
        """Open the next file."""
        self.transactions += 1
        self._first = envelope.forward_paths[0]
        return Written(envelope)

    async def content_wanted(self) -> bool:
        """A file always wants its content."""
        return True

    async def send_content(
        self,
        content: bytes,
        *,
        stuffed: bytes | None = None,  # noqa: ARG002 - the port's signature
    ) -> bool:
        """Keep the content."""
        self._content = content
        return True

    def finish(self) -> None:
        """Write the file."""
        safe = "".join(c if c.isalnum() or c in "@.+-_" else "_" for c in self._first)[:80]
        path = self._folder / f"{self.transactions:06d}-{safe}.eml"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._content)
        except OSError as error:
            raise_if_starved(error)
            raise OutputError(
                f"cannot write {path}: {error.strerror}", hint="choose another --out"
            ) from error

    async def done(self) -> None:
        """Nothing is owed by a file."""

    async def quit(self) -> None:
        """Nothing to end."""

    def abort(self) -> None:
        """Nothing to end."""


@dataclass(frozen=True, slots=True)
class Redirected:
    """An attempt whose one outcome stands for every address of the envelope it replaced."""

    attempt: Attempt
    addresses: Sequence[str]

    @property
    def refusal(self) -> tuple[Verb, Reply] | None:
        """The command and the reply by which nobody got the message, if one did."""
        return self.attempt.refusal

    @property
    def accepted(self) -> int:
        """How many recipients the server accepted."""
        return self.attempt.accepted

    @property
    def room(self) -> int | None:
        """How many recipients it took, where it said that it takes no more."""
        return self.attempt.room

    @property
    def answered(self) -> bool:
        """Whether there was any reply."""
        return self.attempt.answered

    def outcomes(self) -> Sequence[Outcome]:
        """Return the test address's outcome under each of the replaced addresses."""
        (outcome,) = self.attempt.outcomes()
        return SameForAll(
            tuple(self.addresses), outcome.status, outcome.reply, outcome.reason, outcome.counted
        )


class RedirectedSession:
    """Send each message to one test address instead (`--to`), in place of copies too."""

    def __init__(self, session: TransportSession, address: str) -> None:
        self._session = session
        self._address = address

    @property
    def transactions(self) -> int:
        """How many transactions were begun."""
        return self._session.transactions

    @property
    def capabilities(self) -> Offers:
        """What the server announced."""
        return self._session.capabilities

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""
        return self._session.usable

    @property
    def failure(self) -> SessionError | None:
        """What ended the session, if it has ended."""
        return self._session.failure

    @property
    def refusals(self) -> int:
        """How many commands the server has refused."""
        return self._session.refusals

    @property
    def slow_at(self) -> int | None:
        """Behind how many refusals replies began to take much longer."""
        return self._session.slow_at

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: bytes | None = None,
        at_once: int | None = None,
    ) -> Attempt:
        """Open a transaction to the test address."""
        paths = (envelope.reverse_path, self._address)
        replaced = Envelope(
            envelope.reverse_path, (self._address,), smtputf8=not all(map(str.isascii, paths))
        )
        attempt = self._session.begin(
            replaced, size=size, eight_bit=eight_bit, content=content, at_once=at_once
        )
        return Redirected(attempt, envelope.forward_paths)

    async def content_wanted(self) -> bool:
        """Wait until the content may be sent."""
        return await self._session.content_wanted()

    async def send_content(self, content: bytes, *, stuffed: bytes | None = None) -> bool:
        """Hand over the content but its last bytes."""
        return await self._session.send_content(content, stuffed=stuffed)

    def finish(self) -> None:
        """Hand over the last bytes."""
        self._session.finish()

    async def done(self) -> None:
        """Wait for the outcome."""
        await self._session.done()

    async def quit(self) -> None:
        """End the session politely."""
        await self._session.quit()

    def abort(self) -> None:
        """End the session at once."""
        self._session.abort()
