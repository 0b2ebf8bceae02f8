"""The redirection of a mailing to test addresses: `--to`, once or several times.

    redirection = Redirection(("ann@example.com", "bob@example.com"), tell=progress.note)
    session = RedirectedSession(session, redirection)   # another transport, as files are

Each message goes to all test addresses in one transaction, in place of its recipients and copies.
An address that the server has taken or refused for good gets no second try: a message that is tried
again goes to the others alone.

Tests: tests/cli/test_run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailbatch.delivery.transport import Attempt, TransportSession
from mailbatch.delivery.wrapped_session import Passed, WrappedSession
from mailbatch.envelope import Envelope
from mailbatch.frozen import frozen
from mailbatch.octets import Octets
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from mailbatch.smtp.commands import Verb

#: The outcome that stands for a message, where test addresses have different ones: the first here.
_WORST_FIRST = (
    Status.IN_DOUBT, Status.DEFERRED, Status.PENDING, Status.REJECTED, Status.ACCEPTED,
)  # fmt: skip
_SETTLED = (Status.ACCEPTED, Status.REJECTED)


class Redirection:
    """The test addresses of a run, and those that a message still has to go to.

    `tell` is told of each test address that was refused for good.
    """

    def __init__(self, addresses: Sequence[str], *, tell: Callable[[str], None]) -> None:
        self.addresses = tuple(addresses)
        self._tell = tell
        #: token of a delivery -> the addresses that are left; a retry is rare.
        self._left: dict[str, tuple[str, ...]] = {}

    def left(self, envelope: Envelope) -> tuple[str, ...]:
        """Return the test addresses that the delivery with this envelope still has to go to."""
        return self._left.get(envelope.token, self.addresses)

    def note(self, token: str, outcomes: Sequence[Outcome]) -> None:
        """Note the outcomes of a transaction of a delivery with the test addresses."""
        if any(outcome.status not in _SETTLED for outcome in outcomes):
            settled = {outcome.address for outcome in outcomes if outcome.status in _SETTLED}
            left = self._left.get(token, self.addresses)
            self._left[token] = tuple(a for a in left if a not in settled)
        for outcome in outcomes:
            if outcome.status is Status.REJECTED and len(self.addresses) > 1:
                self._tell(f"--to {outcome.address}: {outcome.reply or outcome.reason}")


@frozen
class Redirected:
    """An attempt whose worst outcome stands for every address of the replaced envelope."""

    attempt: Attempt
    envelope: Envelope
    redirection: Redirection

    refusal = Passed[tuple[Verb, Reply] | None]("attempt")
    accepted = Passed[int]("attempt")
    room = Passed[int | None]("attempt")
    answered = Passed[bool]("attempt")

    def outcomes(self) -> Sequence[Outcome]:
        """Return the worst outcome of the test addresses under each of the replaced addresses."""
        found = self.attempt.outcomes()
        self.redirection.note(self.envelope.token, found)
        outcome = min(found, key=lambda one: _WORST_FIRST.index(one.status))
        return SameForAll(
            self.envelope.forward_paths,
            outcome.status,
            outcome.reply,
            outcome.reason,
            outcome.counted,
        )


class RedirectedSession(WrappedSession):
    """A session that sends each message to the test addresses, in place of copies too."""

    def __init__(self, session: TransportSession, redirection: Redirection) -> None:
        super().__init__(session)
        self._redirection = redirection

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: Octets | None = None,
        at_once: int | None = None,
    ) -> Attempt:
        """Open a transaction to the test addresses that are left."""
        left = self._redirection.left(envelope)
        paths = (envelope.reverse_path, *left)
        replaced = Envelope(envelope.reverse_path, left, smtputf8=not all(map(str.isascii, paths)))
        attempt = super().begin(
            replaced, size=size, eight_bit=eight_bit, content=content, at_once=at_once
        )
        return Redirected(attempt, envelope, self._redirection)
