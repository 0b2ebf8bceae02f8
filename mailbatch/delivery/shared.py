"""What the workers of one run share: the ledger, the lots, the policies, and how to stop.

Values and counters only: what is done with them stands in `sender` and `prepared`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mailbatch.delivery.ahead import Ahead
from mailbatch.delivery.lots import Lots
from mailbatch.delivery.options import Progress
from mailbatch.delivery.recording import Recording
from mailbatch.delivery.retry import RetryPolicy
from mailbatch.delivery.throttle import Throttle
from mailbatch.ledger.store import Ledger
from mailbatch.render.composer import Composer


@dataclass(slots=True)
class Run:
    """What the workers of one run share.

    `ahead` composes in a process of its own, where there is one.
    """

    ledger: Ledger
    recording: Recording
    lots: Lots
    composer: Composer
    policy: RetryPolicy
    throttle: Throttle
    progress: Progress
    clock: Callable[[], float]
    stop: asyncio.Event
    settled: asyncio.Event
    ahead: Ahead | None = None
    accept_changes: bool = False
    attended: bool = False
    server: str = ""
    transactions_per_session: int = 0
    busy: int = 0
    sessions: int = 0
    transactions: int = 0
