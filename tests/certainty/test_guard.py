"""A run that a guard watches: how many get the mail before, during and behind the wait."""

from __future__ import annotations

import os
import signal
import time

import pytest
import yaml

from mailbatch.delivery.guard import Fate
from mailbatch.delivery.options import RunOptions, Silence
from mailbatch.delivery.runner import run
from mailbatch.errors import JobError, StoppedByGuard, StoreError, UsageError
from mailbatch.job.loader import load_job
from mailbatch.outcome import Status
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

HOUR = 3600.0


class Told:
    """The fates that a test tells, one for each look; how many had the message at each look."""

    def __init__(self, server, *fates):
        self.server = server
        self.fates = list(fates)
        self.looks = []
        self.refusal = None

    def check(self, job):
        """Something keeps reports, unless a test says otherwise."""
        assert job.name == "scene"
        if self.refusal is not None:
            raise self.refusal

    def count(self, job, edition, rows):
        assert (job.name, edition) == ("scene", "1")
        assert len(list(rows)) > 0
        self.looks.append(mailed(self.server))
        fate = self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]
        if isinstance(fate, Exception):
            raise fate
        return fate


class Heard(Silence):
    """The waits for reports and the words of a run; `at_wait` is done when a wait begins."""

    def __init__(self, at_wait=None):
        self.waits = []
        self.words = []
        self.mailed = []
        self.at_wait = at_wait
        self.told = lambda: None

    def waiting(self, seconds, why):
        if "reports" not in why:
            return
        self.waits.append((seconds, why))
        if self.at_wait is not None:
            self.at_wait()

    def note(self, text):
        self.words.append(text)
        self.mailed.append(self.told())

    alarm = note


def mailed(server):
    return sum(len(taken.recipients) for taken in server.deliveries())


def greeted(server):
    """How many sessions were begun: the server may note the end of one behind that of a run."""
    return sum(record["stage"] is Stage.BANNER for record in server.journal)


FINE = Fate(reported=9)
BAD = Fate(reported=9, bounced=3)


@pytest.fixture
def guarded(tmp_path, fault_server):
    """Make a scene with a guard, its server, and the call that runs it."""

    def make(*faults, fates=(FINE,), guard=None, sections=None, **more):
        server = fault_server(*faults)
        scene = Scene(tmp_path / "job", server.port, **{"recipients": 20, **more})
        job = yaml.safe_load(scene.job.read_text())
        job["guard"] = {"after": 7, "wait": "0s", "bounces": "30%", "least": 3, **(guard or {})}
        given = dict(sections or {})
        job["sender"] |= {key: given.pop(key) for key in ("envelope_from",) if key in given}
        job |= given
        scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
        told = Told(server, *fates)

        def go(progress=None, **options):
            return run(load_job(scene.job), RunOptions(**options), progress=progress, fates=told)

        return scene, server, told, go

    return make


@pytest.mark.parametrize("sessions", [1, 4])
def test_exactly_the_first_step_is_sent_before_the_judgement(guarded, sessions):
    scene, server, told, go = guarded(sessions=sessions)
    heard = Heard()
    summary = go(heard)
    assert summary.exit_code == 0
    assert told.looks == [7, 14]
    assert mailed(server) == 20
    assert heard.words == ["0 hard bounces and 0 complaints of 7 accepted recipients: going on"]
    scene.check(server.deliveries())


@pytest.mark.parametrize("sessions", [1, 4])
def test_too_many_bounces_stop_the_run(guarded, sessions):
    scene, server, _told, go = guarded(fates=[BAD], sessions=sessions)
    summary = go()
    assert summary.exit_code == 75
    assert isinstance(summary.failure, StoppedByGuard)
    assert str(summary.failure) == (
        "3 hard bounces of 7 accepted recipients (43 %): the guard stops at 30%"
    )
    assert mailed(server) == 7
    assert summary.counts[Status.PENDING] == 13
    scene.check(server.deliveries(), finished=False)


def test_bounces_that_come_later_stop_the_rest(guarded):
    scene, server, told, go = guarded(fates=[FINE, Fate(9, bounced=5)])
    summary = go()
    assert summary.exit_code == 75
    assert str(summary.failure).startswith("5 hard bounces of 14 accepted recipients (36 %)")
    assert told.looks == [7, 14]
    scene.check(server.deliveries(), finished=False)


def test_a_run_that_was_stopped_stays_so_before_the_first_message(guarded):
    """By what is known: the next run connects to nobody, and one behind the mending goes on."""
    _, server, told, go = guarded(fates=[BAD])
    assert go().exit_code == 75
    sessions = greeted(server)
    assert go().exit_code == 75
    assert greeted(server) == sessions
    told.fates = [FINE]
    assert go().exit_code == 0
    assert mailed(server) == 20


def test_no_guard_sends_all_the_same(guarded):
    _, server, told, go = guarded(fates=[BAD])
    assert go(unguarded=True).exit_code == 0
    assert (mailed(server), told.looks) == (20, [])


def test_a_run_that_goes_on_waits_for_the_rest_of_the_time_and_never_twice(guarded):
    """A signal during the wait ends the run at once, in order."""
    scene, server, told, go = guarded(guard={"wait": "1h"})
    stop = Heard(lambda: os.kill(os.getpid(), signal.SIGTERM))
    began = time.time()
    for number in range(2):
        summary = go(stop)
        assert (summary.exit_code, summary.interrupted, summary.failure) == (75, True, None)
        assert mailed(server) == 7
        seconds, why = stop.waits[number]
        assert HOUR - (time.time() - began) - 1 <= seconds <= HOUR
        assert why == "reports of the first 7"
    assert stop.waits[1] < stop.waits[0]
    scene.check(server.deliveries(), finished=False)

    later = Heard()
    scene.job.write_text(scene.job.read_text().replace("wait: 1h", "wait: 0s"))
    assert go(later).exit_code == 0
    assert later.waits == []
    assert told.looks == [7, 7, 7, 14]
    assert mailed(server) == 20


def test_a_run_that_waits_for_reports_of_one_says_so(guarded):
    _, _, _, go = guarded(guard={"wait": "1h", "after": 1})
    stop = Heard(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert go(stop).exit_code == 75
    assert [why for _, why in stop.waits] == ["reports of the first one"]


def test_a_first_step_that_was_cut_off_is_finished_first(guarded):
    _, _server, told, go = guarded()
    assert go(limit=3).exit_code == 75
    assert told.looks == []
    assert go().exit_code == 0
    assert told.looks == [3, 7, 14]


def test_the_canary_is_the_first_step_alone(guarded):
    _, server, _told, go = guarded()
    for _ in range(2):
        heard = Heard()
        assert go(heard, canary=True).exit_code == 75
        assert (mailed(server), heard.waits) == (7, [])
    assert go().exit_code == 0
    assert mailed(server) == 20


def test_a_limit_that_ends_with_the_first_step_waits_for_nothing(guarded):
    heard = Heard()
    _, _, told, go = guarded(guard={"wait": "1h"})
    assert go(heard, limit=7).exit_code == 75
    assert (heard.waits, told.looks) == ([], [])


@pytest.mark.parametrize("recipients", [5, 7])
def test_a_small_mailing_waits_for_nothing(guarded, recipients):
    heard = Heard()
    _, _server, told, go = guarded(guard={"wait": "1h"}, recipients=recipients)
    assert go(heard).exit_code == 0
    assert (heard.waits, told.looks) == ([], [])


def test_a_group_is_cut_so_that_exactly_the_first_step_is_sent(guarded):
    _, server, told, go = guarded(group=True, text="Hello\n")
    assert go().exit_code == 0
    assert told.looks == [7, 14]
    assert [len(taken.recipients) for taken in server.deliveries()] == [7, 7, 6]


def test_a_recipient_refused_for_now_does_not_hold_up_the_judgement(guarded):
    """Nor does the run that goes on begin the first step again."""
    refused = Fault(Stage.RCPT, Kind.TRANSIENT, transaction=2)
    scene, server, told, go = guarded(refused, attempts=3)
    assert go(canary=True).exit_code == 75
    assert go(canary=True).exit_code == 75
    assert mailed(server) == 6
    assert go().exit_code == 0
    assert told.looks == [6, 6, 6, 13]
    scene.check(server.deliveries())


def test_reports_that_cannot_be_read_end_the_run_before_the_rest(guarded):
    _, server, _told, go = guarded(fates=[StoreError("the disk broke")])
    summary = go()
    assert (summary.exit_code, str(summary.failure)) == (74, "the disk broke")
    assert mailed(server) == 7


API = {"base_url": "https://api.example.com", "api_key": {"env": "KEY"}}


@pytest.mark.parametrize(
    ("sections", "hint"),
    [
        ({"callbacks": {"notify_url": "https://example.com/in"}}, "mailbatch reports serve runs"),
        ({"reports": API}, "mailbatch reports pull"),
    ],
)
def test_silence_of_a_provider_that_reports_every_message_stops_the_run(guarded, sections, hint):
    """The receiver is dead: 20,000 would be mailed blindly. The next run sees the same first."""
    scene, server, told, go = guarded(fates=[Fate()], sections=sections)
    for number in range(2):
        sessions = greeted(server)
        summary = go()
        assert summary.exit_code == 75
        assert (greeted(server) == sessions) is (number == 1)
        assert isinstance(summary.failure, StoppedByGuard)
        assert str(summary.failure) == (
            "no report of this edition came, though the provider reports every message: "
            "nothing is known of 7 accepted recipients"
        )
        assert hint in summary.failure.hint
        assert "then run again; --no-guard sends without" in summary.failure.hint
        assert mailed(server) == 7
    told.fates = [FINE]
    assert go().exit_code == 0
    assert mailed(server) == 20
    scene.check(server.deliveries())


def test_silence_ends_no_run_that_may_send_all_the_same(guarded):
    callbacks = {"callbacks": {"notify_url": "https://example.com/in"}}
    _, server, _told, go = guarded(fates=[Fate()], sections=callbacks)
    assert go().exit_code == 75
    assert go(unguarded=True).exit_code == 0
    assert mailed(server) == 20


GOOD_NEWS = (
    "no bounce of 7 accepted recipients came back, and this job hears of no delivery: going on"
)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"envelope_from": "bounces@example.com"}, GOOD_NEWS),
        ({"callbacks": {"tracking_url": "https://example.com/in"}}, GOOD_NEWS),
        ({}, "no report of this edition has come, and nothing in the job brings one: going on"),
    ],
)
def test_silence_where_bounces_alone_come_back_is_good_news(guarded, sections, words):
    heard = Heard()
    _, server, told, go = guarded(fates=[Fate()], sections=sections)
    heard.told = lambda: mailed(server)
    assert go(heard).exit_code == 0
    assert heard.words == [words]
    assert heard.mailed == [7]
    assert told.looks == [7, 14]


@pytest.mark.parametrize("options", [{"dry_run": True}, {"redirect": ("me@example.net",)}])
def test_a_rehearsal_has_no_guard(guarded, options):
    _, _server, told, go = guarded(fates=[BAD])
    assert go(**options).exit_code == 0
    assert told.looks == []


def test_what_cannot_be_watched_is_refused(guarded):
    scene, server, told, go = guarded()
    told.refusal = JobError("no store")
    with pytest.raises(JobError, match="no store"):
        go()
    with pytest.raises(UsageError, match="cannot read the reports"):
        run(load_job(scene.job))
    scene.job.write_text(scene.job.read_text().replace("guard:", "variables:"))
    with pytest.raises(UsageError, match="--canary"):
        go(canary=True)
    assert server.journal == []
