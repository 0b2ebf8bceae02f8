"""Signals around the event loop: none of them comes into it while it is made or put away."""

import asyncio
import os
import signal

import pytest
import uvloop

from mailbatch.delivery.signals import SIGNALS, Interrupted, Stopping

LOOPS = pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop])


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


@LOOPS
@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_in_the_last_moment_of_a_loop_is_heard(make, signum):
    """The loop was told, and ends before it tells: nobody else would hear the signal."""
    heard = []

    async def end(stopping, loop):
        stopping.install(loop, lambda: heard.append("finish"), heard.append)
        os.kill(os.getpid(), signum)
        stopping.remove(loop)

    runner = asyncio.Runner(loop_factory=make)
    with Stopping() as stopping, stopping.in_loop(), runner:
        runner.run(end(stopping, runner.get_loop()))
    assert stopping.signum == signum
    assert heard == []


@LOOPS
def test_a_signal_that_a_loop_has_told_is_no_second_one_behind_the_loop(make):
    async def wait(stopping, loop):
        stop = asyncio.Event()
        stopping.install(loop, stop.set, lambda _: None)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        stopping.remove(loop)

    runner = asyncio.Runner(loop_factory=make)
    with Stopping() as stopping, stopping.in_loop(), runner:
        runner.run(wait(stopping, runner.get_loop()))
    assert (stopping.signum, stopping._second) == (signal.SIGTERM, None)


@LOOPS
def test_a_signal_that_was_heard_before_its_loop_was_ready_is_one_signal(make):
    """The loop is told of it, too: by the descriptor of an earlier signal."""
    at_once = []

    async def wait(stopping, loop):
        add = loop.add_signal_handler

        class Slow:
            """A loop that gets ready for one signal after the other."""

            def add_signal_handler(self, signum, *told):
                if signum == signal.SIGTERM:
                    os.kill(os.getpid(), signal.SIGTERM)
                add(signum, *told)

            remove_signal_handler = loop.remove_signal_handler

        stopping.install(Slow(), lambda: None, at_once.append)
        for _ in range(3):
            await asyncio.sleep(0)
        stopping.remove(loop)

    runner = asyncio.Runner(loop_factory=make)
    with Stopping() as stopping, stopping.in_loop(), runner:
        runner.run(wait(stopping, runner.get_loop()))
    assert (stopping.signum, at_once) == (signal.SIGTERM, [])
