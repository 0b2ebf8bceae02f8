"""The daily number of a warm-up and of a cap, and when so many recipients are free again."""

from itertools import pairwise

import pytest

from mailbatch.delivery.allowance import Allowance
from mailbatch.delivery.daily import DAY, UNBOUND, Daily
from mailbatch.job.warmup import Warmup

RISE = Warmup(**{"from": 200, "to": 200_000, "days": 42})
SHORT = Warmup(**{"from": 10, "to": 40, "days": 3})


def test_each_day_has_the_same_multiple_of_the_day_before():
    daily = Daily(warmup=RISE, began=0.0)
    numbers = [daily.most_at(day * DAY) for day in range(42)]
    assert (numbers[0], numbers[1], numbers[9], numbers[-1]) == (200, 237, 911, 200_000)
    assert all(1.18 < b / a < 1.19 for a, b in pairwise(numbers))


def test_behind_the_last_day_the_cap_alone_counts():
    assert Daily(warmup=SHORT, began=0.0).most_at(3 * DAY) == UNBOUND
    capped = Daily(25, SHORT, 0.0)
    assert [capped.most_at(day * DAY) for day in range(4)] == [10, 20, 25, 25]
    assert [capped.bound_by(day * DAY) for day in range(4)] == ["warmup", "warmup", "cap", "cap"]


def test_a_day_begins_to_the_second():
    daily = Daily(warmup=SHORT, began=100.0)
    assert (daily.most_at(100.0 + DAY - 1), daily.most_at(100.0 + DAY)) == (10, 20)
    assert daily.most_at(0.0) == 10, "a clock that was set back"


def test_nothing_was_accepted_yet():
    """The rise begins with the first acceptance, whenever that comes."""
    daily = Daily(warmup=SHORT)
    assert daily.most_at(50 * DAY) == 10
    daily.begin(50 * DAY)
    daily.begin(51 * DAY)
    assert daily.most_at(51 * DAY) == 20


@pytest.mark.parametrize(
    ("recipients", "free"),
    [
        (1, 1 * DAY),  # the number rises to 20 before the ten of today are a day old
        (10, 1 * DAY),
        (11, 1 * DAY + 60.0),  # ... and those are a day old now
        (30, 2 * DAY),
        (50, 3 * DAY),  # the warm-up is over
    ],
)
def test_when_so_many_are_free(recipients, free):
    now = [60.0]
    allowance = Allowance(Daily(warmup=SHORT, began=0.0), [], lambda: now[0])
    assert allowance.take(10)
    allowance.settle(10, 10)
    assert allowance.left == 0
    assert allowance.free_at(recipients) == free
    now[0] = free
    assert allowance.take(recipients)


def test_the_words_name_the_day():
    daily = Daily(30, SHORT, 0.0)
    assert daily.words(DAY) == "server.warmup is reached: 20 recipients in 24 hours, day 2 of 3"
    assert daily.words(2 * DAY) == "server.cap is reached: 30 recipients in 24 hours"
    assert Daily(1).words(0.0) == "server.cap is reached: 1 recipient in 24 hours"
