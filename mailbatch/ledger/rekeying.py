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
from collections.abc import Iterable, Iterator

from mailbatch.envelope import address_key
from mailbatch.errors import IdentityError
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger.cells import unpacked
from mailbatch.ledger.database import set_fact
from mailbatch.ledger.naming import BY_ADDRESS as OF_ADDRESS
from mailbatch.ledger.ports import KeyedRow

_FACT = "identity"
# A row that is tried again because a person said so may have the message, as one in doubt.
_HAS_IT = "(status IN ('accepted', 'in_doubt', 'skipped') OR resend)"
_FIXED = f"({_HAS_IT} OR status = 'rejected')"


def identity_of(connection: sqlite3.Connection) -> Identity:
    """Return the identity that the recipients of a ledger were planned with last."""
    found = connection.execute("SELECT value FROM fact WHERE name = ?", (_FACT,)).fetchone()
    return BY_ADDRESS if found is None else Identity.of(found[0])


def rekey(
    connection: sqlite3.Connection, identity: Identity, *, accept_changes: bool = False
) -> None:
    """Give the recipients of a ledger the keys of `identity`, inside the transaction of a plan.

    A recipient without the message, or in the place of another one with the same key, is forgotten:
    it comes anew with the table, which is `incoming`.

    Raises:
        IdentityError: the key of a recipient that was mailed is not known, or that of two; or
            without `accept_changes`, the plan would mail addresses again.
    """
    before = identity_of(connection)
    if before == identity:
        return
    if connection.execute("SELECT NOT EXISTS (SELECT 1 FROM fact WHERE name = 'lots')").fetchone()[
        0
    ]:
        for table in ("recipient", "delivery", "recipient_group"):  # no delivery was leased, ever
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - of the three above
    else:
        _map(connection, identity, before)
        if not (accept_changes or identity.is_address):
            _check_nobody_again(connection, identity, before)
    set_fact(connection, _FACT, None if identity.is_address else identity.text)
    set_fact(connection, "plan", None)


def statuses_as(
    connection: sqlite3.Connection,
    identity: Identity,
    rows: Iterable[KeyedRow],
    *,
    accept_changes: bool = False,
) -> Iterator[str | None]:
    """Yield where each row would stand behind a `rekey`; None: it would be new. Changes nothing.

    Raises, behind the last row at the latest:
        IdentityError: `rekey` would refuse.
    """
    before = identity_of(connection)
    try:
        _write_keys(connection, identity, before)
        _check_apart(connection, identity, before)
        connection.execute(_CHOOSE)
        connection.execute("CREATE INDEX temp.rekeyed_by_key ON rekeyed (key)")
        again: list[KeyedRow] = []
        number = 0
        for row in rows:
            found = connection.execute(_STATUS_AS, (row.key,)).fetchone()
            if found is None and row.wanted and not (accept_changes or identity.is_address):
                named = {"named": address_key(row.address)}
                if connection.execute(_HAS_ONE, named).fetchone()[0]:
                    number += 1
                    again = again or [row]
            yield None if found is None else found[0]
        if again:
            raise _again(identity, before, number, again[0].line, again[0].address)
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.rekeyed")


def _map(connection: sqlite3.Connection, identity: Identity, before: Identity) -> None:
    """Map the recipients to their new keys; the index of keys is unique again at the end."""
    _write_keys(connection, identity, before)
    _check_apart(connection, identity, before)
    (index,) = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE name = 'recipient_by_key'"
    ).fetchone()
    connection.execute("DROP INDEX recipient_by_key")
    for statement in _REKEY:
        connection.execute(statement)
    connection.execute(index)


def _write_keys(connection: sqlite3.Connection, identity: Identity, before: Identity) -> None:
    """Write the new key of each row that is mailed into `rekeyed`."""
    connection.execute(
        "CREATE TEMP TABLE rekeyed (id INTEGER PRIMARY KEY, key TEXT NOT NULL, mailbox TEXT)"
    )
    connection.executemany(
        "INSERT INTO rekeyed VALUES (?, ?, ?)", _new_keys(connection, identity, before)
    )


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
    for row_id, line, address, header, text, fixed in rows:
        cells = unpacked(text, address)
        found = ["" if place is None else cells[place] for place in places[header]]
        if all(found) or (identity.by_address and None not in places[header]):
            mailbox = None if identity.is_address else address_key(address)
            yield row_id, identity.key_of(address, found), mailbox
        elif fixed:
            where = f"row {line} ({address})" if line is not None else address
            raise _refusal(
                identity, before, f"{where} was mailed without {_missing(identity, found)}"
            )


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


def _check_nobody_again(
    connection: sqlite3.Connection, identity: Identity, before: Identity
) -> None:
    """Check that no address with the message would get another one."""
    number, line, address = connection.execute(_AGAIN).fetchone()
    if number:
        raise _again(identity, before, number, line, address)


def _again(
    identity: Identity, before: Identity, number: int, line: int | None, address: str
) -> IdentityError:
    others = f" and {number - 1:,} others" if number > 1 else ""
    return _refusal(
        identity,
        before,
        f"row {line} ({address}){others} would be mailed at an address that has a message of"
        " this edition already",
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
WHERE {_FIXED} GROUP BY k.key HAVING count(DISTINCT r.delivery_id) > 1
OR count(DISTINCT r.status) > 1 LIMIT 1
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
_STATUS_AS = """
SELECT s.status FROM temp.rekeyed AS k CROSS JOIN standing AS s ON s.id = k.id WHERE k.key = ?
"""
_HAS_ONE = f"SELECT EXISTS (SELECT 1 FROM recipient WHERE {OF_ADDRESS} AND {_HAS_IT})"  # noqa: S608
_REKEY = (
    _CHOOSE,
    "DELETE FROM recipient WHERE id NOT IN (SELECT id FROM temp.rekeyed)",
    """
    UPDATE recipient SET
      own_key = nullif(k.key, recipient.address), mailbox = k.mailbox, claim = 'own'
    FROM temp.rekeyed AS k WHERE k.id = recipient.id
    """,
    """
    DELETE FROM delivery
    WHERE NOT EXISTS (SELECT 1 FROM recipient WHERE delivery_id = delivery.id)
    """,
)  # fmt: skip


_AGAIN = f"""
SELECT count(*), min(i.line), i.address FROM incoming AS i
WHERE i.wanted AND NOT EXISTS (SELECT 1 FROM recipient AS o WHERE o.key = i.key AND o.claim = 'own')
AND EXISTS (
  SELECT 1 FROM recipient WHERE claim = 'own' AND {_HAS_IT}
  AND mailbox = i.mailbox)
"""  # noqa: S608 - constants
