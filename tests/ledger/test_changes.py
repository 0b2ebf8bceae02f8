"""What a plan, a run and a death leave as it was."""

import os
import sqlite3

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.recovery import LOST, REBOOTED
from mailbatch.ledger.rows import Doubt, PlanChange
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status
from mailbatch.results.file import write_results
from mailbatch.results.lines import as_object
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    TAKEN,
    at_home,
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
    ledger.records.settle(delivery.id, [Outcome("a", status)], now=NOW, retry_at=NOW + 600)
    changed = plan(ledger, [row(2, "a", "Anna")], columns=("email", "name"))
    assert changed.changed == 1
    assert ledger.leases.lease(1, now=NOW + 599) == []
    again = lease_one(ledger, now=NOW + 600)
    assert again.rows[0].values == ("a", "Anna")
    assert again.attempt == 2


@pytest.mark.parametrize("status", [Status.PENDING, Status.DEFERRED])
def test_a_new_plan_keeps_why_somebody_waits(ledger, status):
    plan(ledger, [row(2, "a", "Ann")], columns=("email", "name"))
    delivery = lease_one(ledger)
    said = Outcome("a", status, LATER, "greylisted")
    ledger.records.settle(delivery.id, [said], now=NOW, retry_at=NOW + 600)
    plan(ledger, [row(2, "a", "Anna")], columns=("email", "name"))
    (found,) = ledger.standing.result_rows()
    assert (found.status, found.reason, found.reply_code) == (status, "greylisted", 451)


def test_a_run_with_somebody_to_mail_is_not_finished_from_its_beginning(ledger):
    plan(ledger, people("a"))
    settle(ledger, lease_one(ledger))
    ledger.plan.mark_finished(NOW)
    ledger.plan.reopen_deferred()
    assert ledger.standing.finished_at() == NOW
    plan(ledger, people("a", "b"))
    ledger.plan.reopen_deferred()
    assert ledger.standing.finished_at() is None


def test_who_looks_after_a_power_loss_sees_doubt_without_a_commit_point(ledger, path, folder):
    """What was leased may have left, though nobody has written down that it would."""
    plan(ledger, people("a", "b"))
    lease_one(ledger)
    dead = copy_files(path, folder / "dead")
    for boot, found in (("boot-1", {"pending": 2}), ("boot-2", {"pending": 1, "in_doubt": 1})):
        at_home(dead)
        with Ledger.read(dead, boot_id=boot) as seen:
            assert numbers(seen) == found


@pytest.mark.parametrize("kind", ["added", "changed", "withdrawn", "stopped", "returned"])
def test_a_plan_changed_something_if_it_changed_anything(kind):
    assert PlanChange(7, **{kind: 1})
    assert not PlanChange(7)


def test_who_was_refused_and_is_asked_for_again_goes_where_the_table_has_them_now(ledger):
    """They may have moved to another group since; the same table is planned again for them."""
    columns = {"columns": ("email", "lang"), "group_by": ("lang",)}
    plan(ledger, [row(2, "a", "de", group=("de",)), row(3, "b", "de", group=("de",))], **columns)
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    outcomes = [Outcome("a", Status.REJECTED, NEVER), Outcome("b", Status.ACCEPTED, TAKEN)]
    ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
    moved = [row(2, "a", "en", group=("en",)), row(3, "b", "de", group=("de",))]
    plan(ledger, moved, **columns)
    assert ledger.plan.reopen_rejected() == 1
    plan(ledger, moved, **columns)
    again = lease_one(ledger)
    assert again.key == "en#1"
    assert [(one.address, one.group, one.values) for one in again.rows] == [
        ("a", ("en",), ("a", "en"))
    ]


def test_the_unfinished_have_their_line_and_their_status(ledger):
    plan(ledger, [*people("a", "b"), row(4, "c", status="invalid", reason="no address")])
    settle(ledger, lease_one(ledger), Status.REJECTED, reply=NEVER)
    assert [(one.line, one.status, one.values) for one in ledger.standing.unfinished_rows()] == [
        (2, Status.REJECTED, ("a",)),
        (3, Status.PENDING, ("b",)),
        (4, Status.INVALID, ("c",)),
    ]


def test_before_the_first_plan_there_are_no_columns(ledger):
    assert ledger.standing.columns() == ()
    plan(ledger, [row(2, "a", "Ann")], columns=("email", "name"))
    assert ledger.standing.columns() == ("email", "name")


def test_the_times_of_a_row_are_said_in_utc(ledger):
    plan(ledger, people("a", "b"))
    settle(ledger, lease_one(ledger), now=NOW + 1)
    done, pending = map(as_object, ledger.standing.result_rows())
    assert (done["first_attempt_at"], done["settled_at"]) == (
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:21Z",
    )
    assert (pending["first_attempt_at"], pending["settled_at"]) == (None, None)


def test_a_doubt_names_its_delivery_and_what_was_seen_of_it(path, folder):
    with open_ledger(path) as ledger:
        rows = [row(2, "A@x", "de", group=("de",)), row(3, "b@x", "de", group=("de",))]
        plan(ledger, rows, columns=("email", "lang"), group_by=("lang",))
        leased = lease_one(ledger, now=NOW + 5)
        ledger.records.commit_point(leased.id, digest=b"d" * 32)
        outcomes = [Outcome(address, Status.IN_DOUBT) for address in leased.unsettled]
        ledger.records.settle(leased.id, outcomes, now=NOW + 9, retry_at=None)
        assert list(ledger.doubts.in_doubt()) == [
            Doubt(
                address,
                line,
                leased.id,
                "de#1",
                leased.message_id,
                NOW + 9,
                "the reply to the end of data never came",
                b"d" * 32,
                address.lower(),
            )
            for line, address in ((2, "A@x"), (3, "b@x"))
        ]


def test_results_may_lie_in_folders_that_are_not_there_and_are_as_open_as_any_file(
    ledger, tmp_path
):
    """The permissions of a new file are those that the umask leaves."""
    plan(ledger, people("a"))
    target = tmp_path / "to" / "come" / "results.csv"
    umask = os.umask(0o027)
    try:
        write_results(ledger, target)
    finally:
        os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.read_text().count("\n") == 2


def test_a_ledger_that_was_changed_behind_our_back_says_what_can_be_done(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE fact SET value = 'other' WHERE name = 'job'")
    connection.close()
    with pytest.raises(LedgerError) as caught:
        open_ledger(path)
    assert caught.value.message == (
        f"{path}: the ledger is damaged, or an older copy: it is not what its last run put away"
    )
    assert caught.value.hint == (
        "put back the very files that the last run left. If a copy is all there is, "
        "`mailbatch resolve --restored` goes on from it. That is safe if it was made behind the "
        "last run; else compare the results and the provider's log first, because whoever was "
        "mailed since will be mailed again"
    )


def test_why_somebody_waits_and_what_became_of_the_copies_stand_side_by_side(ledger):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    outcomes = [
        Outcome("a", Status.DEFERRED, LATER, "greylisted"),
        Outcome("boss@x.org", Status.REJECTED, NEVER),
    ]
    ledger.records.settle(delivery.id, outcomes, now=NOW + 3, retry_at=NOW + 600)
    (found,) = ledger.standing.result_rows()
    assert found.reason == "greylisted; copy to boss@x.org rejected: 550 5.1.1 no such user"
    copies = ledger._database.connection.execute("SELECT address, settled_at FROM copy")
    assert copies.fetchall() == [("boss@x.org", NOW + 3)]


def test_a_reply_is_written_once_and_keeps_its_number_from_run_to_run(path):
    """However many it decided, and whatever later runs were told."""
    said = [Reply(250, (f"queued as {number}",)) for number in range(3)]
    with open_ledger(path) as ledger:
        rows = [row(n, name, "g", group=("g",)) for n, name in enumerate("ab", start=2)]
        rows += [row(n, name, name, group=(name,)) for n, name in enumerate("cd", start=4)]
        plan(ledger, rows, columns=("email", "lot"), group_by=("lot",))
        settle(ledger, lease_one(ledger), reply=said[0])
    with open_ledger(path) as ledger:
        for reply in said[1:]:
            settle(ledger, lease_one(ledger), reply=reply)
    with open_ledger(path) as ledger:
        replies = ledger._database.connection.execute("SELECT text FROM reply ORDER BY id")
        assert replies.fetchall() == [(reply.text,) for reply in said]
        assert [found.reply for found in ledger.standing.result_rows()] == [
            said[0].text,
            said[0].text,
            said[1].text,
            said[2].text,
        ]


def test_a_lot_has_at_most_as_many_as_were_asked_for(ledger):
    """Those who wait for another try get a share, and what the new ones leave of the lot."""
    names = [f"late-{n}" for n in range(8)]
    plan(ledger, people(*names))
    for delivery in ledger.leases.lease(8, now=NOW):
        settle(ledger, delivery, Status.DEFERRED, retry_at=NOW + 60, reply=LATER)
    plan(ledger, people(*names, "new"))
    lot = ledger.leases.lease(4, now=NOW + 60)
    assert [one.unsettled[0] for one in lot] == ["new", "late-0", "late-1", "late-2"]
    assert {one.rows[0].status for one in lot} == {"pending", "deferred"}


@pytest.mark.parametrize(("boot", "reason"), [("boot-1", LOST), ("boot-2", REBOOTED)])
def test_doubt_behind_a_journal_that_was_taken_over_says_so(path, folder, boot, reason):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        lease_one(ledger)
        dead = copy_files(path, folder / "dead")
    with sqlite3.connect(dead) as connection:
        connection.execute("SELECT count(*) FROM recipient").fetchone()
    connection.close()
    with open_ledger(dead, boot=boot) as ledger:
        assert [doubt.reason for doubt in ledger.doubts.in_doubt()] == [reason]
