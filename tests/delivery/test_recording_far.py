"""Records over a far ledger: one call at a time, and no outcome is told before its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

import pytest

from mailbatch.delivery.options import Silence
from mailbatch.delivery.recording import Recording
from mailbatch.envelope import Delivery
from mailbatch.errors import ConnectionLost, LedgerError, SessionError
from mailbatch.ledger.ports import CommitPoint, Settlement, Suspicion
from mailbatch.outcome import Reply, SameForAll, Status
from tests.ledger.steps import NOW, TAKEN

BROKEN = LedgerError("the network broke")
ACCEPTED = (Status.ACCEPTED, 1)


class Ledger:
    """The `Records` of a far ledger, each call answered by hand: `calls` are the open ones."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, asyncio.Future[None]]] = []
        self.refuses: Callable[[str], bool] = lambda _: False

    @property
    def asked(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _ask(self, name: str) -> Awaitable[None]:
        if self.refuses(name):
            raise BROKEN
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.calls.append((name, asked))
        return asked

    def record(
        self,
        settlements: Sequence[Settlement],
        points: Sequence[CommitPoint],
        suspicion: Suspicion | None = None,
    ) -> Awaitable[None]:
        outcomes = " ".join(str(settlement.delivery_id) for settlement in settlements)
        commits = " ".join(str(point.delivery_id) for point in points)
        return self._ask(f"settle {outcomes}; commit {commits}")

    def invalidate(self, delivery_id: int, reason: str, *, now: float) -> Awaitable[None]:
        return self._ask(f"invalidate {delivery_id}")

    def release(self, delivery_ids: Iterable[int]) -> Awaitable[None]:
        return self._ask("release")

    def give_back(self, since: float, reply: Reply) -> Any:
        return self._ask("give back")

    async def answer(self, *errors: Exception | None) -> None:
        """Answer one call for each of these, and let the records go on behind the answer."""
        for error in errors:
            _, asked = self.calls.pop(0)
            if error is None:
                asked.set_result(None)
            else:
                asked.set_exception(error)
            for _ in range(5):
                await asyncio.sleep(0)


class Session:
    """The end of a session that the records see."""

    def __init__(self) -> None:
        self.failure: SessionError | None = None
        self.finished = False

    def finish(self) -> None:
        self.finished = True

    def abort(self) -> None:
        self.failure = self.failure or ConnectionLost("the session was ended")


class Progress(Silence):
    def __init__(self) -> None:
        self.counts: list[tuple[Status, int]] = []
        self.alarms: list[str] = []

    def settled(self, status: Status, recipients: int) -> None:
        self.counts.append((status, recipients))

    def alarm(self, text: str) -> None:
        self.alarms.append(text)


class Scene:
    """A recording over a far ledger; each call waits for one turn of the loop."""

    def __init__(self) -> None:
        self.ledger, self.progress = Ledger(), Progress()
        loop = asyncio.get_running_loop()
        self.recording = Recording(self.ledger, self.progress, loop.call_soon)

    def point(self, number: int) -> Session:
        session = Session()
        self.recording.commit_point(number, bytes(32), session)
        self.recording.flush()
        return session

    def taken(self, *numbers: int) -> None:
        for number in numbers:
            outcomes = SameForAll((f"u{number}@example.net",), Status.ACCEPTED, TAKEN)
            self.recording.settle(delivery(number), outcomes, now=NOW, retry_at=None)


def delivery(number: int, *, resent: bool = False) -> Delivery:
    addresses = (f"u{number}@example.net",)
    resend = frozenset(addresses if resent else ())
    return Delivery(number, "", 1, "", 0, addresses, addresses, (), resent=resend)


def lost(number: int) -> str:
    return f"not recorded: u{number}@example.net is accepted: 250 2.6.0 Message queued as 0b3f-77"


def plays(conversation: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    """Let a conversation have an event loop, for ten seconds at most."""

    async def play() -> None:
        async with asyncio.timeout(10.0):
            await conversation(Scene())

    asyncio.run(play())


def test_one_call_at_a_time_also_where_a_delivery_is_invalid() -> None:
    async def conversation(scene: Scene) -> None:
        recording, ledger = scene.recording, scene.ledger
        session = scene.point(1)
        recording.invalidate(delivery(2), "no letter", now=NOW)
        recording.invalidate(delivery(3, resent=True), "no letter", now=NOW)
        scene.taken(4)
        assert ledger.asked == ["settle ; commit 1"]
        await ledger.answer(None)
        assert session.finished
        assert ledger.asked == ["invalidate 2"]
        await ledger.answer(None)
        assert scene.progress.counts == [(Status.INVALID, 1)]
        assert ledger.asked == ["settle 3; commit "]
        await ledger.answer(None)
        assert ledger.asked == ["settle 4; commit "]
        await ledger.answer(None)
        assert scene.progress.counts[1:] == [(Status.IN_DOUBT, 1), ACCEPTED]
        await recording.drain()

    plays(conversation)


def test_an_invalid_delivery_that_cannot_be_recorded_breaks_the_run() -> None:
    async def conversation(scene: Scene) -> None:
        scene.point(1)
        scene.recording.invalidate(delivery(2), "no letter", now=NOW)
        await scene.ledger.answer(None, BROKEN)
        assert scene.progress.counts == []
        with pytest.raises(LedgerError):
            await scene.recording.drain()

    plays(conversation)


def test_outcomes_of_a_call_that_failed_are_tried_one_by_one() -> None:
    async def conversation(scene: Scene) -> None:
        ledger, progress = scene.ledger, scene.progress
        scene.point(9)
        scene.taken(1, 2, 3)
        await ledger.answer(None)
        assert ledger.asked == ["settle 1 2 3; commit "]
        await ledger.answer(BROKEN)
        for number in (1, 2, 3):
            assert ledger.asked == [f"settle {number}; commit "]
            await ledger.answer(BROKEN if number == 2 else None)
        assert progress.counts == [ACCEPTED, ACCEPTED]
        assert progress.alarms == [lost(2)]
        with pytest.raises(LedgerError):
            await scene.recording.drain()

    plays(conversation)


def test_an_outcome_that_failed_by_itself_is_lost() -> None:
    async def conversation(scene: Scene) -> None:
        scene.taken(1)
        with pytest.raises(LedgerError):
            await asyncio.gather(scene.recording.drain(), scene.ledger.answer(BROKEN))
        assert scene.progress.counts == []
        assert scene.progress.alarms == [lost(1)]

    plays(conversation)


def test_a_call_that_was_refused_at_once_tells_nothing_before_each_answer() -> None:
    async def conversation(scene: Scene) -> None:
        ledger, progress = scene.ledger, scene.progress
        ledger.refuses = lambda name: name.startswith("settle 1 2")
        scene.taken(1, 2)
        with pytest.raises(LedgerError):
            scene.recording.flush()
        assert (ledger.asked, progress.counts) == (["settle 1; commit "], [])
        await ledger.answer(BROKEN)
        assert (ledger.asked, progress.counts) == (["settle 2; commit "], [])
        await ledger.answer(None)
        assert (progress.counts, progress.alarms) == ([ACCEPTED], [lost(1)])
        await scene.recording.close()

    plays(conversation)


def test_all_that_is_recorded_so_far_is_told_behind_one_answer() -> None:
    async def conversation(scene: Scene) -> None:
        await scene.recording.answered()  # nothing is under way
        scene.taken(1)
        scene.recording.flush()
        waiting = asyncio.ensure_future(scene.recording.answered())
        await scene.ledger.answer(None)
        await waiting
        assert scene.progress.counts == [ACCEPTED]
        await scene.recording.close()

    plays(conversation)


def test_a_run_that_ends_at_once_waits_no_longer_than_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailbatch.delivery.answers.LAST_ANSWERS", 0.01)

    async def conversation(scene: Scene) -> None:
        scene.taken(1)
        with pytest.raises(asyncio.CancelledError):
            await _cancelled(scene.recording.drain())
        scene.taken(2)
        scene.recording.invalidate(delivery(3), "no letter", now=NOW)
        await scene.recording.close(at_once=True)
        assert scene.progress.alarms == [lost(1), lost(2)]
        assert scene.ledger.asked == ["settle 1; commit "]
        with pytest.raises(LedgerError):
            await scene.recording.drain()

    plays(conversation)


def test_a_run_that_ends_at_once_records_what_the_ledger_takes() -> None:
    async def conversation(scene: Scene) -> None:
        scene.taken(1)
        scene.recording.flush()
        scene.taken(2)
        closed = asyncio.ensure_future(scene.recording.close(at_once=True))
        await scene.ledger.answer(None, None)
        await closed
        assert scene.progress.counts == [ACCEPTED, ACCEPTED]
        assert scene.progress.alarms == []

    plays(conversation)


def test_a_call_that_is_cancelled_while_outcomes_are_tried_one_by_one_loses_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailbatch.delivery.answers.LAST_ANSWERS", 0.01)

    async def conversation(scene: Scene) -> None:
        scene.taken(1, 2, 3)
        scene.recording.commit_point(4, bytes(32), Session())
        with pytest.raises(asyncio.CancelledError):
            await _cancelled(scene.recording.drain())
        await scene.ledger.answer(BROKEN, None)
        await scene.recording.close(at_once=True)
        assert scene.progress.counts == [ACCEPTED]
        assert scene.progress.alarms == [lost(2), lost(3)]

    plays(conversation)


async def _cancelled(waits: Coroutine[Any, Any, None]) -> None:
    """Wait one turn, then stop to wait."""
    task = asyncio.ensure_future(waits)
    await asyncio.sleep(0)
    task.cancel()
    await task
