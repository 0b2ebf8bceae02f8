"""The HTTP API of the sandbox: log entries, reports and suppressions, as the provider answers.

    GET /email/4/logs                     repeatable, with a cursor
    GET /email/4/reports                  each report once
    GET /email/1/suppressions             of a domain, by type, in pages

A request needs `Authorization: App KEY`; 120 a minute for each path are answered, the next one with
429 and Retry-After. Source of paths, parameters and limits: the provider's OpenAPI specification
3.210.0 (July 2026). The sandbox listens on the loopback. This module must never change what it
gives out, but for reports that were handed out.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self

from mailbatch.errors import UsageError
from mailbatch.sandbox.fates import Told
from mailbatch.sandbox.records import Records, Suppression
from mailbatch.sandbox.requests import (
    SECONDS,
    Answer,
    Request,
    limit_of_reader,
    read_request,
    refusal,
)
from mailbatch.sandbox.wire import Accepted, time_text

#: Requests a minute for each path, as the provider throttles.
LIMIT = 120
_MINUTE = 60.0
_MOST_CONNECTIONS = 50
_DEFAULT_LIMIT, _MOST_LIMIT = 50, 1000
_DEFAULT_SIZE = 100
_TYPES = ("BOUNCE", "COMPLAINT", "OVER_QUOTA")
_STATUSES = ("ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED")
#: Characters of a list, and digits of a number.
_LONGEST_LIST = 2048
_LONGEST_NUMBER = 18


_Query = Mapping[str, str]


class _BadRequest(Exception):
    """A parameter that has no such value; the text says which."""


class Api:
    """The API, listening; a context of the running event loop, with `host` and `port`."""

    def __init__(
        self,
        records: Records,
        *,
        key: str | None = None,
        limit: int = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the API of these records.

        `key` is the only key that is accepted, None accepts any. `limit` is in requests a minute
        for each path, and `clock` gives seconds.
        """
        self.host, self.port = "", 0
        self._records = records
        self._key = key
        self._limit = limit
        self._clock = clock
        self._times: dict[str, deque[float]] = {path: deque() for path in _PATHS}
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> Self:
        """Listen; port 0 takes any that is free.

        Raises:
            UsageError: the port is taken, or may not be used.
        """
        try:
            self._server = await asyncio.start_server(
                self._serve, host, port, limit=limit_of_reader()
            )
        except OSError as error:
            raise UsageError(
                f"the API of the sandbox cannot listen on {host} port {port}: "
                f"{error.strerror or error}",
                hint="choose another --api-port; 0 takes a free one",
            ) from error
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, and end every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            if len(self._connections) > _MOST_CONNECTIONS:
                text = f"more than {_MOST_CONNECTIONS} connections"
                await _write(writer, refusal(HTTPStatus.SERVICE_UNAVAILABLE, text).as_bytes())
                return
            request = await read_request(reader)
            if isinstance(request, Answer):
                await _write(writer, request.as_bytes())
            elif request is not None:
                with_body = request.method != "HEAD"
                await _write(writer, self.answer(request).as_bytes(with_body=with_body))
        finally:
            writer.close()

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        find = _PATHS.get(request.path.rstrip("/"))
        if find is None:
            return refusal(HTTPStatus.NOT_FOUND, f"the sandbox has {', '.join(_PATHS)}")
        if request.method not in {"GET", "HEAD"}:
            text = "the sandbox answers GET only"
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, text, Allow="GET, HEAD")
        if not self._is_let_in(request.fields.get("authorization", "")):
            text = "the header field Authorization: App KEY is missing, or the key is wrong"
            return refusal(HTTPStatus.UNAUTHORIZED, text, WWW_Authenticate="App")
        wait = self._seconds_to_wait(request.path.rstrip("/"))
        if wait:
            text = f"more than {self._limit} requests a minute"
            return refusal(HTTPStatus.TOO_MANY_REQUESTS, text, Retry_After=str(wait))
        try:
            return Answer(HTTPStatus.OK, find(self._records, request.query))
        except _BadRequest as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))

    def _is_let_in(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "app" or not key:
            return False
        return self._key is None or hmac.compare_digest(key.encode(), self._key.encode())

    def _seconds_to_wait(self, path: str) -> int:
        """Count a request of a path; return the seconds to wait where there were too many."""
        now, times = self._clock(), self._times[path]
        while times and now - times[0] >= _MINUTE:
            times.popleft()
        if len(times) >= self._limit:
            return max(1, math.ceil(_MINUTE - (now - times[0])))
        times.append(now)
        return 0


async def _write(writer: asyncio.StreamWriter, answer: bytes) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(SECONDS):
            writer.write(answer)
            await writer.drain()


def _logs(records: Records, query: _Query) -> dict[str, Any]:
    limit = _limit(query)
    uses_cursor = query.get("useCursor", "false").lower() == "true"
    after = _number(query, "cursor", 0) if uses_cursor else 0
    found, go_on = records.log(_chosen(query), after=after, limit=limit)
    answer: dict[str, Any] = {"results": found}
    if uses_cursor:
        answer["cursor"] = {"limit": limit, "nextCursor": None if go_on is None else str(go_on)}
    return answer


def _chosen(query: _Query) -> Callable[[Accepted, Told], bool]:
    """Return the filter of log entries that a query asks for."""
    sender, to = query.get("sender", "").lower(), query.get("destination", "").lower()
    bulk_ids, message_ids = _list(query, "bulkId"), _list(query, "messageId")
    since, until = _time(query, "sentSince"), _time(query, "sentUntil")
    status = query.get("generalStatus", "").upper()
    if status and status not in _STATUSES:
        raise _BadRequest(f"generalStatus is one of {', '.join(_STATUSES)}")

    def is_wanted(message: Accepted, told: Told) -> bool:
        return (
            (not sender or message.callbacks.sender.lower() == sender)
            and (not to or message.to.lower() == to)
            and (not bulk_ids or message.bulk_id in bulk_ids)
            and (not message_ids or message.id in message_ids)
            and (not status or told.status.group == status)
            and (since is None or message.sent_at >= since)
            and (until is None or message.sent_at <= until)
        )

    return is_wanted


def _reports(records: Records, query: _Query) -> dict[str, Any]:
    results = records.take_reports(
        bulk_ids=_list(query, "bulkId"),
        message_ids=_list(query, "messageId"),
        limit=_limit(query),
    )
    return {"results": results}


def _suppressions(records: Records, query: _Query) -> dict[str, Any]:
    kind, domain = query.get("type", "").upper(), query.get("domainName", "")
    if kind not in _TYPES:
        raise _BadRequest(f"type is one of {', '.join(_TYPES)}")
    if not domain:
        raise _BadRequest("domainName is missing")
    page, size = _number(query, "page", 0), _number(query, "size", _DEFAULT_SIZE)
    if not 0 < size <= _MOST_LIMIT:
        raise _BadRequest(f"size is a number from 1 to {_MOST_LIMIT}")
    found = list(records.suppressions(domain, kind))
    shown = found[page * size : (page + 1) * size]
    return {"results": [_suppression(one) for one in shown], "paging": _paging(page, size, found)}


def _paging(page: int, size: int, found: Collection[Suppression]) -> dict[str, int]:
    pages = math.ceil(len(found) / size)
    return {"page": page, "size": size, "totalPages": pages, "totalResults": len(found)}


def _suppression(one: Suppression) -> dict[str, Any]:
    return {
        "domainName": one.domain,
        "emailAddress": one.address,
        "type": one.type,
        "createdDate": time_text(one.created),
        "reason": one.reason,
    }


def _limit(query: _Query) -> int:
    limit = _number(query, "limit", _DEFAULT_LIMIT)
    if not 0 < limit <= _MOST_LIMIT:
        raise _BadRequest(f"limit is a number from 1 to {_MOST_LIMIT}")
    return limit


def _number(query: _Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise _BadRequest(f"{name} is a number from 0 on")
    return int(text)


def _list(query: _Query, name: str) -> frozenset[str]:
    text = query.get(name, "")
    if len(text) > _LONGEST_LIST:
        raise _BadRequest(f"{name} has more than {_LONGEST_LIST} characters")
    return frozenset(filter(None, text.split(",")))


def _time(query: _Query, name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        # In a query a plus that was not escaped is a space.
        time = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise _BadRequest(f"{name} is a time such as 2026-11-29T10:00:00.000+0000") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_PATHS: dict[str, Callable[[Records, _Query], dict[str, Any]]] = {
    "/email/4/logs": _logs,
    "/email/4/reports": _reports,
    "/email/1/suppressions": _suppressions,
}
