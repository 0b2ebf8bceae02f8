"""Polling for replies that come in no time, in place of sleeping for them.

A server on this machine, or in the same rack, answers in tens of microseconds; an event loop that
goes to sleep meanwhile takes longer to wake up than the reply takes, and more of the processor,
since it finds its caches cold. So the loop looks again and again for a moment before it sleeps,
as long as that pays: replies that take longer are slept for, and tried again ever more rarely.
It must never keep anything from running: it only asks to be called again behind it. Of the event
loop it knows `call_soon` and a clock.
"""

from __future__ import annotations

from collections.abc import Callable

#: The longest time that one wait is polled for, in seconds: replies that come within it are worth
#: staying awake for.
LONGEST_POLL = 200e-6
#: So many waits in a row are slept through, at most, before staying awake is tried again.
_MOST_SLEPT = 1023


class Polling:
    """What the sessions of a run know of how soon their replies come."""

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]
    ) -> None:
        self._call_soon = call_soon
        self._clock = clock
        self._until = 0.0
        self._looking = False
        self._sleep = 0
        self._slept = 0

    def begin(self) -> tuple[float, bool]:
        """Begin to wait for a reply; returns for `end` when that was, and whether awake."""
        now = self._clock()
        if self._sleep:
            self._sleep -= 1
            return now, False
        self._until = now + LONGEST_POLL
        if not self._looking:
            self._looking = True
            self._call_soon(self._look)
        return now, True

    def end(self, began: tuple[float, bool]) -> None:
        """Note that the reply is here; `began` is what `begin` returned."""
        then, awake = began
        if self._clock() - then <= LONGEST_POLL:
            self._sleep = self._slept = 0
        elif awake:
            self._sleep = self._slept = min(2 * self._slept + 1, _MOST_SLEPT)

    def _look(self) -> None:
        if self._clock() < self._until:
            self._call_soon(self._look)
        else:
            self._looking = False
