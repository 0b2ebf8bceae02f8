"""The parts of a run that all workers share: the ports, the rules, and the crew.

Values and counters only: `sender` and `link` act upon these.

Tests: tests/delivery/test_sender.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mailbatch.delivery.fitting import Fitting
from mailbatch.delivery.gate import OPEN, Gate
from mailbatch.delivery.limits import Limits
from mailbatch.delivery.options import Progress
from mailbatch.delivery.pace import Pace
from mailbatch.delivery.retry import RetryPolicy
from mailbatch.delivery.throttle import SharedThrottle, Throttle
from mailbatch.delivery.trouble import Troubles
from mailbatch.delivery.work import Recorder, Supply
from mailbatch.frozen import frozen


@frozen
class Rules:
    """The rules of a run: when to try again, how fast, how much, and whose trouble a refusal is.

    `attended`: a person waits for the run at a terminal.
    """

    retry: RetryPolicy
    throttle: Throttle | SharedThrottle
    limits: Limits
    pace: Pace
    troubles: Troubles
    gate: Gate = OPEN
    attended: bool = False


@dataclass(slots=True)
class Crew:
    """The workers of a run, as each of them knows the others.

    `stop` ends the run, `let_in` is set once the server has let in a session, `settled()` whenever
    a worker has an outcome. `busy` counts the workers with a delivery in hand, `open_sessions` the
    sessions that are open now, `sessions` and `transactions` all of the run.
    """

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    let_in: asyncio.Event = field(default_factory=asyncio.Event)
    busy: int = 0
    sessions: int = 0
    open_sessions: int = 0
    transactions: int = 0
    # The event of those that wait; None: nobody does, by far the most of the time.
    _settled: asyncio.Event | None = None

    def settled(self) -> asyncio.Event:
        """Return an event that is set when the next worker has an outcome."""
        if self._settled is None:
            self._settled = asyncio.Event()
        return self._settled

    def tell_settled(self) -> None:
        """Wake the workers that wait for another one; a wait that begins behind this goes on."""
        if self._settled is not None:
            self._settled.set()
            self._settled = None


@frozen
class Run:
    """The parts of a run that all workers share; `server` names the other end of the sessions."""

    supply: Supply
    recorder: Recorder
    fitting: Fitting
    rules: Rules
    crew: Crew
    progress: Progress
    clock: Callable[[], float]
    server: str = ""
