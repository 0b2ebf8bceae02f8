"""One HTTP request of the sandbox's API, read from hostile bytes, and its answer.

    GET /email/4/logs?bulkId=notice-friday HTTP/1.1
    Authorization: App KEY

A head is bounded in bytes and in time, and a request has no body: whatever else comes is refused
and the connection closed. One request a connection (RFC 9112 9.6). This module must never know a
path.

Tests: tests/sandbox/test_api.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mailbatch.frozen import frozen

_LONGEST_HEAD = 16 * 1024
_MOST_PARAMETERS = 100
#: Seconds for a head to arrive, and for an answer to leave.
SECONDS = 10.0


@frozen
class Request:
    """A request: `fields` by name in lower case, `query` by name, each the last of its name."""

    method: str
    path: str
    query: Mapping[str, str]
    fields: Mapping[str, str]


@frozen
class Answer:
    """A status with a JSON value, and more header fields."""

    status: HTTPStatus
    value: Any
    fields: Mapping[str, str] = field(default_factory=dict)

    def as_bytes(self, *, with_body: bool = True) -> bytes:
        """Write the answer as it goes over the wire."""
        body = json.dumps(self.value, ensure_ascii=False).encode()
        head = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **self.fields,
        }
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + (body if with_body else b"")


def refusal(status: HTTPStatus, text: str, **fields: str) -> Answer:
    """Return an answer that refuses, in both forms in which the provider writes errors."""
    code = status.name
    value = {
        "errorCode": code,
        "description": text,
        "requestError": {"serviceException": {"messageId": code, "text": text}},
    }
    return Answer(status, value, {name.replace("_", "-"): one for name, one in fields.items()})


async def read_request(reader: asyncio.StreamReader) -> Request | Answer | None:
    """Read one request; an answer refuses what is none, None stands for a client that left.

    The reader must be limited to `_LONGEST_HEAD` bytes by `limit_of_reader`.
    """
    try:
        async with asyncio.timeout(SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        return refusal(HTTPStatus.REQUEST_TIMEOUT, f"no request within {SECONDS:.0f} s")
    except asyncio.LimitOverrunError:
        text = f"a head of more than {_LONGEST_HEAD} bytes"
        return refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return _parsed(head.decode("latin-1"))


def limit_of_reader() -> int:
    """Return the limit for the reader of a connection, in bytes."""
    return _LONGEST_HEAD


def _parsed(head: str) -> Request | Answer:
    first, *lines = head[:-4].split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in {"HTTP/1.1", "HTTP/1.0"}:  # noqa: PLR2004 - RFC 9112 3
        return refusal(HTTPStatus.BAD_REQUEST, "this is no HTTP/1.1 request")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            return refusal(HTTPStatus.BAD_REQUEST, "a line of the head is no field")
        fields[name.lower()] = value.strip()
    if "transfer-encoding" in fields or fields.get("content-length", "0") != "0":
        return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a request of the sandbox has no body")
    try:
        parts = urlsplit(words[1])
        query = dict(parse_qsl(parts.query, max_num_fields=_MOST_PARAMETERS, errors="replace"))
    except ValueError:
        return refusal(HTTPStatus.BAD_REQUEST, "the target of the request is no path")
    return Request(words[0], parts.path, query, fields)
