"""The window: it grows while the system takes bytes in no time, and shrinks behind a wait."""

from mailbatch.smtp.content import BLOCK_BYTES
from mailbatch.smtp.window import MOST_BYTES, QUICK, Window


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self):
        return self.now


def handed_over(window, clock, seconds):
    """Hand a window over that the system takes within so many seconds; return the next size."""
    began = window.begin()
    clock.now += seconds
    window.end(began)
    return window.size


def test_a_system_that_takes_bytes_in_no_time_gets_twice_as_many_up_to_the_most():
    clock = Clock()
    window = Window(clock)
    assert window.size == BLOCK_BYTES
    sizes = [handed_over(window, clock, QUICK / 2) for _ in range(6)]
    assert sizes == [min(BLOCK_BYTES * 2**n, MOST_BYTES) for n in range(1, 7)]
    assert sizes[-1] == MOST_BYTES


def test_a_system_that_was_slow_once_gets_a_block_at_a_time():
    clock = Clock()
    window = Window(clock)
    for _ in range(3):
        handed_over(window, clock, 0.0)
    assert window.size > BLOCK_BYTES
    assert handed_over(window, clock, 2 * QUICK) == BLOCK_BYTES
    assert handed_over(window, clock, 0.0) == 2 * BLOCK_BYTES
