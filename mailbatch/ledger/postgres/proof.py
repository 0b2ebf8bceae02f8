"""The proof of an edition in a database: rows, digests and deliveries of one snapshot.

    with PostgresLedger.read(place) as ledger, ledger.proof() as proof:
        list(proof.rows())

The same names and the same lines as of a ledger in a file (`ledger.proof`). This module must never
change a ledger, nor compose.

Tests: tests/ledger/contract/test_proof.py, tests/cli/test_evidence_database.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mailbatch.envelope import Delivery, address_key, is_alias
from mailbatch.ledger.as_made import delivery_as_made
from mailbatch.ledger.attempts import COLUMNS, Head, Row, group_text
from mailbatch.ledger.forgotten import name_of
from mailbatch.ledger.keyed import keyed_by, salt_of
from mailbatch.ledger.postgres.forgotten import forgotten_in
from mailbatch.ledger.postgres.naming import BY_ADDRESS, BY_KEY
from mailbatch.ledger.postgres.standing import FIELDS
from mailbatch.ledger.postgres.streaming import Ask
from mailbatch.ledger.proved import ProofRow, Proved
from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status

# An accepted row of an earlier mailbatch has no digest of its own: where the delivery passed one
# commit point alone, the digest is that.
_DIGEST = """
CASE WHEN s.status = 'accepted' THEN coalesce(s.digest, (
  SELECT (array_agg(o.digest))[1] FROM point AS o WHERE o.delivery_id = s.delivery_id
  HAVING count(*) = 1))
ELSE s.digest END
"""
_FROM = """
FROM standing AS s
LEFT JOIN recipient_group AS g ON g.id = s.group_id
LEFT JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN reply AS p ON p.id = s.reply_id
"""
_ROWS = f"SELECT s.id, s.key, {_DIGEST}, s.status, p.code, s.settled_at {_FROM} ORDER BY s.id"
_ONE = f"""
SELECT s.key, {_DIGEST}, (SELECT columns FROM header WHERE id = s.header_id), s.delivery_id, d.date,
{", ".join(f'{FIELDS[name]} AS "{name}"' for name in ResultRow._fields)}
{_FROM} WHERE s.id = $2
"""  # noqa: S608 - constants
_ANY = """
SELECT id FROM standing WHERE coalesce(mailbox, key) = $1
ORDER BY status = 'duplicate', line IS NULL, line, id LIMIT 1
"""
_IDS = "SELECT r.id FROM recipient AS r WHERE {wanted} ORDER BY r.id"
_HEAD = """
SELECT d.id, d.part, d.message_id, d.date, d.tries, d.tries_since, g.cells
FROM delivery AS d LEFT JOIN recipient_group AS g ON g.id = d.group_id WHERE d.id = $1
"""
_MEMBERS = f"SELECT {COLUMNS} FROM recipient AS r WHERE r.delivery_id = $1 ORDER BY r.id"  # noqa: S608 - constants


class Proof:
    """The rows and messages of a ledger, as one snapshot has these."""

    __slots__ = ("_ask", "_edition", "_secret")

    def __init__(self, ask: Ask, *, edition: str, secret: str) -> None:
        self._ask = ask
        self._edition = edition
        self._secret = secret

    def rows(self) -> Iterator[ProofRow]:
        """Stream every row of the edition, in the order in which the ledger got to know them."""
        for row_id, key, *others in self._ask(_ROWS):
            name = name_of(key) if is_alias(key) else keyed_by(self._secret, key)
            yield ProofRow(row_id, name, *others)

    def named(self, text: str) -> list[int]:
        """Return the ids of the recipients of an address, or of the one with that key.

        For an address of no recipient, the id of its first row; empty: no row has the address.
        """
        key = address_key(text)
        forgotten = forgotten_in(self._ask)
        if forgotten is not None:
            key, text = forgotten.alias(key) or key, forgotten.alias(text) or text
        for query, value in (
            (_IDS.format(wanted=BY_ADDRESS), key),
            (_IDS.format(wanted=BY_KEY), text),
            (_ANY, key),
        ):
            found = [row_id for (row_id,) in self._ask(query, value)]
            if found:
                return found
        return []

    def recipient(self, row_id: int) -> Proved:
        """Return the recipient with an id, and the message as it was made."""
        (one,) = self._ask(_ONE, self._edition, row_id)
        key, digest, columns, delivery_id, date, *found = one
        row = ResultRow._make(found)
        row = row._replace(
            status=Status(row.status), group=None if row.group is None else group_text(row.group)
        )
        made = row.attempts > 0 and date is not None
        return Proved(
            row_id,
            key,
            salt_of(self._secret, key),
            row,
            digest,
            self._delivery(delivery_id) if made else None,
            tuple(json.loads(columns)),
            self._inputs(),
        )

    def _inputs(self) -> dict[str, Any]:
        found = list(self._ask("SELECT value FROM fact WHERE name = 'content_digests'"))
        return dict(json.loads(found[0][0])) if found else {}

    def _delivery(self, delivery_id: int) -> Delivery:
        (head,) = self._ask(_HEAD, delivery_id)
        return delivery_as_made(
            Head(*head), [Row(*row) for row in self._ask(_MEMBERS, delivery_id)]
        )
