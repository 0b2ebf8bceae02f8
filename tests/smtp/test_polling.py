"""Polling, on a loop of its own: awake while replies come in no time, asleep otherwise."""

from collections import deque
from itertools import pairwise

import pytest

from mailbatch.smtp.polling import LONGEST_POLL, Polling


class Loop:
    """An event loop whose clock goes on by a tenth of a moment at each turn."""

    def __init__(self):
        self.now = 1000.0
        self.soon = deque()

    def clock(self):
        return self.now

    def turn_until(self, due):
        """Turn until then, or until it falls asleep and is woken then."""
        while self.soon and self.now < due:
            self.soon.popleft()()
            self.now += LONGEST_POLL / 10
        self.now = max(self.now, due)


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def polling(loop):
    return Polling(loop.soon.append, loop.clock)


def stays_awake(loop, polling, seconds, awaited="MAIL"):
    """Wait for a reply that takes so long; whether the loop was awake when that began."""
    began = polling.begin(awaited)
    awake = bool(loop.soon)
    loop.turn_until(loop.now + seconds)
    polling.end(began)
    return awake


QUICK, SLOW = LONGEST_POLL / 2, 0.02


def test_the_loop_stays_awake_for_a_moment_and_no_longer(loop, polling):
    polling.begin("MAIL")
    turns = 0
    while loop.soon:
        loop.turn_until(loop.now + LONGEST_POLL / 20)
        turns += 1
    assert turns in {10, 11, 12}


def test_it_stays_awake_as_long_as_replies_come_in_no_time(loop, polling):
    assert all(stays_awake(loop, polling, QUICK) for _ in range(100))


def test_for_slow_replies_it_stays_awake_ever_more_rarely(loop, polling):
    awake = [n for n in range(5000) if stays_awake(loop, polling, SLOW)]
    assert awake[:6] == [0, 2, 6, 14, 30, 62]
    assert max(b - a for a, b in pairwise(awake)) == 1024


def test_one_quick_reply_is_enough_to_stay_awake_again(loop, polling):
    for _ in range(300):
        stays_awake(loop, polling, SLOW)
    assert not stays_awake(loop, polling, QUICK)
    assert stays_awake(loop, polling, QUICK)


def test_slow_replies_to_one_command_are_no_reason_to_sleep_for_those_to_another(loop, polling):
    awake = []
    for _ in range(60):
        assert stays_awake(loop, polling, QUICK, "MAIL")
        loop.turn_until(loop.now + LONGEST_POLL)
        awake.append(stays_awake(loop, polling, SLOW, "."))
    assert [turn for turn, one in enumerate(awake) if one] == [0, 2, 6, 14, 30]


def test_many_waits_are_one_look_at_each_turn(loop, polling):
    for _ in range(8):
        polling.begin("MAIL")
    assert len(loop.soon) == 1


def test_who_begins_later_keeps_it_awake_longer(loop, polling):
    polling.begin("MAIL")
    loop.turn_until(loop.now + 0.9 * LONGEST_POLL)
    polling.begin("MAIL")
    loop.turn_until(loop.now + 0.9 * LONGEST_POLL)
    assert loop.soon
