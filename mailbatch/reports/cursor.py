"""The cursor of a pull: how far the pages of a question were fetched and kept.

A cursor is written in the commit that keeps its page, so that a pull that died goes on behind the
last page that is on the disk. A question without an entry was never asked, or was answered whole.

Tests: tests/pull/test_pulling.py.
"""

from __future__ import annotations

import sqlite3

from mailbatch.frozen import frozen

#: The table of cursors, which stores of version 1 lack.
PULLS = """
CREATE TABLE IF NOT EXISTS pull (
  question TEXT PRIMARY KEY,
  cursor   TEXT NOT NULL,
  at       REAL NOT NULL
) WITHOUT ROWID
"""


@frozen
class Cursor:
    """The cursor behind the last page that was kept of a `question` (a URL without secrets).

    `value` is the provider's name of the next page, empty behind the last one. `at` is the time of
    the page in seconds since the epoch.
    """

    question: str
    value: str
    at: float


def write_cursor(connection: sqlite3.Connection, cursor: Cursor) -> None:
    """Write a cursor within the open transaction; one behind the last page removes the entry."""
    connection.execute("DELETE FROM pull WHERE question = ?", (cursor.question,))
    if cursor.value:
        row = cursor.question, cursor.value, cursor.at
        connection.execute("INSERT INTO pull (question, cursor, at) VALUES (?, ?, ?)", row)


def read_cursor(connection: sqlite3.Connection, question: str) -> Cursor | None:
    """Return the cursor of a question; None where there is none."""
    query = "SELECT question, cursor, at FROM pull WHERE question = ?"
    row = connection.execute(query, (question,)).fetchone()
    return None if row is None else Cursor(*row)
