"""A run: lease, commit point, outcome; tries, waits and what never happens."""

import hashlib
import sqlite3

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.ports import CommitPoint, Settlement
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    TAKEN,
    by_row,
    copy_files,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    row,
    send,
    settle,
)


def names(deliveries):
    return [delivery.key for delivery in deliveries]


def test_deliveries_are_leased_in_the_order_of_the_table_and_once(ledger):
    plan(ledger, people("c", "a", "b"))
    assert names(ledger.leases.lease(2, now=NOW)) == ["c", "a"]
    assert names(ledger.leases.lease(2, now=NOW)) == ["b"]
    assert ledger.leases.lease(2, now=NOW) == []


def test_a_delivery_has_what_the_message_needs(ledger):
    plan(ledger, [row(2, "Ada@x.org", "Ada", "Lovelace")], columns=("email", "first", "last"))
    delivery = lease_one(ledger, now=NOW + 0.75)
    assert delivery.key == "ada@x.org"
    assert delivery.addresses == delivery.unsettled == ("Ada@x.org",)
    assert delivery.date == int(NOW)
    assert (delivery.attempt, delivery.tries, delivery.first_try) == (1, 1, NOW + 0.75)
    (found,) = delivery.rows
    assert (found.line, found.values, found.group) == (2, ("Ada@x.org", "Ada", "Lovelace"), None)


def test_a_message_id_is_a_function_of_job_edition_delivery_and_secret(folder):
    ids = {}
    for name, secret in (("48", "s"), ("48 again", "s"), ("49", "s"), ("48 elsewhere", "t")):
        with Ledger.open(
            folder / name, job="news", edition=name[:2], message_id_domain="x.org", secret=secret
        ) as ledger:
            plan(ledger, people("a", "b"))
            ids[name] = [delivery.message_id for delivery in ledger.leases.lease(2, now=NOW)]
    assert ids["48"] == ids["48 again"]
    assert len({*ids["48"], *ids["49"], *ids["48 elsewhere"]}) == 6
    for found in ids["48"]:
        name, domain = found.split("@")
        assert domain == "x.org"
        assert len(name) == 32
        assert name.isalnum()
        assert name == name.lower()


def test_nobody_can_work_out_a_message_id(folder):
    """Job, edition and address are known to others; the secret is that of this ledger alone."""
    seen = set()
    for name in ("here", "there"):
        with open_ledger(folder / name) as ledger:
            plan(ledger, people("a"))
            seen.add(lease_one(ledger).message_id)
    assert len(seen) == 2


def test_a_resend_has_the_same_message_id_and_date(ledger):
    plan(ledger, people("a"))
    first = lease_one(ledger)
    settle(ledger, first, Status.DEFERRED, retry_at=NOW + 9, reply=LATER)
    again = lease_one(ledger, now=NOW + 9)
    assert (again.message_id, again.date) == (first.message_id, first.date)
    assert (again.attempt, again.tries, again.first_try) == (2, 2, NOW)


def test_the_domain_of_a_delivery_that_was_tried_stays(path):
    """The sender's domain may change with --accept-changes; a resend keeps its Message-ID."""
    with open_ledger(path, domain="old.org") as ledger:
        plan(ledger, people("a", "b"))
        settle(ledger, lease_one(ledger), Status.DEFERRED, retry_at=NOW, reply=LATER)
    with open_ledger(path, domain="new.org") as ledger:
        found = {d.key: d.message_id.partition("@")[2] for d in ledger.leases.lease(9, now=NOW)}
    assert found == {"a": "old.org", "b": "new.org"}


def test_an_accepted_recipient_has_the_reply(ledger):
    plan(ledger, people("a"))
    settle(ledger, lease_one(ledger), now=NOW + 2)
    found = by_row(ledger)[2]
    assert (
        found.status,
        found.reply_code,
        found.enhanced_status,
        found.reply,
        found.message_id,
    ) == (
        Status.ACCEPTED,
        250,
        "2.6.0",
        "Message queued as 0b3f-77",
        "0b3f-77",
    )
    assert (found.attempts, found.first_attempt_at, found.settled_at) == (1, NOW, NOW + 2)


def test_a_rejected_recipient_has_the_reply_and_no_message_id(ledger):
    plan(ledger, people("a"))
    settle(ledger, lease_one(ledger), Status.REJECTED, reply=NEVER)
    found = by_row(ledger)[2]
    assert (found.status, found.reply_code, found.reply) == ("rejected", 550, "no such user")
    assert found.message_id is None
    assert ledger.leases.lease(9, now=NOW + 9e9) == []


def test_outcomes_count_before_and_after_they_are_folded(ledger):
    plan(ledger, people("a", "b"))
    settle(ledger, lease_one(ledger))
    assert numbers(ledger) == {"accepted": 1, "pending": 1}
    lease_one(ledger)
    assert numbers(ledger) == {"accepted": 1, "pending": 1}


def test_a_deferred_recipient_waits_for_its_time(ledger):
    plan(ledger, people("a"))
    send(ledger, Status.DEFERRED, retry_at=NOW + 60, reply=LATER)
    assert ledger.leases.next_due() == NOW + 60
    assert ledger.leases.lease(9, now=NOW + 59) == []
    assert ledger.leases.next_due() == NOW + 60
    assert names(ledger.leases.lease(9, now=NOW + 60)) == ["a"]
    assert ledger.leases.next_due() is None


def test_a_deferred_recipient_without_tries_left_waits_for_the_next_run(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        send(ledger, Status.DEFERRED, retry_at=None, reply=LATER)
        assert ledger.leases.next_due() is None
        assert ledger.leases.lease(9, now=NOW + 9e9) == []
    with open_ledger(path) as ledger:
        assert ledger.plan.reopen_deferred() == 1
        delivery = lease_one(ledger, now=NOW + 7)
        assert (delivery.attempt, delivery.tries, delivery.first_try) == (2, 1, NOW + 7)


def test_a_recipient_who_was_not_reached_is_pending_and_due_at_once(ledger):
    """Too many recipients for one transaction, say: no attempt is used up."""
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    ledger.records.settle(
        delivery.id,
        [Outcome("a", Status.PENDING, None, "the session ended", counted=False)],
        now=NOW,
        retry_at=None,
    )
    found = by_row(ledger)[2]
    assert (found.status, found.attempts, found.reason) == ("pending", 0, "the session ended")
    again = lease_one(ledger)
    assert (again.attempt, again.tries) == (1, 1)


def test_a_pending_outcome_that_counts_waits_like_a_deferred_one(ledger):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    ledger.records.settle(delivery.id, [Outcome("a", Status.PENDING)], now=NOW, retry_at=NOW + 5)
    assert ledger.leases.lease(1, now=NOW + 4) == []
    again = lease_one(ledger, now=NOW + 5)
    assert (again.attempt, again.tries) == (2, 2)
    ledger.records.settle(again.id, [Outcome("a", Status.PENDING)], now=NOW, retry_at=None)
    assert ledger.leases.lease(1, now=NOW + 9e9) == []
    assert numbers(ledger) == {"pending": 1}
    ledger.plan.reopen_deferred()
    assert lease_one(ledger).tries == 1


def test_deferred_recipients_get_a_share_of_a_lot_and_hold_up_nobody(ledger):
    plan(ledger, people(*(f"a{n}" for n in range(8))))
    for delivery in ledger.leases.lease(4, now=NOW):
        settle(ledger, delivery, Status.DEFERRED, retry_at=NOW + 1, reply=LATER)
    assert names(ledger.leases.lease(4, now=NOW + 2)) == ["a4", "a5", "a6", "a0"]
    assert names(ledger.leases.lease(8, now=NOW + 2)) == ["a7", "a1", "a2", "a3"]


def test_released_deliveries_are_as_if_never_leased(ledger):
    plan(ledger, people("a", "b"))
    first = ledger.leases.lease(2, now=NOW)
    ledger.records.release([delivery.id for delivery in first])
    again = ledger.leases.lease(2, now=NOW + 86400)
    assert names(again) == ["a", "b"]
    assert [d.attempt for d in again] == [1, 1]
    assert [d.message_id for d in again] == [d.message_id for d in first]
    assert {d.date for d in again} == {int(NOW) + 86400}, "nobody has seen the old date"


def test_a_released_delivery_that_was_tried_before_keeps_its_date(ledger):
    plan(ledger, people("a"))
    send(ledger, Status.DEFERRED, retry_at=NOW + 1)
    ledger.records.release([lease_one(ledger, now=NOW + 2).id])
    assert lease_one(ledger, now=NOW + 86400).date == int(NOW)


def test_one_address_can_be_leased_alone(ledger):
    plan(ledger, people("a", "B", "c"))
    assert names(ledger.leases.lease(5, now=NOW, address="b")) == ["b"]
    assert ledger.leases.lease(5, now=NOW, address="b") == []
    assert ledger.leases.lease(5, now=NOW, address="z") == []
    assert names(ledger.leases.lease(5, now=NOW)) == ["a", "c"]


def test_one_address_of_a_group_can_be_leased_alone(ledger):
    plan(ledger, people("a", "b", "c", group=("g",)), group_by=("g",))
    delivery = lease_one(ledger, address="b")
    assert (delivery.unsettled, delivery.addresses) == (("b",), ("a", "b", "c"))
    settle(ledger, delivery)
    assert lease_one(ledger).unsettled == ("a", "c")
    assert numbers(ledger) == {"accepted": 1, "pending": 2}


def test_rejected_recipients_are_tried_again_only_when_asked_for(ledger):
    plan(ledger, people("a", "b"))
    send(ledger, Status.REJECTED, reply=NEVER)
    ledger.plan.reopen_deferred()
    assert ledger.leases.lease(9, now=NOW) == []
    assert ledger.plan.reopen_rejected() == 2
    assert numbers(ledger) == {"pending": 2}
    assert [(d.key, d.attempt) for d in ledger.leases.lease(9, now=NOW)] == [("a", 2), ("b", 2)]


@pytest.mark.parametrize("status", ["suppressed", "gone"])
def test_rejected_recipients_who_are_not_wanted_now_stay_rejected(ledger, status):
    plan(ledger, people("a", "b"))
    send(ledger, Status.REJECTED, reply=NEVER)
    plan(ledger, people("b") if status == "gone" else [row(2, "a", status=status), row(3, "b")])
    assert ledger.plan.reopen_rejected() == 1
    assert names(ledger.leases.lease(9, now=NOW)) == ["b"]
    assert numbers(ledger) == {"rejected": 1, "pending": 1}


def test_rows_that_cannot_be_rendered_are_invalid(ledger):
    plan(ledger, people("a", "b"))
    ledger.records.invalidate(lease_one(ledger).id, "no attachment invoices/7.pdf", now=NOW + 3)
    found = by_row(ledger)[2]
    assert (found.status, found.reason, found.attempts, found.settled_at) == (
        "invalid",
        "no attachment invoices/7.pdf",
        0,
        NOW + 3,
    )
    assert names(ledger.leases.lease(9, now=NOW)) == ["b"]


def test_an_address_that_this_server_cannot_be_given_is_invalid(ledger):
    rows = people("a", "ä", group=("g",))
    plan(ledger, rows, group_by=("g",))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    ledger.records.settle(
        delivery.id,
        [Outcome("a", Status.ACCEPTED, TAKEN), Outcome("ä", Status.INVALID, reason="SMTPUTF8")],
        now=NOW,
        retry_at=None,
    )
    assert numbers(ledger) == {"accepted": 1, "invalid": 1}
    assert ledger.leases.lease(9, now=NOW) == []
    plan(ledger, rows, group_by=("g",))
    assert numbers(ledger) == {"accepted": 1, "pending": 1}, "the next plan asks again"


def test_a_refused_copy_is_named_and_changes_no_status(ledger):
    plan(ledger, people("a", "b"))
    first, second = ledger.leases.lease(2, now=NOW)
    ledger.records.commit_point(first.id)
    outcomes = [
        Outcome("a", Status.ACCEPTED, TAKEN),
        Outcome("boss@x.org", Status.REJECTED, NEVER),
        Outcome("cc@x.org", Status.ACCEPTED, TAKEN),
        Outcome("late@x.org", Status.IN_DOUBT, None, "the connection was lost"),
    ]
    ledger.records.settle(first.id, outcomes, now=NOW, retry_at=None)
    settle(ledger, second)
    found = by_row(ledger)
    assert found[2].status is Status.ACCEPTED
    assert found[2].reason == (
        "copy to boss@x.org rejected: 550 5.1.1 no such user; "
        "copy to late@x.org in doubt: the connection was lost"
    )
    assert found[3].reason is None
    assert numbers(ledger) == {"accepted": 2}


def test_settled_copies_are_known_when_a_delivery_is_tried_again(ledger):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    assert delivery.settled_copies == frozenset()
    ledger.records.commit_point(delivery.id)
    outcomes = [
        Outcome("a", Status.DEFERRED, LATER),
        Outcome("yes@x.org", Status.ACCEPTED, TAKEN),
        Outcome("no@x.org", Status.REJECTED, NEVER),
        Outcome("later@x.org", Status.DEFERRED, LATER),
    ]
    ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=NOW)
    assert lease_one(ledger).settled_copies == {"yes@x.org", "no@x.org"}


def test_a_reply_that_decided_many_is_kept_once(ledger, path):
    plan(ledger, people(*(f"a{n}" for n in range(50)), group=("g",)), group_by=("g",))
    send(ledger)
    assert {found.message_id for found in ledger.standing.result_rows()} == {"0b3f-77"}
    ledger.close()
    rows = sqlite3.connect(path)
    try:
        assert rows.execute("SELECT count(*) FROM reply").fetchone() == (1,)
    finally:
        rows.close()


def test_replies_of_later_runs_do_not_mix_with_earlier_ones(path):
    for number, name in enumerate("abc"):
        with open_ledger(path) as ledger:
            plan(ledger, people(*"abc"))
            settle(ledger, lease_one(ledger), reply=Reply(250, (f"queued as {name}{number}",)))
    with open_ledger(path) as ledger:
        assert [f.message_id for f in ledger.standing.result_rows()] == ["a0", "b1", "c2"]


def test_the_digest_of_the_content_is_kept_while_it_may_be_needed(ledger):
    plan(ledger, people("a", "b"))
    digest = hashlib.sha256(b"content").digest()
    first, second = ledger.leases.lease(2, now=NOW)
    for delivery, status in ((first, Status.IN_DOUBT), (second, Status.ACCEPTED)):
        ledger.records.commit_point(delivery.id, digest=digest)
        ledger.records.settle(delivery.id, [Outcome(delivery.key, status)], now=NOW, retry_at=None)
    for _ in range(2):
        assert [doubt.digest for doubt in ledger.doubts.in_doubt()] == [digest]
        ledger.leases.lease(1, now=NOW)  # folds


# What a correct run never asks for


def test_a_delivery_is_settled_once(ledger):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    settle(ledger, delivery)
    with pytest.raises(LedgerError, match="is not leased"):
        settle(ledger, delivery, Status.REJECTED)
    assert numbers(ledger) == {"accepted": 1}


@pytest.mark.parametrize(
    "step",
    [
        lambda ledger: ledger.records.commit_point(1),
        lambda ledger: ledger.records.settle(1, [], now=NOW, retry_at=None),
        lambda ledger: ledger.records.release([1]),
        lambda ledger: ledger.records.invalidate(1, "why", now=NOW),
    ],
    ids=["commit_point", "settle", "release", "invalidate"],
)
def test_nothing_happens_to_a_delivery_that_is_not_leased(ledger, step):
    plan(ledger, people("a"))
    with pytest.raises(LedgerError, match="delivery 1 is not leased") as caught:
        step(ledger)
    assert "bug in mailbatch" in caught.value.hint


def test_there_is_one_commit_point(ledger):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    with pytest.raises(LedgerError, match="commit point already"):
        ledger.records.commit_point(delivery.id)


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.IN_DOUBT])
def test_nobody_has_the_message_without_a_commit_point(ledger, status):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    with pytest.raises(LedgerError, match="without a commit point"):
        ledger.records.settle(delivery.id, [Outcome("a", status, TAKEN)], now=NOW, retry_at=None)
    assert numbers(ledger) == {"pending": 1}


@pytest.mark.parametrize(
    "step",
    [
        lambda ledger, delivery: ledger.records.release([delivery.id]),
        lambda ledger, delivery: ledger.records.invalidate(delivery.id, "why", now=NOW),
    ],
    ids=["release", "invalidate"],
)
def test_behind_its_commit_point_a_delivery_can_only_be_settled(ledger, step):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    with pytest.raises(LedgerError, match="behind its commit point"):
        step(ledger, delivery)
    ledger.records.settle(
        delivery.id, [Outcome("a", Status.ACCEPTED, TAKEN)], now=NOW, retry_at=None
    )
    assert numbers(ledger) == {"accepted": 1}


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([Outcome("a", Status.REJECTED)], "an address without an outcome"),
        ([Outcome("a", Status.REJECTED), Outcome("a", Status.REJECTED)], "two outcomes"),
        ([Outcome("a", Status.SKIPPED), Outcome("b", Status.REJECTED)], "no outcome of an attempt"),
    ],
)
def test_every_address_has_one_outcome_or_nothing_is_recorded(ledger, outcomes, words):
    plan(ledger, people("a", "b", group=("g",)), group_by=("g",))
    delivery = lease_one(ledger)
    with pytest.raises(LedgerError, match=words):
        ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
    assert numbers(ledger) == {"pending": 2}
    ledger.records.release([delivery.id])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("ax", "an address without an outcome"),
        ("aa", "two outcomes"),
        ("a", "an address without an outcome"),
    ],
)
def test_everybody_is_accepted_or_nothing_is_recorded(ledger, names, words):
    """The note that stands for all of them is written only if all of them are meant."""
    plan(ledger, people("a", "b", group=("g",)), group_by=("g",))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    for outcomes in (
        [Outcome(name, Status.ACCEPTED, TAKEN) for name in names],
        SameForAll(tuple(names), Status.ACCEPTED, TAKEN),
    ):
        with pytest.raises(LedgerError, match=words):
            ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
    assert numbers(ledger) == {"pending": 2}
    ledger.records.settle(
        delivery.id, SameForAll(("b", "a"), Status.ACCEPTED, TAKEN), now=NOW, retry_at=None
    )
    assert numbers(ledger) == {"accepted": 2}


def test_releasing_is_all_or_nothing(ledger):
    plan(ledger, people("a", "b"))
    first = lease_one(ledger)
    with pytest.raises(LedgerError, match="not leased"):
        ledger.records.release([first.id, 99])
    assert [d.key for d in ledger.leases.lease(9, now=NOW)] == ["b"]


# What is known of the edition


def test_what_is_recorded_together_survives_a_kill_together(ledger, path, folder):
    plan(ledger, people("ann@example.net", "ben@example.net", "cid@example.net"))
    ann, ben, _ = ledger.leases.lease(3, now=NOW)
    ledger.records.commit_point(ann.id)
    with ledger.records.together():
        outcome = Outcome("ann@example.net", Status.ACCEPTED, TAKEN)
        ledger.records.settle(ann.id, [outcome], now=NOW, retry_at=None)
        ledger.records.commit_point(ben.id)
        with Ledger.read(path, boot_id="boot-1") as reader:
            assert numbers(reader) == {"pending": 3}
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert [row.status for row in after.standing.result_rows()] == [
            "accepted",
            "in_doubt",
            "pending",
        ]


def test_what_is_recorded_together_is_recorded_or_nothing_is(ledger, path, folder):
    plan(ledger, people("ann@example.net", "ben@example.net"))
    ann, ben = ledger.leases.lease(2, now=NOW)
    ledger.records.commit_point(ann.id)

    def settle_both():
        with ledger.records.together():
            for one in (ann, ben):
                outcome = Outcome(one.unsettled[0], Status.ACCEPTED, TAKEN)
                ledger.records.settle(one.id, [outcome], now=NOW, retry_at=None)

    with pytest.raises(LedgerError, match="without a commit point"):
        settle_both()
    with open_ledger(copy_files(path, folder / "dead")) as after:
        assert [row.status for row in after.standing.result_rows()] == ["in_doubt", "pending"]


def test_the_content_digests_are_kept(path):
    with open_ledger(path) as ledger:
        assert ledger.plan.content_digests() == {}
        ledger.plan.set_content_digests({"newsletter.html.j2": "abc", "subject": "def"})
    with open_ledger(path) as ledger:
        assert ledger.plan.content_digests() == {"newsletter.html.j2": "abc", "subject": "def"}


def test_the_edition_is_finished_when_nobody_is_pending_or_deferred(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b"))
        settle(ledger, lease_one(ledger))
        ledger.plan.mark_finished(NOW + 1)
        assert ledger.standing.finished_at() is None
        settle(ledger, lease_one(ledger), Status.REJECTED)
        ledger.plan.mark_finished(NOW + 2)
        ledger.plan.mark_finished(NOW + 3)
    with open_ledger(path) as ledger:
        assert ledger.standing.finished_at() == NOW + 2, (
            "later runs that do nothing do not change it"
        )
        plan(ledger, people("a", "b", "c"))
        ledger.plan.mark_finished(NOW + 4)
        assert ledger.standing.finished_at() is None
        settle(ledger, lease_one(ledger))
        ledger.plan.mark_finished(NOW + 5)
        assert ledger.standing.finished_at() == NOW + 5


def test_every_status_has_a_count(ledger):
    assert ledger.standing.counts() == dict.fromkeys(Status, 0)


def taken_by_another_run(ledger):
    """Let the leases belong to another run, which nothing but the ledger knows."""
    with ledger._database.transaction() as connection:
        connection.execute("UPDATE lease SET run = run + 1")


@pytest.mark.parametrize("what", ["point", "accepted", "rejected"])
def test_a_lease_that_another_run_took_is_found_at_the_record(ledger, what):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    if what == "accepted":
        ledger.records.commit_point(delivery.id)
    taken_by_another_run(ledger)
    points = [CommitPoint(delivery.id, None)] if what == "point" else []
    outcomes = {
        "accepted": [Outcome("a", Status.ACCEPTED, TAKEN)],
        "rejected": [Outcome("a", Status.REJECTED, NEVER)],
    }
    told = [Settlement(delivery.id, outcomes[what], NOW, None)] if what in outcomes else []
    with pytest.raises(LedgerError, match="another run took the ledger"):
        ledger.records.record(told, points)
    assert numbers(ledger) == {"pending": 1}


def test_a_lock_that_is_lost_before_a_commit_leaves_nothing_of_the_commit(ledger):
    plan(ledger, people("a", "b"))
    points = [CommitPoint(one.id, None) for one in ledger.leases.lease(2, now=NOW)]
    lock = ledger._lock.path
    away = lock.rename(lock.with_suffix(".away"))
    with pytest.raises(LedgerError, match="the lock file was removed"):
        ledger.records.record((), points)
    assert ledger.records.points == 0
    away.rename(lock)
    ledger.records.record((), points)
    assert ledger.records.points == 2


def test_a_ledger_that_was_put_away_records_nothing(path):
    with open_ledger(path) as ledger:
        records = ledger.records
    with pytest.raises(LedgerError, match="not open for writing"):
        records.together()
