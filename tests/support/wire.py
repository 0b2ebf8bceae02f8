"""One accepted connection of the fault server: blocking, with or without TLS, able to misbehave.

TLS runs over memory buffers, so that a handshake can be slowed, split or cut like anything else.
"""

from __future__ import annotations

import contextlib
import fcntl
import select
import socket
import ssl
import struct
import termios
import threading
import time


class Gone(Exception):
    """The client has closed or reset the connection, or the server is being stopped."""


class Wire:
    """Bytes in and out of one socket; `close` is always safe."""

    def __init__(
        self,
        sock: socket.socket,
        stopping: threading.Event,
        *,
        read_size: int = 65_536,
        read_pause: float = 0.0,
    ) -> None:
        self._sock = sock
        self._stopping = stopping
        self._read_size = read_size
        self._read_pause = read_pause
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._decrypted = b""

    @property
    def encrypted(self) -> bool:
        """Whether the handshake is done."""
        return self._tls is not None

    @property
    def tls_version(self) -> str | None:
        """The protocol version of TLS, None in the clear."""
        return self._tls.version() if self._tls else None

    def readable(self, seconds: float = 0.0) -> bool:
        """Whether `read` would return at once, after waiting that long for it."""
        if self._decrypted:
            return True
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def read(self) -> bytes:
        """Wait for bytes from the client; raises Gone where no more will come."""
        while True:
            if self._decrypted:
                data, self._decrypted = self._decrypted, b""
                return data
            if self._read_pause:
                self._stopping.wait(self._read_pause)
            data = self._receive()
            if self._tls is None:
                return data
            self._incoming.write(data)
            self._decrypt()

    def write(self, data: bytes, pace: float | None = None) -> None:
        """Write all of it, or byte by byte with `pace` seconds in between; raises Gone."""
        if pace is None:
            self._write(data)
            return
        for number in range(len(data)):
            if number and self._stopping.wait(pace):
                raise Gone
            self._write(data[number : number + 1])

    def handshake(self, context: ssl.SSLContext, *, pace: float | None = None) -> None:
        """Take the client into TLS; raises Gone, or ssl.SSLError where it does not work out."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(pace)
                self._incoming.write(self._receive())
            except ssl.SSLError:
                with contextlib.suppress(Gone):
                    self._flush(pace)
                raise
            else:
                self._flush(pace)
                self._tls = tls
                self._decrypt()
                return

    def write_plain(self, data: bytes, pace: float | None = None) -> None:
        """Write as it is, TLS or not."""
        for piece in [data] if pace is None else [bytes([octet]) for octet in data]:
            if pace is not None and self._stopping.wait(pace):
                raise Gone
            try:
                self._sock.sendall(piece)
            except OSError as error:
                raise Gone from error

    def reset(self) -> None:
        """Close with RST, once what was written before has arrived."""
        self._await_acknowledged()
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def finish(self) -> None:
        """Close our side with FIN, then read on until the client closes too."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        # Closing with bytes unread would be a reset: they are read and forgotten.
        with contextlib.suppress(Gone):
            while True:
                self._receive()

    def hold(self) -> None:
        """Neither read nor write until the client closes or the server is stopped."""
        poll = select.poll()
        poll.register(self._sock, select.POLLRDHUP)
        while not self._stopping.is_set() and not poll.poll(50):
            pass

    def farewell(self) -> None:
        """End an orderly conversation: close_notify where there is TLS, then FIN."""
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            with contextlib.suppress(Gone):
                self._flush(None)
        self.finish()

    def unblock(self) -> None:
        """Make every call in progress raise Gone; for the thread that stops the server."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _receive(self) -> bytes:
        try:
            data = self._sock.recv(self._read_size)
        except OSError as error:
            raise Gone from error
        if not data or self._stopping.is_set():
            raise Gone
        return data

    def _decrypt(self) -> None:
        pieces: list[bytes] = []
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                try:
                    piece = self._tls.read(65_536) if self._tls else b""
                except ssl.SSLWantReadError:
                    raise
                except ssl.SSLZeroReturnError:
                    piece = b""
                except ssl.SSLError as error:
                    raise Gone from error
                if not piece:  # close_notify
                    if not pieces:
                        raise Gone
                    break
                pieces.append(piece)
        self._decrypted = b"".join(pieces)

    def _write(self, data: bytes) -> None:
        if self._tls is None:
            self.write_plain(data)
        else:
            self._tls.write(data)
            self._flush(None)

    def _flush(self, pace: float | None) -> None:
        self.write_plain(self._outgoing.read(), pace)

    def _await_acknowledged(self) -> None:
        """Wait until the client's kernel has all that was written: a reset destroys the rest."""
        deadline = time.monotonic() + 2
        while not self._stopping.is_set() and time.monotonic() < deadline:
            try:
                waiting = fcntl.ioctl(self._sock, termios.TIOCOUTQ, b"\0" * 4)
            except OSError:
                return
            if struct.unpack("i", waiting) == (0,):
                return
            self._stopping.wait(0.001)
