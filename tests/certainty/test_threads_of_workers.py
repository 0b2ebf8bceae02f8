"""Threads over workers: every message behind the right one, whoever sends it and whoever dies."""

import csv
import random
import signal

from tests.certainty.program import end
from tests.certainty.test_workers import LONG, SESSIONS, mailing  # noqa: F401 - a fixture
from tests.support.faults import Fault, Kind, Stage

NEVER = "user3@example.net"  # at the first edition


def results_of(one, edition):
    """The rows of an edition by address, as every command sees them."""
    path = one.scene.folder / f"results-{edition}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {row["email"]: row for row in csv.DictReader(file)}


def threaded(one):
    """Let the messages of a scene stand in threads, and each edition have results of its own."""
    text = one.scene.job.read_text(encoding="utf-8")
    text = text.replace("message:\n", "message:\n  thread: true\n")
    text = text.replace("results.csv", "results-{{ edition }}.csv")
    one.scene.job.write_text(text, encoding="utf-8")


def check_threads(one, server, editions):
    """Hold each message that arrived against the results of the editions before its own."""
    every = {edition: results_of(one, edition) for edition in editions}
    by_name = {
        f"<{row['header_message_id']}>": (number, address)
        for number, rows in enumerate(every.values())
        for address, row in rows.items()
    }
    placed = 0
    for taken in server.deliveries():
        number, address = by_name[taken.message_id]
        assert taken.recipients == (address,)
        chain = []
        for rows in reversed(list(every.values())[:number]):
            if rows[address]["status"] != "accepted":
                break
            chain.insert(0, f"<{rows[address]['header_message_id']}>")
        assert taken.thread == (chain[-1] if chain else "", " ".join(chain)), taken
        placed += bool(chain)
    return placed


def test_workers_place_their_messages_and_one_of_them_is_killed(fault_server, mailing):  # noqa: F811
    roles = tuple(f"{role}_{random.getrandbits(64):x}" for role in ("planner", "worker"))
    server = fault_server(Fault(Stage.RCPT, Kind.PERMANENT, recipient=NEVER))
    one = mailing(server.port, recipients=120, roles=roles)
    threaded(one)
    assert end(one.run("--edition", "1"), LONG)[0] == 3
    workers = [one.worker("--forever"), one.worker("--forever")]
    watch = one.run("--edition", "2", "--sessions", "0", "--rate", "60/s")
    server.wait_for(120 + 20, seconds=LONG, stage="dot")
    workers[0].kill()
    end(workers[0])
    code, _, err = end(watch, LONG)
    assert code in {0, 4}, err
    assert "sends alone" not in err
    workers[1].send_signal(signal.SIGTERM)
    end(workers[1], LONG)
    assert end(one.run("--edition", "3", "--sessions", "2"), LONG)[0] == 0
    placed = check_threads(one, server, "123")
    second = results_of(one, "2")
    assert sum(row["status"] == "in_doubt" for row in second.values()) <= SESSIONS
    assert placed >= 2 * 119 - 2 * SESSIONS


def test_a_worker_leaves_alone_what_stands_behind_a_ledger_that_is_gone(fault_server, mailing):  # noqa: F811
    server = fault_server()
    one = mailing(server.port, recipients=6)
    threaded(one)
    assert end(one.run("--edition", "1"), LONG)[0] == 0
    watch = one.run("--edition", "2", "--sessions", "0")
    one.until_published()
    ((schema,),) = one.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'mailbatch_scene_1_%'"
    )
    one.fetch(f"DROP SCHEMA {schema} CASCADE")
    code, _, err = end(one.worker(), LONG)
    assert (code, "is gone" in err) == (74, True)
    watch.send_signal(signal.SIGTERM)
    assert end(watch, LONG)[0] == 75
    assert len(server.deliveries()) == 6
