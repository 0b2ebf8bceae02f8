"""kill -9 at any instant, again and again, and resume until nothing is left."""

import random

import pytest

from mailbatch.delivery.ledgers import is_begun, open_to_read
from tests.certainty.dying import ended, start
from tests.certainty.scene import PATIENT, Scene
from tests.support.faults import Stage

#: The records of the server between one kill and the next, at most: twice the latest wanted kill.
FURTHEST = 80


def doubts_of(scene):
    """Who is in doubt by the ledger, behind a run that may have died before it had one."""
    if not is_begun(scene.place):
        return set()
    with open_to_read(scene.place) as ledger:
        return {doubt.address for doubt in ledger.doubts.in_doubt()}


def kill_and_resume(
    folder, server, *, kills, seed, sessions=1, group=False, recipients=None, database=None
):
    """Kill runs of one job behind a random number of the server's records; return the doubts."""
    chance = random.Random(seed)
    scene = Scene(
        folder,
        server.port,
        # A message has three records or more, and the last run wants something to do.
        recipients=recipients or kills * FURTHEST // 3 + 20,
        sessions=sessions,
        group=group,
        text="Hello\n",
        timeouts=PATIENT,
        database=database,
    )
    doubts = set()
    for _ in range(kills):
        process = start(scene.job, ledger=database)
        begin = len(server.journal)
        # A busy machine may wake this loop late: the run must not get to its end meanwhile.
        server.stand_still_at(begin + FURTHEST)
        target = begin + chance.randint(1, 40)
        while len(server.journal) < target and process.is_alive():
            process.join(0.001)
        # Not only while a reply is on its way: up to as long as a transaction takes.
        process.join(chance.uniform(0.0, 0.004))
        process.kill()
        assert ended(process) == -9
        server.stand_still_at(None)
        # One delivery for each session and kill, and here a delivery is one recipient.
        found = doubts_of(scene)
        assert found >= doubts
        assert len(found - doubts) <= sessions
        doubts = found
    scene.run()
    assert doubts_of(scene) == doubts
    arrived = server.deliveries()
    scene.check(arrived)
    lost = doubts - {address for taken in arrived for address in taken.recipients}
    print(f"{kills} kills, {len(doubts)} in doubt, of whom {len(lost)} have nothing")
    return doubts


@pytest.mark.parametrize("seed", range(10))
def test_ten_kills_of_one_mailing(tmp_path, fault_server, seed):
    """100 kills in all: nobody twice, nobody lost, at most one delivery in doubt per kill."""
    kill_and_resume(tmp_path / "s", fault_server(), kills=10, seed=seed)


@pytest.mark.parametrize("seed", range(2))
def test_kills_with_three_sessions(tmp_path, fault_server, seed):
    """With parallel sessions each has at most one delivery in doubt per kill."""
    kill_and_resume(tmp_path / "s", fault_server(), kills=5, seed=seed, sessions=3)


@pytest.mark.parametrize(("seed", "sessions"), [(0, 1), (1, 1), (2, 4)])
def test_kills_with_the_ledger_in_a_database(tmp_path, fault_server, database, seed, sessions):
    """The same promise, whatever keeps the ledger."""
    server = fault_server()
    kill_and_resume(
        tmp_path / "s", server, kills=5, seed=seed, sessions=sessions, database=database
    )


@pytest.mark.parametrize("seed", range(2))
def test_kills_with_chunking(tmp_path, fault_server, seed):
    """One wait for each message: the same promise."""
    server = fault_server(chunking=True)
    kill_and_resume(tmp_path / "s", server, kills=5, seed=seed)
    assert server.stages(Stage.DATA) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_thousand_kills(tmp_path, fault_server, seed):
    """The same, a thousand times (pytest -m long -s tests/certainty/test_kill.py)."""
    kill_and_resume(tmp_path / "s", fault_server(), kills=10, seed=seed)
