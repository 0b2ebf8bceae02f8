"""The posts of the sandbox: delivery reports and tracking events to the URLs of the messages.

A rehearsal must reach nobody: a URL is posted to only if its host is this machine, by an address of
the loopback or the name `localhost`, over HTTP. No name is ever looked up, and no redirection
followed. Every other URL is refused, and that is said once for each.

    POST /reports/TOKEN HTTP/1.1
    Host: 127.0.0.1:8025
    Content-Type: application/json

Only 200 is an acknowledgement. A post that failed is tried again, a bounded number of times, each
time after a longer wait; the wait of the provider, minutes that grow to hours, would be no
rehearsal. This module must never keep a client of the sandbox waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from mailbatch.frozen import frozen
from mailbatch.host_names import is_loopback
from mailbatch.sandbox.wire import JSON, XML, as_json, delivery_body

#: Seconds between the attempts at one post.
WAITS = (1.0, 2.0, 4.0, 8.0)
#: Delivery reports in one body, and the seconds for which a body waits for more of them.
_AT_ONCE = 100
_GATHERING = 0.1
#: Bodies that wait to be posted, and those that are posted at the same time.
_MOST_WAITING = 5_000
_WORKERS = 4
#: Seconds for one attempt.
_TIMEOUT = 5.0
_LONGEST_LINE = 8 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
_ACKNOWLEDGED = 200
#: URLs of which a sentence is said; further ones are counted only.
_MOST_NAMED = 20


@frozen
class Target:
    """A URL on this machine: address and port of the server, name and path of the request."""

    host: str
    port: int
    authority: str
    path: str


def target_of(url: str) -> Target | str:
    """Return where to post to, or the reason why the sandbox does not.

    >>> target_of("https://hooks.example.com/reports")
    'the sandbox posts to this machine only (http://127.0.0.1:PORT/...)'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "this is no URL"
    if host != "localhost" and not is_loopback(host):
        return "the sandbox posts to this machine only (http://127.0.0.1:PORT/...)"
    if parts.scheme != "http":
        return f"the sandbox posts over http, not {parts.scheme}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if "@" in parts.netloc:
        return "the sandbox posts without a user name"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "it has a character that no URL has"
    address = "127.0.0.1" if host == "localhost" else host
    return Target(address, 80 if port is None else port, parts.netloc, path)


@dataclass(slots=True)
class _Post:
    """A body on its way; `reports` counts the statements in it."""

    target: Target
    url: str
    content_type: str
    body: bytes
    reports: int
    attempts: int = 0


class Posting:
    """An outlet that posts; a context of the running event loop.

    `posted` counts statements that were acknowledged, `failed` those that were given up, `refused`
    those for URLs that are not on this machine, and `waiting` those that are on their way. `waits`
    are the seconds between attempts, and `tell` takes a sentence for people.
    """

    def __init__(
        self, tell: Callable[[str], None], *, waits: tuple[float, ...] = WAITS,
        most_waiting: int = _MOST_WAITING,
    ) -> None:  # fmt: skip
        self.posted = self.failed = self.refused = self.waiting = 0
        self._tell = tell
        self._waits = waits
        self._queue: asyncio.Queue[_Post] = asyncio.Queue()
        self._most_waiting = most_waiting
        self._waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._gathered: dict[tuple[str, bool], list[dict[str, Any]]] = {}
        self._targets: dict[str, Target | str] = {}
        self._named: set[tuple[str, str]] = set()
        self._workers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._workers = [asyncio.create_task(self._work()) for _ in range(_WORKERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give up what was not posted."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def drain(self) -> None:
        """Wait until every statement so far is posted, or given up."""
        for key in list(self._gathered):
            self._send_gathered(key)
        await self._idle.wait()

    def report(self, url: str, report: dict[str, Any], *, is_xml: bool) -> None:
        """Post a delivery report, in one body with others that come soon."""
        key = (url, is_xml)
        gathered = self._gathered.setdefault(key, [])
        gathered.append(report)
        if len(gathered) == _AT_ONCE:
            self._send_gathered(key)
        elif len(gathered) == 1:
            asyncio.get_running_loop().call_later(_GATHERING, self._send_gathered, key)

    def _send_gathered(self, key: tuple[str, bool]) -> None:
        reports = self._gathered.pop(key, [])
        if reports:
            url, is_xml = key
            body = delivery_body(reports, is_xml=is_xml)
            self._enqueue(url, XML if is_xml else JSON, body, len(reports))

    def event(self, url: str, event: dict[str, Any]) -> None:
        """Post a tracking event."""
        self._enqueue(url, JSON, as_json(event), 1)

    def _enqueue(self, url: str, content_type: str, body: bytes, reports: int) -> None:
        target = self._targets.get(url)
        if target is None:
            target = target_of(url)
            if len(self._targets) < _MOST_WAITING:  # each message may have a URL of its own
                self._targets[url] = target
        if isinstance(target, str):
            self.refused += reports
            self._say_once(url, f"nothing is posted to {url[:200]}: {target}")
        elif self._waiting >= self._most_waiting:
            self.failed += reports
            self._say_once("", f"more than {self._most_waiting:,} posts wait: the rest is dropped")
        else:
            self._waiting += 1
            self.waiting += reports
            self._idle.clear()
            self._queue.put_nowait(_Post(target, url, content_type, body, reports))

    def _say_once(self, url: str, sentence: str) -> None:
        kind = (url, sentence)
        if kind not in self._named and len(self._named) < _MOST_NAMED:
            self._named.add(kind)
            self._tell(sentence)

    def _settled(self, post: _Post) -> None:
        self._waiting -= 1
        self.waiting -= post.reports
        if not self._waiting:
            self._idle.set()

    async def _work(self) -> None:
        while True:
            post = await self._queue.get()
            trouble = await _attempt(post)
            if not trouble:
                self.posted += post.reports
                self._settled(post)
            elif post.attempts < len(self._waits):
                wait = self._waits[post.attempts]
                post.attempts += 1
                asyncio.get_running_loop().call_later(wait, self._queue.put_nowait, post)
            else:
                self.failed += post.reports
                self._settled(post)
                self._say_once(post.url, f"{post.url[:200]} did not take a report: {trouble}")


async def _attempt(post: _Post) -> str:
    """Post once, and return the trouble, empty where the answer was 200."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            status = await _status_of(post)
    except TimeoutError:
        return f"no answer within {_TIMEOUT:.0f} s"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error) or "the connection was lost"
    return "" if status == _ACKNOWLEDGED else f"the answer was {status}"


async def _status_of(post: _Post) -> int:
    """Return the status of the answer; the rest of the answer is not read.

    Raises:
        OSError: the server cannot be reached, or the connection was lost.
        ValueError: the answer is no HTTP.
    """
    target = post.target
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=_LONGEST_LINE)
    try:
        writer.write(
            f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n"
            f"Content-Type: {post.content_type}\r\nContent-Length: {len(post.body)}\r\n"
            "User-Agent: mailbatch-sandbox\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        writer.write(post.body)
        await writer.drain()
        found = _STATUS.match(await reader.readline())
        if found is None:
            raise ValueError("the answer is no HTTP")
        return int(found[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
