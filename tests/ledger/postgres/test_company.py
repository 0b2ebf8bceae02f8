"""The looks of a run at the other workers of its mailing."""

import asyncio

import pytest

from mailbatch.errors import LedgerError
from mailbatch.outcome import Status
from tests.ledger.postgres.test_opening import commit, lease, opened, plan
from tests.ledger.postgres.test_workers import LETTERS, joined, kill, open_to_workers, settle

pytest.importorskip("asyncpg")


@pytest.fixture
def planner(cluster, place):
    with opened(place) as ledger:
        plan(ledger, *LETTERS)
        open_to_workers(cluster, place)
        yield ledger


def accept(ledger, deliveries):
    commit(ledger, *deliveries)
    settle(ledger, Status.ACCEPTED, *deliveries)


def look(ledger):
    return asyncio.run(ledger.publication.company())


def test_a_run_alone_counts_nothing(planner):
    accept(planner, lease(planner, 2))
    assert look(planner) is None


def test_a_worker_is_named_while_it_is_there_and_its_outcomes_are_counted(place, planner):
    with joined(place) as worker:
        accept(worker, lease(worker, 2))
        (process,) = look(planner).workers
        assert process == planner.writers()[0]
    settle(planner, Status.REJECTED, *lease(planner, 1))
    company = look(planner)
    assert company.workers == ()
    assert company.counts == planner.standing.counts()
    assert (company.counts[Status.ACCEPTED], company.counts[Status.REJECTED]) == (2, 1)


def test_a_worker_that_came_and_went_between_two_looks_is_counted(place, planner):
    assert look(planner) is None
    with joined(place) as worker:
        accept(worker, lease(worker, 2))
    assert look(planner).counts[Status.ACCEPTED] == 2


def test_a_dead_worker_is_no_company_and_its_doubt_is_counted(cluster, place, planner):
    dead = joined(place)
    a, *_ = lease(dead, 12)
    commit(dead, a)
    kill(cluster, dead)
    company = look(planner)
    assert (company.workers, company.counts[Status.IN_DOUBT]) == ((), 1)
    dead.close()


def test_a_look_that_fails_is_made_again(cluster, place, planner):
    with joined(place):
        assert len(look(planner).workers) == 1
        lookout = planner.publication.lookout
        pid = planner._link.wait(lookout._connection.fetchval("SELECT pg_backend_pid()"))
        cluster.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
        try:  # the driver may know already
            first = look(planner)
        except LedgerError:
            first = look(planner)
        assert len(first.workers) == 1


def test_a_look_that_is_given_up_keeps_no_ledger_open(cluster, place, planner):
    """A count waits for a lock that is never given back: the run ends, and its ledger with it."""
    with joined(place):
        look(planner)
        link = planner._link
        other = link.wait(link.connect())
        link.wait(other.execute(f"BEGIN; LOCK TABLE {place.schema}.recipient"))

        async def give_up():
            looking = asyncio.ensure_future(planner.publication.company())
            await asyncio.wait({looking}, timeout=0.0)
            looking.cancel()
            await asyncio.wait({looking})
            assert looking.cancelled()

        asyncio.run(give_up())
        link.wait(planner.publication.lookout.close())
        other.terminate()
        assert len(look(planner).workers) == 1
