"""The recipients that a person names: all of an address, or, where no row has it, that of a key.

    wanted, text = named(connection, "Ann@example.com")   # the recipients of ann@example.com
    wanted, text = named(connection, "4711")              # the recipient with that key
    connection.execute(f"SELECT status FROM standing WHERE {wanted}", {"named": text})

Both ways follow an index, and read rows that are mailed alone. This module must never look at a
status: a name means the same recipients in a whole run.

Tests: tests/ledger/test_keys.py.
"""

from __future__ import annotations

import sqlite3

from mailbatch.envelope import address_key
from mailbatch.ledger.forgotten import Forgotten

#: The rows of an address that are mailed. The key is the address where no mailbox stands beside.
BY_ADDRESS = """
id IN (SELECT id FROM recipient WHERE key = :named AND mailbox IS NULL AND claim = 'own'
       UNION ALL SELECT id FROM recipient WHERE mailbox = :named AND claim = 'own')
"""
_BY_KEY = """
id IN (SELECT id FROM recipient WHERE key = :named AND mailbox IS NOT NULL AND claim = 'own')
"""
_IS_ADDRESS = f"SELECT EXISTS (SELECT 1 FROM recipient WHERE {BY_ADDRESS})"  # noqa: S608 - a constant


def named(connection: sqlite3.Connection, text: str) -> tuple[str, str]:
    """Return the condition of the recipients that a text names, and the value of `:named`."""
    address = address_key(text)
    (found,) = connection.execute(_IS_ADDRESS, {"named": address}).fetchone()
    if not found and (forgotten := Forgotten.of(connection)) is not None:
        alias = forgotten.alias(address)
        if alias is not None:
            return BY_ADDRESS, alias
        text = forgotten.alias(text) or text
    return (BY_ADDRESS, address) if found else (_BY_KEY, text)
