"""`mailbatch run`: its options, each by what reaches the server, the ledger and the results."""

from __future__ import annotations

import csv
import email
import email.policy
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.certainty.disks import Disks
from tests.certainty.forked import mailbatch
from tests.certainty.program import environment
from tests.cli.conftest import nothing_reached
from tests.support.faults import Fault, Kind, Stage

COUNTS = [
    "recipients", "pending", "accepted", "rejected", "deferred", "in_doubt", "invalid",
    "suppressed", "duplicate", "filtered", "withdrawn", "skipped",
]  # fmt: skip


def got(server):
    """Everybody who got something, in order."""
    return [address for taken in server.deliveries() for address in taken.recipients]


def test_the_object_of_a_run_has_what_the_contract_names(mailing):
    job, server = mailing(server={"refused": {"user2@example.net": "550 5.1.1 nobody"}})
    done = job.command("run", "--json")
    assert done.code == 3
    found = done.json
    assert found["job"] == "scene"
    assert found["edition"] == "1"
    assert {key: found[key] for key in COUNTS if found[key]} == {
        "recipients": 3, "accepted": 2, "rejected": 1,
    }  # fmt: skip
    assert all(isinstance(found[key], int) for key in COUNTS)
    assert (found["transactions"], found["sessions"]) == (3, 1)
    assert isinstance(found["seconds"], float)
    assert found["results"] == str(job.folder / "results.csv")
    status = job.command("status", "--json")
    assert status.code == 0
    assert {key: status.json[key] for key in ["job", "edition", *COUNTS]} == {
        key: found[key] for key in ["job", "edition", *COUNTS]
    }
    assert "2 accepted, 1 rejected" in done.err
    assert server.stages(Stage.QUIT)


def test_without_json_nothing_goes_to_standard_output(mailing):
    job, _ = mailing()
    for arguments in (["run"], ["run"], ["run", "--dry-run"], ["run", "--sandbox"]):
        done = job.command(*arguments)
        assert (done.code, done.out) == (0, "")
        assert done.err


def test_quiet_says_nothing_while_nothing_is_wrong(mailing):
    """Also where there is nothing to do: a mail from cron means that something wants looking at."""
    job, server = mailing()
    first = job.command("run", "--quiet")
    second = job.command("run", "--quiet")
    assert (first.code, first.out, first.err) == (0, "", "")
    assert (second.code, second.out, second.err) == (0, "", "")
    assert len(server.stages(Stage.BANNER)) == 1


def test_quiet_says_that_the_table_has_no_rows(mailing):
    """An export that came out empty is a mailing that is done, for nobody."""
    job, server = mailing()
    job.write_recipients([])
    done = job.command("run", "--quiet")
    assert (done.code, done.out) == (0, "")
    assert done.err == "scene (1): nobody was mailed: the recipient table has no rows\n"
    assert server.stages(Stage.BANNER) == []


#: cause -> the letter, a rule of the job, the figures of a rehearsal, the exit code of a real run.
NO_ROW = {
    "all rows filtered": (None, "where: email == ''", "3 filtered", 0),
    "a letter that fails for each row": ("{{ rows[0].zz }}\n", None, "3 invalid", 3),
}


@pytest.mark.parametrize("cause", NO_ROW)
def test_check_and_rehearsals_agree_where_no_row_can_be_mailed(mailing, cause):
    """A real run stays as it was: a mailing from cron may have nobody to mail today."""
    letter, rule, figures, code = NO_ROW[cause]
    job, server = mailing()
    if letter is not None:
        (job.folder / "letter.txt.j2").write_text(letter, encoding="utf-8")
    if rule is not None:
        job.edit("  file: recipients.csv", f"  file: recipients.csv\n  {rule}")
    said = f"scene (1): nobody would be mailed: no row is left to be mailed ({figures})\n"
    for rehearsal in ("--dry-run", "--sandbox"):
        rehearsed = job.command("run", rehearsal, "--quiet")
        assert (rehearsed.code, said in rehearsed.err) == (65, True)
    assert job.command("check").code == job.command("preview").code == 65
    assert job.command("run").code == code
    assert server.stages(Stage.BANNER) == []


def test_quiet_says_that_everybody_was_refused(mailing):
    refused = {f"user{n}@example.net": "550 5.1.1 no" for n in range(1, 4)}
    job, _ = mailing(server={"refused": refused})
    done = job.command("run", "--quiet")
    assert (done.code, done.out) == (3, "")
    assert done.err == "scene (1): nobody was mailed: 3 rejected\n"


def test_quiet_says_that_a_finished_edition_has_another_message_now(mailing):
    """Somebody forgot the edition: the second week's text goes to nobody."""
    job, server = mailing()
    assert job.command("run", "--quiet").code == 0
    (job.folder / "letter.txt.j2").write_text("Something else\n", encoding="utf-8")
    done = job.command("run", "--quiet")
    assert (done.code, done.out) == (0, "")
    assert "nobody gets the message as it is now: this edition was finished before" in done.err
    assert "letter.txt.j2" in done.err
    assert len(server.deliveries()) == 3


def test_quiet_says_nothing_of_a_hiccup_that_was_overcome(mailing):
    job, server = mailing(Fault(Stage.MAIL, Kind.RST, transaction=2), attempts=3)
    done = job.command("run", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert len(server.stages(Stage.BANNER)) == 2


def test_quiet_says_what_is_wrong_and_what_to_do(mailing):
    job, _ = mailing(server={"refused": {"user2@example.net": "451 4.7.1 later"}})
    done = job.command("run", "--quiet")
    assert (done.code, done.out) == (75, "")
    assert done.err == (
        "scene (1): 2 accepted, 1 deferred\nnot finished: run again with mailbatch run job.yaml\n"
    )


def test_limit_sends_so_many_messages_and_the_next_run_goes_on(mailing):
    job, server = mailing(recipients=5)
    done = job.command("run", "--limit", 2, "--json")
    assert (done.code, done.json["transactions"]) == (75, 2)
    assert got(server) == job.addresses[:2]
    assert list(job.statuses().values()) == ["accepted"] * 2 + ["pending"] * 3
    assert job.command("run").code == 0
    assert got(server) == job.addresses
    job.check(server.deliveries())


def test_only_sends_to_one_recipient_out_of_a_group(mailing):
    job, server = mailing(recipients=4, group=True, text="Hello\n")
    done = job.command("run", "--only", "USER3@example.net", "--json")
    assert (done.code, done.json["accepted"], done.json["pending"]) == (75, 1, 3)
    assert got(server) == ["user3@example.net"]
    again = job.command("run", "--only", "user3@example.net")
    assert again.code == 75
    assert "user3@example.net is accepted already: nothing to send" in again.err
    assert len(server.stages(Stage.BANNER)) == 1
    assert job.command("run").code == 0
    job.check(server.deliveries())


def test_only_for_somebody_unknown_is_wrong_usage(mailing):
    job, server = mailing()
    done = job.command("run", "--only", "nobody@example.net")
    assert done.code == 2
    assert "nobody@example.net is not among the recipients" in done.err
    nothing_reached(server)


def test_to_sends_the_first_message_alone(mailing):
    """A test mail is one mail, whatever the table has: 20,000 in one mailbox are none."""
    job, server = mailing()
    done = job.command("run", "--to", "me@example.com", "--json")
    assert done.code == 0
    assert got(server) == ["me@example.com"]
    assert "scene (1), sent to me@example.com instead: 1 accepted\n" in done.err
    assert "only the first message was sent; --all also sends 2 others" in done.err


def test_a_test_that_did_not_get_through_is_not_said_to_be_sent(mailing):
    job, _ = mailing(Fault(Stage.BANNER, Kind.PERMANENT, times=0))
    done = job.command("run", "--to", "me@example.com")
    assert done.code == 69
    assert "was sent" not in done.err


def test_to_and_only_take_several_addresses(mailing):
    """The usual test to the team; an address that stands twice gets one message."""
    job, server = mailing()
    team = ["--to", "me@example.com", "--to", "you@example.com", "--to", "me@example.com"]
    done = job.command("run", *team)
    assert (done.code, got(server)) == (0, ["me@example.com", "you@example.com"])
    assert "sent to me@example.com and you@example.com instead: 1 accepted" in done.err
    some = ["--only", "user3@example.net", "--only", "USER1@example.net"]
    assert job.command("run", *team, *some).code == 0
    assert got(server)[2:] == ["me@example.com", "you@example.com"] * 2
    done = job.command("run", *some, "--json")
    assert (done.code, done.json["accepted"], done.json["pending"]) == (75, 2, 1)
    assert got(server)[6:] == ["user3@example.net", "user1@example.net"]
    again = job.command("run", *some, "--only", "user2@example.net")
    assert "user3@example.net is accepted already: nothing to send" in again.err
    assert (again.code, got(server)[8:]) == (0, ["user2@example.net"])


def test_a_test_goes_to_the_team_marked_and_leaves_the_mailing_alone(mailing):
    job, server = mailing()
    team = "test_recipients: [me@example.com, you@BÜCHER.example, me@example.com]"
    job.edit("message:\n", f"message:\n  {team}\n")
    done = job.command("run", "--test", "--json")
    assert done.code == 0
    assert (done.json["mode"], done.json["results"]) == ("redirect", None)
    assert got(server) == ["me@example.com", "you@xn--bcher-kva.example"]
    assert "sent to me@example.com and you@xn--bcher-kva.example instead: 1 accepted" in done.err
    assert "only the first message was sent; --all also sends 2 others" in done.err
    assert job.command("run", "--test", "--all", "--json").json["accepted"] == 3
    assert got(server)[2:] == got(server)[:2] * 3
    assert job.ledgers == []
    assert job.command("run").code == 0
    assert got(server)[8:] == job.addresses
    assert job.command("run", "--to", "me@example.com").code == 0
    sizes = [taken.size for taken in server.deliveries()]
    assert sizes[0] - sizes[-1] == len("[test] ")


def test_a_test_without_a_team_says_where_the_team_belongs(mailing):
    job, server = mailing()
    done = job.command("run", "--test")
    assert done.code == 78
    assert "message: test_recipients is missing, and --test sends to them" in done.err
    nothing_reached(server)


def test_a_test_address_that_is_refused_is_named(mailing):
    job, server = mailing(server={"refused": {"you@example.com": "550 5.1.1 no such user"}})
    done = job.command("run", "--to", "me@example.com", "--to", "you@example.com")
    assert done.code == 3
    assert got(server) == ["me@example.com"]
    assert "--to you@example.com: 550 5.1.1 no such user" in done.err


def test_a_test_address_that_has_the_message_gets_no_second_one(mailing):
    """The other one was greylisted: the retry is for that one alone."""
    fault = Fault(Stage.RCPT, Kind.REPLY, recipient="you@example.com", text="450 4.2.0 greylisted")
    job, server = mailing(fault, attempts=3, recipients=1)
    team = ["--to", "me@example.com", "--to", "you@example.com"]
    assert job.command("run", *team, "--all").code == 0
    assert sorted(got(server)) == ["me@example.com", "you@example.com"]


def test_to_all_sends_every_message_and_leaves_the_mailing_alone(mailing):
    job, server = mailing()
    done = job.command("run", "--to", "me@example.com", "--all", "--json")
    assert done.code == 0
    assert got(server) == ["me@example.com"] * 3
    assert done.json["results"] is None
    assert job.ledgers == []
    assert not (job.folder / "results.csv").exists()
    assert "sent to me@example.com instead" in done.err
    assert job.command("run").code == 0
    assert got(server)[3:] == job.addresses


def test_to_does_not_touch_a_ledger_that_is_there(mailing):
    job, server = mailing()
    assert job.command("run", "--limit", 1).code == 75
    (ledger,) = job.ledgers
    before, results = ledger.read_bytes(), (job.folder / "results.csv").read_bytes()
    done = job.command("run", "--to", "me@example.com", "--limit", 3)
    assert done.code == 0
    assert "the real mailing is unchanged" in done.err
    assert ledger.read_bytes() == before
    assert (job.folder / "results.csv").read_bytes() == results
    assert job.command("run").code == 0
    assert got(server) == ["user1@example.net", *["me@example.com"] * 3, *job.addresses[1:]]


def test_to_hides_the_copies_too(mailing):
    """A test that reaches a customer's Cc address is none."""
    job, server = mailing(recipients=2)
    job.edit("subject: Hello", "subject: Hello\n  cc: boss@example.com\n  bcc: [log@example.com]")
    assert job.command("run", "--to", "me@example.com", "--all").code == 0
    assert got(server) == ["me@example.com"] * 2


def test_dry_run_writes_what_would_be_sent_and_does_not_connect(mailing):
    job, server = mailing()
    done = job.command("run", "--dry-run", "--out", "shown", "--json")
    assert done.code == 0
    nothing_reached(server)
    assert job.ledgers == []
    assert done.json["results"] is None
    files = sorted((job.folder / "shown").iterdir())
    assert [file.name for file in files] == [f"{n:06d}-user{n}@example.net.eml" for n in (1, 2, 3)]
    message = email.message_from_bytes(files[1].read_bytes(), policy=email.policy.default)
    assert message["To"] == "user2@example.net"
    assert message.get_content().split() == ["Hello", "Name", "1"]
    assert "scene (1), written to files: 3 accepted\n3 messages in shown, " in done.err


def test_the_sessions_of_a_dry_run_are_as_long_as_those_of_a_run(mailing):
    """And the numbers of the files go on over all of them."""
    job, server = mailing(recipients=7)
    job.edit("security: plaintext", "security: plaintext\n  transactions_per_session: 2")
    dry = job.command("run", "--dry-run", "--out", "shown", "--json")
    assert (dry.json["sessions"], dry.json["transactions"]) == (4, 7)
    files = sorted(file.name for file in (job.folder / "shown").iterdir())
    assert files == [f"{n:06d}-user{n}@example.net.eml" for n in range(1, 8)]
    done = job.command("run", "--json")
    assert (done.json["sessions"], done.json["transactions"]) == (4, 7)
    assert len(server.deliveries()) == 7


def test_a_dry_run_leaves_no_draft_of_an_earlier_one(mailing):
    """A draft to somebody who left the table would look like a message."""
    job, _ = mailing()
    assert job.command("run", "--dry-run").code == 0
    (job.folder / "outbox" / "notes.txt").write_text("mine", encoding="utf-8")
    job.write_recipients(job.addresses[:1])
    done = job.command("run", "--dry-run")
    assert done.code == 0
    assert "3 drafts of an earlier dry run removed from outbox/" in done.err
    left = sorted(file.name for file in (job.folder / "outbox").iterdir())
    assert left == ["000001-user1@example.net.eml", "notes.txt"]


def test_a_dry_run_removes_no_message_of_another_origin(mailing):
    job, _ = mailing()
    assert job.command("run", "--sandbox", "--out", "outbox").code == 0
    before = sorted((job.folder / "outbox").iterdir())
    done = job.command("run", "--dry-run")
    assert done.code == 2
    assert "outbox holds messages of another origin: 0001-" in done.err
    assert sorted((job.folder / "outbox").iterdir()) == before


def test_a_rehearsal_refuses_an_envelope_of_another_domain(mailing):
    """So does the provider: a rehearsal that ends well promises that."""
    job, _ = mailing()
    job.edit("News <news@example.com>", "News <news@example.com>\n  envelope_from: b@other.org")
    done = job.command("run", "--sandbox", "--json")
    assert (done.code, done.json["rejected"]) == (3, 3)
    assert "nobody was mailed: 3 rejected" in done.err
    assert "550,5.7.1,Envelope From (other.org) is not aligned" in (
        job.folder / "results.sandbox.csv"
    ).read_text(encoding="utf-8")


def test_a_dry_run_that_cannot_write_a_file_says_how_far_it_came(mailing):
    """The failure is one of the summary: the JSON object and the results are there all the same."""
    job, _server = mailing()
    (job.folder / "shown" / "000003-user3@example.net.eml").mkdir(parents=True)
    done = job.command("run", "--dry-run", "--out", "shown", "--json", "--results", "res.csv")
    assert done.code == 74
    assert done.json["exit_code"] == 74
    assert done.json["accepted"] == 2
    assert "000003-user3@example.net.eml: Is a directory" in done.json["error"]
    assert "choose another --out" in done.err
    assert (job.folder / "res.csv").read_text().count(",accepted,") == 2


def test_a_dry_run_whose_folder_cannot_be_made(mailing):
    job, _server = mailing()
    (job.folder / "file").touch()
    done = job.command("run", "--dry-run", "--out", "file/shown", "--json")
    assert done.code == 74
    assert (done.json["accepted"], done.json["transactions"]) == (0, 0)
    assert "cannot write" in done.json["error"]
    assert "message in" not in done.err


def test_a_dry_run_on_a_full_disk_counts_whole_files_alone(mailing):
    """And leaves no part of a letter, which would look like the letter."""
    job, _server = mailing()
    with Disks(small=job.folder / "small", size="8k") as disks:
        command = ["run", "job.yaml", "--dry-run", "--out", "small", "--json"]
        done = mailbatch(*command, cwd=job.folder, namespace=disks.namespace)
        files = list(disks.seen(job.folder / "small").iterdir())
        assert all(file.stat().st_size for file in files)
    assert done.code == 74
    told = json.loads(done.out)
    assert told["transactions"] == told["accepted"] == len(files) > 0
    assert "free some space, or choose another --out" in done.err
    assert f"\n{len(files)} message" in done.err


def test_a_rehearsal_whose_outbox_is_full_ends(mailing):
    """The sandbox refuses for now, as a full server does: a run would wait for it for an hour."""
    job, _server = mailing()
    with Disks(small=job.folder / "small", size="8k") as disks:
        disks.fill(but=4096)
        command = ["run", "job.yaml", "--sandbox", "--out", "small/box", "--json"]
        done = mailbatch(*command, cwd=job.folder, namespace=disks.namespace)
        kept = list(disks.seen(job.folder / "small" / "box").glob("*.eml"))
    assert done.code == 74
    told = json.loads(done.out)
    assert told["accepted"] == len(kept)
    assert "No space left on device" in told["error"]
    assert "free some space, or choose another --out" in done.err
    assert "waiting" not in done.err


def test_a_sender_whose_domain_is_as_long_as_one_can_be(mailing):
    """It stands in every Message-ID."""
    job, server = mailing()
    domain = ".".join(["b" * 63, "c" * 63, "d" * 63, "e" * 60])
    job.edit("news@example.com", f"n@{domain}")
    assert len(f"n@{domain}") == 254
    assert job.command("run").code == 0
    assert all(domain in (taken.message_id or "") for taken in server.deliveries())
    job.check(server.deliveries())


def test_dry_run_needs_no_secret(mailing):
    """Whoever reviews a mailing does not have the provider's key."""
    job, server = mailing(username="App")
    job.edit("env: SCENE_PASSWORD", "env: NOT_SET_ANYWHERE")
    assert job.command("run", "--dry-run").code == 0
    assert job.command("run", "--sandbox").code == 0
    done = job.command("run")
    assert done.code == 78
    assert "NOT_SET_ANYWHERE" in done.err
    assert "job.yaml:" in done.err
    nothing_reached(server)


def test_sandbox_sends_to_itself_and_leaves_the_mailing_unsent(mailing):
    job, server = mailing()
    done = job.command("run", "--sandbox", "--out", "box", "--json")
    assert done.code == 0
    nothing_reached(server)
    assert job.ledgers == []
    assert not (job.folder / "results.csv").exists()
    path = job.folder / "results.sandbox.csv"
    assert done.json["results"] == str(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["accepted"] * 3
    assert all(row["message_id"] for row in rows)
    assert len(list((job.folder / "box").glob("*.eml"))) == 3
    assert "the real mailing is still unsent" in done.err
    assert job.command("run").code == 0
    assert got(server) == job.addresses


def said(transcript: Path, command: str) -> list[str]:
    """Return the replies to a command, or to the content, that a run without groups got."""
    lines = transcript.read_text(encoding="utf-8").splitlines()
    return [
        following.removeprefix("S: ")
        for line, following in pairwise(lines)
        if line.startswith(f"C: {command}")
    ]


def test_answers_are_given_by_the_embedded_sandbox(mailing):
    job, server = mailing(pipelining=False, attempts=5)
    answers = ("MAIL:1:1=451 4.7.1 Slow down", "RCPT:9=close")
    given = [word for answer in answers for word in ("--answer", answer)]
    done = job.command("run", "--sandbox", *given, "--transcript", "said.txt")
    assert done.code == 0
    assert [reply[:9] for reply in said(job.folder / "said.txt", "MAIL")] == [
        "250 2.1.0", "451 4.7.1", "250 2.1.0", "250 2.1.0",
    ]  # fmt: skip
    assert "--answer 'RCPT:9=close' was never given: RCPT came 3 times\n" in done.err
    assert "'MAIL:1:1" not in done.err
    nothing_reached(server)


@pytest.mark.parametrize("auth", ["plain", "login"])
def test_a_sandbox_is_authenticated_to_as_the_job_says(mailing, auth):
    """Its answer to AUTH meets the mechanism of the job."""
    job, server = mailing(username="App")
    job.edit("server:\n", f"server:\n  auth: {auth}\n")
    refused = ("--answer", "AUTH=535 5.7.8 Wrong")
    done = job.command("run", "--sandbox", *refused, "--transcript", "said.txt")
    assert done.code == 77
    text = (job.folder / "said.txt").read_text(encoding="utf-8")
    assert f"C: AUTH {auth.upper()}" in text
    assert "S: 535 5.7.8 Wrong\n" in text
    nothing_reached(server)


def test_a_job_without_authentication_has_none_with_the_sandbox(mailing):
    job, _ = mailing()
    done = job.command("run", "--sandbox", "--answer", "AUTH=535", "--transcript", "said.txt")
    assert done.code == 0
    assert "C: AUTH" not in (job.folder / "said.txt").read_text(encoding="utf-8")
    assert "--answer 'AUTH=535' was never given: AUTH came 0 times\n" in done.err


def test_set_changes_a_variable(mailing):
    job, _ = mailing(recipients=1, text="Issue {{ variables.issue }} in {{ variables.town }}\n")
    job.edit("version: 1", "version: 1\nvariables: {issue: 47, town: Ulm}")
    assert job.command("run", "--dry-run", "--set", "issue=48=x").code == 0
    (file,) = (job.folder / "outbox").glob("*.eml")
    assert b"Issue 48=x in Ulm" in file.read_bytes()


def test_what_is_advised_can_be_pasted(mailing):
    """The edition, the place of the ledgers and the variables are part of the mailing's name."""
    job, server = mailing(recipients=2, text="Hello {{ variables.who }}\n")
    job.edit("version: 1", "version: 1\nedition: \"{{ now.strftime('%Y') }}-{{ name }}\"")
    job.edit("-{{ name }}", "")
    more = ["--state-dir", "my ledgers", "--set", "who=you & me"]
    done = job.command("run", "--limit", 1, *more, "--edition", "1 2")
    assert done.code == 75
    advice = next(line for line in done.err.splitlines() if line.startswith("not finished"))
    assert advice == (
        "not finished: run again with mailbatch run job.yaml --edition '1 2' "
        "--state-dir 'my ledgers' --set 'who=you & me'"
    )
    assert job.command("run", *more, "--edition", "1 2").code == 0
    assert got(server) == job.addresses
    # An edition that is a template may be another one when the advice is followed.
    assert " --edition 20" in job.command("run", "--limit", 1, "--set", "who=x").err


def test_rate_spreads_the_recipients(mailing):
    job, _ = mailing(recipients=6)
    done = job.command("run", "--rate", "10/s", "--json")
    assert done.code == 0
    assert done.json["seconds"] >= 0.5  # five waits of a tenth behind the first


@pytest.mark.parametrize("rate", ["fast", "0/s", "-1/s", "10", "10/week"])
def test_a_rate_that_is_none_is_wrong_usage(mailing, rate):
    job, server = mailing()
    done = job.command("run", f"--rate={rate}")
    assert done.code == 2
    assert "--rate" in done.err
    nothing_reached(server)


def test_sessions_share_the_work(mailing):
    """Each has its turn while the first one waits for its replies."""
    job, server = mailing(
        *(Fault(Stage.DOT, Kind.DRIP, connection=1, pace=0.01) for _ in range(2)), recipients=12
    )
    done = job.command("run", "--sessions", 3, "--json")
    assert (done.code, done.json["accepted"]) == (0, 12)
    assert 2 <= done.json["sessions"] <= 3
    assert len({taken.connection for taken in server.deliveries()}) == done.json["sessions"]
    job.check(server.deliveries())


def test_results_go_where_they_are_wanted(mailing):
    job, _ = mailing()
    done = job.command("run", "--results", "there/mine.csv", "--json")
    assert done.json["results"] == "there/mine.csv"
    assert not (job.folder / "results.csv").exists()
    with (job.folder / "there/mine.csv").open(encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["accepted"] * 3


def test_a_run_from_a_folder_that_is_gone(mailing, tmp_path):
    """A deployment takes it away under a run from cron; the job itself lies elsewhere."""
    job, server = mailing()
    (tmp_path / "gone").mkdir()
    command = f"rmdir {tmp_path}/gone && exec '{sys.executable}' -m mailbatch run '{job.job}'"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path / "gone",
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"results: {job.folder}/results.csv\n" in done.stderr
    job.check(server.deliveries())


def test_the_ledgers_go_where_they_are_wanted(mailing):
    """The option is stronger than the environment, which is stronger than the default."""
    job, server = mailing()
    chosen, named = job.folder / "chosen", job.folder / "named"
    env = {"MAILBATCH_STATE_DIR": str(named)}
    assert job.command("run", "--limit", 1, "--state-dir", chosen, **env).code == 75
    assert [file.suffix for file in chosen.glob("*.sqlite3")] == [".sqlite3"]
    assert not named.exists()
    assert job.ledgers == []
    assert job.command("status", "--json", "--state-dir", chosen).json["accepted"] == 1
    # The results name the one who was mailed, and there is no ledger that knows it.
    assert job.command("run", "--limit", 2, **env).code == 65
    assert not named.exists()
    assert job.command("run", "--limit", 2, "--new-mailing", **env).code == 75
    assert len(list(named.glob("*.sqlite3"))) == 1
    assert job.command("status", "--json", **env).json["accepted"] == 2
    assert job.command("status", "--json").json["accepted"] == 0
    assert len(server.deliveries()) == 3


def test_a_message_that_changed_behind_somebodys_back_is_refused(mailing):
    job, server = mailing()
    assert job.command("run", "--limit", 1).code == 75
    job.edit("Hello", "Goodbye", "letter.txt.j2")
    job.edit("subject: Hello", "subject: Goodbye")
    refused = job.command("run")
    assert (refused.code, refused.out) == (65, "")
    assert "the message changed after 1 recipient of edition 1 had it" in refused.err
    assert "letter.txt.j2" in refused.err
    assert "subject" in refused.err
    assert "--accept-changes" in refused.err
    assert len(server.stages(Stage.BANNER)) == 1
    assert job.command("run", "--accept-changes").code == 0
    assert got(server) == job.addresses
    # Accepted is accepted: nobody is asked again.
    job.write_recipients([*job.addresses, "late@example.net"])
    assert job.command("run").code == 0
    assert got(server)[-1] == "late@example.net"


def test_a_message_that_nobody_has_may_still_change(mailing):
    """Whoever was refused, for now or for good, has seen nothing of it."""
    refused = {"user1@example.net": "451 4.7.1 later", "user2@example.net": "550 5.1.1 nobody"}
    job, server = mailing(recipients=2, server={"refused": refused})
    assert job.command("run").code == 75
    job.edit("Hello", "Goodbye", "letter.txt.j2")
    done = job.command("run")
    assert done.code == 75
    assert "changed" not in done.err
    assert server.deliveries() == []


def test_who_was_rejected_is_tried_again_only_if_asked_for(mailing):
    fault = Fault(Stage.RCPT, Kind.PERMANENT, recipient="user2@example.net")
    job, server = mailing(fault)
    assert job.command("run").code == 3
    assert job.command("run").code == 3
    assert len(server.stages(Stage.BANNER)) == 1
    done = job.command("run", "--retry-rejected", "--json")
    assert (done.code, done.json["transactions"]) == (0, 1)
    assert got(server) == ["user1@example.net", "user3@example.net", "user2@example.net"]


def test_the_transcript_has_the_dialogue_and_no_secret(mailing):
    job, _ = mailing(
        recipients=1,
        username="App",
        server={"credentials": ("App", "s3cret-key"), "need_auth": True},
    )
    done = job.command("run", "--transcript", "dialogue.txt", SCENE_PASSWORD="s3cret-key")
    assert done.code == 0
    text = (job.folder / "dialogue.txt").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0] == "S: 220 fault.test ESMTP"
    assert "C: RCPT TO:<user1@example.net>" in lines
    assert lines[-1] == "S: 221 2.0.0 Bye"
    assert any(line.startswith("C: AUTH PLAIN") for line in lines)
    assert "s3cret" not in text
    assert "AHMzY3JldC1rZXk" not in text
    assert "AEFwcABzM2NyZXQta2V5" not in text


def test_a_transcript_that_cannot_be_written_any_more_does_not_end_the_run(mailing):
    job, server = mailing()
    done = job.command("run", "--transcript", "/dev/full")
    assert done.code == 0
    assert "lines are missing from /dev/full: No space left on device" in done.err
    job.check(server.deliveries())


def test_a_transcript_that_cannot_be_opened_keeps_the_run_from_starting(mailing):
    job, server = mailing()
    done = job.command("run", "--transcript", "not/there.txt")
    assert done.code == 74
    assert "cannot write not/there.txt: No such file or directory" in done.err
    nothing_reached(server)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sandbox", "--to", "a@example.net"], "--sandbox and --to exclude each other"),
        (["--to", "a@example.net", "--test"], "--to and --test exclude each other"),
        (["--dry-run", "--sandbox"], "--dry-run and --sandbox exclude each other"),
        (["--out", "box"], "--out goes with --dry-run or --sandbox"),
        (["--answer", "MAIL=close"], "--answer goes with --sandbox"),
        (["--dry-run", "--answer", "MAIL=close"], "--answer goes with --sandbox"),
        (["--sandbox", "--answer", "MIAL=close"], "Did you mean MAIL?"),
        (["--sandbox", "--answer", "MAIL:x=close"], "character 6: expected a number, not 'x'"),
        (["--to", "a@b.de,c@d.de"], "--to a@b.de,c@d.de: one address each"),
        (["--all"], "--all goes with --to or --test"),
        (["--to", "a@b.de", "--all", "--limit", "2"], "--all excludes --limit and --only"),
        (["--to", "nobody"], "--to nobody: the address has no @"),
        (["--set", "issue"], "--set issue: expected KEY=VALUE"),
        (["--set", "2nd=x"], "--set 2nd=x: expected KEY=VALUE"),
        (["--limit", "0"], "--limit"),
        (["--limit", "many"], "--limit"),
        (["--sessions", "0"], "--sessions"),
        (["--sessions", "1001"], "--sessions"),
        (["--colour"], "--colour"),
    ],
)
def test_wrong_usage_is_named_and_sends_nothing(mailing, arguments, words):
    job, server = mailing()
    done = job.command("run", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    nothing_reached(server)
    assert job.ledgers == []


def test_log_json_writes_every_line_as_an_object(mailing):
    job, _ = mailing(server={"refused": {"user2@example.net": "451 4.7.1 later"}})
    done = job.command("run", "--log-json")
    assert done.code == 75
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert any(line.get("accepted") == 2 for line in lines)
