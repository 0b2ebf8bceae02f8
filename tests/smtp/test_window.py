"""The window: it grows while the system takes bytes in no time, and shrinks behind a wait."""

from mailbatch.smtp.content import BLOCK_BYTES
from mailbatch.smtp.window import MOST_BYTES, QUICK, Window


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self):
        return self.now


def handed_over(window, clock, a_block):
    """Hand a window over of which the system takes a block in so many seconds; return the next."""
    began = window.begin()
    clock.now += a_block * window.size / BLOCK_BYTES
    window.end(began, window.size)
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


def test_the_rest_of_a_content_is_not_asked_to_leave_sooner_than_a_block():
    clock = Clock()
    window = Window(clock)
    began = window.begin()
    clock.now += QUICK / 2
    window.end(began, 1)
    assert window.size == 2 * BLOCK_BYTES
