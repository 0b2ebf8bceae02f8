"""A worker without a job file: the mailings that it may join, and those that it must not."""

import json
import os
import signal
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import pytest
import yaml

from mailbatch.bundle.archive import name_of
from mailbatch.bundle.contents import unpacked
from mailbatch.delivery.options import RunOptions, Silence
from mailbatch.delivery.preparation import Mailing, read_inputs, reconcile
from mailbatch.delivery.runner import run
from mailbatch.errors import JobError, LedgerUnreachable, MailingStopped
from mailbatch.job.loader import load_job
from mailbatch.outcome import Status
from tests.certainty.scene import Scene
from tests.support.faults import Fault, Kind, Stage
from tests.support.postgresql import check_present, shared_cluster

pytest.importorskip("asyncpg")

from mailbatch.delivery import publishing, serving
from mailbatch.delivery.publishing import offer
from mailbatch.delivery.serving import Served, WorkOptions, serve
from mailbatch.ledger.postgres.address import place_in
from mailbatch.ledger.postgres.store import PostgresLedger


class Told(Silence):
    """A progress that keeps what it is told."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def database(request):
    """Return the URL of an empty database."""
    check_present()
    cluster = shared_cluster()
    name = f"work_{abs(hash(request.node.nodeid)):x}"
    cluster.execute(f"CREATE DATABASE {name}")
    yield cluster.url(name)
    cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def planned(scene, url, progress=None, *, timed=False, step=None, **options):
    """Plan the mailing of a scene and offer it to workers, without sending anything."""
    job = load_job(scene.job, environ={"SCENE_PASSWORD": ""})
    now = datetime.now().astimezone()
    inputs = read_inputs(job, edition=None, variables={}, now=now)
    with PostgresLedger.open(
        place_in(url, job.name, inputs.edition), job=job.name, edition=inputs.edition,
        message_id_domain=inputs.composer.message_id_domain,
    ) as ledger:  # fmt: skip
        reconcile(ledger, job, inputs.plan, now=now.timestamp() if timed else None)
        mailing = Mailing(inputs, ledger, None)
        offer(mailing, RunOptions(**options), progress or Told(), step=step)
        yield ledger


def work(url, progress=None, **options):
    return serve(url, WorkOptions(**options), progress or Told(), environ={})


def test_a_worker_sends_a_mailing_to_its_end(tmp_path, fault_server, database):
    server = fault_server()
    scene = Scene(tmp_path / "scene", server.port, recipients=20, sessions=2)
    with planned(scene, database) as ledger:
        assert work(database) == Served(20, 2, 1)
        assert ledger.standing.counts()[Status.ACCEPTED] == 20
        assert ledger.standing.finished_at() is not None
    assert work(database) == Served()
    assert len(server.deliveries()) == 20


def test_a_worker_sends_nobody_before_the_time(tmp_path, fault_server, database):
    """What is due is sent; for the rest the worker stays, until it is ended."""
    server = fault_server()
    zones = ("2026-11-01 09:00 UTC", "2999-11-01 09:00 UTC")
    scene = Scene(tmp_path / "scene", server.port, recipients=6, send_at="{{ zone }}", zones=zones)

    def end():
        server.wait_for(3, seconds=30.0, stage="dot")
        server.wait_for(1, seconds=30.0, stage="closed")
        os.kill(os.getpid(), signal.SIGTERM)

    with planned(scene, database, timed=True) as ledger:
        ending = threading.Thread(target=end)
        ending.start()
        served = work(database)
        ending.join()
        assert (served.transactions, served.interrupted) == (3, True)
        assert ledger.standing.counts()[Status.PENDING] == 3
        assert [number for _, number in ledger.plan.send_times(0.0)] == [3]
    assert [one.recipients for one in server.deliveries()] == [(a,) for a in scene.addresses[::2]]


def test_all_open_mailings_are_served(tmp_path, fault_server, database):
    server = fault_server()
    for number in range(2):
        scene = Scene(tmp_path / str(number), server.port, recipients=3)
        job = scene.job.read_text().replace("name: scene", f"name: scene-{number}")
        scene.job.write_text(job)
        with planned(scene, database):
            pass
    assert work(database) == Served(6, 2, 2)


def test_the_machine_of_a_worker_has_an_address_and_a_name_of_its_own(
    tmp_path, fault_server, database
):
    server = fault_server()
    scene = Scene(tmp_path / "scene", server.port, recipients=1)
    with planned(scene, database):
        work(database, source_address="127.0.0.9", hello="mail9.example.com")
    (said,) = server.stages(Stage.EHLO)
    assert said["command"] == "EHLO mail9.example.com"


def test_a_worker_that_would_make_other_messages_takes_nothing(tmp_path, fault_server, database):
    server = fault_server()
    scene = Scene(tmp_path / "scene", server.port, recipients=3)
    with planned(scene, database) as ledger:
        told = ledger._link.wait(ledger._link.value("SELECT published FROM mailing"))
        digest = ledger.publication.current().samples[0].digest
        told = told.replace(digest, "0" * 64).replace('"jinja2": "', '"jinja2": "0.')
        shared_cluster()._runner.run(change(database, ledger._link.schema, told))
        with pytest.raises(
            JobError, match=r"another message to row 2 .*jinja2 \S+ here, 0\."
        ) as no:
            work(database)
        assert no.value.exit_code == 78
    assert server.journal == []


@pytest.mark.parametrize("unwritten", ["", "{{ 1 / 0 }}"], ids=["made", "invalid"])
def test_a_worker_of_before_the_guards_takes_nothing(tmp_path, fault_server, database, unwritten):
    """Such a worker reads past the step: it mailed all 200, where the guard stops at 20."""
    server = fault_server()
    scene = Scene(tmp_path / "scene", server.port, recipients=3, text=f"Hello {unwritten}\n")
    with planned(scene, database, step=2) as ledger:
        told = json.loads(ledger._link.wait(ledger._link.value("SELECT published FROM mailing")))
        known = ("bundle", "samples", "versions", "rate", "file")
        before = {name: told[name] for name in known} | {"versions": {"terms of mailings": "more"}}
        shared_cluster()._runner.run(change(database, ledger._link.schema, json.dumps(before)))
        with pytest.raises(JobError, match=r"row 2 .*terms of mailings") as no:
            work(database)
        assert no.value.exit_code == 78
        # Nor does one of this version that asks for what it does not know.
        shared_cluster()._runner.run(
            change(database, ledger._link.schema, json.dumps(told | {"moon": "full", "sun": None}))
        )
        with pytest.raises(JobError, match="does not know: moon") as no:
            work(database)
        assert no.value.exit_code == 78
    assert server.journal == []


def test_a_worker_runs_no_command_that_a_database_asks_for(tmp_path, database):
    """Whoever can write the database must not reach the machines of the workers."""
    trace = tmp_path / "trace"
    scene = Scene(tmp_path / "scene", 1, recipients=1)
    with planned(scene, database) as ledger:
        found = ledger.publication.current()
        archive = ledger.publication.archive(found.bundle)
        with unpacked(archive, found.bundle) as (bundle, job):
            text = job.path.read_text().replace(
                "auth: none", f"username: a\n  password: {{command: [touch, {trace}]}}"
            )
        hostile = replace(bundle, files={"job.yaml": text.encode(), "letter.txt.j2": b"x"}).pack()
        ledger.publication.publish(replace(found, bundle=name_of(hostile)), hostile)
        with pytest.raises(JobError, match="to run a command"):
            work(database)
    assert not trace.exists()


async def change(url, schema, told):
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(f"UPDATE {schema}.mailing SET published = $1", told)  # noqa: S608
    await connection.close()


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ({"limit": 2}, {}, "--limit"),
        ({"only": ("user1@example.net",)}, {}, "--only"),
        ({}, {"username": "a", "password": {"command": ["cat"]}, "auth": "auto"}, "a command"),
    ],
)
def test_a_mailing_that_one_run_sends_alone_is_withdrawn(
    tmp_path, database, options, settings, words
):
    told = Told()
    scene = Scene(tmp_path / "scene", 1, recipients=3)
    with planned(scene, database):
        pass
    job = yaml.safe_load(scene.job.read_text())
    job["server"].update(settings)
    scene.job.write_text(yaml.safe_dump(job))
    with planned(scene, database, told, **options) as ledger:
        assert ledger.publication.current() is None
        assert work(database) == Served()
    (note,) = told.notes
    assert words in note


@pytest.fixture
def bundles(tmp_path, monkeypatch):
    """A folder of bundles; the bundle of a scene is too large for the database."""
    monkeypatch.setattr(publishing, "MOST_BYTES", 100)
    folder = tmp_path / "bundles"
    folder.mkdir()
    return folder


def test_a_bundle_that_is_too_large_for_the_database_lies_in_a_folder(
    tmp_path, fault_server, database, bundles
):
    server = fault_server()
    scene = Scene(tmp_path / "scene", server.port, recipients=3)
    with planned(scene, database, bundles=bundles) as ledger:
        found = ledger.publication.current()
        assert [str(path) for path in bundles.iterdir()] == [found.file]
        assert ledger.publication.archive(found.bundle) is None
        assert work(database, bundles=bundles) == Served(3, 1, 1)


@pytest.mark.parametrize("fault", ["no folder", "no file", "other bytes"])
def test_a_worker_that_has_not_the_file_takes_nothing(
    tmp_path, fault_server, database, bundles, fault
):
    server = fault_server()
    scene = Scene(tmp_path / "scene", server.port, recipients=3)
    with planned(scene, database, bundles=bundles) as ledger:
        (file,) = bundles.iterdir()
        if fault == "no file":
            file.unlink()
        elif fault == "other bytes":
            file.write_bytes(file.read_bytes() + b"\0")
        with pytest.raises(JobError) as no:
            work(database, bundles=None if fault == "no folder" else bundles)
        assert no.value.exit_code == 78
        assert str(file) in f"{no.value}"
        assert no.value.hint
        assert ledger.standing.counts()[Status.PENDING] == 3
    assert server.journal == []


def test_a_run_without_a_folder_sends_a_large_bundle_alone(tmp_path, database, bundles):
    told = Told()
    scene = Scene(tmp_path / "scene", 1, recipients=3)
    with planned(scene, database, told) as ledger:
        assert ledger.publication.current() is None
    (note,) = told.notes
    assert "a folder that every worker reads (--bundles)" in note
    assert list(bundles.iterdir()) == []


def stopping_behind(looks, monkeypatch):
    """Have a worker look for mailings without a pause, and stop behind so many of these looks."""
    read, seen = serving.open_to_read, []

    def look(place):
        seen.append(place)
        if len(seen) == looks:
            signal.raise_signal(signal.SIGTERM)
        return read(place)

    monkeypatch.setattr(serving, "open_to_read", look)
    monkeypatch.setattr(serving, "POLL", 0.001)
    return seen


def rows_of_workers(ledger):
    return ledger._link.wait(ledger._link.value("SELECT count(*) FROM worker"))


def test_a_worker_with_nothing_to_do_yet_does_not_enter(
    tmp_path, fault_server, database, monkeypatch
):
    """One recipient is deferred by an hour: each look would write a row of a worker."""
    server = fault_server(Fault(Stage.RCPT, Kind.REPLY, times=1, text="451 4.3.0 later"))
    hour = {"initial": "1h", "maximum": "1h", "give_up_after": "9h"}
    scene = Scene(tmp_path / "s", server.port, recipients=2, attempts=2, retry=hour)
    with planned(scene, database) as ledger:
        looks = stopping_behind(5, monkeypatch)
        assert work(database) == Served(2, 1, 1, interrupted=True)
        assert len(looks) == 5
        assert ledger.standing.counts()[Status.DEFERRED] == 1
        assert rows_of_workers(ledger) == 2


def test_a_worker_that_the_cap_holds_does_not_enter_again(
    tmp_path, fault_server, database, monkeypatch
):
    server = fault_server()
    scene = Scene(tmp_path / "s", server.port, recipients=5, cap="3/day")
    with planned(scene, database) as ledger:
        looks = stopping_behind(6, monkeypatch)
        assert work(database, forever=True) == Served(3, 1, 1, interrupted=True)
        assert len(looks) == 6
        # Once to send, and once to see what holds the mailing.
        assert rows_of_workers(ledger) == 3
    assert len(server.deliveries()) == 3


class Withdrawing(Told):
    """A progress that has another process withdraw the mailing at the first outcome."""

    def __init__(self, withdraw):
        super().__init__()
        self.thread = threading.Thread(target=withdraw)

    def settled(self, status, number=1):
        if self.thread.ident is None:
            self.thread.start()


def test_a_worker_leaves_a_mailing_that_is_withdrawn(tmp_path, fault_server, database):
    server = fault_server(Fault(Stage.DOT, Kind.REPLY, times=1, text="451 4.3.0 later"))
    scene = Scene(tmp_path / "scene", server.port, recipients=1)
    with planned(scene, database) as ledger:
        told = Withdrawing(ledger.publication.withdraw)
        assert work(database, told) == Served(1, 1, 1)
        told.thread.join()


def test_no_worker_sends_a_new_plan_before_the_send_is_confirmed(tmp_path, fault_server, database):
    server = fault_server()
    scene = Scene(tmp_path / "scene", server.port, recipients=2)
    options = RunOptions(ledger=database)
    job = load_job(scene.job, environ={})
    run(job, options)
    scene.write_recipients([*scene.addresses, "new@example.net"])
    served = []

    def confirm(mailing, address):
        served.append(work(database))
        return False

    assert run(job, options, confirm=confirm).declined
    assert served == [Served()]
    assert len(server.deliveries()) == 2
    assert run(job, options).counts[Status.ACCEPTED] == 3


class Helped(Told):
    """A progress that lets a worker send before the run does, and adds up what it is told."""

    def __init__(self, database):
        super().__init__()
        self.database = database
        self.counts = Counter()

    def planned(self, counts, wanted):
        self.served = work(self.database)

    def settled(self, status, recipients):
        self.counts[status] += recipients


def test_the_progress_of_a_run_has_the_outcomes_of_a_worker(tmp_path, fault_server, database):
    server = fault_server(Fault(Stage.RCPT, Kind.REPLY, times=1, text="550 5.1.1 unknown"))
    scene = Scene(tmp_path / "scene", server.port, recipients=6)
    with planned(scene, database):
        pass
    progress = Helped(database)
    run(load_job(scene.job, environ={}), RunOptions(ledger=database), progress=progress)
    assert progress.served.transactions == 6
    assert progress.counts == {Status.ACCEPTED: 5, Status.REJECTED: 1}


def test_trouble_of_the_account_stops_the_other_workers(tmp_path, fault_server, database):
    server = fault_server(Fault(Stage.MAIL, Kind.REPLY, times=0, text="550 5.7.1 suspended"))
    scene = Scene(tmp_path / "scene", server.port, recipients=20)
    with planned(scene, database) as ledger:
        with pytest.raises(Exception, match="suspended") as ended:
            work(database)
        assert ended.value.exit_code == 69
        with pytest.raises(MailingStopped, match="suspended"):
            ledger._link.wait(ledger.leases._lease(1, 0.0, None, None))
    assert work(database) == Served()


class Ending(Told):
    """A progress that ends the worker by a signal behind so many outcomes."""

    def __init__(self, outcomes):
        super().__init__()
        self.left = outcomes

    def settled(self, status, recipients=1):
        self.left -= recipients
        if self.left == 0:
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def mailings(tmp_path, fault_server, database):
    """Return the server of two mailings; the older one wants a secret that no worker here has."""
    server = fault_server()
    for number, auth in enumerate(("username: a, password: {env: SCENE_PASSWORD}", "auth: none")):
        scene = Scene(tmp_path / str(number), server.port, recipients=3)
        job = scene.job.read_text().replace("name: scene", f"name: scene-{number}")
        scene.job.write_text(job.replace("auth: none", auth.replace(", ", "\n  ")))
        with planned(scene, database):
            pass
    return server


def test_a_mailing_that_cannot_be_sent_here_keeps_no_worker_from_the_others(mailings, database):
    with pytest.raises(JobError, match="SCENE_PASSWORD") as ended:
        work(database)
    assert ended.value.exit_code == 78
    assert len(mailings.deliveries()) == 3


def test_a_worker_that_stays_tells_such_a_mailing_and_goes_on(mailings, database):
    told = Ending(3)
    assert work(database, told, forever=True) == Served(3, 1, 1, interrupted=True)
    assert "SCENE_PASSWORD" in told.notes[0]
    assert told.notes[0].endswith("tried again in 5 minutes")


class Restarting(Told):
    """A progress that starts the database again once it hears that the database is away."""

    def __init__(self, cluster):
        super().__init__()
        self._cluster = cluster

    def note(self, text):
        super().note(text)
        if "trying for" in text:
            self._cluster.start()


@pytest.mark.parametrize("where", ["open_mailings", "open_to_read", "open_to_work"])
def test_a_worker_waits_for_a_database_that_restarts_wherever_it_is(
    tmp_path, fault_server, database, monkeypatch, where
):
    server, cluster = fault_server(), shared_cluster()
    scene = Scene(tmp_path / "s", server.port, recipients=3, database=database, text="Hello\n")
    call, calls = getattr(serving, where), []

    def call_at_the_end(*arguments, **more):
        calls.append(arguments)
        # The second look for mailings: a database that never was there ends a worker.
        if len(calls) == (2 if where == "open_mailings" else 1):
            cluster.stop("immediate")
        return call(*arguments, **more)

    monkeypatch.setattr(serving, "POLL", 0.01)
    monkeypatch.setattr(serving, where, call_at_the_end)
    with planned(scene, database):
        pass
    told = Restarting(cluster)
    assert serve(database, WorkOptions(), told, environ={}).transactions == 3
    (waited,) = [text for text in told.notes if "trying for 180 s" in text]
    assert "the connection to the ledger failed" in waited


def test_a_database_that_a_worker_never_reached_ends_it_at_once(database):
    shared_cluster().stop("immediate")
    try:
        with pytest.raises(LedgerUnreachable):
            serve(database, WorkOptions(forever=True), Silence(), environ={})
    finally:
        shared_cluster().start()
