"""The ledger in a database: runs and databases that die, at every step and at any instant."""

import os
import random
import signal
import threading
import time

import pytest

from mailbatch.delivery.ledgers import is_begun, open_to_read
from mailbatch.outcome import Status
from tests.certainty.dying import ended, start
from tests.certainty.scene import PATIENT, Scene

asyncpg = pytest.importorskip("asyncpg")

from tests.certainty import database_steps  # noqa: E402 - an extra

SESSIONS = 4


def scene_of(folder, server, database, **more):
    settings = {"recipients": 6, "text": "Hello\n", "timeouts": PATIENT, **more}
    return Scene(folder, server.port, database=database, **settings)


def doubts(scene):
    if not is_begun(scene.place):
        return 0
    with open_to_read(scene.place) as ledger:
        return ledger.standing.counts()[Status.IN_DOUBT]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", [*database_steps.STEPS, "finish", "reply", "quit"])
def test_a_run_that_dies_at_a_step_leaves_one_doubt_at_most(
    tmp_path, fault_server, database, step, when
):
    server = fault_server()
    scene = scene_of(tmp_path / "s", server, database)
    nth = 3 if step in {"record", "finish", "reply"} else 1
    process = start(scene.job, step=step, when=when, nth=nth, ledger=database)
    assert ended(process) == -9
    found = doubts(scene)
    assert found <= 1
    scene.run()
    assert doubts(scene) == found
    scene.check(server.deliveries())


def sending(scene, server, number=8):
    """Start a run, and wait until its server has the end of some messages."""
    process = start(scene.job, ledger=scene.database)
    server.wait_for(number, stage="dot", seconds=30)
    return process


@pytest.mark.parametrize("seed", range(3))
def test_a_database_that_is_killed_and_started_costs_no_doubt(
    tmp_path, fault_server, cluster, database, seed
):
    server, chance = fault_server(), random.Random(seed)
    scene = scene_of(tmp_path / "s", server, database, recipients=150, sessions=SESSIONS)
    process = sending(scene, server)
    for _ in range(2):
        time.sleep(chance.uniform(0.0, 0.1))  # any instant
        cluster.stop("immediate")
        cluster.start()
    assert ended(process, 60.0) == 0
    assert doubts(scene) == 0
    scene.check(server.deliveries())
    assert len(server.deliveries()) == 150


@pytest.mark.parametrize("seed", range(2))
def test_connections_that_end_at_any_instant_cost_no_doubt(
    tmp_path, fault_server, cluster, database, seed
):
    server, chance = fault_server(), random.Random(seed)
    scene = scene_of(tmp_path / "s", server, database, recipients=150, sessions=SESSIONS)
    process = sending(scene, server)
    while len(server.deliveries()) < 140 and process.is_alive():
        cluster.disconnect(scene.place)
        process.join(chance.uniform(0.05, 0.2))
    assert ended(process, 60.0) == 0
    assert doubts(scene) == 0
    scene.check(server.deliveries())
    assert len(server.deliveries()) == 150


def test_a_run_that_is_frozen_and_cut_off_and_wakes_up_tells_what_it_knows(
    tmp_path, fault_server, cluster, database
):
    server = fault_server()
    scene = scene_of(tmp_path / "s", server, database, recipients=60, sessions=SESSIONS)
    process = sending(scene, server)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        cluster.disconnect(scene.place)
        assert doubts(scene) <= SESSIONS  # nobody can know, as long as it is frozen
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert ended(process, 60.0) == 0
    assert doubts(scene) == 0
    scene.check(server.deliveries())


def test_a_database_and_a_run_that_are_killed_leave_one_doubt_a_session(
    tmp_path, fault_server, cluster, database
):
    server = fault_server()
    scene = scene_of(tmp_path / "s", server, database, recipients=60, sessions=SESSIONS)
    process = sending(scene, server)
    cluster.stop("immediate")
    process.kill()
    assert ended(process) == -9
    cluster.start()
    found = doubts(scene)
    assert found <= SESSIONS
    scene.run()
    assert doubts(scene) == found
    scene.check(server.deliveries())


def test_a_run_goes_on_elsewhere_only_when_the_first_one_is_gone(
    tmp_path, fault_server, cluster, database
):
    """A second run takes the edition of one that was cut off; both believe to have it."""
    server = fault_server()
    scene = scene_of(tmp_path / "s", server, database, recipients=60, sessions=SESSIONS)
    process = sending(scene, server)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        cluster.disconnect(scene.place)
        second = threading.Thread(target=scene.run)
        second.start()
        server.wait_for(20, stage="dot", seconds=30)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    second.join(60)
    assert ended(process, 60.0) == 0
    assert doubts(scene) <= SESSIONS
    scene.run()
    scene.check(server.deliveries())
