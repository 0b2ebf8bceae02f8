"""SQLite's and the system's failures in the words of the store: no other leaves this room.

Tests: tests/reports/test_store.py.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailbatch.errors import MORE_FILES, StoreError, too_many_open_files

_SPACE = "free some space; what was kept so far stands, and nothing is lost that was acknowledged"
_RIGHTS = "make the store and its folder writable for this user, or set --store"
_HINTS = {
    "FULL": _SPACE,
    "READONLY": _RIGHTS,
    "PERM": _RIGHTS,
    "CANTOPEN": _RIGHTS,
    "BUSY": "another program has the store open for writing: close it, then try again",
    "LOCKED": "another program has the store open for writing: close it, then try again",
    "IOERR": "look at the disk and its file system, then try again",
    "CORRUPT": "restore the store from a copy, or start a new one and pull or read again",
    "NOTADB": "set --store to a store of reports, or to a file that is not there yet",
    "PROTOCOL": "keep the store on a local disk (--store): this file system cannot lock it",
}
_ERRNO_HINTS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EACCES: _RIGHTS,
    errno.EROFS: _RIGHTS,
}


def from_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    """Return the failure of SQLite with a file in the words of the store."""
    name = getattr(error, "sqlite_errorname", None) or ""
    primary = name.removeprefix("SQLITE_").split("_")[0]
    return StoreError(f"{path}: {error}", hint=_HINTS.get(primary))


@contextmanager
def as_store_error(path: Path) -> Iterator[None]:
    """Turn a failure of SQLite or of the system into a `StoreError` (74) that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise from_sqlite(path, error) from error
    except OSError as error:
        hint = MORE_FILES if too_many_open_files(error) else _ERRNO_HINTS.get(error.errno or 0)
        raise StoreError(f"{path}: {error.strerror or error}", hint=hint) from error
