"""The gallery over HTTP, on the loopback only: made again, at a reload, when its inputs changed.

A request by another name than the loopback's is refused, so that no page on the web can read the
gallery through a name that points here (RFC 9110 7.2). Only files that the gallery wrote are ever
served: a request is looked up in the list of these files, as one name, and the file of that name
must still be the one that was written. Folders, links and foreign files are on no list.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import shutil
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from mailbatch.errors import (
    InputError,
    InputErrors,
    MailbatchError,
    UsageError,
    raise_if_starved,
)
from mailbatch.look.markup import icon, mark, page, text
from mailbatch.preview.gallery import Identity

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
# Follow no link, and do not wait for the writer of a pipe.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Built:
    """A gallery that was made: `inputs` are its sources, `files` its own files.

    `files` has the identity of each by the path in the folder of the gallery.
    """

    inputs: tuple[Path, ...]
    files: Mapping[str, Identity]


class Rebuilding:
    """A gallery that is made again after a change of an input.

    `build` makes the gallery in `folder`, and raises `MailbatchError` for wrong inputs. This error
    stays in `failure` until the inputs are mended.
    """

    def __init__(self, folder: Path, build: Callable[[], Built]) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.failure: MailbatchError | None = None
        self._build = build
        self._built = Built((), {})
        self._state: object = None

    def build(self) -> None:
        """Make the gallery.

        Raises:
            MailbatchError: from `build`.
        """
        self._state = None
        self._built = self._build()
        self._state = self._now()

    def refresh(self) -> None:
        """Make the gallery again if an input changed since; keep an error in `failure`."""
        if self.failure is None and self._state == self._now():
            return
        try:
            self.build()
        except MailbatchError as error:
            self.failure = error
        else:
            self.failure = None

    def open(self, name: str) -> BinaryIO | None:
        """Open a file of the gallery by its path; return None for a path that is on no list.

        Raises:
            OSError: the file is gone or cannot be opened.
        """
        wanted = self._built.files.get(name)
        if wanted is None:
            return None
        file = os.fdopen(os.open(self.folder / name, _OPEN), "rb")
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and Identity.of(found) == wanted:
            return file
        file.close()
        return None

    def _now(self) -> object:
        return [_state_of(path) for path in self._built.inputs]


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


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
        gallery = self._gallery
        with gallery.lock:
            if name is not None and name.endswith(".html"):
                if not name.startswith("attachments/"):
                    gallery.refresh()
                if gallery.failure is not None:
                    self._fail(gallery.failure)
                    return
            file = None
            with contextlib.suppress(OSError):
                file = gallery.open(name) if name is not None else None
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with file:
            self._send(name or "", file)

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

    def _fail(self, error: MailbatchError) -> None:
        body = failure_page(error).encode("utf-8", "xmlcharrefreplace")
        self.send_response(HTTPStatus.INTERNAL_SERVER_ERROR)
        self.send_header("Content-Type", "text/html; charset=utf-8")
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


def failure_page(error: MailbatchError) -> str:
    """Return the page that stands for the gallery while its inputs are wrong."""
    errors = error.errors if isinstance(error, InputErrors) else (error,)
    items = "".join(
        f"<li>{mark('error')}<div><h3>{text(one)}</h3>{_line(one)}"
        f'<p class="mend">{text(one.hint or "")}</p></div></li>'
        for one in errors
    )
    main = f"""<main id="main" tabindex="-1" class="wide"><div class="hero">
<h1>The preview cannot be made</h1>
<p class="sub">Mend this and reload the page.</p></div>
<div class="sheet findings"><ul>{items}</ul></div></main>"""
    return page(
        title="The preview cannot be made",
        base="/",
        bar=f'<span class="brand">{icon("brand")}<span>mailbatch preview</span></span>'
        '<span class="space"></span>',
        main=main,
        keys=(("?", "This help"),),
        icons=(),
        styles=("assets/gallery.css",),
        scripts=("assets/common.js",),
    )


def _line(error: MailbatchError) -> str:
    location = error.location if isinstance(error, InputError) else None
    if location is None or location.source is None:
        return ""
    return f'<pre class="mono">{text(location.source)}</pre>'
