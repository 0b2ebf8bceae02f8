"""The identity of a file, also on systems that know less of a file than this one."""

import os

import pytest

from mailbatch.ledger import inode
from mailbatch.ledger.inode import inode_of

BIRTH, MOUNT = inode._STATX_BTIME, inode._STATX_MNT_ID


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "file"
    made.write_text("x")
    return made


@pytest.fixture(autouse=True)
def _asked_anew():
    yield
    inode._statx.cache_clear()


def system(monkeypatch, mask, *, answer=0):
    """Let the system know of a file what `mask` says: born at 5.000000007, on mount 3."""

    def statx(_at, _name, _flags, wanted, into):
        assert wanted & mask == mask
        into[:] = inode._STATX.pack(mask, 5, 7, 3)
        return answer

    monkeypatch.setattr(inode, "_statx", lambda: statx)


def test_an_open_file_and_its_path_are_the_same_inode(file):
    with file.open() as opened:
        assert inode_of(opened.fileno()) == inode_of(file)


@pytest.mark.parametrize(
    ("mask", "birth", "mount"),
    [
        (BIRTH | MOUNT, "5.000000007", 3),
        (BIRTH, "5.000000007", 0),
        (MOUNT, None, 3),
        (0, None, 0),
    ],
)
def test_the_number_of_the_inode_stands_in_for_a_birth_that_is_not_known(
    monkeypatch, file, mask, birth, mount
):
    system(monkeypatch, mask)
    found, status = inode_of(file), file.stat()
    assert found.birth == (birth or str(status.st_ino))
    assert found.mount == f"{status.st_dev} {mount}"


def test_a_call_that_the_kernel_does_not_have_is_done_without(monkeypatch, file):
    system(monkeypatch, BIRTH, answer=-1)
    assert inode_of(file).birth == str(file.stat().st_ino)


def test_macos_says_the_birth_with_the_status(monkeypatch, file):
    status = file.stat()
    monkeypatch.setattr(inode, "_statx", lambda: None)
    assert inode._born_and_mounted(file, status) == (str(status.st_ino), 0)

    class Born:
        st_ino, st_birthtime = 9, 1.25

    assert inode._born_and_mounted(file, Born()) == ("9 1.25", 0)


def test_a_system_or_a_library_without_the_call_has_none(monkeypatch, file):
    import ctypes

    for place, name, other in (
        (os, "uname", lambda: type("Name", (), {"sysname": "Darwin"})),
        (ctypes, "CDLL", lambda _: object()),
    ):
        with monkeypatch.context() as patched:
            inode._statx.cache_clear()
            patched.setattr(place, name, other)
            assert inode._statx() is None
            assert inode_of(file).birth == str(file.stat().st_ino)
