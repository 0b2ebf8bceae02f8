"""A receiver to post to: in a thread with parts of the test's own, or as the program itself."""

from __future__ import annotations

import asyncio
import http.client
import signal
import sqlite3
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mailbatch.receiver.application import Receiver, application
from mailbatch.receiver.door import Door
from mailbatch.receiver.intake import Intake
from mailbatch.receiver.proving import Proving
from mailbatch.receiver.requests import Limits
from mailbatch.receiver.serving import Serving, listening
from tests.certainty.program import end, start

TOKEN = "token-of-the-tests-0123"
REPORT = b'{"results": [{"messageId": "%d", "to": "a@example.org", "status": {"groupId": 3}}]}'


@dataclass
class Target:
    """The URL of a receiver, and what was told to the operator."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None = None
    told: list[str] = field(default_factory=list)

    @property
    def connection(self) -> http.client.HTTPConnection:
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=30, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    def ask(self, method="POST", body=None, *, path=None, **headers):
        """Return status, header fields (lower case) and body of an answer."""
        connection = self.connection
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, self.path if path is None else path, body, named)
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, fields, answer.read()
        finally:
            connection.close()

    def post(self, body, **headers):
        return self.ask("POST", body, **headers)[0]


@contextmanager
def in_thread(path, *, door=None, proving=None, tls=None, busy=10.0, limits=None, idle=60):
    """Serve `path` on a free port of loopback; stopped behind the block."""
    told = []
    intake = Intake(path, tell=told.append, busy=busy)
    intake.start()
    opened, servings = threading.Event(), []

    async def run(sock):
        receiver = Receiver(
            door or Door(TOKEN),
            intake,
            proving or Proving(),
            tell=told.append,
            limits=limits or Limits(),
        )
        servings.append(Serving(application(receiver), sock, tls, idle=idle))
        opened.set()
        await servings[0].run()

    with listening("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=lambda: asyncio.run(run(sock)))
        thread.start()
        assert opened.wait(10)
        try:
            yield Target(*sock.getsockname()[:2], f"/reports/{TOKEN}", told=told)
        finally:
            servings[0].stop()
            thread.join()
            intake.stop()


@contextmanager
def program(store: Path, *options, tls=None):
    """Start `mailbatch reports serve` on a free port; yields its process and its target."""
    process = start(
        "reports", "serve", "--store", str(store), "--listen", "127.0.0.1:0",
        "--token", TOKEN, *map(str, options), cwd=store.parent,
    )  # fmt: skip
    try:
        parts = urlsplit(process.stdout.readline().strip())
        assert parts.port, process.stderr.read()
        yield process, Target(parts.hostname, parts.port, parts.path, tls)
    finally:
        process.kill()
        process.communicate()


def stopped(process):
    """Ask the program to stop; return exit code, standard output and standard error."""
    process.send_signal(signal.SIGTERM)
    return end(process)


def bodies(path):
    """The bodies of a store, in the order of their arrival."""
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT content FROM body ORDER BY id")]


def places(path):
    """The places of the bodies, as people see them."""
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT place FROM body ORDER BY id")]
