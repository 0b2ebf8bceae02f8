"""kill -9 at any instant, again and again, and resume until nothing is left."""

import random

import pytest

from tests.certainty.dying import ended, start
from tests.certainty.scene import Scene


def kill_and_resume(folder, server, *, kills, seed, sessions=1, group=False):
    """Kill runs of one job after a random number of the server's replies; return the doubts."""
    chance = random.Random(seed)
    recipients = kills * 12 + 20
    scene = Scene(
        folder, server.port, recipients=recipients, sessions=sessions, group=group, text="Hello\n"
    )
    if group:
        scene.text = "Hello\n"
    killed = 0
    for _ in range(kills):
        process = start(scene.job)
        target = len(server.journal) + chance.randint(1, 40)
        while len(server.journal) < target and process.is_alive():
            process.join(0.001)
        process.kill()
        code = ended(process)
        killed += code == -9
        if code == 0:
            break
    scene.run()
    scene.check(server.deliveries())
    doubts = [a for a, status in scene.statuses().items() if status == "in_doubt"]
    # One delivery per session and kill, and here a delivery is one recipient.
    assert len(doubts) <= killed * sessions
    return killed, len(doubts)


@pytest.mark.parametrize("seed", range(10))
def test_ten_kills_of_one_mailing(tmp_path, fault_server, seed):
    """100 kills in all: nobody twice, nobody lost, at most one delivery in doubt per kill."""
    killed, _ = kill_and_resume(tmp_path / "s", fault_server(), kills=10, seed=seed)
    assert killed


@pytest.mark.parametrize("seed", range(2))
def test_kills_with_three_sessions(tmp_path, fault_server, seed):
    """With parallel sessions each has at most one delivery in doubt per kill."""
    killed, _ = kill_and_resume(tmp_path / "s", fault_server(), kills=5, seed=seed, sessions=3)
    assert killed


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_thousand_kills(tmp_path, fault_server, seed):
    """The same, a thousand times (pytest -m long tests/certainty/test_kill.py)."""
    killed, _ = kill_and_resume(tmp_path / "s", fault_server(), kills=10, seed=seed)
    assert killed
