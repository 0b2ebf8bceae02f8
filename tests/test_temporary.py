"""Folders of temporary files, and those that killed processes have left."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mailbatch.temporary import temporary_folder

_HOLD = """
from mailbatch.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "rows.csv").write_text("ann@example.com")
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Return the folder of temporary files of this test and of its processes."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder():
    """Return another process that has a temporary folder, and the name of the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_ends_with_its_block(place):
    with temporary_folder() as folder:
        (folder / "in").mkdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(place.iterdir()) == []


def test_a_block_that_fails_leaves_no_folder(place):
    with pytest.raises(ZeroDivisionError), temporary_folder():
        raise ZeroDivisionError
    assert list(place.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next(holder):
    process, left = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(left.iterdir()) == [left / "rows.csv"]
    with temporary_folder():
        assert not left.exists()


def test_the_folder_of_a_living_process_stays(holder):
    _, held = holder
    with temporary_folder():
        assert list(held.iterdir()) == [held / "rows.csv"]


def test_nothing_else_is_removed(place):
    elsewhere = place / "kept"
    elsewhere.mkdir()
    link = place / "mailbatch-tmp-link"
    link.symlink_to(elsewhere)
    (place / "mailbatch-tmp-file").write_text("a file")
    (place / "mailbatch-other").mkdir()
    with temporary_folder():
        pass
    assert sorted(path.name for path in place.iterdir()) == [
        "kept", "mailbatch-other", "mailbatch-tmp-file", "mailbatch-tmp-link",
    ]  # fmt: skip


def test_a_folder_that_another_process_removes_before_it_has_a_lock_is_made_again(monkeypatch):
    make, made = tempfile.mkdtemp, []

    def make_and_lose(**more):
        made.append(Path(make(**more)))
        if len(made) < 3:
            made[-1].rmdir()
        return str(made[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_lose)
    with temporary_folder() as folder:
        assert folder == made[2]
        assert folder.is_dir()
