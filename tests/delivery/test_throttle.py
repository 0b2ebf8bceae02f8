"""The token bucket of `server.rate`, on a clock that the test turns."""

import itertools

from mailbatch.delivery.throttle import Throttle


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_no_rate_lets_everything_through():
    """Without a rate there is never a delay."""
    throttle = Throttle(None, Clock())
    assert [throttle.delay(1000) for _ in range(5)] == [0.0] * 5


def test_the_mean_rate_is_exact_for_single_recipients():
    """1,000 recipients at 10 a second take 100 seconds, give or take the first second."""
    clock = Clock()
    throttle = Throttle(10.0, clock)
    for _ in range(1000):
        clock.now += throttle.delay(1)
    assert 98.0 <= clock.now <= 100.0


def test_the_mean_rate_is_exact_for_groups():
    """Ten groups of 100 at 10 a second: each waits for the debt of the one before."""
    clock = Clock()
    throttle = Throttle(10.0, clock)
    started = []
    for _ in range(10):
        clock.now += throttle.delay(100)
        started.append(clock.now)
    gaps = [b - a for a, b in itertools.pairwise(started)]
    assert started[0] == 0.0
    assert all(abs(gap - 10.0) < 0.11 for gap in gaps)


def test_an_idle_hour_saves_up_one_second_only():
    """After a long pause there is no burst beyond a second's worth."""
    clock = Clock()
    throttle = Throttle(10.0, clock)
    throttle.delay(1)
    clock.now += 3600
    waits = [throttle.delay(1) for _ in range(12)]
    assert waits[:10] == [0.0] * 10
    assert waits[10] > 0


def test_a_fraction_of_a_recipient_a_second():
    """0.5 a second and 2,000 a day: one recipient in 2 and in 43.2 seconds."""
    for rate, seconds in ((0.5, 2.0), (2000 / 86_400, 43.2)):
        clock = Clock()
        throttle = Throttle(rate, clock)
        started = []
        for _ in range(100):
            clock.now += throttle.delay(1)
            started.append(clock.now)
        assert started[0] == 0.0
        assert all(abs(b - a - seconds) < 1e-6 for a, b in itertools.pairwise(started)), rate


def test_two_takers_share_one_bucket():
    """What one session took, the other waits for."""
    clock = Clock()
    throttle = Throttle(1.0, clock)
    assert throttle.delay(1) == 0.0
    first, second = throttle.delay(1), throttle.delay(1)
    assert (first, second) == (1.0, 2.0)
