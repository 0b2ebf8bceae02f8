"""The words by which people find their way: help, other names of commands, codes explained."""

from __future__ import annotations

import pytest

from mailbatch.checks.codes import CODES
from mailbatch.extras import install_extra


def test_the_help_says_first_what_it_is_for(program, tmp_path):
    done = program("--help", cwd=tmp_path)
    first = [line.strip() for line in done.out.splitlines() if line.strip()][1]
    assert first == "Send a newsletter or mailing that is described in files."


@pytest.mark.parametrize(("word", "meant"), [("send", "run"), ("list", "status")])
def test_a_usual_word_names_the_command_that_is_meant(program, tmp_path, word, meant):
    done = program(word, "job.yaml", cwd=tmp_path)
    assert done.code == 2
    assert f"No such command '{word}'. Did you mean '{meant}'?" in done.err


@pytest.mark.parametrize("given", ["MB131", "mb131"])
def test_a_code_is_explained(program, tmp_path, given):
    done = program("explain", given, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    code = CODES["MB131"]
    assert done.out == (f"MB131 error: {code.title}\n\n{code.why}\n\nTo mend it: {code.mend}\n")


def test_a_code_that_is_none_is_wrong_usage(program, tmp_path):
    done = program("explain", "MB999", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "there is no code MB999" in done.err


def test_a_new_job_keeps_addresses_out_of_a_repository(program, tmp_path):
    assert program("init", "letter", cwd=tmp_path).code == 0
    ignored = (tmp_path / "letter" / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".mailbatch/", "results/", "preview/", "outbox/"} <= set(ignored)


def test_init_leaves_the_ignored_files_of_a_repository_alone(program, tmp_path):
    (tmp_path / ".gitignore").write_text("mine\n", encoding="utf-8")
    assert program("init", ".", cwd=tmp_path).code == 0
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["re"], ["reports", "resolve", "results"]),
        (["run", "job.yaml", "--ret"], ["--retry-rejected"]),
        (["reports", "su"], ["suppress"]),
        (["check", "--format", ""], ["text", "json", "github"]),
        (["run", "jo"], []),  # bash then completes names of files: complete -o default
    ],
)
def test_bash_completes_commands_options_and_files(program, tmp_path, words, found):
    asked = {
        "_MAILBATCH_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["mailbatch", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = program(cwd=tmp_path, **asked)
    assert (done.code, sorted(done.out.split()), done.err) == (0, sorted(found), "")


def test_the_completion_of_bash_falls_back_to_files(program, tmp_path):
    shown = program(cwd=tmp_path, _MAILBATCH_COMPLETE="source_bash")
    assert "complete -o default -F _mailbatch_completion mailbatch" in shown.out


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/ann/.local/share/pipx/venvs/mailbatch", "pipx install --force"),
        ("/home/ann/.local/share/uv/tools/mailbatch", "uv tool install --force"),
        ("/opt/my tools", "uv pip install --python '/opt/my tools'"),
    ],
)
def test_an_extra_is_installed_as_mailbatch_was(prefix, command):
    """Never by a name in an index: another package may bear it."""
    hint = install_extra("excel", prefix)
    assert hint == f"In the folder with the source of mailbatch: {command} '.[excel]'"


def test_an_extra_goes_into_the_environment_that_has_pip(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip").touch()
    assert install_extra("dkim", str(tmp_path)).endswith(f": {tmp_path}/bin/pip install '.[dkim]'")
