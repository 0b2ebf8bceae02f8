"""The forgetting of a person: address, cells and words go from a ledger, figures and digests stay.

    with Ledger.reopen(path) as ledger:
        found = ledger.forgetting().look("ann@example.com")     # Traces(rows=2, in_doubt=0, ...)
        ledger.forgetting().forget("ann@example.com")

The rows stay, under an alias (`forgotten`): whether and when the person was mailed, the reply code,
the digest of the message. Then the file is written anew (VACUUM), and the journal emptied, so that
no free page holds an old text. The first commit notes that this is under way, so that a process
that dies is followed by one that goes on. This module must never lose a row, nor make one due.

Tests: tests/cli/test_forget.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from mailbatch.envelope import address_key, masking
from mailbatch.errors import LedgerError
from mailbatch.ledger.database import Database, set_fact
from mailbatch.ledger.folding import DUE, UNSETTLED, fold, fold_ahead
from mailbatch.ledger.forgotten import FACT, REASON, alias_of, in_doubt, masked_values
from mailbatch.ledger.incoming import encode
from mailbatch.ledger.message_names import MESSAGE_ID
from mailbatch.ledger.standing import REPLIES
from mailbatch.ledger.traces import UNDER_WAY, Aliases, TracedRow, Traces
from mailbatch.ledger.under_way import UnderWay

# The standing knows what a run that died has not recorded: the accepted, and those in doubt.
_ROWS = f"""
SELECT r.id, r.address, r.key, r.mailbox, s.status, r.group_id, r.delivery_id,
  {MESSAGE_ID}, (SELECT columns FROM header WHERE id = r.header_id),
  coalesce(s.named, p.message_id, c.message_id)
FROM standing AS s CROSS JOIN recipient AS r ON r.id = s.id
LEFT JOIN delivery AS d ON d.id = r.delivery_id
{REPLIES}
"""  # noqa: S608 - of the constants above
_MASK = """
UPDATE recipient SET address = :address, own_key = :own_key, mailbox = :mailbox, cells = :cells,
  reason = CASE WHEN status IN ('pending', 'deferred', 'suppressed', 'filtered', 'invalid',
    'withdrawn') THEN :why ELSE masked(reason) END,
  wanted = 0, due = NULL, resend = 0,
  status = CASE WHEN status NOT IN ('pending', 'deferred') THEN status
    WHEN resend THEN 'skipped' ELSE 'suppressed' END
WHERE id = :id
"""
#: The texts of other rows that may name the person, by the key of their table.
_WORDS = (
    ("reply", ("text", "message_id"), ""),
    ("copy", ("reply", "reason"), ""),
    ("recipient", ("reason", "named"), ""),
    ("recipient", ("cells",), f"status NOT IN {UNSETTLED} AND"),
)


class Forgetting:
    """The traces of people in a ledger that is open; to forget, it is open to decide."""

    __slots__ = ("_database", "_under_way")

    def __init__(self, database: Database, under_way: UnderWay | None) -> None:
        self._database = database
        self._under_way = under_way

    @property
    def has_forgotten(self) -> bool:
        """Whether the ledger has forgotten a person."""
        with self._database.guard:
            return self._database.fact(FACT) is not None

    def look(self, address: str) -> Traces:
        """Return the traces of a person."""
        with self._database.guard:
            found = _rows(self._database.connection, address_key(address))
            begun = self._database.fact(UNDER_WAY) is not None
        return Traces.of([row.status for row in found], begun=begun)

    def aliases(self, address: str) -> Aliases:
        """Return the aliases that the person has, or will have, in this edition.

        Raises:
            LedgerError: the ledger has no secret (74).
        """
        key = address_key(address)
        alias = alias_of(self._secret(), key)
        keys = {key, alias}
        with self._database.guard:
            found = _rows(self._database.connection, *keys)
            shared = {
                row.delivery_id
                for row in found
                if row.delivery_id is not None and self._is_shared(row.delivery_id, keys)
            }
        return Aliases.of(alias, found, shared)

    def _is_shared(self, delivery_id: int, keys: Collection[str]) -> bool:
        found = self._database.connection.execute(
            "SELECT address FROM recipient WHERE delivery_id = ?", (delivery_id,)
        )
        return any(address_key(address) not in keys for (address,) in found)

    def forget(self, address: str) -> None:
        """Forget a person; goes on where an earlier forgetting did not end.

        Raises:
            LedgerError: there is no secret, or the person is in doubt, or a file is full (74).
        """
        database, key = self._database, address_key(address)
        under_way = self._under_way
        if under_way is None:
            raise LedgerError(f"{database.path}: the ledger is not open for writing")
        self._secret()
        fold_ahead(database)
        with database.transaction(durable=True) as connection:
            fold(connection)
            if any(row.status == "in_doubt" for row in _rows(connection, key)):
                raise in_doubt(database.path)
            set_fact(connection, UNDER_WAY, "1")
            self._mask(connection, key)
        with database.guard:
            database.stop_reading()
            database.connection.execute("PRAGMA secure_delete=ON")
            database.connection.execute("VACUUM")
            database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with database.transaction(durable=True) as connection:
            set_fact(connection, UNDER_WAY, None)
        under_way.layers.note()

    def _secret(self) -> str:
        secret = self._database.fact("seed")
        if secret is None:
            raise LedgerError(
                f"{self._database.path}: an earlier mailbatch began this ledger, which has no "
                "secret to know a forgotten person by",
                hint="finish the edition, then remove the ledger with the files beside it",
            )
        return secret

    def _mask(self, connection: sqlite3.Connection, key: str) -> None:
        """Put the alias in the place of the person, inside a transaction."""
        secret = self._secret()
        alias = alias_of(secret, key)
        mask = masking(key, alias)

        def masked(text: str | None) -> str | None:
            return None if text is None else mask(text)

        connection.create_function("masked", 1, masked, deterministic=True)
        found = _rows(connection, key)
        for row in found:
            own = None if row.key == key else alias_of(secret, row.key)
            others = len(json.loads(row.columns)) - 1
            connection.execute(
                _MASK,
                {
                    "id": row.id,
                    "address": alias,
                    "own_key": own,
                    "mailbox": None if row.mailbox is None else alias,
                    "cells": "\x1f" * others,
                    "why": REASON,
                },
            )
        _mask_groups(connection, {row.group_id for row in found}, key, secret)
        connection.create_function("address_key", 1, address_key, deterministic=True)
        connection.execute(
            "UPDATE copy SET address = ? WHERE address_key(address) = ?", (alias, key)
        )
        # SQLite lowers ASCII alone, as all letters of a domain are.
        domain = key.rpartition("@")[2]
        for table, columns, where in _WORDS:
            for column in columns:
                connection.execute(
                    f"UPDATE {table} SET {column} = masked({column})"  # noqa: S608 - constants
                    f" WHERE {where} instr(lower({column}), ?) AND masked({column}) <> {column}",
                    (domain,),
                )
        connection.execute(
            f"UPDATE delivery SET due = {DUE} WHERE id IN"  # noqa: S608 - a constant
            f" ({', '.join(str(row.delivery_id or 0) for row in found) or '0'})"
        )
        for fact in ("plan", "plan_head"):
            set_fact(connection, fact, None)
        if found:
            set_fact(connection, FACT, str(int(self._database.fact(FACT) or 0) + 1))


def _rows(connection: sqlite3.Connection, *keys: str) -> list[TracedRow]:
    """Return the rows of a person of any of these keys; every row of the edition is looked at."""
    rows = map(TracedRow._make, connection.execute(_ROWS))
    return [row for row in rows if any(map(row.is_of, keys))]


def _mask_groups(
    connection: sqlite3.Connection, groups: set[int | None], key: str, secret: str
) -> None:
    """Mask the values of groups that are of this person alone, and of others the address."""
    for group in groups - {None}:
        (cells,) = connection.execute(
            "SELECT cells FROM recipient_group WHERE id = ?", (group,)
        ).fetchone()
        (others,) = connection.execute(
            "SELECT count(*) FROM recipient WHERE group_id = ? AND address NOT LIKE ?",
            (group, f"%{alias_of(secret, key)}"),
        ).fetchone()
        values = masked_values(json.loads(cells), key, secret, alone=not others)
        connection.execute(
            "UPDATE recipient_group SET cells = ? WHERE id = ?", (encode(values), group)
        )
