"""When to try again."""

from mailbatch.delivery.retry import RetryPolicy


def test_waits_double_with_jitter_up_to_the_maximum():
    """The n-th wait is initial * 2^(n-1) plus at most `initial`, and never above the maximum."""
    policy = RetryPolicy(initial=2.0, maximum=60.0)
    for attempt in range(1, 12):
        base = 2.0 * 2 ** (attempt - 1)
        assert min(60.0, base) <= policy.wait_before(attempt) <= min(60.0, base + 2.0)


def test_tries_are_counted():
    """After `attempts` tries there is no next one."""
    policy = RetryPolicy(attempts=3)
    assert policy.next_try(tries=2, first_try=100.0, now=100.0) is not None
    assert policy.next_try(tries=3, first_try=100.0, now=100.0) is None


def test_nothing_is_tried_after_give_up():
    """A try that would come later than give_up_after is not planned."""
    policy = RetryPolicy(attempts=50, initial=2.0, give_up_after=10.0)
    assert policy.next_try(tries=1, first_try=0.0, now=1.0) is not None
    assert policy.next_try(tries=1, first_try=0.0, now=9.0) is None
