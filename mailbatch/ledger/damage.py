"""The check that a ledger is what was written to the disk: damage is refused, never guessed around.

A ledger that was put away has a seal in the lock file, the digest of all bytes: any other bytes are
refused, those of an older copy, too. A ledger whose run died is checked as a database, page by
page, together with the journal.

A torn end of the journal is no damage: a power loss leaves one, and SQLite drops the torn part. On
the same boot only the last, uncommitted transaction can be torn. A commit that was whole once and
that SQLite cannot reach means that bytes before the commit have changed. Source:
https://www.sqlite.org/fileformat2.html#walformat, https://www.sqlite.org/walformat.html. This
module must never change a file.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from pathlib import Path
from typing import BinaryIO

from mailbatch.ledger.failure import damaged, from_system, unlike_its_seal

_JOURNAL_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, salts, checksums
_FRAME_HEADER = struct.Struct(">6I")  # page, pages after a commit (else 0), salts, checksums
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # the byte order of the checksums
_FRAMES = struct.Struct("=16xI")  # of the journal's index: how many frames are valid


def seal(path: Path) -> str | None:
    """Return the seal of a closed ledger; None while the journal holds a part of the ledger.

    Never for an open ledger: closing the file would drop SQLite's own locks on the file (POSIX).
    """
    if has_commits(path):
        return None
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def check_seal(path: Path, expected: str) -> None:
    """Refuse a ledger whose bytes differ from the seal; raises LedgerError (74)."""
    try:
        found = seal(path)
    except OSError as error:
        raise from_system(path, error) from error
    if found is not None and found != expected:
        raise unlike_its_seal(path)


def check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a ledger whose pages, values or indexes contradict each other; reads every page."""
    for (finding,) in connection.execute("PRAGMA integrity_check(1)"):
        if finding != "ok":
            raise damaged(path, str(finding).strip())


def journal_size(path: Path) -> int:
    """Return the size of a ledger's journal in bytes; 0 if there is none.

    >>> journal_size(Path("none.sqlite3"))
    0
    """
    try:
        return _journal(path).stat().st_size
    except OSError:
        return 0


def has_commits(path: Path) -> bool:
    """Say whether the journal of a ledger holds a commit that SQLite would lay over the file.

    A run that was killed before its first commit leaves a journal without a commit: nothing.
    """
    if not journal_size(path):
        return False
    with _journal(path).open("rb") as stream:
        head = stream.read(_JOURNAL_HEADER.size)
        if len(head) < _JOURNAL_HEADER.size:
            return False
        magic, _version, page_size, _checkpoint, *salts, _sum1, _sum2 = _JOURNAL_HEADER.unpack(head)
        order = _MAGIC.get(magic)
        sums = _sums(head, 24)
        if order is None or _checksum(order, head[:24], (0, 0)) != sums:
            return False
        size = _FRAME_HEADER.size + page_size
        while len(data := stream.read(size)) == size:
            _page, commit, *found, _sum1, _sum2 = _FRAME_HEADER.unpack_from(data)
            sums = _checksum(order, data[:8] + data[_FRAME_HEADER.size :], sums)
            if found != salts or sums != _sums(data, 16):
                return False
            if commit:
                return True
    return False


def check_journal(path: Path, index: BinaryIO) -> None:
    """Refuse a journal in which a commit stands beyond the part that SQLite can read.

    Only for a journal of this boot: a power loss may tear the end of a journal in any way. `index`
    is SQLite's index of the journal, as a connection that has read the ledger left the index.
    """
    index.seek(0)
    (valid,) = _FRAMES.unpack(index.read(_FRAMES.size))
    journal = _journal(path)
    try:
        stream = journal.open("rb")
    except FileNotFoundError:
        return
    with stream:
        head = stream.read(_JOURNAL_HEADER.size)
        if len(head) < _JOURNAL_HEADER.size:
            return
        magic, _version, page_size, _checkpoint, *salts, _sum1, _sum2 = _JOURNAL_HEADER.unpack(head)
        order = _MAGIC.get(magic)
        if order is None or _checksum(order, head[:24], (0, 0)) != _sums(head, 24):
            raise damaged(path, f"the header of its journal {journal} has changed")
        frame = _unreachable_commit(stream, order, page_size, salts, after=valid)
        if frame is not None:
            raise damaged(path, f"its journal {journal} has changed before frame {frame + 1}")


def _unreachable_commit(
    stream: BinaryIO, order: str, page_size: int, salts: list[int], *, after: int
) -> int | None:
    """Return the frame of the first commit that was whole once and is unreachable now; else None.

    Checksums run through the journal: a frame that continues its predecessor was written behind the
    predecessor, whole. A write that a process was killed in continues nothing; nor do frames of an
    older journal, which have other salts.
    """
    size = _FRAME_HEADER.size + page_size
    stream.seek(_JOURNAL_HEADER.size + max(after - 1, 0) * size)
    before = stream.read(size) if after else b""
    frame = after
    while len(data := stream.read(size)) == size:
        _page, commit, *found, _sum1, _sum2 = _FRAME_HEADER.unpack_from(data)
        if commit and found == salts and before:
            said = data[:8] + data[_FRAME_HEADER.size :]
            if _checksum(order, said, _sums(before, 16)) == _sums(data, 16):
                return frame
        before, frame = data, frame + 1
    return None


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _sums(data: bytes, place: int) -> tuple[int, int]:
    first, second = struct.unpack_from(">2I", data, place)
    return first, second


def _checksum(order: str, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
