"""What is in doubt is named, decided by people, and sent again as the same bytes or not at all."""

import csv
import json
import time
from datetime import datetime

import pytest
import yaml

from mailbatch.render import assets
from tests.certainty.dying import OTHER_BOOT, ended, start
from tests.certainty.forked import mailbatch
from tests.certainty.scene import Scene, patience
from tests.support.faults import Fault, Kind, Stage

TWO = "user2@example.net"
#: Everything that could differ between two attempts: the time, boundaries, 8-bit text.
TEXT = "Grüße, {{ name }}, {{ now.isoformat() }}\n"
HTML = "<p>Grüße, {{ name }} <img src='cid:dot'>{{ now.timestamp() }}</p>\n"
MESSAGE = {
    "subject": "Grüße an {{ name }}",
    "text": "letter.txt.j2",
    "html": "letter.html.j2",
    "inline": {"dot": "dot.png"},
    "attachments": ["{{ name }}.pdf"],
}


def rich_scene(folder, server, **more):
    """A mailing with all that a message can have, and a file of its own for each recipient."""
    scene = Scene(folder, server.port, text=TEXT, **({"recipients": 4, "attempts": 2} | more))
    job = yaml.safe_load(scene.job.read_text())
    job["message"] = MESSAGE
    scene.job.write_text(yaml.safe_dump(job))
    (folder / "letter.html.j2").write_text(HTML)
    (folder / "dot.png").write_bytes(b"\x89PNG")
    for number in range(scene.recipients):
        (folder / f"Name {number}.pdf").write_bytes(b"%%PDF-1.7 for %d" % number)
    return scene


def resolve(scene, *options):
    """Run `resolve`; its exit code and its lines of JSON."""
    found = mailbatch("resolve", "job.yaml", "--json", *options, cwd=scene.folder)
    return found.code, [json.loads(line) for line in found.out.splitlines()], found.err


def doubts(scene):
    return [address for address, status in scene.statuses().items() if status == "in_doubt"]


def reason(scene, address=TWO):
    return next(row["reason"] for row in scene.results() if row["email"] == address)


@pytest.fixture
def doubtful(tmp_path, fault_server):
    """A finished mailing of which the second of four is in doubt: taken, and never answered."""
    server = fault_server(Fault(Stage.DOT, Kind.FIN, transaction=2))
    scene = rich_scene(tmp_path / "s", server)
    scene.run()
    assert doubts(scene) == [TWO]
    return server, scene


def attempts_at(server, address=TWO):
    return [taken for taken in server.deliveries() if address in taken.recipients]


# The list


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        (Kind.FIN, "the server closed the connection in reply to"),
        (Kind.STALL, "in time"),
        (Kind.GARBAGE, "no reply"),
        (Kind.WRONG_CLASS, "the server said 354"),
    ],
)
def test_what_is_known_of_a_doubt(tmp_path, fault_server, kind, seen):
    """Whom to ask the provider about, by which Message-ID, since when, and what was seen."""
    server = fault_server(Fault(Stage.DOT, kind, transaction=2))
    scene = rich_scene(tmp_path / "s", server, timeouts=patience(Stage.DOT, kind))
    before = int(time.time())
    scene.run()
    code, (found,), err = resolve(scene)
    assert code == 4
    assert (found["address"], found["row"]) == (TWO, 3)
    assert [f"<{found['message_id']}>"] == [taken.message_id for taken in attempts_at(server)]
    at = datetime.fromisoformat(found["at"]).timestamp()
    assert before <= at <= time.time()
    assert seen in found["seen"]
    assert "1 in doubt" in err
    listed = mailbatch("resolve", "job.yaml", cwd=scene.folder)
    assert all(str(found[name]) in listed.out for name in found)
    assert listed.out.count("\n") == 1


@pytest.mark.parametrize(
    ("boot", "seen"),
    [(None, "the run died after the end of data"), (OTHER_BOOT, "the machine went down")],
)
def test_what_a_dead_run_leaves(tmp_path, fault_server, boot, seen):
    """A run that was killed, and a machine that went down, say so."""
    server = fault_server()
    scene = rich_scene(tmp_path / "s", server, recipients=1)
    assert ended(start(scene.job, step="reply", when="after", boot=boot)) == -9
    scene.run()
    code, (found,), _ = resolve(scene)
    assert code == 4
    assert found["address"] == "user1@example.net"
    assert seen in found["seen"]


def test_nobody_is_in_doubt(tmp_path, fault_server):
    scene = Scene(tmp_path / "s", fault_server().port)
    scene.run()
    assert resolve(scene) == (0, [], "nobody is in doubt\n")


# The decisions


@pytest.mark.parametrize(("decision", "status"), [("accepted", "accepted"), ("skip", "skipped")])
def test_a_decision_that_sends_nothing(doubtful, decision, status):
    server, scene = doubtful
    before = len(server.journal)
    assert resolve(scene, f"--{decision}")[:2] == (0, [{"resolved": 1, "in_doubt": 0}])
    assert scene.run().exit_code == 0
    assert len(server.journal) == before
    assert scene.statuses()[TWO] == status
    scene.check(server.deliveries())


def test_a_resend_is_the_same_message_byte_for_byte(doubtful):
    """Also days later: Message-ID, Date, boundaries and what the templates say of the time."""
    server, scene = doubtful
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run().exit_code == 0
    first, second = attempts_at(server)
    assert (first.message_id, first.sha256) == (second.message_id, second.sha256)
    assert scene.statuses()[TWO] == "accepted"
    scene.check(server.deliveries(), resent=1)
    assert scene.run().exit_code == 0
    assert len(server.deliveries()) == 5


@pytest.mark.parametrize("step", ["commit", "finish", "reply", "settle"])
def test_a_resend_behind_a_killed_run(tmp_path, fault_server, step):
    """It has its digest from the commit point, whatever came of the run."""
    server = fault_server()
    scene = rich_scene(tmp_path / "s", server, recipients=2)
    when = "before" if step == "settle" else "after"
    assert ended(start(scene.job, step=step, when=when)) == -9
    assert scene.run().exit_code == 4
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run().exit_code == 0
    arrived = attempts_at(server, "user1@example.net")
    assert len({(taken.message_id, taken.sha256) for taken in arrived}) == 1
    scene.check(server.deliveries(), resent=1)


def test_a_resend_to_a_group(tmp_path, fault_server):
    """It goes to those who are in doubt, and to nobody of the group who was refused."""
    server = fault_server(
        Fault(Stage.DOT, Kind.RST), refused={"user3@example.net": "550 5.1.1 no such user"}
    )
    scene = Scene(tmp_path / "s", server.port, recipients=4, group=True, text="Grüße {{ now }}\n")
    scene.run()
    assert len(doubts(scene)) == 3
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run().exit_code == 3
    first, second = server.deliveries()
    assert second.recipients == first.recipients == tuple(sorted(first.recipients))
    assert (first.message_id, first.sha256) == (second.message_id, second.sha256)
    scene.check(server.deliveries(), resent=3)


def test_one_address_alone(tmp_path, fault_server):
    """`--only` decides about one and leaves the others in doubt."""
    server = fault_server(Fault(Stage.DOT, Kind.FIN))
    scene = Scene(tmp_path / "s", server.port, group=True, text="Hello\n")
    scene.run()
    assert resolve(scene, "--accepted", "--only", "USER1@example.net")[:2] == (
        4, [{"resolved": 1, "in_doubt": 2}],
    )  # fmt: skip
    assert resolve(scene, "--resend", "--only", TWO)[:2] == (4, [{"resolved": 1, "in_doubt": 1}])
    assert scene.run().exit_code == 4
    assert [taken.recipients for taken in server.deliveries()[1:]] == [(TWO,)]
    assert doubts(scene) == ["user3@example.net"]
    scene.check(server.deliveries(), resent=1)


def test_what_cannot_be_decided(doubtful):
    """Somebody who is not in doubt, two decisions at once, an edition that is not there."""
    server, scene = doubtful
    before = len(server.journal)
    code, _, err = resolve(scene, "--resend", "--only", "user1@example.net")
    assert (code, "user1@example.net is not in doubt" in err) == (2, True)
    assert resolve(scene, "--resend", "--skip")[0] == 2
    assert resolve(scene, "--edition", "2", "--resend")[0] == 74
    assert doubts(scene) == [TWO]
    assert scene.run().exit_code == 4
    assert len(server.journal) == before


def test_a_run_does_not_send_again_unasked(doubtful):
    """Not on any option of `run`, and not by a recipient file of the unfinished."""
    server, scene = doubtful
    before = len(server.journal)
    for options in ({}, {"retry_rejected": True}, {"accept_changes": True}, {"only": (TWO,)}):
        assert scene.run(**options).exit_code == 4
    found = mailbatch("results", "job.yaml", "--failed", "failed.csv", cwd=scene.folder)
    assert found.code == 0
    assert TWO not in (scene.folder / "failed.csv").read_text()
    assert len(server.journal) == before


def test_a_resend_is_not_in_the_file_of_the_unfinished(doubtful):
    """It would be mailed from there a second time, under another Message-ID."""
    server, scene = doubtful
    scene.write_recipients([*scene.addresses, "new@example.net"])
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run(limit=1, only=("user1@example.net",)).exit_code == 75
    assert scene.statuses()[TWO] == "pending"
    found = mailbatch("results", "job.yaml", "--failed", "failed.csv", cwd=scene.folder)
    assert found.code == 0
    listed = (scene.folder / "failed.csv").read_text()
    assert "new@example.net" in listed
    assert TWO not in listed
    assert len(attempts_at(server)) == 1


# A message that is another one


def change_row(scene, address, **cells):
    path = scene.folder / "recipients.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["email"] == address:
            row.update(cells)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_template_that_changed(doubtful):
    """Refused before anything is sent, and what changed is named; it stays to be resent."""
    server, scene = doubtful
    assert resolve(scene, "--resend")[0] == 0
    before = len(server.journal)
    (scene.folder / "letter.html.j2").write_text(HTML + "<p>P.S.</p>\n")
    found = mailbatch("run", "job.yaml", cwd=scene.folder)
    assert found.code == 65
    assert "the message changed" in found.err
    assert "letter.html.j2" in found.err
    assert "--accept-changes" in found.err
    assert len(server.journal) == before
    assert scene.run(accept_changes=True).exit_code == 0
    first, second = attempts_at(server)
    assert first.message_id == second.message_id
    assert first.sha256 != second.sha256


def another_name(scene):
    change_row(scene, TWO, name="Name 3")


def another_file(scene):
    (scene.folder / "Name 1.pdf").write_bytes(b"%PDF-1.7 corrected")


def no_file(scene):
    (scene.folder / "Name 1.pdf").unlink()


@pytest.mark.parametrize("change", [another_name, another_file, no_file])
def test_a_message_that_would_be_another_one(doubtful, change):
    """The row changed, or a file that only it names: it stays in doubt, and the rest goes on."""
    server, scene = doubtful
    kept = {path: path.read_bytes() for path in scene.folder.glob("[!.]*.*")}
    scene.write_recipients([*scene.addresses, "new@example.net"])
    (scene.folder / "Name 4.pdf").write_bytes(b"%PDF-1.7")
    scene.recipients += 1
    assert resolve(scene, "--resend")[0] == 0
    change(scene)
    found = mailbatch("run", "job.yaml", cwd=scene.folder)
    assert found.code == 4, found
    assert f"{TWO}: not sent again: " in found.err
    assert len(attempts_at(server)) == 1
    assert scene.statuses()[TWO] == "in_doubt"
    assert scene.statuses()["new@example.net"] == "accepted"
    code, (doubt,), _ = resolve(scene)
    assert code == 4
    assert "not sent again" in doubt["seen"]
    assert doubt["seen"] == reason(scene)
    # As it was, it may be sent again.
    for path, content in kept.items():
        if path.name != "results.csv":
            path.write_bytes(content)
    scene.write_recipients([*scene.addresses[:-1], "new@example.net"])
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run().exit_code == 0
    assert len({taken.sha256 for taken in attempts_at(server)}) == 1
    assert len(attempts_at(server)) == 2


def test_another_message_that_somebody_accepts(doubtful):
    """`--accept-changes` sends it, knowing that the other one may have arrived."""
    server, scene = doubtful
    another_name(scene)
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run(accept_changes=True).exit_code == 0
    first, second = attempts_at(server)
    assert first.message_id == second.message_id
    assert first.sha256 != second.sha256
    assert scene.statuses()[TWO] == "accepted"


def test_a_resend_that_was_deferred_is_still_one(tmp_path, fault_server):
    """What may have arrived is not forgotten over a refusal for now."""
    server = fault_server(
        Fault(Stage.DOT, Kind.FIN, transaction=2),
        Fault(Stage.MAIL, Kind.TRANSIENT, transaction=5),
        Fault(Stage.MAIL, Kind.TRANSIENT, transaction=6),
    )
    scene = rich_scene(tmp_path / "s", server)
    scene.run()
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run().exit_code == 75
    assert scene.statuses()[TWO] == "deferred"
    another_file(scene)
    assert scene.run().exit_code == 4
    assert len(attempts_at(server)) == 1
    assert doubts(scene) == [TWO]
    scene.check(server.deliveries())


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_a_resend_of_large_files(tmp_path, fault_server, monkeypatch, before, changed):
    """The digest of a content in pieces tells it; so does that of an edition from before pieces."""
    server = fault_server(Fault(Stage.DOT, Kind.FIN, transaction=2))
    scene = rich_scene(tmp_path / "s", server)
    for number in range(scene.recipients):
        (scene.folder / f"Name {number}.pdf").write_bytes(b"%d" % number + bytes(100_000))
    with monkeypatch.context() as patch:
        if before:
            patch.setattr(assets, "LARGE_BYTES", 1 << 30)
        scene.run()
    assert doubts(scene) == [TWO]
    if changed:
        (scene.folder / "Name 1.pdf").write_bytes(b"1" + bytes(99_999) + b"\1")
    assert resolve(scene, "--resend")[0] == 0
    assert scene.run().exit_code == (4 if changed else 0)
    attempts = attempts_at(server)
    assert len(attempts) == (1 if changed else 2)
    assert len({taken.sha256 for taken in attempts}) == 1
    assert doubts(scene) == ([TWO] if changed else [])


def test_a_resend_whose_row_is_gone(doubtful):
    """Nobody asks for it any more, and it may have arrived all the same."""
    server, scene = doubtful
    assert resolve(scene, "--resend")[0] == 0
    scene.write_recipients([address for address in scene.addresses if address != TWO])
    assert scene.run().exit_code == 4
    assert len(attempts_at(server)) == 1
    assert doubts(scene) == [TWO]
    assert "left the table" in reason(scene)
    scene.check(server.deliveries())


def test_a_resend_that_changed_its_group(tmp_path, fault_server):
    """In another group it would be another message, with another Message-ID: not unasked."""
    server = fault_server(Fault(Stage.DOT, Kind.FIN))
    scene = Scene(tmp_path / "s", server.port, group=True, text="Hello {{ lot }}\n")
    scene.run()
    assert len(doubts(scene)) == 3
    assert resolve(scene, "--resend", "--only", TWO)[0] == 4
    change_row(scene, TWO, lot="b")
    assert scene.run().exit_code == 4
    assert len(server.deliveries()) == 1
    assert doubts(scene) == scene.addresses
    scene.check(server.deliveries())


def test_a_resend_to_a_server_that_takes_no_8_bit(tmp_path, fault_server):
    """The same text in another encoding is another message."""
    first = fault_server(Fault(Stage.DOT, Kind.FIN))
    scene = Scene(tmp_path / "s", first.port, recipients=1, text="Grüße\n")
    scene.run()
    assert resolve(scene, "--resend")[0] == 0
    second = fault_server(eight_bit=False)
    job = yaml.safe_load(scene.job.read_text())
    job["server"]["port"] = second.port
    scene.job.write_text(yaml.safe_dump(job))
    assert scene.run().exit_code == 4
    assert "another one than may have arrived" in reason(scene, "user1@example.net")
    assert second.deliveries() == []
    scene.check(first.deliveries())
