"""A clock that is set during a run, or is wrong, makes nobody wait for a day and loses nobody."""

import os
import signal
import threading
import time

import pytest

from mailbatch.delivery.clock import SteadyClock
from mailbatch.delivery.options import Silence
from mailbatch.delivery.runner import run
from mailbatch.errors import LedgerLocked
from mailbatch.job.loader import load_job
from mailbatch.outcome import Status
from tests.certainty.forked import start
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

HOUR = 3600.0
DAY = 24 * HOUR
NOW = 1_795_000_000.0
LONG = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "20s"}


class Clocks:
    """A time of day that can be set, and seconds that cannot."""

    def __init__(self):
        self.wall, self.passed = NOW, 50.0
        self.steady = SteadyClock(lambda: self.wall, lambda: self.passed)

    def after(self, seconds, *, set_by=0.0):
        """Let time pass, and set the clock; what the run's clock says then."""
        self.passed += seconds
        self.wall += seconds + set_by
        return self.steady()


@pytest.mark.parametrize("set_by", [-NOW, -365 * DAY, -DAY, -HOUR, -60.0])
def test_a_clock_that_is_set_back_goes_on(set_by):
    """By the seconds that passed, from where it was, for as long as the run lasts."""
    clocks = Clocks()
    assert clocks.after(10.0) == NOW + 10
    assert clocks.after(5.0, set_by=set_by) == NOW + 15
    assert clocks.after(5.0) == NOW + 20
    assert clocks.after(DAY) == NOW + DAY + 20


@pytest.mark.parametrize("set_by", [0.5, HOUR, DAY, 365 * DAY])
def test_a_clock_that_is_set_forward_is_followed(set_by):
    """It is the time again: after a sleep of the machine, or when it learns what time it is."""
    clocks = Clocks()
    assert clocks.after(10.0, set_by=set_by) == NOW + 10 + set_by
    assert clocks.after(10.0) == NOW + 20 + set_by


def test_a_clock_that_is_adjusted_is_the_system_s():
    """Half a second now and then is no jump: it does not drift away from the time of day."""
    clocks = Clocks()
    for number in range(1, 100):
        assert clocks.after(60.0, set_by=-0.5) == NOW + number * 59.5


def test_a_clock_that_is_set_back_and_right_again():
    clocks = Clocks()
    assert clocks.after(1.0, set_by=-DAY) == NOW + 1
    assert clocks.after(1.0, set_by=DAY) == NOW + 2
    assert clocks.after(1.0) == NOW + 3


@pytest.fixture(autouse=True)
def nobody_waits_for_a_day():
    """Stop a run that would: a wait that is too long is the fault that is looked for."""
    stop = threading.Timer(20.0, os.kill, (os.getpid(), signal.SIGTERM))
    stop.start()
    yield
    stop.cancel()


@pytest.fixture
def set_clock(monkeypatch):
    """Set the system's clock for this process, at once or once something has happened."""
    real = time.time
    shifts = []
    # Whoever takes `time.time` along has taken this one.
    monkeypatch.setattr(time, "time", lambda: real() + sum(by for by, once in shifts if once()))

    def set_by(seconds, *, once=lambda: True):
        shifts.append((seconds, once))

    return set_by


@pytest.mark.parametrize("set_by", [-DAY, -HOUR, HOUR, DAY])
@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.DOT])
def test_a_clock_that_is_set_while_somebody_is_deferred(
    tmp_path, fault_server, set_clock, stage, set_by
):
    """The one who is deferred gets it in this run, or in the next one, and none waits for hours."""
    server = fault_server(Fault(stage, Kind.TRANSIENT, transaction=1))
    scene = Scene(tmp_path / "s", server.port, attempts=3)
    set_clock(set_by, once=lambda: bool(server.stages(Stage.QUIT)) or len(server.stages(stage)) > 2)
    began = time.monotonic()
    code = scene.run().exit_code
    assert time.monotonic() - began < 10.0
    assert code == 0
    scene.check(server.deliveries())
    assert len(server.stages(Stage.DOT)) == (4 if stage is Stage.DOT else 3)


class WhenDeferred(Silence):
    """Sets the clock as soon as the ledger knows that somebody is deferred."""

    def __init__(self, set_clock, set_by):
        self._set, self._by = set_clock, set_by

    def settled(self, status, recipients):
        if status is Status.DEFERRED:
            self._set(self._by)


@pytest.mark.parametrize("set_by", [-DAY, -HOUR, HOUR, DAY])
def test_a_clock_that_is_set_during_the_wait(tmp_path, fault_server, set_clock, set_by):
    """Nothing else is to be done meanwhile: the wait is as long as the policy says, or shorter."""
    server = fault_server(Fault(Stage.RCPT, Kind.TRANSIENT, transaction=1))
    scene = Scene(tmp_path / "s", server.port, recipients=1, attempts=3)
    began = time.monotonic()
    summary = run(load_job(scene.job), progress=WhenDeferred(set_clock, set_by), environ={})
    assert time.monotonic() - began < 10.0
    assert summary.exit_code == 0
    assert len(server.stages(Stage.MAIL)) == 2
    scene.check(server.deliveries())


@pytest.mark.parametrize("wrong_by", [1000.0 - NOW, -DAY, DAY, 100 * 365 * DAY])
def test_runs_by_a_wrong_clock(tmp_path, fault_server, set_clock, wrong_by):
    """1970, yesterday, tomorrow, the next century: who is deferred is due in every next run."""
    server = fault_server(Fault(Stage.MAIL, Kind.TRANSIENT, transaction=1))
    scene = Scene(tmp_path / "s", server.port)
    assert scene.run().exit_code == 75
    set_clock(wrong_by)
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())
    assert all(row["settled_at"].endswith("Z") for row in scene.results())


@pytest.mark.parametrize("later", [HOUR, 100 * 365 * DAY])
def test_a_lock_has_no_age(tmp_path, fault_server, set_clock, later):
    """However long it seems to be held: it is held by somebody who may be sending."""
    server = fault_server(Fault(Stage.MAIL, Kind.STALL, transaction=1))
    scene = Scene(tmp_path / "s", server.port, timeouts=LONG)
    holder = start("run", "job.yaml", cwd=scene.folder)
    server.wait_for(stage=Stage.MAIL, seconds=30.0)
    set_clock(later)
    with pytest.raises(LedgerLocked, match=str(holder.pid)):
        scene.run()
    holder.process.kill()
    holder.end()
    assert scene.run().exit_code == 0
    scene.check(server.deliveries())
