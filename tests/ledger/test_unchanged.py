"""A plan again, of which most rows stand in the ledger already: the others alone are compared."""

import pytest

from mailbatch.ledger.incoming import INCOMING, PlanDigest, blocks
from mailbatch.ledger.merging import match
from mailbatch.ledger.rows import PlanChange
from mailbatch.ledger.unchanged import _KNOWN, _side_by_side, lay_aside
from mailbatch.outcome import Status
from tests.ledger.steps import NEVER, by_row, lease_one, people, plan, row, send, settle, standing

ADDRESSES = [f"p{n}@x.org" for n in range(2, 602)]  # three blocks
ROWS = people(*ADDRESSES)


def laid(ledger, rows, *, columns=1):
    """The lines of `incoming` for these rows, the recipients touched, and the unchanged rows."""
    connection = ledger.plan._database.connection
    connection.execute(INCOMING)
    try:
        unchanged = lay_aside(connection, blocks(rows, PlanDigest([])), columns)
        lines = [line for (line,) in connection.execute("SELECT line FROM incoming ORDER BY line")]
        touched = connection.execute("SELECT count(*) FROM touched").fetchone()[0]
        return lines, touched, unchanged
    finally:
        for table in ("incoming", "touched"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")


@pytest.mark.parametrize("place", [0, 255, 256, 599])
def test_only_the_changed_row_and_its_recipient_are_compared(ledger, place):
    plan(ledger, ROWS)
    changed = ROWS[place]._replace(values=(*ROWS[place].values[:-1], "new"))
    rows = [*ROWS[:place], changed, *ROWS[place + 1 :]]
    assert laid(ledger, rows) == ([place + 2], 1, 599)
    assert plan(ledger, rows) == PlanChange(600, changed=1)
    assert laid(ledger, rows) == ([], 0, 600)


def test_rows_that_left_or_came_are_compared_and_no_others(ledger):
    plan(ledger, ROWS)
    rows = [*ROWS[:300], *ROWS[301:], row(602, "new@x.org"), row(603, "nobody", status="invalid")]
    assert laid(ledger, rows) == ([602, 603], 1, 599)
    change = plan(ledger, rows)
    assert (change.rows, change.added, change.withdrawn) == (601, 1, 1)
    assert standing(ledger)["p302@x.org"] == "withdrawn"
    assert standing(ledger)["p303@x.org"] == "pending"


def test_what_was_mailed_is_passed_over_as_what_waits_is(ledger):
    plan(ledger, ROWS[:4])
    settle(ledger, lease_one(ledger))
    settle(ledger, lease_one(ledger), Status.REJECTED, reply=NEVER)
    before = by_row(ledger)
    assert plan(ledger, [*ROWS[:4], row(9, "new@x.org")]) == PlanChange(5, added=1)
    assert laid(ledger, ROWS[:4]) == ([], 1, 4)
    assert {line: by_row(ledger)[line] for line in before} == before


def test_an_earlier_row_with_the_address_of_an_unchanged_one_stands_for_both(ledger):
    """As in a plan that compares all rows: the first row that asks for a mail is the one mailed."""
    plan(ledger, ROWS[1:3])
    rows = [row(2, "P4@x.org"), *ROWS[1:3]]
    assert laid(ledger, rows) == ([2, 4], 0, 1)
    change = plan(ledger, rows)
    assert (change.rows, change.added, change.withdrawn) == (3, 0, 0)
    assert [(found.row, str(found.status)) for found in by_row(ledger).values()] == [
        (2, "pending"), (3, "pending"), (4, "duplicate"),
    ]  # fmt: skip


def test_an_unwanted_row_with_the_address_of_an_unchanged_one_withdraws_nothing(ledger):
    plan(ledger, ROWS[1:3])
    rows = [row(2, "p3@x.org", status="suppressed", reason="by hand"), *ROWS[1:3]]
    plan(ledger, rows)
    assert [(found.row, str(found.status)) for found in by_row(ledger).values()] == [
        (2, "suppressed"), (3, "pending"), (4, "pending"),
    ]  # fmt: skip
    assert len(send(ledger)) == 2


def test_a_recipient_that_the_run_found_invalid_is_asked_for_again(ledger):
    """The row is the same, but it does not stand in the ledger as it asks to."""
    plan(ledger, ROWS[:2])
    ledger.records.invalidate(lease_one(ledger).id, "no name", now=1.0)
    change = plan(ledger, ROWS[:2])
    assert (change.rows, change.returned) == (2, 1)


def test_rows_under_other_columns_are_all_compared(ledger):
    plan(ledger, ROWS[:3])
    assert laid(ledger, ROWS[:3], columns=2) == ([2, 3, 4], 3, 0)
    assert plan(ledger, ROWS[:3], columns=("mail",)) == PlanChange(3, changed=3)


def test_rows_in_another_order_are_compared_where_both_orders_differ(ledger):
    plan(ledger, ROWS[:3])
    mixed = [one._replace(line=n) for n, one in enumerate((ROWS[2], ROWS[1], ROWS[0]), start=2)]
    assert laid(ledger, mixed) == ([2, 4], 2, 1)
    plan(ledger, mixed)
    assert {line: found.email for line, found in by_row(ledger).items()} == {
        2: "p4@x.org", 3: "p3@x.org", 4: "p2@x.org",
    }  # fmt: skip
    assert laid(ledger, mixed) == ([], 0, 3)


@pytest.mark.parametrize("last", [255, 9999])
def test_a_table_that_was_sorted_anew_is_never_in_the_memory_as_a_whole(ledger, last):
    """The recipient that is read first, or at the end of the first lot, has the last line."""
    addresses = [f"p{n}@x.org" for n in range(10_000)]
    plan(ledger, people(*addresses))
    mixed = [*addresses[:last], *addresses[last + 1 :], addresses[last]]
    if last == 9999:
        mixed.reverse()
    plan(ledger, people(*mixed))
    found = ledger.plan._database.connection.execute(_KNOWN, (1,))
    coming = blocks(people(*mixed), PlanDigest([]))
    together = [len(known) for _, known in _side_by_side(coming, found)]
    assert sum(together) == 10_000
    assert max(together) < 5_000
    change = plan(ledger, [*people(*mixed), row(10_002, "new@x.org")])
    assert change == PlanChange(10_001, added=1)
    assert [found.email for found in by_row(ledger).values()] == [*mixed, "new@x.org"]


def test_a_merge_of_the_whole_table_withdraws_whom_it_does_not_show(ledger):
    plan(ledger, ROWS[:2])
    connection = ledger.plan._database.connection
    connection.execute(INCOMING)
    try:
        assert match(connection, 1, whole=True).withdrawn == 2
    finally:
        for table in ("incoming", "shown"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
