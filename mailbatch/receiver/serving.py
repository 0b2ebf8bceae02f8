"""The server: one socket, HTTP/1.1 with or without TLS, until the caller says stop.

Signals are the caller's: uvicorn would end the process by the signal, behind its own stop. A stop
closes the socket, lets every POST that was begun be answered, and returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailbatch.errors import UsageError, raise_if_starved
from mailbatch.frozen import frozen

#: Connections at a time; others are answered by 503.
CONNECTIONS = 200
#: Seconds that an open connection may stay without a request.
IDLE = 60
#: Seconds for POSTs that were begun, at a stop.
_STOP_SECONDS = 35
_BACKLOG = 2048


@frozen
class Tls:
    """Certificate (with its chain) and private key, as PEM files."""

    certificate: Path
    key: Path


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free port.

    Raises:
        UsageError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise_if_starved(error)
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another --listen",
        ) from error


class _Connection(HttpToolsProtocol):
    """A connection that ends where no whole head of a request comes in time.

    uvicorn waits without end for the first head, and for the rest of a head that was begun.
    """

    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_again(self) -> None:
        seconds = self.config.timeout_keep_alive
        self._look = self.loop.call_later(seconds, self._close_silent, self.cycle)

    def _close_silent(self, seen: object) -> None:
        """Close a connection whose last request is answered, and is the one that was seen."""
        is_answered = getattr(self.cycle, "response_complete", True)  # None before the first
        if self.cycle is seen and is_answered:
            self.transport.close()
        else:
            self._look_again()


class _Server(uvicorn.Server):
    """uvicorn without its own reception of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the caller."""
        yield


class Serving:
    """An application on a socket.

    A connection without a request is closed after `idle` seconds, behind a request after twice as
    many at the latest.

    Raises:
        UsageError: certificate or key cannot be read, or do not belong together.
    """

    def __init__(
        self, app: Starlette, sock: socket.socket, tls: Tls | None = None, *, idle: int = IDLE
    ) -> None:
        config = uvicorn.Config(
            app,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=idle,
            timeout_graceful_shutdown=_STOP_SECONDS,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"TLS is not possible: {error.strerror or error}",
                hint="--certificate and --key name PEM files that belong together",
            ) from error
        self._socket = sock
        self._server = _Server(config)

    async def run(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Take no more connections, answer what was begun, and let `run` return."""
        self._server.should_exit = True

    def stop_at_once(self) -> None:
        """Let `run` return without an answer to what was begun."""
        self._server.should_exit = self._server.force_exit = True
