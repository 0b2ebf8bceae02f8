"""What a run that died leaves behind: exact on the same boot, cautious after another one."""

import subprocess
import sys

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.boot import boot_id
from mailbatch.ledger.recovery import Recovery
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import (
    LATER,
    NOW,
    TAKEN,
    by_row,
    copy_files,
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
    a, b, _c = ledger.lease(3, now=NOW)
    settle(ledger, a)
    ledger.commit_point(b.id, digest=b"d" * 32)
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
        assert [d.key for d in after.lease(9, now=NOW + 5)] == ["c", "d"]


def test_an_attempt_that_was_not_committed_does_not_count(ledger, path, folder):
    under_way(ledger)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert {f.email: f.attempts for f in after.result_rows()} == {
            "a": 1,
            "b": 1,
            "c": 0,
            "d": 0,
        }
        first = after.lease(1, now=NOW + 86400)[0]
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
        reasons = {f.email: f.reason for f in after.result_rows()}
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
    ledger.commit_point(delivery.id)
    outcomes = [
        Outcome("a", Status.ACCEPTED, TAKEN),
        Outcome("b", Status.DEFERRED, LATER),
        Outcome("c", Status.PENDING, counted=False),
    ]
    ledger.settle(delivery.id, outcomes, now=NOW, retry_at=NOW + 60)
    again = lease_one(ledger, now=NOW + 1)
    assert again.unsettled == ("c",)
    for name, boot in (("same", "boot-1"), ("other", "boot-2")):
        ledger_file = copy_files(path, folder / name)
        with open_ledger(ledger_file, boot=boot) as after:
            left = "pending" if name == "same" else "in_doubt"
            assert standing(after) == {"a": "accepted", "b": "deferred", "c": left}
            assert [d.unsettled for d in after.lease(9, now=NOW + 60)] == [
                ("b", "c") if name == "same" else ("b",)
            ]


def test_only_the_address_that_was_leased_alone_is_in_doubt(ledger, path, folder):
    plan(ledger, people("a", "b", group=("g",)), group_by=("g",))
    ledger.commit_point(lease_one(ledger, address="b").id)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert standing(after) == {"a": "pending", "b": "in_doubt"}
        assert lease_one(after).unsettled == ("a",)


def test_order_lines_of_one_customer_are_in_doubt_together(ledger, path, folder):
    plan(ledger, people("a", "a", group=("a",)), group_by=("email",))
    ledger.commit_point(lease_one(ledger).id)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert after.recovered.recipients == 2
        assert numbers(after) == {"in_doubt": 2}
        assert after.resolve("resend", now=NOW) == 2
        assert len(lease_one(after).rows) == 2


def test_doubt_is_listed_with_what_is_known(ledger, path, folder):
    delivery = under_way(ledger)
    with open_ledger(copy_files(path, folder / "dead")) as after:
        (doubt,) = after.in_doubt()
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
    ledger.commit_point(delivery.id)
    seen = Outcome("a", Status.IN_DOUBT, None, "the connection was lost; partial reply '250 2.'")
    ledger.settle(delivery.id, [seen], now=NOW + 3, retry_at=None)
    (doubt,) = ledger.in_doubt()
    assert (doubt.reason, doubt.at) == (seen.reason, NOW + 3)


@pytest.mark.parametrize(
    ("decision", "status"),
    [("accepted", Status.ACCEPTED), ("skip", Status.SKIPPED), ("resend", Status.PENDING)],
)
def test_doubt_is_resolved_as_somebody_decided(path, decision, status):
    with open_ledger(path) as ledger:
        under_way(ledger)
    with Ledger.reopen(path, boot_id="boot-1") as ledger:
        assert ledger.resolve(decision, now=NOW + 9) == 1
        found = by_row(ledger)[3]
        assert found.status is status
        assert decision.removesuffix("ed")[:4] in found.reason
        assert found.settled_at == (None if decision == "resend" else NOW + 9)
        assert list(ledger.in_doubt()) == []
        assert ledger.resolve(decision, now=NOW + 9) == 0


def test_one_address_can_be_resolved_alone(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("A", "b"))
        for delivery in ledger.lease(2, now=NOW):
            settle(ledger, delivery, Status.IN_DOUBT, reply=None)
        assert ledger.resolve("accepted", address="a", now=NOW) == 1
        assert standing(ledger) == {"A": "accepted", "b": "in_doubt"}


def test_a_resend_of_a_doubtful_delivery_is_the_same_message(path):
    with open_ledger(path) as ledger:
        delivery = under_way(ledger)
    with open_ledger(path) as ledger:
        ledger.resolve("resend", now=NOW + 9)
        plan(ledger, people("a", "b", "c", "d"))
        again = lease_one(ledger, now=NOW + 86400)
        assert (again.key, again.attempt) == ("b", 2)
        assert (again.message_id, again.date) == (delivery.message_id, delivery.date)


def test_doubt_is_never_leased(path):
    with open_ledger(path) as ledger:
        under_way(ledger)
    with open_ledger(path) as ledger:
        ledger.reopen_deferred()
        ledger.reopen_rejected()
        plan(ledger, people("a", "b", "c", "d"))
        assert [d.key for d in ledger.lease(9, now=NOW + 9e9)] == ["c", "d"]


def test_a_ledger_reopened_to_decide_does_not_send(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
    with Ledger.reopen(path) as ledger, pytest.raises(LedgerError, match="not open to send"):
        ledger.lease(1, now=NOW)


def test_the_boot_id_is_the_same_for_every_process_of_this_boot():
    other = subprocess.run(
        [sys.executable, "-c", "from mailbatch.ledger.boot import boot_id; print(boot_id())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == boot_id() != ""
