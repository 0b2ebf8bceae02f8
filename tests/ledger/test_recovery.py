"""What a run that died leaves behind: exact on the same boot, cautious after another one."""

import json
import os
import subprocess
import sys

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.lock import RunLock, boot_id
from mailbatch.ledger.ports import Recovery
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import (
    LATER,
    NOW,
    TAKEN,
    by_row,
    copy_files,
    forget_the_process,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    settle,
    standing,
)


def under_way(ledger):
    """a is accepted, b committed, c leased, d untouched."""
    plan(ledger, people("a", "b", "c", "d"))
    a, b, _c = ledger.leases.lease(3, now=NOW)
    settle(ledger, a)
    ledger.records.commit_point(b.id, digest=b"d" * 32)
    return b


def test_on_the_same_boot_only_what_was_committed_is_in_doubt(ledger, path, folder):
    under_way(ledger)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert after.recovered == Recovery(released=1, in_doubt=1, recipients=1)
        assert standing(after) == {
            "a": "accepted",
            "b": "in_doubt",
            "c": "pending",
            "d": "pending",
        }
        assert numbers(after) == {"accepted": 1, "in_doubt": 1, "pending": 2}
        assert [d.key for d in after.leases.lease(9, now=NOW + 5)] == ["c", "d"]


def test_an_attempt_that_was_not_committed_does_not_count(ledger, path, folder):
    under_way(ledger)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert {f.email: f.attempts for f in after.standing.result_rows()} == {
            "a": 1,
            "b": 1,
            "c": 0,
            "d": 0,
        }
        first = after.leases.lease(1, now=NOW + 86400)[0]
        assert (first.attempt, first.date) == (1, int(NOW) + 86400)


def test_after_another_boot_everything_leased_and_unsettled_is_in_doubt(ledger, path, folder):
    under_way(ledger)
    with open_ledger(copy_files(path, folder / "dead"), boot="boot-2") as after:
        assert after.recovered == Recovery(released=0, in_doubt=2, recipients=2)
        assert standing(after) == {
            "a": "accepted",
            "b": "in_doubt",
            "c": "in_doubt",
            "d": "pending",
        }
        reasons = {f.email: f.reason for f in after.standing.result_rows()}
        assert "machine went down" in reasons["c"]


def test_the_boot_is_remembered_once_it_has_been_recovered(ledger, path, folder):
    """Doubt does not spread: after the recovery the exact rule holds again."""
    under_way(ledger)
    dead = copy_files(path, folder / "dead")
    with open_ledger(dead, boot="boot-2") as after:
        lease_one(after)
        again = copy_files(dead, folder / "again")
    with open_ledger(again, boot="boot-2") as later:
        assert later.recovered == Recovery(released=1, in_doubt=0)


def test_a_ledger_put_away_with_deliveries_under_way_recovers_like_a_dead_one(path):
    with open_ledger(path) as ledger:
        under_way(ledger)
    with open_ledger(path) as after:
        assert after.recovered == Recovery(released=1, in_doubt=1, recipients=1)


def test_nothing_is_recovered_after_an_orderly_end(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        settle(ledger, lease_one(ledger))
    with open_ledger(path, boot="boot-2") as after:
        assert after.recovered == Recovery()
        assert numbers(after) == {"accepted": 1}


def test_only_the_addresses_of_the_attempt_are_in_doubt(ledger, path, folder):
    """A group of which one is deferred until later, and one was accepted."""
    plan(ledger, people("a", "b", "c", group=("g",)), group_by=("g",))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    outcomes = [
        Outcome("a", Status.ACCEPTED, TAKEN),
        Outcome("b", Status.DEFERRED, LATER),
        Outcome("c", Status.PENDING, counted=False),
    ]
    ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=NOW + 60)
    again = lease_one(ledger, now=NOW + 1)
    assert again.unsettled == ("c",)
    for name, boot in (("same", "boot-1"), ("other", "boot-2")):
        ledger_file = copy_files(path, folder / name)
        with open_ledger(ledger_file, boot=boot) as after:
            left = "pending" if name == "same" else "in_doubt"
            assert standing(after) == {"a": "accepted", "b": "deferred", "c": left}
            assert [d.unsettled for d in after.leases.lease(9, now=NOW + 60)] == [
                ("b", "c") if name == "same" else ("b",)
            ]


def test_only_the_address_that_was_leased_alone_is_in_doubt(ledger, path, folder):
    plan(ledger, people("a", "b", group=("g",)), group_by=("g",))
    ledger.records.commit_point(lease_one(ledger, address="b").id)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert standing(after) == {"a": "pending", "b": "in_doubt"}
        assert lease_one(after).unsettled == ("a",)


def test_order_lines_of_one_customer_are_in_doubt_together(ledger, path, folder):
    plan(ledger, people("a", "a", group=("a",)), group_by=("email",))
    ledger.records.commit_point(lease_one(ledger).id)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert after.recovered.recipients == 2
        assert numbers(after) == {"in_doubt": 2}
        assert after.doubts.resolve("resend", now=NOW) == 2
        assert len(lease_one(after).rows) == 2


def test_doubt_is_listed_with_what_is_known(ledger, path, folder):
    delivery = under_way(ledger)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        (doubt,) = after.doubts.in_doubt()
        assert (doubt.address, doubt.line, doubt.key) == ("b", 3, "b")
        assert (doubt.message_id, doubt.at, doubt.digest) == (
            delivery.message_id,
            NOW,
            b"d" * 32,
        )
        assert "before its reply was read" in doubt.reason


def test_doubt_that_the_run_itself_saw_has_the_words_of_its_outcome(ledger):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    seen = Outcome("a", Status.IN_DOUBT, None, "the connection was lost; partial reply '250 2.'")
    ledger.records.settle(delivery.id, [seen], now=NOW + 3, retry_at=None)
    (doubt,) = ledger.doubts.in_doubt()
    assert (doubt.reason, doubt.at) == (seen.reason, NOW + 3)


@pytest.mark.parametrize(
    ("decision", "status"),
    [("accepted", Status.ACCEPTED), ("skip", Status.SKIPPED), ("resend", Status.PENDING)],
)
def test_doubt_is_resolved_as_somebody_decided(path, decision, status):
    with open_ledger(path) as ledger:
        under_way(ledger)
    with Ledger.reopen(path, boot_id="boot-1") as ledger:
        assert ledger.doubts.resolve(decision, now=NOW + 9) == 1
        found = by_row(ledger)[3]
        assert found.status is status
        assert decision.removesuffix("ed")[:4] in found.reason
        assert found.settled_at == (None if decision == "resend" else NOW + 9)
        assert list(ledger.doubts.in_doubt()) == []
        assert ledger.doubts.resolve(decision, now=NOW + 9) == 0


def test_one_address_can_be_resolved_alone(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("A", "b"))
        for delivery in ledger.leases.lease(2, now=NOW):
            settle(ledger, delivery, Status.IN_DOUBT, reply=None)
        assert ledger.doubts.resolve("accepted", address="a", now=NOW) == 1
        assert standing(ledger) == {"A": "accepted", "b": "in_doubt"}


def test_a_resend_of_a_doubtful_delivery_is_the_same_message(path):
    with open_ledger(path) as ledger:
        delivery = under_way(ledger)
    with open_ledger(path) as ledger:
        ledger.doubts.resolve("resend", now=NOW + 9)
        plan(ledger, people("a", "b", "c", "d"))
        again = lease_one(ledger, now=NOW + 86400)
        assert (again.key, again.attempt) == ("b", 2)
        assert (again.message_id, again.date) == (delivery.message_id, delivery.date)


def test_a_resend_names_who_may_have_the_message_and_its_digest(path):
    names = ("a", "b", "c")
    with open_ledger(path) as ledger:
        plan(ledger, people(*names, group=("g",)), group_by=("g",))
        first = lease_one(ledger)
        assert (first.resent, first.digests) == (frozenset(), frozenset())
        ledger.records.commit_point(first.id, digest=b"1" * 32)
        outcomes = [
            Outcome("a", Status.IN_DOUBT),
            Outcome("b", Status.DEFERRED, LATER),
            Outcome("c", Status.ACCEPTED, TAKEN),
        ]
        ledger.records.settle(first.id, outcomes, now=NOW, retry_at=NOW)
        second = lease_one(ledger)
        assert (second.resent, second.digests) == (frozenset(), frozenset()), "b has nothing"
        ledger.records.commit_point(second.id, digest=b"2" * 32)
    with open_ledger(path) as ledger:
        assert {d.address: d.digest for d in ledger.doubts.in_doubt()} == {
            "a": b"1" * 32,
            "b": b"2" * 32,
        }
        ledger.doubts.resolve("resend", now=NOW)
        third = lease_one(ledger)
        assert third.resent == {"a", "b"}
        assert third.digests == {b"1" * 32, b"2" * 32}


def test_who_may_have_the_message_is_never_lost_behind_an_attempt_that_failed(path):
    """Put off, released or killed it is still a resend; if it cannot be sent it is doubt again."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        delivery = lease_one(ledger)
        ledger.records.commit_point(delivery.id, digest=b"1" * 32)
    with open_ledger(path) as ledger:
        ledger.doubts.resolve("resend", now=NOW)
        again = lease_one(ledger)
        ledger.records.settle(
            again.id, [Outcome("a", Status.DEFERRED, LATER)], now=NOW, retry_at=NOW
        )
        ledger.records.release([lease_one(ledger).id])
        lease_one(ledger)
    with open_ledger(path) as ledger:
        again = lease_one(ledger)
        assert (again.resent, again.digests) == ({"a"}, {b"1" * 32})
        ledger.records.invalidate(again.id, "no attachment", now=NOW)
        (doubt,) = ledger.doubts.in_doubt()
        assert (doubt.reason, doubt.digest) == ("no attachment", b"1" * 32)
        ledger.doubts.resolve("resend", now=NOW)
        outcome = Outcome("a", Status.INVALID, reason="needs SMTPUTF8", counted=False)
        ledger.records.settle(lease_one(ledger).id, [outcome], now=NOW, retry_at=None)
        assert [doubt.reason for doubt in ledger.doubts.in_doubt()] == ["needs SMTPUTF8"]


def test_a_resend_that_is_given_up_is_doubt_without_a_commit_point(path):
    """The message changed, say: what may have arrived is still the first one."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        delivery = lease_one(ledger)
        ledger.records.commit_point(delivery.id, digest=b"1" * 32)
    with open_ledger(path) as ledger:
        ledger.doubts.resolve("resend", now=NOW)
        again = lease_one(ledger)
        outcome = Outcome("a", Status.IN_DOUBT, reason="not sent again", counted=False)
        ledger.records.settle(again.id, [outcome], now=NOW, retry_at=None)
        for _ in range(2):
            (doubt,) = ledger.doubts.in_doubt()
            assert (doubt.digest, doubt.reason) == (b"1" * 32, "not sent again")
            assert by_row(ledger)[2].attempts == 1
            ledger.leases.lease(1, now=NOW)  # folds


def test_doubt_is_never_leased(path):
    with open_ledger(path) as ledger:
        under_way(ledger)
    with open_ledger(path) as ledger:
        ledger.plan.reopen_deferred()
        ledger.plan.reopen_rejected()
        plan(ledger, people("a", "b", "c", "d"))
        assert [d.key for d in ledger.leases.lease(9, now=NOW + 9e9)] == ["c", "d"]


def test_a_ledger_reopened_to_decide_does_not_send(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
    with Ledger.reopen(path) as ledger, pytest.raises(LedgerError, match="not open to send"):
        ledger.leases.lease(1, now=NOW)


def test_the_boot_id_is_the_same_for_every_process_of_this_boot():
    other = subprocess.run(
        [sys.executable, "-c", "from mailbatch.ledger.lock import boot_id; print(boot_id())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == boot_id() != ""


# Looking on, before the next run


def seen(path, boot):
    with Ledger.read(path, boot_id=boot) as ledger:
        doubts = {doubt.address: (doubt.line, doubt.digest) for doubt in ledger.doubts.in_doubt()}
        return (
            standing(ledger),
            ledger.standing.counts(),
            doubts,
            list(ledger.standing.result_rows()),
        )


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
def test_who_looks_sees_what_the_next_run_will_record(ledger, path, folder, boot):
    """`status` and `resolve` after a crash must not hide who may have the message."""
    under_way(ledger)
    dead = copy_files(path, folder / "dead")
    forget_the_process(dead)
    early = seen(dead, boot)
    assert early[0]["b"] == "in_doubt"
    assert early[0]["c"] == ("pending" if boot == "boot-1" else "in_doubt")
    with open_ledger(dead, boot=boot):
        pass
    assert seen(dead, boot) == early


def test_who_looks_sees_doubt_only_where_the_attempt_went(ledger, path, folder):
    plan(ledger, people("a", "b", "c", group=("g",)), group_by=("g",))
    first = lease_one(ledger)
    outcomes = [
        Outcome("a", Status.DEFERRED, LATER),
        Outcome("b", Status.PENDING, counted=False),
        Outcome("c", Status.PENDING, counted=False),
    ]
    ledger.records.settle(first.id, outcomes, now=NOW, retry_at=NOW + 60)
    ledger.records.commit_point(lease_one(ledger, address="b").id)
    dead = copy_files(path, folder / "dead")
    forget_the_process(dead)
    assert seen(dead, "boot-1")[0] == {"a": "deferred", "b": "in_doubt", "c": "pending"}
    ledger.records.settle(first.id, [Outcome("b", Status.ACCEPTED, TAKEN)], now=NOW, retry_at=None)
    ledger.records.commit_point(lease_one(ledger).id)
    dead = copy_files(path, folder / "dead again")
    forget_the_process(dead)
    assert seen(dead, "boot-1")[0] == {"a": "deferred", "b": "accepted", "c": "in_doubt"}


def test_who_looks_at_a_run_that_lives_sees_no_doubt(ledger, path):
    under_way(ledger)
    states, counts, doubts, _ = seen(path, "boot-1")
    assert states == {"a": "accepted", "b": "pending", "c": "pending", "d": "pending"}
    assert counts[Status.IN_DOUBT] == 0
    assert doubts == {}


def test_a_run_on_another_host_may_be_alive(ledger, path):
    under_way(ledger)
    note = path.with_name(path.name + ".lock")
    said = json.loads(note.read_text())
    note.write_text(json.dumps({**said, "host": "elsewhere", "pid": 1 << 22}))
    assert seen(path, "boot-1")[1][Status.IN_DOUBT] == 0


def test_looking_at_a_dead_run_changes_nothing(ledger, path, folder):
    under_way(ledger)
    dead = copy_files(path, folder / "dead")
    forget_the_process(dead)
    before = dead.read_bytes(), dead.with_name(dead.name + "-wal").read_bytes()
    seen(dead, "boot-2")
    assert (dead.read_bytes(), dead.with_name(dead.name + "-wal").read_bytes()) == before


@pytest.mark.parametrize("step", ["create", "begin", "note_layers", "count", "mark"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_around_a_note_keeps_nobody_out(path, step, when, nth):
    """Ledger, lock file and witness are written one after the other: no order looks like a copy."""
    for number in range(2):  # also where a run before has ended in order
        pid = os.fork()
        if not pid:
            try:
                _die_at(step, when, nth)
                with open_ledger(path) as ledger:
                    plan(ledger, people("a", "b", "c"))
                    for delivery in ledger.leases.lease(2, now=NOW):
                        settle(ledger, delivery)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        with open_ledger(path) as ledger:
            plan(ledger, people("a", "b", "c"))
            assert set(standing(ledger).values()) <= {"accepted", "pending", "in_doubt"}
            assert numbers(ledger).get("in_doubt", 0) <= number + 1


def _die_at(step, when, nth):
    """Let this process go away around the nth call of a step of the lock."""
    whole, calls = getattr(RunLock, step), []

    def dying(*arguments, **named):
        calls.append(step)
        if when == "before" and len(calls) == nth:
            os._exit(0)
        whole(*arguments, **named)
        if len(calls) == nth:
            os._exit(0)

    setattr(RunLock, step, dying)
