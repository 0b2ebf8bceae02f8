"""The rules of the roles: plan, leases, records, standing, doubts, thread."""

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError
from mailbatch.ledger.rows import Before
from mailbatch.outcome import UNFINISHED, Outcome, Status
from tests.ledger.contract.talk import DIGEST, LATER, NOW, REPLIES, letters, point, settlement

ACCEPTED, DEFERRED = Status.ACCEPTED, Status.DEFERRED
PENDING, REJECTED = Status.PENDING, Status.REJECTED


def who(deliveries):
    return "".join(letters(delivery.unsettled) for delivery in deliveries)


# The plan


def test_a_plan_tells_its_changes(talk):
    change = talk.plan("a@x.org", "b@x.org", "c@x.org")
    assert (change.rows, change.added) == (3, 3)
    assert not talk.plan("a@x.org", "b@x.org", "c@x.org")
    change = talk.plan("a@x.org", "c@x.org", "d@x.org")
    assert (change.added, change.withdrawn) == (1, 1)
    assert talk.statuses() == {"a": "pending", "c": "pending", "d": "pending", "b": "withdrawn"}
    assert talk.plan("a@x.org", "b@x.org", "c@x.org", "d@x.org").returned == 1


def test_the_identity_of_a_recipient_is_the_address_in_lower_case(talk):
    talk.plan("A@X.org", "a@x.ORG")
    assert [str(row.status) for row in talk.ledger.standing.result_rows()] == [
        "pending", "duplicate",
    ]  # fmt: skip
    assert talk.send() == "A"
    talk.plan("a@x.org")
    assert talk.send() == ""


def test_the_settled_stay_as_they_are(talk):
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    a, b, c = talk.lease()
    talk.commit(a, b, c)
    talk.settle(a, ACCEPTED)
    talk.settle(b, REJECTED)
    talk.settle(c, Status.IN_DOUBT)
    talk.plan("z@x.org")
    assert talk.statuses() == {
        "z": "pending", "a": "accepted", "b": "rejected", "c": "in_doubt",
    }  # fmt: skip


def test_rows_that_ask_for_no_mail_keep_their_reason(talk):
    rows = [
        Recipient(2, "a@x.org", ("a@x.org",), None, "pending"),
        Recipient(3, "b@x.org", ("b@x.org",), None, "suppressed", "in stop.csv"),
        Recipient(4, "c", ("c",), None, "invalid", "no address"),
    ]
    talk.plan_rows(rows)
    found = {row.email: (str(row.status), row.reason) for row in talk.ledger.standing.result_rows()}
    assert found["b@x.org"] == ("suppressed", "in stop.csv")
    assert found["c"] == ("invalid", "no address")
    assert talk.send() == "a"


def test_what_a_plan_keeps_beside_it(talk):
    plan = talk.ledger.plan
    assert plan.content_digests() == {}
    plan.set_content_digests({"subject": "1", "text": "2"})
    talk.plan("a@x.org", "b@x.org")
    talk.reopen()
    plan = talk.ledger.plan
    assert plan.content_digests() == {"subject": "1", "text": "2"}
    assert talk.ledger.standing.columns() == ("email",)
    assert plan.knows("A@x.org")
    assert not plan.knows("c@x.org")
    assert not plan.shares_messages()
    assert plan.due_deliveries(10) == 2
    assert plan.due_deliveries(1) == 1


def test_the_end_of_an_edition_is_noted_once_nobody_is_left(talk):
    talk.plan("a@x.org", "b@x.org")
    talk.commit(*talk.lease(1))
    talk.ledger.plan.mark_finished(NOW)
    assert talk.ledger.standing.finished_at() is None
    talk.die()
    talk.send()
    talk.ledger.plan.mark_finished(NOW + 1)
    talk.ledger.plan.mark_finished(NOW + 2)
    assert talk.ledger.standing.finished_at() == NOW + 1


# Leases


def test_deliveries_come_in_the_order_of_the_table(talk):
    talk.plan("c@x.org", "a@x.org", "b@x.org")
    assert [delivery.unsettled for delivery in talk.lease(2)] == [("c@x.org",), ("a@x.org",)]
    assert who(talk.lease(2)) == "b"
    assert talk.lease(2) == []


def test_deferred_deliveries_wait_and_get_a_quarter_of_a_lot(talk):
    talk.plan(*(f"{letter}@x.org" for letter in "abcdefghijkl"))
    for delivery in talk.lease(4):
        talk.commit(delivery)
        talk.settle(delivery, DEFERRED, retry_at=NOW + 60)
    assert talk.ledger.leases.next_due() == NOW + 60
    assert who(talk.lease(4)) == "efgh"
    assert sorted(who(talk.lease(4, now=NOW + 60))) == list("aijk")
    assert sorted(who(talk.lease(4, now=NOW + 60))) == list("bcdl")


def test_one_address_alone(talk):
    talk.plan("a@x.org", "b@x.org", "c@x.org", groups=["g", "g", "h"])
    (delivery,) = talk.lease(address="B@x.org")
    assert delivery.unsettled == ("b@x.org",)
    assert letters(delivery.addresses) == "ab"
    talk.commit(delivery)
    talk.settle(delivery, ACCEPTED)
    assert talk.send() == "ac"


def test_groups_share_a_message_up_to_the_limit(talk):
    talk.plan(*(f"{letter}@x.org" for letter in "abcdef"), groups=list("ggghhg"), limit=3)
    assert talk.ledger.plan.shares_messages()
    found = talk.lease()
    assert sorted(letters(delivery.unsettled) for delivery in found) == ["abc", "de", "f"]
    assert {delivery.key for delivery in found} == {"g#1", "g#2", "h#1"}


def test_a_lease_for_fewer_leaves_the_others_due(talk):
    talk.plan(*(f"{letter}@x.org" for letter in "abcde"), groups=list("ggggg"))
    (first,) = talk.lease(most=2)
    assert letters(first.unsettled) == "ab"
    talk.commit(first)
    talk.settle(first, ACCEPTED)
    (second,) = talk.lease()
    assert letters(second.unsettled) == "cde"
    assert second.message_id == first.message_id


def test_a_resend_is_the_same_message(talk):
    talk.plan("a@x.org")
    (first,) = talk.lease(now=NOW)
    talk.commit(first)
    talk.settle(first, DEFERRED, retry_at=NOW + 60)
    (second,) = talk.lease(now=NOW + 60)
    assert (second.message_id, second.date) == (first.message_id, first.date)
    assert (first.attempt, second.attempt) == (1, 2)
    talk.commit(second)
    talk.die()
    assert talk.resolve("resend") == 1
    (third,) = talk.lease(now=NOW + 99)
    assert (third.message_id, third.date) == (first.message_id, first.date)
    assert third.resent == {"a@x.org"}
    assert third.digests == {DIGEST}


def test_what_was_released_was_never_leased(talk):
    """No attempt is counted, and a Date that nobody has seen is not kept."""
    talk.plan("a@x.org")
    (first,) = talk.lease(now=NOW)
    talk.release(first)
    (second,) = talk.lease(now=NOW + 86400)
    assert second.attempt == 1
    assert second.date == NOW + 86400


def test_what_was_left_is_recorded_no_more_and_the_next_run_has_it(talk):
    """Nothing of it is in the memory; the leases stand until then."""
    talk.plan("a@x.org", "b@x.org")
    a, b = talk.lease()
    talk.ledger.records.leave([a.id, a.id])
    with pytest.raises(LedgerError):
        talk.commit(a)
    assert talk.lease() == []
    talk.commit(b)
    talk.settle(b, ACCEPTED)
    talk.reopen()
    assert talk.ledger.recovered.released == 1
    assert talk.send() == "a"


# Records


def test_one_reply_each_and_some_wait(talk):
    talk.plan(*(f"{letter}@x.org" for letter in "abc"), groups=list("ggg"))
    (delivery,) = talk.lease()
    talk.commit(delivery)
    talk.settle(delivery, ACCEPTED, REJECTED, DEFERRED, retry_at=NOW + 60)
    assert talk.statuses() == {"a": "accepted", "b": "rejected", "c": "deferred"}
    assert talk.send(now=NOW + 60) == "c"


def test_an_attempt_that_does_not_count(talk):
    """Trouble of the run: pending, due again at once, and no attempt is used up."""
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    talk.settle(delivery, PENDING, counted=False)
    (row,) = talk.ledger.standing.result_rows()
    assert (row.status, row.attempts) == (PENDING, 0)
    assert talk.ledger.standing.waits_for_the_server()
    assert talk.send() == "a"
    assert not talk.ledger.standing.waits_for_the_server()


def test_every_address_has_one_outcome(talk):
    talk.plan("a@x.org", "b@x.org", groups=list("gg"))
    (delivery,) = talk.lease()
    talk.commit(delivery)
    whole = settlement(delivery, ACCEPTED)
    for outcomes in (whole.outcomes[:1], [whole.outcomes[0]] * 2):
        with pytest.raises(LedgerError):
            talk.record(whole._replace(outcomes=outcomes))
    talk.record(whole)


def test_copies_are_recorded_and_change_no_status(talk):
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    talk.commit(delivery)
    ours = settlement(delivery, ACCEPTED)
    copy = Outcome("cc@x.org", REJECTED, REPLIES[REJECTED])
    talk.record(ours._replace(outcomes=[*ours.outcomes, copy]))
    (row,) = talk.ledger.standing.result_rows()
    assert row.status is ACCEPTED
    assert row.reason == "copy to cc@x.org rejected: 550 5.1.1 no such user"


def test_an_invalid_row_is_asked_for_again_by_the_next_plan(talk):
    talk.plan("a@x.org", "b@x.org")
    a, b = talk.lease()
    talk.invalidate(a)
    talk.commit(b)
    talk.settle(b, ACCEPTED)
    assert talk.statuses() == {"a": "invalid", "b": "accepted"}
    talk.plan("a@x.org", "b@x.org")
    assert talk.send() == "a"


def test_refusals_of_one_reply_are_given_back(talk):
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    a, b, c = talk.lease()
    talk.record(point(a), point(b), point(c))
    talk.record(settlement(a, REJECTED, now=NOW), settlement(b, REJECTED, now=NOW + 5))
    talk.settle(c, ACCEPTED, now=NOW + 6)
    records = talk.ledger.records
    assert talk.backend.wait(records.give_back(NOW + 1, REPLIES[REJECTED])) == 1
    assert talk.statuses() == {"a": "rejected", "b": "pending", "c": "accepted"}
    assert talk.lease() == [], "not in this run"


# Deferred and rejected


def test_the_next_run_tries_the_deferred_and_if_asked_the_rejected(talk):
    talk.plan("a@x.org", "b@x.org")
    a, b = talk.lease()
    talk.record(point(a), point(b))
    talk.record(settlement(a, DEFERRED), settlement(b, REJECTED))
    assert talk.ledger.leases.next_due() is None
    talk.reopen()
    assert talk.lease(now=LATER) == []
    assert talk.ledger.plan.reopen_deferred() == 1
    assert talk.send() == "a"
    assert talk.ledger.plan.reopen_rejected() == 1
    assert talk.send() == "b"


# Standing


def test_the_counts_are_those_of_the_rows(talk):
    talk.plan(*(f"{letter}@x.org" for letter in "abcdef"))
    a, b, c, d, _ = talk.lease(5)
    talk.record(point(a), point(b), point(c), point(d))
    talk.record(settlement(a, ACCEPTED), settlement(b, REJECTED), settlement(c, DEFERRED))
    for settled in ("a", "ad"):
        counts = talk.ledger.standing.counts()
        assert set(counts) == set(Status)
        statuses = list(talk.statuses().values())
        assert {str(status): n for status, n in counts.items() if n} == {
            status: statuses.count(status) for status in set(statuses)
        }
        unfinished = [row.values[0][0] for row in talk.ledger.standing.unfinished_rows()]
        assert "".join(unfinished) == "".join(sorted(set("abcdef") - set(settled)))
        if settled == "a":
            talk.settle(d, ACCEPTED)
    assert sum(talk.ledger.standing.counts()[status] for status in UNFINISHED) == 3


def test_the_rows_that_left_come_last(talk):
    talk.plan("a@x.org", "b@x.org")
    talk.plan("b@x.org")
    rows = list(talk.ledger.standing.result_rows())
    assert [(row.row, row.email) for row in rows] == [(2, "b@x.org"), (None, "a@x.org")]


def test_the_rows_that_were_tried_are_those_of_the_results_that_have_a_message(talk):
    talk.plan("a@x.org", "b@x.org", "c@x.org", "d@x.org")
    a, b, c, d = talk.lease()
    talk.commit(a, b, c)
    talk.settle(a, ACCEPTED)
    talk.settle(b, REJECTED)
    talk.settle(c, ACCEPTED)
    talk.release(d)
    talk.plan("c@x.org", "b@x.org", "d@x.org")
    rows = list(talk.ledger.standing.result_rows())
    assert [tuple(row) for row in talk.ledger.standing.attempted_rows()] == [
        (row.email, row.message_id, row.header_message_id) for row in rows if row.header_message_id
    ]
    assert [row.email[0] for row in talk.ledger.standing.attempted_rows()] == ["c", "b", "a"]


# Doubts


def test_a_doubt_says_all_that_is_known(talk):
    talk.plan("a@x.org", "b@x.org")
    a, _ = talk.lease()
    talk.commit(a)
    talk.die()
    (doubt,) = talk.ledger.doubts.in_doubt()
    assert (doubt.address, doubt.line, doubt.key) == ("a@x.org", 2, "a@x.org")
    assert doubt.message_id == a.message_id
    assert doubt.at == NOW
    assert doubt.digest == DIGEST
    assert "before its reply was read" in doubt.reason


def test_a_decision_is_about_one_address_or_about_all(talk):
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    talk.commit(*talk.lease())
    talk.die()
    assert talk.doubtful() == "abc"
    assert talk.resolve("accepted", address="A@x.org") == 1
    assert talk.resolve("skip", address="b@x.org") == 1
    assert talk.resolve("resend") == 1
    assert talk.statuses() == {"a": "accepted", "b": "skipped", "c": "pending"}
    assert talk.send() == "c"
    assert talk.resolve("accepted") == 0


def test_a_proof_settles_a_doubt_with_its_reason(talk):
    """Whoever is not in doubt is passed over: a proof says nothing new of them."""
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    a, b, c = talk.lease()
    talk.commit(a, b, c)
    talk.die()
    talk.resolve("skip", address="c@x.org")
    proofs = {
        (a.id, "A@x.org"): "a report", (b.id, "a@x.org"): "of another message",
        (c.id, "c@x.org"): "a report", (99, "d@x.org"): "a report",
    }  # fmt: skip
    assert talk.ledger.doubts.accept(proofs, now=NOW + 9) == 1
    assert talk.ledger.doubts.accept(proofs, now=NOW + 9) == 0
    assert talk.ledger.doubts.accept({}, now=NOW + 9) == 0
    talk.reopen()
    assert talk.statuses() == {"a": "accepted", "b": "in_doubt", "c": "skipped"}
    (row, *_) = talk.ledger.standing.result_rows()
    assert (row.settled_at, row.reason) == (NOW + 9, "a report")


def test_a_resend_that_dies_is_in_doubt_again(talk):
    """Nobody knows more than before: the first message may have arrived."""
    talk.plan("a@x.org")
    talk.commit(*talk.lease())
    talk.die()
    talk.resolve("resend")
    talk.invalidate(*talk.lease())
    assert talk.doubtful() == "a"


# The thread


def test_the_editions_of_a_thread_are_kept_over_runs(talk):
    before = (Before("2026-W47", "5f8a", 1.5), Before("2026-W46", "", 1.25))
    assert talk.ledger.thread.before() is None
    assert talk.ledger.thread.keep(before) == before
    talk.die()
    assert talk.ledger.thread.before() == before
    assert talk.ledger.thread.keep(()) == before  # once and for all
    talk.ledger.close()
    with talk.backend.open_to_read() as reader:
        assert reader.thread.before() == before
        with pytest.raises(LedgerError):
            reader.thread.keep(before)


def test_a_thread_that_begins_is_kept_too(talk):
    assert talk.ledger.thread.keep(()) == ()
    talk.reopen()
    assert talk.ledger.thread.before() == ()
    assert talk.ledger.thread.keep((Before("2026-W47", "5f8a", 1.5),)) == ()


def test_a_ledger_has_one_id_over_all_runs(talk):
    first = talk.ledger.thread.ledger
    assert len(first) == 32
    talk.reopen()
    assert talk.ledger.thread.ledger == first


def test_messages_are_those_that_were_accepted_in_time(talk):
    talk.plan("a@x.org", "B@x.org", "c@x.org", "d@x.org", "e@x.org")
    a, b, c, d, _ = leased = talk.lease()
    talk.commit(a, b, c, d)
    talk.settle(a, ACCEPTED, now=NOW)
    talk.settle(b, ACCEPTED, now=NOW + 1)
    talk.settle(c, REJECTED, now=NOW)
    talk.settle(d, Status.IN_DOUBT, now=NOW)
    keys = [delivery.key for delivery in leased]
    messages = talk.ledger.thread.messages
    assert messages(keys, NOW) == {}
    assert messages(keys, NOW + 1) == {"a@x.org": a.message_id}
    both = {"a@x.org": a.message_id, "b@x.org": b.message_id}
    assert messages([*keys, "z@x.org"], NOW + 2) == both
    assert messages(["b@x.org"], NOW + 2) == {"b@x.org": b.message_id}
    talk.reopen()
    talk.resolve("accepted")  # as of now, whenever the attempt was
    talk.ledger.close()
    with talk.backend.open_to_read() as reader:
        assert reader.thread.messages(keys, NOW) == {}
        assert reader.thread.messages(keys[1:], NOW + 2).keys() >= {"b@x.org"}
