"""The wait behind an answer of a far ledger: both halves of the sessions share a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mailbatch.delivery.gathering import LONGEST, PAUSE, Gathering
from mailbatch.delivery.recording import Recording
from tests.delivery.test_recording_far import Ledger, Progress, Scene, Session


class Timers:
    """The timers of an event loop, fired by hand."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append((seconds, call))

    def fire(self) -> None:
        self.waiting.pop(0)[1]()


class Gathered(Scene):
    """A recording that gathers; a call of the ledger lasts 4 ms."""

    def __init__(self) -> None:
        self.ledger, self.progress, self.timers, self.now = Ledger(), Progress(), Timers(), 0.0
        loop = asyncio.get_running_loop()
        self.recording = Recording(
            self.ledger, self.progress, loop.call_soon, lambda: self.now, self.timers.later
        )

    async def answer(self) -> None:
        self.now += 0.004
        await self.ledger.answer(None)

    def comes(self, *numbers: int) -> list[Session]:
        sessions = [Session() for _ in numbers]
        for number, session in zip(numbers, sessions, strict=True):
            self.recording.commit_point(number, bytes(32), session)
        return sessions


def plays(conversation: Callable[[Gathered], object]) -> None:
    async def play() -> None:
        async with asyncio.timeout(10.0):
            await conversation(Gathered())  # type: ignore[misc]

    asyncio.run(play())


def test_the_next_call_waits_for_the_sessions_that_the_answer_let_go() -> None:
    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        scene.comes(2)
        await scene.answer()
        assert scene.ledger.asked == []
        scene.recording.flush()  # what gathers is not hurried by a lease
        assert scene.ledger.asked == []
        scene.taken(1)
        scene.comes(3)
        assert scene.ledger.asked == ["settle 1; commit 2 3"]
        await scene.answer()

    plays(conversation)


def test_a_wait_ends_with_the_time_of_three_calls() -> None:
    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        scene.comes(2)
        await scene.answer()
        assert scene.ledger.asked == []
        assert [seconds for seconds, _ in scene.timers.waiting] == [pytest.approx(0.012)]
        scene.timers.fire()
        assert scene.ledger.asked == ["settle ; commit 2"]
        await scene.answer()

    plays(conversation)


def test_a_timer_of_before_asks_nothing() -> None:
    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        scene.comes(2)
        await scene.answer()
        scene.comes(3)
        assert scene.ledger.asked == ["settle ; commit 2 3"]
        scene.timers.fire()
        assert scene.ledger.asked == ["settle ; commit 2 3"]
        await scene.answer()

    plays(conversation)


def test_a_timer_of_before_ends_no_later_wait() -> None:
    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        scene.comes(2)
        await scene.answer()
        scene.comes(3)
        await scene.answer()
        scene.comes(4)
        scene.timers.fire()
        assert scene.ledger.asked == []
        scene.timers.fire()
        assert scene.ledger.asked == ["settle ; commit 4"]
        await scene.answer()

    plays(conversation)


def test_outcomes_alone_wait_for_a_point_of_any_session() -> None:
    """They hold nobody up, and one session has one outcome at most that waits."""

    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        await scene.answer()
        scene.taken(1)
        scene.recording.flush()  # a lease hurries them no more than what gathers
        await asyncio.sleep(0)
        assert scene.ledger.asked == []
        scene.comes(2)
        await asyncio.sleep(0)  # others of the same turn come along
        scene.comes(3)
        for _ in range(3):
            await asyncio.sleep(0)
        assert scene.ledger.asked == ["settle 1; commit 2 3"]
        await scene.answer()

    plays(conversation)


def test_outcomes_alone_wait_no_longer_than_a_wait_for_sessions() -> None:
    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        await scene.answer()
        scene.taken(1)
        ((seconds, _),) = scene.timers.waiting
        assert seconds == pytest.approx(0.012)
        scene.timers.fire()
        assert scene.ledger.asked == ["settle 1; commit "]
        await scene.answer()

    plays(conversation)


def test_outcomes_that_came_during_a_call_wait_where_sessions_are_not_waited_for() -> None:
    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        scene.taken(9)
        await scene.answer()
        assert scene.ledger.asked == []
        scene.timers.fire()
        assert scene.ledger.asked == ["settle 9; commit "]
        await scene.answer()

    plays(conversation)


def test_a_drain_waits_for_nobody() -> None:
    async def conversation(scene: Gathered) -> None:
        scene.point(1)
        scene.comes(2)
        await scene.answer()
        drained = asyncio.ensure_future(scene.recording.drain())
        await asyncio.sleep(0)
        assert scene.ledger.asked == ["settle ; commit 2"]
        await scene.answer()
        await drained

    plays(conversation)


def of_three_sessions_one_has_its_outcome(scene: Gathered) -> None:
    scene.comes(2, 3)
    scene.recording.flush()
    scene.taken(1)


def test_a_close_during_a_call_records_what_waits_for_its_answer() -> None:
    """The end of a run at once: nothing may wait for a timer that nobody will hear."""

    async def conversation(scene: Gathered) -> None:
        of_three_sessions_one_has_its_outcome(scene)
        assert scene.ledger.asked == ["settle ; commit 2 3"]
        closed = asyncio.ensure_future(scene.recording.close(at_once=True))
        await asyncio.sleep(0)
        await scene.answer()
        assert scene.ledger.asked == ["settle 1; commit "]
        assert not closed.done()
        await scene.answer()
        await closed
        assert not scene.timers.waiting

    plays(conversation)


def test_a_drain_during_a_call_records_what_waits_for_its_answer() -> None:
    async def conversation(scene: Gathered) -> None:
        of_three_sessions_one_has_its_outcome(scene)
        drained = asyncio.ensure_future(scene.recording.drain())
        await asyncio.sleep(0)
        await scene.answer()
        assert scene.ledger.asked == ["settle 1; commit "]
        await scene.answer()
        await drained

    plays(conversation)


class Alone:
    """A gathering by itself; a call lasts as long as `now` says."""

    def __init__(self) -> None:
        self.timers, self.now = Timers(), 0.0
        self.gathering = Gathering(self.timers.later, lambda: self.now, lambda: None)

    def waits(self, *, let_go: int, waiting: int, lasted: float = 0.004) -> float:
        """Return the seconds of the wait behind a call; 0.0: none."""
        self.timers.waiting.clear()
        self.gathering.asked(let_go)
        self.now += lasted
        begun = self.gathering.begin(waiting)
        assert begun == bool(self.timers.waiting)
        return self.timers.waiting[0][0] if begun else 0.0


def test_no_wait_is_longer_than_three_calls_and_none_without_a_point() -> None:
    alone = Alone()
    assert alone.waits(let_go=0, waiting=3) == 0.0
    assert alone.waits(let_go=1, waiting=0) == 0.0
    assert alone.waits(let_go=8, waiting=8) == pytest.approx(0.012)
    alone.gathering.end(16)
    assert alone.waits(let_go=8, waiting=8, lasted=9.0) == LONGEST


def test_a_wait_that_brought_too_few_is_left_out_for_a_while() -> None:
    alone = Alone()
    assert alone.waits(let_go=8, waiting=8)
    assert not alone.gathering.is_over(15)
    assert alone.gathering.is_over(16)
    alone.gathering.end(11)
    waits = [alone.waits(let_go=8, waiting=8) for _ in range(PAUSE + 1)]
    assert [bool(seconds) for seconds in waits] == [False] * PAUSE + [True]
    alone.gathering.end(12)
    assert alone.waits(let_go=8, waiting=8)


def test_a_wait_of_outcomes_is_no_measure_of_the_sessions() -> None:
    alone = Alone()
    assert alone.waits(let_go=8, waiting=8)
    alone.gathering.end(16)
    assert alone.gathering.linger()
    assert alone.gathering.lingers
    alone.gathering.end(0)
    assert not alone.gathering.lingers
    assert alone.waits(let_go=8, waiting=8)
    alone.gathering.close()
    assert not alone.gathering.linger()
