"""`server.rate`: a token bucket over all sessions of a run.

A token is a recipient. The bucket holds one second's worth, so that a run never starts with a
burst; a transaction of many recipients may overdraw it and the next one waits until the debt is
paid, which keeps the mean exact whatever the size of the groups. A rate that workers on several
machines share has its turns elsewhere (`SharedThrottle`). Knows no SMTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Throttle:
    """Let recipients through at `rate` per second; None lets everything through."""

    def __init__(self, rate: float | None, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._capacity = max(1.0, rate) if rate is not None else 0.0
        self._tokens = min(1.0, self._capacity)
        self._filled_at = clock()

    #: Whether a turn is lost that is not used in time: tokens are as good later.
    passes = False

    @property
    def is_open(self) -> bool:
        """Whether no transaction ever has to wait."""
        return self._rate is None

    def delay(self, recipients: int) -> float:
        """Take `recipients` tokens and return the wait before their use, in seconds."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        wait = max(0.0, (1.0 - self._tokens) / self._rate) if self._tokens < 1.0 else 0.0
        self._tokens -= recipients
        return wait


class Turns(Protocol):
    """The turns of a rate that is shared with other processes."""

    def take(self, recipients: int) -> Awaitable[float]:
        """Take turns for so many recipients; the answer is the wait before these, in seconds.

        Below 0.0 the turns have passed already.
        """


class SharedThrottle:
    """Let recipients through by turns that other processes take, too.

    A turn that is used late comes together with the turns of others behind it.
    """

    is_open = False
    passes = True

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def delay(self, recipients: int) -> Awaitable[float]:
        """Take turns for `recipients`; the answer is the wait before their use, in seconds.

        Below 0.0 the turns have passed already.

        Raises:
            LedgerError: no turn can be had.
        """
        return self._turns.take(recipients)
