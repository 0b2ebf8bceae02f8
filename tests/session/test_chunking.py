"""CHUNKING (RFC 3030): one flight and one wait for each message, and what servers make of it."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from mailbatch.delivery.options import Silence
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.smtp.session import ONE_WRITE_BYTES
from tests.certainty.scene import Scene
from tests.session.tap import Tap
from tests.support.faults import Fault, Kind, Stage

PATIENT = {"connect": "10s", "command": "10s", "data": "10s", "end_of_data": "10s"}


def scene_at(folder, port, **more):
    return Scene(folder / "s", port, **{"timeouts": PATIENT, **more})


def taken(server):
    """The ends of content whose message was taken."""
    return [record for record in server.stages(Stage.DOT) if record.get("taken")]


def write_cells(scene, *cells):
    """Give the mailing one recipient for each cell."""
    with (scene.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "name", "lot"])
        for number, cell in enumerate(cells, 1):
            writer.writerow([f"user{number}@example.net", "Ann", cell])


class Notes(Silence):
    """Keeps the notes of a run."""

    def __init__(self) -> None:
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def run_with_notes(scene):
    """Run it; the summary and the notes."""
    told = Notes()
    summary = run(load_job(scene.job), progress=told, environ={})
    return summary, told.notes


@pytest.mark.parametrize("chunking", [True, False])
def test_one_wait_for_each_message(tmp_path, fault_server, chunking):
    """Envelope and content arrive before anything is answered; with chunking off there are two."""
    server = fault_server(chunking=True)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, recipients=10, chunking=chunking)
        assert scene.run().exit_code == 0
        (waits,) = tap.waits()
    assert len(taken(server)) == 10
    assert {record["waits"] for record in taken(server)} == {0 if chunking else 1}
    assert {record["chunked"] is not None for record in taken(server)} == {chunking}
    # EHLO, the messages, QUIT.
    assert waits == (10 if chunking else 20) + 2
    assert server.stages(Stage.DATA) == [] if chunking else server.stages(Stage.DATA)
    scene.check(server.deliveries())


def test_without_pipelining_there_is_no_flight(tmp_path, fault_server):
    """CHUNKING alone is not used, nor with pipelining off."""
    for settings, more in [({"pipelining": False}, {}), ({}, {"pipelining": False})]:
        server = fault_server(chunking=True, **settings)
        scene = scene_at(tmp_path / str(server.port), server.port, **more)
        assert scene.run().exit_code == 0
        assert len(server.stages(Stage.DATA)) == 3


def test_a_group_with_a_refusal_is_one_flight(tmp_path, fault_server):
    """Each recipient has its own reply; who is one too many goes in the next transaction."""
    server = fault_server(
        chunking=True, recipients=3, refused={"user2@example.net": "550 5.1.1 unknown"}
    )
    scene = scene_at(tmp_path, server.port, recipients=6, group=True, text="Hello\n")
    summary = scene.run()
    assert (summary.exit_code, summary.transactions) == (3, 2)
    assert [list(message.recipients) for message in server.deliveries()] == [
        ["user1@example.net", "user3@example.net", "user4@example.net"],
        ["user5@example.net", "user6@example.net"],
    ]
    rows = scene.results()
    assert {row["attempts"] for row in rows} == {"1"}
    assert rows[1]["reply"] == "unknown"
    scene.check(server.deliveries())


def test_a_refused_recipient_costs_its_neighbours_nothing(tmp_path, fault_server):
    """BDAT behind a refused RCPT is refused, cleared by RSET, and the next message is sent."""
    server = fault_server(chunking=True, refused={"user2@example.net": "550 5.1.1 unknown"})
    scene = scene_at(tmp_path, server.port, recipients=4)
    summary, notes = run_with_notes(scene)
    assert (summary.exit_code, summary.sessions, notes) == (3, 1, [])
    assert [record["command"] for record in server.stages(Stage.RSET)] == ["RSET"]
    assert list(scene.statuses().values()) == ["accepted", "rejected", "accepted", "accepted"]
    assert scene.results()[1]["reply"] == "unknown"
    assert server.stages(Stage.DATA) == []


def test_what_is_larger_than_one_write_goes_by_data(tmp_path, fault_server):
    """Its second wait is small beside its way, and whoever is refused does not cost it."""
    server = fault_server(chunking=True)
    scene = scene_at(tmp_path, server.port, text="{{ lot }}\n")
    write_cells(scene, "x\n" * 100, "x\n" * ONE_WRITE_BYTES, "x\n" * 100)
    assert scene.run().exit_code == 0
    assert [record["chunked"] is not None for record in taken(server)] == [True, False, True]
    assert taken(server)[1]["size"] > ONE_WRITE_BYTES


def test_dots_are_not_stuffed_and_a_lone_dot_goes_by_data(tmp_path, fault_server):
    """What could end a message, should a server read it as commands, is no chunk."""
    server = fault_server(chunking=True)
    with Tap(server.port) as tap:
        scene = scene_at(tmp_path, tap.port, text="{{ lot }}\n")
        write_cells(scene, "..two\n.one", "a\n.\nMAIL FROM:<x@example.org>", "bdat 3 LAST\nx")
        assert scene.run().exit_code == 0
        assert b"\r\n..two\r\n.one\r\n" in tap.said()
        assert b"\r\na\r\n..\r\nMAIL FROM:<x@example.org>\r\n" in tap.said()
    assert [record["chunked"] is not None for record in taken(server)] == [True, False, False]
    scene.check(server.deliveries())


@pytest.mark.parametrize("bdat", ["skipped", "unknown"])
def test_a_server_that_does_not_know_what_it_announces(tmp_path, fault_server, bdat):
    """Nobody is rejected, no attempt is used, and all go by DATA from then on; it is said once."""
    server = fault_server(chunking=True, bdat=bdat)
    scene = scene_at(tmp_path, server.port, recipients=5, attempts=3)
    summary, notes = run_with_notes(scene)
    assert summary.exit_code == 0
    # Who reads the content as commands is left at the first answer to one of its lines.
    assert summary.sessions == {"skipped": 1, "unknown": 2}[bdat]
    (said, *rest) = notes
    assert "announces CHUNKING and said '50" in said
    assert "go by DATA from now on (see server.chunking)" in said
    assert len(rest) == summary.sessions - 1
    assert {row["attempts"] for row in scene.results()} == {"1"}
    assert set(scene.statuses().values()) == {"accepted"}
    assert [record["chunked"] for record in taken(server)] == [None] * 5
    scene.check(server.deliveries())


def test_a_server_that_does_not_skip_what_it_refuses(tmp_path, fault_server):
    """The lines behind a refused RCPT come to commands: nothing follows, nobody is in doubt."""
    server = fault_server(
        chunking=True, bdat="unskipped", refused={"user2@example.net": "550 5.1.1 unknown"}
    )
    scene = scene_at(tmp_path, server.port, text="{{ lot }}\n", recipients=4, attempts=3)
    smuggled = "RSET\nMAIL FROM:<evil@example.org>\nRCPT TO:<victim@example.org>\nDATA\nx"
    write_cells(scene, "a", smuggled + "\n.\nQUIT", "c", "d")
    assert scene.run().exit_code == 3
    assert list(scene.statuses().values()) == ["accepted", "rejected", "accepted", "accepted"]
    scene.check(server.deliveries())
    assert {message.mail_from for message in server.deliveries()} == {"news@example.com"}
    # Without the lone dot it was a chunk; its commands came to nothing.
    other = scene_at(tmp_path / "other", server.port, text="{{ lot }}\n", recipients=4, attempts=3)
    write_cells(other, "a", smuggled, "c", "d")
    summary, notes = run_with_notes(other)
    assert (summary.exit_code, summary.sessions) == (3, 2)
    assert "go by DATA from now on" in notes[0]
    assert list(other.statuses().values()) == ["accepted", "rejected", "accepted", "accepted"]
    assert {message.mail_from for message in server.deliveries()} == {"news@example.com"}
    assert len(server.deliveries()) == 6


def test_one_reply_too_many_is_noticed(tmp_path, fault_server):
    """Without a 354 all replies look alike; the status of an address is none of a content."""
    server = fault_server(Fault(Stage.MAIL, Kind.DUPLICATE, transaction=2), chunking=True)
    scene = scene_at(tmp_path, server.port, recipients=4, attempts=3)
    summary, notes = run_with_notes(scene)
    assert summary.exit_code == 4
    assert list(scene.statuses().values()) == ["accepted", "in_doubt", "accepted", "accepted"]
    assert "in reply to BDAT" in notes[0]
    scene.check(server.deliveries())


def test_the_dry_run_and_the_test_address_know_chunking(tmp_path, fault_server):
    """The other transports take the same messages."""
    server = fault_server(chunking=True)
    scene = scene_at(tmp_path, server.port)
    summary = scene.run(redirect=("test@example.org",))
    assert summary.exit_code == 0
    assert {message.recipients for message in server.deliveries()} == {("test@example.org",)}
    assert {record["waits"] for record in taken(server)} == {0}
    assert scene.run(dry_run=True, out=tmp_path / "out").exit_code == 0
    assert len(list((tmp_path / "out").glob("*.eml"))) == 3


@pytest.mark.parametrize("sessions", [1, 2])
def test_what_ends_every_session_at_bdat_costs_one_doubt_each(tmp_path, fault_server, sessions):
    """Some box between the two resets every BDAT: after the first the messages go by DATA."""
    server = fault_server(Fault(Stage.CHUNK, Kind.RST, times=0), chunking=True)
    scene = scene_at(tmp_path, server.port, recipients=12, sessions=sessions, attempts=4)
    assert scene.run().exit_code == 4
    counts = Counter(scene.statuses().values())
    assert 1 <= counts["in_doubt"] <= sessions
    assert counts["accepted"] == 12 - counts["in_doubt"]
    scene.check(server.deliveries())
