"""The gallery over HTTP, on the loopback only; a page that is open follows the inputs.

Each page gets a script that is told of every further build (`/changes`, server-sent events of the
HTML standard, 9.2) and then loads the page again. The files of the gallery stay as written.

A request by another name than the loopback's is refused, so that no page on the web can read the
gallery through a name that points here (RFC 9110 7.2). Only files that the gallery wrote are ever
served: a request is looked up in the list of these files, as one name, and the file of that name
must still be the one that was written. Folders, links and foreign files are on no list.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import shutil
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from mailbatch.errors import MailbatchError, UsageError, raise_if_starved
from mailbatch.preview.failure_page import failure_page
from mailbatch.preview.rebuilding import Rebuilding

#: The header fields of every answer; a page of the gallery stays alone in its browsing context.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NAMES = ("127.0.0.1", "localhost")
_INDEX = "index.html"
_TYPES = {".eml": "message/rfc822", ".js": "text/javascript; charset=utf-8"}
_UNKNOWN_TYPE = "application/octet-stream"
_MESSAGE = re.compile(r"messages/\d+\.html")
#: The script of pages that follow the inputs, and what tells these of further builds.
_LIVE, _CHANGES = "live.js", "changes"
_LIVE_SCRIPT = Path(__file__).with_name(_LIVE)
#: The time between two signs of life, by which a page that was closed is found out.
_SIGN_SECONDS = 15.0


class _Requests(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the files of a gallery."""

    server_version = "mailbatch"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def __init__(self, *given: Any, gallery: Rebuilding, **more: Any) -> None:
        self._gallery = gallery
        super().__init__(*given, **more)

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer with the header fields of a file."""
        self._answer()

    def _answer(self) -> None:
        if not self._is_ours():
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers to the loopback only")
            return
        name = _name_in(self.path)
        if name == _CHANGES and self.command == "GET":
            self._tell_changes()
            return
        if name == _LIVE:
            self._send_bytes(HTTPStatus.OK, _LIVE, _LIVE_SCRIPT.read_bytes())
            return
        gallery = self._gallery
        is_page = name is not None and name.endswith(".html") and "attachments/" not in name
        with gallery.lock:
            if is_page:
                gallery.look()
            number, failure, file = gallery.number, gallery.failure, None
            if not (is_page and failure is not None):
                with contextlib.suppress(OSError):
                    file = gallery.open(name) if name is not None else None
        if is_page and failure is not None:
            self._fail(failure, number)
        elif file is not None:
            with file:
                if is_page:
                    self._send_bytes(HTTPStatus.OK, name or "", _following(file.read(), number))
                else:
                    self._send(name or "", file)
        elif name is not None and _MESSAGE.fullmatch(name) and not gallery.has(name):
            # An open page whose message is gone: the letter of a row that left the table.
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _tell_changes(self) -> None:
        """Send an event for each further build, until the page is closed."""
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        seen = _number_in(self.path)
        with contextlib.suppress(OSError):  # the page is gone
            while True:
                number = self._gallery.wait(seen, seconds=_SIGN_SECONDS)
                self.wfile.write(b"data: %d\n\n" % number if number != seen else b":\n\n")
                seen = number

    def _is_ours(self) -> bool:
        """Tell whether the request names this server, and no other (RFC 9112 3.2)."""
        port = cast("ThreadingHTTPServer", self.server).server_port
        ours = {f"{name}:{port}" for name in _NAMES}
        hosts = self.headers.get_all("Host", [])
        return len(hosts) == 1 and hosts[0].lower() in ours and self.path.startswith("/")

    def _send(self, name: str, file: BinaryIO) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _type_of(name))
        self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
        if name.startswith("attachments/"):  # a file of the user must run no script
            self.send_header("Content-Security-Policy", "sandbox")
        self.end_headers()
        if self.command != "HEAD":
            shutil.copyfileobj(file, self.wfile)

    def _fail(self, error: MailbatchError, number: int) -> None:
        body = failure_page(error).encode("utf-8", "xmlcharrefreplace")
        self._send_bytes(HTTPStatus.INTERNAL_SERVER_ERROR, _INDEX, _following(body, number))

    def _send_bytes(self, status: HTTPStatus, name: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", _type_of(name))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_headers(self) -> None:
        """Add the header fields of every answer."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Write no log of requests."""


def _name_in(target: str) -> str | None:
    """Return the path that a request target names, decoded once; None if it is not UTF-8."""
    try:
        return unquote(target.partition("?")[0], errors="strict").removeprefix("/") or _INDEX
    except UnicodeDecodeError:
        return None


def _number_in(target: str) -> int:
    """Return the number of the build that a page has seen; 0 where the target names none."""
    found = re.search(r"[?&]seen=(\d{1,9})(?:&|$)", target)
    return int(found[1]) if found is not None else 0


def _following(body: bytes, number: int) -> bytes:
    """Return a page with the script that loads the page again behind a further build."""
    before, end, behind = body.rpartition(b"</body>")
    return b'%s<script src="/%s" data-number="%d"></script>\n%s%s' % (
        before, _LIVE.encode(), number, end, behind,
    )  # fmt: skip


def _type_of(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, _UNKNOWN_TYPE)


def serve(gallery: Rebuilding, port: int) -> ThreadingHTTPServer:
    """Return a server for the gallery on 127.0.0.1, not yet running; port 0 means any free port.

    Raises:
        UsageError: the port is taken.
    """
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Requests, gallery=gallery))
    except OSError as error:
        raise_if_starved(error)
        raise UsageError(
            f"cannot listen on 127.0.0.1:{port}: {error.strerror}", hint="choose another --port"
        ) from error
    server.daemon_threads = True
    return server
