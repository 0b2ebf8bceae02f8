"""A guard over workers: no more are mailed than its step allows, with the run and without."""

import signal
import threading

import pytest
import yaml

from mailbatch.delivery.guard import Fate
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.runner import run
from mailbatch.errors import StoppedByGuard, UsageError
from mailbatch.job.loader import load_job
from tests.certainty.program import end
from tests.certainty.program import start as start_program
from tests.certainty.test_guard import FINE, Heard, Told, mailed
from tests.certainty.test_workers import LONG, SESSIONS, mailing  # noqa: F401 - a fixture
from tests.support.waiting import until


@pytest.fixture
def guarded(fault_server, mailing):  # noqa: F811
    """Make a mailing with a guard behind the first ten, its server, and the call that runs it."""

    def make(*fates, **more):
        server = fault_server()
        one = mailing(server.port, **more)
        job = yaml.safe_load(one.scene.job.read_text())
        job["guard"] = {"after": 10, "wait": "0s", "bounces": "30%", "least": 3}
        one.scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
        told = Told(server, *fates)

        def go(progress, sessions=1):
            given = RunOptions(ledger=one.ledger["MAILBATCH_LEDGER"], sessions=sessions)
            return run(load_job(one.scene.job), given, progress=progress, fates=told)

        return one, server, told, go

    return make


def standing_still(one, server, number, at_least):
    """Let the server stand still behind so many messages, until so many processes are at work."""

    def work():
        server.wait_for(number, seconds=LONG, stage="dot")
        server.stand_still_at(len(server.journal))
        one.until_workers(at_least)
        server.stand_still_at(None)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def ended(*workers):
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    return [end(worker, LONG) for worker in workers]


def test_workers_send_behind_the_first_step_and_never_beyond_the_next(guarded):
    one, server, told, go = guarded(FINE, recipients=200, rate="100/s")
    workers = [one.worker("--forever"), one.worker("--forever")]
    joining = standing_still(one, server, 12, 2)
    heard = Heard()
    summary = go(heard)
    joining.join()
    assert summary.exit_code == 0
    ended(*workers)
    assert told.looks[0] == 10
    # Each look lets twice as many be sent to, over all processes.
    assert all(now <= 2 * before for before, now in zip(told.looks, told.looks[1:], strict=False))
    assert told.looks[:2] == [10, 20]
    assert not any("sends alone" in text for text in heard.words)
    one.check(server, doubts=0)
    connections = {record["connection"] for record in server.journal}
    assert len(connections) > len(told.looks)


def test_a_stop_of_the_guard_is_that_of_all(guarded):
    one, server, _told, go = guarded(FINE, Fate(9, bounced=7), recipients=200, rate="100/s")
    worker = one.worker()
    forever = one.worker("--forever")
    joining = standing_still(one, server, 12, 2)
    summary = go(Heard())
    joining.join()
    assert isinstance(summary.failure, StoppedByGuard)
    assert mailed(server) == 20
    for code, _out, err in (end(worker, LONG), *ended(forever)):
        assert code in {0, 75}, err  # a worker that came too late found nothing
    assert end(one.worker(), LONG)[0] == 0  # nothing is open any more
    assert mailed(server) == 20
    # The next run looks first, and stops what an earlier one may have offered.
    assert isinstance(go(Heard()).failure, StoppedByGuard)
    assert mailed(server) == 20


def test_without_the_run_workers_come_to_the_end_of_the_step(guarded):
    one, server, _told, _go = guarded(FINE, recipients=100, rate="20/s")
    kept = start_program("reports", "read", "job.yaml", "-", cwd=one.scene.folder)
    end(kept, LONG)
    worker = one.worker("--forever")
    leading = one.run("--sessions", "1")
    joining = standing_still(one, server, 12, 2)
    server.wait_for(13, seconds=LONG, stage="dot")
    leading.kill()
    end(leading)
    joining.join()
    until(lambda: mailed(server) >= 20 - SESSIONS, what="the step", seconds=LONG)
    ((schema,),) = one.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'mailbatch_sc%'")
    alive = f"SELECT count(*) FROM {schema}.workers WHERE alive"  # noqa: S608
    until(lambda: one.fetch(alive)[0][0] == 0, what="the worker's leave", seconds=LONG)
    assert 20 - SESSIONS <= mailed(server) <= 20
    code, _, err = end(one.run("--rate", "10000/s"), LONG)
    assert code in {0, 4}, err
    ended(worker)
    one.check(server, doubts=SESSIONS)


def test_what_workers_of_an_unguarded_run_hold_is_part_of_the_first_step(guarded):
    """The first look was before they were through: as many again were mailed, unjudged."""
    one, server, told, _go = guarded(FINE, recipients=80)
    end(start_program("reports", "read", "job.yaml", "-", cwd=one.scene.folder), LONG)
    server.stand_still_at(2)
    worker = one.worker("--forever")
    leading = one.run("--no-guard", "--sessions", "0")
    one.until_published()
    one.until_workers(2)
    ((schema,),) = one.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'mailbatch_sc%'")
    held = f"SELECT count(*) FROM {schema}.lease"  # noqa: S608
    until(lambda: one.fetch(held)[0][0] >= 10, what="leases", seconds=LONG)
    leading.kill()
    end(leading)

    def behind_the_first_look(_mailing, _servers):
        server.stand_still_at(None)
        return True

    given = RunOptions(ledger=one.ledger["MAILBATCH_LEDGER"], sessions=1)
    job = load_job(one.scene.job)
    summary = run(job, given, progress=Heard(), fates=told, confirm=behind_the_first_look)
    ended(worker)
    assert summary.exit_code == 0
    assert told.looks[0] >= 10
    assert told.looks[1] == told.looks[0]  # nothing was sent before the first judgement
    one.check(server, doubts=0)


def test_a_guarded_run_that_is_held_leaves_no_offer_without_a_step(guarded):
    one, server, _told, go = guarded(FINE, recipients=20)
    job = yaml.safe_load(one.scene.job.read_text())
    job["server"]["cap"] = "5/day"
    one.scene.job.write_text(yaml.safe_dump(job, sort_keys=False))
    assert end(one.run("--no-guard"), LONG)[0] == 75
    offered = "SELECT published::json ->> 'step' FROM {}.mailing WHERE bundle IS NOT NULL"
    ((schema,),) = one.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'mailbatch_sc%'")
    assert [row[0] for row in one.fetch(offered.format(schema))] == [None]
    summary = go(Heard())
    assert (summary.exit_code, summary.held is not None) == (75, True)
    assert one.fetch(offered.format(schema)) == []
    assert mailed(server) == 5


def test_a_run_that_only_watches_says_who_sends_the_first_step(guarded):
    _one, server, _told, go = guarded(FINE, recipients=20)
    heard = Heard()
    with pytest.raises(UsageError, match="none can join"):
        go(heard, sessions=0)
    assert any("the first step of a guard is of one run" in text for text in heard.words)
    assert mailed(server) == 0
