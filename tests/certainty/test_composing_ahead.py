"""A run whose messages are composed in a process of their own: the promise is the same."""

import os
import select
import signal
from pathlib import Path

import pytest

from mailbatch.delivery.ahead import LEAST_MESSAGES
from tests.certainty import forked
from tests.certainty.dying import ended, start
from tests.certainty.scene import Scene
from tests.certainty.test_kill import doubts_of, kill_and_resume

pytestmark = [
    pytest.mark.skipif(
        not Path(f"/proc/self/task/{os.getpid()}/children").exists(),
        reason="there is no /proc to find the process in",
    ),
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
        reason="this machine has one core",
    ),
]
ENOUGH = LEAST_MESSAGES + 50


def processes_of(pid):
    """The processes that `pid` has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(word) for word in text.split()]


def started(scene, server):
    """A run that stands still in its first lot, and the process that composes for it."""
    server.stand_still_at(60)
    run = forked.start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(60, seconds=30.0)  # of all its connections
    (composing,) = processes_of(run.pid)
    return run, composing


def test_a_run_goes_on_when_it_is_killed(tmp_path, fault_server):
    """It is noted once, and everybody gets the message. More than it may have composed by then."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=4 * ENOUGH)
    run, composing = started(scene, server)
    os.kill(composing, signal.SIGKILL)
    server.stand_still_at(None)
    ended = run.end()
    assert ended.code == 0, ended
    assert ended.err.count("the process that composed ahead is gone") == 1
    assert len(server.deliveries()) == 4 * ENOUGH
    scene.check(server.deliveries())


def test_a_run_does_not_wait_for_it_where_it_is_not_let_run(tmp_path, fault_server):
    """A busy machine has no time for it: then the run composes, and everybody gets the message."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=ENOUGH, sessions=2)
    run, composing = started(scene, server)
    os.kill(composing, signal.SIGSTOP)
    server.stand_still_at(None)
    ended = run.end()
    assert (ended.code, "gone" in ended.err) == (0, False), ended
    assert len(server.deliveries()) == ENOUGH
    scene.check(server.deliveries())


def test_it_ends_with_a_run_that_is_killed(tmp_path, fault_server):
    """It is gone at once, holds no lock meanwhile, and the next run finishes the mailing."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=ENOUGH)
    run, composing = started(scene, server)
    end = os.pidfd_open(composing)
    run.process.kill()
    run.end()
    assert select.select([end], [], [], 30.0)[0], "it outlives the run"
    os.close(end)
    server.stand_still_at(None)
    assert forked.mailbatch("run", "job.yaml", cwd=scene.folder).code in {0, 4}
    scene.check(server.deliveries())


def test_it_ends_with_a_run_that_is_stopped(tmp_path, fault_server):
    """A signal to both, as a terminal sends it, ends the run in order and the process with it."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=ENOUGH)
    run, composing = started(scene, server)
    end = os.pidfd_open(composing)
    for pid in (composing, run.pid):
        os.kill(pid, signal.SIGINT)
    server.stand_still_at(None)
    assert run.end().code == 75
    assert select.select([end], [], [], 30.0)[0]
    os.close(end)
    assert forked.mailbatch("run", "job.yaml", cwd=scene.folder).code == 0
    scene.check(server.deliveries())


def test_who_cannot_be_composed_for_is_invalid_with_the_reason(tmp_path, fault_server):
    """As without it: the row, the template's line, and nobody else."""
    server = fault_server()
    text = "Hello {{ name }}\n{{ 1 // (0 if name == 'Name 77' else 1) }}\n"
    scene = Scene(tmp_path / "s", server.port, recipients=ENOUGH, text=text)
    ended = forked.mailbatch("run", "job.yaml", cwd=scene.folder)
    assert ended.code == 3, ended
    (invalid,) = [row for row in scene.results() if row["status"] == "invalid"]
    assert invalid["email"] == "user78@example.net"
    assert "letter.txt.j2:2" in invalid["reason"]
    assert len(server.deliveries()) == ENOUGH - 1
    scene.check(server.deliveries())


@pytest.mark.parametrize("sessions", [1, 3])
def test_kills(tmp_path, fault_server, sessions):
    """Nobody twice, nobody lost, at most one delivery in doubt for each session and kill."""
    kill_and_resume(
        tmp_path / "s", fault_server(), kills=5, seed=7, sessions=sessions, recipients=2 * ENOUGH
    )


@pytest.mark.parametrize("chunking", [False, True], ids=["data", "bdat"])
@pytest.mark.parametrize("nth", [5, 8])
@pytest.mark.parametrize(
    ("step", "when"),
    [("together", "before"), ("commit", "before"), ("shared", "before"), ("shared", "after")],
)
def test_a_death_around_a_commit_that_sessions_share(
    tmp_path, fault_server_process, step, when, nth, chunking
):
    """No last byte has left before that commit; behind it each session has one doubt at most.

    They share commits where another process composes: nothing takes longer than a commit then.
    """
    server = fault_server_process(chunking=chunking)
    scene = Scene(tmp_path / "s", server.port, recipients=ENOUGH, sessions=4, text="Hello\n")
    died = start(scene.job, step=step, when=when, nth=nth, sessions_share=True)
    assert ended(died) == -9
    doubts = doubts_of(scene)
    assert len(doubts) <= 4
    assert scene.run().exit_code == (4 if doubts else 0)
    scene.check(server.deliveries())
