"""The cap of a job: over runs and editions, kills and clocks, as the server's journal has it."""

import os
import random
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailbatch.delivery.allowance import Allowance
from mailbatch.delivery.daily import DAY, Daily
from mailbatch.delivery.options import RunOptions, Silence
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.ledger.turn import Turn
from mailbatch.outcome import Status
from tests.certainty import dying
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage

HOUR = 3600.0


class Days:
    """Runs of a job at chosen times, with the acceptances of the server between."""

    def __init__(self, scene, server, monkeypatch):
        self.scene, self.server = scene, server
        self.ahead = 0.0
        #: From when to when each run lasted, and how many addresses the server accepted meanwhile.
        self.spans = []
        real = self._real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)

    def run(self, edition="1", **options):
        """Run an edition, and note what the server took."""
        given = RunOptions(edition=edition, results=self.scene.folder / f"{edition}.csv", **options)
        began, before = time.time(), self._taken()
        try:
            return run(load_job(self.scene.job), given, environ={})
        finally:
            self._note(began, before)

    def die(self, edition, step, when, nth):
        """Run an edition in a process that dies at a step, if the run gets there."""
        began, before = time.time(), self._taken()
        process = dying.start(
            self.scene.job, step=step, when=when, nth=nth, ahead=self.ahead, edition=edition
        )
        code = dying.ended(process)
        self._note(began, before)
        return code

    def stamp(self, now):
        """Set the times of the ledgers, as a kernel with this clock would have done."""
        for path in (self.scene.folder / ".mailbatch").iterdir():
            if path.name.endswith((".sqlite3", "-wal")):
                os.utime(path, (now, now))

    def check(self, cap):
        """No 24 hours have more acceptances than the cap, whenever they begin."""
        for began, _, _ in self.spans:
            number = sum(n for at, till, n in self.spans if at <= began and till > began - DAY)
            assert number <= cap, self.spans

    def _taken(self):
        return sum(len(message.recipients) for message in self.server.deliveries())

    def _note(self, began, before):
        now = time.time()
        self.stamp(now)
        self.spans.append((began, now, self._taken() - before))


@pytest.fixture
def days(tmp_path, fault_server, monkeypatch):
    def make(cap, *faults, **more):
        server = fault_server(*faults)
        scene = Scene(tmp_path / "s", server.port, cap=f"{cap}/day", **more)
        return Days(scene, server, monkeypatch)

    return make


def kill_and_go_on(days, cap, *, seed):
    """Run two editions at five times in two days and more, with kills; see that the cap holds."""
    draw = random.Random(seed)
    steps = ("commit", "finish", "reply", "settle", "write", "lease", "begin", "close")
    for hours in (0.0, 3.0, 24.1, 27.5, 48.5):
        days.ahead = hours * HOUR
        for _ in range(1 if cap < 100 else 2):
            edition = draw.choice(("1", "2"))
            step, when = draw.choice(steps), draw.choice(("before", "after"))
            days.die(edition, step, when, draw.randint(1, cap))
        for edition in draw.sample(("1", "2"), 2):
            assert days.run(edition).exit_code in {0, 4, 75}
    days.check(cap)
    return days


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sessions", [1, 3])
def test_the_cap_holds_over_kills_and_editions(days, seed, sessions):
    """Never more than the cap in any 24 hours of the journal, and the cap is made use of."""
    made = days(20, recipients=60, sessions=sessions)
    kill_and_go_on(made, 20, seed=seed)
    assert len(made.server.deliveries()) > 40


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_a_day(days, seed):
    """The same with a cap of 1,000."""
    made = days(1000, recipients=2500, sessions=2)
    kill_and_go_on(made, 1000, seed=seed)
    assert len(made.server.deliveries()) > 2000


@pytest.mark.parametrize("step", ["finish", "reply", "settle"])
def test_a_recipient_counts_that_was_accepted_before_the_kill(days, step):
    """The server took five, and the last of these is in doubt: five are left of ten, not six."""
    made = days(10, recipients=30)
    assert made.die("1", step, "after" if step != "settle" else "before", 5) == -9
    assert made._taken() in {4, 5}
    assert made.run("2").exit_code == 75
    assert made._taken() <= 10
    assert made.run("1").exit_code in {4, 75}
    made.check(10)
    # In doubt is accepted until a day later, and ten minutes for a server that is slow.
    made.ahead = DAY + 0.1 * HOUR
    made.run("2")
    made.ahead = DAY + 0.3 * HOUR
    made.run("2")
    made.check(10)
    assert made._taken() in {19, 20}


def test_the_run_says_when_to_run_again(days):
    """A day behind the first acceptance, to the second; then the next ones are sent."""
    made = days(4, recipients=10)
    summary = made.run()
    assert (summary.exit_code, summary.held.by) == (75, "cap")
    assert DAY - 5 < summary.waits_until - time.time() <= DAY + 2
    made.ahead = DAY - 10.0
    again = made.run()
    assert (again.exit_code, again.transactions) == (75, 0)
    assert abs(again.waits_until - summary.waits_until) < 2.0
    made.ahead = DAY + 10.0
    assert made.run().exit_code == 75
    assert made._taken() == 8
    made.ahead = 2 * DAY + 20.0
    assert made.run().exit_code == 0
    made.check(4)


@pytest.mark.parametrize(("cap", "sessions"), [(1, 1), (1, 3), (3, 3)])
def test_a_hold_counts_what_was_under_way(days, cap, sessions):
    """The last message that the cap lets through has no reply yet when the next one is ready."""
    made = days(cap, recipients=2 * cap, sessions=sessions)
    summary = made.run()
    assert summary.counts[Status.ACCEPTED] == cap
    assert summary.held.until - time.time() > DAY - 60.0


@pytest.mark.parametrize("sessions", [1, 3])
def test_what_was_under_way_and_is_refused_leaves_its_part_to_the_next(days, sessions):
    """Else a run with `wait` would begin again and again, and give the refused one back."""
    faults = [Fault(Stage.DOT, Kind.PERMANENT, transaction=n) for n in (1, 2, 3)]
    made = days(1, *faults, recipients=6, sessions=sessions)
    summary = made.run()
    assert (summary.counts[Status.REJECTED], summary.counts[Status.ACCEPTED]) == (3, 1)
    assert summary.held.until - time.time() > DAY - 60.0


@pytest.mark.parametrize(
    ("first", "held", "free"),
    [
        # A day of 23 hours, and one of 25: the cap is of 24 hours, whatever the clock on the wall.
        ("2027-03-27T20:00", "2027-03-28T20:59", "2027-03-28T21:01"),
        ("2027-10-30T20:00", "2027-10-31T18:59", "2027-10-31T19:01"),
    ],
)
def test_a_change_of_the_clocks_makes_no_day_longer(days, monkeypatch, first, held, free):
    monkeypatch.setenv("TZ", "Europe/Zagreb")
    time.tzset()
    made = days(2, recipients=6)
    for at, taken in ((first, 2), (held, 2), (free, 4)):
        moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Europe/Zagreb"))
        made.ahead = moment.timestamp() - made._real()
        made.run()
        assert made._taken() == taken
    made.check(2)
    monkeypatch.undo()
    time.tzset()


def test_a_run_with_wait_sends_all_in_time(days):
    """With a clock that jumps at each wait, one run sends ten recipients in three days."""
    made = days(4, recipients=10)

    class Jumping(Silence):
        def note(self, text):
            if "waiting until" in text:
                made.stamp(time.time())
                made.ahead += DAY + 5.0

    summary = run(load_job(made.scene.job), RunOptions(wait=True), progress=Jumping(), environ={})
    assert summary.exit_code == 0
    assert made.ahead == 2 * (DAY + 5.0)
    made.scene.check(made.server.deliveries())


def test_a_resend_counts_beside_the_doubt(days):
    """A person has a doubt sent again: both messages count."""
    from mailbatch.delivery.ledgers import open_to_decide

    made = days(3, Fault(Stage.DOT, Kind.RST, transaction=1), recipients=5)
    made.run()
    with open_to_decide(made.scene.ledger) as ledger:
        assert ledger.doubts.resolve("resend", now=time.time()) == 1
    before = made._taken()
    made.run()
    assert made._taken() == before + 2


def test_refused_recipients_do_not_count(days):
    made = days(4, Fault(Stage.RCPT, Kind.PERMANENT, transaction=2), recipients=10)
    made.run()
    assert made._taken() == 4


@pytest.mark.parametrize("group", [False, True])
def test_a_group_is_cut_at_the_cap(days, group):
    """A transaction of many recipients: the cap is used up exactly."""
    made = days(7, recipients=10, group=group, text="Hello\n")
    assert made.run().exit_code == 75
    assert made._taken() == 7
    made.ahead = DAY + 10.0
    assert made.run().exit_code == 0
    made.check(7)


def test_another_edition_under_way_has_the_turn(days):
    """Nothing is sent, and the run says that it can be tried again soon."""
    made = days(4, recipients=3)
    made.run("1", limit=1)
    with Turn.take(made.scene.folder / ".mailbatch" / "scene.cap"):
        summary = made.run("2")
    assert (summary.exit_code, summary.transactions) == (75, 0)
    assert "another edition" in summary.held.why
    assert 0 < summary.waits_until - time.time() <= 61


def test_an_allowance_counts_down_and_frees_again():
    now = [0.0]
    allowance = Allowance(Daily(cap=10), [(-100.0, 4), (-50.0, 3)], lambda: now[0])
    assert allowance.left == 3
    assert allowance.take(2)
    assert not allowance.take(2)
    assert [allowance.waits(number) for number in (1, 2, 3, 4)] == [False, True, True, False]
    assert allowance.free_at(10) == DAY
    allowance.settle(2, 1)
    assert allowance.left == 2
    assert allowance.free_at(2) == 0.0
    assert allowance.free_at(6) == DAY - 100.0
    assert allowance.free_at(10) == DAY
    now[0] = DAY - 100.0
    assert allowance.left == 6


def test_recipients_of_longer_ago_hold_no_transaction_back():
    """The room for one that waits is counted when these are forgotten."""
    now = [0.0]
    allowance = Allowance(Daily(cap=3), [(-100.0, 1)], lambda: now[0])
    assert allowance.take(2)
    assert not allowance.waits(3)
    now[0] = DAY - 100.0
    assert allowance.waits(3), "two under way may be refused, and the one before is a day old"
