"""The gallery over HTTP, on the loopback only: made again, at a reload, when its inputs changed.

Requests by other names than the loopback's are refused, so that no page on the web can read the
gallery through a name that it points here. Nothing but the gallery's own files is ever served.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from mailbatch.errors import InputError, InputErrors, MailbatchError, UsageError
from mailbatch.preview.gallery import ASSETS, OWN
from mailbatch.preview.markup import icon, mark, page, text

#: What the gallery's pages are sent with; a page of theirs stays alone.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NAMES = ("127.0.0.1", "localhost")


class Rebuilding:
    """A gallery that is made again when one of its inputs changed.

    `build` makes the gallery and returns the files it was made from; it raises `MailbatchError`
    where they are wrong. `folder` is where it makes it.
    """

    def __init__(self, folder: Path, build: Callable[[], Iterable[Path]]) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.failure: MailbatchError | None = None
        self._build = build
        self._watched: tuple[Path, ...] = ()
        self._state: object = None

    def build(self) -> None:
        """Make the gallery; raises what `build` raises."""
        self._state = None
        self._watched = tuple(self._build())
        self._state = self._now()

    def refresh(self) -> None:
        """Make the gallery again if an input changed since; what is wrong is kept in `failure`."""
        if self.failure is None and self._state == self._now():
            return
        try:
            self.build()
        except MailbatchError as error:
            self.failure = error
        else:
            self.failure = None

    def _now(self) -> object:
        return [_state_of(path) for path in self._watched]


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class _Requests(SimpleHTTPRequestHandler):
    """Answers GET and HEAD for the files of a gallery."""

    server_version = "mailbatch"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def __init__(self, *given: Any, gallery: Rebuilding, **more: Any) -> None:
        self._gallery = gallery
        super().__init__(*given, directory=str(gallery.folder), **more)

    def do_GET(self) -> None:
        self._answer(super().do_GET)

    def do_HEAD(self) -> None:
        self._answer(super().do_HEAD)

    def _answer(self, serve: Callable[[], None]) -> None:
        if not self._is_ours():
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers to the loopback only")
            return
        path = unquote(urlsplit(self.path).path)
        if path.lstrip("/").split("/")[0] not in {"", *OWN} or path.endswith("//"):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with self._gallery.lock:
            if path == "/" or path.endswith(".html"):
                if not path.startswith("/attachments/"):
                    self._gallery.refresh()
                if self._gallery.failure is not None:
                    self._fail(self._gallery.failure)
                    return
            serve()

    def _is_ours(self) -> bool:
        host = self.headers.get("Host", "")
        port = cast("ThreadingHTTPServer", self.server).server_port
        return host in {f"{name}:{port}" for name in _NAMES}

    def _fail(self, error: MailbatchError) -> None:
        body = failure_page(error).encode("utf-8", "xmlcharrefreplace")
        self.send_response(HTTPStatus.INTERNAL_SERVER_ERROR)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def list_directory(self, path: Any) -> None:
        """Refuse: the gallery has an index of its own."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def translate_path(self, path: str) -> str:
        """Find the file; the gallery's script and style are there even before a gallery is."""
        clean = unquote(urlsplit(path).path)
        if clean.startswith("/assets/"):
            return str(ASSETS / Path(clean).name)
        return super().translate_path(path)

    def end_headers(self) -> None:
        """Add what keeps the gallery to itself; attachments run nothing."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if self.path.startswith("/attachments/"):
            self.send_header("Content-Security-Policy", "sandbox")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing of requests."""


def serve(gallery: Rebuilding, port: int) -> ThreadingHTTPServer:
    """Return a server for the gallery on 127.0.0.1, not yet running; port 0 takes any free one.

    Raises:
        UsageError: the port is taken.
    """
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Requests, gallery=gallery))
    except OSError as error:
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
        scripts=("assets/common.js",),
    )


def _line(error: MailbatchError) -> str:
    location = error.location if isinstance(error, InputError) else None
    if location is None or location.source is None:
        return ""
    return f'<pre class="mono">{text(location.source)}</pre>'
