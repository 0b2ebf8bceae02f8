"""A recipient with a message of its own waits without a delivery until the first lease."""

import pytest

from mailbatch.ledger.rows import PlanChange
from mailbatch.outcome import Status
from tests.ledger.steps import (
    NOW,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    row,
    send,
    settle,
    standing,
)


def deliveries(ledger):
    execute = ledger._database.connection.execute
    return execute("SELECT count(*) FROM delivery").fetchone()[0]


def to(leased):
    return [delivery.unsettled[0][0] for delivery in leased]


def test_a_plan_writes_no_delivery_and_a_lease_writes_what_it_gives(ledger):
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
    assert deliveries(ledger) == 0
    assert to(ledger.leases.lease(2, now=NOW)) == ["a", "b"]
    assert deliveries(ledger) == 2
    assert to(ledger.leases.lease(2, now=NOW)) == ["c"]
    assert ledger.leases.lease(2, now=NOW) == []
    assert deliveries(ledger) == 3


def test_deliveries_that_are_given_back_come_first_and_once(ledger):
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org", "d@x.org"))
    ledger.records.release([one.id for one in ledger.leases.lease(2, now=NOW)])
    assert to(ledger.leases.lease(3, now=NOW)) == ["a", "b", "c"]
    assert to(ledger.leases.lease(3, now=NOW)) == ["d"]


def test_the_order_of_the_table_holds_over_lots_and_runs(path):
    names = [f"{number:03d}@x.org" for number in range(300)]
    with open_ledger(path) as ledger:
        plan(ledger, people(*names))
        found = [one.unsettled[0] for one in ledger.leases.lease(100, now=NOW)]
        for delivery_id in range(1, 101):
            ledger.records.release([delivery_id])
        for delivery in ledger.leases.lease(70, now=NOW):
            settle(ledger, delivery)
    with open_ledger(path) as ledger:
        assert ledger.plan.due_deliveries(1000) == 230
        assert ledger.plan.due_deliveries(100) == 100
        while leased := ledger.leases.lease(64, now=NOW):
            found.extend(one.unsettled[0] for one in leased)
    assert found[:100] == names[:100]
    assert found[100:] == names[70:]


def test_a_recipient_that_a_person_names_is_leased_before_the_others_and_once(ledger):
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
    assert ledger.plan.due_deliveries(9, address="b@x.org") == 1
    assert lease_one(ledger, address="b@x.org").unsettled == ("b@x.org",)
    assert ledger.leases.lease(1, now=NOW, address="b@x.org") == []
    assert to(ledger.leases.lease(9, now=NOW)) == ["a", "c"]


@pytest.mark.parametrize("status", ["invalid", "suppressed", "filtered", None])
def test_a_recipient_that_waits_no_longer_gets_no_delivery_until_it_is_wanted(ledger, status):
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
    send(ledger)  # all three: nobody waits now
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org"))
    left = [] if status is None else [row(5, "d@x.org", status=status, reason="so it is")]
    change = plan(ledger, [*people("a@x.org", "b@x.org", "c@x.org"), *left, row(6, "e@x.org")])
    assert change.withdrawn + change.stopped == 1
    assert to(ledger.leases.lease(9, now=NOW)) == ["e"]
    assert deliveries(ledger) == 4


def test_rows_of_a_later_plan_wait_too_wherever_they_stand(ledger):
    plan(ledger, people("b@x.org", "d@x.org"))
    send(ledger)
    assert ledger.leases.lease(9, now=NOW) == []
    change = plan(ledger, people("a@x.org", "b@x.org", "c@x.org", "d@x.org"))
    assert change == PlanChange(rows=4, added=2)
    assert deliveries(ledger) == 2
    assert to(ledger.leases.lease(9, now=NOW)) == ["a", "c"]


def test_a_withdrawn_row_that_comes_back_behind_the_others_is_found(ledger):
    plan(ledger, people("a@x.org", "b@x.org"))
    plan(ledger, people("b@x.org"))
    send(ledger)
    assert plan(ledger, people("b@x.org", "a@x.org")) == PlanChange(rows=2, returned=1)
    assert to(ledger.leases.lease(9, now=NOW)) == ["a"]
    assert numbers(ledger) == {"accepted": 1, "pending": 1}


def test_recipients_of_a_group_that_is_no_more_wait_as_all_others(ledger):
    plan(ledger, people("a@x.org", "b@x.org", group=("de",)), group_by=("lang",))
    deferred = lease_one(ledger)
    settle(ledger, deferred, Status.DEFERRED, retry_at=NOW + 60)
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
    ledger.plan.reopen_deferred()
    assert sorted(to(ledger.leases.lease(9, now=NOW))) == ["a", "b", "c"]
    assert set(standing(ledger).values()) == {Status.PENDING, Status.DEFERRED}


def test_a_run_that_died_behind_its_lease_finds_who_waits(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
        ledger.leases.lease(1, now=NOW)
    with open_ledger(path) as ledger:
        assert ledger.recovered.released == 1
        assert to(ledger.leases.lease(9, now=NOW)) == ["a", "b", "c"]


def test_a_row_without_a_group_waits_beside_groups(ledger):
    table = [row(2, "a@x.org", group=("g",)), row(3, "b@x.org"), row(4, "c@x.org", group=("g",))]
    plan(ledger, table, group_by=("g",))
    assert ledger.plan.due_deliveries(9) == 2
    assert sorted(to(ledger.leases.lease(9, now=NOW))) == ["a", "b"]
