"""The first signal finishes what is open, the second stops at once."""

import os
import signal
import time

import pytest

from tests.certainty import program
from tests.certainty.forked import start
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

PATIENT = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "20s"}
#: A slow reply at each moment: the signal comes while it is awaited. 20 bytes at 50 ms each.
MOMENTS = [Stage.BANNER, Stage.EHLO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT, Stage.QUIT]


def at_moment(fault_server, folder, stage, kind=Kind.DRIP):
    """Start the program against a server that is slow at one stage; return when it is there."""
    transaction = 2 if stage in {Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT} else None
    server = fault_server(Fault(stage, kind, transaction=transaction, pace=0.03))
    scene = Scene(folder, server.port, recipients=5, timeouts=PATIENT)
    process = start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(2 if transaction else 1, stage=stage, seconds=30.0)
    return server, scene, process


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("stage", MOMENTS)
def test_one_signal_leaves_nobody_in_doubt(tmp_path, fault_server, stage, signum):
    """Whatever is open is finished, QUIT is said, the results are written, the exit code is 75."""
    server, scene, process = at_moment(fault_server, tmp_path / "s", stage)
    os.kill(process.pid, signum)
    code, out, err = process.end()
    assert code == 75, err
    assert out == ""
    statuses = scene.statuses()
    assert set(statuses.values()) <= {"accepted", "pending"}
    if stage not in {Stage.BANNER, Stage.EHLO}:
        assert statuses["user2@example.net"] == "accepted"
        assert server.stages(Stage.QUIT)
    scene.run()
    scene.check(server.deliveries())
    assert set(scene.statuses().values()) == {"accepted"}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("stage", MOMENTS)
def test_the_second_signal_stops_at_once(tmp_path, fault_server, stage, signum):
    """A server that stalls does not hold a run that is told twice to stop."""
    server, scene, process = at_moment(fault_server, tmp_path / "s", stage, Kind.STALL)
    os.kill(process.pid, signum)
    began = time.monotonic()
    while process.process.is_alive() and time.monotonic() - began < 10.0:
        os.kill(process.pid, signum)
        time.sleep(0.02)  # between two signals of a person, not for synchronisation
    code, _, err = process.end()
    # While a session is being opened the first one is enough, and the second may come too late.
    opening = stage in {Stage.BANNER, Stage.EHLO}
    assert code in {128 + signum, 75 if opening else 128 + signum}, err
    scene.run()
    scene.check(server.deliveries())
    doubts = [a for a, s in scene.statuses().items() if s == "in_doubt"]
    assert doubts == (["user2@example.net"] if stage is Stage.DOT else [])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interpreter_of_its_own_is_stopped_likewise(tmp_path, fault_server, signum):
    """As a person or a service manager starts the program, rather than forked."""
    server = fault_server(Fault(Stage.DOT, Kind.STALL, transaction=2))
    scene = Scene(tmp_path / "s", server.port, recipients=5, timeouts=PATIENT)
    process = program.start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(2, stage=Stage.DOT, seconds=30.0)
    process.send_signal(signum)
    while process.poll() is None:
        process.send_signal(signum)
        time.sleep(0.02)  # between two signals of a person, not for synchronisation
    code, _, err = program.end(process)
    assert code == 128 + signum, err
    scene.run()
    scene.check(server.deliveries())
    assert scene.statuses()["user2@example.net"] == "in_doubt"
