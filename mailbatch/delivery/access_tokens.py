"""Access tokens for XOAUTH2: another one for each session, and once more after a refusal.

A token is good for about an hour, and a mailing may take longer. The secret of the job is asked
again wherever a session is opened, not in the event loop: a command may take its time. Where the
password stays (`Server.renew` is None) nothing is asked, and nothing is offered twice.

Tests: tests/session/test_tokens.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from mailbatch.errors import AuthenticationError, JobError, TokenUnavailable
from mailbatch.outcome import Reply
from mailbatch.smtp.server import Server

T = TypeVar("T")
#: The reply to wrong credentials (RFC 4954 6), and so to a token that has expired.
_INVALID = 535


class Tokens:
    """The access tokens of a run; the first session gets the token that `server` has already."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._is_new = True

    async def open(self, open_session: Callable[[Server], Awaitable[T]]) -> T:
        """Open a session with a token of its own; behind a 535 once more, with another token.

        A token that was refused is never offered again.

        Raises:
            TokenUnavailable: there is no token for this session; the first session has one already.
            SessionError: as `open_session` does.
        """
        is_first, self._is_new = self._is_new, False
        server = self._server if is_first else await self._renewed(self._server)
        try:
            return await open_session(server)
        except AuthenticationError as error:
            if server.renew is None or not _is_invalid(error):
                raise
            another = await self._renewed(server)
            if another.password == server.password:
                raise
        return await open_session(another)

    async def _renewed(self, server: Server) -> Server:
        if server.renew is None:
            return server
        try:
            return replace(server, password=await _aside(server.renew))
        except JobError as error:
            text = f"no access token for another session: {error}"
            raise TokenUnavailable(text, hint=error.hint) from None


def _is_invalid(error: AuthenticationError) -> bool:
    return isinstance(error.reply, Reply) and error.reply.code == _INVALID


async def _aside(function: Callable[[], T]) -> T:
    """Call a blocking function in a thread that the end of the process does not wait for.

    A run that was stopped must not hang on a command that does not end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody wants to know any more
            loop.call_soon_threadsafe(lambda: None if future.done() else settle())

    def work() -> None:
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            tell(partial(future.set_exception, error))
        else:
            tell(partial(future.set_result, result))

    threading.Thread(target=work, name="token", daemon=True).start()
    return await future
