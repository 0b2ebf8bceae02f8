"""The journal of the store: a write-ahead log only where SQLite is safe with several writers.

Two connections that write and checkpoint at once can lose a commit of a write-ahead log in every
SQLite before 3.51.3, but for 3.44.6 and 3.50.7, which were mended. A rollback journal has no such
fault. Source: https://sqlite.org/wal.html, "The WAL-Reset Bug".

Tests: tests/reports/test_store.py.
"""

from __future__ import annotations

_SAFE_FROM = (3, 51, 3)
_MENDED = ((3, 44, 6), (3, 50, 7))

WAL, ROLLBACK = "wal", "truncate"


def journal_mode(version: tuple[int, int, int]) -> str:
    """Return the journal mode for a version of SQLite.

    Example:
        >>> journal_mode((3, 40, 1))
        'truncate'
    """
    mended = any(first <= version < (first[0], first[1] + 1, 0) for first in _MENDED)
    return WAL if mended or version >= _SAFE_FROM else ROLLBACK
