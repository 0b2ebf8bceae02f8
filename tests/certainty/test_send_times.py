"""Runs of a job whose recipients wait for a time of sending, with a clock that jumps."""

import csv
import os
import signal
import socket
import threading
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailbatch.delivery.options import RunOptions, Silence
from mailbatch.delivery.runner import run
from mailbatch.errors import InputErrors, MessageError, Reason
from mailbatch.job.loader import load_job
from tests.certainty.dying import ended, start
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

REAL_TIME = time.time
AT_NINE = "09:00 {{ zone }}"
ZONES = ("Europe/Zagreb", "Europe/London", "America/New_York")


def at(text, zone="Europe/Zagreb"):
    """The instant of a time of day in a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


EVENING = at("2026-12-03T20:00")
MORNINGS = [at("2026-12-04T09:00", zone) for zone in ZONES]


@pytest.fixture
def clock(monkeypatch):
    """A clock of this process that a test sets, and that goes on meanwhile."""
    shift = [0.0]
    monkeypatch.setattr(time, "time", lambda: REAL_TIME() + shift[0])

    def set_to(seconds):
        shift[0] = seconds - REAL_TIME()

    return set_to


class Notes(Silence):
    """Keeps the notes, and calls something at each."""

    def __init__(self, then=lambda _: None):
        self.notes, self._then = [], then

    def note(self, text):
        self.notes.append(text)
        self._then(len(self.notes))


def go(scene, progress=None, **options):
    given = {"ledger": scene.database, **options}
    return run(load_job(scene.job), RunOptions(**given), progress=progress, environ={})


def of(server):
    """Everybody who got something, in order."""
    return [address for taken in server.deliveries() for address in taken.recipients]


def test_each_zone_has_its_morning(tmp_path, fault_server, clock):
    """A run sends what is due, ends with 75 and says when the next is due; nothing is late."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=7, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)
    summary = go(scene)
    assert (summary.exit_code, summary.held.by, summary.waits_until) == (75, "send_at", MORNINGS[0])
    assert summary.held.why == "7 recipients wait for send_at, the next 3 until then"
    assert server.stages(Stage.BANNER) == []
    for turn, morning in enumerate(MORNINGS):
        clock(morning - 400)  # a run waits for what is due within retry.maximum, and no longer
        before = of(server)
        assert go(scene).exit_code == 75
        assert of(server) == before
        clock(morning)
        summary = go(scene)
        assert of(server)[len(before) :] == scene.addresses[turn::3]
        scene.check(server.deliveries(), finished=turn == 2)
    assert (summary.exit_code, summary.held) == (0, None)


def test_a_run_that_comes_late_sends_at_once(tmp_path, fault_server, clock):
    """The morning of the plan counts, and not the next one."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)
    assert go(scene).exit_code == 75
    clock(MORNINGS[1] + 60)
    summary = go(scene)
    assert (summary.exit_code, summary.waits_until) == (75, MORNINGS[2])
    assert of(server) == scene.addresses[:2]
    clock(MORNINGS[2] + 40 * 86_400)
    assert go(scene).exit_code == 0
    scene.check(server.deliveries())


def test_the_minute_of_the_plan_is_not_over(tmp_path, fault_server, clock):
    """A run that cron begins at nine, some seconds later, sends what is due at nine."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, send_at=AT_NINE, zones=ZONES[:1])
    clock(MORNINGS[0] + 40)
    assert go(scene).exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize(
    ("step", "when", "nth"),
    [
        ("plan", "after", 1),
        ("lease", "after", 1),
        ("commit", "before", 2),
        ("settle", "after", 1),
    ],
)
def test_a_run_that_is_killed_moves_no_time(tmp_path, fault_server, clock, step, when, nth):
    """Each zone's morning stays the one that the first plan fixed, whatever dies behind that."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=6, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)
    assert go(scene).exit_code == 75
    ahead = MORNINGS[1] + 30 - REAL_TIME()
    process = start(scene.job, step=step, when=when, nth=nth, ahead=ahead)
    assert ended(process) == -9
    clock(MORNINGS[1] + 60)
    assert go(scene).waits_until == MORNINGS[2]
    assert sorted(of(server)) == sorted(scene.addresses[0::3] + scene.addresses[1::3])
    clock(MORNINGS[2])
    assert go(scene).exit_code == 0
    scene.check(server.deliveries())


@pytest.mark.parametrize("signum", [None, signal.SIGTERM])
def test_a_run_with_wait_sends_morning_by_morning(tmp_path, fault_server, clock, signum):
    """Each wait is told with the instant; a signal ends the wait, and the rest stays pending."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)

    def on(turn):
        if signum is not None and turn == 2:
            threading.Timer(0.2, os.kill, (os.getpid(), signum)).start()
        else:
            clock(MORNINGS[turn - 1])

    progress = Notes(on)
    summary = go(scene, progress, wait=True)
    sent = 3 if signum is None else 1
    assert of(server) == scene.addresses[:sent]
    assert summary.exit_code == (0 if signum is None else 75)
    assert progress.notes[0] == (
        "3 recipients wait for send_at, the next one until then: waiting until 2026-12-04T08:00:00Z"
    )
    scene.check(server.deliveries(), finished=signum is None)


def test_one_recipient_is_asked_for_before_its_time(tmp_path, fault_server, clock):
    """Nobody named by `--only` is sent to early; the summary has the instant."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, send_at=AT_NINE, zones=ZONES)
    clock(MORNINGS[0])
    late = scene.addresses[2]
    summary = go(scene, only=(late,))
    assert (summary.exit_code, summary.waits_until) == (75, MORNINGS[2])
    assert summary.held.why == "1 recipient waits for send_at"
    assert [row.status.value for row in summary.asked] == ["pending"]
    assert summary.send_times == {4: MORNINGS[2]}
    assert of(server) == []
    assert go(scene, only=(scene.addresses[0], late)).exit_code == 75
    assert of(server) == scene.addresses[:1]
    clock(MORNINGS[2])
    assert go(scene, only=(late,)).exit_code == 75  # the second one is due, and not asked for
    assert of(server) == [scene.addresses[0], late]


def test_a_limit_leaves_what_is_due(tmp_path, fault_server, clock):
    """Such a run is not held: the next one goes on at once."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=6, send_at=AT_NINE, zones=ZONES[:2])
    clock(EVENING)
    go(scene)
    clock(MORNINGS[0])
    summary = go(scene, limit=2)
    assert (summary.exit_code, summary.held, len(of(server))) == (75, None, 2)
    summary = go(scene, limit=9)
    assert (summary.waits_until, len(of(server))) == (MORNINGS[1], 3)


def test_window_and_time_must_both_allow(tmp_path, fault_server, clock):
    """Behind its time a recipient waits for the window; in the window, for its time."""
    server = fault_server()
    window = {"from": "10:00", "until": "18:00", "zone": "Europe/Zagreb"}
    scene = Scene(
        tmp_path / "s", server.port, send_at=AT_NINE, zones=(ZONES[0], ZONES[2]), window=window
    )
    clock(EVENING)
    assert go(scene).held.by == "window"
    clock(MORNINGS[0])
    summary = go(scene)
    assert (summary.held.by, summary.waits_until) == ("window", at("2026-12-04T10:00"))
    clock(at("2026-12-04T10:00"))
    summary = go(scene)
    assert (summary.held.by, summary.waits_until) == ("send_at", MORNINGS[2])
    assert of(server) == [scene.addresses[0], scene.addresses[2]]


def test_a_cap_holds_what_is_due(tmp_path, fault_server, clock):
    server = fault_server()
    scene = Scene(
        tmp_path / "s", server.port, recipients=6, send_at=AT_NINE, zones=ZONES[:2], cap="2/day"
    )
    clock(EVENING)
    assert go(scene).held.by == "send_at"
    clock(MORNINGS[0])
    summary = go(scene)
    assert (summary.held.by, len(of(server))) == ("cap", 2)
    assert MORNINGS[0] + 86_400 <= summary.waits_until <= MORNINGS[0] + 86_460


def test_a_retry_keeps_its_own_time(tmp_path, fault_server, clock):
    """A refusal for now is tried again in the run, long before the next morning."""
    server = fault_server(Fault(Stage.RCPT, Kind.TRANSIENT))
    scene = Scene(tmp_path / "s", server.port, attempts=3, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)
    go(scene)
    clock(MORNINGS[0])
    assert go(scene).waits_until == MORNINGS[1]
    assert of(server) == scene.addresses[:1]


@pytest.mark.parametrize("how", [{"dry_run": True}, {"sandbox": True}])
def test_a_rehearsal_waits_for_nothing(tmp_path, fault_server, clock, how):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)
    summary = go(scene, **how)
    assert (summary.exit_code, summary.held, summary.transactions) == (0, None, 3)
    assert not scene.ledger.exists()


def test_a_row_without_a_zone_is_invalid(tmp_path, fault_server, clock):
    """The reason names column and cell, and the zone that was meant; the others are sent."""
    server = fault_server()
    zones = ("Europe/Zagreb", "", "Europe/Zagrb", "CEST")
    scene = Scene(tmp_path / "s", server.port, recipients=4, send_at=AT_NINE, zones=zones)
    clock(MORNINGS[0])
    assert go(scene).exit_code == 3
    assert of(server) == scene.addresses[:1]
    column, default, form = "(column zone)", "{{ zone or 'Europe/Zagreb' }}", "CONTINENT/CITY"
    unknown = f"which names a zone that is not there {column}"
    assert [row["reason"] for row in scene.results()] == [
        "",
        f"`send_at` is '09:00', which names no zone {column}; a default is {default}",
        f"`send_at` is '09:00 Europe/Zagrb', {unknown}; did you mean Europe/Zagreb?",
        f"`send_at` is '09:00 CEST', {unknown}; the names are those of the TZ database: {form}",
    ]


def test_rows_of_a_group_must_agree(tmp_path, fault_server, clock):
    server = fault_server()
    scene = Scene(
        tmp_path / "s", server.port, recipients=4, send_at=AT_NINE, zones=ZONES[:2], group=True,
        text="Hello\n",
    )  # fmt: skip
    clock(EVENING)
    for how in ({}, {"dry_run": True}):
        with pytest.raises(InputErrors) as caught:
            go(scene, **how)
        (error,) = caught.value.errors
        assert error.reason is Reason.SEND_TIMES_DIFFER
        assert str(error) == (
            "recipients.csv:3: send_at is 09:00 Europe/London, and 09:00 Europe/Zagreb in row 2: "
            "rows of a group share a message"
        )
    scene.zones = ZONES[:1]
    scene.write_recipients(scene.addresses)
    assert go(scene).waits_until == MORNINGS[0]
    clock(MORNINGS[0])
    assert go(scene).exit_code == 0
    assert len(server.deliveries()) == 1


def test_a_changed_table_moves_who_was_not_sent_to(tmp_path, fault_server, clock):
    """Cells of pending rows are taken over, as ever; those who have the message keep it."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)
    go(scene)
    clock(MORNINGS[0])
    go(scene)
    scene.zones = (ZONES[2], ZONES[2], ZONES[1])
    scene.write_recipients(scene.addresses)
    assert go(scene).waits_until == MORNINGS[1]
    clock(MORNINGS[1])
    assert go(scene).waits_until == MORNINGS[2]
    assert of(server) == [scene.addresses[0], scene.addresses[2]]


def test_a_changed_template_is_a_changed_message(tmp_path, fault_server, clock):
    """Behind the first acceptance a run refuses the change; accepted, it is about the others."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, send_at=AT_NINE, zones=ZONES)
    clock(EVENING)
    go(scene)
    text = scene.job.read_text(encoding="utf-8")
    scene.job.write_text(text.replace("09:00", "10:00"), encoding="utf-8")
    assert go(scene).waits_until == MORNINGS[0] + 3600
    clock(MORNINGS[0] + 3600)
    go(scene)
    scene.job.write_text(text, encoding="utf-8")
    with pytest.raises(MessageError, match=r"message\.send_at"):
        go(scene)
    assert go(scene, accept_changes=True).waits_until == MORNINGS[2]
    assert of(server) == scene.addresses[:2]  # London's nine o'clock is Zagreb's ten


def test_a_day_with_a_time(tmp_path, fault_server, clock):
    """Each row has a day of its own; one that is over is sent at once, and so is `now`."""
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=4, send_at="{{ when }}")
    times = ["2026-12-24 18:00 Europe/Zagreb", "2026-12-03 10:00 UTC", "now", "tomorrow"]
    with (scene.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        rows = zip(scene.addresses, times, strict=True)
        csv.writer(file).writerows([("email", "name", "when"), *((a, "x", t) for a, t in rows)])
    clock(EVENING)
    summary = go(scene)
    assert (summary.exit_code, summary.waits_until) == (75, at("2026-12-24T18:00"))
    assert sorted(of(server)) == scene.addresses[1:3]
    assert scene.results()[3]["reason"] == (
        "`send_at` is 'tomorrow', which is no time such as 09:00 Europe/Zagreb or "
        "2026-12-01 09:00 UTC"
    )


def test_a_second_server_has_no_other_time(tmp_path, fault_server, clock):
    """A move takes along what is due, and what is not due waits as before."""
    server = fault_server()
    with socket.socket() as taken:  # nothing listens there
        taken.bind(("127.0.0.1", 0))
        second = {"host": "127.0.0.1", "port": server.port, "security": "plaintext", "auth": "none"}
        scene = Scene(
            tmp_path / "s", taken.getsockname()[1], recipients=4, send_at=AT_NINE, zones=ZONES[:2],
            fallback=second,
        )  # fmt: skip
        clock(EVENING)
        assert go(scene).held.by == "send_at"
        clock(MORNINGS[0])
        assert go(scene).waits_until == MORNINGS[1]
        assert of(server) == scene.addresses[0::2]
        clock(MORNINGS[1])
        assert go(scene).exit_code == 0
        assert of(server) == [*scene.addresses[0::2], *scene.addresses[1::2]]
