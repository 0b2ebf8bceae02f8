"""Random histories of one mailing over workers: killed, frozen and cut off, database killed.

The journal of the server is held against the ledger: none twice, none lost, and at most one in
doubt for each session of a process that died. A process that lives on leaves nobody in doubt.
"""

import os
import random
import signal
import time

import pytest

from tests.certainty.program import end
from tests.certainty.test_workers import LONG, SESSIONS, Mailing

RECIPIENTS = 240
EVENTS = ("kill", "freeze", "crash", "nothing")


@pytest.fixture
def made(tmp_path):
    """Make a mailing whose database goes with the test."""
    found = []

    def make(port, **settings):
        found.append(Mailing(tmp_path, port, **settings))
        return found[-1]

    yield make
    for one in found:
        one.drop()


def cut(one):
    """End every connection to the database of a mailing."""
    one.cluster.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
        f" WHERE datname = '{one.database}'"
    )


def happen(event, one, process):
    """Let an event happen to a process, and to the database; return whether the process died."""
    if event == "kill":
        process.kill()
        return True
    if event == "freeze":
        os.kill(process.pid, signal.SIGSTOP)
        cut(one)
        time.sleep(0.3)  # its peers find it gone, or not: both are histories
        os.kill(process.pid, signal.SIGCONT)
    if event == "crash":
        one.cluster.stop("immediate")
        one.cluster.start()
    return False


def live(fault_server, made, seed):
    """Live through one history; return what happened."""
    chance, server = random.Random(seed), fault_server()
    one = made(server.port, recipients=RECIPIENTS, rate="60/s")
    processes = [one.worker("--forever"), one.worker("--forever"), one.run()]
    deaths, events = 0, []
    server.wait_for(5, seconds=LONG, stage="dot")
    for _ in range(3):
        events.append(chance.choice(EVENTS))
        target = chance.choice([process for process in processes if process.poll() is None])
        deaths += happen(events[-1], one, target)
        time.sleep(chance.uniform(0.1, 0.8))
    end(processes[2], LONG)
    for worker in processes[:2]:
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
        end(worker, LONG)
    for _ in range(2):
        code, _, err = end(one.run(), LONG)
        if code in {0, 4}:
            break
    assert code in {0, 4}, err
    one.check(server, doubts=SESSIONS * deaths)
    return events


@pytest.mark.parametrize("seed", range(2))
def test_a_history_keeps_the_promise(fault_server, made, seed):
    live(fault_server, made, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_two_hundred_histories(fault_server, made, seed):
    """The same, two hundred times (pytest -m long -s tests/certainty/test_histories.py)."""
    print(seed, *live(fault_server, made, seed))
