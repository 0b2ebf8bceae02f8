"""Threads over deaths: the same bytes in every run, behind the right message."""

from __future__ import annotations

import random

import pytest

from mailbatch.delivery.ahead import LEAST_MESSAGES
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.runner import run
from mailbatch.errors import LedgerError
from mailbatch.job.loader import load_job
from mailbatch.ledger.store import Ledger
from tests.certainty.dying import STEPS, ended, start
from tests.certainty.scene import PATIENT, Scene
from tests.support.faults import Fault, Kind, Stage


@pytest.fixture
def threaded(tmp_path, fault_server):
    """Make a scene whose messages stand in threads, and its server."""

    def make(*faults, **more):
        server = fault_server(*faults)
        scene = Scene(tmp_path / "s", server.port, timeouts=PATIENT, **more)
        text = scene.job.read_text(encoding="utf-8")
        text = text.replace("message:\n", "message:\n  thread: true\n")
        text = text.replace("results.csv", "results-{{ edition }}.csv")
        scene.job.write_text(text, encoding="utf-8")
        return scene, server

    return make


def send(scene, edition, **options):
    return run(load_job(scene.job), RunOptions(edition=edition, **options))


def place(scene, edition):
    return scene.ledger.with_name(f"scene@{edition}.sqlite3")


def rows_of(scene, edition):
    """The rows of the results of an edition."""
    with Ledger.read(place(scene, edition)) as ledger:
        return list(ledger.standing.result_rows()), ledger.thread.before()


def check_threads(scene, server, *editions):
    """Hold every message that arrived against the results of the editions before its own."""
    every = {edition: rows_of(scene, edition) for edition in editions}
    edition_of = {
        f"<{row.header_message_id}>": edition
        for edition, (rows, _) in every.items()
        for row in rows
    }
    contents = {}
    for taken in server.deliveries():
        (address,) = taken.recipients
        chain = []
        for one in every[edition_of[taken.message_id]][1]:
            (row,) = [row for row in every[one.edition][0] if row.email == address]
            if row.status != "accepted" or row.settled_at >= one.until:
                break
            chain.insert(0, f"<{row.header_message_id}>")
        assert taken.thread == (chain[-1] if chain else "", " ".join(chain)), taken
        contents.setdefault(taken.message_id, set()).add(taken.sha256)
    assert all(len(digests) == 1 for digests in contents.values())
    return {edition: [one.edition for one in before] for edition, (_, before) in every.items()}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", sorted(set(STEPS) - {"release", "reopen"}))
def test_a_death_at_any_step_changes_no_thread(threaded, step, when):
    scene, server = threaded(recipients=4)
    send(scene, "1")
    assert ended(start(scene.job, step=step, when=when, edition="2")) in {-9, 0}
    summary = send(scene, "2")
    assert summary.failure is None
    assert check_threads(scene, server, "1", "2") == {"1": [], "2": ["1"]}
    (rows, _) = rows_of(scene, "2")
    got = [one.recipients[0] for one in server.deliveries()][4:]
    doubts = {row.email for row in rows if row.status == "in_doubt"}
    assert len(doubts) <= 1
    assert len(got) == len(set(got))
    assert set(got) | doubts == set(scene.addresses)


def test_the_process_that_composes_ahead_has_the_threads_too(threaded):
    """So many messages are composed in a process of their own, with three sessions."""
    number = LEAST_MESSAGES + 50
    scene, server = threaded(recipients=number, sessions=3, text="Hello\n")
    for edition in "123":
        assert send(scene, edition).exit_code == 0
    assert len(server.deliveries()) == 3 * number
    assert check_threads(scene, server, *"123") == {"1": [], "2": ["1"], "3": ["2", "1"]}
    assert sum(bool(one.thread[0]) for one in server.deliveries()) == 2 * number


@pytest.mark.parametrize("seed", range(5))
def test_random_histories(threaded, seed):
    """Editions that are begun, killed, resent and finished in any order."""
    chance = random.Random(seed)
    faults = [
        Fault(
            chance.choice([Stage.RCPT, Stage.DOT]),
            chance.choice([Kind.TRANSIENT, Kind.PERMANENT, Kind.FIN]),
            transaction=chance.randint(1, 40),
            taken=None,
        )
        for _ in range(6)
    ]
    scene, server = threaded(*faults, recipients=8, sessions=chance.choice([1, 2]))
    editions = ["1", "2", "3", "4"]
    begun = []
    for _ in range(14):
        edition = chance.choice(editions[: len(begun) + 1])
        begun = sorted({*begun, edition})
        choice = chance.random()
        if choice < 0.4:
            steps = ["lease", "commit", "settle", "digests", "write", "reply"]
            step, when = chance.choice(steps), chance.choice(["before", "after"])
            nth = chance.randint(1, 6)
            assert ended(start(scene.job, step=step, when=when, nth=nth, edition=edition)) in {
                -9,
                0,
            }
        elif choice < 0.6 and place(scene, edition).exists():
            with Ledger.reopen(place(scene, edition)) as ledger:
                ledger.doubts.resolve(chance.choice(["resend", "accepted"]), now=4_000_000_000.0)
        else:
            send(scene, edition, retry_rejected=chance.random() < 0.3)
    for edition in begun:
        send(scene, edition)
    told = check_threads(scene, server, *begun)
    assert told["1"] == []


def test_a_ledger_that_fails_under_way_stops_the_run_and_nobody_is_leased_for_ever(threaded):
    """What was leased is given back, so that the next run, with the ledger mended, sends it."""
    scene, server = threaded(recipients=300, text="Hello\n")
    send(scene, "1")
    send(scene, "2", limit=10)
    path = place(scene, "1")
    kept = path.read_bytes()
    # The rows are damaged, and no other page says anything of it.
    pages = [kept[start : start + 4096] for start in range(0, len(kept), 4096)]
    path.write_bytes(b"".join(bytes(4096) if b"@example." in page else page for page in pages))
    failure = send(scene, "2").failure
    assert isinstance(failure, LedgerError)
    assert failure.exit_code == 74
    assert str(path) in str(failure)
    assert "message.thread asks an earlier edition" in str(failure)
    path.write_bytes(kept)
    with Ledger.read(place(scene, "2")) as ledger:
        assert ledger.standing.counts()["in_doubt"] == 0
    assert send(scene, "2").exit_code == 0
    got = [one.recipients[0] for one in server.deliveries()]
    assert sorted(got) == sorted(2 * scene.addresses)
    assert check_threads(scene, server, "1", "2") == {"1": [], "2": ["1"]}
