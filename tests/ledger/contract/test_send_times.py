"""The times of sending in a plan: an instant for each row, fixed when the row is planned first."""

import pytest

from mailbatch.envelope import Recipient
from mailbatch.outcome import Status
from mailbatch.send_time import SendTimesError
from tests.ledger.contract.talk import letters

#: 2026-11-27 09:15 in Zagreb, a Friday.
NOW = 1_795_767_300.0
DAY, HOUR = 86_400.0, 3600.0
NINE = NOW - 900.0 + DAY
ZAGREB, LONDON, TOKYO = "09:00 Europe/Zagreb", "09:00 Europe/London", "09:00 Asia/Tokyo"
#: 2026-11-27 09:00 in London, 45 minutes later, and in Tokyo, the next morning there.
IN_LONDON, IN_TOKYO = NOW + 45 * 60.0, NOW + 15.75 * HOUR


def rows(*times, group=None):
    """Rows of a@x.org, b@x.org, …, each with its time of sending."""
    return [
        Recipient(
            line, f"{chr(95 + line)}@x.org", (f"{chr(95 + line)}@x.org",), group, send_at=said
        )
        for line, said in enumerate(times, start=2)
    ]


def plan(talk, *times, now=NOW, group=None, limit=1000):
    by = () if group is None else ("group",)
    return talk.plan_rows(rows(*times, group=group), by, limit, now=now)


def times(talk, behind=0.0, line=None):
    return talk.ledger.plan.send_times(behind, line)


def test_a_row_is_leased_at_its_instant_and_not_before(talk):
    plan(talk, ZAGREB, None, LONDON)
    assert times(talk) == [(IN_LONDON, 1), (NINE, 1)]
    assert times(talk, line=2) == [(NINE, 1)]
    assert times(talk, behind=IN_LONDON) == [(NINE, 1)]
    assert talk.send(now=NOW) == "b"
    assert talk.ledger.leases.next_due() == IN_LONDON
    assert talk.send(now=IN_LONDON - 1) == ""
    assert talk.send(now=IN_LONDON) == "c"
    assert talk.ledger.leases.next_due() == NINE
    assert talk.send(now=NINE) == "a"
    assert talk.ledger.leases.next_due() is None


def test_an_instant_stays_over_plans_runs_and_deaths(talk):
    """Also behind its time: a run that comes late finds the row due, and does not wait a day."""
    plan(talk, ZAGREB, LONDON)
    for then in (NOW + HOUR, NINE - 1, NINE + 5 * HOUR):
        talk.die()
        talk.ledger.plan.reopen_deferred()
        assert times(talk) == [(IN_LONDON, 1), (NINE, 1)]
        plan(talk, ZAGREB, LONDON, now=then)
        plan(talk, ZAGREB, LONDON, ZAGREB, now=then)  # the plan is another one each time
        plan(talk, ZAGREB, LONDON, now=then)
        assert times(talk) == [(IN_LONDON, 1), (NINE, 1)]
    assert talk.send(now=NINE + 5 * HOUR) == "ab"


def test_a_run_that_died_with_leases_has_them_due_as_before(talk):
    plan(talk, LONDON, LONDON, ZAGREB)
    leased = talk.lease(now=IN_LONDON)
    assert letters(leased[0].unsettled) == "a"
    talk.die()
    talk.ledger.plan.reopen_deferred()
    assert times(talk) == [(IN_LONDON, 2), (NINE, 1)]
    assert talk.send(now=IN_LONDON) == "ab"


def test_a_retry_has_its_own_time(talk):
    """A deferred recipient is due at the retry, and in the next run at once."""
    plan(talk, LONDON, ZAGREB)
    (one,) = talk.lease(now=IN_LONDON)
    talk.commit(one)
    talk.settle(one, Status.DEFERRED, now=IN_LONDON, retry_at=IN_LONDON + 60)
    assert talk.ledger.leases.next_due() == IN_LONDON + 60
    talk.reopen()
    talk.ledger.plan.reopen_deferred()
    plan(talk, LONDON, ZAGREB, None, now=IN_LONDON + 10)
    assert sorted(talk.send(now=IN_LONDON + 10)) == ["a", "c"]
    assert times(talk) == [(NINE, 1)]


def test_a_row_that_says_another_time_gets_another_instant(talk):
    plan(talk, ZAGREB, ZAGREB, ZAGREB)
    assert plan(talk, TOKYO, "09:00 Europe/Berlin", None, now=NOW + 1).rows == 3
    assert times(talk) == [(IN_TOKYO, 1), (NINE, 1)]  # Berlin's clock is Zagreb's
    assert talk.send(now=NOW + 1) == "c"


def test_a_day_is_an_instant_and_one_that_is_over_is_now(talk):
    plan(talk, "2026-12-24 18:00 Europe/Zagreb", "2026-11-26 18:00 Europe/Zagreb")
    assert talk.send(now=NOW) == "b"
    plan(talk, "2026-12-24 18:00 Europe/Zagreb", now=NOW + 40 * DAY)
    assert talk.send(now=NOW + 27 * DAY) == ""
    assert talk.send(now=NOW + 28 * DAY) == "a"


def test_a_job_without_times_has_nobody_wait_any_more(talk):
    plan(talk, ZAGREB, LONDON)
    plan(talk, None, None, now=None)
    assert times(talk) == []
    assert talk.ledger.leases.next_due() is None
    assert talk.send(now=NOW) == "ab"


def test_a_mailing_that_is_under_way_gets_times(talk):
    """Only who was never tried waits."""
    plan(talk, None, None, None, now=None)
    (one, two) = talk.lease(2, now=NOW)
    talk.commit(one, two)
    talk.settle(one, Status.ACCEPTED, now=NOW)
    talk.settle(two, Status.DEFERRED, now=NOW, retry_at=NOW + 60)
    plan(talk, ZAGREB, ZAGREB, ZAGREB)
    assert times(talk) == [(NINE, 1)]
    talk.ledger.plan.reopen_deferred()
    assert talk.send(now=NOW) == "b"
    assert talk.send(now=NINE) == "c"


def test_who_comes_back_is_planned_anew(talk):
    plan(talk, ZAGREB, LONDON)
    plan(talk, ZAGREB, now=NOW)
    assert talk.statuses() == {"a": "pending", "b": "withdrawn"}
    plan(talk, ZAGREB, LONDON, now=NINE)
    assert times(talk) == [(NINE, 1), (IN_LONDON + DAY, 1)]


def test_one_address_is_not_sent_to_before_its_time(talk):
    plan(talk, ZAGREB, LONDON)
    assert talk.lease(now=NOW, address="a@x.org") == []
    assert talk.ledger.leases.next_due(("a@x.org",)) == NINE
    assert talk.ledger.leases.next_due(("a@x.org", "b@x.org")) == IN_LONDON
    (one,) = talk.lease(now=NINE, address="a@x.org")
    assert letters(one.unsettled) == "a"
    talk.commit(one)
    talk.settle(one, Status.ACCEPTED, now=NINE)
    assert talk.ledger.leases.next_due(("a@x.org",)) is None
    (one,) = talk.lease(now=NINE, address="b@x.org")
    talk.commit(one)
    talk.settle(one, Status.DEFERRED, now=NINE, retry_at=NINE + 7)
    assert talk.ledger.leases.next_due(("b@x.org",)) == NINE + 7


def test_a_group_waits_together(talk):
    plan(talk, ZAGREB, ZAGREB, ZAGREB, group=("de",), limit=2)
    assert times(talk) == [(NINE, 3)]
    assert talk.lease(now=NINE - 1) == []
    assert [letters(one.unsettled) for one in talk.lease(now=NINE)] == ["ab", "c"]


def test_who_joins_a_group_late_waits_alone(talk):
    """The others are not held up, nor is the late one sent early, also over a death."""
    plan(talk, ZAGREB, ZAGREB, group=("de",))
    plan(talk, ZAGREB, ZAGREB, ZAGREB, group=("de",), now=NINE + HOUR)
    assert times(talk) == [(NINE, 2), (NINE + DAY, 1)]
    (one,) = talk.lease(now=NINE + HOUR)
    assert letters(one.unsettled) == "ab"
    talk.commit(one)
    talk.settle(one, Status.ACCEPTED, now=NINE + HOUR)
    talk.die()
    talk.ledger.plan.reopen_deferred()
    assert talk.send(now=NINE + 2 * HOUR) == ""
    assert talk.send(now=NINE + DAY) == "c"


@pytest.mark.parametrize("now", [NOW, None])
def test_rows_of_a_group_that_say_several_times_are_refused(talk, now):
    """The refusal names the first row apart, and plans nothing; so does a rehearsal."""
    with pytest.raises(SendTimesError) as caught:
        plan(talk, ZAGREB, ZAGREB, LONDON, None, group=("de",), now=now)
    assert caught.value.rows == ((4, f"send_at is {LONDON}, and {ZAGREB} in row 2"),)
    assert caught.value.number == 1
    assert talk.ledger.standing.counts()[Status.PENDING] == 0


def test_rows_of_one_delivery_wait_together(talk):
    """Rows of one key in one group share the delivery and the wait."""
    one = rows(ZAGREB)[0]
    both = [one._replace(group=("de",)), one._replace(line=3, group=("de",), values=("2",))]
    for now in (NOW, NOW + 1):
        talk.plan_rows(both, ("group",), now=now)
        assert times(talk) == [(NINE, 2)]
        assert talk.lease(now=NINE - 1) == []
    (delivery,) = talk.lease(now=NINE)
    assert len(delivery.rows) == 2


def test_a_plan_without_times_is_the_plan_that_it_was(talk):
    """A rehearsal knows no times: the rows are due at once."""
    plan(talk, ZAGREB, LONDON, now=None)
    assert times(talk) == []
    assert talk.send(now=NOW) == "ab"


def test_the_last_instants_of_many_rows_are_few(talk):
    many = [
        Recipient(n, f"u{n}@x.org", (f"u{n}@x.org",), send_at=(ZAGREB, LONDON)[n % 2])
        for n in range(2, 602)
    ]
    talk.plan_rows(many, now=NOW)
    assert times(talk) == [(IN_LONDON, 300), (NINE, 300)]
    assert len(talk.lease(600, now=IN_LONDON)) == 300
