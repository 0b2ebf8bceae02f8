"""Wrong usage: words, and a next step that works; no job is ever guessed."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.certainty.program import environment

JOB = "name: news\nrecipients: {file: r.csv}\nmessage: {subject: Hi, text: t.txt}\n"


def test_a_missing_job_is_named_with_the_files_that_are_there(program, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    (here / "spring news.yaml").write_text(JOB, encoding="utf-8")
    (here / "compose.yml").write_text("services: {}\n", encoding="utf-8")
    done = program("check", cwd=here)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "mailbatch: Missing argument 'JOB'.\n"
        "  name the job file: mailbatch check 'spring news.yaml'\n"
    )
    command = done.err.rpartition(": ")[2].strip()
    assert "there is no file r.csv" in program(*shlex.split(command)[1:], cwd=here).err


def test_without_a_job_here_the_first_step_is_named(program, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    done = program("reports", "pull", cwd=here)
    assert done.code == 2
    assert "as in mailbatch reports pull news/job.yaml; mailbatch init news makes" in done.err
    assert program("init", "news", cwd=here).code == 0
    assert program("check", "news/job.yaml", cwd=here).code == 0


def test_a_job_is_never_guessed(program, tmp_path):
    """A script whose variable is empty must not send the mailing that lies there."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "job.yaml").write_text(JOB, encoding="utf-8")
    done = program("run", "--yes", cwd=here)
    assert done.code == 2
    assert done.err.endswith("name the job file: mailbatch run job.yaml\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "job.yaml", "--onyl", "ann@example.com"], "--only"),
        (["run", "job.yaml", "--only"], "'--only' requires an argument"),
        (["run", "one.yaml", "two.yaml"], "unexpected extra argument"),
        (["run", "job.yaml", "--limit", "0"], "'--limit'"),
        (["run", "job.yaml", "--sessions", "many"], "'--sessions'"),
        (["check", "job.yaml", "--format", "xml"], "'text', 'json', 'github'"),
    ],
)
def test_wrong_usage_shows_the_form_and_the_help(program, tmp_path, arguments, words):
    done = program(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    first, *steps = done.err.splitlines()
    assert first.startswith("mailbatch: ")
    assert words in first
    command = f"mailbatch {arguments[0]}"
    assert steps == [f"  usage: {command} [OPTIONS] JOB", f"  see {command} --help"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "job.yaml", "--yes", "--only", ""], "--only has an empty value"),
        (["run", "job.yaml", "--only="], "--only has an empty value"),
        (["run", "job.yaml", "--state-dir", ""], "--state-dir has an empty value"),
        (["resolve", "job.yaml", "--resend", "--only", ""], "--only has an empty value"),
        (["run", ""], "an argument is empty"),
        (["run", "job.yaml", "\u2013sandbox"], "write --sandbox"),
        (["run", "job.yaml", "--to", "\u201cann@example.com\u201d"], "quotes of a word processor"),
    ],
)
def test_a_word_that_nobody_means_is_refused(program, tmp_path, arguments, words):
    """An empty --only would mail everybody: the variable of the script was not set."""
    done = program(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_a_variable_may_be_empty(program, tmp_path):
    assert program("init", "news", "--template", "notice", cwd=tmp_path).code == 0
    done = program("check", "news/job.yaml", "--set=note=", "--set", "more=", cwd=tmp_path)
    assert "empty value" not in done.err


def test_the_options_of_a_command_stand_behind_its_name(program, tmp_path):
    done = program("--sandbox", "run", "job.yaml", cwd=tmp_path)
    assert done.code == 2
    assert "  the options of a command stand behind its name\n" in done.err


def test_a_job_that_is_not_there_is_named_as_one_that_is(program, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    for name in ("job.yaml", "other.yml"):
        (here / name).write_text(JOB, encoding="utf-8")
    done = program("run", "jobb.yaml", cwd=here)
    assert (done.code, done.err) == (
        78,
        "jobb.yaml: there is no such file\n  Did you mean job.yaml?\n",
    )
    done = program("run", ".", cwd=here)
    assert done.code == 78
    assert done.err.endswith("is a folder, not a job file\n  Name one of job.yaml, other.yml.\n")


def test_a_working_folder_that_is_gone(program, tmp_path):
    process = subprocess.run(
        ["sh", "-c", f'rmdir "$PWD" && exec "{sys.executable}" -m mailbatch check ../job.yaml'],
        cwd=Path(tempfile.mkdtemp(dir=tmp_path)),
        env=environment(PYTHONSAFEPATH="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "the folder in which mailbatch was started is gone" in process.stderr


@pytest.mark.parametrize("arguments", [["run", "job.yaml", "--dry-run"], ["sandbox"]])
def test_messages_cannot_go_to_a_file(program, tmp_path, arguments):
    here = tmp_path / "here"
    here.mkdir()
    (here / "job.yaml").write_text(JOB, encoding="utf-8")
    done = program(*arguments, "--out", "job.yaml", cwd=here)
    assert (done.code, done.out) == (2, "")
    assert done.err == "mailbatch: job.yaml is no folder\n  choose another --out\n"


@pytest.mark.parametrize("arguments", [["--nosuch"], ["nosuch"], ["reports", "nosuch"]])
def test_a_command_that_is_none(program, tmp_path, arguments):
    done = program(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "mailbatch: No such " in done.err
    assert done.err.endswith(" --help\n")


def test_a_resolver_is_for_a_check_that_asks(program, tmp_path):
    """An option without effect is told; the environment is no such option."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "job.yaml").write_text(JOB, encoding="utf-8")
    done = program("check", "job.yaml", "--resolver", "192.0.2.53", cwd=here)
    assert (done.code, done.out) == (2, "")
    assert "--resolver goes with --connect" in done.err
    assert "there is no file r.csv" in program("check", "job.yaml", cwd=here).err
