"""`mailbatch init`: what it writes, what it refuses, and that what it writes runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from mailbatch.cli.arguments import InitArguments
from mailbatch.cli.init import init_command
from tests.templates.rehearsal import ROOT, rehearse_in_place

TEMPLATES = sorted(path.name for path in (ROOT / "templates").iterdir() if path.is_dir())


def init(folder=None, template="newsletter", *, list_templates=False, quiet=False):
    return init_command(InitArguments(folder, template, list_templates, quiet))


def files_of(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_writes_the_template_and_the_schema(tmp_path, name):
    """The folder has the template's files as they are, and the schema beside the job."""
    assert init(tmp_path / "new" / "folder", name) == 0
    written = tmp_path / "new" / "folder"
    source = ROOT / "templates" / name
    assert files_of(written) == sorted([*files_of(source), ".gitignore", "job.schema.json"])
    for path in set(files_of(source)) - {"job.yaml"}:
        assert (written / path).read_bytes() == (source / path).read_bytes()
    assert "properties" in json.loads((written / "job.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_job_names_its_schema_for_editors(tmp_path, name):
    """Both modelines point at the copy beside the job; the rest of the job is the template's."""
    init(tmp_path, name)
    first, second, *rest = (tmp_path / "job.yaml").read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=./job.schema.json"
    assert second == "# $schema: ./job.schema.json"
    source = (ROOT / "templates" / name / "job.yaml").read_text(encoding="utf-8").splitlines()
    assert source[:2] == [
        first.replace("./", "../../schemas/"),
        second.replace("./", "../../schemas/"),
    ]
    assert rest == source[2:]


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_it_wrote_runs(tmp_path, name):
    """Nothing but the folder is needed: not the repository, not a secret."""
    init(tmp_path / "job", name)
    rehearsal = rehearse_in_place(tmp_path / "job", tmp_path / "outbox")
    assert rehearsal.summary.exit_code == 0
    assert rehearsal.messages


def test_says_what_to_do_next(tmp_path, capsys):
    """People get the next three commands as they can be typed, on standard error."""
    folder = tmp_path / "with space"
    init(folder)
    out, err = capsys.readouterr()
    assert out == ""
    for command in ("mailbatch preview ", "mailbatch check ", "mailbatch run "):
        assert f"{command}'{folder / 'job.yaml'}'" in err


def test_quiet_says_nothing(tmp_path, capsys):
    """`--quiet` writes the files and no word."""
    assert init(tmp_path, quiet=True) == 0
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "job.yaml").is_file()


def test_overwrites_nothing(tmp_path, capsys):
    """A file that is there is named and stays; no other is written."""
    (tmp_path / "recipients.csv").write_text("email\nmine@example.com\n")
    assert init(tmp_path) == 2
    assert "already there: " + str(tmp_path / "recipients.csv") in capsys.readouterr().err
    assert files_of(tmp_path) == ["recipients.csv"]
    assert (tmp_path / "recipients.csv").read_text() == "email\nmine@example.com\n"


def test_names_a_few_of_many_files(tmp_path, capsys):
    """A second init into the same folder does not print the whole folder."""
    init(tmp_path, quiet=True)
    before = files_of(tmp_path)
    assert init(tmp_path) == 2
    error = capsys.readouterr().err
    in_the_way = len(before) - 1  # a .gitignore may be the repository's own
    assert f" and {in_the_way - 5} more" in error
    assert files_of(tmp_path) == before


def test_keeps_other_files_of_the_folder(tmp_path):
    """A folder that is not empty is fine as long as no name is taken."""
    (tmp_path / "notes.txt").write_text("mine")
    assert init(tmp_path, "notice") == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "job.yaml").is_file()


@pytest.mark.parametrize("folder", ["taken", "taken/below"])
def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path, capsys, folder):
    """The file is named and left as it is."""
    (tmp_path / "taken").write_text("mine")
    assert init(tmp_path / folder) == 74
    assert str(tmp_path / "taken") in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


def test_an_unknown_template_is_an_error_with_a_guess(tmp_path, capsys):
    """Nothing is written, and the nearest name is offered."""
    assert init(tmp_path, "newsleter") == 2
    error = capsys.readouterr().err
    assert "newsleter" in error
    assert "Did you mean newsletter?" in error
    assert files_of(tmp_path) == []


def test_a_template_is_a_name_not_a_path(tmp_path, capsys):
    """No folder beside the templates can be copied by a name with dots in it."""
    assert init(tmp_path, "../examples/quickstart") == 2
    assert "no template" in capsys.readouterr().err
    assert files_of(tmp_path) == []


def test_without_a_folder_it_says_how(capsys):
    """`init` alone does not write into the current folder."""
    assert init(None) == 2
    assert "name it, as in mailbatch init news" in capsys.readouterr().err


def test_lists_the_templates(capsys):
    """One line each on standard output: the name and the first line of its README."""
    assert init(list_templates=True) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert sorted(lines) == TEMPLATES
    for name, description in lines.items():
        readme = (ROOT / "templates" / name / "README.md").read_text(encoding="utf-8")
        assert readme.startswith(description + "\n")
        assert description.endswith(".")


FIND = "from mailbatch.cli.init import shipped; print(shipped('templates'))"


def find_templates(site):
    """Ask a copy of the package in `site` where its templates are."""
    return subprocess.run(
        [sys.executable, "-c", FIND],
        cwd=site,
        env={"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def site(tmp_path):
    """A folder with the package alone, as an installer leaves it."""
    package = tmp_path / "site" / "mailbatch"
    shutil.copytree(ROOT / "mailbatch", package, ignore=shutil.ignore_patterns("__pycache__"))
    return package.parent


def test_a_wheel_has_its_files_below_the_package(site):
    """What hatchling puts into mailbatch/shipped/ is found there."""
    (site / "mailbatch" / "shipped" / "templates").mkdir(parents=True)
    found = find_templates(site)
    assert found.stdout.strip() == str(site / "mailbatch" / "shipped" / "templates")


def test_a_checkout_has_them_beside_the_package(site):
    """An editable install points into the checkout, known by its pyproject.toml."""
    (site / "templates").mkdir()
    (site / "pyproject.toml").touch()
    assert find_templates(site).stdout.strip() == str(site / "templates")


def test_folders_of_other_packages_are_not_ours(site):
    """site-packages may have a folder templates/ that is somebody else's."""
    (site / "templates").mkdir()
    found = find_templates(site)
    assert found.returncode != 0
    assert "comes with mailbatch is not there" in found.stderr
