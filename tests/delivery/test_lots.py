"""How many deliveries one synced commit covers: few while a run is slow, more while it is fast."""

import asyncio
import time

import pytest

from mailbatch.delivery.lots import EMPTY_SECONDS, LARGEST_LOT, LOT, QUICK, Lots
from mailbatch.errors import LedgerError
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.steps import NOW, open_ledger, people, plan

RECIPIENTS = 1500


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(tmp_path / "ledger") as ledger:
        plan(ledger, people(*(f"u{n}@example.net" for n in range(RECIPIENTS))))
        yield ledger


def sizes(ledger, *, seconds_a_lot):
    """The sizes of the lots of a run in which each lot lasts so long; everybody is sent to."""
    clock = Clock()
    lots = Lots(ledger.leases, clock)
    found = []
    while (delivery := lots.take()) is not None:
        rest = len(lots._leased)
        found.append(rest + 1)
        for number in range(rest + 1):
            taken = delivery if number == 0 else lots.take()
            reply = Reply(250, ("taken",))
            ledger.records.commit_point(taken.id, digest=bytes(32))
            outcome = Outcome(taken.unsettled[0], Status.ACCEPTED, reply)
            ledger.records.settle(taken.id, [outcome], now=clock.now, retry_at=None)
        clock.now += seconds_a_lot
    assert ledger.standing.counts()[Status.ACCEPTED] == RECIPIENTS
    return found


def test_a_fast_run_shares_a_commit_among_more(ledger):
    found = sizes(ledger, seconds_a_lot=QUICK / 2)
    assert found[:4] == [LOT, 2 * LOT, 4 * LOT, LARGEST_LOT]
    assert max(found) == LARGEST_LOT


def test_a_slow_run_keeps_few_in_doubt(ledger):
    assert set(sizes(ledger, seconds_a_lot=2 * QUICK)[:-1]) == {LOT}


def test_a_run_that_slows_down_leases_less_again(ledger):
    clock = Clock()
    lots = Lots(ledger.leases, clock)

    def use_up():
        size = 1 + (lots.take() is not None and len(lots._leased))
        while lots._leased:
            lots.take()
        return size

    assert [use_up(), use_up(), use_up()] == [LOT, 2 * LOT, 4 * LOT]
    clock.now += 5 * QUICK
    assert use_up() == 2 * LOT
    clock.now += 5 * QUICK
    assert use_up() == LOT
    clock.now += 5 * QUICK
    assert use_up() == LOT


def test_a_limit_is_never_passed(ledger):
    lots = Lots(ledger.leases, Clock(), limit=LOT + 5)
    taken = [lots.take() for _ in range(LOT + 6)]
    assert taken.count(None) == 1
    assert taken[-1] is None


def test_what_is_put_back_is_taken_again_within_the_limit(ledger):
    """It was not tried: it does not count, and it is the next one."""
    lots = Lots(ledger.leases, Clock(), limit=3)
    first, second, third = (lots.take() for _ in range(3))
    lots.put_back(second)
    assert lots.take() is second
    assert lots.take() is None
    lots.put_back(third)
    lots.put_back(first)
    assert [lots.take(), lots.take(), lots.take()] == [first, third, None]


def test_what_is_released_is_leased_by_the_next_run(ledger):
    """What was taken stays leased: only its outcome says what became of it."""
    lots = Lots(ledger.leases, Clock())
    taken = lots.take()
    rest = [delivery.id for delivery in lots._leased]
    assert len(rest) == LOT - 1
    ledger.records.release([delivery.id for delivery in lots.rest()])
    after = Lots(ledger.leases, Clock())
    again = [after.take().id for _ in range(LOT)]
    assert again[:-1] == rest
    assert taken.id not in again
    assert lots.rest() == []
    assert after.take().id not in [taken.id, *again]


class Far:
    """The leases of a ledger that answers later."""

    def __init__(self, ledger):
        self._leases, self.asked = ledger.leases, []

    async def lease(self, count, **wishes):
        self.asked.append(count)
        return self._leases.lease(count, **wishes)

    def next_due(self, addresses=()):
        return self._leases.next_due(addresses)


def over_far(ledger, conversation, **limits):
    """Play with lots of a far ledger, in a loop."""

    async def play():
        far = Far(ledger)
        lots = Lots(far, Clock(), **limits)
        assert lots.take() is None
        await lots.coming()
        await conversation(lots, far)

    asyncio.run(play())


async def take(lots, count):
    """So many deliveries, with the answers that are waited for meanwhile."""
    for _ in range(count):
        assert lots.take() is not None
    if lots.coming() is not None:
        await lots.coming()


def test_the_next_lot_of_a_far_ledger_is_there_before_it_is_needed(ledger):
    async def conversation(lots, far):
        await take(lots, LOT // 2)
        assert far.asked == [LOT]
        await take(lots, 1)
        assert far.asked == [LOT, 2 * LOT]
        assert len(lots._leased) == LOT // 2 - 1 + 2 * LOT
        ids = [lots.take().id for _ in range(3)]
        assert ids == sorted(ids)

    over_far(ledger, conversation)


@pytest.mark.parametrize(
    "limits",
    [{"limit": 2 * LOT}, {"left": lambda: 2 * LOT}, {"only": ["u1@example.net"]}],
    ids=["limit", "cap", "only"],
)
def test_a_run_with_a_number_leases_nothing_ahead(ledger, limits):
    async def conversation(lots, far):
        asked = len(far.asked)
        while lots._leased:
            assert lots.take() is not None
            assert len(far.asked) == asked

    over_far(ledger, conversation, **limits)


def test_what_a_guard_allows_leases_nothing_ahead(ledger):
    async def conversation(lots, far):
        lots.allow(LOT)
        while lots._leased:
            assert lots.take() is not None
        assert far.asked == [LOT]

    over_far(ledger, conversation)


def test_behind_a_lot_that_is_not_full_none_is_leased_ahead(tmp_path):
    with open_ledger(tmp_path / "few") as ledger:
        plan(ledger, people(*(f"u{n}@example.net" for n in range(LOT + 4))))

        async def conversation(lots, far):
            await take(lots, LOT // 2 + 1)
            await take(lots, LOT // 2 + 3)
            assert far.asked == [LOT, 2 * LOT]
            assert lots.is_used_up
            assert lots.take() is None
            await lots.coming()
            assert lots.take() is None
            assert len(far.asked) == 3

        over_far(ledger, conversation)


def test_an_empty_answer_is_that_to_every_session_for_a_moment(monkeypatch, ledger):
    async def conversation(lots, far):
        async def answers_nothing(count, **wishes):
            far.asked.append(count)
            return []

        far.lease = answers_nothing
        while lots._leased:
            await take(lots, 1)
        asked = len(far.asked)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + EMPTY_SECONDS / 2)
        assert lots.take() is None
        assert lots.coming() is None
        assert len(far.asked) == asked
        monkeypatch.setattr(time, "monotonic", lambda: now + 2 * EMPTY_SECONDS)
        assert lots.take() is None
        await lots.coming()
        assert len(far.asked) == asked + 1

    over_far(ledger, conversation)


def test_a_failure_ahead_ends_the_run_before_the_rest_of_the_lot(ledger):
    async def conversation(lots, far):
        async def refuse(count, **wishes):
            raise LedgerError("gone")

        far.lease = refuse
        await take(lots, LOT // 2 + 1)
        with pytest.raises(LedgerError):
            lots.take()
        assert len(lots.rest()) == LOT // 2 - 1

    over_far(ledger, conversation)
