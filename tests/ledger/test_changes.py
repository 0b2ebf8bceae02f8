"""What a plan, a run and a death leave as it was."""

import json
import sqlite3

import pytest

from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import (
    LATER,
    NOW,
    copy_files,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    row,
    settle,
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


def test_a_new_plan_keeps_why_somebody_waits(ledger):
    plan(ledger, [row(2, "a", "Ann")], columns=("email", "name"))
    delivery = lease_one(ledger)
    said = Outcome("a", Status.DEFERRED, LATER, "greylisted")
    ledger.settle(delivery.id, [said], now=NOW, retry_at=NOW + 600)
    plan(ledger, [row(2, "a", "Anna")], columns=("email", "name"))
    (found,) = ledger.result_rows()
    assert (found.status, found.reason, found.reply_code) == (Status.DEFERRED, "greylisted", 451)


def test_a_run_with_somebody_to_mail_is_not_finished_from_its_beginning(ledger):
    plan(ledger, people("a"))
    settle(ledger, lease_one(ledger))
    ledger.mark_finished(NOW)
    ledger.reopen_deferred()
    assert ledger.finished_at() == NOW
    plan(ledger, people("a", "b"))
    ledger.reopen_deferred()
    assert ledger.finished_at() is None


def test_who_looks_after_a_power_loss_sees_doubt_without_a_commit_point(ledger, path, folder):
    """What was leased may have left, though nobody has written down that it would."""
    plan(ledger, people("a", "b"))
    lease_one(ledger)
    dead = copy_files(path, folder / "dead")
    for boot, found in (("boot-1", {"pending": 2}), ("boot-2", {"pending": 1, "in_doubt": 1})):
        note = dead.with_name(dead.name + ".lock")
        note.write_text(json.dumps({**json.loads(note.read_text()), "running": False}))
        with Ledger.read(dead, boot_id=boot) as seen:
            assert numbers(seen) == found
