"""Signals around the event loop: none of them comes into it while it is made or put away."""

import signal

import pytest

from mailbatch.delivery.signals import Interrupted, Stopping


class Loop:
    """An event loop that has no signals of its own, as on some platforms."""

    def add_signal_handler(self, signum, callback, *args):
        raise NotImplementedError

    remove_signal_handler = add_signal_handler


def test_a_second_signal_waits_until_the_loop_is_put_away():
    put_away = []

    def loop(stopping):
        with stopping.in_loop():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            put_away.append(stopping.signum)

    with Stopping() as stopping, pytest.raises(Interrupted) as caught:
        loop(stopping)
    assert put_away == [signal.SIGTERM]
    assert caught.value.signum == signal.SIGINT


def test_outside_of_a_loop_the_second_signal_is_raised_where_it_comes():
    behind = []

    def work():
        signal.raise_signal(signal.SIGTERM)
        behind.append("the first")
        signal.raise_signal(signal.SIGTERM)
        behind.append("the second")

    with Stopping(), pytest.raises(Interrupted):
        work()
    assert behind == ["the first"]


@pytest.mark.parametrize("signals", [1, 2])
def test_signals_before_the_loop_hears_them_are_told_to_it(signals):
    told = []
    loop = Loop()
    loop.add_signal_handler = lambda *_: None

    def run(stopping):
        with stopping.in_loop():
            for _ in range(signals):
                signal.raise_signal(signal.SIGTERM)
            stopping.install(loop, lambda: told.append("finish"), told.append)

    with Stopping() as stopping:
        if signals == 1:
            run(stopping)
        else:
            with pytest.raises(Interrupted):
                run(stopping)
    assert told == ["finish", signal.SIGTERM][:signals]


def test_a_loop_that_hears_no_signals_is_no_reason_to_be_deaf():
    """As on Windows: the second one is raised where it comes, as it is outside of a loop."""
    behind = []

    def run(stopping):
        with stopping.in_loop():
            stopping.install(Loop(), lambda: None, behind.append)
            signal.raise_signal(signal.SIGTERM)
            behind.append("the first")
            signal.raise_signal(signal.SIGTERM)
            behind.append("the second")

    with Stopping() as stopping, pytest.raises(Interrupted):
        run(stopping)
    assert behind == ["the first"]
