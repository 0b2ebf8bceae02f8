"""Is the ledger what was written to it? What is damaged is refused, never guessed.

A torn end of the journal is no damage: that is what a power loss leaves, and SQLite drops it. On
the same boot nothing can be torn but the last, uncommitted transaction, so a commit that SQLite
cannot reach means that bytes before it have changed. Source:
https://www.sqlite.org/fileformat2.html#walformat.
This module must never change a file.
"""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

from mailbatch.ledger.failure import damaged

_JOURNAL_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, salts, checksums
_FRAME_HEADER = struct.Struct(">6I")  # page, pages after a commit (else 0), salts, checksums
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # the byte order of the checksums


def check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a ledger whose pages, or whose values, break its own schema; reads all of it once."""
    for (finding,) in connection.execute("PRAGMA quick_check(1)"):
        if finding != "ok":
            raise damaged(path, str(finding).strip())


def check_journal(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a journal with a commit beyond what SQLite can read of it.

    Only for a journal of this boot: after a power loss its end may be torn in any way.
    """
    journal = path.with_name(path.name + "-wal")
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
