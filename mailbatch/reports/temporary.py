"""A temporary database: rows that are more than the memory should hold, on the disk until the end.

SQLite keeps the file without a name, so that nothing is left of a process that was killed.

    connection = temporary_database(cache_kib=8 * 1024)
    connection.execute("CREATE TABLE joined (delivery INTEGER, address TEXT)")

Tests: tests/reports/test_joining.py.
"""

from __future__ import annotations

import sqlite3

#: For a store that is attached, and that another program is writing.
_BUSY_SECONDS = 30.0


def temporary_database(*, cache_kib: int) -> sqlite3.Connection:
    """Make an empty database without a journal; `cache_kib` is the size of its page cache in KiB.

    Transactions are the caller's.

    Raises:
        sqlite3.Error: there is no place for the file.
    """
    connection = sqlite3.connect("", isolation_level=None, uri=True, timeout=_BUSY_SECONDS)
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    connection.execute("PRAGMA journal_mode=OFF")
    return connection
