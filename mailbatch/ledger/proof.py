"""The proof of an edition: its rows in the order of the ledger, and a message as it was made.

    with Ledger.read(path) as ledger, ledger.proof() as proof:
        for row in proof.rows():            # ProofRow(key='9f…', digest=b'…', status='accepted', …)
            ...
        one = proof.recipient(proof.named("ann@example.com")[0])
        one.delivery, one.digest            # composed again, the bytes have this digest, or do not

All answers are of one state of the ledger, also while a run writes. Recipients are known by keyed
names (`keyed`): no row tells an address. This module must never change a ledger, nor compose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mailbatch.envelope import Delivery, address_key, is_alias
from mailbatch.errors import LedgerError
from mailbatch.ledger.as_made import delivery_as_made
from mailbatch.ledger.attempts import COLUMNS, Head, Row, group_text
from mailbatch.ledger.database import Database
from mailbatch.ledger.forgotten import name_of
from mailbatch.ledger.keyed import keyed_by, salt_of
from mailbatch.ledger.message_names import DATE, MESSAGE_ID
from mailbatch.ledger.naming import named
from mailbatch.ledger.proved import ProofRow, Proved
from mailbatch.ledger.rows import ResultRow
from mailbatch.ledger.standing import DIGEST, DIGEST_TABLES, FIELDS, REPLIES
from mailbatch.outcome import Status

_FROM = f"""
FROM standing AS s
{DIGEST_TABLES}
LEFT JOIN recipient_group AS g ON g.id = s.group_id
{REPLIES}
"""
_ROWS = f"""
SELECT s.id, s.key, {DIGEST}, s.status, coalesce(p.code, c.code), s.settled_at
{_FROM} ORDER BY s.id
"""
_ONE = f"""
SELECT s.key, {DIGEST}, s.header_id, {DATE},
{", ".join(f'{FIELDS[name]} AS "{name}"' for name in ResultRow._fields)}
{_FROM} WHERE s.id = :id
"""
_ANY = """
SELECT id FROM standing WHERE coalesce(mailbox, key) = ?
ORDER BY status = 'duplicate', line IS NULL, line, id LIMIT 1
"""
# Of an accepted single the row of the recipient is all that is kept.
_HEAD = f"""
SELECT coalesce(d.id, 0), coalesce(d.part, 1), {MESSAGE_ID}, {DATE}, coalesce(d.tries, 0),
  d.tries_since, g.cells
FROM recipient AS s LEFT JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN recipient_group AS g ON g.id = d.group_id WHERE s.id = ?
"""  # noqa: S608 - constants
_MEMBERS = f"""
SELECT {COLUMNS} FROM recipient AS r
WHERE id = ?1 OR delivery_id = (SELECT delivery_id FROM recipient WHERE id = ?1) ORDER BY id
"""  # noqa: S608 - constants


class Proof:
    """The rows and messages of a ledger that is open to read."""

    __slots__ = ("_database", "_secret")

    def __init__(self, database: Database) -> None:
        """Take an open ledger; every answer is of the state at the first one.

        Raises:
            LedgerError: an earlier mailbatch began the ledger, and gave it no secret (74).
        """
        self._database = database
        secret = database.fact("seed")
        if secret is None:
            raise LedgerError(
                f"{database.path}: an earlier mailbatch began this ledger, which has no secret to "
                "name recipients by",
                hint="the results have all that is known: mailbatch results",
            )
        self._secret = secret
        with database.guard:
            database.connection.execute("BEGIN")

    def rows(self) -> Iterator[ProofRow]:
        """Stream every row of the edition, in the order in which the ledger got to know them."""
        secret = self._secret
        with self._database.guard:
            for row_id, key, *others in self._database.connection.execute(_ROWS):
                name = name_of(key) if is_alias(key) else keyed_by(secret, key)
                yield ProofRow(row_id, name, *others)

    def named(self, text: str) -> list[int]:
        """Return the ids of the recipients of an address, or of the one with that key.

        For an address of no recipient, the id of its first row; empty: no row has the address.
        """
        connection = self._database.connection
        with self._database.guard:
            wanted, value = named(connection, text)
            found = connection.execute(
                f"SELECT id FROM recipient WHERE {wanted} ORDER BY id",  # noqa: S608 - constants
                {"named": value},
            ).fetchall()
            found = found or connection.execute(_ANY, (address_key(text),)).fetchall()
        return [row_id for (row_id,) in found]

    def recipient(self, row_id: int) -> Proved:
        """Return the recipient with an id, and the message as it was made."""
        connection = self._database.connection
        values = {"id": row_id, "edition": self._database.fact("edition") or ""}
        with self._database.guard:
            key, digest, header, date, *found = connection.execute(_ONE, values).fetchone()
            row = ResultRow._make(found)
            row = row._replace(
                status=Status(row.status),
                group=None if row.group is None else group_text(row.group),
            )
            (columns,) = connection.execute(
                "SELECT columns FROM header WHERE id = ?", (header,)
            ).fetchone()
            made = row.attempts > 0 and date is not None
            delivery = self._delivery(row_id) if made else None
        return Proved(
            row_id,
            key,
            salt_of(self._secret, key),
            row,
            digest,
            delivery,
            tuple(json.loads(columns)),
            json.loads(self._database.fact("content_digests") or "{}"),
        )

    def _delivery(self, row_id: int) -> Delivery:
        """Return the delivery of a row as its first lease made it, no recipient of it settled."""
        connection = self._database.connection
        head = Head._make(connection.execute(_HEAD, (row_id,)).fetchone())
        members = list(map(Row._make, connection.execute(_MEMBERS, (row_id,))))
        return delivery_as_made(head, members)
