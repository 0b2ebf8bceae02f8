"""The archive of a bundle: the same bytes for the same files, and nothing hostile comes out."""

import io
import tarfile

import pytest

from mailbatch.bundle.archive import MOST_BYTES, name_of, pack, unpack
from mailbatch.errors import LedgerError

FILES = {"mailbatch.json": b"{}", "job/a.txt": b"Hello", "job/Größe/b.txt": b"", "job/b": b"\0\xff"}


def hostile(*members):
    """Return an archive of members that `pack` does not make: (name, type, content)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(content), "/etc/passwd"
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def test_the_same_files_have_the_same_bytes_and_come_out_as_they_were(tmp_path):
    data = pack(FILES)
    assert pack(dict(reversed(FILES.items()))) == data
    unpack(data, name_of(data), tmp_path)
    found = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert {name: (tmp_path / name).read_bytes() for name in found} == FILES


def test_other_bytes_than_those_of_the_name_are_refused(tmp_path):
    data = pack(FILES)
    changed = data.replace(b"Hello", b"Hullo")
    with pytest.raises(LedgerError, match="not those of its name"):
        unpack(changed, name_of(data), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("job/../../outside", tarfile.REGTYPE),
        ("/etc/cron.d/mail", tarfile.REGTYPE),
        ("job//a.txt", tarfile.REGTYPE),
        ("./a.txt", tarfile.REGTYPE),
        ("", tarfile.REGTYPE),
        ("job\\..\\outside", tarfile.REGTYPE),
        ("job/a\u202etxt", tarfile.REGTYPE),
        ("job/link", tarfile.SYMTYPE),
        ("job/link", tarfile.LNKTYPE),
        ("job/device", tarfile.CHRTYPE),
        ("job/pipe", tarfile.FIFOTYPE),
        ("job", tarfile.DIRTYPE),
    ],
)
def test_anything_but_a_plain_file_below_the_folder_is_refused(tmp_path, name, kind):
    folder = tmp_path / "folder"
    folder.mkdir()
    content = b"x" if kind == tarfile.REGTYPE else b""
    data = hostile(("job/fine.txt", tarfile.REGTYPE, b"fine"), (name, kind, content))
    with pytest.raises(LedgerError, match="is not to be used"):
        unpack(data, name_of(data), folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.parametrize(
    "members",
    [
        [("a", tarfile.REGTYPE, b"1"), ("a", tarfile.REGTYPE, b"2")],
        [("a", tarfile.REGTYPE, b"1"), ("a/b", tarfile.REGTYPE, b"2")],
    ],
)
def test_names_that_stand_in_each_others_place_are_refused(tmp_path, members):
    data = hostile(*members)
    with pytest.raises(LedgerError, match="is not to be used"):
        unpack(data, name_of(data), tmp_path)


def test_a_size_that_no_bundle_has_is_refused_before_a_byte_is_read(tmp_path):
    member = tarfile.TarInfo("large")
    member.size = MOST_BYTES + 1
    data = member.tobuf() + bytes(2 * tarfile.BLOCKSIZE)
    with pytest.raises(LedgerError, match="too large"):
        unpack(data, name_of(data), tmp_path)


@pytest.mark.parametrize("data", [b"", b"PK\3\4" * 200, b"\x1f\x8b" + bytes(600)])
def test_bytes_that_are_no_archive_are_refused(tmp_path, data):
    with pytest.raises(LedgerError, match="is not to be used"):
        unpack(data, name_of(data), tmp_path)


@pytest.mark.parametrize("name", ["a" * 300, "/".join("a" * 3000)])
def test_a_name_that_no_file_has_is_refused(tmp_path, name):
    data = pack({name: b"x"})
    with pytest.raises(LedgerError, match="too long"):
        unpack(data, name_of(data), tmp_path)


def test_a_folder_without_room_is_no_fault_of_the_bundle(tmp_path):
    data = pack({"a": b"x"})
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot be unpacked") as no:
        unpack(data, name_of(data), tmp_path / "file")
    assert "TMPDIR" in no.value.hint
