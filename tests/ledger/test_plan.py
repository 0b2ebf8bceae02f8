"""The plan: rows become recipients, once per address, and stay what they are."""

import dataclasses

import pytest

from mailbatch.errors import LedgerError, RecipientError
from mailbatch.ledger.first_parts import MOST_GROUPS
from mailbatch.ledger.rows import PlanChange
from mailbatch.outcome import Status
from tests.ledger.steps import (
    NEVER,
    NOW,
    by_row,
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

P, A = Status.PENDING, Status.ACCEPTED


def test_new_rows_are_pending(ledger):
    assert plan(ledger, people("a@x.org", "b@x.org")) == PlanChange(rows=2, added=2)
    assert standing(ledger) == {"a@x.org": P, "b@x.org": P}


def test_a_first_plan_says_of_each_row_what_a_later_plan_says(ledger, folder):
    """The first one goes another way than all others, a block of rows at a time."""
    faults = {7: "invalid", 300: "suppressed", 511: "filtered", 513: "invalid"}
    rows = [
        row(
            number + 2,
            f"User{number % 400}@x.org",
            'say "x"' if number % 97 == 0 else "Ann\\b" if number % 89 == 0 else "Bo",
            status=faults.get(number, "pending"),
            reason=f"it is {faults[number]}" if number in faults else None,
        )
        for number in range(600)
    ]
    assert plan(ledger, rows, columns=("email", "name")) == PlanChange(rows=600, added=399)
    with open_ledger(folder / "later") as later:
        plan(later, people("old@x.org"), columns=("email", "name"))
        change = plan(later, rows, columns=("email", "name"))
        assert change == PlanChange(rows=600, added=399, withdrawn=1)
        known = by_row(later)
        assert known.pop(None).email == "old@x.org"
        assert list(later.standing.unfinished_rows()) == list(ledger.standing.unfinished_rows())
        found = [(one.key, one.rows) for one in later.leases.lease(999, now=NOW)]
    assert by_row(ledger) == known
    assert numbers(ledger) == {
        "pending": 399, "duplicate": 197, "invalid": 2, "suppressed": 1, "filtered": 1,
    }  # fmt: skip
    assert [(one.key, one.rows) for one in ledger.leases.lease(999, now=NOW)] == found


def test_a_first_plan_of_groups_says_what_a_later_plan_says(ledger, folder):
    """Parts are given out while the rows come; repeated rows and refused ones take no place."""
    faults = {3: "invalid", 299: "suppressed", 400: "filtered"}
    rows = [
        row(
            number + 2,
            f"user{number}@x.org",
            group=(f"lot{number % 3}", "x"),
            status=faults.get(number, "pending"),
            reason=faults.get(number),
        )
        for number in range(600)
    ]
    _compare(ledger, folder, rows, PlanChange(rows=600, added=597))


def test_a_first_plan_of_groups_with_repeated_rows_says_what_a_later_plan_says(ledger, folder):
    """A repeated row is a duplicate, or one more row of the message where the group is one."""
    rows = [
        row(number + 2, f"User{number % 400}@x.org", group=(f"lot{number % 3}",))
        for number in range(600)
    ]
    rows += [
        row(602 + number, "one@x.org", str(number), group=("alone",), status=status)
        for number, status in enumerate(("invalid", "pending", "pending", "pending"))
    ]
    rows.append(row(610, "one@x.org", group=("lot1",)))
    rows.append(row(611, "one@x.org", "9", group=("alone",)))
    _compare(ledger, folder, rows, PlanChange(rows=606, added=401))


def test_a_first_plan_of_more_groups_than_are_remembered(ledger):
    count = MOST_GROUPS + 300
    rows = [row(n + 2, f"u{n}@x.org", group=(f"lot{n % (count - 2)}",)) for n in range(count)]
    assert plan(ledger, rows, group_by=("lot",)) == PlanChange(rows=count, added=count)
    found = [(one.key, one.unsettled) for one in ledger.leases.lease(3, now=NOW)]
    assert found == [
        ("lot0#1", ("u0@x.org", f"u{count - 2}@x.org")),
        ("lot1#1", ("u1@x.org", f"u{count - 1}@x.org")),
        ("lot2#1", ("u2@x.org",)),
    ]
    assert ledger.plan.due_deliveries(count) == count - 2 - 3


def _compare(ledger, folder, rows, expected):
    """Plan rows as a first plan, and behind another one: all but the ids must be the same."""
    given = {"columns": ("email", "name"), "group_by": ("lot",), "limit": 50}
    assert plan(ledger, rows, **given) == expected
    with open_ledger(folder / "later") as later:
        plan(later, [row(2, "old@x.org", group=("old",))], **given)
        assert plan(later, rows, **given) == dataclasses.replace(expected, withdrawn=1)
        known = by_row(later)
        assert known.pop(None).email == "old@x.org"
        found = [(one.key, one.unsettled, one.rows) for one in later.leases.lease(99, now=NOW)]
        counts = numbers(later)
    assert by_row(ledger) == known
    assert numbers(ledger) == {k: n for k, n in counts.items() if k != "withdrawn"}
    assert [(one.key, one.unsettled, one.rows) for one in ledger.leases.lease(99, now=NOW)] == found


def test_a_row_with_a_group_wants_a_plan_that_groups(ledger):
    with pytest.raises(LedgerError, match="a row has a group, and the plan has none"):
        plan(ledger, people("a@x.org", group=("de",)))
    assert numbers(ledger) == {}


def test_rows_added_later_are_pending_and_the_mailed_stay_mailed(ledger):
    plan(ledger, people("a@x.org"))
    send(ledger)
    assert plan(ledger, people("b@x.org", "a@x.org")) == PlanChange(rows=2, added=1)
    assert standing(ledger) == {"a@x.org": A, "b@x.org": P}
    assert [delivery.unsettled for delivery in ledger.leases.lease(9, now=NOW)] == [("b@x.org",)]


def test_a_row_that_left_before_it_was_sent_is_withdrawn(ledger):
    plan(ledger, people("a@x.org", "b@x.org"))
    assert plan(ledger, people("a@x.org")) == PlanChange(rows=1, withdrawn=1)
    found = by_row(ledger)[None]
    assert (found.email, found.status) == ("b@x.org", Status.WITHDRAWN)
    assert found.reason == "the row left the table before it was sent"
    assert [delivery.unsettled for delivery in ledger.leases.lease(9, now=NOW)] == [("a@x.org",)]


def test_a_withdrawn_row_that_comes_back_is_pending_again(ledger):
    plan(ledger, people("a@x.org", "b@x.org"))
    plan(ledger, people("a@x.org"))
    assert plan(ledger, people("b@x.org", "a@x.org")) == PlanChange(rows=2, returned=1)
    assert numbers(ledger) == {"pending": 2}
    assert by_row(ledger)[2].reason is None


def test_a_deferred_row_that_left_is_withdrawn_and_keeps_its_history(ledger):
    plan(ledger, people("a@x.org"))
    send(ledger, Status.DEFERRED, retry_at=NOW + 60)
    plan(ledger, people("b@x.org"))
    found = by_row(ledger)[None]
    assert (found.status, found.attempts, found.reply) == (
        Status.WITHDRAWN,
        1,
        "Message queued as 0b3f-77",
    )
    assert ledger.leases.next_due() is None


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.REJECTED, Status.IN_DOUBT])
@pytest.mark.parametrize("new", ["gone", "suppressed", "filtered", "invalid"])
def test_settled_rows_stay_as_they_are(ledger, status, new):
    """Whatever the table says of them now."""
    plan(ledger, people("a@x.org"))
    send(ledger, status)
    rows = people("z@x.org") if new == "gone" else [row(7, "a@x.org", status=new, reason="listed")]
    plan(ledger, rows)
    found = by_row(ledger)[None if new == "gone" else 7]
    assert (found.email, found.status, found.reason) == ("a@x.org", status, None)


def test_a_skipped_row_stays_skipped(ledger):
    plan(ledger, people("a@x.org"))
    send(ledger, Status.IN_DOUBT, reply=None)
    ledger.doubts.resolve("skip", now=NOW)
    plan(ledger, [row(5, "a@x.org", "new")], columns=("email", "more"))
    assert by_row(ledger)[5].status is Status.SKIPPED


def test_line_numbers_are_always_taken_over(ledger):
    plan(ledger, people("a@x.org", "b@x.org"))
    send(ledger)
    plan(ledger, [row(9, "a@x.org"), row(12, "b@x.org")])
    assert {found.email: found.row for found in ledger.standing.result_rows()} == {
        "a@x.org": 9,
        "b@x.org": 12,
    }


def test_changed_fields_of_pending_rows_are_taken_over(ledger):
    plan(ledger, [row(2, "a@x.org", "Ada"), row(3, "b@x.org", "Bob")], columns=("email", "name"))
    change = plan(
        ledger, [row(2, "a@x.org", "Ada"), row(3, "b@x.org", "Bo")], columns=("email", "name")
    )
    assert change == PlanChange(rows=2, changed=1)
    assert [delivery.rows[0].values for delivery in ledger.leases.lease(9, now=NOW)] == [
        ("a@x.org", "Ada"),
        ("b@x.org", "Bo"),
    ]


def test_a_rejected_row_that_is_reopened_has_its_new_fields(ledger):
    plan(ledger, [row(2, "a@x.org", "Ada")], columns=("email", "name"))
    send(ledger, Status.REJECTED, reply=NEVER)
    plan(ledger, [row(2, "a@x.org", "Eva")], columns=("email", "name"))
    assert ledger.plan.reopen_rejected() == 1
    assert lease_one(ledger).rows[0].values == ("a@x.org", "Eva")


@pytest.mark.parametrize("status", ["suppressed", "filtered", "invalid"])
def test_rows_that_are_not_wanted_are_recorded_with_their_reason(ledger, status):
    plan(ledger, [row(2, "a@x.org"), row(3, "b@x.org", status=status, reason="because")])
    found = by_row(ledger)[3]
    assert (found.status, found.reason, found.attempts) == (status, "because", 0)
    assert len(ledger.leases.lease(9, now=NOW)) == 1


@pytest.mark.parametrize("status", ["suppressed", "filtered", "invalid"])
def test_pending_rows_take_the_status_that_the_table_gives_them_now(ledger, status):
    plan(ledger, people("a@x.org", "b@x.org"))
    change = plan(ledger, [row(2, "a@x.org", status=status, reason="because"), row(3, "b@x.org")])
    assert change == PlanChange(rows=2, stopped=1)
    assert by_row(ledger)[2].reason == "because"
    assert numbers(ledger) == {"pending": 1, status: 1}
    (left,) = ledger.leases.lease(9, now=NOW)
    assert left.unsettled == ("b@x.org",)
    ledger.records.release([left.id])
    assert plan(ledger, people("a@x.org", "b@x.org")) == PlanChange(rows=2, returned=1)
    assert numbers(ledger) == {"pending": 2}


def test_a_deferred_row_with_other_fields_stays_deferred_until_it_is_due(ledger):
    plan(ledger, [row(2, "a@x.org", "Ada")], columns=("email", "name"))
    send(ledger, Status.DEFERRED, retry_at=NOW + 60)
    change = plan(ledger, [row(7, "a@x.org", "Eva")], columns=("email", "name"))
    assert change == PlanChange(rows=1, changed=1)
    assert (by_row(ledger)[7].status, ledger.leases.next_due()) == (Status.DEFERRED, NOW + 60)
    again = lease_one(ledger, now=NOW + 60)
    assert (again.rows[0].values, again.attempt) == (("a@x.org", "Eva"), 2)


def test_a_deferred_row_that_is_suppressed_now_is_not_tried_again(ledger):
    plan(ledger, people("a@x.org"))
    send(ledger, Status.DEFERRED, retry_at=NOW + 5)
    plan(ledger, [row(2, "a@x.org", status="suppressed", reason="on a list")])
    ledger.plan.reopen_deferred()
    assert numbers(ledger) == {"suppressed": 1}
    assert ledger.leases.lease(9, now=NOW + 99) == []


def test_an_address_that_stood_in_an_earlier_row_is_a_duplicate(ledger):
    plan(ledger, people("a@x.org", "b@x.org", "A@X.org", "a@x.org"))
    found = by_row(ledger)
    assert [found[line].status for line in (2, 3, 4, 5)] == [P, P, "duplicate", "duplicate"]
    assert found[4].reason == found[5].reason == "same address as row 2"
    assert len(ledger.leases.lease(9, now=NOW)) == 2


def test_an_address_of_a_mailed_recipient_is_a_duplicate_too(ledger):
    plan(ledger, people("a@x.org"))
    send(ledger)
    plan(ledger, people("a@x.org", "a@x.org"))
    assert [found.status for found in ledger.standing.result_rows()] == [A, "duplicate"]


def test_a_row_that_is_not_wanted_does_not_make_a_later_one_a_duplicate(ledger):
    plan(ledger, [row(2, "a@x.org", status="filtered"), row(3, "a@x.org")])
    assert [found.status for found in ledger.standing.result_rows()] == ["filtered", P]


def test_when_the_first_row_leaves_the_later_one_stands_for_the_address(ledger):
    plan(ledger, people("a@x.org", "b@x.org", "a@x.org"))
    send(ledger)
    plan(ledger, [row(2, "b@x.org"), row(3, "a@x.org")])
    assert [(found.row, found.status) for found in ledger.standing.result_rows()] == [
        (2, A),
        (3, A),
    ]


def test_the_case_of_an_address_may_change(ledger):
    """The identity is the address in lower case; the new spelling goes on the wire."""
    plan(ledger, people("a@x.org"))
    plan(ledger, people("A@x.org"))
    assert lease_one(ledger).unsettled == ("A@x.org",)


def test_the_case_of_a_non_ascii_address_is_folded_too(ledger):
    plan(ledger, people("ä@x.org", "Ä@x.org"))
    assert numbers(ledger) == {"pending": 1, "duplicate": 1}


def test_an_unchanged_table_changes_nothing(ledger, path):
    rows = [*people("a@x.org", "b@x.org", "a@x.org"), row(9, "c@x.org", status="filtered")]
    plan(ledger, rows)
    before = list(ledger.standing.result_rows())
    change = plan(ledger, rows)
    assert change == PlanChange(rows=4)
    assert not change
    assert list(ledger.standing.result_rows()) == before


def test_the_new_columns_hold_for_the_rows_that_are_not_settled(ledger):
    plan(ledger, [row(2, "a@x.org", "Ada")], columns=("email", "name"))
    plan(ledger, [row(2, "a@x.org", "de")], columns=("email", "locale"))
    assert ledger.standing.columns() == ("email", "locale")
    assert lease_one(ledger).rows[0].values == ("a@x.org", "de")


def test_a_mistake_in_the_table_leaves_the_old_plan_standing(ledger):
    plan(ledger, people("a@x.org"))

    def rows():
        yield row(2, "b@x.org")
        raise RecipientError("ragged")

    with pytest.raises(RecipientError, match="ragged"):
        plan(ledger, rows())
    assert standing(ledger) == {"a@x.org": P}
    assert plan(ledger, people("b@x.org")).added == 1


def test_an_empty_table_withdraws_everybody(ledger):
    plan(ledger, people("a@x.org"))
    plan(ledger, [])
    assert numbers(ledger) == {"withdrawn": 1}


def test_rows_found_invalid_in_rendering_are_asked_for_again(ledger):
    """The attachment may be there now: the same table makes them pending again."""
    rows = people("a@x.org", "b@x.org")
    plan(ledger, rows)
    ledger.records.invalidate(lease_one(ledger).id, "no attachment", now=NOW)
    assert by_row(ledger)[2].reason == "no attachment"
    assert plan(ledger, rows) == PlanChange(rows=2, returned=1)
    assert numbers(ledger) == {"pending": 2}
    assert by_row(ledger)[2].reason is None


@pytest.mark.parametrize("new", ["gone", "suppressed", "filtered", "invalid"])
def test_somebody_to_be_resent_who_is_not_wanted_any_more_is_in_doubt_again(ledger, new):
    """They may have the message: that must not be lost with the row."""
    plan(ledger, people("a@x.org", "b@x.org"))
    send(ledger, Status.IN_DOUBT, reply=None)
    rows = people("b@x.org")
    if new != "gone":
        rows.append(row(3, "a@x.org", status=new, reason="listed"))
    plan(ledger, rows)
    ledger.doubts.resolve("resend", address="a@x.org", now=NOW)
    assert numbers(ledger) == {"pending": 1, "in_doubt": 1}
    assert plan(ledger, rows) == PlanChange(rows=len(rows))
    assert numbers(ledger) == {"in_doubt": 2}
    first, *_ = sorted(ledger.doubts.in_doubt(), key=lambda doubt: doubt.address)
    assert "in doubt, and not wanted any more" in first.reason
    assert ledger.leases.lease(9, now=NOW) == []


def test_a_plan_while_deliveries_are_leased_is_refused(ledger):
    plan(ledger, people("a@x.org"))
    lease_one(ledger)
    with pytest.raises(LedgerError, match="while deliveries are leased"):
        plan(ledger, people("b@x.org"))
    assert standing(ledger) == {"a@x.org": P}


def test_the_plan_survives_the_end_of_the_process(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org", "b@x.org"))
        settle(ledger, lease_one(ledger))
    with open_ledger(path) as ledger:
        assert plan(ledger, people("a@x.org", "b@x.org")) == PlanChange(rows=2)
        assert standing(ledger) == {"a@x.org": A, "b@x.org": P}


def test_the_table_knows_its_addresses(ledger):
    plan(ledger, [*people("a@x.org"), row(3, "s@x.org", status="suppressed")])
    assert ledger.plan.knows("A@x.org")
    assert ledger.plan.knows("s@x.org")
    assert not ledger.plan.knows("b@x.org")
    plan(ledger, people("b@x.org"))
    assert not ledger.plan.knows("a@x.org")


class Counted:
    """Rows that can be read again and again, and that count how many were read."""

    def __init__(self, rows):
        self.rows = rows
        self.read = 0

    def __iter__(self):
        for one in self.rows:
            self.read += 1
            yield one


@pytest.mark.parametrize(("place", "read"), [(None, 18_000), (0, 34_384), (17_999, 36_000)])
def test_a_table_is_laid_aside_only_where_it_changed(ledger, place, read):
    """What is planned already is read once, and what changed among the first rows little more."""
    rows = people(*(f"{number}@x.org" for number in range(18_000)))
    plan(ledger, rows)
    if place is not None:
        rows[place] = row(place + 2, "new@x.org")
    again = Counted(rows)
    changed = 0 if place is None else 1
    assert plan(ledger, again) == PlanChange(rows=18_000, added=changed, withdrawn=changed)
    assert again.read == read
    assert plan(ledger, iter(rows)) == PlanChange(rows=18_000)
