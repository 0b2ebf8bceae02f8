"""Where one address stands, found by an index and not by reading every row."""

import pytest

from mailbatch.ledger.rows import KeyedRow
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
    people,
    plan,
    row,
    send,
    settle,
)


def test_an_address_stands_where_its_row_stands(ledger):
    plan(ledger, [*people("a@x.org", "b@x.org", "c@x.org"), row(5, "s@x.org", status="suppressed")])
    settle(ledger, lease_one(ledger, address="a@x.org"))
    settle(ledger, lease_one(ledger, address="b@x.org"), Status.DEFERRED, reply=LATER)
    found = {name: ledger.standing.statuses_of(f"{name}@x.org") for name in "abcsz"}
    assert found == {
        "a": ["accepted"],
        "b": ["deferred"],
        "c": ["pending"],
        "s": ["suppressed"],
        "z": [],
    }
    assert ledger.standing.statuses_of("A@X.org") == [Status.ACCEPTED]
    names = (f"{name}@x.org" for name in "abcsz")
    asked = (KeyedRow(2, name, name, "[]", True) for name in names)
    mailed = ["accepted", "deferred", "pending", None, None]
    assert list(ledger.standing.mailed_statuses(asked)) == mailed


@pytest.mark.parametrize("other", ["filtered", "invalid"])
def test_of_several_rows_the_one_that_is_mailed_counts(ledger, other):
    """Wherever it stands in the table: a row before it that is not mailed says nothing of it."""
    plan(ledger, [row(2, "a@x.org", status=other), row(3, "a@x.org"), row(4, "a@x.org")])
    assert ledger.standing.statuses_of("a@x.org") == [Status.PENDING]
    send(ledger)
    assert ledger.standing.statuses_of("a@x.org") == [Status.ACCEPTED]


def test_of_rows_that_are_not_mailed_the_first_counts(ledger):
    plan(ledger, [row(2, "a@x.org", status="filtered"), row(3, "a@x.org", status="suppressed")])
    assert ledger.standing.statuses_of("a@x.org") == [Status.FILTERED]


def test_a_row_that_left_the_table_is_still_known(ledger):
    plan(ledger, people("a@x.org", "b@x.org"))
    settle(ledger, lease_one(ledger, address="a@x.org"))
    plan(ledger, people("b@x.org"))
    assert ledger.standing.statuses_of("a@x.org") == [Status.ACCEPTED]


def test_the_doubt_that_a_dead_run_left_is_seen(ledger, path, tmp_path):
    """A ledger that is read shows what the next run would record."""
    plan(ledger, people("a@x.org", "b@x.org"))
    ledger.records.commit_point(lease_one(ledger).id)
    dead = copy_files(path, tmp_path / "dead")
    forget_the_process(dead)
    with Ledger.read(dead, boot_id="boot-1") as reader:
        assert reader.standing.statuses_of("a@x.org") == [Status.IN_DOUBT]
        assert reader.standing.statuses_of("b@x.org") == [Status.PENDING]


@pytest.mark.parametrize("folded", [False, True])
def test_rows_of_a_group_share_the_facts_of_one(tmp_path, folded):
    """Where groups have many rows their facts are looked up once, where they have one, for each."""
    rows = [row(n + 2, f"u{n}@x.org", group=(f"lot{n % 2}",)) for n in range(40)]
    rows.append(row(50, "u3@x.org", group=("lot1",)))
    rows.append(row(51, "none", group=("lot0",), status="invalid", reason="no @"))
    alone = [row(n + 60, f"v{n}@x.org", group=(f"own{n}",)) for n in range(40)]
    found = []
    for name, more in (("many", []), ("few", alone)):
        with open_ledger(tmp_path / name) as ledger:
            plan(ledger, rows + more, group_by=("lot",), limit=15)
            (_, second, third) = ledger.leases.lease(3, now=NOW)
            settle(ledger, second, reply=TAKEN, now=NOW + 2)
            ledger.records.commit_point(third.id)
            outcomes = [
                Outcome(one, Status.REJECTED, NEVER)
                if n == 4
                else Outcome(one, Status.ACCEPTED, TAKEN)
                for n, one in enumerate(third.unsettled)
            ]
            ledger.records.settle(third.id, outcomes, now=NOW + 3, retry_at=None)
            if folded:
                ledger.plan.mark_finished(NOW + 4)
            found.append([
                (one._replace(header_message_id=None), one.header_message_id is None)
                for one in ledger.standing.result_rows() if one.row is None or one.row < 60
            ])  # fmt: skip
            names = {one.header_message_id for one in ledger.standing.result_rows()}
            assert len(names) == 3  # none, and those of two deliveries
    assert found[0] == found[1]
    statuses = [one.status for one, _ in found[0]]
    assert statuses.count(Status.ACCEPTED) == 19
    assert statuses.count(Status.REJECTED) == 1


@pytest.mark.parametrize("folded", [False, True])
def test_rows_that_were_never_tried_share_the_facts_of_one(tmp_path, folded):
    """Where most of them wait; where few do, every row is looked up by itself."""
    rows = [row(n + 2, f"u{n}@x.org") for n in range(600)]
    rows[9:12] = [
        row(11, "u3@x.org"),
        row(12, "none", status="invalid", reason="no @"),
        row(13, "s@x.org", status="suppressed"),
    ]
    left = row(602, "left@x.org")
    done = [row(n + 700, f"v{n}@x.org", status="filtered") for n in range(600)]
    found = []
    for name, more in (("many", []), ("few", done)):
        with open_ledger(tmp_path / name) as ledger:
            plan(ledger, [*rows, left, *more])
            plan(ledger, [*rows, *more])
            tried = ledger.leases.lease(4, now=NOW)
            settle(ledger, tried[0], reply=TAKEN, now=NOW + 2)
            settle(ledger, tried[1], Status.REJECTED, reply=NEVER, now=NOW + 3)
            settle(ledger, tried[2], Status.DEFERRED, reply=LATER, retry_at=NOW + 60)
            ledger.records.release([tried[3].id])
            if folded:
                ledger.plan.mark_finished(NOW + 4)
            found.append([
                (one._replace(header_message_id=None), one.header_message_id is None)
                for one in ledger.standing.result_rows() if one.row is None or one.row < 700
            ])  # fmt: skip
    assert found[0] == found[1]
    statuses = [one.status for one, _ in found[0]]
    assert [one.row for one, _ in found[0]] == [*range(2, 602), None]
    assert {str(one): statuses.count(one) for one in set(statuses)} == {
        "pending": 594, "accepted": 1, "rejected": 1, "deferred": 1, "invalid": 1,
        "suppressed": 1, "duplicate": 1, "withdrawn": 1,
    }  # fmt: skip
