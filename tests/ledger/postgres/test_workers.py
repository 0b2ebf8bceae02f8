"""Several workers on one edition: claims, burials by a peer, changed plans, the trouble of all."""

import asyncio
import threading
from dataclasses import replace
from itertools import chain

import pytest

from mailbatch.errors import LedgerError, LedgerLocked, MailingStopped
from mailbatch.ledger.ports import Recovery, Suspicion
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.contract.talk import REPLIES, settlement
from tests.ledger.postgres.test_opening import NOW, commit, lease, opened, plan

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.ports import Settlement  # noqa: E402
from mailbatch.ledger.postgres import leasing  # noqa: E402 - an extra
from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra

BUNDLE = "b" * 64
LETTERS = "abcdefghijkl"


def open_to_workers(cluster, place):
    cluster.execute(f"UPDATE {place.schema}.mailing SET bundle = '{BUNDLE}'")  # noqa: S608


def joined(place):
    return PostgresLedger.join(place, message_id_domain="example.com", bundle=BUNDLE)


def kill(cluster, ledger):
    """End the connections of one worker, as the death of its process does."""
    pid = ledger._link.wait(ledger._link._writer.fetchval("SELECT pg_backend_pid()"))
    cluster.execute(f"SELECT pg_terminate_backend({pid}, 10000)")


def refuse(ledger, *deliveries):
    settle(ledger, Status.REJECTED, *deliveries)


def settle(ledger, status, *deliveries):
    settlements = [settlement(one, status, now=NOW) for one in deliveries]
    asyncio.run(ledger.records.record(settlements, ()))


def names(deliveries):
    return sorted(one.unsettled[0][0] for one in deliveries)


@pytest.fixture
def planner(cluster, place):
    with opened(place) as ledger:
        plan(ledger, *LETTERS)
        open_to_workers(cluster, place)
        yield ledger


def test_no_delivery_is_leased_by_two(place, planner):
    with joined(place) as one, joined(place) as other:
        shares = [lease(ledger, 4) for ledger in (planner, one, other)]
        assert names(chain.from_iterable(shares)) == list(LETTERS)
        assert lease(one, 4) == []


def test_a_worker_asks_again_while_others_have_leases(place, planner):
    with joined(place) as one, joined(place) as other:
        (a, *_) = lease(one, 12)
        assert lease(other, 1) == []
        assert other.leases.next_due() == NOW + leasing.SOON
        deferred = Settlement(
            a.id, [Outcome(a.unsettled[0], Status.DEFERRED, Reply(450, ("later",)))], NOW, NOW + 0.5
        )
        asyncio.run(one.records.record([deferred], ()))
        assert lease(other, 1) == []
        assert other.leases.next_due() == NOW + 0.5
        (again,) = asyncio.run(other.leases.lease(1, now=NOW + 0.5))
        assert again.unsettled == a.unsettled
        assert again.message_id == a.message_id


def test_a_peer_buries_a_dead_worker_and_leaves_its_doubt_to_be_derived(cluster, place, planner):
    with joined(place) as peer:
        dead = joined(place)
        a, *_ = lease(dead, 12)
        commit(dead, a)
        kill(cluster, dead)
        assert names(lease(peer, 12)) == list(LETTERS[1:])
        assert planner.standing.counts()[Status.IN_DOUBT] == 1
        assert [one.address for one in planner.doubts.in_doubt()] == ["a@x.org"]
        with pytest.raises(LedgerError):
            commit(dead, a)
        dead.close()
    planner.close()
    with opened(place) as again:
        assert again.recovered == Recovery(11, 1, 1)


def test_a_worker_that_leaves_in_order_is_found_dead_by_nobody(cluster, place, planner):
    """Its row is of the past and its lock of this moment: a burial looks at the row alone."""
    leaving = joined(place)
    for one in lease(leaving, 12):
        commit(leaving, one)
        settle(leaving, Status.ACCEPTED, one)
    leaving.close()
    with joined(place) as peer:
        assert peer.recovered == Recovery()
        assert planner.standing.counts()[Status.ACCEPTED] == 12


def test_the_plan_changes_only_while_nothing_is_leased(monkeypatch, cluster, place, planner):
    monkeypatch.setattr(leasing, "_PATIENCE", 0.2)
    with joined(place) as worker:
        held = lease(worker, 2)
        plan(planner, *LETTERS)  # nothing new: nothing to wait for
        with pytest.raises(LedgerLocked, match="under way"):
            plan(planner, *LETTERS, "m")
        monkeypatch.setattr(leasing, "_PATIENCE", 300.0)
        later = threading.Thread(target=refuse, args=(worker, *held))
        later.start()
        plan(planner, *LETTERS, "m")
        later.join()
        assert lease(worker, 20) == []  # the send of the new plan is not confirmed yet
        open_to_workers(cluster, place)
        assert names(lease(worker, 20)) == [*LETTERS[2:], "m"]


def test_no_recipient_has_two_deliveries(cluster, place, planner):
    """A claim by address sees no lock of a block: what both would have is refused."""
    with joined(place) as worker:
        cluster.execute(
            f"BEGIN; UPDATE {place.schema}.recipient SET delivery_id = 99"  # noqa: S608
            " WHERE address = 'b@x.org'"
        )
        refused = []

        def claim():
            with pytest.raises(LedgerError, match="a second delivery"):
                lease(worker, 4)
            refused.append(True)

        claiming = threading.Thread(target=claim)
        claiming.start()
        while not cluster.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert claiming.is_alive()
        cluster.execute("COMMIT")
        claiming.join()
        assert refused
        assert cluster.fetch(f"SELECT count(*) FROM {place.schema}.lease")[0][0] == 0  # noqa: S608


def test_leases_of_its_own_are_nothing_to_ask_for_again(place, planner):
    assert len(lease(planner, 20)) == len(LETTERS)
    assert lease(planner, 20) == []
    assert planner.leases.next_due() is None


def test_no_worker_claims_while_the_plan_is_changed(place, planner):
    with joined(place) as worker, planner.plan._still():
        assert lease(worker, 4) == []
        assert worker.leases.next_due() == NOW + leasing.SOON


def test_a_worker_of_another_bundle_gets_nothing(cluster, place, planner):
    with joined(place) as worker:
        cluster.execute(f"UPDATE {place.schema}.mailing SET bundle = 'other'")  # noqa: S608
        assert lease(worker, 4) == []
        assert worker.leases.next_due() == NOW + leasing.REPLACED  # so that the worker leaves


def test_trouble_of_all_stops_all_until_the_next_run(cluster, place, planner):
    with joined(place) as worker:
        cluster.execute(
            f"UPDATE {place.schema}.mailing SET stop = '550 suspended', stop_code = 69"  # noqa: S608
        )
        for ledger in (worker, planner):
            with pytest.raises(MailingStopped, match="550 suspended") as caught:
                lease(ledger, 1)
            assert caught.value.exit_code == 69
    planner.close()
    with opened(place) as again, joined(place) as worker:
        assert (len(lease(again, 1)), len(lease(worker, 1))) == (1, 0)
        open_to_workers(cluster, place)  # once the send is confirmed
        assert len(lease(worker, 1)) == 1


def test_refusals_to_one_worker_are_given_back_without_those_to_another(place, planner):
    with joined(place) as blocked, joined(place) as other:
        (a,), (b,) = lease(blocked, 1), lease(other, 1)
        for ledger, one in ((blocked, a), (other, b)):
            refused = settlement(one, Status.REJECTED, now=NOW)
            asyncio.run(ledger.records.record([refused], (), Suspicion(NOW)))
        assert asyncio.run(blocked.records.give_back(NOW, REPLIES[Status.REJECTED])) == 1
    assert planner.standing.statuses_of("a@x.org") == [Status.PENDING]
    assert planner.standing.statuses_of("b@x.org") == [Status.REJECTED]


def test_two_that_believe_in_one_number_pass_one_point(place, planner):
    """The primary key is the promise, whatever a process believes of itself."""
    with joined(place) as one, joined(place) as other:
        (a,) = lease(one, 1)
        own, other._held.worker = other._held.worker, one._held.worker
        other._held.leases[a.id] = replace(one._held.leases[a.id])
        commit(one, a)
        with pytest.raises(LedgerError, match="SQLSTATE 23505"):
            commit(other, a)
        other._held.worker = own
        settle(one, Status.ACCEPTED, a)


@pytest.mark.parametrize("what", ["point", "outcome"])
def test_nothing_of_a_worker_that_is_not_live_is_recorded(cluster, place, planner, what):
    with joined(place) as worker:
        (a,) = lease(worker, 1)
        if what == "outcome":
            commit(worker, a)
        cluster.execute(
            f"UPDATE {place.schema}.worker SET live = false WHERE id = {worker.worker}"  # noqa: S608
        )
        with pytest.raises(LedgerError, match=r"has lost a lease|is not live"):
            commit(worker, a) if what == "point" else settle(worker, Status.ACCEPTED, a)
        points = cluster.fetch(f"SELECT count(*) FROM {place.schema}.point")  # noqa: S608
        assert points[0][0] == (what == "outcome")
        assert planner.standing.counts()[Status.ACCEPTED] == 0


@pytest.mark.parametrize("lost", [False, True])
def test_a_person_decides_while_a_run_and_its_workers_go_on(cluster, place, planner, lost):
    """Also where the connection of the decision is lost; the plan stays with the run."""
    dead = joined(place)
    (a, b) = lease(dead, 2)
    commit(dead, a, b)
    kill(cluster, dead)
    dead._held.worker = 0  # as a process that is killed
    dead.close()
    with joined(place) as worker:
        (c,) = lease(worker, 1)
        with pytest.raises(LedgerLocked):
            PostgresLedger.reopen(place)
        with PostgresLedger.reopen(place, beside=True) as decider:
            assert decider.recovered == Recovery(0, 2, 2)
            if lost:
                kill(cluster, decider)
            assert decider.doubts.resolve("accepted", address=a.unsettled[0], now=NOW) == 1
            assert decider.doubts.resolve("resend", now=NOW) == 1
        commit(worker, c)
        settle(worker, Status.ACCEPTED, c)
        again = lease(planner, 12)
        assert b.unsettled[0] in {one.unsettled[0] for one in again}
        assert a.unsettled[0] not in {one.unsettled[0] for one in again}
        assert planner.standing.counts()[Status.ACCEPTED] == 2
