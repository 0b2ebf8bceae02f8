"""`message.thread`: a message stands behind that of the edition before."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from contextlib import closing
from email import message_from_bytes

import pytest

from mailbatch.delivery.editions_before import MOST
from mailbatch.ledger.store import Ledger
from tests.cli.conftest import nothing_reached
from tests.support.faults import Fault, Kind, Stage

FIELDS = ("In-Reply-To", "References")


@pytest.fixture
def threaded(mailing):
    """Make a mailing with `thread: true`, and its server."""

    def make(*faults, **more):
        job, server = mailing(*faults, **more)
        job.edit("  text: letter.txt.j2", "  text: letter.txt.j2\n  thread: true")
        return job, server

    return make


def write(job, *rows, columns=("email", "name", "lot")):
    """Write the table row by row."""
    with (job.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def fields(path):
    """The two fields of a message in a file, on one line each."""
    message = message_from_bytes(path.read_bytes())
    return tuple(" ".join(message.get(name, "").split()) for name in FIELDS)


def sent(server):
    """What the server took, in order: address, Message-ID, In-Reply-To and References."""
    return [(one.recipients[0], one.message_id, *one.thread) for one in server.deliveries()]


def of(server, first, last=None):
    """The messages between two numbers, by address."""
    return {address: rest for address, *rest in sent(server)[first:last]}


def send(job, edition, *more):
    done = job.command("run", "--edition", edition, "--yes", *more)
    assert done.code == 0, done.err
    return done


def ledger(job, edition):
    return job.folder / ".mailbatch" / f"scene@{edition}.sqlite3"


def forget(job, edition):
    """Remove the ledger of an edition, and every file that knows of it."""
    folder = job.folder / ".mailbatch"
    for file in [*folder.glob(f"scene@{edition}.*"), *folder.glob(f".scene@{edition}.*")]:
        file.unlink()


def fact(job, edition):
    with closing(sqlite3.connect(ledger(job, edition))) as connection:
        (found,) = connection.execute("SELECT value FROM fact WHERE name = 'thread'").fetchone()
    return json.loads(found)


def test_a_message_stands_behind_that_of_the_edition_before_and_names_the_whole_thread(threaded):
    job, server = threaded()
    said = send(job, "1").err
    assert "message.thread: edition 1 is the first one here" in said
    assert "first one" not in send(job, "2").err
    send(job, "3")
    first, second, third = of(server, 0, 3), of(server, 3, 6), of(server, 6)
    for address in job.addresses:
        (one, *nothing), (two, *behind) = first[address], second[address]
        assert nothing == ["", ""]
        assert behind == [one, one]
        assert third[address][1:] == [two, f"{one} {two}"]
    assert fact(job, "1") == []
    assert [edition for edition, *_ in fact(job, "3")] == ["2", "1"]


def test_only_accepted_messages_count_and_others_stand_alone(threaded):
    job, server = threaded(Fault(Stage.RCPT, Kind.PERMANENT, transaction=2))
    assert job.command("run", "--yes").code == 3
    write(job, *[[a, "Ann", "a"] for a in (*job.addresses, "new@example.net")])
    send(job, "2")
    before, now = of(server, 0, 2), of(server, 2)
    assert {address: behind for address, (_, behind, _) in now.items()} == {
        **dict.fromkeys([*job.addresses, "new@example.net"], ""),
        **{address: message_id for address, (message_id, *_) in before.items()},
    }
    assert len(before) == 2


def test_a_recipient_is_the_same_by_its_key(threaded):
    """Case and a new address are no matter: the key is that of the row."""
    job, server = threaded()
    job.edit("  file: recipients.csv", "  file: recipients.csv\n  key: lot")
    write(job, ["ann@example.net", "Ann", "4711"], ["bob@example.net", "Bob", "4712"])
    send(job, "1")
    write(job, ["bob@example.com", "Bob", "4712"], ["ANN@example.net", "Ann", "4713"])
    send(job, "2")
    first, second = of(server, 0, 2), of(server, 2)
    assert second["bob@example.com"][1] == first["bob@example.net"][0]
    assert second["ANN@example.net"][1] == ""


def test_a_resend_has_the_same_bytes_whatever_became_of_the_edition_before(threaded):
    """What is accepted there, or begun elsewhere, in between changes no header."""
    job, server = threaded(
        Fault(Stage.RCPT, Kind.TRANSIENT, transaction=1),
        Fault(Stage.DOT, Kind.FIN, transaction=5, taken=True),
    )
    assert job.command("run", "--yes").code == 75
    done = job.command("run", "--edition", "2", "--yes")
    assert done.code == 69, done.err  # one session, and the server closed that
    send(job, "3")
    send(job, "1")
    done = job.command("resolve", "--edition", "2", "--resend")
    assert done.code == 0, done.err
    done = job.command("run", "--edition", "2", "--yes", "--json")
    assert (done.code, done.json["accepted"]) == (0, 3)
    taken = [one.sha256 for one in server.deliveries()]
    assert len(taken) - len(set(taken)) == 1  # the message in doubt, twice byte for byte
    assert [edition for edition, *_ in fact(job, "2")] == ["1"]
    # Edition 1 was begun before edition 2, and edition 2 before edition 3.
    assert [edition for edition, *_ in fact(job, "3")] == ["2", "1"]


def test_a_rehearsal_a_plan_and_a_test_have_the_thread_of_the_real_run(threaded, tmp_path):
    job, server = threaded()
    send(job, "1")
    ids = {address: message_id for address, message_id, *_ in sent(server)}
    two = ("--edition", "2")
    assert job.command("run", *two, "--dry-run", "--out", "dry").code == 0
    dry = [fields(path) for path in (job.folder / "dry").glob("*.eml")]
    assert sorted(behind for behind, _ in dry) == sorted(ids.values())
    assert job.command("run", *two, "--sandbox", "--out", "box", "--quiet").code == 0
    box = [fields(path) for path in (job.folder / "box").glob("**/*.eml")]
    assert sorted(behind for behind, _ in box) == sorted(ids.values())
    assert job.command("preview", *two, "--out", "gallery").code == 0
    pages = "".join(path.read_text() for path in (job.folder / "gallery").glob("**/*.html"))
    assert all(one[1:-1] in pages for one in ids.values())
    assert job.command("run", *two, "--to", "me@example.com", "--yes").code == 0
    assert sent(server)[-1][2] == ids[job.addresses[0]]
    assert not ledger(job, "2").exists()
    assert job.command("plan", *two, "-o", "two.plan").code == 0
    assert "message.thread: the edition before" in (job.folder / "two.plan").read_text()
    send(job, "2", "--plan", "two.plan")
    assert {address: behind for address, _, behind, _ in sent(server)[-3:]} == ids


def test_a_plan_is_of_the_edition_before_it(threaded):
    job, server = threaded()
    send(job, "1")
    assert job.command("plan", "--edition", "3", "-o", "three.plan").code == 0
    send(job, "2")
    for command in ("run", "preview"):
        more = ["--yes"] if command == "run" else ["--out", "gallery"]
        done = job.command(command, "--edition", "3", "--plan", "three.plan", *more)
        assert done.code == 65
        assert "message.thread: the edition before is another one than in the plan" in done.err
    assert len(sent(server)) == 6


def test_a_run_that_is_declined_chooses_nothing(threaded, on_terminal):
    job, _ = threaded()
    send(job, "1")
    _, code = on_terminal(job, "run", "job.yaml", "--edition", "3", answer="n\n")
    assert code != 0
    send(job, "2")
    send(job, "3")
    assert [edition for edition, *_ in fact(job, "3")] == ["2", "1"]


def test_the_thread_is_an_input_of_the_message(threaded):
    job, _ = threaded(Fault(Stage.RCPT, Kind.TRANSIENT, transaction=2))
    assert job.command("run", "--yes").code == 75
    job.edit("\n  thread: true", "")
    done = job.command("run", "--yes")
    assert done.code == 65
    assert "message.thread" in done.err


def test_a_thread_that_begins_in_the_middle_of_an_edition_is_that_of_its_beginning(threaded):
    """An edition that was begun since is not before it, with changes accepted or not."""
    job, server = threaded(Fault(Stage.RCPT, Kind.TRANSIENT, transaction=5))
    send(job, "1")
    job.edit("\n  thread: true", "")
    assert job.command("run", "--edition", "2", "--yes").code == 75
    send(job, "3")
    job.edit("  text: letter.txt.j2", "  text: letter.txt.j2\n  thread: true")
    assert job.command("run", "--edition", "2", "--yes").code == 65
    send(job, "2", "--accept-changes")
    assert [edition for edition, *_ in fact(job, "2")] == ["1"]
    (address, _, behind, _) = sent(server)[-1]
    assert behind == of(server, 0, 3)[address][0]


@pytest.mark.parametrize("how", ["gone", "another", "damaged", "foreign"])
def test_an_earlier_ledger_that_cannot_be_asked_stops_the_run(threaded, how):
    job, server = threaded(Fault(Stage.RCPT, Kind.TRANSIENT, transaction=5))
    send(job, "1")
    done = job.command("run", "--edition", "2", "--yes")
    assert done.code == 75
    begun = len(sent(server))
    path = ledger(job, "1")
    if how == "damaged":
        path.write_bytes(path.read_bytes()[:100] + bytes(5000))
    elif how == "foreign":
        path.write_bytes(b"no ledger" * 1000)
    else:
        forget(job, "1")
    if how == "another":
        send(job, "1")
        begun = len(sent(server))
    for command in ("run", "check", "preview", "plan"):
        more = {"run": ["--yes"], "plan": ["-o", "x.plan"]}.get(command, [])
        done = job.command(command, "--edition", "2", *more)
        assert done.code == 74, done.err
        assert "scene@1.sqlite3" in done.err
        assert "message.thread" in done.err
        assert "without message.thread no earlier edition is asked" in done.err
    if how == "another":
        assert "another ledger stands in its place" in done.err
    assert len(sent(server)) == begun


def test_a_ledger_that_was_taken_away_is_not_passed_over(threaded):
    job, server = threaded()
    send(job, "1")
    send(job, "2")
    ledger(job, "2").unlink()
    done = job.command("run", "--edition", "3", "--yes")
    assert done.code == 74
    assert "the ledger of edition 2 is gone" in done.err
    assert len(sent(server)) == 6
    forget(job, "2")
    send(job, "3")
    assert [edition for edition, *_ in fact(job, "3")] == ["1"]


def test_an_edition_begun_anew_does_not_stand_behind_itself(threaded):
    job, _ = threaded()
    send(job, "1")
    send(job, "2")
    forget(job, "1")
    send(job, "1")
    assert [edition for edition, *_ in fact(job, "1")] == ["2"]


def test_other_keys_are_refused_with_those_of_the_edition_before(threaded):
    job, server = threaded()
    send(job, "1")
    job.edit("  file: recipients.csv", "  file: recipients.csv\n  key: name")
    for command in ("run", "check"):
        done = job.command(command, "--edition", "2")
        assert done.code == 65
        assert "edition 1 tells recipients apart by the address, this one by 'name'" in done.err
        assert "`key: email` under `recipients:`" in done.err
        assert "job.yaml:" in done.err
    assert job.command("check", "--edition", "2", "--json").json["findings"][0]["code"] == "MB143"
    assert len(sent(server)) == 3


def test_a_message_that_several_share_cannot_stand_in_a_thread(threaded):
    job, server = threaded(group=True, text="Hello\n")
    for command in ("run", "check"):
        done = job.command(command)
        assert done.code == 65
        assert "several addresses share a message" in done.err
        assert "group_by: [email]" in done.err
    assert job.command("check", "--json").json["findings"][0]["code"] == "MB143"
    nothing_reached(server)
    job.edit("  - lot", "  - email")
    write(job, ["ann@example.net", "Ann", "a"], ["ann@example.net", "Tom", "b"])
    send(job, "1")
    send(job, "2")
    (first, second) = sent(server)
    assert second[2] == first[1]


def test_an_edition_before_that_is_being_sent_is_waited_for(threaded):
    job, server = threaded()
    send(job, "1")
    with Ledger.reopen(ledger(job, "1")):
        done = job.command("run", "--edition", "2", "--yes")
        assert done.code == 75
        assert "edition 1 comes before this one, and is not at its end" in done.err
        assert job.command("check", "--edition", "2").code == 0
    assert len(sent(server)) == 3
    send(job, "2")


def test_the_thread_names_the_last_messages_only(threaded):
    job, server = threaded(recipients=1)
    for edition in range(MOST + 3):
        send(job, str(edition))
    found = sent(server)
    ids = [message_id for _, message_id, *_ in found]
    assert found[-1][3] == " ".join(ids[-MOST - 1 : -1])
    assert found[-1][2] == ids[-2]


def test_the_times_of_files_decide_nothing(threaded):
    """A ledger that was copied is newer than its edition."""
    job, _ = threaded()
    send(job, "1")
    send(job, "2")
    os.utime(ledger(job, "1"))
    send(job, "3")
    assert [edition for edition, *_ in fact(job, "3")] == ["2", "1"]


def test_a_header_of_the_job_and_the_thread_exclude_each_other(threaded):
    job, _ = threaded()
    headers = "\n  headers:\n    X-Mark: 1\n    in-reply-to: <a@b>"
    job.edit("\n  thread: true", f"\n  thread: true{headers}")
    done = job.command("check")
    assert done.code == 78
    lines = (job.folder / "job.yaml").read_text().splitlines()
    line = 1 + next(n for n, text in enumerate(lines) if "in-reply-to" in text)
    assert f"job.yaml:{line}:" in done.err + done.out
    assert "message.headers.in-reply-to: is written by message.thread" in done.err + done.out
    job.edit("\n  thread: true", "\n  thread: false")
    assert job.command("check").code == 0
