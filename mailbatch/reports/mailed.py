"""The deliveries of an edition, indexed by the names that reports use.

Rows stream in once, from any ledger, into a temporary database that SQLite keeps on the disk: a
million rows take no memory to speak of, and a delivery is found in some microseconds. A name that
no report of the edition uses gets no index. This module must never open a ledger, and never keep
anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, Self

from mailbatch.envelope import address_key
from mailbatch.report_token import is_token, token_of
from mailbatch.reports.failure import as_store_error, from_sqlite
from mailbatch.reports.joining import MailedDelivery
from mailbatch.reports.temporary import temporary_database

_CACHE_KIB = 48 * 1024
_TEMPORARY = Path("the temporary database of the deliveries")
#: Deliveries to many recipients are asked for again and again.
_KEPT = 64
#: A name of a report, and the columns of its index: a look there finds the row of a recipient.
_INDEXES = {"token": "token, key", "server": "server, key", "ours": "ours, key", "key": "key"}


#: The rows, `server` being the server's name for a message; the editions with the bulk ids; and the
#: names that several deliveries share.
_TABLES = (
    """
    CREATE TABLE mailed (id INTEGER PRIMARY KEY, mailing INTEGER NOT NULL, token TEXT,
      ours TEXT NOT NULL, server TEXT, key TEXT NOT NULL, email TEXT)
    """,
    "CREATE TABLE mailing (id INTEGER PRIMARY KEY, bulk_id TEXT)",
    "CREATE TABLE shared (name, value, PRIMARY KEY (name, value)) WITHOUT ROWID",
)

_INSERT = "INSERT INTO mailed (mailing, token, ours, server, key, email) VALUES (?, ?, ?, ?, ?, ?)"


class MailedRow(Protocol):
    """The part of a row of the results that a join looks at."""

    @property
    def email(self) -> str:
        """The address, as on the wire."""

    @property
    def message_id(self) -> str | None:
        """The server's name for the message; None where the server told none."""

    @property
    def header_message_id(self) -> str | None:
        """Our Message-ID without angle brackets; None where no attempt was made."""


class MailedEdition:
    """The attempted deliveries of one edition; a context, at the end of which the index is gone.

    A name that several deliveries share finds no delivery: any choice would be a guess. Further
    editions may be added. The rows stand in the tables of `connection`.
    """

    def __init__(
        self,
        rows: Iterable[MailedRow] = (),
        *,
        bulk_id: str | None = None,
        has_copies: bool = False,
    ) -> None:
        """Take the rows in; those without a Message-ID have no delivery that was attempted.

        `bulk_id` is the name of the mailing, None where there is none, or several. `has_copies`
        says that envelopes may hold addresses of Cc and Bcc.

        Raises:
            StoreError: there is no place for the index (74).
        """
        self._has_copies = has_copies
        self._indexed: set[str] = set()
        with as_store_error(_TEMPORARY):
            self.connection = temporary_database(cache_kib=_CACHE_KIB)
            for table in _TABLES:
                self.connection.execute(table)
        self._delivery = lru_cache(_KEPT)(self._load)
        self.add(rows, bulk_id=bulk_id)

    def add(self, rows: Iterable[MailedRow], *, bulk_id: str | None) -> None:
        """Take the rows of an edition in, before any delivery is asked for.

        Raises:
            StoreError: there is no place for the rows (74).
        """
        with as_store_error(_TEMPORARY):
            execute = self.connection.execute
            number = execute("INSERT INTO mailing (bulk_id) VALUES (?)", (bulk_id,)).lastrowid
            execute("BEGIN")
            self.connection.executemany(
                _INSERT,
                (
                    (number, *_names(row.header_message_id, row.message_id, row.email))
                    for row in rows
                    if row.header_message_id
                ),
            )
            execute("COMMIT")

    def index(self, name: str) -> None:
        """Make the index of a column of `mailed`, and note which names deliveries share; once.

        Raises:
            StoreError: there is no place for the index (74).
        """
        if name in self._indexed:
            return
        self._indexed.add(name)
        with as_store_error(_TEMPORARY):
            execute = self.connection.execute
            execute(f"CREATE INDEX by_{name} ON mailed ({_INDEXES[name]}) WHERE {name} IS NOT NULL")
            execute(
                f"INSERT INTO shared SELECT '{name}', {name} FROM mailed WHERE {name} IN"  # noqa: S608
                f" (SELECT {name} FROM mailed WHERE {name} IS NOT NULL"
                f" GROUP BY {name} HAVING count(*) > 1)"
                f" GROUP BY {name} HAVING min(ours) <> max(ours)"
            )

    def by_token(self, token: str) -> MailedDelivery | None:
        """Return the delivery whose Message-ID begins with a token."""
        return self._only("token", token)

    def by_message_id(self, message_id: str) -> MailedDelivery | None:
        """Return the delivery that the server gave an id to."""
        return self._only("server", message_id)

    def by_header_message_id(self, message_id: str) -> MailedDelivery | None:
        """Return the delivery with a Message-ID, which has no angle brackets here."""
        return self._only("ours", message_id)

    def by_bulk_id(self, bulk_id: str, key: str) -> Sequence[MailedDelivery]:
        """Return the deliveries to an address (as a key), if the bulk id is the edition's."""
        rest = "AND mailing IN (SELECT id FROM mailing WHERE bulk_id = ?) GROUP BY ours"
        return [self._delivery(ours) for _, ours, _ in self._rows("key", rest, key, bulk_id)]

    def names_of(self, delivery: int, key: str) -> tuple[str, str]:
        """Return the address, as on the wire, and our Message-ID of a recipient of a delivery."""
        one = "SELECT coalesce(email, key), ours, key FROM mailed WHERE id = ?"
        with as_store_error(_TEMPORARY):
            email, ours, own = self.connection.execute(one, (delivery,)).fetchone()
        if own != key:
            self.index("ours")
            other = "SELECT coalesce(email, key) FROM mailed WHERE ours = ? AND key = ?"
            with as_store_error(_TEMPORARY):
                (email,) = self.connection.execute(other, (ours, key)).fetchone()
        return email, ours

    def _only(self, name: str, value: str) -> MailedDelivery | None:
        """Return the delivery that some rows are of; None where there is none, or several."""
        rows = self._rows(name, "LIMIT 2", value)
        if len(rows) == 1:  # by far the most
            number, _, key = rows[0]
            return MailedDelivery(number, frozenset((key,)), self._has_copies)
        found = rows and self._rows(name, "GROUP BY ours LIMIT 2", value)
        return self._delivery(found[0][1]) if len(found) == 1 else None

    def _rows(self, name: str, rest: str, *values: str) -> list[tuple[int, str, str]]:
        self.index(name)
        try:  # `as_store_error` would cost a third of the query again, for each report
            return self.connection.execute(
                f"SELECT id, ours, key FROM mailed WHERE {name} = ? {rest}",  # noqa: S608
                values,
            ).fetchall()
        except sqlite3.Error as error:
            raise from_sqlite(_TEMPORARY, error) from error

    def _load(self, ours: str) -> MailedDelivery:
        rows = self._rows("ours", "ORDER BY id", ours)
        recipients = frozenset(key for _, _, key in rows)
        return MailedDelivery(rows[0][0], recipients, self._has_copies)

    def close(self) -> None:
        """Remove the index; without effect the second time."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _names(ours: str, server: str | None, email: str) -> tuple[str | None, ...]:
    token, key = token_of(ours), address_key(email)
    return token if is_token(token) else None, ours, server, key, None if email == key else email
