"""The warm-up of a job: over runs, editions and kills, as the server's journal has it."""

import random

import pytest

from mailbatch.delivery.daily import DAY, Daily
from mailbatch.job.warmup import Warmup
from tests.certainty.scene import Scene
from tests.certainty.test_cap import HOUR, Days

RISE = {"from": 4, "to": 16, "days": 3}
#: The numbers of days 1 to 3.
NUMBERS = [4, 8, 16]


@pytest.fixture
def days(tmp_path, fault_server, monkeypatch):
    def make(**more):
        server = fault_server()
        scene = Scene(tmp_path / "s", server.port, warmup=RISE, **more)
        return Days(scene, server, monkeypatch)

    return make


def test_each_day_has_its_number(days):
    """4, 8 and 16 in the first three days, and then all that is left."""
    made, took = days(recipients=60), []
    for day in range(4):
        made.ahead = day * DAY + day * 60.0
        before = made._taken()
        summary = made.run()
        took.append(made._taken() - before)
        if day < 3:
            assert (summary.exit_code, summary.held.by) == (75, "warmup")
            assert f"day {day + 1} of 3" in summary.held.why
            assert DAY - 300 < summary.waits_until - (made._real() + made.ahead) <= DAY
    assert took == [*NUMBERS, 60 - sum(NUMBERS)]
    assert summary.exit_code == 0


def test_a_second_edition_does_not_begin_again(days):
    """The ledger of the first edition holds the first day, also when nothing of it is recent."""
    made = days(recipients=30)
    made.run("1")
    made.ahead = 2 * DAY + 60.0
    assert made.run("2").exit_code == 75
    assert made._taken() == 4 + 16
    made.ahead = 10 * DAY
    assert made.run("3").exit_code == 0


def test_all_ledgers_thrown_away_begin_again(days):
    made = days(recipients=30)
    made.run("1")
    for path in (made.scene.folder / ".mailbatch").iterdir():
        path.unlink()
    made.ahead = 2 * DAY + 60.0
    made.run("2")
    assert made._taken() == 8


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_number_holds_over_kills(days, seed):
    """No 24 hours of the journal have more than their day's number, whatever dies."""
    draw, made = random.Random(seed), days(recipients=60, sessions=2)
    steps = ("commit", "finish", "reply", "settle", "write", "lease", "begin", "close")
    for hours in (0.0, 5.0, 24.2, 49.0):
        made.ahead = hours * HOUR
        edition, step = draw.choice(("1", "2")), draw.choice(steps)
        made.die(edition, step, draw.choice(("before", "after")), draw.randint(1, 4))
        for edition in draw.sample(("1", "2"), 2):
            assert made.run(edition).exit_code in {4, 75}
    first = next(began for began, _, number in made.spans if number)
    daily = Daily(warmup=Warmup(**RISE), began=first)
    for began, till, _ in made.spans:
        number = sum(n for at, end, n in made.spans if at <= began and end > began - DAY)
        assert number <= daily.most_at(till), made.spans
    assert made._taken() > 20
