"""The supply of a run: lots of a ledger, composed ahead in another process, or here.

This module must never give out a delivery whose lease is not on the disk, nor keep the reply of a
session waiting for a message that another process still makes.

Tests: tests/delivery/test_far_ledger.py, tests/certainty/test_composing_ahead.py.
"""

from __future__ import annotations

import asyncio

from mailbatch.delivery.ahead import LONGEST_WAIT, Ahead
from mailbatch.delivery.fitting import Fitting, takes_eight_bit
from mailbatch.delivery.link import first
from mailbatch.delivery.lots import Lots
from mailbatch.delivery.transport import Offers
from mailbatch.delivery.work import Prepared, Recorder
from mailbatch.envelope import Delivery
from mailbatch.errors import PlanDifference


class ComposedLots:
    """A `Supply`: the deliveries of `lots`, each with its message.

    A delivery stays the head of the lots until the message is ready: no worker holds a delivery
    that cannot begin. `ahead` composes in another process, where there is one.
    """

    def __init__(
        self,
        lots: Lots,
        fitting: Fitting,
        recorder: Recorder,
        ahead: Ahead | None,
        stop: asyncio.Event,
    ) -> None:
        self._lots = lots
        self._fitting = fitting
        self._recorder = recorder
        self._ahead = ahead
        self._stop = stop

    def next_ready(self, offers: Offers | None) -> Prepared | None:
        """Return the next delivery whose message is ready; None where a wait would be needed.

        Before a lease, and before a message is composed here, all waiting records are made: both
        take a while. A far ledger takes longer to record than a message to compose.
        """
        lots, ahead = self._lots, self._ahead
        while True:
            if lots.is_used_up and lots.coming() is None:
                self._recorder.flush()
            delivery, composed = lots.head(), None
            if delivery is None:
                return None
            if ahead is not None:
                if not ahead.is_at_hand(delivery, eight_bit=takes_eight_bit(offers)):
                    return None
                composed = ahead.take(delivery)
            if composed is None and not lots.is_far:
                self._recorder.flush()
            lots.take()
            try:
                prepared = self._fitting.prepare(delivery, offers, composed)
            except PlanDifference:
                lots.put_back(delivery)
                raise
            if prepared is not None:
                return prepared

    async def next(self, offers: Offers | None) -> Prepared | None:
        """Wait for the next delivery; None where none is due now, or the run is stopped."""
        while True:
            prepared = self.next_ready(offers)
            if prepared is not None or self._stop.is_set():
                return prepared
            coming = self._lots.coming()
            if coming is not None:
                await first(coming, self._stop.wait())
            elif self._lots.is_used_up or self._ahead is None:
                return None
            else:
                began = self._ahead.times()
                await first(self._ahead.more(), self._stop.wait(), seconds=LONGEST_WAIT)
                self._ahead.note_wait(began)
            if self._stop.is_set():
                return None

    def put_back(self, delivery: Delivery) -> None:
        """Take back a delivery whose content has not left."""
        self._lots.put_back(delivery)

    def next_due(self) -> float | None:
        """Return when the next deferred delivery is due; None: the supply is drained."""
        return self._lots.next_due()

    async def release(self) -> None:
        """Give all leases back that were not given out, at the end of a run."""
        while (coming := self._lots.coming()) is not None:
            await coming
        await self._recorder.release([delivery.id for delivery in self._lots.rest()])
