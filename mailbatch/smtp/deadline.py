"""A deadline that is moved often and passes rarely.

One timer is kept and moved lazily: a timer per reply would cost more than the reply itself. Only
the clock and the timers of an event loop are used here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None:
        """Call the timer off."""

    def when(self) -> float:
        """Return the time at which the timer goes off, in seconds of the clock of the loop."""


class Clock(Protocol):
    """The part of an event loop that a deadline uses."""

    def time(self) -> float:
        """Return the monotonic time in seconds."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call `callback` at a time, in seconds of the same clock."""


class Deadline:
    """A call of `expired`, made once, unless the deadline is moved or cleared before.

    One reply after the other, each within five minutes:

        deadline = Deadline(loop, expired)
        deadline.set(300.0)
        deadline.set(300.0)     # the next reply: no new timer
        deadline.clear()        # nothing is owed
    """

    def __init__(self, clock: Clock, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._at: float | None = None
        self._timer: Timer | None = None

    @property
    def armed(self) -> bool:
        """Whether there is a deadline."""
        return self._at is not None

    def set(self, seconds: float) -> None:
        """Move the deadline to `seconds` from now."""
        at = self._at = self._clock.time() + seconds
        if self._timer is None:
            self._timer = self._clock.call_at(at, self._look)
        elif self._timer.when() > at:
            self._timer.cancel()
            self._timer = self._clock.call_at(at, self._look)

    def clear(self) -> None:
        """Have no deadline; the timer may still go off and finds nothing to do."""
        self._at = None

    def close(self) -> None:
        """Have no deadline and no timer any more."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._at is None:
            return
        if self._clock.time() < self._at:
            self._timer = self._clock.call_at(self._at, self._look)
            return
        self._at = None
        self._expired()
