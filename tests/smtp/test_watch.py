"""The watch on how long replies take, with a clock of its own."""

import pytest

from mailbatch.smtp.commands import Verb
from mailbatch.smtp.watch import SECONDS, TIMES, Watch


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def replies(clock, watch, seconds, *, refusals, owed=Verb.RCPT):
    """A command leaves, and its reply comes after so many seconds."""
    watch.said()
    clock.now += seconds
    watch.heard(owed, refusals=refusals)


@pytest.mark.parametrize(
    ("seconds", "slow_at"), [(SECONDS, None), (SECONDS + 0.01, 3), (1.0, 3), (0.0, None)]
)
def test_replies_of_a_quick_server_are_slow_from_half_a_second_on(clock, seconds, slow_at):
    watch = Watch(clock)
    replies(clock, watch, 0.0, refusals=0)
    replies(clock, watch, seconds, refusals=3)
    assert watch.slow_at == slow_at


@pytest.mark.parametrize(("seconds", "slow_at"), [(SECONDS + TIMES * 0.4, None), (2.2, 7)])
def test_the_longest_reply_before_the_first_refusal_is_the_measure(clock, seconds, slow_at):
    watch = Watch(clock)
    for usual in (0.1, 0.4, 0.2):
        replies(clock, watch, usual, refusals=0)
    replies(clock, watch, seconds, refusals=7)
    assert watch.slow_at == slow_at


def test_the_first_slow_reply_counts(clock):
    """From there on the server is slow, however many refusals follow."""
    watch = Watch(clock)
    replies(clock, watch, 1.0, refusals=10)
    replies(clock, watch, 1.0, refusals=11)
    assert watch.slow_at == 10


@pytest.mark.parametrize("owed", [Verb.END_OF_DATA, Verb.BDAT, Verb.AUTH, None])
def test_what_takes_its_time_at_any_server_is_no_sign(clock, owed):
    watch = Watch(clock)
    replies(clock, watch, 60.0, refusals=10, owed=owed)
    assert watch.slow_at is None


def test_the_wait_begins_with_the_last_bytes(clock):
    """Replies that come one by one are each waited for from the one before."""
    watch = Watch(clock)
    watch.said()
    for _ in range(20):
        clock.now += 0.4
        watch.heard(Verb.RCPT, refusals=10)
    assert watch.slow_at is None
