"""Is the ledger what was written to it? What is damaged is refused, never guessed.

A ledger that was put away has a seal, the digest of its bytes, in its lock file: any other bytes,
and an older copy too, are refused. One whose run died is checked as a database, page by page, and
its journal:

A torn end of the journal is no damage: that is what a power loss leaves, and SQLite drops it. On
the same boot nothing can be torn but the last, uncommitted transaction, so a commit that SQLite
cannot reach, and that was whole once, means that bytes before it have changed. Source:
https://www.sqlite.org/fileformat2.html#walformat, https://www.sqlite.org/walformat.html.
This module must never change a file.
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
    """The seal of a ledger that is closed; None while its journal holds a part of it.

    Not for an open ledger: closing the file would drop SQLite's own locks on it (POSIX).
    """
    if has_commits(path):
        return None
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def check_seal(path: Path, expected: str) -> None:
    """Refuse a ledger that is not what its last run put away; a journal has to be looked at."""
    try:
        found = seal(path)
    except OSError as error:
        raise from_system(path, error) from error
    if found is not None and found != expected:
        raise unlike_its_seal(path)


def check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a ledger whose pages, values or indexes contradict each other; reads all of it."""
    for (finding,) in connection.execute("PRAGMA integrity_check(1)"):
        if finding != "ok":
            raise damaged(path, str(finding).strip())


def journal_size(path: Path) -> int:
    """How many bytes the journal of a ledger has; 0 if there is none."""
    try:
        return _journal(path).stat().st_size
    except OSError:
        return 0


def has_commits(path: Path) -> bool:
    """Say whether the journal of a ledger holds a commit that SQLite would lay over the file.

    A run that was killed before its first commit leaves a journal without one, which is nothing.
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
    """Refuse a journal in which a commit stands beyond what SQLite can read of it.

    Only for a journal of this boot: after a power loss its end may be torn in any way. `index` is
    SQLite's index of the journal, as a connection that has read the ledger left it.
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
    """The first commit that was whole once and cannot be read any more, as its frame.

    Checksums run through the journal: a frame that continues the one before it was written behind
    it, whole. A write that a process was killed in continues nothing; nor do frames of an older
    journal, which have other salts.
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
