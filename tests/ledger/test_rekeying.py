"""A key that changes between two plans of one edition: mapped where certain, else refused."""

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import IdentityError
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.outcome import Status
from tests.ledger.earlier import rebuild
from tests.ledger.steps import LATER, NOW, open_ledger, plan, settle

ORDER = Identity(("order",), by_address=False)
CHILD = Identity(("child",), one_message=True)
COLUMNS = ("email", "order", "child")
#: The default of a job before it had keys, and that of `key: email`.
GROUPS = {"group_by": ("email", "child")}


def table(identity, *rows, grouped=False):
    """Rows (address, order, child) with the keys of an identity."""
    for line, (address, order, child) in enumerate(rows, start=2):
        cells = {"order": order, "child": child}
        key = identity.key_of(address, [cells[name] for name in identity.columns])
        yield Recipient(
            line, address, (address, order, child), (address, child) if grouped else None,
            key=None if identity.is_address else key,
        )  # fmt: skip


def plan_as(ledger, identity, *rows, grouped=False, **more):
    recipients = table(identity, *rows, grouped=grouped)
    by = GROUPS if grouped else {}
    return plan(ledger, recipients, columns=COLUMNS, identity=identity, **by, **more)


def mail(ledger, count=99, status=Status.ACCEPTED, **more):
    found = ledger.leases.lease(count, now=NOW)
    for delivery in found:
        settle(ledger, delivery, status, **more)
    return [delivery.rows[0].line for delivery in found]


def statuses(ledger):
    return [str(row.status) for row in ledger.standing.result_rows()]


A1, A2, B3 = ("a@x.org", "1", "Tom"), ("a@x.org", "2", "Lea"), ("b@x.org", "3", "Tom")


def test_while_nobody_was_mailed_the_key_is_free(ledger):
    """Whatever was planned before counts for nothing: the plan is that of a new ledger."""
    plan_as(ledger, BY_ADDRESS, A1, A2, B3)
    assert statuses(ledger) == ["pending", "duplicate", "pending"]
    plan_as(ledger, ORDER, A1, A2, B3)
    assert statuses(ledger) == ["pending"] * 3
    plan_as(ledger, BY_ADDRESS, A1, A2, B3)
    assert statuses(ledger) == ["pending", "duplicate", "pending"]
    plan_as(ledger, CHILD, A1, A2, B3, grouped=True)
    assert mail(ledger) == [2, 3, 4]


@pytest.mark.parametrize("identity", [ORDER, CHILD])
def test_who_was_mailed_has_the_key_of_the_row_and_is_not_mailed_again(ledger, identity):
    plan_as(ledger, BY_ADDRESS, A1, B3)
    assert mail(ledger, 1) == [2]
    plan_as(ledger, identity, A1, B3, grouped=identity is CHILD)
    assert statuses(ledger) == ["accepted", "pending"]
    assert mail(ledger) == [3]
    assert ledger.standing.identity() == identity
    plan_as(ledger, identity, A1, B3, grouped=identity is CHILD)
    assert mail(ledger) == []


def test_a_second_letter_to_somebody_who_has_one_is_refused(ledger):
    plan_as(ledger, BY_ADDRESS, A1, A2, B3)
    mail(ledger, 1)
    with pytest.raises(IdentityError, match=r"row 3 \(a@x.org\) would be mailed, and has") as told:
        plan_as(ledger, ORDER, A1, A2, B3)
    assert (told.value.before, told.value.acceptable) == ((None,), True)
    assert statuses(ledger) == ["accepted", "duplicate", "pending"], "as it was"
    assert ledger.standing.identity() == BY_ADDRESS


def test_a_second_letter_goes_out_where_somebody_accepts_that(ledger):
    plan_as(ledger, BY_ADDRESS, A1, A2, B3)
    mail(ledger, 1)
    plan_as(ledger, ORDER, A1, A2, B3, accept_changes=True)
    assert sorted(mail(ledger)) == [3, 4]


def test_a_doubt_and_a_resend_count_as_mail(ledger):
    plan_as(ledger, BY_ADDRESS, A1, A2)
    (delivery,) = ledger.leases.lease(1, now=NOW)
    settle(ledger, delivery, Status.IN_DOUBT, reply=None)
    with pytest.raises(IdentityError):
        plan_as(ledger, ORDER, A1, A2)
    ledger.doubts.resolve("resend", now=NOW)
    with pytest.raises(IdentityError):
        plan_as(ledger, ORDER, A1, A2)


def test_who_was_mailed_at_an_address_that_was_corrected_since_is_not_mailed_again(ledger):
    """The old key knows the row, the new one, the address, does not."""
    plan_as(ledger, ORDER, A1, B3)
    assert mail(ledger, 1) == [2]
    corrected = ("new@x.org", *A1[1:])
    plan_as(ledger, ORDER, corrected, B3)
    with pytest.raises(IdentityError, match=r"row 2 \(new@x.org\) would be mailed"):
        plan_as(ledger, BY_ADDRESS, corrected, B3)
    assert mail(ledger) == [3]


def test_two_who_were_mailed_cannot_become_one(ledger):
    plan_as(ledger, ORDER, A1, A2, B3)
    mail(ledger)
    with pytest.raises(IdentityError, match="have the same key now, and a message each") as told:
        plan_as(ledger, BY_ADDRESS, A1, A2, B3, accept_changes=True)
    assert told.value.before == ("order",)
    assert not told.value.acceptable


def test_two_addresses_of_one_message_cannot_become_one(ledger):
    """A group of one transaction: both have the message, and the delivery is one."""
    rows = [("a@x.org", "1", "Tom"), ("b@x.org", "2", "Tom")]
    plan_ = [Recipient(n, row[0], row, ("Tom",)) for n, row in enumerate(rows, start=2)]
    plan(ledger, plan_, columns=COLUMNS, group_by=("child",))
    assert mail(ledger) == [2]
    child = Identity(("child",), by_address=False)
    with pytest.raises(IdentityError, match="have the same key now, and a message each"):
        plan_as(ledger, child, *rows)


def test_a_forgotten_delivery_leaves_no_copy_behind(ledger):
    plan(ledger, [Recipient(2, "a@x.org", ("a@x.org",))], columns=("email",))
    (delivery,) = ledger.leases.lease(1, now=NOW)
    settle(ledger, delivery, Status.DEFERRED, reply=LATER, retry_at=NOW)
    plan(ledger, [Recipient(2, "a@x.org", ("a@x.org",))], columns=("email",))
    connection = ledger._database.connection
    connection.execute(
        "INSERT INTO copy (delivery_id, address, status) VALUES (?, 'boss@x.org', 'rejected')",
        (delivery.id,),
    )
    plan_as(ledger, ORDER, A1)
    assert connection.execute("SELECT count(*) FROM copy").fetchone() == (0,)


def test_of_two_that_become_one_the_mailed_one_stands_for_both(ledger):
    plan_as(ledger, ORDER, A1, A2, B3)
    assert mail(ledger, 1) == [2]
    plan_as(ledger, BY_ADDRESS, A1, A2, B3)
    assert statuses(ledger) == ["accepted", "duplicate", "pending"]
    assert mail(ledger) == [4]


def test_the_lines_of_one_letter_that_become_recipients_have_it_all(ledger):
    """group_by: [email], both orders in one letter: neither is mailed again by its order."""
    lines = [Recipient(n, *row[:1], row, ("a@x.org",)) for n, row in enumerate((A1, A2), start=2)]
    plan(ledger, lines, columns=COLUMNS, group_by=("email",))
    assert mail(ledger) == [2]
    plan_as(ledger, ORDER, A1, A2, B3)
    assert statuses(ledger) == ["accepted", "accepted", "pending"]
    assert mail(ledger) == [4]


def test_somebody_who_was_mailed_without_the_column_has_no_key(ledger):
    plan(ledger, [Recipient(2, "a@x.org", ("a@x.org",))], columns=("email",))
    mail(ledger)
    with pytest.raises(
        IdentityError, match=r"row 2 \(a@x.org\) was mailed without a value of 'order'"
    ):
        plan_as(ledger, ORDER, A1, accept_changes=True)


def test_a_column_whose_name_is_written_otherwise_is_the_same(ledger):
    """Its cells are the keys: whoever was mailed is known by them."""
    plan_as(ledger, ORDER, A1, A2, B3)
    assert mail(ledger, 2) == [2, 3]
    shouted = Identity(("ORDER",), by_address=False)
    rows = [Recipient(n, row[0], row, key=row[1]) for n, row in enumerate((A1, A2, B3), start=2)]
    plan(ledger, rows, columns=("EMAIL", "ORDER", "CHILD"), identity=shouted)
    assert statuses(ledger) == ["accepted", "accepted", "pending"]
    assert mail(ledger) == [4]


def test_a_column_of_another_name_is_another_one(ledger):
    """Two columns that differ in capitals: what was the key is not known by the other one."""
    rows = [Recipient(n, row[0], row, key=row[1]) for n, row in enumerate((A1, A2), start=2)]
    plan(
        ledger,
        rows,
        columns=("email", "Order", "ORDER"),
        identity=Identity(("Order",), by_address=False),
    )
    mail(ledger)
    other = Identity(("order",), by_address=False)
    with pytest.raises(IdentityError, match="was mailed without a value of 'order'"):
        plan(ledger, rows, columns=("email", "order", "child"), identity=other)


def test_somebody_who_is_pending_without_the_column_comes_anew(ledger):
    plan(ledger, [Recipient(2, "a@x.org", ("a@x.org",))], columns=("email",))
    plan_as(ledger, ORDER, A1, A2)
    assert mail(ledger) == [2, 3]


def test_keys_may_change_places(ledger):
    """The index of keys is unique at the end, and need not be on the way."""
    rows = [("a@x.org", "b@x.org", ""), ("b@x.org", "a@x.org", "")]
    plan_as(ledger, BY_ADDRESS, *rows)
    assert mail(ledger, 1) == [2]
    plan_as(ledger, ORDER, *rows)
    assert statuses(ledger) == ["accepted", "pending"]
    assert mail(ledger) == [3]


def test_a_new_name_under_another_key_is_not_that_of_an_old_message(ledger):
    """A key may look like an address that had a message of this edition."""
    rows = [("a@x.org", "b@x.org", ""), ("b@x.org", "a@x.org", "")]
    plan_as(ledger, BY_ADDRESS, *rows)
    (old,) = ledger.leases.lease(1, now=NOW)
    settle(ledger, old)
    plan_as(ledger, ORDER, *rows)
    (new,) = ledger.leases.lease(9, now=NOW)
    assert new.key == "a@x.org" == old.key
    assert new.message_id != old.message_id


def test_a_deferred_recipient_keeps_its_message_and_its_attempts(ledger):
    plan_as(ledger, BY_ADDRESS, A1, B3)
    (old,) = ledger.leases.lease(1, now=NOW)
    settle(ledger, old, Status.DEFERRED, reply=LATER, retry_at=NOW)
    plan_as(ledger, ORDER, A1, B3)
    again = next(d for d in ledger.leases.lease(9, now=NOW) if d.rows[0].line == 2)
    assert (again.message_id, again.date, again.attempt) == (old.message_id, old.date, 2)


# Ledgers of a mailbatch that knew addresses only


@pytest.mark.parametrize("version", [2, 3])
def test_an_earlier_ledger_is_one_of_addresses(path, version):
    rebuild("killed", path, version=version)
    with open_ledger(path) as ledger:
        assert ledger.standing.identity() == BY_ADDRESS


@pytest.fixture
def of_children(path):
    """An edition of the mailbatch before: `group_by: [email, child]`, keys of addresses."""
    with open_ledger(path) as ledger:
        plan_as(ledger, BY_ADDRESS, A1, A2, B3, grouped=True)
        yield ledger


def test_an_earlier_edition_of_children_goes_on_where_nobody_has_two(of_children):
    plan_as(of_children, BY_ADDRESS, A1, B3, grouped=True)
    assert mail(of_children, 1) == [2]
    plan_as(of_children, CHILD, A1, B3, grouped=True)
    assert mail(of_children) == [3]


def test_an_earlier_edition_of_children_is_refused_where_somebody_has_two(of_children):
    """Finished, say, with the second child left out: the next run must not mail it unasked."""
    assert mail(of_children) == [2, 4]
    with pytest.raises(IdentityError, match="row 3"):
        plan_as(of_children, CHILD, A1, A2, B3, grouped=True)
    plan_as(of_children, BY_ADDRESS, A1, A2, B3, grouped=True)
    assert mail(of_children) == [], "`key: email` goes on as before"
    plan_as(of_children, CHILD, A1, A2, B3, grouped=True, accept_changes=True)
    assert mail(of_children) == [3]
