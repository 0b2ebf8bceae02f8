"""Signals of a run: the first finishes what is open, the second stops at once.

SIGINT, SIGTERM and SIGHUP alike. Before the event loop runs (planning is one SQL transaction), a
signal raises `Interrupted` and nothing has changed. In the loop the first one sets `stop`. Behind
the loop the first one changes nothing: the results are being written.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: What asks a run to stop.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupted(BaseException):
    """A signal asked to stop; `signum` is its number."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


@contextmanager
def raising() -> Iterator[None]:
    """Raise `Interrupted` for the signals of a run within the block (main thread only)."""

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        raise Interrupted(signum)

    with _received_by(interrupt):
        yield


@contextmanager
def finishing(*, heard: bool) -> Iterator[None]:
    """Let a first signal pass within the block, and raise `Interrupted` for the second.

    `heard` says that the first one has come before.
    """
    left = 0 if heard else 1

    def receive(signum: int, _frame: FrameType | None) -> None:
        nonlocal left
        if not left:
            raise Interrupted(signum)
        left -= 1

    with _received_by(receive):
        yield


@contextmanager
def _received_by(receive: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    try:
        before = {signum: signal.signal(signum, receive) for signum in SIGNALS}
    except ValueError:  # not the main thread: whoever embeds the run owns the signals
        yield
        return
    try:
        yield
    finally:
        for signum, disposition in before.items():
            signal.signal(signum, disposition)


class Stopping:
    """Turn signals into `stop`; the second one calls `at_once` with its number."""

    def __init__(self, stop: asyncio.Event, at_once: Callable[[int], None]) -> None:
        self._stop = stop
        self._at_once = at_once
        self.signum: int | None = None
        self._twice = False

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Receive the signals in `loop`, where the platform and the thread allow it."""
        for signum in SIGNALS:
            try:
                loop.add_signal_handler(signum, self._receive, signum)
            except (NotImplementedError, RuntimeError, ValueError):
                return

    def remove(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the signals back; behind the second one no other is heard any more."""
        for signum in SIGNALS:
            try:
                loop.remove_signal_handler(signum)
                if self._twice:
                    signal.signal(signum, signal.SIG_IGN)
            except (NotImplementedError, RuntimeError, ValueError):
                return

    def _receive(self, signum: int) -> None:
        if self.signum is None:
            self.signum = signum
            self._stop.set()
        elif not self._twice:
            self._twice = True
            self._at_once(signum)
