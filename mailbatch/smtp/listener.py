"""The receiving end of a connection: bytes of the server become replies without secrets.

Three parts work together here: the `ReplyParser` cuts the stream, the `Echoes` find the password
there, and the transcript gets each line as the line may be shown. This module must never let a text
of the server out unseen, and never decide the meaning of a reply.

Tests: tests/smtp/test_echoes.py, tests/smtp/test_connection.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mailbatch.smtp.echoes import Echoes
from mailbatch.smtp.reply import ReplyParser, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mailbatch.outcome import Reply
    from mailbatch.smtp.auth import AuthExchange

#: Called with "C" or "S" and one line without its line end, free of secrets and controls.
Transcript: TypeAlias = "Callable[[str, bytes], None]"


class Listener:
    """The replies of one connection, in order, and the same lines for the transcript.

    `exchange` is the authentication under way, or None. Until the end of an exchange no error
    quotes the server, and the transcript shows no secret of the exchange.
    """

    __slots__ = ("_echoes", "_lines", "_parser", "_transcript", "exchange")

    def __init__(self, transcript: Transcript | None, password: str | None) -> None:
        self.exchange: AuthExchange | None = None
        self._transcript = transcript
        self._echoes = Echoes(password or "")
        self._lines: list[bytes] = []  # of a reply that is not complete
        self._parser = ReplyParser()
        self._parser.quotable = self._quotable
        if transcript is not None:
            self._parser.on_line = self._hear

    @property
    def unfinished(self) -> bool:
        """Whether bytes have come that belong to no reply yet, or to one not yet taken."""
        return self._parser.unfinished

    @property
    def evidence(self) -> str:
        """The part that came of a reply that never became complete, for an error text."""
        return self._parser.evidence

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the server, cut anywhere."""
        self._echoes.listen(data)
        self._parser.receive_data(data)

    def next_reply(self) -> Reply | None:
        """Return the next complete reply, without echoes of the password; None without one.

        Raises:
            RemoteProtocolError: the bytes are no replies, or exceed the bounds.
        """
        reply = self._parser.next_reply()
        if reply is None or (not self._echoes.alert and len(reply.lines) == 1):
            return reply
        return self._echoes.clean(reply)

    def alike(self) -> int:
        """Count the next replies that are the last one again; 0 where each has to be looked at."""
        if self._transcript is not None or self._echoes.alert:
            return 0
        return self._parser.alike()

    def skip(self, count: int) -> None:
        """Take so many replies of those that `alike` counted."""
        self._parser.skip(count)

    def redacted(self, reply: Reply) -> Reply:
        """Return a reply without echoes of the exchange under way."""
        return self._echoes.clean(reply, self._said)

    def redact(self, text: str) -> str:
        """Return a text about the server without echoes of the password."""
        return self._echoes.redact(text)

    def show_rest(self) -> None:
        """Give the transcript the lines of a reply that will never be complete."""
        lines, self._lines = self._lines, []
        if self._transcript is None:
            return
        texts = [decode(line) for line in lines]
        if self._echoes.alert or self.exchange is not None or len(texts) > 1:
            texts = self._echoes.cleaned(texts, self._said)
        for text in texts:
            self._transcript("S", text.encode())

    @property
    def _said(self) -> Sequence[str]:
        return () if self.exchange is None else self.exchange.secrets

    def _quotable(self, lines: list[str]) -> list[str]:
        return self._echoes.cleaned(lines) if self.exchange is None else []

    def _hear(self, line: bytes) -> None:
        """Keep a line until its reply is complete: an echo may stand on several lines."""
        self._lines.append(line)
        if line[3:4] != b"-":
            self.show_rest()
