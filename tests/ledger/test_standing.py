"""Where one address stands, found by an index and not by reading every row."""

import pytest

from mailbatch.ledger.rows import KeyedRow
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from tests.ledger.steps import (
    LATER,
    copy_files,
    forget_the_process,
    lease_one,
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
