"""The archive of a bundle: files in one piece, the same bytes for the same files, named by SHA-256.

    data = pack({"mailbatch.json": b"{}", "job/letter.txt.j2": b"Hello"})
    name = name_of(data)                  # 64 hex digits
    unpack(data, name, Path("/run/bundle"))

A tar without times, owners and modes, in the order of the names. An archive comes out of a database
or a folder, and is not trusted: anything but plain files below the folder is refused before a file
is written.
This module must never follow a link, nor look at the content of a file.
"""

from __future__ import annotations

import errno
import hashlib
import io
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from mailbatch.errors import LedgerError

#: The largest archive in a database, in bytes; a larger one lies in a folder (`folder`).
MOST_BYTES = 64 * 1024 * 1024


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of files, by their names with `/` between folders.

    >>> pack({"b": b"2", "a": b"1"}) == pack({"a": b"1", "b": b"2"})
    True
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    return packed.getvalue()


def name_of(data: bytes) -> str:
    """Return the name of an archive: its SHA-256 in hex digits."""
    return hashlib.sha256(data).hexdigest()


def unpack(data: bytes, name: str, folder: Path) -> None:
    """Write the files of an archive below a folder, which is there and empty.

    Raises:
        LedgerError: the archive is not the one with this name, or holds anything but plain files
            below the folder; or a file cannot be written (74).
    """
    if name_of(data) != name:
        raise _refused("its bytes are not those of its name")
    unpack_stream(io.BytesIO(data), len(data), folder)


def unpack_stream(stream: BinaryIO, size: int, folder: Path) -> None:
    """Write the files of an archive of so many bytes whose name was looked at already.

    Raises:
        LedgerError: as `unpack`.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for path, member in _members(archive, size).items():
                content = archive.extractfile(member)
                if content is None:
                    raise _refused(f"{member.name!r} is no plain file")
                _write(folder / path, content)
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise _refused(str(error) or type(error).__name__) from None


def _write(place: Path, content: IO[bytes]) -> None:
    """Write a file of an archive.

    Raises:
        LedgerError: the file cannot be written (74).
    """
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with place.open("xb") as file:
            shutil.copyfileobj(content, file)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _refused("a name of a file is too long") from None
        raise LedgerError(
            f"the bundle of the mailing cannot be unpacked: {error.strerror}",
            hint="make room in the folder for temporary files, or name another one (TMPDIR)",
        ) from None


def _members(archive: tarfile.TarFile, size: int) -> dict[PurePosixPath, tarfile.TarInfo]:
    """Return the members of an archive by path; each was looked at.

    Raises:
        LedgerError: a member is no plain file, or has no plain name.
    """
    found: dict[PurePosixPath, tarfile.TarInfo] = {}
    left = size
    for member in archive:
        if not member.isreg() or member.issparse():
            raise _refused(f"{member.name!r} is no plain file")
        left -= member.size
        path = _plain(member.name)
        if path in found or left < 0:
            raise _refused(f"{member.name!r} is there twice, or too large")
        found[path] = member
    folders = {folder for path in found for folder in path.parents}
    if folders & found.keys():
        raise _refused("a file stands in the place of a folder")
    return found


def _plain(name: str) -> PurePosixPath:
    """Return the path of a member below the folder.

    Raises:
        LedgerError: the name leads out of the folder, or is not written plainly.
    """
    path = PurePosixPath(name)
    plain = str(path) == name and path.parts and not path.is_absolute()
    if not plain or ".." in path.parts or "\\" in name or not name.isprintable():
        raise _refused(f"{name!r} is no name of a file below a folder")
    return path


def _refused(why: str) -> LedgerError:
    return LedgerError(
        f"the bundle of the mailing is not to be used: {why}",
        hint="somebody has changed the database; `mailbatch run` with the job file stores it again",
    )
