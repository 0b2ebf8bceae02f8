"""The order of a delivery, seen from a worker alone: conversations with doubles of both ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mailbatch.delivery.sender import IDLE, Begun, Ready
from mailbatch.delivery.throttle import SharedThrottle
from mailbatch.delivery.transport import Everything
from mailbatch.errors import ConnectionLost, LedgerError, SessionError, TemplateError
from tests.support.work import Scene

BROKEN = LedgerError("the disk broke")


def failing(error: Exception) -> Callable[[], None]:
    def deed() -> None:
        raise error

    return deed


def end_of(scene: Scene) -> Exception | None:
    """Let the worker work, and return the failure that ended it, if one did."""
    try:
        asyncio.run(scene.work())
    except Exception as error:  # noqa: BLE001 - it is looked at
        return error
    return None


def test_the_order_of_a_delivery() -> None:
    """Lease, MAIL, commit point, last bytes, outcome; the next one is asked for meanwhile."""
    scene = Scene(deliveries=2)
    assert end_of(scene) is None
    assert scene.journal == [
        "give 1",
        "open",
        "begin 1",
        "content 1",
        "commit 1",
        "finish 1",
        "give 2",
        "done 1",
        "begin 2",
        "settle 1 accepted",
        "content 2",
        "commit 2",
        "finish 2",
        "done 2",
        "settle 2 accepted",
        "quit",
    ]
    assert scene.run.crew.transactions == 2
    assert scene.run.crew.busy == 0


def test_a_message_that_is_not_ready_is_no_reason_to_keep_a_reply_waiting() -> None:
    scene = Scene(deliveries=2)
    scene.supply.ready = False
    assert end_of(scene) is None
    assert scene.journal[4:8] == ["commit 1", "finish 1", "done 1", "settle 1 accepted"]
    assert scene.journal[8:10] == ["give 2", "begin 2"]


def test_the_last_bytes_wait_for_a_record_that_is_far() -> None:
    scene = Scene(deliveries=2, far=True)

    async def conversation() -> None:
        work = asyncio.ensure_future(scene.work())
        steps = {}
        while not work.done():
            waits = asyncio.ensure_future(scene.recorder.waits.wait())
            await asyncio.wait({work, waits}, return_when=asyncio.FIRST_COMPLETED)
            waits.cancel()
            steps[len(steps)] = len(scene.journal)
            if not work.done():
                await asyncio.sleep(0)  # a turn in which nothing may leave
                assert "finish" not in scene.journal[-1]
                scene.recorder.answer()
        await work
        await scene.recorder.drain()

    asyncio.run(conversation())
    for number in (1, 2):
        commit = scene.journal.index(f"commit {number}")
        assert scene.journal.index(f"content {number}") < commit
        assert scene.journal.index(f"finish {number}") > commit
    assert scene.journal.index("settle 1 accepted") < scene.journal.index("commit 2")
    assert scene.journal[-1] == "settle 2 accepted"


@pytest.mark.parametrize(
    ("step", "back"),
    [("done 1", ["put back 2"]), ("give 2", ["put back 2"]), ("finish 1", [])],
)
def test_a_stop_finishes_what_is_open_and_puts_the_next_one_back(
    step: str, back: list[str]
) -> None:
    scene = Scene(deliveries=3)
    scene.at(step, scene.run.crew.stop.set)
    assert end_of(scene) is None
    assert [s for s in scene.journal if s.startswith("put back")] == back
    assert "settle 1 accepted" in scene.journal
    assert "begin 2" not in scene.journal
    assert scene.journal[-1] == "quit"
    assert scene.sender.state is IDLE


def test_a_stop_behind_the_next_begin_puts_that_delivery_back() -> None:
    """The transaction has no content yet: it is not finished, and its session ends."""
    scene = Scene(deliveries=3)
    scene.at("begin 2", scene.run.crew.stop.set)
    end_of(scene)
    begun = [step for step in scene.journal if step.startswith("begin")]
    assert begun == ["begin 1", "begin 2"]
    assert scene.journal[-2:] == ["put back 2", "quit"]
    assert "commit 2" not in scene.journal


def test_nothing_leaves_behind_a_commit_point_that_failed() -> None:
    scene = Scene(deliveries=3)
    scene.at("commit 1", failing(BROKEN))
    assert end_of(scene) is BROKEN
    assert scene.journal == ["give 1", "open", "begin 1", "content 1", "commit 1", "abort"]


def test_nothing_leaves_behind_an_outcome_that_failed() -> None:
    """The next delivery was begun ahead: it is put back, and its session ends."""
    scene = Scene(deliveries=3)
    scene.at("settle 1 accepted", failing(BROKEN))
    assert end_of(scene) is BROKEN
    assert scene.journal[-4:] == ["begin 2", "settle 1 accepted", "put back 2", "abort"]


def test_a_far_record_that_failed_aborts_the_session_and_leaves_nobody_in_doubt() -> None:
    scene = Scene(deliveries=2, far=True)

    async def conversation() -> None:
        work = asyncio.ensure_future(scene.work())
        await scene.recorder.waits.wait()
        scene.recorder.fail(BROKEN)
        scene.recorder.far = False
        await work

    with pytest.raises(LedgerError):
        asyncio.run(conversation())
    assert "finish 1" not in scene.journal
    assert "settle 1 pending, again" in scene.journal


@pytest.mark.parametrize("error", [BROKEN, TemplateError("no letter"), MemoryError()])
def test_a_failure_ahead_never_costs_the_outcome_before_it(error: Exception) -> None:
    scene = Scene(deliveries=3)
    scene.at("give 2", failing(error))
    assert end_of(scene) is error
    assert scene.journal[-3:] == ["done 1", "settle 1 accepted", "abort"]
    assert (scene.recorder.broken is error) == isinstance(error, LedgerError)


def test_a_failure_of_the_next_begin_is_raised_behind_the_outcome_and_the_delivery_put_back() -> (
    None
):
    scene = Scene(deliveries=3)
    scene.at("begin 2", failing(MemoryError()))
    assert isinstance(end_of(scene), MemoryError)
    assert scene.journal[-3:] == ["settle 1 accepted", "put back 2", "abort"]


def test_a_session_that_cannot_begin_is_followed_by_another_one() -> None:
    scene = Scene(deliveries=1)
    scene.at("begin 1", lambda: _break(scene))
    assert end_of(scene) is None
    assert scene.journal[:7] == [
        "give 1",
        "open",
        "begin 1",
        "put back 1",
        "give 1",
        "open",
        "begin 1",
    ]
    assert scene.journal[-2:] == ["settle 1 accepted", "quit"]


def test_a_session_that_is_lost_settles_its_delivery_and_another_one_goes_on() -> None:
    scene = Scene(deliveries=2)
    scene.at("content 1", lambda: _break(scene))
    assert end_of(scene) is None
    assert scene.journal[3:8] == [
        "content 1",
        "settle 1 pending, again",
        "give 2",
        "open",
        "begin 2",
    ]


def test_a_session_that_is_lost_with_the_next_delivery_begun() -> None:
    """That one is settled as pending by its own transaction: nothing of it was handed over."""
    scene = Scene(deliveries=2)
    scene.at("settle 1 accepted", lambda: _lose(scene))
    assert end_of(scene) is None
    behind = scene.journal[scene.journal.index("settle 1 accepted") :]
    assert behind == ["settle 1 accepted", "settle 2 pending, again"]


def _break(scene: Scene) -> None:
    scene.session.lose()


def _lose(scene: Scene) -> None:
    scene.session.failure = ConnectionLost("the server closed the connection")


def test_a_server_that_is_lost_for_good_ends_the_worker_with_its_failure() -> None:
    scene = Scene(deliveries=1)

    def lose_again() -> None:
        scene.at("begin 1", lose_again)
        scene.session.lose()

    scene.at("begin 1", lose_again)
    error = end_of(scene)
    assert isinstance(error, SessionError)
    assert not error.is_final
    assert scene.journal[-1] == "put back 1"


def test_a_message_larger_than_the_server_takes_is_invalid_and_never_begun() -> None:
    scene = Scene(deliveries=2, offers=Everything(size=3))
    assert end_of(scene) is None
    assert [s for s in scene.journal if s[:7] in {"invalid", "begin 1"}] == [
        "invalid 1",
        "invalid 2",
    ]


def test_a_failure_ahead_is_the_first_one_and_nothing_else_is_done_ahead() -> None:
    """Behind a failed look ahead no transaction begins, so that no second failure hides it."""
    scene = Scene(deliveries=3)
    scene.at("give 2", failing(BROKEN))
    scene.at("begin 2", failing(MemoryError()))
    assert end_of(scene) is BROKEN
    assert "begin 2" not in scene.journal


def test_the_states_are_values() -> None:
    scene = Scene(deliveries=1)
    (one,) = scene.supply.left
    assert Ready(one) == Ready(one)
    assert not isinstance(Ready(one), Begun)


class GivenTurns:
    """The turns of a rate that several processes share: waits in seconds, as they are given."""

    def __init__(self, *waits: float) -> None:
        self.journal: list[str] = []
        self.waits = list(waits)

    async def take(self, recipients: int) -> float:
        self.journal.append(f"turn for {recipients}")
        return self.waits.pop(0) if self.waits else 0.0


def steps_with(deliveries: int, turns: GivenTurns) -> list[str]:
    scene = Scene(deliveries=deliveries, throttle=SharedThrottle(turns))
    turns.journal = scene.journal
    assert end_of(scene) is None
    return [step for step in scene.journal if step.split()[0] in {"turn", "open", "begin"}]


@pytest.mark.parametrize("wait", [0.001, 0.0, -0.5])
def test_a_turn_that_passed_while_a_session_was_opened_is_followed_by_another(wait: float) -> None:
    """Used late, it would come together with the turns of others behind it."""
    assert steps_with(2, GivenTurns(wait)) == [
        "turn for 1",
        "open",
        "turn for 1",
        "begin 1",
        "turn for 1",
        "begin 2",
    ]


def test_a_machine_that_is_late_uses_its_turns_all_the_same() -> None:
    """Every turn that is given up is lost, and turns are apart enough."""
    found = steps_with(3, GivenTurns(*[-1.0] * 9))
    assert found.count("turn for 1") == 1 + 3
