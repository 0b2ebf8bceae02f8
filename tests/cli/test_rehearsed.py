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
