"""The folder of kept rehearsals: commands may look there, and nothing real comes of it."""

from __future__ import annotations

import csv

import pytest

from mailbatch import run
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.rehearsals import MARK, claim, has_rehearsals, mailing_dir
from mailbatch.errors import UsageError

KEPT = ".mailbatch/sandbox"
AT = ("--state-dir", KEPT)
ADDRESSES = ("ada@example.org", "blocked@example.net", "unanswered@example.org")
SERVER = "server: {host: localhost, port: 1, security: plaintext}"
JOB = f"""\
version: 1
name: letter
edition: "1"
{SERVER}
sender: {{from: News <news@example.com>}}
recipients: {{file: recipients.csv}}
message: {{subject: Hello, text: letter.txt.j2}}
callbacks: {{notify_url: "https://hooks.example.com/reports"}}
retry: {{initial: 0.01s}}
results: results/{{{{ edition }}}}.csv
"""


@pytest.fixture
def job(tmp_path, program):
    """A job whose messages ask for reports, in a folder with the program."""
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "recipients.csv").write_text("email\n" + "\n".join(ADDRESSES) + "\n")
    (folder / "letter.txt.j2").write_text("Hello\n")
    (folder / "job.yaml").write_text(JOB)

    def call(command, *arguments, **more):
        return program(*command.split(), "job.yaml", *arguments, cwd=folder, **more)

    call.folder = folder
    return call


@pytest.fixture
def rehearsed(job):
    """The job behind a rehearsal that leaves a recipient in doubt."""
    assert job("run --sandbox --quiet").code == 4
    return job


REAL = (
    "run --yes", "run --yes --retry-rejected", "run --yes --edition 2", "run --to me@example.com",
    "run --dry-run", "check", "preview", "reports read", "reports serve",
)  # fmt: skip


@pytest.mark.parametrize("command", REAL)
def test_nothing_real_takes_the_folder_for_its_memory(rehearsed, command):
    """A refusal with the next step; the folder stays as it was."""
    name, *options = command.split(" --")
    before = {path: path.stat().st_mtime_ns for path in (rehearsed.folder / KEPT).iterdir()}
    files = ["-"] if name == "reports read" else []
    words = [word for option in options for word in f"--{option}".split()]
    done = rehearsed(name, *files, *words, MAILBATCH_STATE_DIR=KEPT)
    assert done.code == 2, done.err
    assert f"{KEPT} keeps rehearsals" in done.err
    assert "leave --state-dir (or MAILBATCH_STATE_DIR) out" in done.err
    after = {path: path.stat().st_mtime_ns for path in (rehearsed.folder / KEPT).iterdir()}
    assert after == before
    assert not (rehearsed.folder / "results" / "1.csv").exists()


@pytest.mark.parametrize("command", ["run --yes", "reports read", "reports serve"])
def test_no_real_command_takes_the_store_of_rehearsals(rehearsed, command):
    """Reports that no provider sent would stop a guard, or suppress addresses."""
    name, *options = command.split(" --")
    files = ["-"] if name == "reports read" else []
    words = [f"--{option}" for option in options]
    done = rehearsed(name, *files, *words, "--store", f"{KEPT}/reports.sqlite3")
    assert done.code == 2
    assert "has the reports of rehearsals" in done.err
    assert "leave --store out" in done.err


def test_the_receiver_without_a_job_takes_no_folder_of_rehearsals(rehearsed, program):
    done = program("reports", "serve", *AT, cwd=rehearsed.folder)
    assert done.code == 2
    assert "keeps rehearsals" in done.err
    assert "use --state-dir .mailbatch" in done.err


def test_the_library_refuses_the_folder_as_the_command_does(rehearsed):
    with pytest.raises(UsageError, match="keeps rehearsals"):
        run(rehearsed.folder / "job.yaml", RunOptions(state_dir=rehearsed.folder / KEPT))


def test_a_rehearsal_may_name_the_folder_and_nests_nothing(rehearsed, program):
    """The same folder begins anew, and the real mailing is still unsent."""
    inside = rehearsed.folder / KEPT
    for done, place in (
        (rehearsed("run --sandbox", *AT), KEPT),
        (program("run", "../../job.yaml", "--sandbox", "--state-dir", ".", cwd=inside), "."),
    ):
        assert done.code == 4
        assert "the real mailing is still unsent\n" in done.err
        assert f"job.yaml --state-dir {place}\n" in done.err
        assert not (inside / "sandbox").exists()


def test_ledgers_without_the_mark_are_never_replaced(job):
    """The state folder of another job may be called sandbox, too."""
    folder = job.folder / KEPT
    folder.mkdir(parents=True)
    ledger = folder / "letter@1.sqlite3"
    ledger.write_bytes(b"a real one")
    done = job("run --sandbox")
    assert done.code == 2
    assert "not marked as rehearsals" in done.err
    assert ledger.read_bytes() == b"a real one"
    assert not has_rehearsals(folder)


def test_the_mark_is_of_the_folder(tmp_path):
    """By whatever name the folder is reached."""
    folder = tmp_path / "state" / "sandbox"
    claim(folder)
    claim(folder)
    assert (folder / MARK).is_file()
    (tmp_path / "link").symlink_to(folder)
    assert mailing_dir(folder) == tmp_path / "state"
    assert mailing_dir(tmp_path / "link") == tmp_path / "state"
    assert mailing_dir(tmp_path / "state") == tmp_path / "state"


def test_the_results_of_a_rehearsal_are_never_those_of_the_mailing(rehearsed):
    """The file that the rehearsal itself writes, so that the first real run finds no results."""
    path = rehearsed.folder / "results" / "1.sandbox.csv"
    path.unlink()
    done = rehearsed("results", *AT, "--failed", "again.csv")
    assert done.code == 0
    assert done.err.startswith("results: results/1.sandbox.csv\n")
    with path.open(newline="") as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == [
            "accepted", "rejected", "in_doubt",
        ]  # fmt: skip
    assert not (rehearsed.folder / "results" / "1.csv").exists()
    assert rehearsed("check", "--quiet").code == 0


def test_the_next_steps_of_a_rehearsal_never_mail(rehearsed):
    """Each step that `status` prints works, and none is a real run."""
    done = rehearsed("status", *AT)
    assert done.code == 0
    assert done.out.startswith("letter (1), rehearsed: 3 recipients\n")
    assert done.err == (
        "the real mailing is still unsent\n"
        f"its reports: mailbatch reports show job.yaml --state-dir {KEPT}\n"
        f"in doubt: mailbatch resolve job.yaml --state-dir {KEPT}\n"
    )
    assert "a rehearsal begins anew" in rehearsed("resolve", *AT, "--resend").err
    last = rehearsed("status", *AT).err.splitlines()[-1]
    step = f"mailbatch run job.yaml --state-dir {KEPT} --sandbox"
    assert last == f"not finished: rehearse again with {step}"
    assert rehearsed(*step.split()[1:2], *step.split()[3:]).code == 4


LOOKS = ("reports show", "reports page --out page", "reports suppress --to list.csv", "resolve",
         "resolve --resend", "results")  # fmt: skip


@pytest.mark.parametrize("command", LOOKS)
def test_an_edition_that_was_only_rehearsed_is_found(rehearsed, command):
    """The next step looks at the rehearsal; the one to run the mailing would mail for real."""
    done = rehearsed(command)
    assert done.code == 74
    assert f"it was rehearsed: add --state-dir {KEPT}" in done.err
    assert "mailbatch run" not in done.err


def test_in_the_folder_the_next_step_is_a_rehearsal(rehearsed):
    done = rehearsed("resolve", *AT, "--edition", "2")
    assert done.code == 74
    assert "mailbatch run job.yaml --sandbox makes it" in done.err
    assert "name an edition that was rehearsed: --edition 1" in done.err


def test_status_mentions_what_was_rehearsed(rehearsed, program):
    """For an edition, and for a folder of jobs."""
    assert rehearsed("status").err == f"not sent yet; it was rehearsed: add --state-dir {KEPT}\n"
    other = rehearsed("status", *AT, "--edition", "2")
    assert other.err == f"not rehearsed yet; others in {KEPT}: 1\n"
    done = program("status", ".", cwd=rehearsed.folder)
    assert done.code == 0
    assert done.err == (
        f"no edition was begun in .\n1 edition rehearsed: mailbatch status {KEPT}\n"
    )
    listed = program("status", KEPT, cwd=rehearsed.folder)
    assert (
        listed.out.startswith("letter  1  rehearsed, finished ") or "rehearsed, begun" in listed.out
    )
    assert listed.err == ""


def test_a_next_step_names_edition_and_state_folder(rehearsed):
    """One that named neither would be about another mailing."""
    named = f"job.yaml --edition 1 --state-dir {KEPT}"
    done = rehearsed("resolve", *AT, "--edition", "1", "--resend", "--only", "ada@example.org")
    assert done.code == 2
    assert f"list them: mailbatch resolve {named}\n" in done.err
    (rehearsed.folder / KEPT / "reports.sqlite3").unlink()
    done = rehearsed("resolve", *AT, "--edition", "1", "--from-reports")
    assert done.code == 4
    assert f"rehearse again with mailbatch run {named} --sandbox\n" in done.err


@pytest.mark.parametrize("option", ["--edition", "--store"])
def test_an_option_of_one_edition_does_not_go_with_a_folder(job, program, option):
    (job.folder / "store").touch()
    done = program("status", ".", option, "store", cwd=job.folder)
    assert done.code == 2
    assert f"{option} goes with a job file" in done.err
