"""The deliveries of an edition, indexed by the names that reports use.

Rows stream in once, from any ledger, into a temporary database that SQLite keeps on the disk: a
million rows take no memory to speak of, and a delivery is found in some microseconds. This module
must never open a ledger, and never keep anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, Self

from mailbatch.envelope import address_key
from mailbatch.report_token import LENGTH
from mailbatch.reports.failure import as_store_error, from_sqlite
from mailbatch.reports.joining import MailedDelivery
from mailbatch.reports.temporary import temporary_database

_CACHE_KIB = 16 * 1024
_TEMPORARY = Path("the temporary database of the deliveries")
#: Deliveries to many recipients are asked for again and again.
_KEPT = 64


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

    A name that several deliveries share finds no delivery: any choice would be a guess.
    """

    def __init__(
        self, rows: Iterable[MailedRow], *, bulk_id: str | None = None, has_copies: bool = False
    ) -> None:
        """Take the rows in; those without a Message-ID have no delivery that was attempted.

        `bulk_id` is the name of the mailing, None where there is none, or several. `has_copies`
        says that envelopes may hold addresses of Cc and Bcc.

        Raises:
            StoreError: there is no place for the index (74).
        """
        self._bulk_id = bulk_id
        self._has_copies = has_copies
        with as_store_error(_TEMPORARY):
            self._connection = temporary_database(cache_kib=_CACHE_KIB)
            execute = self._connection.execute
            execute(
                "CREATE TABLE mailed (id INTEGER PRIMARY KEY, ours TEXT, server TEXT, key TEXT,"
                " email TEXT)"
            )
            execute("BEGIN")
            self._connection.executemany(
                "INSERT INTO mailed (ours, server, key, email) VALUES (?, ?, ?, ?)",
                (
                    (row.header_message_id, row.message_id, address_key(row.email), row.email)
                    for row in rows
                    if row.header_message_id
                ),
            )
            execute("CREATE INDEX by_ours ON mailed (ours)")
            execute("CREATE INDEX by_server ON mailed (server) WHERE server IS NOT NULL")
            execute("CREATE INDEX by_key ON mailed (key)")
            execute("COMMIT")
        self._delivery = lru_cache(_KEPT)(self._load)

    def by_token(self, token: str) -> MailedDelivery | None:
        """Return the delivery whose Message-ID begins with a token."""
        if len(token) != LENGTH:
            return None
        # "~" sorts behind every character of a Message-ID's local part that mailbatch writes.
        return self._only("ours >= ? AND ours < ?", token, f"{token}~")

    def by_message_id(self, message_id: str) -> MailedDelivery | None:
        """Return the delivery that the server gave an id to."""
        return self._only("server = ?", message_id)

    def by_header_message_id(self, message_id: str) -> MailedDelivery | None:
        """Return the delivery with a Message-ID, which has no angle brackets here."""
        return self._only("ours = ?", message_id)

    def by_bulk_id(self, bulk_id: str, key: str) -> Sequence[MailedDelivery]:
        """Return the deliveries to an address (as a key), if the bulk id is the edition's."""
        if bulk_id != self._bulk_id:
            return ()
        return [self._delivery(ours) for _, ours, _ in self._rows("key = ? GROUP BY ours", key)]

    def names_of(self, delivery: int, key: str) -> tuple[str, str]:
        """Return the address, as on the wire, and our Message-ID of a recipient of a delivery."""
        query = (
            "SELECT email, ours FROM mailed WHERE key = ?"
            " AND ours = (SELECT ours FROM mailed WHERE id = ?)"
        )
        with as_store_error(_TEMPORARY):
            email, ours = self._connection.execute(query, (key, delivery)).fetchone()
        return email, ours

    def _only(self, where: str, *names: str) -> MailedDelivery | None:
        """Return the delivery that some rows are of; None where there is none, or several."""
        rows = self._rows(f"{where} LIMIT 2", *names)
        if len(rows) == 1:  # by far the most
            number, _, key = rows[0]
            return MailedDelivery(number, frozenset((key,)), self._has_copies)
        found = rows and self._rows(f"{where} GROUP BY ours LIMIT 2", *names)
        return self._delivery(found[0][1]) if len(found) == 1 else None

    def _rows(self, where: str, *names: str) -> list[tuple[int, str, str]]:
        try:  # `as_store_error` would cost a third of the query again, for each report
            return self._connection.execute(
                f"SELECT id, ours, key FROM mailed WHERE {where}",  # noqa: S608
                names,
            ).fetchall()
        except sqlite3.Error as error:
            raise from_sqlite(_TEMPORARY, error) from error

    def _load(self, ours: str) -> MailedDelivery:
        rows = self._rows("ours = ? ORDER BY id", ours)
        recipients = frozenset(key for _, _, key in rows)
        return MailedDelivery(rows[0][0], recipients, self._has_copies)

    def close(self) -> None:
        """Remove the index; without effect the second time."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
