"""What the workers of one run share: the ledger, the lots, the policies, and how to stop.

Values and counters only: what is done with them stands in `sender` and `prepared`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mailbatch.delivery.ahead import Ahead
from mailbatch.delivery.limits import Limits
from mailbatch.delivery.lots import Lots
from mailbatch.delivery.options import Progress
from mailbatch.delivery.pace import Pace
from mailbatch.delivery.recording import Recording
from mailbatch.delivery.retry import RetryPolicy
from mailbatch.delivery.throttle import Throttle
from mailbatch.delivery.trouble import Troubles
from mailbatch.ledger.store import Ledger
from mailbatch.render.composer import Composer


@dataclass(slots=True)
class Run:
    """What the workers of one run share.

    `ahead` composes in a process of its own, where there is one. `let_in` is set once the server
    has let in a session, `settled` whenever a worker has come to something. `redirected`: all goes
    to a test address, so that no envelope is cut. `copied` are copies that had a transaction for
    themselves, with their deliveries. `sessions` counts all sessions, `open_sessions` those open.
    """

    ledger: Ledger
    recording: Recording
    lots: Lots
    composer: Composer
    policy: RetryPolicy
    throttle: Throttle
    limits: Limits
    pace: Pace
    troubles: Troubles
    progress: Progress
    clock: Callable[[], float]
    stop: asyncio.Event
    settled: asyncio.Event
    let_in: asyncio.Event
    ahead: Ahead | None = None
    accept_changes: bool = False
    attended: bool = False
    server: str = ""
    busy: int = 0
    sessions: int = 0
    open_sessions: int = 0
    redirected: bool = False
    copied: set[tuple[int, str]] = field(default_factory=set)
    transactions: int = 0

    def tell_settled(self) -> None:
        """Wake whoever waits for another worker, and nobody who begins to wait behind that."""
        settled, self.settled = self.settled, asyncio.Event()
        settled.set()
