"""The gate of a run: `server.window`, `cap` and `warmup`, which let a transaction begin or do not.

    gate.enter(3)          # before MAIL: False holds the run
    gate.may_commit()      # before the last bytes of a content: False where the window has closed
    gate.leave(3, 2)       # behind the outcomes

A gate that holds a run says until when (`held`); the run ends then, and a later run, or the same
with `--wait`, goes on. The gate of a job without these keys costs nothing. This module must
never wait for the opening, nor read a ledger.

Tests: tests/certainty/test_window.py, tests/certainty/test_cap.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from mailbatch.delivery.allowance import Allowance
from mailbatch.delivery.daily import Daily
from mailbatch.delivery.hours import Hours
from mailbatch.errors import MailbatchError, UsageError
from mailbatch.frozen import frozen

#: Before the closing of a window: the record of a commit point takes a moment. Seconds.
CLOSING = 1.0
#: A clock may be set, or the machine may sleep: the window is looked at so often. Seconds.
_LOOK = 15.0


@frozen
class Held:
    """The hold of a run `by` a key of `server`, `until` an instant (seconds, epoch)."""

    by: str
    until: float
    why: str


class Shared(Protocol):
    """A daily number that workers share."""

    @property
    def held(self) -> Held | None:
        """The hold of all workers, None while there is none."""


class Gate:
    """The gate of one run; with a `shared` number the claims let through what may be sent."""

    __slots__ = ("_allowance", "_clock", "_held", "_hours", "_shared", "failure", "is_limited")

    def __init__(
        self,
        hours: Hours | None,
        allowance: Allowance | None,
        clock: Callable[[], float],
        *,
        held: Held | None = None,
        shared: Shared | None = None,
    ) -> None:
        self._hours = hours
        self._allowance = allowance
        self._clock = clock
        self._held = held
        self._shared = shared
        #: The failure that ends the run: a message that the cap will never let through.
        self.failure: MailbatchError | None = None
        #: Whether anything can hold the run.
        self.is_limited = hours is not None or allowance is not None

    @property
    def held(self) -> Held | None:
        """The hold of the run, None while there is none."""
        shared = None if self._shared is None else self._shared.held
        if self._held is not None or shared is None:
            return self._held
        return replace(shared, until=self._open_at(shared.until))

    @property
    def left(self) -> int | None:
        """The number of recipients that cap and warm-up leave now; None without both."""
        return None if self._allowance is None else self._allowance.left

    def look(self) -> Held | None:
        """Return what holds the run now, before anything of the run begins."""
        if not self.may_commit():
            return self.held
        if self._allowance is not None and not self._allowance.left:
            self._hold_by_number(1)
        return self.held

    def waits(self, recipients: int) -> bool:
        """Say whether the outcomes of transactions under way decide if one more may begin.

        Such a transaction may be refused, and leaves its part of the cap to the next one.
        """
        return self._allowance is not None and self._allowance.waits(recipients)

    def enter(self, recipients: int) -> bool:
        """Let a transaction begin; False where the run is held from now on."""
        if not self.is_limited:
            return True
        if self._held is not None or not self.may_commit():
            return False
        if self._allowance is None or self._allowance.take(recipients):
            return True
        self._hold_by_number(recipients)
        return False

    def may_commit(self) -> bool:
        """Say whether the last bytes of a content may leave now: the window is open."""
        hours, now = self._hours, self._clock()
        if hours is None or (hours.is_open(now) and hours.is_open(now + CLOSING)):
            return True
        opens = hours.opens_at(now + CLOSING)
        self._held = self._held or Held(
            "window", opens, f"the window is closed until {hours.there(opens)}"
        )
        return False

    def leave(self, taken: int, counted: int) -> None:
        """Count the recipients of a transaction that were accepted or are in doubt."""
        if self._allowance is not None:
            self._allowance.settle(taken, counted)

    async def close_in_time(self, stop: asyncio.Event) -> None:
        """Set `stop` as soon as the window closes; never done without a window."""
        while self.may_commit():
            now = self._clock()
            closes = None if self._hours is None else self._hours.change_after(now)
            left = _LOOK if closes is None else min(_LOOK, closes - CLOSING - now)
            await asyncio.sleep(max(0.0, left) + 0.001)
        stop.set()

    def _hold_by_number(self, recipients: int) -> None:
        allowance = self._allowance
        if allowance is None:
            return
        daily = allowance.daily
        if recipients > daily.highest:
            self.failure = beyond(daily, recipients)
            return
        now, free = self._clock(), self._open_at(allowance.free_at(recipients))
        self._held = self._held or Held(daily.bound_by(now), free, daily.words(now))

    def _open_at(self, instant: float) -> float:
        """Return the first instant from this one on at which the window is open."""
        return instant if self._hours is None else self._hours.opens_at(instant)


def beyond(daily: Daily, recipients: int) -> UsageError:
    """Return the refusal of a message that no day lets through."""
    return UsageError(
        f"a message with its copies has {recipients:,} recipients, and {daily.key}.cap "
        f"lets {daily.highest:,} through in 24 hours",
        hint=f"raise {daily.key}.cap, or send fewer copies",
    )


#: The gate of a run that nothing bounds.
OPEN = Gate(None, None, time.time)
