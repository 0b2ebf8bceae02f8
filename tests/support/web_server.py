"""A web server on loopback that answers as a test says, and notes what it was asked.

    with WebServer({"/gone": (410, {}, b""), "/": (200, {}, b"x")}) as web:
        web.url("/gone")      # http://127.0.0.1:PORT/gone

A route is (status, fields, content), or a function of the handler that answers by itself. Other
paths are answered with 404.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def _answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        path = self.path.partition("?")[0]
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        route = self.server.routes.get((self.command, path), self.server.routes.get(path))
        if callable(route):
            route(self)
            return
        status, fields, content = route or (404, {}, b"")
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *words):
        pass


class WebServer:
    """Serves `routes`, by path or by (method, path); over TLS with `tls`, a server's context."""

    def __init__(self, routes, *, tls=None):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.routes, self._server.asked = routes, []
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"

    def __enter__(self):
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def asked(self):
        """The requests in their order: (method, path, fields, content)."""
        return self._server.asked

    def url(self, path):
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}{path}"
