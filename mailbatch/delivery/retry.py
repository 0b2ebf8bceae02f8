"""When to try again: one policy for lost sessions and for deferred recipients.

The waits are tenacity's (exponential with jitter); nothing here sleeps or reads a clock.
"""

from __future__ import annotations

from mailbatch.frozen import frozen


@frozen
class RetryPolicy:
    """`retry:` of the job, in attempts and seconds.

    The n-th wait is `initial` times two to the n-1, with up to `initial` seconds of jitter so that
    many runs do not come back at the same instant, at most `maximum`. No delivery is tried later
    than `give_up_after` behind the first try of this run, nor more than `attempts` times.
    """

    attempts: int = 5
    initial: float = 2.0
    maximum: float = 300.0
    give_up_after: float = 3600.0

    def wait_before(self, attempt: int) -> float:
        """Return the seconds to wait after the `attempt`-th try (1 is the first) has failed."""
        # Most runs wait for nothing.
        from tenacity import RetryCallState, Retrying, wait_exponential, wait_random

        state = RetryCallState(Retrying(), fn=None, args=(), kwargs={})
        state.attempt_number = attempt
        wait = wait_exponential(multiplier=self.initial) + wait_random(0.0, self.initial)
        return min(self.maximum, wait(state))

    def next_try(self, *, tries: int, first_try: float, now: float) -> float | None:
        """Return when to try again after `tries` tries; None to give up for this run."""
        if tries >= self.attempts:
            return None
        at = now + self.wait_before(tries)
        return at if at <= first_try + self.give_up_after else None
