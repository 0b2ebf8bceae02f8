"""Postfix's smtp-sink: the main job on a server that is not ours, also where it is told to fail."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.certainty.scene import Scene
from tests.session.tap import Tap
from tests.support.faults import Stage

pytestmark = pytest.mark.realserver

PATIENT = {"connect": "20s", "command": "20s", "data": "20s", "end_of_data": "20s"}
THOUSAND = 1000


def scene_at(folder, port, **more):
    return Scene(folder / "s", port, **{"timeouts": PATIENT, **more})


@pytest.fixture
def dump():
    """A folder that smtp-sink may write into, whoever it runs as."""
    with tempfile.TemporaryDirectory(prefix="mailbatch-sink-") as name:
        Path(name).chmod(0o777)
        yield Path(name) / "mail"


def dumped(file):
    """The recipients of every message in smtp-sink's dump, and the messages."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return Counter(re.findall(r"^X-Rcpt-Args: <(.+?)>", text, re.MULTILINE)), text


def test_a_thousand_messages_take_one_connection_and_two_waits_each(tmp_path, smtp_sink, dump):
    """The bar of the main job: one wait for the command group, one for the content."""
    sink = smtp_sink("-D", str(dump))
    with Tap(sink.port) as tap:
        scene = scene_at(tmp_path, tap.port, recipients=THOUSAND, text="Hello {{ name }}\n")
        summary = scene.run()
        waits = tap.waits()
        said = tap.said()
    assert summary.exit_code == 0
    assert (summary.transactions, summary.sessions) == (THOUSAND, 1)
    # EHLO behind the greeting, two for each message, and QUIT.
    assert waits == [2 * THOUSAND + 2]
    assert said.count(b"\r\n.\r\n") == THOUSAND
    assert said.endswith(b"QUIT\r\n")
    rows = scene.results()
    assert len(rows) == THOUSAND
    assert [row["email"] for row in rows] == scene.addresses
    assert {(row["status"], row["reply_code"], row["attempts"]) for row in rows} == {
        ("accepted", "250", "1")
    }
    assert all(row["settled_at"] and row["header_message_id"] for row in rows)
    got, text = dumped(dump)
    assert got == dict.fromkeys(scene.addresses, 1)
    assert [f"Hello Name {n}\n" in text for n in (0, 500, 999)] == [True] * 3


def test_the_fault_servers_journal_counts_the_same_waits(tmp_path, fault_server):
    """Another parser's count, on the same job."""
    server = fault_server()
    scene = scene_at(tmp_path, server.port, recipients=100)
    assert scene.run().exit_code == 0
    (closed,) = server.wait_for(stage="closed")
    assert closed["waits"] == 2 * 100 + 2
    assert {dot["waits"] for dot in server.stages(Stage.DOT)} == {1}
    assert {record["before_354"] for record in server.stages(Stage.DATA)} == {0}
    assert {dot["after_dot"] for dot in server.stages(Stage.DOT)} == {0}


def test_without_pipelining_every_command_waits(tmp_path, smtp_sink):
    """The same engine, one command at a time."""
    with Tap(smtp_sink("-p").port) as tap:
        scene = scene_at(tmp_path, tap.port, recipients=50)
        assert scene.run().exit_code == 0
        assert tap.waits() == [4 * 50 + 2]


#: Options, exit code of the first run, what its recipients are, exit code of the second run.
BREAKS = {
    "disconnects at EHLO": ("-q", "EHLO", 69, {"pending"}, 0),
    "disconnects at MAIL": ("-q", "MAIL", 69, {"pending"}, 0),
    "disconnects at RCPT": ("-q", "RCPT", 69, {"pending"}, 0),
    "disconnects at DATA": ("-q", "DATA", 69, {"pending"}, 0),
    "disconnects at the dot": ("-q", ".", 69, {"in_doubt", "pending"}, 4),
    "421 at EHLO": ("-Q", "EHLO", 69, {"pending"}, 0),
    "421 at MAIL": ("-Q", "MAIL", 75, {"deferred"}, 0),
    "421 at RCPT": ("-Q", "RCPT", 75, {"deferred"}, 0),
    "421 at DATA": ("-Q", "DATA", 75, {"deferred"}, 0),
    "421 at the dot": ("-Q", ".", 75, {"deferred"}, 0),
    "450 to MAIL": ("-r", "MAIL", 75, {"deferred"}, 0),
    "450 to RCPT": ("-r", "RCPT", 75, {"deferred"}, 0),
    "450 to DATA": ("-r", "DATA", 75, {"deferred"}, 0),
    "450 to the dot": ("-r", ".", 75, {"deferred"}, 0),
    "450 to EHLO": ("-r", "EHLO", 69, {"pending"}, 0),
    "500 to MAIL": ("-f", "MAIL", 69, {"pending"}, 0),
    "500 to RCPT": ("-f", "RCPT", 3, {"rejected"}, 0),
    "500 to DATA": ("-f", "DATA", 3, {"rejected"}, 0),
    "500 to the dot": ("-f", ".", 3, {"rejected"}, 0),
    "500 to EHLO": ("-f", "EHLO", 69, {"pending"}, 0),
    "550 in the middle of the content": ("-A", "0", 3, {"rejected"}, 0),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_smtp_sink_breaks_is_taken_up_on_a_healthy_one(tmp_path, smtp_sink, dump, name):
    """First a server that fails, then one that does not: each gets it once, but who is in doubt."""
    option, value, first, statuses, second = BREAKS[name]
    scene = scene_at(tmp_path, smtp_sink(option, value).port)
    summary = scene.run()
    assert summary.exit_code == first
    assert set(scene.statuses().values()) == statuses
    assert (summary.failure is not None) is (first == 69)
    before = scene.statuses()
    again = dataclasses.replace(scene, port=smtp_sink("-D", str(dump)).port)
    assert again.run(retry_rejected=True).exit_code == second
    doubtful = {address for address, status in before.items() if status == "in_doubt"}
    assert again.statuses() == {
        address: "in_doubt" if address in doubtful else "accepted" for address in before
    }
    assert dumped(dump)[0] == dict.fromkeys(sorted(set(before) - doubtful), 1)


def test_ten_thousand_octets_a_window_do_not_stop_a_group_of_a_thousand(tmp_path, smtp_sink):
    """A small TCP window: replies are read while the command group is still being written."""
    scene = scene_at(
        tmp_path,
        smtp_sink("-T", "1024").port,
        recipients=THOUSAND,
        group=True,
        text="Hello, all of you\n" * 2000,
    )
    summary = scene.run()
    assert (summary.exit_code, summary.transactions, summary.sessions) == (0, 1, 1)
    assert set(scene.statuses().values()) == {"accepted"}


@pytest.mark.parametrize("options", [("-8",), ("-E",), ("-N", "-a"), ("-p", "-8", "-E")])
def test_servers_that_offer_less_are_served_all_the_same(tmp_path, smtp_sink, dump, options):
    sink = smtp_sink(*options, "-D", str(dump))
    scene = scene_at(tmp_path, sink.port, text="Grüße an {{ name }}\n")
    assert scene.run().exit_code == 0
    got, _ = dumped(dump)
    assert got == dict.fromkeys(scene.addresses, 1)
    content = dump.read_bytes()
    assert content.isascii() is ("-8" in options)


def test_a_server_that_ends_after_some_sessions_is_gone_in_the_middle(tmp_path, smtp_sink):
    """Its process ends behind the tenth message; whoever is left goes to another one."""
    scene = scene_at(tmp_path, smtp_sink("-M", "10").port, recipients=30)
    summary = scene.run()
    assert summary.exit_code == 69
    counts = Counter(scene.statuses().values())
    assert counts["accepted"] in {9, 10}  # the tenth reply may be lost with the process
    assert counts["accepted"] + counts["in_doubt"] + counts["pending"] == 30
    assert counts["in_doubt"] <= 1
    before = scene.statuses()
    again = dataclasses.replace(scene, port=smtp_sink().port)
    second = again.run()
    assert second.transactions == counts["pending"]
    assert {a: s for a, s in again.statuses().items() if s != "accepted"} == {
        a: s for a, s in before.items() if s == "in_doubt"
    }
