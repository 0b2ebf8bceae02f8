"""Wrong usage: words, and a next step that works; no job is ever guessed."""

from __future__ import annotations

import shlex

import pytest

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


@pytest.mark.parametrize("arguments", [["--nosuch"], ["nosuch"], ["reports", "nosuch"]])
def test_a_command_that_is_none(program, tmp_path, arguments):
    done = program(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "mailbatch: No such " in done.err
    assert done.err.endswith(" --help\n")
