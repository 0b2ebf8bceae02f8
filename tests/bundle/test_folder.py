"""The folder of large bundles: the bytes of the name come out, or a next step."""

import os
import tempfile

import pytest

from mailbatch.bundle.archive import name_of, pack
from mailbatch.bundle.folder import path_in, put, taken
from mailbatch.errors import JobError, LedgerError, OutputError

DATA = pack({"mailbatch.json": b"{}", "job/terms.pdf": bytes(3_000_000)})
NAME = name_of(DATA)


def test_a_bundle_is_put_whole_and_taken_as_it_was(tmp_path):
    path = put(tmp_path, NAME, DATA)
    assert [path] == list(tmp_path.iterdir())
    assert path.name == f"{NAME}.bundle"
    with taken(tmp_path, NAME, written="/there") as (stream, size):
        # What others do to the file meanwhile does not matter any more.
        path.write_bytes(b"other")
        assert (stream.read(), size) == (DATA, len(DATA))


def test_a_bundle_that_is_there_is_not_written_again(tmp_path):
    put(tmp_path, NAME, DATA)
    before = path_in(tmp_path, NAME).stat()
    put(tmp_path, NAME, DATA)
    assert path_in(tmp_path, NAME).stat().st_ino == before.st_ino


def test_a_bundle_with_other_bytes_is_written_again(tmp_path):
    path_in(tmp_path, NAME).write_bytes(DATA[:-1])
    put(tmp_path, NAME, DATA)
    with taken(tmp_path, NAME, written="/there") as (stream, _):
        assert stream.read() == DATA


def test_a_folder_that_takes_no_file_ends_the_run(tmp_path):
    with pytest.raises(OutputError, match=NAME) as no:
        put(tmp_path / "gone", NAME, DATA)
    assert no.value.exit_code == 74
    assert "--bundles" in no.value.hint


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path, make):
    make(path_in(tmp_path, NAME))
    with pytest.raises(OutputError, match="it is not a regular file"):
        put(tmp_path, NAME, DATA)
    assert "it is not a regular file" in refused(tmp_path)[0]


def refused(folder):
    with pytest.raises(JobError) as no, taken(folder, NAME, written="/srv/x.bundle"):
        pass
    assert no.value.exit_code == 78
    return f"{no.value}", no.value.hint


def test_a_worker_without_a_folder_is_told_to_name_one():
    words, hint = refused(None)
    assert "/srv/x.bundle" in words
    assert "--bundles DIR" in hint
    assert "MAILBATCH_BUNDLES" in hint


def test_a_worker_without_the_file_is_told_the_path(tmp_path):
    words, hint = refused(tmp_path)
    assert str(path_in(tmp_path, NAME)) in words
    assert "/srv/x.bundle" in hint


@pytest.mark.parametrize("there", [DATA[:-1], b"", DATA + b"\0", b"x" * len(DATA)])
def test_a_file_with_other_bytes_is_not_used(tmp_path, there):
    path_in(tmp_path, NAME).write_bytes(there)
    words, hint = refused(tmp_path)
    assert f"{path_in(tmp_path, NAME)}: " in words
    assert "other bytes" in words
    assert "/srv/x.bundle" in hint


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 65, "a/" * 32])
def test_a_name_that_is_none_of_a_bundle_opens_no_file(tmp_path, name):
    with (
        pytest.raises(LedgerError, match="a name that is none"),
        taken(tmp_path, name, written="/there"),
    ):
        pass


def test_no_room_for_the_copy_is_no_fault_of_the_folder(tmp_path, monkeypatch):
    put(tmp_path, NAME, DATA)
    monkeypatch.setattr(
        tempfile, "TemporaryFile", lambda: os.fdopen(os.open("/dev/full", os.O_RDWR), "r+b")
    )
    with (
        pytest.raises(LedgerError, match="cannot be copied: No space") as no,
        taken(tmp_path, NAME, written="/there"),
    ):
        pass
    assert (no.value.exit_code, "TMPDIR" in no.value.hint) == (74, True)
