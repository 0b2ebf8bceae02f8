"""The answer of a far ledger that is waited for: one call at a time.

    answers = Answers(ask_next)
    answers.wait_for(call())   # ask_next is called behind the answer, and may call again
    await answers.all()

A call that hangs can be ended: a run that is stopped at once does not wait for ever. This module
must never know the meaning of a call.

Tests: tests/delivery/test_recording_far.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

#: A run that ends at once waits so many seconds for the last answers of a far ledger.
LAST_ANSWERS = 1.0


class Answers:
    """The call that a far ledger has not answered yet, `due`; None without one.

    `behind` is called behind each answer, with True where the call was cancelled.
    """

    __slots__ = ("_behind", "due")

    def __init__(self, behind: Callable[[bool], None]) -> None:
        self.due: asyncio.Task[None] | None = None
        self._behind = behind

    def wait_for(self, call: Coroutine[object, object, None]) -> None:
        """Have a call under way; no other one may be due."""
        self.due = asyncio.ensure_future(call)
        self.due.add_done_callback(self._answered)

    def _answered(self, call: asyncio.Task[None]) -> None:
        self.due = None
        self._behind(call.cancelled())

    async def all(self) -> None:
        """Wait until no answer is due, of calls that begin meanwhile neither."""
        while self.due is not None:
            await asyncio.wait({self.due})

    async def end(self, *, at_once: bool) -> None:
        """Wait as `all`; `at_once`: for `LAST_ANSWERS` seconds at most, then cancel the call."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWERS if at_once else None):
                await self.all()
        if self.due is not None:
            self.due.cancel()
            await asyncio.wait({self.due}, timeout=LAST_ANSWERS)
