"""Groups: one message for the rows with equal values, in parts where there are many addresses."""

import pytest

from mailbatch.identity import Identity
from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    TAKEN,
    by_row,
    lease_one,
    numbers,
    people,
    plan,
    row,
    send,
    settle,
)

DE, EN = ("de", "pro"), ("en", "pro")
BY = {"group_by": ("locale", "plan")}


def parts(ledger):
    """The addresses of every delivery that is due, by its key."""
    return {delivery.key: delivery.unsettled for delivery in ledger.leases.lease(99, now=NOW)}


def test_rows_with_equal_values_form_one_delivery(ledger):
    rows = [row(2, "a@x.org", group=DE), row(3, "b@x.org", group=EN), row(4, "c@x.org", group=DE)]
    plan(ledger, rows, **BY)
    assert parts(ledger) == {"de/pro#1": ("a@x.org", "c@x.org"), "en/pro#1": ("b@x.org",)}


def test_a_group_is_split_at_the_limit(ledger):
    plan(ledger, people(*"abcde", group=DE), limit=2, **BY)
    assert parts(ledger) == {
        "de/pro#1": ("a", "b"),
        "de/pro#2": ("c", "d"),
        "de/pro#3": ("e",),
    }


def test_a_template_of_several_addresses_gets_the_first_row_only(ledger):
    plan(ledger, [row(2, "a@x.org", "1", group=DE), row(3, "b@x.org", "2", group=DE)], **BY)
    delivery = lease_one(ledger)
    assert [found.line for found in delivery.rows] == [2]
    assert delivery.rows[0].group == DE


def test_rows_of_one_mailbox_share_a_message_however_they_spell_the_address(ledger):
    rows = [row(2, "pat@x.org", "1", group=("pat@x.org",))]
    rows += [row(3, "Pat@x.org", "2", group=("Pat@x.org",)), row(4, "b@x.org", group=("b@x.org",))]
    plan(ledger, rows, group_by=("email",), identity=Identity(one_message=True))
    delivery = lease_one(ledger)
    assert delivery.addresses == ("pat@x.org",)
    assert [found.values[1] for found in delivery.rows] == ["1", "2"]


def test_rows_of_one_customer_share_a_delivery_and_its_status(ledger):
    """group_by: [email], three order lines: one message that sees all of them."""
    rows = [row(n, "a@x.org", str(n), group=("a@x.org",)) for n in (2, 3, 5)]
    rows.insert(2, row(4, "b@x.org", group=("b@x.org",)))
    plan(ledger, rows, group_by=("email",))
    delivery = lease_one(ledger)
    assert delivery.unsettled == delivery.addresses == ("a@x.org",)
    assert [found.values[1] for found in delivery.rows] == ["2", "3", "5"]
    settle(ledger, delivery)
    assert [found.status for found in ledger.standing.result_rows()] == [
        "accepted",
        "accepted",
        "pending",
        "accepted",
    ]
    assert numbers(ledger) == {"accepted": 3, "pending": 1}
    assert by_row(ledger)[5].message_id == "0b3f-77"


def test_an_order_line_that_comes_later_shares_what_is_settled(ledger):
    rows = [row(2, "a@x.org", "1", group=("a@x.org",))]
    plan(ledger, rows, group_by=("email",))
    send(ledger)
    plan(ledger, [*rows, row(3, "a@x.org", "2", group=("a@x.org",))], group_by=("email",))
    found = by_row(ledger)[3]
    assert (found.status, found.attempts, found.reply) == (
        "accepted",
        1,
        "Message queued as 0b3f-77",
    )


def test_a_repeated_address_in_a_group_of_several_is_a_duplicate(ledger):
    rows = people("a@x.org", "b@x.org", "a@x.org", group=DE)
    plan(ledger, rows, **BY)
    assert by_row(ledger)[4].reason == "same address as row 2"
    assert numbers(ledger) == {"pending": 2, "duplicate": 1}
    assert parts(ledger) == {"de/pro#1": ("a@x.org", "b@x.org")}


def test_an_address_of_another_group_is_a_duplicate(ledger):
    plan(ledger, [row(2, "a@x.org", group=DE), row(3, "a@x.org", group=EN)], **BY)
    assert [found.status for found in ledger.standing.result_rows()] == ["pending", "duplicate"]
    assert parts(ledger) == {"de/pro#1": ("a@x.org",)}


def test_a_second_address_turns_the_shared_rows_into_duplicates(ledger):
    rows = people("a@x.org", "a@x.org", group=DE)
    plan(ledger, rows, **BY)
    assert numbers(ledger) == {"pending": 2}
    plan(ledger, [*rows, row(9, "b@x.org", group=DE)], **BY)
    assert numbers(ledger) == {"pending": 2, "duplicate": 1}


def test_new_rows_join_a_delivery_that_was_never_leased(ledger):
    plan(ledger, people("a", "b", group=DE), limit=3, **BY)
    plan(ledger, people("a", "b", "c", "d", group=DE), limit=3, **BY)
    assert parts(ledger) == {"de/pro#1": ("a", "b", "c"), "de/pro#2": ("d",)}


def test_new_rows_do_not_join_a_delivery_that_was_tried(ledger):
    plan(ledger, people("a", "b", group=DE), **BY)
    send(ledger, Status.DEFERRED, retry_at=NOW, reply=LATER)
    plan(ledger, people("a", "b", "c", group=DE), **BY)
    assert parts(ledger) == {"de/pro#1": ("a", "b"), "de/pro#2": ("c",)}


def test_new_rows_join_a_delivery_that_was_leased_and_not_tried(ledger):
    plan(ledger, people("a", group=DE), **BY)
    ledger.records.release([lease_one(ledger).id])
    plan(ledger, people("a", "c", group=DE), **BY)
    assert parts(ledger) == {"de/pro#1": ("a", "c")}


def test_a_row_that_changes_its_group_changes_its_delivery(ledger):
    plan(ledger, people("a", "b", group=DE), **BY)
    plan(ledger, [row(2, "a", group=DE), row(3, "b", group=EN)], **BY)
    assert parts(ledger) == {"de/pro#1": ("a",), "en/pro#1": ("b",)}


def test_deliveries_without_recipients_vanish(ledger):
    plan(ledger, [row(2, "a", group=DE), row(3, "b", group=EN)], **BY)
    plan(ledger, people("a", group=DE), **BY)
    assert parts(ledger) == {"de/pro#1": ("a",)}


def test_a_part_number_is_never_given_twice(ledger):
    """A Message-ID names one content for ever, even if its delivery is gone."""
    plan(ledger, people("a", group=DE), **BY)
    send(ledger, Status.DEFERRED, retry_at=NOW)
    plan(ledger, people("a", group=EN), **BY)
    plan(ledger, people("a", group=DE), **BY)
    assert parts(ledger) == {"de/pro#2": ("a",)}


def test_a_smaller_limit_splits_what_is_not_settled(ledger):
    plan(ledger, people(*"abcd", group=DE), limit=4, **BY)
    plan(ledger, people(*"abcd", group=DE), limit=2, **BY)
    assert parts(ledger) == {"de/pro#1": ("a", "b"), "de/pro#2": ("c", "d")}


def test_a_withdrawn_member_of_a_delivery_that_was_tried_stays_among_its_addresses(ledger):
    """`to: group` shows them: what the others get must not change."""
    plan(ledger, people("a", "b", group=DE), **BY)
    send(ledger, Status.DEFERRED, retry_at=NOW)
    plan(ledger, people("a", group=DE), **BY)
    delivery = lease_one(ledger)
    assert (delivery.unsettled, delivery.addresses) == (("a",), ("a", "b"))


def test_a_withdrawn_member_of_a_delivery_that_was_not_tried_is_gone(ledger):
    plan(ledger, people("a", "b", group=DE), **BY)
    plan(ledger, people("a", group=DE), **BY)
    assert lease_one(ledger).addresses == ("a",)


def test_members_are_settled_each_by_their_own_outcome(ledger):
    plan(ledger, people("a", "b", "c", group=DE), **BY)
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    ledger.records.settle(
        delivery.id,
        [
            Outcome("a", Status.ACCEPTED, TAKEN),
            Outcome("b", Status.DEFERRED, LATER),
            Outcome("c", Status.PENDING, None, "too many recipients", counted=False),
        ],
        now=NOW,
        retry_at=NOW + 60,
    )
    again = lease_one(ledger)
    assert (again.unsettled, again.addresses) == (("c",), ("a", "b", "c"))
    assert (again.id, again.message_id, again.date) == (
        delivery.id,
        delivery.message_id,
        delivery.date,
    )
    settle(ledger, again, now=NOW + 1)
    assert ledger.leases.lease(9, now=NOW + 59) == []
    assert lease_one(ledger, now=NOW + 60).unsettled == ("b",)
    assert {f.email: f.attempts for f in ledger.standing.result_rows()} == {"a": 1, "b": 1, "c": 1}


def test_grouping_may_be_switched_on_for_those_who_are_not_mailed(ledger):
    plan(ledger, people("a", "b", "c"))
    settle(ledger, lease_one(ledger))
    plan(ledger, people("a", "b", "c", group=DE), **BY)
    assert parts(ledger) == {"de/pro#1": ("b", "c")}
    assert by_row(ledger)[2].status == "accepted"


def test_grouping_may_be_switched_off_for_those_who_are_not_mailed(ledger):
    plan(ledger, people("a", "b", group=DE), **BY)
    plan(ledger, people("a", "b"))
    assert parts(ledger) == {"a": ("a",), "b": ("b",)}


def test_group_values_are_told_apart_in_keys_and_results(ledger):
    groups = [("a/b", "c"), ("a", "b/c"), ("a\\", "b"), ("", ""), ("a", "", "")]
    plan(ledger, [row(2 + n, f"{n}@x.org", group=g) for n, g in enumerate(groups)], **BY)
    shown = [found.group for found in ledger.standing.result_rows()]
    assert shown == [r"a\/b/c", r"a/b\/c", r"a\\/b", "/", "a//"]
    assert len(parts(ledger)) == 5


def test_whether_messages_are_shared_is_known(ledger):
    plan(ledger, people("a", "b"))
    assert not ledger.plan.shares_messages()
    plan(ledger, [row(2, "a", group=DE), row(3, "b", group=EN)], **BY)
    assert not ledger.plan.shares_messages()
    plan(ledger, people("a", "b", group=DE), **BY)
    assert ledger.plan.shares_messages()


def test_a_lot_of_large_groups_is_smaller_than_asked_for(ledger):
    """All of its recipients are in the memory."""
    plan(ledger, people(*(f"p{n}@x.org" for n in range(20_000)), group=("g",)), group_by=("g",))
    lots = [len(ledger.leases.lease(32, now=NOW)) for _ in range(3)]
    assert lots == [17, 3, 0]


def test_a_group_is_leased_as_its_members_stand(ledger):
    """Nobody who is settled, or whose address another row has, is in the way of the others."""
    table = [row(2, "a", group=("g",)), row(3, "b", group=("g",)), row(4, "c", group=("g",))]
    plan(ledger, table, group_by=("g",))
    delivery = lease_one(ledger)
    assert (delivery.unsettled, delivery.addresses, delivery.attempt) == (tuple("abc"),) * 2 + (1,)
    assert [found.address for found in delivery.rows] == ["a"]
    ledger.records.commit_point(delivery.id)
    outcomes = [
        Outcome("a", Status.REJECTED, NEVER),
        Outcome("b", Status.DEFERRED, LATER),
        Outcome("c", Status.DEFERRED, LATER),
    ]
    ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=NOW)
    again = lease_one(ledger)
    assert (again.unsettled, again.addresses, again.attempt) == (("b", "c"), tuple("abc"), 2)
    assert [found.address for found in again.rows] == ["b"]


def test_parts_are_sent_in_the_order_of_the_table(ledger):
    """Each by its first recipient, whether the groups lie mixed in the table or not."""
    groups = ("de", "en", "de", "en", "de", "fr", "fr", "fr", "en", "en")
    table = [row(n, f"p{n}@x.org", group=(name,)) for n, name in enumerate(groups, start=2)]
    plan(ledger, table, group_by=("g",), limit=2)
    found = [(d.key, d.unsettled[0]) for d in ledger.leases.lease(9, now=NOW)]
    assert found == [
        ("de#1", "p2@x.org"),
        ("en#1", "p3@x.org"),
        ("de#2", "p6@x.org"),
        ("fr#1", "p7@x.org"),
        ("fr#2", "p9@x.org"),
        ("en#2", "p10@x.org"),
    ]


@pytest.mark.parametrize("most", [None, 10])
def test_groups_that_lie_mixed_in_the_table_are_leased_each_with_its_own_rows(ledger, most):
    """In their order. A lot that is large ends; it has more deliveries where these are cut."""
    names = [[f"p{n}@x.org" for n in range(group, 30_000, 3)] for group in range(3)]
    table = [row(n + 2, f"p{n}@x.org", group=(f"g{n % 3}",)) for n in range(30_000)]
    plan(ledger, table, group_by=("g",), limit=10_000)
    lot = ledger.leases.lease(3, now=NOW, most=most)
    assert len(lot) == (3 if most else 2)
    lot += ledger.leases.lease(3, now=NOW, most=most)
    assert [list(one.unsettled) for one in lot] == [group[:most] for group in names]
    assert [one.rows[0].address for one in lot] == [group[0] for group in names]
