"""`mailbatch reports`: from a bounce to the next edition, which leaves the address out."""

from __future__ import annotations

import asyncio
import csv
import email
import email.policy
import gzip
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial

import pytest

from mailbatch.reports.store import Body, Origin, ReportStore
from mailbatch.sandbox.server import Sandbox
from tests.certainty.disks import Disks
from tests.certainty.forked import mailbatch
from tests.certainty.program import environment

from .conftest import Mailing

FILES = ("recipients.csv", "results.csv", "job.yaml")
EVENTS = (
    "queued", "sent", "delivered", "deferred", "bounced", "rejected", "failed", "complained",
    "unsubscribed", "opened", "clicked",
)  # fmt: skip

#: A webhook in the form of a report, with a mistake.
WRONG = '{"results": [{"status": 7}]}'


def bounce(message_id, address, *, status="5.1.1", reply="550 5.1.1 no such mailbox"):
    """A bounce as Postfix writes it, with the header of the message."""
    return f"""Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.org>
Message-ID: <bounce.{message_id}>
Date: Sun, 29 Nov 2026 12:56:13 +0000
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

<{address}>: {reply}

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {reply}

--x
Content-Type: text/rfc822-headers

From: News <news@example.com>
Message-ID: <{message_id}>

--x--
"""


@pytest.fixture
def sent(mailing):
    """A mailing that was sent, with a row of its results for each recipient."""
    scene, _ = mailing(recipients=5)
    assert scene.command("run").code == 0
    with (scene.folder / "results.csv").open(newline="") as stream:
        return scene, list(csv.DictReader(stream))


def reports(scene, name, *more):
    return scene._program("reports", name, "job.yaml", *more, cwd=scene.folder)


def write(scene, name, text):
    (scene.folder / name).write_text(text)
    return name


def delivered(row):
    entry = {"messageId": row["message_id"], "to": row["email"], "status": {"groupId": 3}}
    return json.dumps({"results": [entry]})


def test_reports_are_read_shown_and_lead_to_a_shorter_next_edition(sent):
    scene, rows = sent
    hard = bounce(rows[0]["header_message_id"], rows[0]["email"])
    full = bounce(rows[1]["header_message_id"], rows[1]["email"], status="5.2.2", reply="552 5.2.2")
    stranger = bounce("stranger@example.net", rows[2]["email"])
    names = [
        write(scene, "a.eml", hard),
        write(scene, "b.eml", full),
        write(scene, "c.eml", stranger),
        write(scene, "d.json", delivered(rows[0])),
        write(scene, "e.json", delivered(rows[3])),
        write(scene, "f.eml", "From: ada@example.org\nAuto-Submitted: auto-replied\n\nAway.\n"),
        write(scene, "g.json", WRONG),
    ]
    done = reports(scene, "read", *names)
    assert done.code == 0
    assert "7 bodies, 7 of them new: 5 new reports" in done.err
    assert "1 with no report, such as automatic replies" in done.err
    assert "g.json: results[0].status: an object is wanted, not a number" in done.err

    shown = reports(scene, "show", "--json", "--csv", "fate.csv")
    assert shown.code == 0
    counts = {**dict.fromkeys(EVENTS, 0), "bounced": 2, "delivered": 1}
    assert shown.json == {
        "job": "scene", "edition": "1", "recipients": 5, "unmatched": 1, "not_understood": 1,
        **counts,
    }  # fmt: skip
    with (scene.folder / "fate.csv").open(newline="") as stream:
        fate = list(csv.DictReader(stream))
    assert [(one["email"], one["report"], one["report_kind"]) for one in fate] == [
        (rows[0]["email"], "bounced", "hard"),
        (rows[1]["email"], "bounced", "hard"),
        (rows[3]["email"], "delivered", ""),
    ]
    assert fate[0] == {
        "email": rows[0]["email"],
        "report": "bounced",
        "report_kind": "hard",
        "report_code": "5.1.1",
        "report_text": "550 5.1.1 no such mailbox",
        "reported_at": "2026-11-29T12:56:13Z",
        "opens": "0",
        "clicks": "0",
        "header_message_id": rows[0]["header_message_id"],
    }

    done = reports(scene, "suppress", "--to", "bounced.csv")
    assert (done.code, "1 new address in bounced.csv, 0 there before" in done.err) == (0, True)
    text = (scene.folder / "bounced.csv").read_text()
    assert text == (f"email,since,reason\n{rows[0]['email']},2026-11-29T12:56:13Z,bounced 5.1.1\n")
    scene.edit("  file: recipients.csv", "  file: recipients.csv\n  suppress: [bounced.csv]")
    assert scene.command("run", "--edition", "2", "--json", "--yes").json["suppressed"] == 1


def test_a_report_finds_its_recipient_by_the_token_in_the_message_alone(tmp_path, program):
    """The circle: a message as it was sent, the provider's report with its callback data, a bounce.

    Neither report has a message id, and both name addresses that the ledger does not know.
    """

    kept = []

    async def sent():
        async with await Sandbox.start(
            outbox=tmp_path / "outbox", on_message=kept.append
        ) as sandbox:
            scene = Mailing(tmp_path / "job", sandbox.port, program, recipients=3)
            scene.edit(
                "from: News <news@example.com>",
                "from: News <news@example.com>\n"
                "  envelope_from: bounces+{{ delivery.token }}@mail.example.com",
            )
            with scene.job.open("a") as job:
                job.write("callbacks:\n  tracking_url: https://example.com/r\n  data: [{id: 7}]\n")
            return scene, await asyncio.to_thread(scene.command, "run")

    scene, done = asyncio.run(sent())
    assert done.code == 0
    first, second, third = sorted(kept, key=lambda one: one.rcpt_tos)
    message = email.message_from_bytes(first.file.read_bytes(), policy=email.policy.default)
    data = message["X-IB-Callback-Data"]
    token = json.loads(data)[1]["mb"]
    assert first.mail_from == f"bounces+{token}@mail.example.com"
    assert message["Message-ID"].startswith(f"<{token}")
    entry = {"to": first.rcpt_tos[0], "status": {"groupId": 3}, "callbackData": data}
    late = f"""Return-Path: <>
To: {second.mail_from}
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; behind@an-alias.example
Action: failed
Status: 5.1.1

--x--
"""
    stranger = {**entry, "to": third.rcpt_tos[0], "callbackData": '{"mb": "0123456789abcdef"}'}
    names = [
        write(scene, "a.json", json.dumps({"results": [entry, stranger]})),
        write(scene, "b.eml", late),
    ]
    assert reports(scene, "read", *names).code == 0
    assert reports(scene, "show", "--json", "--csv", "fate.csv").json["unmatched"] == 1
    with (scene.folder / "fate.csv").open(newline="") as stream:
        fate = {one["email"]: one["report"] for one in csv.DictReader(stream)}
    assert fate == {first.rcpt_tos[0]: "delivered", second.rcpt_tos[0]: "bounced"}


def test_an_alias_is_not_suppressed_and_a_tag_of_the_envelope_sender_is_no_alias(sent):
    scene, rows = sent
    tagged = bounce(rows[0]["header_message_id"], rows[0]["email"])
    tagged = tagged.replace("\nFrom: Mail", "\nTo: bounces+edition=one@example.com\nFrom: Mail", 1)
    behind = bounce(rows[1]["header_message_id"], "behind@example.net")
    full = bounce(rows[2]["header_message_id"], rows[2]["email"], status="5.2.2", reply="552 5.2.2")
    bare = bounce(rows[3]["header_message_id"], rows[3]["email"], status="", reply="mailbox gone")
    for name, mail in (("a.eml", tagged), ("b.eml", behind), ("c.eml", full), ("d.eml", bare)):
        assert reports(scene, "read", write(scene, name, mail)).code == 0
    assert reports(scene, "show", "--json").json["bounced"] == 4
    told = reports(scene, "suppress", "--to", "bounced.csv").err
    assert "1 new address in bounced.csv" in told
    assert "1 bounce names another address than the one mailed, or none" in told
    assert "1 bounce has a code that does not speak of the address" in told
    assert "1 bounce has no code, and so nothing that speaks of the address" in told
    lines = (scene.folder / "bounced.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [rows[0]["email"]]


def test_what_a_server_said_of_the_accepted_stays_as_it_was(sent):
    scene, rows = sent
    (path,) = scene.ledgers
    ledger = path.read_bytes()
    hard = bounce(rows[0]["header_message_id"], rows[0]["email"])
    reports(scene, "read", write(scene, "a.eml", hard))
    reports(scene, "show")
    assert path.read_bytes() == ledger
    assert scene.command("results").code == 0
    with (scene.folder / "results.csv").open(newline="") as stream:
        after = list(csv.DictReader(stream))
    of_the_ledger = list(rows[0])[:14]
    assert of_the_ledger[-1] == "reason"
    assert [[row[name] for name in of_the_ledger] for row in after] == [
        [row[name] for name in of_the_ledger] for row in rows
    ]


def test_the_same_mailbox_can_be_read_every_day(sent):
    scene, rows = sent
    name = write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"]))
    assert "1 of them new: 1 new report" in reports(scene, "read", name).err
    assert "0 of them new: 0 new reports" in reports(scene, "read", name).err
    reports(scene, "suppress", "--to", "bounced.csv")
    once = (scene.folder / "bounced.csv").read_bytes()
    done = reports(scene, "suppress", "--to", "bounced.csv")
    assert "0 new addresses in bounced.csv, 1 there before" in done.err
    assert (scene.folder / "bounced.csv").read_bytes() == once


def test_large_numbers_are_written_as_everywhere(sent):
    scene, _ = sent
    mail = "From a@example.org Sun Nov 29 12:56:13 2026\nSubject: {}\nX-Loop: a\n\nAway.\n\n"
    write(scene, "all.mbox", "".join(map(mail.format, range(1001))))
    told = reports(scene, "read", "all.mbox").err
    assert "1,001 bodies, 1,001 of them new: 0 new reports" in told
    assert "1,001 with no report" in told


def test_what_is_left_out_of_a_folder_is_told(sent):
    scene, rows = sent
    mail = bounce(rows[0]["header_message_id"], rows[0]["email"])
    for folder in ("cur", "new", "tmp", ".Junk"):
        (scene.folder / "Maildir" / folder).mkdir(parents=True)
    write(scene, "Maildir/new/a", mail)
    (scene.folder / "old.gz").write_bytes(gzip.compress(mail.encode()))
    done = reports(scene, "read", "Maildir", "old.gz")
    assert done.code == 0
    assert "1 body, 1 of them new: 1 new report" in done.err
    assert "Maildir: 1 folder in it not read, such as Maildir/.Junk: name it" in done.err
    assert "old.gz: not kept: a compressed file: unpack it" in done.err


def test_a_folder_of_other_files_leaves_nothing_in_the_store(sent):
    """The wrong folder is named: that of the job, with the store, and one bounce."""
    scene, rows = sent
    write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"]))
    done = reports(scene, "read", ".", "--store", "all.sqlite3")
    assert done.code == 0
    assert "1 body, 1 of them new: 1 new report" in done.err
    for words in (
        "all.sqlite3: not kept: the store itself",
        "job.yaml: not kept: in no form of a report, which is a mail with its header, or JSON or",
        "recipients.csv: not kept: in no form of a report",
    ):
        assert words in " ".join(done.err.split())
    with closing(sqlite3.connect(scene.folder / "all.sqlite3")) as store:
        assert store.execute("SELECT place FROM body").fetchall() == [("a.eml",)]


def test_a_mail_server_may_pipe_a_bounce_to_the_command(sent):
    scene, rows = sent
    mail = bounce(rows[0]["header_message_id"], rows[0]["email"])
    done = subprocess.run(
        [sys.executable, "-m", "mailbatch", "reports", "read", "--quiet", "job.yaml", "-"],
        input=f"From MAILER-DAEMON Sun Nov 29 12:56:13 2026\n{mail}".encode(),
        cwd=scene.folder,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert reports(scene, "show", "--json").json["bounced"] == 1


def test_the_lists_of_the_job_need_not_be_there_yet(sent):
    scene, rows = sent
    scene.edit("  file: recipients.csv", "  file: recipients.csv\n  suppress: [notyet.csv]")
    (scene.folder / "recipients.csv").rename(scene.folder / "moved.csv")
    name = write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"]))
    assert reports(scene, "read", name).code == 0
    assert reports(scene, "show", "--json", "--csv", "fate.csv").json["bounced"] == 1
    assert reports(scene, "suppress", "--to", "notyet.csv").code == 0
    (scene.folder / "moved.csv").rename(scene.folder / "recipients.csv")
    assert scene.command("run", "--edition", "2", "--json", "--yes").json["suppressed"] == 1


def test_the_table_may_go_to_standard_output(sent):
    scene, rows = sent
    name = write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"]))
    reports(scene, "read", name)
    reports(scene, "show", "--csv", "fate.csv")
    piped = reports(scene, "show", "--csv", "-")
    with (scene.folder / "fate.csv").open() as stream:
        assert (piped.code, piped.out) == (0, stream.read())
    assert "5.1.1" in piped.out
    assert not (scene.folder / "-").exists()
    both = reports(scene, "show", "--csv", "-", "--json")
    assert (both.code, both.out) == (2, "")


def test_the_editions_that_were_sent_are_named_where_the_one_asked_for_was_not(sent):
    scene, _ = sent
    scene.command("run", "--edition", "2026/48", "--yes", "--results", "48.csv")
    done = reports(scene, "suppress", "--edition", "2026-W49", "--to", "bounced.csv")
    assert done.code == 74
    assert "scene@2026-W49.sqlite3: there is no ledger of this edition" in done.err
    assert "--edition 2026/48 or 1\n" in done.err
    assert reports(scene, "show", "--edition", "2026/48", "--json").json["recipients"] == 5


def test_reports_of_nobody_here_are_listed_on_request(sent):
    scene, rows = sent
    mail = bounce("stranger@example.net", rows[0]["email"])
    reports(scene, "read", write(scene, "a.eml", mail), write(scene, "b.json", WRONG))
    plain = reports(scene, "show")
    assert plain.out == "scene (1): 5 recipients\n"
    said = " ".join(plain.err.split())
    assert (
        "1 report of no recipient of this edition, such as those of other editions and of tests: "
        "--unmatched lists them" in said
    )
    assert "1 body that no reader understands: --unmatched lists them" in said
    listed = reports(scene, "show", "--unmatched").out.splitlines()
    assert listed[0] == "scene (1): 5 recipients"
    words = ("bounced  hard", rows[0]["email"], "stranger@example.net", "5.1.1")
    assert all(word in listed[1] for word in words)
    assert re.match(r"20\S+Z  body 2  b\.json: results\[0\]\.status: ", listed[2])
    told = reports(scene, "show", "--unmatched", "--json").json
    assert [one["header_message_id"] for one in told["unmatched_reports"]] == [
        "stranger@example.net"
    ]
    assert (told["unmatched"], told["not_understood"]) == (1, 1)
    ((body, *names),) = [list(one.values()) for one in told["bodies_not_understood"]]
    assert (body, names[0], names[2]) == (2, "b.json", "results[0].status")
    reports(scene, "suppress", "--to", "bounced.csv")
    assert (scene.folder / "bounced.csv").read_text() == "email,since,reason\n"


def test_the_lines_of_others_name_the_mailing_and_each_body(sent):
    """Two posts of one sender with one mistake are two lines, each with its number."""
    scene, _ = sent
    entry = {"to": "eve@example.net", "bulkId": "notice-7", "status": {"groupId": 3}}
    write(scene, "a.json", json.dumps({"results": [entry]}))
    assert reports(scene, "read", "a.json").code == 0
    with ReportStore(scene.folder / ".mailbatch" / "reports.sqlite3") as store:
        store.keep(
            Body(b"status=bounced", Origin.SERVE, at, "POST of 127.0.0.1, no proof")
            for at in (1795950000.0, 1795950060.0)
        )
    lines = reports(scene, "show", "--unmatched").out.splitlines()
    assert "  eve@example.net  no message id  bulk id notice-7" in lines[1]
    form = "in no form of a report, which is a mail with its header, or JSON or XML of"
    assert [line[: line.index(" Infobip")] for line in lines[2:]] == [
        f"2026-11-29T{time}Z  body {body}  POST of 127.0.0.1, no proof: {form}"
        for time, body in (("11:00:00", 2), ("11:01:00", 3))
    ]


def test_one_store_may_serve_several_jobs(sent, tmp_path):
    scene, rows = sent
    store = tmp_path / "all.sqlite3"
    name = write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"]))
    assert reports(scene, "read", name, "--store", store).code == 0
    assert reports(scene, "show", "--store", store, "--json").json["bounced"] == 1
    assert reports(scene, "show", "--json").json["bounced"] == 0
    assert not (scene.folder / ".mailbatch" / "reports.sqlite3").exists()


def test_a_full_disk_for_the_table_asks_for_space(sent):
    scene, rows = sent
    name = write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"]))
    assert reports(scene, "read", name).code == 0
    with Disks(small=scene.folder / "small", size="64k") as disks:
        disks.fill()
        command = partial(mailbatch, "reports", cwd=scene.folder, namespace=disks.namespace)
        for done in (
            command("show", "job.yaml", "--csv", "small/fate.csv"),
            command("suppress", "job.yaml", "--to", "small/bounced.csv"),
        ):
            assert done.code == 74
            assert "cannot be written: No space left on device" in done.err
            assert "free some space" in done.err


def test_a_read_only_store_is_shown(sent):
    scene, rows = sent
    name = write(scene, "a.eml", bounce(rows[0]["header_message_id"], rows[0]["email"]))
    assert reports(scene, "read", name).code == 0
    with Disks(locked=scene.folder / ".mailbatch") as disks:
        command = partial(mailbatch, "reports", cwd=scene.folder, namespace=disks.namespace)
        shown = command("show", "job.yaml", "--json")
        done = command("suppress", "job.yaml", "--to", "bounced.csv")
        refused = command("read", "job.yaml", name)
    assert (shown.code, json.loads(shown.out)["bounced"], shown.err) == (0, 1, "")
    assert (done.code, "1 new address in bounced.csv" in done.err) == (0, True)
    assert (refused.code, "--store" in refused.err) == (74, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["read", "none.eml"], 2, "none.eml cannot be read: No such file or directory"),
        (["show", "--store", "none.sqlite3"], 2, "--store none.sqlite3: there is no such file"),
        (["show", "--store", "recipients.csv"], 74, "recipients.csv: file is not a database"),
        (["show", "--edition", "9"], 74, "there is no ledger of this edition"),
        (["show", "--csv", "recipients.csv"], 2, "--csv would replace recipients.csv"),
        (["show", "--csv", "results.csv"], 2, "--csv and results of the job are one file"),
        (["suppress", "--to", "recipients.csv"], 74, "this is no list with the columns email"),
        (["suppress", "--to", "none/list.csv"], 74, "choose another --to"),
        (["suppress", "--to", "."], 74, ". is a folder, not a file name a file"),
        (["suppress", "--to", ".mailbatch/scene@1.sqlite3"], 74, "it is no CSV in UTF-8 name a"),
        (["suppress", "--to", "-"], 2, "it must be a file"),
        (["show", "--csv", "."], 74, "it is not a regular file name a file that may be replaced"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_changed(sent, arguments, code, words):
    scene, _ = sent
    before = {name: (scene.folder / name).read_bytes() for name in FILES}
    first, *rest = arguments
    done = reports(scene, first, *rest)
    assert done.code == code
    assert words in " ".join(done.err.split())
    assert {name: (scene.folder / name).read_bytes() for name in FILES} == before


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("bounc.eml", "did you mean bounce.eml?"),
        ("sub/none.eml", "its folder is not there either"),
        ("bounce.eml/none", "its folder is not there either"),
        ("zzz", "name a mail (.eml), an mbox, a Maildir or a saved webhook; - is standard input"),
        ("a" * 300, "name a file that the user who runs mailbatch can read."),
    ],
)
def test_a_file_of_reports_that_is_not_there_has_a_next_step(mailing, program, name, step):
    job, _ = mailing(recipients=1)
    (job.folder / "bounce.eml").write_text("x", encoding="utf-8")
    done = program("reports", "read", "job.yaml", name, cwd=job.folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"\n  {step}\n")
