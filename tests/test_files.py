"""Files that take the place of others, and the places where that cannot be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mailbatch.errors import OutputError
from mailbatch.files import NotRegularFile, cannot_write, replacing, unwritable, write_text


def test_a_file_is_synced_before_its_name_and_its_name_behind_it(tmp_path, monkeypatch):
    """A power loss finds the old file, or all of the new one (fsync(2), rename(2))."""
    path, done = tmp_path / "news.txt", []
    path.write_text("old", encoding="utf-8")
    fsync = os.fsync

    def noted(fd):
        what = "folder" if os.path.samestat(os.fstat(fd), tmp_path.stat()) else "file"
        done.append((what, path.read_text(encoding="utf-8")))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    write_text(path, "new")
    assert done == [("file", "old"), ("folder", "new")]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "news.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError), replacing(path, encoding="ascii") as stream:
        stream.write("new, and no ASCII: ü")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_line_ends_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "news.txt", tmp_path / "latest.txt"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    write_text(link, "a\r\nb\n")
    assert path.read_bytes() == b"a\r\nb\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_leftovers_are_found_by_the_very_name(tmp_path):
    """Brackets in a name are no pattern: `news[48].txt` is not `news4.txt`."""
    path = tmp_path / "news[48].txt"
    mine, other = tmp_path / ".news[48].txt.dead.tmp", tmp_path / ".news4.txt.dead.tmp"
    for leftover in (mine, other):
        leftover.write_text("half", encoding="utf-8")
    write_text(path, "whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, other])


def test_a_folder_is_made_only_where_that_is_asked_for(tmp_path):
    path = tmp_path / "results" / "news.txt"
    with pytest.raises(FileNotFoundError):
        write_text(path, "text")
    with replacing(path, parents=True) as stream:
        stream.write("text")
    assert path.read_text(encoding="utf-8") == "text"


def test_only_a_regular_file_is_replaced(tmp_path):
    with pytest.raises(NotRegularFile) as caught:
        write_text(tmp_path, "text")
    said = unwritable(tmp_path / "link", caught.value, "--results")
    assert said.message == f"{tmp_path}: the file cannot be written: it is not a regular file"
    assert said.hint == "name a file that may be replaced"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space, or choose another --results"),
        (errno.EACCES, "make the folder writable for this user, or choose another --results"),
    ],
)
def test_a_failure_has_its_path_and_a_next_step(tmp_path, number, hint):
    """Another place helps against a missing right, and against a full disk."""
    path = tmp_path / "news.csv"
    failure = unwritable(path, OSError(number, os.strerror(number)), "--results")
    assert isinstance(failure, OutputError)
    assert (failure.exit_code, failure.hint) == (74, hint)
    assert failure.message == f"{path}: the file cannot be written: {os.strerror(number)}"


def test_a_folder_that_is_not_there_is_to_be_made(tmp_path):
    path = tmp_path / "absent" / "news.csv"
    failure = unwritable(path, OSError(errno.ENOENT, os.strerror(errno.ENOENT)), "--out")
    assert failure.hint == f"make the folder {path.parent}, or choose another --out"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space, or choose another --out"),
        (errno.EACCES, "choose another --out"),
    ],
)
def test_the_file_that_is_written_is_named_and_not_its_source(number, hint):
    """As by a copy, whose error names both."""
    error = OSError(number, os.strerror(number), "source.js", None, "gallery/source.js")
    failure = cannot_write(Path("gallery"), error, "--out")
    assert str(failure) == f"cannot write gallery/source.js: {os.strerror(number)}"
    assert (failure.exit_code, failure.hint) == (74, hint)
