"""The pace of a run: full speed, or a wait before each transaction where the server asks for that.

One for all sessions. While the pace is slow one transaction at a time tries the server; each one
that is refused doubles the wait, and the first that is accepted ends the slow pace. This module
must never count an attempt, and reads no reply.

Tests: tests/delivery/test_trouble.py.
"""

from __future__ import annotations

from collections.abc import Callable

from mailbatch.delivery.retry import RetryPolicy


class Pace:
    """How long the next transaction has to wait; times are those of `clock`, in seconds."""

    __slots__ = ("_clock", "_policy", "_refused", "_resume_at", "_since", "_trier")

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._refused = 0
        self._since = 0.0
        self._resume_at = 0.0
        # The worker whose transaction tries the server.
        self._trier: object | None = None

    @property
    def is_slow(self) -> bool:
        """Whether transactions have to wait."""
        return self._refused > 0

    @property
    def resume_at(self) -> float:
        """When the next transaction may begin; in the past while nothing has to wait."""
        return self._resume_at

    def enter(self, worker: object) -> bool:
        """Let the transaction of `worker` try the server; False where another one does."""
        if self._trier is not None:
            return False
        self._trier = worker
        return True

    def leave(self, worker: object) -> None:
        """Let another transaction try the server; without effect where this worker did not."""
        if self._trier is worker:
            self._trier = None

    def slow(
        self, *, begun: float, seconds: float | None = None, until: float | None = None
    ) -> bool:
        """Wait before the next transaction, since one that began at `begun` was told to.

        At least so many `seconds`, or `until` a moment, where the server names them. False where
        that would be later than `retry.give_up_after` behind the first of these waits.
        """
        now = self._clock()
        if not self.is_slow:
            self._since = now
        elif begun < self._resume_at and seconds is None and until is None:
            return True  # it was under way when the first one was refused
        self._refused += 1
        wait = max(self._policy.wait_before(self._refused), seconds or 0.0)
        self._resume_at = max(self._resume_at, now + wait, until or 0.0)
        return self._resume_at <= self._since + self._policy.give_up_after

    def relieve(self) -> None:
        """Go on at full speed: a transaction was accepted."""
        self._refused = 0
        self._resume_at = 0.0
