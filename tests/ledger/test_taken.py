"""The addresses that servers took, by the second; and the turn of a job."""

import time

from mailbatch.ledger.store import Ledger
from mailbatch.ledger.taken import END_OF_DATA
from mailbatch.ledger.turn import Turn
from mailbatch.outcome import Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    copy_files,
    forget_the_process,
    lease_one,
    people,
    plan,
    settle,
)


def number(ledger, since=0.0):
    return sum(count for _, count in ledger.standing.taken_since(since))


def test_accepted_recipients_count_and_refused_ones_do_not(ledger):
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org", "d@x.org"))
    settle(ledger, lease_one(ledger))
    settle(ledger, lease_one(ledger), Status.REJECTED, reply=NEVER)
    settle(ledger, lease_one(ledger), Status.DEFERRED, reply=LATER)
    ((at, count),) = ledger.standing.taken_since(0.0)
    assert (count, at) == (1, NOW + 1)
    assert number(ledger, since=at) == 0
    assert number(ledger, since=at - 1) == 1


def test_folded_and_unfolded_acceptances_count_alike(ledger):
    plan(ledger, people("a@x.org", "b@x.org"))
    settle(ledger, lease_one(ledger))
    before, path = ledger.standing.taken_since(0.0), ledger.path
    ledger.close()
    with Ledger.read(path) as found:
        assert found.standing.taken_since(0.0) == before != []


def test_a_commit_point_of_a_dead_run_counts_for_a_reader_and_for_the_next_run(ledger, tmp_path):
    """Ten minutes longer than the run can have lived, for a server that is slow to accept."""
    plan(ledger, people("a@x.org", "b@x.org"))
    delivery, began = lease_one(ledger), time.time()
    lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    path = copy_files(ledger.path, tmp_path / "dead")
    forget_the_process(path)
    for opened in (Ledger.read, Ledger.reopen, Ledger.reopen):
        with opened(path, boot_id="boot-1") as found:
            ((at, count),) = found.standing.taken_since(began - 60.0)
        assert count == 1
        assert began - 1.0 < at - END_OF_DATA <= time.time() + 3.0


def test_a_doubt_that_is_sent_again_still_counts(ledger):
    plan(ledger, people("a@x.org"))
    settle(ledger, lease_one(ledger), Status.IN_DOUBT, reply=None)
    assert number(ledger, NOW - 1) == 1
    ledger.doubts.resolve("resend", now=NOW + 5)
    assert number(ledger, NOW - 1) == 1
    settle(ledger, lease_one(ledger, now=NOW + 9), now=NOW + 9)
    assert number(ledger, NOW - 1) == 2


def test_one_turn_at_a_time(tmp_path):
    path = tmp_path / "state" / "news.cap"
    with Turn.take(path) as first:
        assert first is not None
        assert Turn.take(path) is None
    with Turn.take(path) as second:
        assert second is not None
