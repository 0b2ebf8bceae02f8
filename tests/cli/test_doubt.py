"""`resolve`, `results` and `status`: what becomes of those whom nobody can know about."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.certainty.program import environment
from tests.support.faults import Fault, Kind, Stage

DOUBTFUL = "user2@example.net"


@pytest.fixture
def doubtful(mailing):
    """A mailing of four whose second message was taken by a server that never said so."""

    def make(**more):
        fault = Fault(Stage.DOT, Kind.FIN, transaction=2, taken=True)
        job, server = mailing(fault, recipients=4, attempts=3, **more)
        done = job.command("run")
        assert done.code == 4, done.err
        assert "in doubt: the answer never came; see mailbatch resolve job.yaml" in done.err
        assert "48 hours" not in done.err  # the job has no callbacks: another provider, perhaps
        assert job.statuses()[DOUBTFUL] == "in_doubt"
        return job, server

    return make


def copies(server):
    """What arrived for the doubtful one: Message-ID and digest of each copy."""
    return [
        (taken.message_id, taken.sha256)
        for taken in server.deliveries()
        if DOUBTFUL in taken.recipients
    ]


def test_doubt_is_listed_with_what_the_provider_can_be_asked_for(doubtful):
    job, server = doubtful()
    done = job.command("resolve")
    assert done.code == 4
    ((message_id, _),) = copies(server)
    (line,) = done.out.splitlines()
    assert line.startswith(f"{DOUBTFUL}  row 3  {message_id}  20")
    assert "--accepted, --resend (may arrive twice) or --skip" in done.err
    found = json.loads(job.command("resolve", "--json").out)
    assert found["address"] == DOUBTFUL
    assert found["row"] == 3
    assert f"<{found['message_id']}>" == message_id
    assert found["at"].endswith("Z")


def test_doubt_is_never_sent_again_unasked(doubtful):
    job, server = doubtful()
    for _ in range(2):
        assert job.command("run").code == 4
    assert len(copies(server)) == 1
    job.check(server.deliveries())


def test_accepted_settles_it(doubtful):
    job, server = doubtful()
    done = job.command("resolve", "--accepted")
    assert done.code == 0
    assert "1 taken as accepted, 0 still in doubt" in done.err
    assert job.command("run").code == 0
    assert job.statuses()[DOUBTFUL] == "accepted"
    assert len(copies(server)) == 1
    (row,) = [row for row in job.results() if row["email"] == DOUBTFUL]
    assert row["reason"] == "resolved as accepted"
    nothing = job.command("resolve")
    assert (nothing.code, nothing.out) == (0, "")
    assert "nobody is in doubt" in nothing.err


def test_skip_settles_it(doubtful):
    job, server = doubtful()
    assert job.command("resolve", "--skip", "--only", DOUBTFUL.upper()).code == 0
    assert job.command("run").code == 0
    assert job.statuses()[DOUBTFUL] == "skipped"
    assert len(copies(server)) == 1


def test_resend_sends_the_identical_message(doubtful):
    """Byte for byte: whoever gets both sees one message."""
    job, server = doubtful()
    assert job.command("resolve", "--resend", "--json").json == {"resolved": 1, "in_doubt": 0}
    assert job.command("results").code == 0
    assert job.statuses()[DOUBTFUL] == "pending"
    assert job.command("run").code == 0
    first, second = copies(server)
    assert first == second
    job.check(server.deliveries(), resent=1)


def test_only_what_was_asked_for_is_settled(mailing):
    faults = [Fault(Stage.DOT, Kind.FIN, transaction=n, taken=True) for n in (1, 3)]
    job, server = mailing(*faults, attempts=3)
    assert job.command("run").code == 4
    assert list(job.statuses().values()) == ["in_doubt", "accepted", "in_doubt"]
    done = job.command("resolve", "--accepted", "--only", "user3@example.net")
    assert done.code == 4
    assert "1 taken as accepted, 1 still in doubt" in done.err
    assert [line.split()[0] for line in job.command("resolve").out.splitlines()] == [
        "user1@example.net"
    ]
    wrong = job.command("resolve", "--accepted", "--only", "user2@example.net")
    assert (wrong.code, wrong.out) == (2, "")
    assert "user2@example.net is not in doubt" in wrong.err
    both = job.command("resolve", "--accepted", "--skip")
    assert both.code == 2
    assert "--accepted and --skip exclude each other" in both.err
    assert len(server.deliveries()) == 3


def test_several_are_settled_at_once_or_none(mailing):
    faults = [Fault(Stage.DOT, Kind.FIN, transaction=n, taken=True) for n in (1, 3)]
    job, _ = mailing(*faults, attempts=3)
    assert job.command("run").code == 4
    first, third, other = (("--only", f"user{n}@example.net") for n in (1, 3, 2))
    wrong = job.command("resolve", "--skip", *first, *other)
    assert (wrong.code, "user2@example.net is not in doubt" in wrong.err) == (2, True)
    assert list(job.statuses().values()) == ["in_doubt", "accepted", "in_doubt"]
    done = job.command("resolve", "--skip", *first, *third, *first)
    assert (done.code, "2 skipped, 0 still in doubt" in done.err) == (0, True)


def test_nothing_can_be_told_of_an_edition_that_never_was(mailing):
    job, _ = mailing()
    for command in (["results"], ["resolve"], ["resolve", "--skip"]):
        done = job.command(*command)
        assert (done.code, done.out) == (74, "")
        assert "there is no ledger of this edition" in done.err
    assert job.ledgers == []  # nobody makes one by asking


@pytest.mark.parametrize("closed", [".mailbatch", ".mailbatch/scene@1.sqlite3"])
def test_a_ledger_that_this_user_may_not_see_is_named(mailing, closed):
    """Whether it is there cannot be told: that is no traceback, and no `there is none` either."""
    job, server = mailing()
    job.command("run", "--limit", 1)
    before = len(server.deliveries())
    place = job.folder / closed
    mode = place.stat().st_mode
    place.chmod(0)
    try:
        for command in (["status"], ["results"], ["resolve"], ["resolve", "--skip"], ["run"]):
            done = _without_rights(*command, cwd=job.folder)
            assert (done.returncode, done.stdout) == (74, "")
            assert ".mailbatch" in done.stderr
            assert "Traceback" not in done.stderr
            assert "run as the user that owns the ledger" in done.stderr
            assert "--state-dir" in done.stderr
    finally:
        place.chmod(mode)
    assert len(server.deliveries()) == before
    assert job.command("run").code == 0


def _without_rights(name, *more, cwd):
    """Run the program as somebody for whom the permissions of files count."""
    command = [sys.executable, "-m", "mailbatch", name, "job.yaml", *more]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root sees everything, and there is no setpriv")
        rights = "--bounding-set=-dac_override,-dac_read_search"
        command = ["setpriv", rights, "--inh-caps=-all", *command]
    return subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )


def test_status_is_told_while_a_run_holds_the_edition(mailing):
    """Looking never waits, and never disturbs."""
    from tests.certainty.program import end, start

    job, server = mailing(Fault(Stage.MAIL, Kind.STALL, transaction=2))
    run = start("run", "job.yaml", cwd=job.folder)
    server.wait_for(transaction=2, stage=Stage.MAIL, seconds=30.0)
    status = job.command("status", "--json")
    assert (status.code, status.json["accepted"], status.json["pending"]) == (0, 1, 2)
    assert status.err == ""
    told = job.command("status").err
    assert told.startswith(f"a run is under way: process {run.pid} on ")
    assert ", since 20" in told
    assert "run again" not in told
    assert job.command("results").code == 0
    assert list(job.statuses().values()) == ["accepted", "pending", "pending"]
    held = job.command("resolve", "--skip")
    assert held.code == 75
    assert str(run.pid) in held.err
    run.kill()
    end(run)
    assert job.command("run").code == 0
    job.check(server.deliveries())


def test_the_unfinished_are_a_table_that_can_be_run(mailing):
    """With their input columns, mended by hand, as the recipients of an edition of its own."""
    job, server = mailing(server={"refused": {"user2@example.net": "550 5.1.1 nobody"}})
    with (job.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ["email", "name", "lot"],
                ["user1@example.net", "Ann", "a"],
                ["user2@example.net", 'Bob "B" Bobson, sr', "=1+1"],
                ["user3@@example.net", "Cäcilie\nfrom Köln", "c"],
            ]
        )
    assert job.command("run").code == 3
    done = job.command("results", "--failed", "again.csv")
    assert done.code == 0
    assert "unfinished: 2 recipients in again.csv" in done.err
    path = job.folder / "again.csv"
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["email", "name", "lot"],
            ["user2@example.net", 'Bob "B" Bobson, sr', "=1+1"],
            ["user3@@example.net", "Cäcilie\nfrom Köln", "c"],
        ]
    mended = path.read_text(encoding="utf-8").replace("@@", "@").replace("user2", "user22")
    path.write_text(mended, encoding="utf-8", newline="")
    job.edit("file: recipients.csv", "file: again.csv")
    assert job.command("check").code == 0
    assert job.command("run", "--edition", "1-again").code == 0
    assert [taken.recipients[0] for taken in server.deliveries()] == [
        "user1@example.net",
        "user22@example.net",
        "user3@example.net",
    ]


def test_the_doubtful_are_not_among_the_unfinished(doubtful):
    job, _ = doubtful()
    assert job.command("results", "--failed", "again.csv").code == 0
    assert (job.folder / "again.csv").read_text(encoding="utf-8").splitlines() == ["email,name,lot"]


def test_results_are_written_again_where_they_are_wanted(mailing):
    job, _ = mailing()
    assert job.command("run").code == 0
    before = (job.folder / "results.csv").read_bytes()
    (job.folder / "results.csv").unlink()
    done = job.command("results")
    assert (done.code, done.out, done.err) == (0, "", "results: results.csv\n")
    assert (job.folder / "results.csv").read_bytes() == before
    assert job.command("results", "--results", "copy.csv", "--quiet").err == ""
    assert (job.folder / "copy.csv").read_bytes() == before


def test_status_in_words(mailing):
    job, _ = mailing(server={"refused": {"user2@example.net": "451 4.7.1 later"}})
    job.command("run")
    done = job.command("status")
    assert (done.code, done.err) == (0, "not finished: run again with mailbatch run job.yaml\n")
    assert job.command("status", "--json").err == ""
    assert done.out.splitlines() == [
        "scene (1): 3 recipients",
        "        2  accepted",
        "        1  deferred",
    ]


def test_status_says_what_a_run_said_at_its_end(doubtful):
    job, _ = doubtful()
    more = ["--edition", "2 b", "--state-dir", "my ledgers"]
    assert job.command("status").err == (
        "in doubt: the answer never came; see mailbatch resolve job.yaml\n"
    )
    done = job.command("run", "--limit", 1, *more)
    assert done.code == 75
    assert job.command("status", *more).err == done.err.splitlines(keepends=True)[-1]
    assert "--edition '2 b' --state-dir 'my ledgers'" in done.err


def test_one_recipient_is_no_plural(mailing):
    job, _ = mailing(recipients=1, server={"refused": {"user1@example.net": "451 4.7.1 later"}})
    job.command("run")
    assert job.command("status").out.startswith("scene (1): 1 recipient\n")
    done = job.command("results", "--failed", "again.csv")
    assert done.err.endswith("unfinished: 1 recipient in again.csv\n")
