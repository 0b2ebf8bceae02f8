"""Rows at an address that a message went to already, by another key: exchanged, corrected, new."""

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import IdentityError, OverlapError, Reason
from mailbatch.identity import Identity
from mailbatch.ledger.rows import KeyedRow, Moved
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from tests.ledger.steps import LATER, NEVER, NOW, plan, settle

ORDER = Identity(("order",), by_address=False, given=True)
CHILD = Identity(("order",), one_message=True)
A1, B2 = ("a@x.org", "1"), ("b@x.org", "2")
SWAPPED = (("a@x.org", "2"), ("b@x.org", "1"))


def table(identity, *rows, status="pending"):
    for line, (address, order) in enumerate(rows, start=2):
        group = (address, order) if identity is CHILD else None
        key = identity.key_of(address, (order,))
        yield Recipient(line, address, (address, order), group, status, None, key)


def plan_as(ledger, *rows, identity=ORDER, **more):
    by = ("email", "order") if identity is CHILD else ()
    recipients = table(identity, *rows)
    return plan(
        ledger, recipients, columns=("email", "order"), group_by=by, identity=identity, **more
    )


def mail(ledger, status=Status.ACCEPTED, count=99, **more):
    found = ledger.leases.lease(count, now=NOW)
    for delivery in found:
        settle(ledger, delivery, status, **more)
    return [delivery.unsettled[0] for delivery in found]


def keyed(*rows, identity=ORDER):
    return [
        KeyedRow(one.line, one.address, one.key, "[]", one.status == "pending")
        for one in table(identity, *rows)
    ]


def read(ledger, question):
    """The answer of a reader beside the run: outcomes are not folded yet."""
    with Ledger.read(ledger.path, boot_id="boot-1") as reader:
        answer = question(reader.standing)
        return answer if answer is None else list(answer)


def overlap(ledger, *rows, identity=ORDER):
    read(ledger, lambda standing: standing.check_overlap(identity, keyed(*rows, identity=identity)))


def found(ledger, *rows, identity=ORDER):
    """The refusal of a plan of these rows, as a reader is told of it; the plan gives the same."""
    told = []
    for attempt in (
        lambda: overlap(ledger, *rows, identity=identity),
        lambda: plan_as(ledger, *rows, identity=identity),
    ):
        with pytest.raises(OverlapError) as caught:
            attempt()
        error = caught.value
        told.append((error.reason, error.rows, error.number))
    assert told[0] == told[1]
    return told[0]


@pytest.fixture
def begun(ledger):
    """a@x.org has the message by the key 1; b@x.org waits with the key 2."""
    plan_as(ledger, A1, B2)
    mail(ledger, count=1)
    return ledger


def test_keys_that_were_exchanged_are_refused(begun):
    reason, rows, number = found(begun, *SWAPPED)
    assert (reason, number) == (Reason.KEYS_EXCHANGED, 1)
    assert rows == (
        (2, "a@x.org has a message by another key, that of row 3 (b@x.org) now"),
    )  # fmt: skip
    plan_as(begun, A1, B2)
    assert mail(begun) == ["b@x.org"], "as it was"


@pytest.mark.parametrize("status", [Status.DEFERRED, Status.REJECTED])
def test_the_other_one_may_have_been_tried(begun, status):
    mail(begun, status, reply=LATER if status is Status.DEFERRED else NEVER, retry_at=NOW)
    assert found(begun, *SWAPPED)[0] is Reason.KEYS_EXCHANGED


def test_the_other_one_may_be_new(ledger):
    plan_as(ledger, A1)
    mail(ledger)
    assert found(ledger, *SWAPPED)[0] is Reason.KEYS_EXCHANGED


def test_a_doubt_and_a_resend_count_as_mail(ledger):
    plan_as(ledger, A1)
    mail(ledger, Status.IN_DOUBT, reply=None)
    assert found(ledger, *SWAPPED)[0] is Reason.KEYS_EXCHANGED
    ledger.doubts.resolve("resend", now=NOW)
    assert found(ledger, *SWAPPED)[0] is Reason.KEYS_EXCHANGED


def test_exchanged_keys_are_mailed_where_somebody_accepts_that(begun):
    plan_as(begun, *SWAPPED, accept_changes=True)
    assert mail(begun) == ["a@x.org"]
    plan_as(begun, *SWAPPED)
    assert mail(begun) == []


def test_the_first_ten_rows_are_named(ledger):
    before = [(f"a{n}@x.org", str(n)) for n in range(12)]
    plan_as(ledger, *before)
    mail(ledger)
    after = [(f"a{n}@x.org", str(n + 12)) for n in range(12)]
    moved = [(f"b{n}@x.org", str(n)) for n in range(12)]
    _, rows, number = found(ledger, *after, *moved)
    assert (len(rows), number, rows[0][0]) == (10, 12, 2)


def test_who_waits_at_the_address_already_is_not_exchanged(ledger):
    """Two letters of one address; that of the first row is corrected behind its message."""
    plan_as(ledger, A1, ("a@x.org", "2"))
    mail(ledger, count=1)
    corrected = (("new@x.org", "1"), ("a@x.org", "2"))
    overlap(ledger, *corrected)
    plan_as(ledger, *corrected)
    assert mail(ledger) == ["a@x.org"]


def test_a_further_order_is_mailed(begun):
    rows = (A1, B2, ("a@x.org", "3"))
    overlap(begun, *rows)
    plan_as(begun, *rows)
    assert begun.standing.further() == 0, "the table shows both"
    assert sorted(mail(begun)) == ["a@x.org", "b@x.org"]


def test_a_new_order_in_the_place_of_the_old_one_is_mailed_and_counted(begun):
    rows = (("a@x.org", "3"), B2)
    overlap(begun, *rows)
    plan_as(begun, *rows)
    assert begun.standing.further() == 1
    assert sorted(mail(begun)) == ["a@x.org", "b@x.org"]
    assert begun.standing.further() == 0, "it has the message"


def test_a_repeated_key_is_not_mailed_and_not_refused(begun):
    """Row 3 is a duplicate: the first row of the key stands for both."""
    rows = (("b@x.org", "2"), ("a@x.org", "2"), ("c@x.org", "1"))
    overlap(begun, *rows)
    plan_as(begun, *rows)
    assert mail(begun) == ["b@x.org"]


def test_a_corrected_cell_of_a_group_makes_no_second_letter_unasked(ledger):
    plan_as(ledger, A1, identity=CHILD)
    mail(ledger)
    reason, rows, number = found(ledger, ("a@x.org", "one"), identity=CHILD)
    assert (reason, number) == (Reason.GROUPING_CHANGED, 1)
    assert rows == ((2, "a@x.org has a message by a row that has left the table"),)
    plan_as(ledger, A1, ("a@x.org", "2"), identity=CHILD)
    assert mail(ledger) == ["a@x.org"], "a second child, beside the first one"
    plan_as(ledger, ("a@x.org", "one"), identity=CHILD, accept_changes=True)
    assert mail(ledger) == ["a@x.org"]


def test_a_key_of_address_and_name_that_was_asked_for_goes_on(ledger):
    identity = Identity(("order",), by_address=True, given=True)
    plan_as(ledger, A1, identity=identity)
    mail(ledger)
    plan_as(ledger, ("a@x.org", "one"), identity=identity)
    assert (ledger.standing.further(), mail(ledger)) == (1, ["a@x.org"])


# Settled recipients whose row has another address


def reasons(ledger):
    return [(row.email, row.reason) for row in ledger.standing.result_rows()]


def test_a_settled_recipient_tells_of_the_address_that_the_table_has_now(begun):
    moved = (("new@x.org", "1"), B2)
    assert read(begun, lambda standing: standing.moved(keyed(*moved))) == [
        Moved(2, "new@x.org", "a@x.org", Status.ACCEPTED)
    ]
    plan_as(begun, *moved)
    assert reasons(begun)[0] == ("a@x.org", "the table has new@x.org now")
    plan_as(begun, ("newer@x.org", "1"), B2)
    assert reasons(begun)[0] == ("a@x.org", "the table has newer@x.org now")
    plan_as(begun, A1, B2)
    assert reasons(begun)[0] == ("a@x.org", None)
    assert read(begun, lambda standing: standing.moved(keyed(A1, B2))) == []
    plan_as(begun, *moved)
    plan_as(begun, B2)
    assert reasons(begun)[-1] == ("a@x.org", None), "it left the table"


def test_another_spelling_is_the_same_address(begun):
    plan_as(begun, ("A@X.org", "1"), B2)
    assert reasons(begun)[0] == ("a@x.org", None)
    assert read(begun, lambda standing: standing.moved(keyed(("A@X.org", "1"), B2))) == []


def test_the_reason_of_a_decision_stays(ledger):
    plan_as(ledger, A1)
    mail(ledger, Status.IN_DOUBT, reply=None)
    ledger.doubts.resolve("skip", now=NOW)
    plan_as(ledger, ("new@x.org", "1"))
    assert reasons(ledger) == [("a@x.org", "resolved as skipped; the table has new@x.org now")]
    plan_as(ledger, A1)
    assert reasons(ledger) == [("a@x.org", "resolved as skipped")]


# A message that may have arrived is of the address that it went to


@pytest.mark.parametrize("attempted", [None, Status.DEFERRED, Status.REJECTED])
def test_a_resend_never_goes_to_another_address(ledger, attempted):
    plan_as(ledger, A1)
    (delivery,) = ledger.leases.lease(1, now=NOW)
    settle(ledger, delivery, Status.IN_DOUBT, reply=None)
    ledger.doubts.resolve("resend", now=NOW)
    if attempted is not None:
        reply = LATER if attempted is Status.DEFERRED else NEVER
        mail(ledger, attempted, reply=reply, retry_at=NOW)
    rows = (("new@x.org", "1"),)
    (foretold,) = read(ledger, lambda standing: standing.mailed_statuses(keyed(*rows)))
    plan_as(ledger, *rows)
    (row,) = ledger.standing.result_rows()
    assert (row.email, row.header_message_id) == ("a@x.org", delivery.message_id)
    assert row.status == foretold
    assert mail(ledger) == []
    if attempted is not Status.REJECTED:
        (doubt,) = ledger.doubts.in_doubt()
        assert (doubt.address, doubt.message_id) == ("a@x.org", delivery.message_id)
        assert doubt.reason.endswith("not wanted any more; the table has new@x.org now")
        ledger.doubts.resolve("accepted", now=NOW)
        assert reasons(ledger)[0][0] == "a@x.org"


# What a reader foretells


def test_a_refused_recipient_with_a_corrected_address_is_foretold_as_pending(ledger):
    plan_as(ledger, A1)
    mail(ledger, Status.REJECTED, reply=NEVER)
    corrected = ("new@x.org", "1")
    assert read(ledger, lambda standing: standing.mailed_statuses(keyed(A1))) == [Status.REJECTED]
    assert read(ledger, lambda standing: standing.mailed_statuses(keyed(corrected))) == [
        Status.PENDING
    ]
    plan_as(ledger, corrected)
    assert mail(ledger) == ["new@x.org"]


def test_a_reader_that_stops_early_or_is_refused_leaves_nothing_behind(begun):
    plan_as(begun, A1, B2)
    other = Identity(("place",), by_address=False)
    with Ledger.read(begun.path, boot_id="boot-1") as reader:
        standing = reader.standing
        for _ in range(2):
            with pytest.raises(IdentityError, match="was mailed without a value of 'place'"):
                list(standing.statuses_as(other, ("email", "place"), keyed(A1, B2)))
            statuses = standing.statuses_as(CHILD, ("email", "order"), keyed(A1, B2))
            next(statuses)
            statuses.close()
