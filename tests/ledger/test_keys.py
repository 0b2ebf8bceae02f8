"""Recipients whose key is not the address: an address with several letters, a key that moves."""

import pytest

from mailbatch.envelope import Recipient
from mailbatch.identity import Identity
from mailbatch.ledger.naming import named
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    TAKEN,
    copy_files,
    forget_the_process,
    lease_one,
    open_ledger,
    plan,
    send,
    settle,
)

ORDER = Identity(("order",), by_address=False)
CHILD = Identity(("child",), one_message=True)
COLUMNS = ("email", "order", "place")


def order(line, address, key, place="", *, group=None, status="pending"):
    """A row with an order as key."""
    return Recipient(line, address, (address, key, place), group, status, None, key)


def orders(*rows, group=None):
    return [order(line, *one, group=group) for line, one in enumerate(rows, start=2)]


def plan_orders(ledger, rows, **more):
    return plan(ledger, rows, columns=COLUMNS, identity=ORDER, **more)


def child(line, address, name):
    """A row of `group_by: [email, child]`."""
    group = (address, name)
    return Recipient(line, address, (address, name), group, key=CHILD.key_of(address, (name,)))


def plan_children(ledger, *rows, **more):
    children = [child(line, *one) for line, one in enumerate(rows, start=2)]
    columns = ("email", "child")
    return plan(ledger, children, columns=columns, group_by=columns, identity=CHILD, **more)


def lease(ledger, count=99, **more):
    return ledger.leases.lease(count, now=NOW, **more)


def statuses(ledger):
    return [(row.row, row.email[0], str(row.status)) for row in ledger.standing.result_rows()]


def reasons(ledger):
    return [row.reason for row in ledger.standing.result_rows()]


# Several letters to one address


def test_two_orders_of_one_address_are_two_letters(ledger):
    plan_orders(ledger, orders(("a@x.org", "1"), ("A@x.org", "2"), ("b@x.org", "3")))
    found = lease(ledger)
    assert [(d.key, d.unsettled) for d in found] == [
        ("1", ("a@x.org",)),
        ("2", ("A@x.org",)),
        ("3", ("b@x.org",)),
    ]
    assert len({d.message_id for d in found}) == len({d.token for d in found}) == 3


def test_two_children_of_one_address_are_two_letters(ledger):
    """B36b: today the second one was a duplicate, and its certificate never left."""
    plan_children(ledger, ("pat@x.org", "Ann"), ("pat@x.org", "Ben"))
    found = lease(ledger)
    assert [d.key for d in found] == ["pat@x.org/Ann#1", "pat@x.org/Ben#1"]
    assert len({d.message_id for d in found}) == 2
    for delivery in found:
        settle(ledger, delivery)
    assert statuses(ledger) == [(2, "p", "accepted"), (3, "p", "accepted")]


def test_spellings_of_an_address_share_the_letter_of_a_child(ledger):
    """The second row is one of the same letter, which shows it: no line of it is lost."""
    plan_children(ledger, ("Pat@x.org", "Ann"), ("pat@x.org", "Ann"))
    (delivery,) = lease(ledger)
    assert (delivery.unsettled, [row.line for row in delivery.rows]) == (("Pat@x.org",), [2, 3])
    settle(ledger, delivery)
    assert statuses(ledger) == [(2, "P", "accepted"), (3, "p", "accepted")]


def test_one_order_twice_is_one_recipient(ledger):
    plan_orders(ledger, orders(("a@x.org", "1"), ("a@x.org", "1"), ("b@x.org", "1")))
    assert len(lease(ledger)) == 1
    assert [status for *_, status in statuses(ledger)] == ["pending", "duplicate", "duplicate"]
    assert reasons(ledger) == [None, "same key as row 2", "same key as row 2"]


def test_one_order_twice_in_a_group_of_one_address_shares_the_letter(ledger):
    rows = orders(("a@x.org", "1", "p"), ("a@x.org", "1", "q"), ("a@x.org", "2", "r"), group=("g",))
    plan_orders(ledger, rows, group_by=("place",))
    (delivery,) = lease(ledger)
    assert [row.values[2] for row in delivery.rows] == ["p", "q", "r"]
    settle(ledger, delivery)
    assert {status for *_, status in statuses(ledger)} == {"accepted"}


# Rows of one address in one message


def test_rows_of_one_address_in_a_group_are_one_rcpt(ledger):
    rows = orders(("a@x.org", "1"), ("A@x.org", "2"), ("b@x.org", "3"), group=("g",))
    plan_orders(ledger, rows, group_by=("place",))
    (delivery,) = lease(ledger)
    assert delivery.unsettled == delivery.addresses == ("a@x.org", "b@x.org")
    ledger.records.commit_point(delivery.id)
    outcomes = [
        Outcome("a@x.org", Status.ACCEPTED, TAKEN),
        Outcome("b@x.org", Status.REJECTED, NEVER),
    ]
    ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
    assert [status for *_, status in statuses(ledger)] == ["accepted", "accepted", "rejected"]


def test_a_group_of_several_orders_to_one_address_is_no_shared_message(ledger):
    rows = orders(("a@x.org", "1"), ("A@x.org", "2"), group=("g",))
    plan_orders(ledger, rows, group_by=("place",))
    assert not ledger.plan.shares_messages()
    (delivery,) = lease(ledger)
    assert [row.line for row in delivery.rows] == [2, 3], "templates see both"
    ledger.records.release([delivery.id])
    plan_orders(ledger, [*rows, order(4, "b@x.org", "3", group=("g",))], group_by=("place",))
    assert ledger.plan.shares_messages()


@pytest.mark.parametrize("first", [0, 2, 5])
def test_a_part_of_a_group_is_measured_in_addresses(ledger, first):
    """No address stands in two parts, planned at once or one after the other."""
    rows = orders(
        ("a@x.org", "1"), ("b@x.org", "2"), ("a@x.org", "3"), ("c@x.org", "4"), ("b@x.org", "5"),
        group=("g",),
    )  # fmt: skip
    for some in (rows[:first], rows):
        plan_orders(ledger, some, group_by=("place",), limit=2)
    assert {d.key: d.unsettled for d in lease(ledger)} == {
        "g#1": ("a@x.org", "b@x.org"),
        "g#2": ("c@x.org",),
    }


def test_a_limit_that_shrinks_keeps_the_rows_of_an_address_together(ledger):
    rows = orders(("a@x.org", "1"), ("b@x.org", "2"), ("a@x.org", "3"), group=("g",))
    plan_orders(ledger, rows, group_by=("place",), limit=2)
    plan_orders(ledger, rows, group_by=("place",), limit=1)
    found = [d.unsettled for d in lease(ledger)]
    assert sorted(found) == [("a@x.org",), ("b@x.org",)]


def test_a_new_order_gets_a_letter_although_its_address_has_the_one_of_the_group(ledger):
    rows = orders(("a@x.org", "1"), ("b@x.org", "2"), group=("g",))
    plan_orders(ledger, rows, group_by=("place",))
    (first,) = lease(ledger)
    settle(ledger, first)
    plan_orders(ledger, [*rows, order(4, "a@x.org", "3", group=("g",))], group_by=("place",))
    (second,) = lease(ledger)
    assert (second.key, second.unsettled) == ("g#2", ("a@x.org",))
    assert second.message_id != first.message_id


def test_an_order_that_moves_to_a_mailed_address_of_its_message_gets_a_message_of_its_own(ledger):
    """Else the same message, with the same Message-ID, would reach the address again."""
    rows = orders(("a@x.org", "1"), ("b@x.org", "2"), group=("g",))
    plan_orders(ledger, rows, group_by=("place",))
    (first,) = lease(ledger)
    ledger.records.commit_point(first.id)
    outcomes = [
        Outcome("a@x.org", Status.ACCEPTED, TAKEN),
        Outcome("b@x.org", Status.DEFERRED, LATER),
    ]
    ledger.records.settle(first.id, outcomes, now=NOW, retry_at=NOW)
    rows[1] = order(3, "a@x.org", "2", group=("g",))
    plan_orders(ledger, rows, group_by=("place",))
    (second,) = lease(ledger)
    assert (second.key, second.unsettled) == ("g#2", ("a@x.org",))
    assert second.message_id != first.message_id


# An address that is corrected under its key


def test_a_pending_order_goes_to_the_corrected_address(ledger):
    plan_orders(ledger, orders(("wrong@x.org", "1")))
    change = plan_orders(ledger, orders(("right@x.org", "1")))
    assert (change.added, change.changed, change.withdrawn) == (0, 1, 0)
    (delivery,) = lease(ledger)
    assert delivery.unsettled == ("right@x.org",)
    settle(ledger, delivery)
    assert statuses(ledger) == [(2, "r", "accepted")]


def test_a_mailed_order_is_not_mailed_again_at_another_address(ledger):
    plan_orders(ledger, orders(("old@x.org", "1")))
    settle(ledger, lease_one(ledger))
    plan_orders(ledger, orders(("new@x.org", "1")))
    assert lease(ledger) == []
    assert statuses(ledger) == [(2, "o", "accepted")], "as it was mailed"


def test_a_doubtful_order_stays_in_doubt_at_the_address_of_the_doubt(path):
    with open_ledger(path) as ledger:
        plan_orders(ledger, orders(("old@x.org", "1")))
        ledger.records.commit_point(lease_one(ledger).id)
        dead = copy_files(path, path.parent / "dead")
        forget_the_process(dead)
    with open_ledger(dead) as ledger:
        plan_orders(ledger, orders(("new@x.org", "1")))
        assert lease(ledger) == []
        assert statuses(ledger) == [(2, "o", "in_doubt")]
        ledger.doubts.resolve("resend", address="old@x.org", now=NOW)
        plan_orders(ledger, orders(("new@x.org", "1")))
        assert lease(ledger) == [], "the message may have arrived at the old address alone"
        assert statuses(ledger) == [(2, "o", "in_doubt")]
        ledger.doubts.resolve("resend", address="old@x.org", now=NOW)
        plan_orders(ledger, orders(("old@x.org", "1")))
        (delivery,) = lease(ledger)
        assert delivery.resent == {"old@x.org"}, "a resend knows that it is one"


def test_a_refused_order_is_tried_at_the_corrected_address(ledger):
    """The refusal was of another address; the order has nothing yet."""
    plan_orders(ledger, orders(("wrong@x.org", "1"), ("no@x.org", "2")))
    for delivery in lease(ledger):
        settle(ledger, delivery, Status.REJECTED, reply=NEVER)
    change = plan_orders(ledger, orders(("right@x.org", "1"), ("no@x.org", "2")))
    assert change.returned == 1
    (delivery,) = lease(ledger)
    assert delivery.unsettled == ("right@x.org",)
    (row, _) = ledger.standing.result_rows()
    assert (row.reply_code, row.reason, row.settled_at) == (None, None, None)


def test_an_order_that_leaves_the_table_unsent_is_withdrawn_and_may_return(ledger):
    plan_orders(ledger, orders(("a@x.org", "1"), ("a@x.org", "2")))
    assert plan_orders(ledger, orders(("a@x.org", "1"))).withdrawn == 1
    (delivery,) = lease(ledger)
    ledger.records.release([delivery.id])
    assert plan_orders(ledger, orders(("a@x.org", "1"), ("a@x.org", "2"))).returned == 1
    assert [d.key for d in send(ledger)] == ["1", "2"]


# Whom a person names


def test_an_address_names_all_of_its_letters(ledger):
    plan_orders(ledger, orders(("a@x.org", "1"), ("b@x.org", "2"), ("A@x.org", "3")))
    assert ledger.plan.knows("A@X.org")
    assert ledger.plan.due_deliveries(9, address="a@x.org") == 2
    assert [d.key for d in lease(ledger, address="A@X.org")] == ["1", "3"]
    assert lease(ledger, address="a@x.org") == []
    assert [d.key for d in lease(ledger)] == ["2"]


def test_a_lot_of_an_address_has_no_more_letters_than_asked_for(ledger):
    plan_orders(ledger, orders(*(("a@x.org", str(n)) for n in range(5))))
    assert [len(lease(ledger, 2, address="a@x.org")) for _ in range(4)] == [2, 2, 1, 0]


def test_a_key_names_its_recipient(ledger):
    plan_orders(ledger, orders(("a@x.org", "1"), ("a@x.org", "2")))
    assert ledger.plan.knows("2")
    assert not ledger.plan.knows("3")
    assert [d.key for d in lease(ledger, address="2")] == ["2"]
    assert ledger.standing.statuses_of("2") == [Status.PENDING]
    assert ledger.standing.statuses_of("3") == []


def test_what_is_an_address_is_no_key(ledger):
    """Before the letters to an address and behind them it means the same recipients."""
    plan_orders(ledger, orders(("a@x.org", "b@x.org"), ("b@x.org", "a@x.org")))
    (delivery,) = lease(ledger, address="a@x.org")
    assert delivery.unsettled == ("a@x.org",)
    settle(ledger, delivery)
    assert lease(ledger, address="a@x.org") == []
    assert ledger.standing.statuses_of("a@x.org") == [Status.ACCEPTED]


def test_an_attempt_to_one_address_of_a_group_takes_its_rows_together(path):
    """Killed behind its commit point, both are in doubt, and nobody else."""
    rows = orders(("a@x.org", "1"), ("b@x.org", "2"), ("a@x.org", "3"), group=("g",))
    with open_ledger(path) as ledger:
        plan_orders(ledger, rows, group_by=("place",))
        (delivery,) = lease(ledger, address="3")
        assert delivery.unsettled == ("a@x.org",)
        ledger.records.commit_point(delivery.id)
        dead = copy_files(path, path.parent / "dead")
        forget_the_process(dead)
    with Ledger.read(dead, boot_id="boot-1") as reader:
        assert [status for *_, status in statuses(reader)] == ["in_doubt", "pending", "in_doubt"]
    with open_ledger(dead) as ledger:
        assert [status for *_, status in statuses(ledger)] == ["in_doubt", "pending", "in_doubt"]
        plan_orders(ledger, rows, group_by=("place",))
        assert [d.unsettled for d in lease(ledger)] == [("b@x.org",)]
        found = [(one.address, one.recipient) for one in ledger.doubts.in_doubt()]
        assert found == [("a@x.org", "1"), ("a@x.org", "3")]


def test_a_decision_about_one_letter_says_nothing_of_the_other(path):
    with open_ledger(path) as ledger:
        plan_orders(ledger, orders(("a@x.org", "1"), ("a@x.org", "2"), ("a@x.org", "3")))
        for delivery in lease(ledger):
            ledger.records.commit_point(delivery.id)
        dead = copy_files(path, path.parent / "dead")
        forget_the_process(dead)
    with open_ledger(dead) as ledger:
        one, two, three = ledger.doubts.in_doubt()
        resolve = ledger.doubts.resolve
        assert resolve("skip", address=one.address, delivery_id=one.delivery_id, now=NOW) == 1
        assert ledger.doubts.accept({(two.delivery_id, two.address): "seen"}, now=NOW) == 1
        assert [status for *_, status in statuses(ledger)] == ["skipped", "accepted", "in_doubt"]
        assert resolve("resend", address=three.address, now=NOW) == 1


# What checks are told


def test_addresses_with_several_letters_are_counted(ledger):
    rows = orders(("a@x.org", "1"), ("b@x.org", "2"), ("A@x.org", "3"), ("a@x.org", "4"))
    plan_orders(ledger, rows)
    assert ledger.standing.letters() == (1, 3)


def test_rows_of_one_message_are_one_letter(ledger):
    rows = orders(("a@x.org", "1"), ("a@x.org", "2"), ("b@x.org", "3"), group=("g",))
    plan_orders(ledger, rows, group_by=("place",))
    assert ledger.standing.letters() == (0, 0)


def test_a_duplicate_is_told_with_the_row_that_is_mailed(ledger):
    rows = orders(
        ("a@x.org", "1", "p"), ("a@x.org", "1", "p"), ("a@x.org", "1", "q"), ("b@x.org", "1", "p")
    )
    plan_orders(ledger, rows)
    mailed = rows[0].values
    assert list(ledger.standing.repeats()) == [
        (4, rows[2].values, mailed, None),
        (5, rows[3].values, mailed, "b@x.org"),
    ]


@pytest.mark.parametrize("text", ["a@x.org", "1"])
def test_a_name_is_found_by_an_index(ledger, text):
    plan_orders(ledger, orders(("a@x.org", "1")))
    wanted, value = named(ledger._database.connection, text)
    steps = ledger._database.connection.execute(
        f"EXPLAIN QUERY PLAN SELECT status FROM standing WHERE {wanted}",  # noqa: S608
        {"named": value},
    ).fetchall()
    assert not [step for *_, step in steps if step.startswith("SCAN r")], steps
