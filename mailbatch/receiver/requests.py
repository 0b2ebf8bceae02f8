"""A body off the network: within a length, a time, and a memory for all bodies together.

A long body needs one of few places, from its first long piece until the commit; a sender that waits
for a place is not read from meanwhile. So the memory of the receiver is bounded whatever comes.

Tests: tests/receiver/test_answers.py.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from mailbatch.frozen import frozen


@frozen
class Limits:
    """The limits of bodies.

    A body has at most `longest` bytes (2,000 reports with 4,000 characters of callback data each
    have 9.3 million), and comes in `read_seconds`. Of those with more than `short` bytes at most
    `places` are held at a time; another one waits `place_seconds` for a place.
    """

    longest: int = 16 * 1024 * 1024
    short: int = 64 * 1024
    places: int = 2
    read_seconds: float = 30.0
    place_seconds: float = 15.0


class TooLong(Exception):
    """A body has more than `longest` bytes."""


class TooSlow(Exception):
    """A body did not come in `read_seconds`."""


class NoPlace(Exception):
    """A long body found no place in `place_seconds`."""


class Requests:
    """The places of long bodies, for one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.places)

    @asynccontextmanager
    async def body_of(self, request: Request) -> AsyncIterator[bytes | memoryview]:
        """Give the body of a request; a place that the body needs is held within the block.

        Raises:
            TooLong: the body is too long; by the header field before anything is read (413).
            TooSlow: the body did not come in time (408).
            NoPlace: other long bodies have all places (503).
            ClientDisconnect: the sender went away.
        """
        if _told_length(request) > self._limits.longest:
            raise TooLong
        held = asyncio.Event()
        try:
            try:
                async with asyncio.timeout(self._limits.read_seconds):
                    body = await self._read(request, held)
            except TimeoutError:
                raise TooSlow from None
            yield body
        finally:
            if held.is_set():
                self._places.release()

    async def _read(self, request: Request, held: asyncio.Event) -> bytes | memoryview:
        limits = self._limits
        short = bytearray()
        long: mmap.mmap | None = None
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > limits.longest:
                raise TooLong
            if size > limits.short and long is None:
                await self._take_place(held)
                # Memory of its own: it grows by what is written, and goes back to the system.
                long = mmap.mmap(-1, limits.longest)
                long.write(short)
            if long is None:
                short += piece
            else:
                long.write(piece)
        return bytes(short) if long is None else memoryview(long)[:size]

    async def _take_place(self, held: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._limits.place_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise NoPlace from None
        held.set()


def _told_length(request: Request) -> int:
    """Return the length that the header fields tell, 0 for none: the parser refuses a wrong one."""
    told = request.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdecimal() else 0
