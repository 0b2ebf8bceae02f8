"""Cap and warm-up over all workers: exact over kills, workers that join, and runs."""

import json
import signal
from collections import Counter

import pytest

from mailbatch.delivery.allowance import Allowance
from mailbatch.delivery.daily import DAY, Daily
from mailbatch.delivery.shared_allowance import SharedAllowance
from mailbatch.errors import UsageError
from mailbatch.job.loader import load_job
from mailbatch.ledger.postgres.address import place_in
from mailbatch.ledger.published import Counted, Grant
from tests.certainty.program import end
from tests.certainty.scene import Scene
from tests.certainty.test_workers import LONG, SESSIONS, mailing  # noqa: F401 - a fixture
from tests.support.faults import Fault, Kind, Stage


def taken(server):
    """All that the server has, each once."""
    got = Counter(address for one in server.deliveries() for address in one.recipients)
    assert set(got.values()) <= {1}
    return len(got)


def a_day_later(one, edition="1"):
    """Let a day pass, for all that was settled."""
    schema = place_in(one.ledger["MAILBATCH_LEDGER"], "scene", edition).schema
    one.fetch(f"UPDATE {schema}.recipient SET settled_at = settled_at - {DAY + 660}")  # noqa: S608
    one.fetch(f"DELETE FROM {schema}.fact WHERE name = 'doubted_at'")  # noqa: S608


def told_to_stop(worker):
    """End a worker, which may still be starting on a busy machine."""
    worker.send_signal(signal.SIGTERM)
    code, _, err = end(worker, LONG)
    assert code in {75, 128 + signal.SIGTERM, -signal.SIGTERM}, err


def test_the_cap_is_that_of_all_workers_together(fault_server, mailing):  # noqa: F811
    """Some are refused, and leave their part; a worker joins in the middle, and one is killed."""
    refused = [
        Fault(Stage.RCPT, Kind.PERMANENT, recipient=f"user{n}@example.net") for n in (2, 9, 31)
    ]
    server = fault_server(*refused)
    one = mailing(server.port, recipients=110, rate="60/s", cap="40/day")
    first = one.worker("--forever")
    run = one.run("--sessions", "1", "--json")
    server.wait_for(10, seconds=LONG, stage="dot")
    server.stand_still_at(len(server.journal))
    joining = one.worker("--forever")
    one.until_workers(3)
    server.stand_still_at(None)
    server.wait_for(20, seconds=LONG, stage="dot")
    first.kill()
    end(first)
    code, out, err = end(run, LONG)
    assert code == 75, err
    assert json.loads(out)["held_by"] == "cap"
    told_to_stop(joining)
    statuses = Counter(one.scene.statuses().values())
    assert statuses["in_doubt"] <= SESSIONS
    # Exactly: what the server may have counts, and nothing else does.
    assert statuses["accepted"] + statuses["in_doubt"] == 40
    assert statuses["rejected"] == 3
    assert taken(server) <= 40


def test_workers_go_on_when_the_day_has_passed(fault_server, mailing):  # noqa: F811
    server = fault_server()
    one = mailing(server.port, recipients=25, cap="10/day")
    for day, code in ((1, 75), (2, 75), (3, 0)):
        worker = one.worker("--forever")
        assert end(one.run(), LONG)[0] == code
        told_to_stop(worker)
        assert taken(server) == min(25, 10 * day)
        a_day_later(one)
    one.check(server, doubts=0)


def test_a_run_that_watches_ends_where_the_number_is_reached(fault_server, mailing):  # noqa: F811
    server = fault_server()
    one = mailing(server.port, recipients=25, cap="10/day")
    worker = one.worker("--forever")
    code, out, err = end(one.run("--sessions", "0", "--json"), LONG)
    assert code == 75, err
    told = json.loads(out)
    assert told["held_by"] == "cap"
    assert told["run_again_at"] is not None
    told_to_stop(worker)
    assert taken(server) == 10


def test_workers_without_a_run_keep_to_the_warm_up(fault_server, mailing):  # noqa: F811
    """The run dies, and the first day is that of the first acceptance."""
    server = fault_server()
    one = mailing(server.port, recipients=40, warmup={"from": 8, "to": 20, "days": 2}, rate="40/s")
    run = one.run()
    server.wait_for(3, seconds=LONG, stage="dot")
    run.kill()
    end(run)
    workers = [one.worker("--forever"), one.worker("--forever")]
    # Doubts of the run count: nobody knows whether the server has the message.
    server.wait_for(8 - SESSIONS, seconds=LONG, stage="dot")
    code, out, _ = end(one.run("--json"), LONG)
    assert (code, json.loads(out)["held_by"]) == (75, "warmup")
    for worker in workers:
        told_to_stop(worker)
    assert 8 - SESSIONS <= taken(server) <= 8
    a_day_later(one)
    assert end(one.run(), LONG)[0] == 75
    assert taken(server) <= 28


def test_another_edition_waits_until_the_workers_have_left(fault_server, mailing):  # noqa: F811
    server = fault_server()
    one = mailing(server.port, recipients=200, rate="20/s", cap="150/day")
    run = one.run("--sessions", "0")
    one.until_published()
    worker = one.worker("--forever")
    server.wait_for(5, seconds=LONG, stage="dot")
    run.kill()
    end(run)
    code, out, _ = end(one.run("--edition", "2", "--json"), LONG)
    assert (code, json.loads(out)["accepted"]) == (75, 0)
    told_to_stop(worker)
    before = taken(server)
    assert end(one.run("--edition", "2", "--rate", "10000/s"), LONG)[0] == 75
    got = sum(len(one.recipients) for one in server.deliveries())
    assert before < 150 == got


def test_a_run_that_is_held_lets_no_worker_go_on_with_what_it_changed(fault_server, mailing):  # noqa: F811
    """A lower cap, and another letter: workers must not send by those of before."""
    server = fault_server()
    one = mailing(server.port, recipients=200, rate="20/s", cap="150/day")
    run = one.run("--sessions", "0")
    one.until_published()
    worker = one.worker("--forever")
    server.wait_for(40, seconds=LONG, stage="dot")
    run.kill()
    end(run)
    one.scene.job.write_text(one.scene.job.read_text().replace("150/day", "30/day"))
    code, out, err = end(one.run("--json"), LONG)
    assert (code, json.loads(out)["held_by"]) == (75, "cap"), err
    before = taken(server)
    assert end(one.worker(), LONG)[0] == 0  # nothing is offered any more
    told_to_stop(worker)
    assert taken(server) == before < 150


@pytest.fixture
def job(tmp_path):
    def make(**settings):
        scene = Scene(tmp_path / "s", 1, **settings)
        scene.job.write_text(
            scene.job.read_text().replace("text: letter", "bcc: [a@example.com]\n  text: letter")
        )
        return load_job(scene.job)

    return make


NOW = 1_796_000_000.0


def test_a_judgement_is_that_of_one_process(job):
    """The rules of `Allowance`, with what all workers have under way."""
    shared = SharedAllowance(job(cap="10/day"))
    assert shared.copies == 1
    counted = Counted(NOW, [(NOW - DAY - 1, 5), (NOW - 50.0, 3)], under_way=3)
    alone = Allowance(Daily(10), counted.taken, lambda: NOW, under_way=3)
    assert shared.judge(counted) == Grant(alone.left) == Grant(4)
    assert shared.held is None
    # A message and its copy have no room; outcomes that are under way may leave some.
    assert shared.judge(Counted(NOW, [(NOW - 50.0, 3)], under_way=6)) == Grant(1, waits=True)
    assert shared.held is None
    assert shared.judge(Counted(NOW, [(NOW - 50.0, 3), (NOW - 9.0, 7)], under_way=0)) == Grant(0)
    assert (shared.held.by, shared.held.until) == ("cap", NOW - 50.0 + DAY)
    shared.pass_on()
    assert shared.held is None


def test_the_first_acceptance_begins_the_warm_up_for_all(job):
    shared = SharedAllowance(job(warmup={"from": 10, "to": 40, "days": 3}))
    assert shared.since(NOW) == 0.0
    assert shared.judge(Counted(NOW, [], 0)) == Grant(10)
    assert shared.judge(Counted(NOW, [(NOW - DAY - 5.0, 4)], 0)) == Grant(20)
    assert shared.since(NOW) == NOW - DAY


def test_another_edition_under_way_holds_all_claims(job):
    shared = SharedAllowance(job(cap="10/day"))
    assert shared.judge(Counted(NOW, [], 0, busy=True)) == Grant(0)
    assert "another edition" in shared.held.why
    assert shared.held.until == NOW + 60.0


def test_a_message_that_no_day_lets_through_is_refused_before_all(job):
    with pytest.raises(UsageError, match=r"2 recipients, and server\.cap lets 1 through"):
        SharedAllowance(job(cap="1/day"))
