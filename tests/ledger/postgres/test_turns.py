"""The turns of a rate that workers share: each recipient has an instant of its own."""

import asyncio
import itertools

import pytest

pytest.importorskip("asyncpg")

from mailbatch.errors import LedgerError
from mailbatch.ledger.postgres import link
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.turns import LATE, Turns, _FarClock
from tests.ledger.postgres.test_opening import began, opened

#: So far from now that no machine is busy for so long.
FAR = 1000.0
#: The seconds from one of 10 turns a second to the next: all of a second and of a tolerance are 10.
APART = (1.0 + LATE + 0.002) / 10


@pytest.fixture
def turns(cluster, place):
    """Return two workers' turns of a mailing whose next turn is far away, at 10 a second."""
    began(place)
    cluster.execute(
        f"UPDATE {place.schema}.mailing SET rate = 10,"  # noqa: S608
        f" next_slot = clock_timestamp() + interval '{FAR} s'"
    )
    links = [Link(place), Link(place)]
    made = [Turns(each) for each in links]
    yield made
    for each, one in zip(links, made, strict=True):
        each.wait(one.close())
        each.close()


def test_no_two_recipients_share_an_instant(turns):
    async def take():
        loop = asyncio.get_running_loop()

        async def one(worker, recipients):
            wait = await worker.take(recipients)
            return loop.time() + wait

        asked = [one(turns[number % 2], 1 + number % 3) for number in range(12)]
        return sorted(await asyncio.gather(*asked))

    instants = asyncio.run(take())
    apart = [later - sooner for sooner, later in itertools.pairwise(instants)]
    # The quickest answer of a worker is a little later than the clock of the database was read.
    assert min(apart) > APART - 0.05
    assert sum(apart) == pytest.approx(APART * (24 - (1 + 11 % 3)), abs=0.25)


def test_all_sessions_of_a_worker_ask_together(cluster, place, turns):
    async def take():
        return await asyncio.gather(*[turns[0].take(1) for _ in range(50)])

    waits = asyncio.run(take())
    assert waits == sorted(waits)
    assert waits[-1] - waits[0] == pytest.approx(49 * APART, abs=0.01)


def test_time_that_has_passed_is_not_made_up_for(cluster, place, turns):
    cluster.execute(f"UPDATE {place.schema}.mailing SET next_slot = now() - interval '1 hour'")  # noqa: S608
    assert asyncio.run(turns[0].take(1)) == pytest.approx(0.0, abs=0.1)
    assert asyncio.run(turns[0].take(5)) <= APART + 0.01
    assert asyncio.run(turns[1].take(1)) > 0.1


def test_a_mailing_without_a_rate_waits_for_nothing(cluster, place, turns):
    cluster.execute(f"UPDATE {place.schema}.mailing SET rate = NULL")  # noqa: S608
    assert asyncio.run(turns[0].take(1000)) == pytest.approx(0.0, abs=0.1)


def test_a_connection_that_was_lost_is_opened_again(cluster, place, turns):
    before = asyncio.run(turns[0].take(1))
    cluster.disconnect(place)
    assert asyncio.run(turns[0].take(1)) == pytest.approx(before, abs=60.0)


def test_a_failure_is_told_to_each_session(cluster, place, turns):
    cluster.execute(f"DROP TABLE {place.schema}.mailing")

    async def take():
        return await asyncio.gather(*[turns[0].take(1) for _ in range(3)], return_exceptions=True)

    assert [type(error) for error in asyncio.run(take())] == [LedgerError] * 3


def test_a_database_that_stays_away_ends_the_wait(cluster, place, monkeypatch):
    monkeypatch.setattr(link, "_PATIENCE", 0.5)
    with opened(place) as ledger:
        cluster.execute(f"UPDATE {place.schema}.mailing SET rate = 1000")  # noqa: S608
        asyncio.run(ledger.publication.turns.take(1))
        cluster.stop("immediate")
        try:
            with pytest.raises(LedgerError, match="the connection to the ledger failed"):
                asyncio.run(ledger.publication.turns.take(1))
        finally:
            cluster.start()


@pytest.mark.parametrize(("rate", "apart"), [(200, 1.032 / 200), (1, 1.032), (0.1, 10.032)])
def test_what_a_second_and_a_lateness_hold_is_the_rate(cluster, place, turns, rate, apart):
    """However late a busy machine uses its turns, up to that: no second has more than the rate."""
    cluster.execute(f"UPDATE {place.schema}.mailing SET rate = {rate}")  # noqa: S608

    async def take():
        return await asyncio.gather(*[turns[0].take(1) for _ in range(3)])

    first, second, third = asyncio.run(take())
    assert [second - first, third - second] == [pytest.approx(apart, abs=0.002)] * 2
    assert apart * rate == pytest.approx(1 + (LATE + 0.002) * min(rate, 1))


def test_a_far_clock_is_read_by_the_quickest_answer():
    """An answer that is heard late makes no turn late, and one of long ago counts no more."""
    clock = _FarClock()
    assert clock.behind(100.0, heard=7.003) == pytest.approx(-92.997)
    assert clock.behind(101.0, heard=8.250) == pytest.approx(-92.997)
    assert clock.behind(102.0, heard=9.001) == pytest.approx(-92.999)
    assert clock.behind(112.0, heard=19.5) == pytest.approx(-92.999)
    assert clock.behind(123.0, heard=30.5) == pytest.approx(-92.5)
