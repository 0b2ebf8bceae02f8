"""Is the ledger what was written to it? What is damaged is refused, never guessed.

A ledger that was put away has a seal, the digest of its bytes, in its lock file: any other bytes,
and an older copy too, are refused. One whose run died is checked as a database, page by page, and
its journal:

A torn end of the journal is no damage: that is what a power loss leaves, and SQLite drops it. On
the same boot nothing can be torn but the last, uncommitted transaction, so a commit that SQLite
cannot reach means that bytes before it have changed. Source:
https://www.sqlite.org/fileformat2.html#walformat.
This module must never change a file.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from pathlib import Path

from mailbatch.errors import LedgerError
from mailbatch.ledger.failure import damaged, from_system

_JOURNAL_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, salts, checksums
_FRAME_HEADER = struct.Struct(">6I")  # page, pages after a commit (else 0), salts, checksums
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # the byte order of the checksums


def seal(path: Path) -> str | None:
    """The seal of a ledger that is closed; None while its journal holds a part of it.

    Not for an open ledger: closing the file would drop SQLite's own locks on it (POSIX).
    """
    if journal_size(path):
        return None
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def check_seal(path: Path, expected: str, lock: Path) -> None:
    """Refuse a ledger that is not what its last run put away."""
    try:
        found = seal(path)
    except OSError as error:
        raise from_system(path, error) from error
    if found is not None and found != expected:
        raise LedgerError(
            f"{path}: the ledger is damaged, or an older copy: "
            "it is not what its last run put away",
            hint="put back the file that the last run left. If this is all there is, removing "
            f"{lock} goes on from it, and whoever was mailed since will be mailed again",
        )


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


def check_journal(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a journal with a commit beyond what SQLite can read of it.

    Only for a journal of this boot: after a power loss its end may be torn in any way.
    """
    journal = _journal(path)
    # A passive checkpoint copies what is valid and waits for nobody; it tells how much that is.
    valid = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    try:
        with journal.open("rb") as stream:
            head = stream.read(_JOURNAL_HEADER.size)
            if len(head) < _JOURNAL_HEADER.size:
                return
            _magic, _version, page_size, _checkpoint, *salts, _sum1, _sum2 = _JOURNAL_HEADER.unpack(
                head
            )
            if not _is_intact(head):
                raise damaged(path, f"the header of its journal {journal} has changed")
            size = _FRAME_HEADER.size + page_size
            frame = max(valid, 0)
            while True:
                stream.seek(_JOURNAL_HEADER.size + frame * size)
                head = stream.read(_FRAME_HEADER.size)
                if len(head) < _FRAME_HEADER.size:
                    return
                _page, commit, *found, _sum1, _sum2 = _FRAME_HEADER.unpack(head)
                # Other salts: a frame from before the journal was begun anew.
                whole = stream.seek(0, 2) >= _JOURNAL_HEADER.size + (frame + 1) * size
                if found == salts and commit and whole:
                    raise damaged(
                        path, f"its journal {journal} has changed before frame {frame + 1}"
                    )
                frame += 1
    except FileNotFoundError:
        return


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _is_intact(head: bytes) -> bool:
    order = _MAGIC.get(struct.unpack_from(">I", head)[0])
    if order is None:
        return False
    first = second = 0
    words = struct.unpack_from(f"{order}6I", head)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return (first, second) == struct.unpack_from(">2I", head, 24)
