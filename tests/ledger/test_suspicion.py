"""Refusals that may turn out to be the account's: given back, also where the run died."""

from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    TAKEN,
    by_row,
    copy_files,
    numbers,
    open_ledger,
    people,
    plan,
    settle,
    standing,
)

SUSPENDED = Reply(554, ("Sending suspended",), "5.7.1")


def refused_at_the_end(ledger):
    """a was refused, b accepted; then c and d are refused in a row, and e is under way."""
    plan(ledger, people("a", "b", "c", "d", "e"))
    a, b, c, d, e = ledger.leases.lease(5, now=NOW)
    settle(ledger, a, Status.REJECTED, reply=SUSPENDED, now=NOW + 1)
    settle(ledger, b, now=NOW + 2)
    with ledger.records.together():
        ledger.records.suspect(NOW + 3)
        settle(ledger, c, Status.REJECTED, reply=SUSPENDED, now=NOW + 3)
    settle(ledger, d, Status.REJECTED, reply=SUSPENDED, now=NOW + 4)
    return e


def test_a_run_that_dies_in_a_streak_leaves_nobody_rejected_by_it(ledger, path, folder):
    refused_at_the_end(ledger)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert standing(after) == {
            "a": "rejected",
            "b": "accepted",
            "c": "pending",
            "d": "pending",
            "e": "pending",
        }
        assert numbers(after) == {"accepted": 1, "rejected": 1, "pending": 3}
        rows = {row.email: row for row in after.standing.result_rows()}
        assert rows["c"].attempts == 0
        assert "died" in rows["c"].reason
        assert [d.key for d in after.leases.lease(9, now=NOW + 5)] == ["c", "d", "e"]


def test_a_run_that_dies_behind_an_acceptance_leaves_everybody_as_they_are(ledger, path, folder):
    e = refused_at_the_end(ledger)
    with ledger.records.together():
        ledger.records.suspect(None)
        settle(ledger, e, now=NOW + 5)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert numbers(after) == {"accepted": 2, "rejected": 3}


def test_a_streak_is_given_back_with_its_reply_as_the_reason(ledger):
    e = refused_at_the_end(ledger)
    ledger.records.release([e.id])
    assert ledger.records.give_back(NOW + 3, SUSPENDED) == 2
    rows = {row.email: row for row in ledger.standing.result_rows()}
    assert [rows[name].status for name in "abcde"] == [
        "rejected", "accepted", "pending", "pending", "pending",
    ]  # fmt: skip
    assert rows["c"].reason == "554 5.7.1 Sending suspended"
    assert (rows["c"].attempts, rows["c"].first_attempt_at) == (0, None)
    # In this run nobody of them is tried again; in the next one everybody is.
    assert [d.key for d in ledger.leases.lease(9, now=NOW + 9)] == ["e"]
    ledger.plan.reopen_deferred()
    assert [d.key for d in ledger.leases.lease(9, now=NOW + 9)] == ["c", "d"]


def test_who_was_refused_by_another_reply_stays_refused(ledger):
    """A dead address in the middle of it, and a part of a group."""
    plan(ledger, people("a", "b", "c", group=("x",)), group_by=["lot"])
    (delivery,) = ledger.leases.lease(1, now=NOW)
    ledger.records.commit_point(delivery.id)
    outcomes = [
        Outcome("a", Status.REJECTED, NEVER),
        Outcome("b", Status.REJECTED, SUSPENDED),
        Outcome("c", Status.DEFERRED, LATER),
    ]
    ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
    assert ledger.records.give_back(NOW, Reply(554, ("Other words",), "5.7.1")) == 1
    assert standing(ledger) == {"a": "rejected", "b": "pending", "c": "deferred"}


def test_who_was_refused_for_now_is_given_back_as_well(ledger):
    plan(ledger, people("a", "b"))
    a, b = ledger.leases.lease(2, now=NOW)
    settle(ledger, a, Status.DEFERRED, reply=LATER, retry_at=NOW + 9)
    settle(ledger, b)
    assert ledger.records.give_back(NOW, LATER) == 1
    assert by_row(ledger)[2].status == "pending"
    assert ledger.leases.next_due() is None


def test_somebody_without_an_attempt_counted_waits_until_the_run_may_go_on(ledger):
    plan(ledger, people("a"))
    (a,) = ledger.leases.lease(1, now=NOW)
    outcome = Outcome("a", Status.PENDING, LATER, "451 try again", counted=False)
    ledger.records.settle(a.id, [outcome], now=NOW, retry_at=None, resume_at=NOW + 4)
    assert ledger.leases.lease(1, now=NOW + 3) == []
    assert ledger.leases.next_due() == NOW + 4
    (again,) = ledger.leases.lease(1, now=NOW + 4)
    assert (again.tries, again.attempt) == (1, 1)
    settle(ledger, again, reply=TAKEN)
