"""The vigil, on a loop of its own: awake while replies come in no time, asleep otherwise."""

from collections import deque
from itertools import pairwise

import pytest

from mailbatch.smtp.vigil import MOMENT, Vigil


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
            self.now += MOMENT / 10
        self.now = max(self.now, due)


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def vigil(loop):
    return Vigil(loop.soon.append, loop.clock)


def stays_awake(loop, vigil, seconds):
    """Wait for a reply that takes so long; whether the loop was awake when that began."""
    began = vigil.begin()
    awake = bool(loop.soon)
    loop.turn_until(loop.now + seconds)
    vigil.end(began)
    return awake


QUICK, SLOW = MOMENT / 2, 0.02


def test_the_loop_stays_awake_for_a_moment_and_no_longer(loop, vigil):
    vigil.begin()
    turns = 0
    while loop.soon:
        loop.turn_until(loop.now + MOMENT / 20)
        turns += 1
    assert turns in {10, 11, 12}


def test_it_stays_awake_as_long_as_replies_come_in_no_time(loop, vigil):
    assert all(stays_awake(loop, vigil, QUICK) for _ in range(100))


def test_for_slow_replies_it_stays_awake_ever_more_rarely(loop, vigil):
    awake = [n for n in range(5000) if stays_awake(loop, vigil, SLOW)]
    assert awake[:6] == [0, 2, 6, 14, 30, 62]
    assert max(b - a for a, b in pairwise(awake)) == 1024


def test_one_quick_reply_is_enough_to_stay_awake_again(loop, vigil):
    for _ in range(300):
        stays_awake(loop, vigil, SLOW)
    assert not stays_awake(loop, vigil, QUICK)
    assert stays_awake(loop, vigil, QUICK)


def test_many_waits_are_one_look_at_each_turn(loop, vigil):
    for _ in range(8):
        vigil.begin()
    assert len(loop.soon) == 1


def test_who_begins_later_keeps_it_awake_longer(loop, vigil):
    vigil.begin()
    loop.turn_until(loop.now + 0.9 * MOMENT)
    vigil.begin()
    loop.turn_until(loop.now + 0.9 * MOMENT)
    assert loop.soon
