"""Polling for replies that come in no time, in place of sleeping.

A server on this machine, or in the same rack, answers in tens of microseconds; an event loop that
goes to sleep meanwhile takes longer to wake up than the reply takes, and more of the processor,
since the caches are cold by then. So the loop polls for a moment before going to sleep, as long as
that pays: slower replies are slept for, and polled for ever more rarely. Replies to different
commands are known apart: those behind a large content are slow where all others are quick. Polling
must never keep anything from running: each look at the clock is queued behind all other work. The
event loop is known by `call_soon` alone.
"""

from __future__ import annotations

from collections.abc import Callable

#: The longest time that one wait is polled for, in seconds: replies that come within it are worth
#: staying awake for.
LONGEST_POLL = 200e-6
#: So many waits in a row are slept through, at most, before staying awake is tried again.
_MOST_SLEPT = 1023


class _Pause:
    """How many waits for a kind of reply are still slept through, and of how many."""

    __slots__ = ("sleep", "slept")

    def __init__(self) -> None:
        self.sleep = self.slept = 0


class Polling:
    """The polling of the sessions of a run.

    `call_soon` is that of the event loop, `clock` counts seconds.

        began = polling.begin("DATA")     # a reply is awaited
        await reply
        polling.end(began)          # late replies are slept for from now on
    """

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]
    ) -> None:
        self._call_soon = call_soon
        self._clock = clock
        self._until = 0.0
        self._looking = False
        self._pauses: dict[str, _Pause] = {}

    def begin(self, awaited: str) -> tuple[float, bool, _Pause]:
        """Begin to wait for a reply of a kind; return what `end` wants to know.

        These are the time, whether the loop polls, and the pause of that kind.
        """
        now = self._clock()
        pause = self._pauses.get(awaited)
        if pause is None:
            pause = self._pauses[awaited] = _Pause()
        if pause.sleep:
            pause.sleep -= 1
            return now, False, pause
        self._until = now + LONGEST_POLL
        if not self._looking:
            self._looking = True
            self._call_soon(self._look)
        return now, True, pause

    def end(self, began: tuple[float, bool, _Pause]) -> None:
        """Note that the reply has come; `began` is the value that `begin` returned."""
        then, awake, pause = began
        if self._clock() - then <= LONGEST_POLL:
            pause.sleep = pause.slept = 0
        elif awake:
            pause.sleep = pause.slept = min(2 * pause.slept + 1, _MOST_SLEPT)

    def _look(self) -> None:
        if self._clock() < self._until:
            self._call_soon(self._look)
        else:
            self._looking = False
