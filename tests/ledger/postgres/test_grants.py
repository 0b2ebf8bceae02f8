"""The grants of claims: the recipients that a bound leaves are taken once, by whichever worker."""

import asyncio
import time

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.postgres.test_opening import plan
from tests.ledger.postgres.test_roles import database  # noqa: F401 - a fixture
from tests.ledger.postgres.test_workers import BUNDLE, kill, open_to_workers

pytest.importorskip("asyncpg")

from mailbatch.ledger.ports import CommitPoint, Settlement
from mailbatch.ledger.postgres import grants
from mailbatch.ledger.postgres.address import place_in
from mailbatch.ledger.postgres.leasing import SOON
from mailbatch.ledger.postgres.roles import Roles, make
from mailbatch.ledger.postgres.store import PostgresLedger
from mailbatch.ledger.published import Grant, Published

LETTERS = "abcdefghijkl"
DAY = 86_400.0
REPLIES = {
    Status.ACCEPTED: Reply(250, ("ok",)),
    Status.REJECTED: Reply(550, ("no such user",), "5.1.1"),
    Status.DEFERRED: Reply(450, ("later",), "4.2.1"),
}


class Most:
    """A bound of so many recipients in 24 hours, that keeps the counts it was told."""

    def __init__(self, number, copies=0):
        self.number = number
        self.copies = copies
        self.told = []

    def since(self, now):
        return now - DAY

    def judge(self, counted):
        self.told.append(counted)
        if counted.busy:
            return Grant(0)
        settled = sum(number for at, number in counted.taken if at > counted.now - DAY)
        left = max(0, self.number - settled - counted.under_way)
        return Grant(left, waits=bool(counted.under_way))

    def pass_on(self):
        pass


def opened(place, edition="48"):
    return PostgresLedger.open(place, job="news", edition=edition, message_id_domain="example.com")


def joined(place, mark=BUNDLE):
    return PostgresLedger.join(place, message_id_domain="example.com", bundle=mark)


def bound(ledger, number, **more):
    most = Most(number, **more)
    ledger.publication.bound_by(most)
    return most


def lease(ledger, count, most=None):
    return asyncio.run(ledger.leases.lease(count, now=time.time(), most=most))


def commit(ledger, *deliveries):
    asyncio.run(ledger.records.record((), [CommitPoint(one.id, bytes(32)) for one in deliveries]))


def settle(ledger, status, *deliveries):
    now = time.time()
    settlements = [
        Settlement(one.id, [Outcome(a, status, REPLIES[status]) for a in one.unsettled], now, None)
        for one in deliveries
    ]
    asyncio.run(ledger.records.record(settlements, ()))


def send(ledger, *deliveries):
    commit(ledger, *deliveries)
    settle(ledger, Status.ACCEPTED, *deliveries)


def free(cluster, place):
    return cluster.fetch(f"SELECT free FROM {place.schema}.allowance")[0][0]  # noqa: S608


def later(cluster, place, seconds):
    """Let so many seconds pass, for the recipients that were settled."""
    cluster.execute(f"UPDATE {place.schema}.recipient SET settled_at = settled_at - {seconds}")  # noqa: S608


@pytest.fixture
def planner(cluster, place):
    with opened(place) as ledger:
        plan(ledger, *LETTERS)
        open_to_workers(cluster, place)
        yield ledger


def test_all_workers_together_claim_what_is_left_and_no_more(cluster, place, planner):
    with joined(place) as one, joined(place) as other:
        for ledger in (planner, one, other):
            bound(ledger, 7)
        shares = [len(lease(ledger, 3)) for ledger in (planner, one, other, planner)]
        assert shares == [3, 3, 1, 0]
        assert planner.leases.next_due() == pytest.approx(time.time() + SOON, abs=1.0)
        assert free(cluster, place) == 0


def test_the_last_of_a_count_are_claimed_without_another_one(cluster, place, planner):
    told = bound(planner, 8).told
    assert len(lease(planner, 3)) == 3
    counts = len(told)
    assert [len(lease(planner, 3)), len(lease(planner, 3))] == [3, 2]
    assert (len(told), free(cluster, place)) == (counts, 0)
    assert lease(planner, 3) == []
    assert len(told) > counts


def test_one_that_watches_sees_what_counts_and_lets_no_claim_count_again(cluster, place, planner):
    told = bound(planner, 8).told
    send(planner, *lease(planner, 3))
    counts = len(told)
    with PostgresLedger.read(place) as reader:
        watching = Most(3)
        reader.publication.judged_by(watching)
        assert [sum(n for _, n in one.taken) for one in watching.told] == [3]
    assert free(cluster, place) == 5
    assert (len(lease(planner, 3)), len(told)) == (3, counts)


def step(ledger, number):
    """Offer the mailing with a step of a guard."""
    ledger.publication.publish(Published(BUNDLE, (), {}, step=number), b"")


GUARDED = Published(BUNDLE, (), {}, step=1).mark


def test_a_step_is_that_of_all_workers_whatever_becomes_of_the_recipients(place, planner):
    step(planner, 5)
    with joined(place, GUARDED) as one:
        a, b, c = lease(planner, 3)
        d, e = lease(one, 9)
        assert lease(planner, 1) == lease(one, 1) == []
        assert planner.publication.step_is_used_up
        assert planner.leases.next_due() is None
        send(planner, a, b)
        settle(planner, Status.REJECTED, c)
        settle(one, Status.DEFERRED, d)
        asyncio.run(one.records.release([e.id]))
        # What was leased and not tried is given back; a refusal was sent to, as a deferred one.
        assert [len(lease(ledger, 9)) for ledger in (planner, one)] == [1, 0]
        step(planner, 8)
        assert not planner.publication.step_is_used_up
        assert [len(lease(ledger, 2)) for ledger in (one, planner)] == [2, 1]


def test_a_worker_that_dies_in_a_step_leaves_its_share_and_its_doubts_were_sent_to(
    cluster, place, planner
):
    step(planner, 6)
    dead = joined(place, GUARDED)
    a, *_ = lease(dead, 6)
    commit(dead, a)
    kill(cluster, dead)
    again = lease(planner, 9)
    assert len(again) == 5
    send(planner, *again)
    assert lease(planner, 9) == []
    assert planner.publication.step_is_used_up
    dead.close()


@pytest.mark.parametrize(("cap", "number"), [(12, 2), (6, 9)])
def test_the_tighter_of_a_step_and_a_cap_holds(place, planner, cap, number):
    step(planner, number)
    bound(planner, cap, copies=2)
    assert [len(lease(planner, 9)) for _ in range(2)] == [2, 0]
    assert planner.publication.step_is_used_up == (number == 2)


def test_a_group_is_cut_at_the_end_of_a_step(place):
    with opened(place) as ledger:
        rows = [Recipient(n, f"{a}@x.org", (f"{a}@x.org",), ("g",)) for n, a in enumerate("abcdef")]
        ledger.plan.reconcile(("email",), rows, group_by=("g",), recipients_per_transaction=100)
        step(ledger, 4)
        (one,) = lease(ledger, 32)
        assert len(one.unsettled) == 4
        commit(ledger, one)
        settle(ledger, Status.ACCEPTED, one)
        assert lease(ledger, 32) == []
        step(ledger, 5)
        (rest,) = lease(ledger, 32)
        assert len(rest.unsettled) == 1


def test_a_mailing_without_a_guard_has_no_step(cluster, place, planner):
    step(planner, 3)
    leased = lease(planner, 9)
    assert len(leased) == 3
    asyncio.run(planner.records.release([one.id for one in leased]))
    step(planner, None)
    assert len(lease(planner, 9)) == 9
    assert planner.publication.current().step is None


def test_an_outcome_behind_a_claim_that_waits_leaves_the_next_claim_due(planner):
    """That claim says that the number is reached; without it a run ended and did not say why."""
    bound(planner, 1)
    (only,) = lease(planner, 3)
    assert lease(planner, 3) == []
    soon = planner.leases.next_due()
    send(planner, only)
    assert planner.leases.next_due() == soon is not None
    assert lease(planner, 3) == []
    assert planner.leases.next_due() is None


def test_refused_recipients_and_leases_given_back_are_claimed_again(place, planner):
    with joined(place) as one:
        bound(planner, 4)
        bound(one, 4)
        a, b, c, d = lease(one, 4)
        assert lease(planner, 4) == []
        settle(one, Status.REJECTED, a)
        asyncio.run(one.records.release([b.id]))
        again = lease(planner, 4)
        assert len(again) == 2
        send(one, c, d)
        send(planner, *again)
        assert lease(one, 4) == []
        assert one.leases.next_due() is None


def test_accepted_recipients_count_for_a_day(cluster, place, planner):
    bound(planner, 5)
    send(planner, *lease(planner, 5))
    assert lease(planner, 5) == []
    later(cluster, place, DAY - 60)
    assert lease(planner, 5) == []
    later(cluster, place, 62)
    assert len(lease(planner, 5)) == 5


def test_a_worker_that_dies_leaves_its_share_and_its_doubts_count(cluster, place, planner):
    bound(planner, 6)
    dead = joined(place)
    bound(dead, 6)
    a, b, *_ = lease(dead, 6)
    commit(dead, a, b)
    kill(cluster, dead)
    again = lease(planner, 6)
    assert len(again) == 4
    send(planner, *again)
    assert lease(planner, 6) == []
    assert planner.standing.counts()[Status.IN_DOUBT] == 2
    dead.close()


def test_two_that_claim_at_once_take_no_recipient_twice(place, planner):
    async def claim(ledgers):
        now = time.time()
        asked = [ledger.leases.lease(2, now=now) for _ in range(4) for ledger in ledgers]
        return await asyncio.gather(*asked)

    with joined(place) as one, joined(place) as other:
        for ledger in (one, other):
            bound(ledger, 9)
        shares = asyncio.run(claim((one, other)))
        assert sum(map(len, shares)) == 9


def test_a_process_that_is_frozen_in_a_claim_holds_up_nobody_for_long(
    monkeypatch, cluster, place, planner
):
    """The server ends its connection; meanwhile the others ask again soon."""
    monkeypatch.setattr(grants, "_FROZEN", 1_000)
    monkeypatch.setattr(grants, "_TRIES", 2)
    with joined(place) as frozen:
        for ledger in (frozen, planner):
            bound(ledger, 5)

        async def freeze():
            """Begin a claim, and say nothing more."""
            async with frozen._link.writer() as connection:
                await connection.transaction().start()
                await frozen.leases._grants.cut(connection, 2, None)

        frozen._link.wait(freeze())
        assert lease(planner, 5) == []
        assert planner.leases.next_due() == pytest.approx(time.time() + SOON, abs=1.0)
        until = time.monotonic() + 30.0
        while not (mine := lease(planner, 5)):
            assert time.monotonic() < until
        assert len(mine) == 5
        send(planner, *mine)
        assert lease(frozen, 2) == []


def test_a_group_is_claimed_alone_and_cut(place, cluster):
    with opened(place) as ledger:
        rows = [Recipient(n, f"{a}@x.org", (f"{a}@x.org",), ("g",)) for n, a in enumerate("abcdef")]
        ledger.plan.reconcile(("email",), rows, group_by=("g",), recipients_per_transaction=100)
        bound(ledger, 6, copies=2)
        (one,) = lease(ledger, 32)
        assert len(one.unsettled) == 4
        assert free(cluster, place) == 0
        commit(ledger, one)
        settle(ledger, Status.ACCEPTED, one)
        assert [len(rest.unsettled) for rest in lease(ledger, 32)] == []


def test_the_other_editions_of_the_job_count_and_one_under_way_has_the_turn(cluster, place):
    other = place_in(place.url, "news", "47")
    with opened(other, "47") as before:
        plan(before, *LETTERS)
        bound(before, 5)
        send(before, *lease(before, 3))
        with opened(place) as ledger:
            plan(ledger, *LETTERS)
            told = bound(ledger, 5).told
            assert told[-1].busy
            assert lease(ledger, 5) == []
            before.close()
            assert len(lease(ledger, 5)) == 2
            assert not told[-1].busy
    cluster.drop(other)


def test_the_numbers_of_another_job_do_not_count(cluster, place):
    stranger = place_in(place.url, "news-of-others", "48")
    with PostgresLedger.open(
        stranger, job="news-of-others", edition="48", message_id_domain="example.com"
    ) as others:
        plan(others, *LETTERS)
        send(others, *lease(others, 12))
        with opened(place) as ledger:
            plan(ledger, *LETTERS)
            bound(ledger, 5)
            assert len(lease(ledger, 12)) == 5
    cluster.drop(stranger)


def test_a_worker_counts_what_another_edition_sent_before_it_came(cluster, place, planner):
    """What an earlier worker left over is no grant to one that comes later."""
    with joined(place) as one:
        bound(one, 10)
        send(one, *lease(one, 2))
    planner.close()
    other = place_in(place.url, "news", "49")
    with opened(other, "49") as second:
        plan(second, *LETTERS)
        bound(second, 10)
        assert len(lease(second, 8)) == 8
    with joined(place) as late:
        bound(late, 10)
        assert lease(late, 4) == []
    cluster.drop(other)


def test_the_copies_of_another_edition_that_is_cut_off_count(cluster, place):
    """A process that lost its connection has leases, and sends these once it is back."""
    other = place_in(place.url, "news", "47")
    with opened(other, "47") as before:
        plan(before, *LETTERS)
        bound(before, 12, copies=2)
        theirs = lease(before, 3)
        kill(cluster, before)
        with opened(place) as ledger:
            plan(ledger, *LETTERS)
            bound(ledger, 12, copies=2)
            mine = lease(ledger, 4)
            send(ledger, *mine)
        send(before, *theirs)
    cluster.drop(other)
    assert (len(theirs), len(mine)) == (3, 1)


def test_a_worker_without_rights_on_another_edition_claims_nothing(database):  # noqa: F811
    pl, later = database.roles.planner, f"{database.roles.worker}_2"

    def at(role, edition):
        return place_in(database.as_role(role), "news", edition)

    with opened(at(pl, "47"), "47") as first:
        plan(first, *LETTERS)
        bound(first, 5)
        send(first, *lease(first, 3))
    make(database.url, Roles(pl, later))
    with opened(at(pl, "48")) as second:
        plan(second, *LETTERS)
        offered = f"UPDATE mailing SET bundle = '{BUNDLE}' RETURNING 1"  # noqa: S608
        second._link.wait(second._link.value(offered))
    with joined(at(later, "48")) as worker, pytest.raises(LedgerError, match="may not read"):
        bound(worker, 5)
    opened(at(pl, "47"), "47").close()  # gives the rights
    with joined(at(later, "48")) as worker:
        bound(worker, 5)
        assert len(lease(worker, 5)) == 2
    database.ask(f"DROP OWNED BY {later}", "postgres")
    database.ask(f"DROP ROLE {later}", "postgres")
