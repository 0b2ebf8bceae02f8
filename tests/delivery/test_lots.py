"""How many deliveries one synced commit covers: few while a run is slow, more while it is fast."""

import pytest

from mailbatch.delivery.lots import LARGEST_LOT, LOT, QUICK, Lots
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
