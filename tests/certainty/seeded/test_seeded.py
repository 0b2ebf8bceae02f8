"""The suite notices: each known bug, seeded into a copy of the code, makes its tests fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certainty.seeded.bugs import BUGS, Bug

REPOSITORY = Path(__file__).parents[3]
#: What the tests need of the repository.
COPIED = ("mailbatch", "tests", "schemas", "templates", "pyproject.toml")
FAILED = 1  # pytest's exit code where tests ran and some of them failed


def copy_to(folder: Path) -> Path:
    """Copy the code and the tests."""
    for name in COPIED:
        source, target = REPOSITORY / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, target)
    return folder


def run_tests(folder: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run tests of a copy against the code of that copy."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *("-p", "no:randomly", "--basetemp", str(folder / "tmp"), *tests),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=1800,  # a run that hangs; a busy machine takes its time
        check=False,
    )


def seed(folder: Path, bug: Bug) -> None:
    """Change the copy; each text that is replaced must stand there once."""
    for edit in bug.edits:
        path = folder / "mailbatch" / edit.file
        text = path.read_text(encoding="utf-8")
        assert text.count(edit.old) == 1, f"{edit.file} has {text.count(edit.old)} of {edit.old!r}"
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def test_every_bug_can_be_seeded(tmp_path):
    """What they replace is still there; this runs always, so that the table does not grow old."""
    for number, bug in enumerate(BUGS):
        folder = tmp_path / str(number)
        for edit in bug.edits:
            (folder / "mailbatch" / edit.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / "mailbatch" / edit.file, folder / "mailbatch" / edit.file)
        seed(folder, bug)
        for edit in bug.edits:
            path = folder / "mailbatch" / edit.file
            if path.suffix == ".py":
                compile(path.read_text(encoding="utf-8"), str(path), "exec")
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.seeded
def test_the_copy_as_it_is_passes(tmp_path):
    """The tests that must fail below do so because of the bugs, and of nothing else."""
    tests = tuple(dict.fromkeys(test for bug in BUGS for test in bug.tests))
    ended = run_tests(copy_to(tmp_path), tests)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "skipped" not in ended.stdout


@pytest.mark.seeded
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_known_bug_is_noticed(tmp_path, bug):
    """Its tests fail: not in their collection, and not by the clock."""
    folder = copy_to(tmp_path)
    seed(folder, bug)
    ended = run_tests(folder, bug.tests)
    assert ended.returncode == FAILED, f"{bug.whose}\n{ended.stdout}{ended.stderr}"
