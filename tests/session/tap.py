"""A line between client and server that keeps what passes: the bytes, their order, the connections.

It judges servers that keep no journal of their own (Postfix, smtp-sink), and what a client puts on
the wire in the clear.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from typing import Self

_JOIN_SECONDS = 10.0


class Tap:
    """A relay on loopback to `port`; a context manager.

    `connections` holds the pieces of each connection in the order in which they passed, as
    ("client" or "server", bytes). A piece is noted before it is passed on, so that what a side says
    in answer always stands behind what it answers.
    """

    def __init__(self, port: int) -> None:
        self.connections: list[list[tuple[str, bytes]]] = []
        self._target = port
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def said(self, who: str = "client") -> bytes:
        """Return all that the clients, or the servers, said."""
        with self._lock:
            return b"".join(data for line in self.connections for side, data in line if side == who)

    def waits(self) -> list[int]:
        """Return for each connection how often its client spoke behind the server."""
        with self._lock:
            return [
                sum(
                    before == "server" and after == "client"
                    for (before, _), (after, _) in itertools.pairwise(line)
                )
                for line in self.connections
            ]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        for sock in self._sockets:
            sock.close()

    def _start(self, target, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            line: list[tuple[str, bytes]] = []
            with self._lock:
                self.connections.append(line)
                self._sockets += [client, server]
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._pass_on, "client", client, server, line)
            self._start(self._pass_on, "server", server, client, line)

    def _pass_on(
        self, who: str, source: socket.socket, target: socket.socket, line: list[tuple[str, bytes]]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    line.append((who, data))
                target.sendall(data)
        # Its end is passed on, too; the other direction ends by itself.
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
