"""Pages over HTTP for the browsers of this machine: whose requests are answered, and how.

    class Requests(LoopbackRequests):
        def answer(self, name): self.send_bytes(HTTPStatus.OK, name, pages[name])

    server = listen(partial(Requests, kept=frozenset()), 8026, option="--port")

A request by another name than the loopback's is refused, so that no page on the web can read these
pages through a name that points here (RFC 9110 7.2). This module must never open a file that a
request names, nor listen on another address.

Tests: tests/preview/test_serving.py, tests/inbox/test_serving.py.
"""

from __future__ import annotations

import mimetypes
from abc import abstractmethod
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from mailbatch.errors import UsageError, raise_if_starved

HOST = "127.0.0.1"
INDEX = "index.html"
#: The header fields of every answer; a page stays alone in its browsing context.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NAMES = (HOST, "localhost")
#: The port that browsers leave out of the name (RFC 9110 4.2.1).
_PORT_OF_HTTP = 80
_TYPES = {
    ".eml": "message/rfc822",
    ".js": "text/javascript; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
_UNKNOWN_TYPE = "application/octet-stream"
_KEEP = "private, max-age=60"


class LoopbackRequests(BaseHTTPRequestHandler):
    """Answers GET and HEAD requests that name this server, and refuses all others.

    `kept` are the names of files that are the same for every page: a browser may keep these.
    """

    server_version = "mailbatch"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def __init__(self, *given: Any, kept: frozenset[str], **more: Any) -> None:
        self.kept = kept
        super().__init__(*given, **more)

    @abstractmethod
    def answer(self, name: str | None) -> None:
        """Answer a request for a path below the root; None stands for one that is not UTF-8."""

    def do_GET(self) -> None:
        """Answer with a file."""
        if self.names_us():
            self.answer(name_in(self.path))
        else:
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers to the loopback only")

    def do_HEAD(self) -> None:
        """Answer with the header fields of a file."""
        self.do_GET()

    def names_us(self) -> bool:
        """Tell whether the request names this server, and no other (RFC 9112 3.2)."""
        port = cast("ThreadingHTTPServer", self.server).server_port
        ours = {f"{name}:{port}" for name in _NAMES}
        if port == _PORT_OF_HTTP:
            ours.update(_NAMES)
        hosts = self.headers.get_all("Host", [])
        return len(hosts) == 1 and hosts[0].lower() in ours and self.path.startswith("/")

    def send_bytes(self, status: HTTPStatus, name: str, body: bytes, **fields: str) -> None:
        """Send an answer with the type that a name has, and further header fields."""
        self.send_response(status)
        self.send_header("Content-Type", type_of(name))
        self.send_header("Content-Length", str(len(body)))
        self.send_fields(name, **fields)
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_fields(self, name: str, **fields: str) -> None:
        """End the head of an answer; a file of a user must run no script."""
        if name.startswith("attachments/"):
            self.send_header("Content-Security-Policy", "sandbox")
        for field, value in fields.items():
            self.send_header(field.replace("_", "-"), value)
        self.end_headers()

    def begin_events(self) -> None:
        """Send the head of server-sent events, behind which the connection stays open."""
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def send_to(self, path: str) -> None:
        """Send the browser to another page."""
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def end_headers(self) -> None:
        """Add the header fields of every answer; nothing but a style or script is kept."""
        is_kept = self.path.removeprefix("/") in self.kept
        self.send_header("Cache-Control", _KEEP if is_kept else "no-store")
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Write no log of requests."""


def name_in(target: str) -> str | None:
    """Return the path that a request target names, decoded once; None if it is not UTF-8."""
    try:
        return unquote(target.partition("?")[0], errors="strict").removeprefix("/") or INDEX
    except UnicodeDecodeError:
        return None


def type_of(name: str) -> str:
    """Return the media type of a file by its name.

    >>> type_of("0001.eml"), type_of("file.unknown")
    ('message/rfc822', 'application/octet-stream')
    """
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, _UNKNOWN_TYPE)


def listen(requests: Callable[..., Any], port: int, *, option: str) -> ThreadingHTTPServer:
    """Return a server on 127.0.0.1, not yet running; port 0 means any free port.

    Raises:
        UsageError: the port is taken; `option` is the one that names another.
    """
    try:
        server = ThreadingHTTPServer((HOST, port), requests)
    except OSError as error:
        raise_if_starved(error)
        raise UsageError(
            f"cannot listen on {HOST}:{port}: {error.strerror}", hint=f"choose another {option}"
        ) from error
    server.daemon_threads = True
    return server
