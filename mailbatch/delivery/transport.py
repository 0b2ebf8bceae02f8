"""The port through which a delivery leaves: SMTP sessions, or files for a dry run.

    attempt = session.begin(envelope, size=size, eight_bit=False)
    if await session.content_wanted() and await session.send_content(content):
        session.finish()    # behind the record of the commit point
        await session.done()
    attempt.outcomes()      # one for each address of the envelope

A dry run is another transport, not a branch in the run: all steps but the last one are the same.
A redirected session (module `redirect`) is one, too.

Tests: tests/certainty/test_profiles.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from mailbatch.envelope import Envelope
from mailbatch.errors import SessionError, raise_if_starved
from mailbatch.files import cannot_write
from mailbatch.frozen import frozen
from mailbatch.octets import Octets
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from mailbatch.smtp.commands import Verb


class Attempt(Protocol):
    """One transaction, as the run knows it: one outcome for each address of the envelope."""

    @property
    def refusal(self) -> tuple[Verb, Reply] | None:
        """The command and the reply that refused the message for the whole envelope, if one did."""

    @property
    def accepted(self) -> int:
        """The number of recipients that the server accepted, whatever became of the content."""

    @property
    def room(self) -> int | None:
        """The number of recipients that the server took, where it had no room for more."""

    @property
    def answered(self) -> bool:
        """Whether there was any reply."""

    def outcomes(self) -> Sequence[Outcome]:
        """Return the outcome of each address, in the order of the envelope."""


class Offers(Protocol):
    """The announcements of the server that a message depends on."""

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
        """The most transactions of a session; None: not announced (RFC 9422)."""

    @property
    def rcpt_max(self) -> int | None:
        """The most recipients of a transaction; None: not announced."""

    @property
    def rcpt_domain_max(self) -> int | None:
        """The most domains of these recipients; None: not announced."""


class TransportSession(Protocol):
    """A session, as the sender knows it; `smtp.session.Session` is one."""

    @property
    def transactions(self) -> int:
        """The number of transactions that were begun."""

    @property
    def capabilities(self) -> Offers:
        """The announcements of the server."""

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin."""

    @property
    def failure(self) -> SessionError | None:
        """The failure that ended the session, None while the session is open."""

    @property
    def refusals(self) -> int:
        """The number of commands that the server has refused in this session."""

    @property
    def slow_at(self) -> int | None:
        """The number of refusals behind which replies took much longer; None: they did not."""

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: Octets | None = None,
        at_once: int | None = None,
    ) -> Attempt:
        """Open a transaction; `content`, if given, is the content of the later `send_content`.

        Of more than `at_once` recipients the others are asked little by little. `size` is in bytes.

        Raises:
            SessionError: the session has ended.
        """

    async def content_wanted(self) -> bool:
        """Wait until the content may be sent; False if no recipient was accepted.

        Raises:
            SessionError: the session failed.
        """

    async def send_content(self, content: Octets) -> bool:
        """Hand over the content but the last bytes; False if the server wants no more.

        Raises:
            SessionError: the session failed.
        """

    def finish(self) -> None:
        """Hand over the last bytes of the content, behind the record of the commit point."""

    async def done(self) -> None:
        """Wait for the outcome of the content.

        Raises:
            SessionError: the session failed.
        """

    async def quit(self) -> None:
        """End the session politely."""

    def abort(self) -> None:
        """End the session at once."""


@frozen
class Everything:
    """The offers of a file: any size, any octets."""

    size: int | None = None
    eight_bit_mime: bool = True
    smtputf8: bool = True
    mail_max: int | None = None
    rcpt_max: int | None = None
    rcpt_domain_max: int | None = None


@frozen
class Written:
    """A message that lies in a file."""

    envelope: Envelope
    refusal: tuple[Verb, Reply] | None = None
    room: int | None = None
    answered: bool = True

    @property
    def accepted(self) -> int:
        """The number of recipients: a file takes all."""
        return len(self.envelope.forward_paths)

    def outcomes(self) -> Sequence[Outcome]:
        """Return ACCEPTED for every address: the file took the message."""
        reply = Reply(250, ("written to a file",))
        return SameForAll(self.envelope.forward_paths, Status.ACCEPTED, reply)


class FileSession:
    """A session that writes each message as a numbered .eml file, named after the first recipient.

    The files hold the exact content that would go over the wire. A transaction counts once its file
    is written, and a file that cannot be written whole is removed. The numbers of the files go on
    in the next session: `written` is that of the last one, `transactions` begins anew.
    """

    def __init__(self, folder: Path) -> None:
        self.written = self.transactions = 0
        self.capabilities: Offers = Everything()
        self.usable = True
        self.failure: SessionError | None = None
        self.refusals = 0
        self.slow_at: int | None = None
        self.folder = folder
        self._first = ""
        self._content = Octets.of(())

    async def opened(self) -> FileSession:
        """Return this as the next session: files want no connection."""
        self.transactions = 0
        return self

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,  # noqa: ARG002 - the port's signature
        eight_bit: bool,  # noqa: ARG002 - the port's signature
        content: Octets | None = None,  # noqa: ARG002 - the port's signature
        at_once: int | None = None,  # noqa: ARG002 - the port's signature
    ) -> Attempt:
        """Open the next file."""
        self._first = envelope.forward_paths[0]
        return Written(envelope)

    async def content_wanted(self) -> bool:
        """Say that a file always wants the content."""
        return True

    async def send_content(self, content: Octets) -> bool:
        """Keep the content."""
        self._content = content
        return True

    def finish(self) -> None:
        """Write the file.

        Raises:
            OutputError: the file cannot be written (74).
        """
        safe = "".join(c if c.isalnum() or c in "@.+-_" else "_" for c in self._first)[:80]
        path = self.folder / f"{self.written + 1:06d}-{safe}.eml"
        begun = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                begun = True
                file.writelines([piece.data for piece in self._content.pieces])
        except OSError as error:
            if begun:  # else the file is somebody's, whole, and may not be written
                with suppress(OSError):
                    path.unlink()
            raise_if_starved(error)
            raise cannot_write(path, error, "--out") from error
        self.written += 1
        self.transactions += 1

    async def done(self) -> None:
        """Do nothing: a file owes no reply."""

    async def quit(self) -> None:
        """Do nothing: there is no connection."""

    def abort(self) -> None:
        """Do nothing: there is no connection."""
