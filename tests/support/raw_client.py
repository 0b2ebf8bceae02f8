"""A raw SMTP client for the tests of the test servers: bytes out, whole replies in."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Self

#: What a reply that will never come is waited for.
SECONDS = 5.0
MOST_LINES = 200

#: A message, and the command group that announces one.
CONTENT = b"Message-ID: <1@example.com>\r\nSubject: x\r\n\r\nhello\r\n"
GROUP = "MAIL FROM:<news@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n"


class RawClient:
    """One connection; a context manager. `reply` raises TimeoutError or ConnectionResetError."""

    def __init__(self, port: int, *, seconds: float = SECONDS, receive_buffer: int = 0) -> None:
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(seconds)
        try:
            self.sock.connect(("127.0.0.1", port))
        except OSError:
            self.sock.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def say(self, text: str | bytes) -> None:
        """Write it in one call."""
        self.sock.sendall(text.encode() if isinstance(text, str) else text)

    def line(self) -> bytes:
        """Read up to and with a CRLF; what there is, where the server has closed."""
        while b"\r\n" not in self._read:
            data = self.sock.recv(65_536)
            if not data:
                line, self._read = self._read, b""
                return line
            self._read += data
        line, _, self._read = self._read.partition(b"\r\n")
        return line + b"\r\n"

    @property
    def unread(self) -> bytes:
        """What came behind the last reply, in one piece with it."""
        return self._read

    def reply(self) -> str:
        """Read one reply of one or more lines."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            if len(lines) == MOST_LINES:
                raise ConnectionAbortedError("the reply does not end")
            lines.append(self.line())
        return b"".join(lines).decode("utf-8", "backslashreplace")

    def ask(self, text: str | bytes, replies: int = 1) -> list[str]:
        """Write it in one call, then read that many replies."""
        self.say(text)
        return [self.reply() for _ in range(replies)]

    def rest(self) -> bytes:
        """Read until the server closes."""
        data = self._read
        while piece := self.sock.recv(65_536):
            data += piece
        return data

    def greet(self) -> str:
        """Read the banner, say EHLO and give its reply."""
        self.reply()
        return self.ask("EHLO me.example\r\n")[0]

    def secure(self, context: ssl.SSLContext, name: str = "localhost") -> None:
        """Do the TLS handshake now."""
        self.sock = context.wrap_socket(self.sock, server_hostname=name, suppress_ragged_eofs=False)

    def end(self) -> None:
        """Say QUIT, read what comes until the server closes, and close."""
        with contextlib.suppress(OSError):
            self.say("QUIT\r\n")
            self.rest()
        self.sock.close()


def deliver(client: RawClient, content: bytes = CONTENT) -> str:
    """One pipelined transaction to a server that is well; its last reply."""
    assert [reply[:3] for reply in client.ask(GROUP, replies=3)] == ["250", "250", "354"]
    return client.ask(content + b".\r\n")[0]
