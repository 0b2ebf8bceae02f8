"""The change of the identity of recipients between two plans of one edition.

    rekey(connection, Identity(("child",)))     # so far the address alone: '[null,"child"]' now

Each recipient that has, or may have, the message gets the key of its own row, as the row was
mailed: so no recipient is mailed twice, whatever the table says now. Where that is not certain, or
would mail an address again that has the message, the plan is refused. This module must never make
two recipients of one, nor one of two that were mailed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from mailbatch.envelope import address_key, is_alias
from mailbatch.errors import IdentityError
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger.cells import UNPACKED, unpacked
from mailbatch.ledger.database import drop_index, set_fact
from mailbatch.ledger.naming import BY_ADDRESS as OF_ADDRESS
from mailbatch.ledger.rows import KeyedRow

_FACT = "identity"
# A row that is tried again because a person said so may have the message, as one in doubt.
_HAS_IT = "(status IN ('accepted', 'in_doubt', 'skipped') OR resend)"
#: The status of a recipient (`r` and `s`) behind a plan that has the address `?` for it: a refusal
#: says nothing of another address, and what may have arrived at the old one is not sent there.
STATUS_AT = """
CASE WHEN coalesce(r.mailbox, r.key) = ? THEN s.status
  WHEN s.status = 'rejected' AND NOT r.resend THEN 'pending'
  WHEN s.status IN ('pending', 'deferred') AND r.resend THEN 'in_doubt'
  ELSE s.status END
"""
_FIXED = f"({_HAS_IT} OR status = 'rejected')"
# No delivery was ever leased, by two witnesses: then the table alone says what there is.
_UNTOUCHED = f"""
SELECT NOT EXISTS (SELECT 1 FROM fact WHERE name = 'lots')
AND NOT EXISTS (SELECT 1 FROM recipient WHERE attempts OR {_FIXED})
"""  # noqa: S608 - constants


def identity_of(connection: sqlite3.Connection) -> Identity:
    """Return the identity that the recipients of a ledger were planned with last."""
    found = connection.execute("SELECT value FROM fact WHERE name = ?", (_FACT,)).fetchone()
    return BY_ADDRESS if found is None else Identity.of(found[0])


def rekey(
    connection: sqlite3.Connection,
    identity: Identity,
    columns: Sequence[str],
    *,
    accept_changes: bool = False,
) -> None:
    """Give the recipients of a ledger the keys of `identity`, inside the transaction of a plan.

    `columns` are those of the cells in `incoming`.

    A recipient without the message, or in the place of another one with the same key, is forgotten:
    it comes anew with the table, which is `incoming`.

    Raises:
        IdentityError: the key of a recipient that was mailed is not known, or that of two; or
            without `accept_changes`, the plan would mail addresses again.
    """
    before = identity_of(connection)
    if before == identity:
        return
    (untouched,) = connection.execute(_UNTOUCHED).fetchone()
    if untouched:
        for table in ("recipient", "delivery", "recipient_group"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - of the three above
    else:
        _write_keys(connection, identity, before)
        if not accept_changes:
            rows = map(KeyedRow._make, connection.execute(_WANTED))
            _Again(connection, identity, before, columns).check(rows)
        _map(connection)
    set_fact(connection, _FACT, None if identity.is_address else identity.text)
    set_fact(connection, "plan", None)


def statuses_as(
    connection: sqlite3.Connection,
    identity: Identity,
    columns: Sequence[str],
    rows: Iterable[KeyedRow],
    *,
    accept_changes: bool = False,
) -> Iterator[str | None]:
    """Yield where each row would stand behind a `rekey`; None: it would be new. Changes nothing.

    `columns` are those of the cells of the rows.

    Raises, behind the last row at the latest:
        IdentityError: `rekey` would refuse.
    """
    before = identity_of(connection)
    try:
        _write_keys(connection, identity, before)
        connection.execute(_CHOOSE)
        again = _Again(connection, identity, before, columns)
        for row in rows:
            if row.wanted and not accept_changes:
                again.look_at(row)
            found = connection.execute(_STATUS_AS, (address_key(row.address), row.key)).fetchone()
            yield None if found is None else found[0]
        again.refuse()
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.rekeyed")


def _map(connection: sqlite3.Connection) -> None:
    """Map the recipients to their new keys; the index of keys is unique again at the end."""
    index = drop_index(connection, "recipient_by_key")
    for statement in _REKEY:
        connection.execute(statement)
    connection.execute(index)


def _write_keys(connection: sqlite3.Connection, identity: Identity, before: Identity) -> None:
    """Write the new key of each row that is mailed into `rekeyed`; refuse where two become one."""
    connection.execute(
        "CREATE TEMP TABLE rekeyed (id INTEGER PRIMARY KEY, key TEXT NOT NULL, mailbox TEXT)"
    )
    connection.executemany(
        "INSERT INTO rekeyed VALUES (?, ?, ?)", _new_keys(connection, identity, before)
    )
    connection.execute("CREATE INDEX temp.rekeyed_by_key ON rekeyed (key)")
    _check_apart(connection, identity, before)


def _new_keys(
    connection: sqlite3.Connection, identity: Identity, before: Identity
) -> Iterator[tuple[int, str, str | None]]:
    places = {
        header: [_place(json.loads(columns), name) for name in identity.columns]
        for header, columns in connection.execute("SELECT id, columns FROM header")
    }
    rows = connection.execute(
        f"SELECT id, line, address, header_id, cells, {_FIXED} FROM recipient"  # noqa: S608 - constants
        " WHERE claim IN ('own', 'shared')"
    )
    with closing(rows):  # a refusal below would leave the table locked
        for row_id, line, address, header, text, fixed in rows:
            cells = unpacked(text, address)
            found = ["" if place is None else cells[place] for place in places[header]]
            if all(found) or (identity.by_address and None not in places[header]):
                mailbox = None if identity.is_address else address_key(address)
                yield row_id, identity.key_of(address, found), mailbox
            elif fixed:
                where = f"row {line} ({address})" if line is not None else address
                missing = _missing(identity, found)
                why = f"was mailed without {missing}"
                if is_alias(address):
                    why = f"was mailed and forgotten, and with it {missing}"
                raise _refusal(identity, before, f"{where} {why}")


def _place(columns: list[str], name: str) -> int | None:
    """Return the index of a column, which may have had its name in other capitals or spaces."""
    if name in columns:
        return columns.index(name)
    alike = [place for place, column in enumerate(columns) if _folded(column) == _folded(name)]
    return alike[0] if len(alike) == 1 else None


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _missing(identity: Identity, found: list[str]) -> str:
    names = [name for name, cell in zip(identity.columns, found, strict=True) if not cell]
    return f"a value of {' and '.join(map(repr, names))}"


def _check_apart(connection: sqlite3.Connection, identity: Identity, before: Identity) -> None:
    """Check that recipients that were mailed one by one are not one now."""
    found = connection.execute(_TWO_MAILED).fetchone()
    if found is not None:
        raise _refusal(
            identity,
            before,
            f"{found[0]} and {found[1]} have the same key now, and a message each already",
        )


class _Again:
    """The rows that would be mailed although somebody has their message, as far as a ledger tells.

    Such a row has a new key, and either an address that has a message of the edition, or the key,
    by the identity so far, of a recipient who has it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        identity: Identity,
        before: Identity,
        columns: Sequence[str],
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._before = before
        places = [_place(list(columns), name) for name in before.columns]
        self._places = None if None in places else [place for place in places if place is not None]
        self._first: KeyedRow | None = None
        self._number = 0

    def check(self, rows: Iterable[KeyedRow]) -> None:
        """Raise IdentityError where a wanted row would be mailed again."""
        for row in rows:
            self.look_at(row)
        self.refuse()

    def look_at(self, row: KeyedRow) -> None:
        """Count a row that would be mailed again."""
        if self._finds(_IS_KNOWN, row.key):
            return
        if self._finds(_HAS_ONE, address_key(row.address)) or (
            self._places is not None and self._finds(_WAS_MAILED, self._old_key(row))
        ):
            self._number += 1
            self._first = self._first or row

    def _finds(self, query: str, value: str) -> bool:
        return bool(self._connection.execute(query, {"named": value}).fetchone()[0])

    def _old_key(self, row: KeyedRow) -> str:
        cells = json.loads(row.cells)
        return self._before.key_of(row.address, [cells[place] for place in self._places or ()])

    def refuse(self) -> None:
        """Raise IdentityError where a row was counted."""
        if self._first is None:
            return
        others = f" and {self._number - 1:,} others" if self._number > 1 else ""
        raise _refusal(
            self._identity,
            self._before,
            f"row {self._first.line} ({self._first.address}){others} would be mailed, and has a"
            " message of this edition already, or its address has",
            acceptable=True,
        )


def _refusal(
    identity: Identity, before: Identity, message: str, *, acceptable: bool = False
) -> IdentityError:
    return IdentityError(
        f"a recipient was known by {before} when this edition was mailed, and is now known by"
        f" {identity}: {message}",
        before=before.names,
        acceptable=acceptable,
    )


_TWO_MAILED = f"""
SELECT min(r.address), max(r.address) FROM rekeyed AS k CROSS JOIN recipient AS r ON r.id = k.id
WHERE {_FIXED} GROUP BY k.key
HAVING count(DISTINCT coalesce(r.delivery_id, r.message_id, -r.id)) > 1
OR count(DISTINCT r.status) > 1 OR count(DISTINCT coalesce(r.mailbox, r.key)) > 1 LIMIT 1
"""  # noqa: S608 - constants
# Of rows with one key the mailed one stands for the recipient, else the first.
_CHOOSE = f"""
DELETE FROM temp.rekeyed WHERE id NOT IN (
  SELECT id FROM (
    SELECT k.id, row_number() OVER (
      PARTITION BY k.key ORDER BY NOT {_FIXED}, r.claim <> 'own', k.id) AS place
    FROM temp.rekeyed AS k CROSS JOIN recipient AS r ON r.id = k.id)
  WHERE place = 1)
"""  # noqa: S608 - constants
_STATUS_AS = f"""
SELECT {STATUS_AT} FROM temp.rekeyed AS k CROSS JOIN recipient AS r ON r.id = k.id
CROSS JOIN standing AS s ON s.id = r.id WHERE k.key = ?
"""  # noqa: S608 - constants
_HAS_ONE = f"SELECT EXISTS (SELECT 1 FROM recipient WHERE {OF_ADDRESS} AND {_HAS_IT})"  # noqa: S608
_IS_KNOWN = "SELECT EXISTS (SELECT 1 FROM temp.rekeyed WHERE key = :named)"
_WAS_MAILED = f"""
SELECT EXISTS (SELECT 1 FROM recipient WHERE key = :named AND claim = 'own' AND {_HAS_IT})
"""  # noqa: S608 - constants
_CELLS = UNPACKED.format(cells="cells", address="address")
_WANTED = f"SELECT line, address, key, {_CELLS}, wanted FROM incoming WHERE wanted ORDER BY line"  # noqa: S608 - constants
_REKEY = (
    _CHOOSE,
    "DELETE FROM recipient WHERE id NOT IN (SELECT id FROM temp.rekeyed)",
    # Else a new recipient with the same id would have been elsewhere.
    "DELETE FROM elsewhere WHERE recipient_id NOT IN (SELECT id FROM recipient)",
    """
    UPDATE recipient SET
      own_key = nullif(k.key, recipient.address), mailbox = k.mailbox, claim = 'own'
    FROM temp.rekeyed AS k WHERE k.id = recipient.id
    """,
    """
    DELETE FROM delivery
    WHERE NOT EXISTS (SELECT 1 FROM recipient WHERE delivery_id = delivery.id)
    """,
    # Else a new delivery with the same id would have these copies.
    "DELETE FROM copy WHERE delivery_id NOT IN (SELECT id FROM delivery)",
)  # fmt: skip
