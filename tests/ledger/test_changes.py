"""What a plan, a run and a death leave as it was."""

import sqlite3

import pytest

from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import (
    NOW,
    copy_files,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    row,
)


def test_a_tool_may_take_the_journal_over_before_the_first_lease(path, folder):
    """Nothing was leased, so nothing can have been lost: the run goes on."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b"))
        dead = copy_files(path, folder / "dead")
    connection = sqlite3.connect(dead)
    assert connection.execute("SELECT count(*) FROM recipient").fetchone() == (2,)
    connection.close()
    with open_ledger(dead) as ledger:
        assert numbers(ledger) == {"pending": 2}


@pytest.mark.parametrize("status", [Status.PENDING, Status.DEFERRED])
def test_a_new_plan_does_not_hurry_who_is_to_wait(ledger, status):
    """The fields of a row may change at any time; the server's "not now" stands."""
    plan(ledger, [row(2, "a", "Ann")], columns=("email", "name"))
    delivery = lease_one(ledger)
    ledger.settle(delivery.id, [Outcome("a", status)], now=NOW, retry_at=NOW + 600)
    changed = plan(ledger, [row(2, "a", "Anna")], columns=("email", "name"))
    assert changed.changed == 1
    assert ledger.lease(1, now=NOW + 599) == []
    again = lease_one(ledger, now=NOW + 600)
    assert again.rows[0].values == ("a", "Anna")
    assert again.attempt == 2
