"""Signals of a run: the first finishes what is open, the second stops at once, no other is heard.

SIGINT, SIGTERM and SIGHUP alike. Before the first message (planning is one SQL transaction) a
signal raises `Interrupted` and nothing has changed; from then on `Stopping` receives signals, in
the event loop and around the loop, without a moment in which a signal would have its default
effect.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import asyncio

#: The signals that ask a run to stop.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class _BySignal(BaseException):
    """`signum` is the number of the signal."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Interrupted(_BySignal):
    """A signal asked to stop."""


class StoppedAtOnce(_BySignal):
    """A second signal came."""


@contextmanager
def raising() -> Iterator[None]:
    """Raise `Interrupted` for the signals of a run within the block (main thread only)."""

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        raise Interrupted(signum)

    before = _receive_by(interrupt)
    try:
        yield
    finally:
        _restore(before)


class Stopping:
    """A context manager that hears the first signal, and stops at once at the second.

    In an event loop, between `install` and `remove`, each calls the function that was given, the
    second with its number. Around the loop the first signal is only noted and the second one raises
    `Interrupted`, but not within `in_loop`. `signum` is the number of the first signal, None
    before.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._twice = False
        self._patient = False
        self._second: int | None = None  # that came while the loop was made or put away
        # That came to the loop, and were not told by the loop yet.
        self._came: list[int] = []
        self._before: dict[int, Any] = {}
        self._finish: Callable[[], None] | None = None
        self._at_once: Callable[[int], None] | None = None

    def __enter__(self) -> Self:
        self._before = _receive_by(self._outside)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Behind the second signal the process is about to end, and no other one may disturb that:
        # not even when the interpreter puts its own functions away.
        _restore(dict.fromkeys(self._before, signal.SIG_IGN) if self._twice else self._before)

    @contextmanager
    def in_loop(self) -> Iterator[None]:
        """Disturb nothing of an event loop that is made, run and put away within the block.

        An event loop cannot be closed where an exception comes in between. A second signal outside
        of `install` and `remove` raises `Interrupted` behind the block.
        """
        self._patient = True
        try:
            yield
        finally:
            self._patient = False
        if self._second is not None:
            raise Interrupted(self._second)

    def install(
        self,
        loop: asyncio.AbstractEventLoop,
        finish: Callable[[], None],
        at_once: Callable[[int], None],
    ) -> None:
        """Receive the signals in `loop`, where the platform and the thread allow it."""
        self._finish, self._at_once = finish, at_once
        for signum in SIGNALS:
            try:
                loop.add_signal_handler(signum, self._inside, signum)
                self._note(signum)
            except (NotImplementedError, RuntimeError, ValueError):
                self._patient = False  # nobody else would hear the second one
                return
        if self.signum is not None:
            finish()
        if self._second is not None:
            at_once(self._second)

    def _note(self, signum: int) -> None:
        """Note a signal besides the loop: the loop may end before it tells."""
        tell = signal.getsignal(signum)

        def note(number: int, frame: FrameType | None) -> None:
            self._came.append(number)
            if callable(tell):
                tell(number, frame)

        signal.signal(signum, note)
        signal.siginterrupt(signum, False)

    def remove(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the signals back from `loop`, with those that the loop did not tell any more."""
        self._take_back(loop)
        untold, self._came = self._came, []
        for signum in untold:
            self._outside(signum, None)

    def _take_back(self, loop: asyncio.AbstractEventLoop) -> None:
        with _held_back():
            for signum in SIGNALS:
                try:
                    loop.remove_signal_handler(signum)
                    if self._before:
                        signal.signal(signum, self._outside)
                except (NotImplementedError, RuntimeError, ValueError):
                    return

    def _inside(self, signum: int) -> None:
        if signum not in self._came:
            return  # it came before the loop was ready, and was heard around the loop
        self._came.remove(signum)
        if self.signum is None:
            self.signum = signum
            if self._finish is not None:
                self._finish()
        elif not self._twice:
            self._twice = True
            if self._at_once is not None:
                self._at_once(signum)

    def _outside(self, signum: int, _frame: FrameType | None) -> None:
        if self.signum is None:
            self.signum = signum
        elif not self._twice:
            self._twice = True
            if not self._patient:
                raise Interrupted(signum)
            self._second = signum


def ignore() -> None:
    """Hear no signal any more: for a process that was told to stop and has only to end."""
    _restore(dict.fromkeys(SIGNALS, signal.SIG_IGN))


def _receive_by(receive: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Receive the signals; return the receivers before, none where a program owns the signals."""
    try:
        return {signum: signal.signal(signum, receive) for signum in SIGNALS}
    except ValueError:  # not the main thread: whoever embeds the run owns the signals
        return {}


def _restore(before: dict[int, Any]) -> None:
    for signum, disposition in before.items():
        signal.signal(signum, disposition)


@contextmanager
def _held_back() -> Iterator[None]:
    """Keep signals waiting within the block, where the platform can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
