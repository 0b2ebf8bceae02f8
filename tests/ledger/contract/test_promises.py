"""The promises of a ledger, line by line: the docstring of `mailbatch.ledger.ports` as facts.

Each test says which rule it holds.
"""

import pytest

from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.ledger.ports import Recovery, Suspicion
from mailbatch.outcome import Status
from tests.ledger.contract.talk import LATER, NOW, REPLIES, point, settlement

ACCEPTED, DEFERRED = Status.ACCEPTED, Status.DEFERRED
IN_DOUBT, PENDING, REJECTED = Status.IN_DOUBT, Status.PENDING, Status.REJECTED


@pytest.fixture
def powerless(backend):
    if not backend.plays_power_loss:
        pytest.skip("this backend cannot play a power loss")


# Promise


def test_one_run_at_a_time(talk):
    """No two runs pass the commit point of one attempt: the second finds the edition locked."""
    with pytest.raises(LedgerLocked) as caught:
        talk.backend.open_to_run()
    assert caught.value.exit_code == 75
    with pytest.raises(LedgerLocked):
        talk.backend.open_to_decide()


def test_an_attempt_has_one_commit_point(talk):
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    talk.commit(delivery)
    with pytest.raises(LedgerError):
        talk.commit(delivery)
    talk.settle(delivery, ACCEPTED)
    assert talk.statuses() == {"a": "accepted"}


@pytest.mark.parametrize("status", [ACCEPTED, IN_DOUBT])
def test_nothing_has_arrived_without_a_commit_point(talk, status):
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    with pytest.raises(LedgerError):
        talk.settle(delivery, status)
    talk.commit(delivery)
    talk.settle(delivery, status)
    assert talk.statuses() == {"a": str(status)}


def test_behind_a_death_the_window_nobody_can_see_into_is_in_doubt(talk):
    """Commit point without outcome: in doubt. Leased without: pending. Settled: as it was."""
    talk.plan(*(f"{letter}@x.org" for letter in "abcde"))
    a, b, c, _d = talk.lease(4)
    talk.commit(a, b, c)
    talk.settle(a, ACCEPTED)
    talk.settle(b, REJECTED)
    talk.die()
    assert talk.ledger.recovered == Recovery(released=1, in_doubt=1, recipients=1)
    assert talk.statuses() == {
        "a": "accepted", "b": "rejected", "c": "in_doubt", "d": "pending", "e": "pending",
    }  # fmt: skip
    assert talk.send() == "de"


def test_doubt_ends_by_evidence_and_never_by_time(talk):
    """However often it is opened, however late it is asked."""
    talk.plan("a@x.org")
    talk.commit(*talk.lease())
    talk.die()
    for _ in range(3):
        assert talk.lease(now=LATER) == []
        talk.ledger.plan.reopen_deferred()
        talk.ledger.plan.reopen_rejected()
        assert talk.doubtful() == "a"
        talk.reopen()
    assert talk.resolve("accepted") == 1
    assert talk.statuses() == {"a": "accepted"}


def test_an_attempt_that_came_to_nothing_certain_is_in_doubt(talk):
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    talk.commit(delivery)
    talk.settle(delivery, IN_DOUBT)
    assert talk.doubtful() == "a"
    assert talk.lease(now=LATER) == []


# Permanence


@pytest.mark.usefixtures("powerless")
def test_a_lease_survives_a_power_loss(talk):
    """Whoever was leased and not settled may have been sent to."""
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    a, _b = talk.lease(2)
    talk.commit(a)
    talk.settle(a, ACCEPTED)
    talk.lose_power()
    assert talk.doubtful() in {"ab", "b"}, "the outcome of a may be lost, its lease may not"
    assert talk.send() == "c"


@pytest.mark.usefixtures("powerless")
def test_a_plan_and_a_decision_survive_a_power_loss(talk):
    talk.plan("a@x.org", "b@x.org")
    talk.commit(*talk.lease(1))
    talk.die()
    talk.resolve("skip")
    talk.lose_power()
    assert talk.statuses() == {"a": "skipped", "b": "pending"}


@pytest.mark.usefixtures("powerless")
def test_what_was_put_away_survives_a_power_loss(talk):
    talk.plan("a@x.org", "b@x.org")
    talk.send()
    talk.ledger.close()
    talk.ledger = talk.backend.open_to_run()
    talk.lose_power()
    assert talk.statuses() == {"a": "accepted", "b": "accepted"}


def test_a_record_survives_the_death_of_its_process(talk):
    talk.plan(*(f"{letter}@x.org" for letter in "abcd"))
    a, b, c, d = talk.lease()
    talk.record(point(a), point(b), point(c), point(d))
    talk.record(
        settlement(a, ACCEPTED),
        settlement(b, REJECTED),
        settlement(c, DEFERRED, retry_at=NOW + 60),
        settlement(d, PENDING, retry_at=NOW + 30),
    )
    seen = list(talk.ledger.standing.result_rows())
    talk.die()
    assert list(talk.ledger.standing.result_rows()) == seen
    assert [str(row.status) for row in seen] == ["accepted", "rejected", "deferred", "pending"]


def test_refusals_under_suspicion_are_given_back_by_the_next_run(talk):
    """A run that died could not find out whose trouble they are."""
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    a, b, _ = talk.lease()
    talk.record(point(a), point(b))
    talk.record(settlement(a, REJECTED, now=NOW - 5))
    talk.record(settlement(b, REJECTED, now=NOW), suspicion=Suspicion(NOW - 1))
    talk.die()
    assert talk.statuses() == {"a": "rejected", "b": "pending", "c": "pending"}
    assert talk.send() == "bc"


# All or nothing


def test_a_record_is_all_or_nothing(talk):
    """One rule broken in it, and none of it is recorded."""
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    a, b, c = talk.lease()
    talk.commit(a)
    before = list(talk.ledger.standing.result_rows())
    with pytest.raises(LedgerError):
        talk.record(settlement(a, ACCEPTED), settlement(b, ACCEPTED), point(c))
    assert list(talk.ledger.standing.result_rows()) == before
    talk.record(settlement(a, ACCEPTED), point(b), point(c))
    talk.record(settlement(b, ACCEPTED), settlement(c, ACCEPTED))
    assert set(talk.statuses().values()) == {"accepted"}


def test_a_table_that_cannot_be_read_leaves_the_old_plan(talk):
    """The error of the iterable passes through as it is."""
    talk.plan("a@x.org", "b@x.org")

    def rows():
        raise KeyError("line 3")
        yield

    with pytest.raises(KeyError, match="line 3"):
        talk.plan_rows(rows())
    assert talk.statuses() == {"a": "pending", "b": "pending"}
    assert talk.send() == "ab"


# Not twice


def test_an_outcome_is_recorded_once(talk):
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    talk.commit(delivery)
    talk.settle(delivery, ACCEPTED)
    for status in (ACCEPTED, REJECTED):
        with pytest.raises(LedgerError):
            talk.settle(delivery, status)
    assert talk.statuses() == {"a": "accepted"}


@pytest.mark.parametrize("step", ["commit", "release", "invalidate"])
def test_what_is_settled_is_leased_no_more(talk, step):
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    talk.commit(delivery)
    talk.settle(delivery, DEFERRED, retry_at=LATER)
    with pytest.raises(LedgerError):
        getattr(talk, step)(delivery)
    assert talk.statuses() == {"a": "deferred"}


@pytest.mark.parametrize("step", ["release", "invalidate"])
def test_nothing_is_given_back_twice_or_behind_its_commit_point(talk, step):
    talk.plan("a@x.org", "b@x.org")
    a, b = talk.lease()
    getattr(talk, step)(a)
    with pytest.raises(LedgerError):
        getattr(talk, step)(a)
    talk.commit(b)
    with pytest.raises(LedgerError):
        getattr(talk, step)(b)
    talk.settle(b, ACCEPTED)


def test_what_another_run_leased_is_no_more_this_ones(talk):
    talk.plan("a@x.org")
    (delivery,) = talk.lease()
    talk.reopen()
    for step in (talk.commit, talk.release, talk.invalidate):
        with pytest.raises(LedgerError):
            step(delivery)


def test_closing_twice_is_without_effect(talk):
    talk.plan("a@x.org")
    talk.ledger.close()
    talk.ledger.close()
    talk.ledger = talk.backend.open_to_run()
    assert talk.send() == "a"


# Errors


def test_a_ledger_is_of_one_job_and_edition(talk):
    talk.ledger.close()
    for other in ({"job": "other"}, {"edition": "49"}):
        with pytest.raises(LedgerError) as caught:
            talk.backend.open_to_run(**other)
        assert caught.value.exit_code == 74
    talk.ledger = talk.backend.open_to_run()
    assert (talk.ledger.job, talk.ledger.edition) == ("news", "48")


@pytest.mark.parametrize("opening", ["open_to_decide", "open_to_read"])
def test_there_is_nothing_to_read_before_the_first_run(backend, opening):
    with pytest.raises(LedgerError) as caught:
        getattr(backend, opening)()
    assert caught.value.exit_code == 74


def test_a_ledger_to_decide_does_not_send(talk):
    talk.plan("a@x.org")
    talk.ledger.close()
    talk.ledger = talk.backend.open_to_decide()
    with pytest.raises(LedgerError):
        _ = talk.ledger.leases


def test_a_ledger_to_read_writes_nothing(talk):
    talk.plan("a@x.org")
    talk.commit(*talk.lease())
    talk.backend.die(talk.ledger)
    talk.ledger = talk.backend.open_to_read()
    for step in (
        lambda: talk.ledger.leases,
        lambda: talk.ledger.records,
        lambda: talk.ledger.plan.mark_finished(NOW),
        talk.ledger.plan.reopen_deferred,
        lambda: talk.ledger.doubts.resolve("accepted", now=NOW),
    ):
        with pytest.raises(LedgerError):
            step()
    assert talk.doubtful() == "a", "a reader sees the doubt before the next run records it"


def test_a_reader_sees_each_record_of_a_run_at_once(talk):
    talk.plan("a@x.org", "b@x.org")
    a, b = talk.lease()
    reader = talk.backend.open_to_read()
    talk.commit(a, b)
    talk.settle(a, ACCEPTED)
    assert reader.standing.counts()[Status.ACCEPTED] == 1
    talk.settle(b, REJECTED)
    assert reader.standing.counts()[Status.REJECTED] == 1
    assert list(reader.standing.result_rows()) == list(talk.ledger.standing.result_rows())
    reader.close()


def test_the_replies_are_kept_word_for_word(talk):
    talk.plan("a@x.org")
    talk.send()
    (row,) = talk.ledger.standing.result_rows()
    reply = REPLIES[ACCEPTED]
    assert (row.reply_code, row.enhanced_status, row.reply) == (250, "2.6.0", reply.text)
    assert row.message_id == "0b3f-77"
