"""A raw line to a sandbox, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from mailbatch.sandbox.server import Sandbox


class Line:
    """A raw client: bytes out, whole replies in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        """Read one reply of one or more lines."""
        text = ""
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 10)).decode()
            text += line
            if not line or line[3:4] != "-":
                return text

    async def say(self, text: str | bytes, replies: int = 1) -> list[str]:
        """Write everything at once, then read that many replies."""
        self.writer.write(text.encode() if isinstance(text, str) else text)
        return [await self.reply() for _ in range(replies)]

    async def ask(self, text: str | bytes) -> str:
        """One command, one reply."""
        return (await self.say(text))[0]


@pytest.fixture(params=["asyncio", "uvloop"])
def converse(request):
    """Run a coroutine function with a started sandbox and a raw line to it, past the banner."""

    def run(fact: Callable[[Sandbox, Line], Awaitable[None]], **options) -> None:
        async def whole() -> None:
            async with await Sandbox.start(**options) as sandbox:
                reader, writer = await asyncio.open_connection(sandbox.host, sandbox.port)
                line = Line(reader, writer)
                assert await line.reply() == (
                    "220 smtp.email-messaging.com ESMTP mailbatch sandbox\r\n"
                )
                try:
                    await fact(sandbox, line)
                finally:
                    writer.close()

        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(whole())

    return run
