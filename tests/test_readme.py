"""The README does what it says: its first commands, its first own job, its table of exit codes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

from mailbatch.cli.app import app
from mailbatch.cli.exit_codes import MEANING, ExitCode
from tests.certainty.program import mailbatch

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
CI = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
JOB_FILES = {"yaml": "job.yaml", "csv": "recipients.csv", "jinja": "hello.txt.j2"}


def blocks(language):
    """The code blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_first_two_shell_blocks_are_the_main_job_and_the_tests():
    run, tests = blocks("sh")
    assert run.splitlines()[0].startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert run.splitlines()[-1] == (
        ".venv/bin/mailbatch run examples/quickstart/job.yaml --sandbox"
    )
    assert (REPOSITORY / "examples/quickstart/job.yaml").is_file()
    assert tests.splitlines()[-1].startswith(".venv/bin/python -m pytest")
    assert "'.[test]'" in tests


def test_continuous_integration_runs_these_two_blocks_as_they_are(tmp_path):
    """It cuts them out of the README itself, and runs each in a shell that stops at a failure."""
    cut = re.search(r"block\(\) \{.*?^\}\n", CI, re.DOTALL | re.MULTILINE)
    assert cut is not None
    for number, text in enumerate(blocks("sh"), start=1):
        done = subprocess.run(
            ["bash", "-euc", f"{cut[0]}block {number}"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == text
    assert "run_command=$(block 1)" in CI
    assert "test_command=$(block 2)" in CI
    assert 'bash -euc "$run_command"' in CI
    assert 'bash -euc "$test_command"' in CI


def test_what_the_commands_need_is_declared():
    """The extras and the options of pytest that they name exist."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"\.\[([a-z,]+)\]", README + CI):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    if " -n " in blocks("sh")[1]:
        wanted = project["optional-dependencies"]["test"]
        assert any(line.startswith("pytest-xdist") for line in wanted)


@pytest.fixture
def own_job(tmp_path):
    """The first own job, pasted from the README."""
    for language, name in JOB_FILES.items():
        (text,) = blocks(language)
        assert f"`{name}`:" in README
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_first_own_job_is_right(own_job):
    """Checked strictly, without the secret that only sending needs."""
    code, _, err = mailbatch("check", "job.yaml", cwd=own_job)
    assert code == 0, err
    assert "0 errors, 0 warnings, 1 message, 1 row" in err


def test_the_first_own_job_can_be_rehearsed(own_job):
    code, out, err = mailbatch(
        "run", "job.yaml", "--sandbox", "--out", "box", "--json", cwd=own_job
    )
    assert code == 0, err
    assert json.loads(out)["accepted"] == 1
    (message,) = (own_job / "box").glob("*.eml")
    text = message.read_text(encoding="utf-8")
    assert "Hello Ada" in text
    assert "X-IB-Bulk-Id: hello-" in text


def test_the_first_own_job_asks_for_its_secret(own_job):
    code, out, err = mailbatch("run", "job.yaml", cwd=own_job)
    assert (code, out) == (78, "")
    assert "INFOBIP_API_KEY" in err


def test_every_command_line_in_the_readme_is_one():
    """Its command and its options exist."""
    commands = typer.main.get_command(app).commands
    text = "\n".join(blocks("console") + blocks("crontab") + blocks("sh"))
    lines = re.findall(r"(?:^|[\s/])mailbatch ([a-z]+\b.*)", text, re.MULTILINE)
    assert len(lines) >= 7
    for line in lines:
        name, *words = shlex.split(line, comments=True)
        context = commands[name].make_context(name, list(words), resilient_parsing=True)
        known = {option for parameter in context.command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
    for line in re.findall(r"`mailbatch ([a-z]+)`", README):
        assert line in commands


def test_the_table_of_exit_codes_is_that_of_the_program():
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", README, re.MULTILINE)
    shown = {number: text.replace("`", "") for number, text in rows}
    program = {
        str(int(code)): text
        for code, text in MEANING.items()
        if code not in {ExitCode.SIGINT, ExitCode.SIGTERM}
    }
    assert shown == {
        **program,
        f"{int(ExitCode.SIGINT)}, {int(ExitCode.SIGTERM)}": "second signal",
    }


def test_what_the_readme_links_to_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (REPOSITORY / target).exists(), target
