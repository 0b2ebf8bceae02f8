"""A provider's API on a loopback port: logs with a cursor, one-time reports, a suppression list.

A test says how the next questions are answered: `api.next(Say(429, retry_after="7"))`. `asked` has
every question in order, `given` every answer of one-time reports, whether it arrived or not. It
shares no code with mailbatch.

Tests: tests/pull/test_access.py.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

KEY = "0123456789abcdef-key-of-the-api"


@dataclass(frozen=True)
class Say:
    """An answer in place of the right one; `how` is what becomes of its bytes.

    "whole"; "cut": half of them, and the connection closes; "silent": none, and it closes. Without
    a status the answer is the right one.
    """

    status: int | None = None
    body: bytes = b'{"requestError":{"serviceException":{"text":"no"}}}'
    retry_after: str | None = None
    how: str = "whole"
    location: str | None = None


@dataclass(frozen=True)
class Question:
    """A request: path, query and header fields in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)


class ProviderApi:
    """The API; a context. `page` is the most entries of an answer, whatever is asked."""

    def __init__(self, *, page: int = 2, tls: ssl.SSLContext | None = None) -> None:
        self.page = page
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.reports: dict[str, list[dict[str, Any]]] = {}
        self.suppressions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.asked: list[Question] = []
        self.given: list[list[dict[str, Any]]] = []
        self.grown = threading.Condition()
        self._says: deque[Say | None] = deque()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        host = "localhost" if tls is not None else "127.0.0.1"
        scheme = "https" if tls is not None else "http"
        self.url = f"{scheme}://{host}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    def next(self, *says: Say | None) -> None:
        """Answer the next questions so; None is the right answer."""
        self._says.extend(says)

    def paths(self) -> list[str]:
        """The paths that were asked for."""
        return [question.path for question in self.asked]

    def answer_to(self, question: Question) -> tuple[Say, bytes]:
        """The answer, with the bytes of the right one where the status is 200."""
        with self.grown:
            self.asked.append(question)
            say = self._says.popleft() if self._says else None
            say = say or Say()
            if question.headers.get("authorization") != f"App {KEY}":
                say = Say(401)
            self.grown.notify_all()
            if say.status is not None:
                return say, say.body
            answer = json.dumps(self._right(question)).encode()
        return say, answer

    def _right(self, question: Question) -> dict[str, Any]:
        query = question.query
        if question.path == "/email/4/logs":
            begin = int(query.get("cursor", "0"))
            entries = self.logs.get(query["bulkId"], [])
            end = begin + min(self.page, int(query["limit"]))
            following = str(end) if end < len(entries) else None
            cursor = {"limit": self.page, "nextCursor": following}
            return {"results": entries[begin:end], "cursor": cursor}
        if question.path == "/email/4/reports":
            entries = self.reports.get(query["bulkId"], [])
            given, entries[: self.page] = entries[: self.page], []
            if given:
                self.given.append(given)
            return {"results": given}
        entries = self.suppressions.get((query["domainName"], query["type"]), [])
        begin = int(query["page"]) * int(query["size"])
        return {"results": entries[begin : begin + int(query["size"])]}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that go away are a part of the tests."""


def _handler_of(api: ProviderApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            question = Question(parts.path, dict(parse_qsl(parts.query)), headers)
            say, body = api.answer_to(question)
            if say.how == "silent":
                self.close_connection = True
                return
            self.send_response(say.status or 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if say.retry_after is not None:
                self.send_header("Retry-After", say.retry_after)
            if say.location is not None:
                self.send_header("Location", say.location)
            self.end_headers()
            if say.how == "cut":
                self.close_connection = True
                body = body[: len(body) // 2]
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def log_entry(number: int, *, bulk_id: str = "letter-1", **members: Any) -> dict[str, Any]:
    """Make a log entry about a delivered message to `pN@example.org`."""
    return {
        "bulkId": bulk_id,
        "messageId": f"id-{number}",
        "destination": f"p{number}@example.org",
        "sentAt": "2026-11-29T10:00:00.120+0000",
        "doneAt": "2026-11-29T10:00:02.480+0000",
        "status": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
        "error": {"groupId": 0, "id": 0, "name": "NO_ERROR", "permanent": False},
        **members,
    }
