"""A session whose transactions are kept: each dialogue goes to the file of the edition.

    hearing = Hearing(None)
    session = await Session.open(server, transcript=hearing)
    kept = KeptSession(session, hearing, dialogues, server.address, time.time)

Every command owes one reply, in order: so each line of the transcript finds its command, though the
next commands have left already. This module must never add a byte to a conversation, nor a wait.

Tests: tests/delivery/test_dialogues.py, tests/cli/test_keep.py.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from mailbatch.delivery.dialogues import Dialogue, Dialogues, Exchange
from mailbatch.delivery.transport import Attempt, TransportSession
from mailbatch.delivery.wrapped_session import WrappedSession
from mailbatch.envelope import Envelope
from mailbatch.octets import Octets

_CONTENT = re.compile(rb"<(\d+) bytes of content>")
#: The commands of a transaction; the reply to a lone RSET is the clean-up's.
_KEPT = (b"MAIL", b"RCPT", b"DATA", b"BDAT", b".")


class Hearing:
    """The lines of one session's transcript, given to the dialogue that they are of."""

    def __init__(self, also: Callable[[str, bytes], None] | None) -> None:
        """`also` hears every line, too."""
        self.dialogue: Dialogue | None = None
        self._also = also
        #: The exchanges that a reply is owed to, None for one that is not kept: first the greeting.
        self._owed: deque[Exchange | None] = deque([None])

    def __call__(self, direction: str, line: bytes) -> None:
        """Take a line of the client (`C`) or of the server (`S`)."""
        if self._also is not None:
            self._also(direction, line)
        if direction == "C":
            self._said(line)
        elif self._owed:
            exchange = self._owed[0]
            if exchange is not None:
                exchange.hear(_text(line))
            if line[3:4] != b"-":
                self._owed.popleft()

    def _said(self, line: bytes) -> None:
        dialogue = self.dialogue
        content = _CONTENT.fullmatch(line) if line[:1] == b"<" else None
        if content is not None:
            if dialogue is not None:
                dialogue.size += int(content[1])
            return
        exchange = None
        if dialogue is not None and line.startswith(_KEPT):
            exchange = Exchange(_text(line))
            dialogue.exchanges.append(exchange)
        self._owed.append(exchange)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")


class KeptSession(WrappedSession):
    """A session that keeps the dialogue of each transaction."""

    def __init__(
        self,
        session: TransportSession,
        hearing: Hearing,
        dialogues: Dialogues,
        server: str,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(session)
        self._hearing = hearing
        self._dialogues = dialogues
        self._server = server
        self._clock = clock

    def begin(
        self,
        envelope: Envelope,
        *,
        size: int,
        eight_bit: bool,
        content: Octets | None = None,
        at_once: int | None = None,
    ) -> Attempt:
        """Open a transaction, and a dialogue for it."""
        self._keep()
        self._hearing.dialogue = Dialogue(envelope.token, self._server, self._clock())
        return super().begin(
            envelope, size=size, eight_bit=eight_bit, content=content, at_once=at_once
        )

    async def content_wanted(self) -> bool:
        """Wait until the content may be sent."""
        wanted = False
        try:
            wanted = await super().content_wanted()
        finally:
            if not wanted:
                self._keep()
        return wanted

    async def send_content(self, content: Octets) -> bool:
        """Hand over the content but the last bytes."""
        if self._hearing.dialogue is not None:
            self._hearing.dialogue.digest = content.digest.hex()
        return await super().send_content(content)

    async def done(self) -> None:
        """Wait for the outcome, and keep the dialogue."""
        try:
            await super().done()
        finally:
            self._keep()

    async def quit(self) -> None:
        """End the session politely."""
        self._keep()
        await super().quit()

    def abort(self) -> None:
        """End the session at once."""
        super().abort()
        self._keep()

    def _keep(self) -> None:
        """Write the dialogue that is open; later replies are those to the clean-up."""
        dialogue, self._hearing.dialogue = self._hearing.dialogue, None
        if dialogue is not None and dialogue.exchanges:
            dialogue.ended = self._clock()
            self._dialogues.append(dialogue)
