"""The window of a job, against a server and with a clock that jumps."""

import os
import signal
import threading
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailbatch.delivery.options import RunOptions, Silence
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from tests.certainty.scene import Scene
from tests.support.faults import Stage

ZAGREB = ZoneInfo("Europe/Zagreb")
WINDOW = {"days": ["mon-fri"], "from": "08:00", "until": "18:00", "zone": "Europe/Zagreb"}


def at(text, zone=ZAGREB):
    """The instant of a time of day in a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.fixture
def clock(monkeypatch):
    """A clock of this process that a test sets, and that goes on meanwhile."""
    real, shift = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + shift[0])

    def set_to(seconds):
        shift[0] = seconds - real()

    return set_to


class When(Silence):
    """Calls something once a number of recipients is settled, and keeps the notes."""

    def __init__(self, number=0, then=lambda: None):
        self.notes, self._left, self._then = [], number, then

    def settled(self, status, recipients):
        before, self._left = self._left, self._left - recipients
        if before > 0 >= self._left:
            self._then()

    def note(self, text):
        self.notes.append(text)


def go(scene, progress=None, **options):
    return run(load_job(scene.job), RunOptions(**options), progress=progress, environ={})


def test_outside_of_the_window_nothing_is_begun(tmp_path, fault_server, clock):
    """No connection is made; the summary says when to run again, and a run then sends to all."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, window=WINDOW)
    clock(at("2026-12-04T18:00"))  # a Friday
    summary = go(scene)
    assert (summary.exit_code, summary.held.by) == (75, "window")
    assert summary.waits_until == at("2026-12-07T08:00")
    assert server.stages(Stage.BANNER) == []
    clock(at("2026-12-07T08:00"))
    assert go(scene).exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize("chunking", [False, True])
@pytest.mark.parametrize("sessions", [1, 3])
def test_a_run_stops_when_the_window_closes(tmp_path, fault_server, clock, chunking, sessions):
    """Behind the closing no commit point is passed; the rest is pending, and sent the next day."""
    server = fault_server()
    scene = Scene(
        tmp_path / "s", server.port, recipients=40, window=WINDOW, chunking=chunking,
        sessions=sessions,
    )  # fmt: skip
    clock(at("2026-12-03T17:00"))
    summary = go(scene, When(20, lambda: clock(at("2026-12-03T18:00"))))
    assert (summary.exit_code, summary.held.by) == (75, "window")
    assert summary.waits_until == at("2026-12-04T08:00")
    assert 20 <= len(server.deliveries()) < 20 + 2 * sessions
    scene.check(server.deliveries(), finished=False)
    clock(at("2026-12-04T08:00"))
    assert go(scene).exit_code == 0
    scene.check(server.deliveries())


def test_a_transaction_that_is_open_at_the_closing_is_not_committed(
    tmp_path, fault_server, clock, monkeypatch
):
    """The content is on its way, and the window closes before its last bytes: nothing arrives."""
    from mailbatch.smtp.session import Session

    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5, window=WINDOW)
    clock(at("2026-12-03T17:00"))
    send, calls = Session.send_content, []

    async def closing(session, octets):
        sent = await send(session, octets)
        calls.append(sent)
        if len(calls) == 3:
            clock(at("2026-12-03T17:59:59.5"))
        return sent

    monkeypatch.setattr(Session, "send_content", closing)
    assert go(scene).exit_code == 75
    monkeypatch.undo()
    assert len(server.deliveries()) == 2
    assert scene.statuses() == dict.fromkeys(scene.addresses[:2], "accepted") | dict.fromkeys(
        scene.addresses[2:], "pending"
    )
    assert {row["attempts"] for row in scene.results()[2:]} == {"0"}


def test_a_run_with_wait_goes_on_when_the_window_opens(tmp_path, fault_server, clock):
    """The wait is told once; the table is read anew: who left meanwhile gets nothing."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=6, window=WINDOW)
    clock(at("2026-12-03T17:00"))

    class Waiting(When):
        def note(self, text):
            super().note(text)
            if "waiting until" in text:
                scene.write_recipients(scene.addresses[:5])
                clock(at("2026-12-04T08:00"))

    progress = Waiting(3, lambda: clock(at("2026-12-03T19:00")))
    summary = go(scene, progress, wait=True)
    assert summary.exit_code == 0
    assert len(server.deliveries()) == 5
    (note,) = progress.notes
    assert note == (
        "the window is closed until Fri 2026-12-04 08:00 Europe/Zagreb: "
        "waiting until 2026-12-04T07:00:00Z"
    )
    assert summary.transactions >= 5  # one may have been open at the closing


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(tmp_path, fault_server, clock, signum):
    """Nothing is sent, the exit code is 75, and the next run begins where this one stood."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, window=WINDOW)
    clock(at("2026-12-03T19:00"))

    class Waiting(Silence):
        def note(self, text):
            threading.Timer(0.2, os.kill, (os.getpid(), signum)).start()

    began = time.monotonic()
    summary = go(scene, Waiting(), wait=True)
    assert time.monotonic() - began < 10.0
    assert (summary.exit_code, summary.interrupted) == (75, True)
    assert server.deliveries() == []


@pytest.mark.parametrize(
    ("zone", "window", "day", "minutes"),
    [
        # Europe/Zagreb: 02:00 is followed by 03:00, and 03:00 by 02:00.
        ("Europe/Zagreb", ("01:30", "02:30"), "2026-03-29", 30),
        ("Europe/Zagreb", ("01:30", "02:30"), "2026-10-25", 90),
        # Australia/Lord_Howe: by half an hour only.
        ("Australia/Lord_Howe", ("01:15", "02:15"), "2026-10-04", 45),
        ("Australia/Lord_Howe", ("01:15", "02:15"), "2026-04-05", 90),
        # Over midnight, in a zone whose clock goes forward at midnight.
        ("America/Santiago", ("23:00", "01:00"), "2026-09-06", 60),
    ],
)
def test_hours_that_are_skipped_or_repeated(zone, window, day, minutes):
    """A window is as long as a clock on the wall shows its times: less, or more, than usual."""
    from mailbatch.delivery.hours import Hours
    from mailbatch.job.window import Window

    first, last = window
    hours = Hours(Window(**{"from": first, "until": last, "zone": zone}))
    start = at(f"{day}T00:00", ZoneInfo(zone)) - 6 * 3600
    span = [start + 60 * minute for minute in range(12 * 60)]
    assert sum(map(hours.is_open, span)) == minutes
    changes, now = [], start
    while (now := hours.change_after(now)) is not None and now < start + 12 * 3600:
        changes.append(now)
    opened = [b - a for a, b in zip(changes[::2], changes[1::2], strict=True)]
    assert sum(opened) == 60 * minutes
