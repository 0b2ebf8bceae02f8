"""Workers on one mailing: none twice, none lost, whoever of them dies or is told to stop."""

import asyncio
import random
import signal
from collections import Counter

import pytest

from mailbatch.delivery.ledgers import make_roles
from mailbatch.ledger.postgres.address import place_in
from tests.certainty.program import end, start
from tests.certainty.scene import PATIENT, SETTLED, Scene
from tests.support.faults import Fault, Kind, Stage
from tests.support.postgresql import check_present, shared_cluster
from tests.support.waiting import until

SESSIONS = 3
LONG = 120.0


class Mailing:
    """A scene whose ledger is in a database of its own."""

    def __init__(self, folder, port, *, roles=None, cluster=None, **settings):
        check_present()
        self.cluster = cluster or shared_cluster()
        self.database = f"mail{random.getrandbits(64):x}"
        self.cluster.execute(f"CREATE DATABASE {self.database}")
        self.scene = Scene(
            folder / "scene", port, sessions=SESSIONS, timeouts=PATIENT, text="Hello\n", **settings
        )
        self.folder = folder
        self.ledger = {"MAILBATCH_LEDGER": self.cluster.url(self.database)}
        self.roles = roles or ("postgres", "postgres")
        if roles is not None:
            make_roles(self.ledger["MAILBATCH_LEDGER"], *roles, executes=True)
        self.started = []

    def run(self, *options, **more):
        return start(
            "run", "job.yaml", "--yes", *options,
            cwd=self.scene.folder, **self.ledger_of(self.roles[0]), **more,
        )  # fmt: skip

    def ledger_of(self, role):
        """The variable of the ledger, for a role of the database."""
        url = self.ledger["MAILBATCH_LEDGER"].replace("user=postgres", f"user={role}")
        return {"MAILBATCH_LEDGER": url}

    def worker(self, *options, **more):
        """A worker on another machine: no file of the job is in its folder."""
        return start(
            "work", "--sessions", str(SESSIONS), *options,
            cwd=self.folder, **self.ledger_of(self.roles[1]), **more,
        )  # fmt: skip

    def until_published(self):
        """Wait until a run has offered the mailing to workers."""
        from mailbatch.ledger.postgres.mailings import open_mailings

        url = self.ledger["MAILBATCH_LEDGER"]
        until(lambda: bool(open_mailings(url)), what="a published mailing", seconds=LONG)

    def until_workers(self, number):
        """Wait until so many processes write the ledger."""
        schema = place_in(self.ledger["MAILBATCH_LEDGER"], "scene", "1").schema
        query = f"SELECT count(*) FROM {schema}.workers WHERE alive"  # noqa: S608
        what = f"{number} processes"
        until(lambda: self.fetch(query)[0][0] >= number, what=what, seconds=LONG)

    def fetch(self, query):
        """Return the rows of a query, or of a statement, in the database of the mailing."""
        return asyncio.run(self._fetch(query))

    async def _fetch(self, query):
        import asyncpg

        connection = await asyncpg.connect(self.ledger["MAILBATCH_LEDGER"])
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    def drop(self):
        """End what a failed test has left, and remove the database."""
        for process in self.started:
            if process.returncode is None:
                process.kill()
                process.communicate()
        self.cluster.execute(f"DROP DATABASE {self.database} WITH (FORCE)")
        for role in set(self.roles) - {"postgres"}:
            self.cluster.execute(f"DROP ROLE {role}")

    def check(self, server, doubts):
        """Hold the results against the journal of the server; at most so many are in doubt."""
        statuses = self.scene.statuses()
        got = Counter(address for taken in server.deliveries() for address in taken.recipients)
        assert sorted(statuses) == sorted(self.scene.addresses)
        assert set(statuses.values()) <= SETTLED
        assert set(got.values()) <= {1}
        for address, status in statuses.items():
            assert status == "in_doubt" or (status == "accepted") == bool(got[address])
        assert sum(status == "in_doubt" for status in statuses.values()) <= doubts


@pytest.fixture
def mailing(tmp_path):
    made = []

    def make(port, **settings):
        made.append(Mailing(tmp_path, port, **settings))
        return made[-1]

    yield make
    for one in made:
        one.drop()


def begun(server, at_least=1):
    """Wait until the server has taken over so many messages."""
    server.wait_for(at_least, seconds=LONG, stage="dot")


@pytest.mark.parametrize("roles", [None, ("a_planner", "a_worker")], ids=["owner", "roles"])
def test_two_workers_help_and_one_of_them_is_killed(fault_server, mailing, roles):
    server = fault_server()
    roles = roles and tuple(f"{role}_{random.getrandbits(64):x}" for role in roles)
    one = mailing(server.port, recipients=500, rate="100/s", roles=roles)
    workers = [one.worker("--forever"), one.worker("--forever")]
    run = one.run()
    server.wait_for(3 * SESSIONS, seconds=LONG, stage="ehlo")
    workers[0].kill()
    code, _, err = end(run, LONG)
    assert code in {0, 4}, err
    workers[1].send_signal(signal.SIGTERM)
    assert end(workers[1], LONG)[0] == 75
    end(workers[0])
    one.check(server, doubts=SESSIONS)
    assert end(one.worker(), LONG)[0] == 0  # nothing is open any more


def test_workers_finish_what_a_killed_run_has_begun(fault_server, mailing):
    server = fault_server()
    one = mailing(server.port, recipients=200)
    run = one.run()
    begun(server)
    run.kill()
    end(run)
    assert end(one.worker(), LONG)[0] == 0
    code, _, err = end(one.run(), LONG)
    assert code in {0, 4}, err
    one.check(server, doubts=SESSIONS)


def test_a_run_without_sessions_watches_the_workers(fault_server, mailing):
    server = fault_server()
    one = mailing(server.port, recipients=60)
    worker = one.worker("--forever")
    code, _, err = end(one.run("--sessions", "0"), LONG)
    assert code == 0, err
    worker.send_signal(signal.SIGTERM)
    end(worker)
    one.check(server, doubts=0)
    assert {record["connection"] for record in server.journal} <= set(range(1, SESSIONS + 1))


def test_a_watch_is_ended_by_a_signal_and_needs_a_database(fault_server, mailing):
    server = fault_server()
    one = mailing(server.port, recipients=3)
    run = one.run("--sessions", "0")
    one.until_published()
    run.send_signal(signal.SIGTERM)
    assert end(run, LONG)[0] == 75
    code, _, err = end(start("run", "job.yaml", "--sessions", "0", cwd=one.scene.folder), LONG)
    assert (code, "none can join" in " ".join(err.split())) == (2, True)
    assert "keep the ledger in a database" in err
    code, _, err = end(one.run("--sessions", "0", "--limit", "1"), LONG)
    assert (code, "leave out what the note above names" in err) == (2, True)
    assert server.journal == []


def test_a_worker_that_is_told_to_stop_leaves_nothing_in_doubt(fault_server, mailing):
    server = fault_server()
    one = mailing(server.port, recipients=200)
    worker = one.worker("--json", "--forever")
    run = one.run("--sessions", "1", "--rate", "40/s")
    server.wait_for(1 + SESSIONS, seconds=LONG, stage="ehlo")
    worker.send_signal(signal.SIGTERM)
    code, out, _ = end(worker, LONG)
    assert (code, '"interrupted": true' in out) == (75, True)
    assert end(run, LONG)[0] == 0
    one.check(server, doubts=0)


def test_a_run_that_is_told_to_stop_while_workers_go_on_finds_no_fault(fault_server, mailing):
    """Rows change their status between two looks: that is no row without a status."""
    server = fault_server()
    one = mailing(server.port, recipients=400)
    worker = one.worker("--forever")
    run = one.run("--sessions", "1", "--rate", "150/s")
    server.wait_for(1 + SESSIONS, seconds=LONG, stage="ehlo")
    run.send_signal(signal.SIGTERM)
    code, _, err = end(run, LONG)
    assert code == 75, err
    assert "does not balance" not in err
    worker.send_signal(signal.SIGTERM)
    end(worker, LONG)


def test_a_second_signal_stops_a_worker_at_once(fault_server, mailing):
    server = fault_server(Fault(Stage.DOT, Kind.STALL))
    one = mailing(server.port, recipients=1)
    run = one.run("--sessions", "0")
    one.until_published()
    worker = one.worker()
    server.wait_for(1, seconds=LONG, stage="dot")

    def has_ended():
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
        return worker.poll() is not None

    until(has_ended, what="the end of a worker", seconds=LONG)
    assert end(worker)[0] == 128 + signal.SIGTERM
    code, _, err = end(run, LONG)
    assert code == 4, err
    one.check(server, doubts=1)


def test_a_deferred_recipient_is_tried_again_by_any_worker(fault_server, mailing):
    faults = [
        Fault(Stage.RCPT, Kind.REPLY, recipient=f"user{n}@example.net", text="451 4.3.0 later")
        for n in (1, 7, 23)
    ]
    server = fault_server(*faults)
    one = mailing(server.port, recipients=60, attempts=5)
    worker = one.worker("--forever")
    run = one.run("--sessions", "1", "--rate", "20/s")
    assert end(run, LONG)[0] == 0
    worker.send_signal(signal.SIGTERM)
    assert end(worker, LONG)[0] == 75
    assert server.faults_left == []
    one.check(server, doubts=0)


def test_trouble_of_the_account_stops_all(fault_server, mailing):
    server = fault_server(Fault(Stage.MAIL, Kind.REPLY, times=0, text="550 5.7.1 suspended"))
    one = mailing(server.port, recipients=60)
    code, _, err = end(one.run(), LONG)
    assert code == 69, err
    connections = len(server.stages("ehlo"))
    assert end(one.worker(), LONG)[0] == 0  # the mailing is not open before the next run
    assert len(server.stages("ehlo")) == connections
    assert set(one.scene.statuses().values()) == {"pending"}


def test_a_worker_without_the_secret_leaves_before_it_takes_anything(fault_server, mailing):
    server = fault_server(mechanisms=("PLAIN",))
    one = mailing(server.port, recipients=300, username="ann", password="s3cret")
    run = one.run("--sessions", "1", "--rate", "5/s", SCENE_PASSWORD="s3cret")
    begun(server)
    code, _, err = end(one.worker(SCENE_PASSWORD=""), LONG)
    assert code == 78
    assert "SCENE_PASSWORD" in err
    run.send_signal(signal.SIGTERM)
    assert end(run, LONG)[0] == 75
    assert len(server.stages("ehlo")) == 1
