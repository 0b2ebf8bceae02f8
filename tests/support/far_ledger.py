"""A far ledger: the leases and records of a near one, each answered some turns later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from mailbatch.envelope import Delivery
from mailbatch.ledger.ports import (
    CommitPoint,
    Leases,
    OpenLedger,
    Records,
    Settlement,
    Suspicion,
    near,
)
from mailbatch.outcome import Reply

T = TypeVar("T")
#: So many turns of the event loop pass before each answer.
TURNS = 3


async def _later(call: Callable[[], T]) -> T:
    for _ in range(TURNS):
        await asyncio.sleep(0)
    return call()


class FarLeases:
    """`Leases` behind a network."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    def lease(
        self, count: int, *, now: float, address: str | None = None, most: int | None = None
    ) -> Awaitable[list[Delivery]]:
        return _later(lambda: near(self._leases.lease(count, now=now, address=address, most=most)))

    def next_due(self, addresses: Sequence[str] = ()) -> float | None:
        return self._leases.next_due(addresses)


class FarRecords:
    """`Records` behind a network; `calls` are the numbers of outcomes and commit points of each.

    A second call before the answer of the first is an error of the caller.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self.calls: list[tuple[int, int]] = []
        self.under_way = 0

    def _one_at_a_time(self, call: Callable[[], T]) -> Awaitable[T]:
        assert not self.under_way, "one call at a time"
        self.under_way += 1

        def answered() -> T:
            self.under_way -= 1
            return call()

        return _later(answered)

    def record(
        self,
        settlements: Sequence[Settlement],
        points: Sequence[CommitPoint],
        suspicion: Suspicion | None = None,
    ) -> Awaitable[None]:
        self.calls.append((len(settlements), len(points)))
        return self._one_at_a_time(
            lambda: near(self._records.record(settlements, points, suspicion))
        )

    def invalidate(self, delivery_id: int, reason: str, *, now: float) -> Awaitable[None]:
        return self._one_at_a_time(
            lambda: near(self._records.invalidate(delivery_id, reason, now=now))
        )

    def leave(self, delivery_ids: Iterable[int]) -> None:
        """Keep no note of deliveries."""
        self._records.leave(delivery_ids)

    def release(self, delivery_ids: Iterable[int]) -> Awaitable[None]:
        ids = list(delivery_ids)
        return self._one_at_a_time(lambda: near(self._records.release(ids)))

    def give_back(self, since: float, reply: Reply) -> Awaitable[int]:
        return self._one_at_a_time(lambda: near(self._records.give_back(since, reply)))


class FarLedger:
    """An open ledger whose leases and records are far."""

    def __init__(self, ledger: OpenLedger) -> None:
        self._ledger = ledger
        self.leases = FarLeases(ledger.leases)
        self.records = FarRecords(ledger.records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)
