"""The judgement of a guard: facts in, verdict out."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbatch.delivery.guard import Breach, Census, Figures, judge
from mailbatch.job.guard import Guard
from mailbatch.outcome import Status

GUARD = Guard(bounces="3%", complaints="0.3%", least=3)


@pytest.mark.parametrize(
    ("sent", "bounced", "complained", "stops"),
    [
        (0, 0, 0, None),
        (0, 2, 2, None),
        (0, 9, 0, "hard bounces"),  # in doubt, and bounced: more than were accepted
        (10, 1, 0, None),  # 10 %, and one bounce of ten stops nobody
        (10, 2, 2, None),
        (10, 3, 0, "hard bounces"),
        (500, 14, 0, None),
        (500, 15, 0, "hard bounces"),  # 3 %: reached
        (501, 15, 0, None),  # below
        (1000, 0, 2, None),  # 0.2 %
        (1000, 0, 3, "complaints"),  # 0.3 %, which no binary fraction is
        (1001, 0, 3, None),
        (500, 15, 15, "hard bounces"),
    ],
)
def test_a_share_that_is_reached_stops_the_mailing(sent, bounced, complained, stops):
    breach = judge(GUARD, Figures(sent, bounced, complained))
    assert (breach and breach.what) == stops


def test_a_breach_has_the_figures():
    breach = judge(GUARD, Figures(1500, 60, 0))
    assert breach == Breach("hard bounces", 60, 1500, GUARD.bounces)
    assert str(breach) == "60 hard bounces of 1,500 accepted recipients (4 %)"
    assert str(breach.share) == "3%"
    assert (
        str(Breach("hard bounces", 9, 0, GUARD.bounces))
        == "9 hard bounces of 0 accepted recipients"
    )


@given(
    sent=st.integers(0, 10_000),
    bounced=st.integers(0, 10_000),
    complained=st.integers(0, 10_000),
    more=st.integers(0, 1000),
)
def test_more_bounces_never_let_a_mailing_go_on(sent, bounced, complained, more):
    """And more accepted recipients never stop one."""
    now = judge(GUARD, Figures(sent, bounced, complained))
    if now is not None:
        assert judge(GUARD, Figures(sent, bounced + more, complained + more)) is not None
    elif sent:
        assert judge(GUARD, Figures(sent + more, bounced, complained)) is None


def row(status, at=None, *, attempts=1):
    return SimpleNamespace(status=status, settled_at=at, first_attempt_at=at, attempts=attempts)


def test_the_census_counts_who_was_sent_to():
    rows = [
        row(Status.ACCEPTED, 10.0), row(Status.PENDING, attempts=0), row(Status.REJECTED, 30.0),
        row(Status.IN_DOUBT, 20.0), row(Status.SUPPRESSED, attempts=0), row(Status.DEFERRED, 40.0),
    ]  # fmt: skip
    for after, ended in ((5, None), (4, 40.0), (3, 30.0)):
        census = Census(after)
        assert list(census.passing(rows)) == rows
        assert (census.tried, census.accepted, census.step_ended) == (4, 1, ended)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50), st.integers(1, 50))
def test_the_first_step_ended_when_the_last_of_it_was_settled(times, after):
    census = Census(after)
    list(census.passing(row(Status.ACCEPTED, at) for at in times))
    expected = sorted(times)[after - 1] if len(times) >= after else None
    assert census.step_ended == expected
