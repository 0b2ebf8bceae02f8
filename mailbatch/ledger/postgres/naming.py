"""The recipients that a person names, by address or else by key: the rules of `ledger.naming`.

    wanted, value = await named(connection, "Ann@example.com")
    await connection.fetch(f"SELECT r.status FROM standing AS r WHERE {wanted}", value)

The condition is over a table `r`, and the value is the first parameter. This module must never look
at a status.

Tests: tests/ledger/contract/test_roles.py.
"""

from __future__ import annotations

from typing import Any

from mailbatch.envelope import address_key
from mailbatch.ledger.postgres.forgotten import forgotten_by

BY_ADDRESS = """
r.id IN (SELECT id FROM recipient WHERE key = $1 AND mailbox IS NULL AND claim = 'own'
         UNION ALL SELECT id FROM recipient WHERE mailbox = $1 AND claim = 'own')
"""
BY_KEY = """
r.id IN (SELECT id FROM recipient WHERE key = $1 AND mailbox IS NOT NULL AND claim = 'own')
"""
_IS_ADDRESS = f"SELECT EXISTS (SELECT 1 FROM recipient AS r WHERE {BY_ADDRESS})"  # noqa: S608 - a constant


async def named(connection: Any, text: str) -> tuple[str, str]:
    """Return the condition of the recipients that a text names, and the value of `$1`."""
    address = address_key(text)
    found = await connection.fetchval(_IS_ADDRESS, address)
    if not found and (forgotten := await forgotten_by(connection.fetch)) is not None:
        alias = forgotten.alias(address)
        if alias is not None:
            return BY_ADDRESS, alias
        text = forgotten.alias(text) or text
    return (BY_ADDRESS, address) if found else (BY_KEY, text)
