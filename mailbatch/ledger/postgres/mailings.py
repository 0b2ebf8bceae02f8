"""The mailings of a database that workers without a job file may send now.

    for place in open_mailings("postgresql:///mail"): ...

This module must never write.

Tests: tests/ledger/postgres/test_publication.py.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from mailbatch.ledger.postgres.address import Place, check_address
from mailbatch.ledger.postgres.link import Link

_SCHEMAS = """
SELECT n.nspname FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'mailing' AND c.relkind = 'r'
WHERE n.nspname ~ '^mailbatch_[a-z0-9_]+$' AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.oid
"""


def open_mailings(url: str, *, seen: Path | None = None) -> list[Place]:
    """Return the places of published mailings that are neither finished nor stopped; oldest first.

    `seen` is the folder of the witnesses of this machine.

    Raises:
        JobError: the URL is not to be used (78).
        LedgerError: the database cannot be read (74).
    """
    check_address(url)
    link = Link(Place(url))
    try:
        return link.wait(_open(link, url, seen))
    finally:
        link.close()


async def _open(link: Link, url: str, seen: Path | None) -> list[Place]:
    found = []
    async with link.reading() as connection:
        for (schema,) in await connection.fetch(_SCHEMAS):
            try:
                is_open = await connection.fetchval(
                    f"SELECT bundle IS NOT NULL AND stop IS NULL AND NOT EXISTS ("  # noqa: S608 - a schema of ours
                    f"SELECT 1 FROM {schema}.fact WHERE name = 'finished_at') FROM {schema}.mailing"
                )
            except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
                continue  # it is dropped just now, or was begun by another version
            if is_open:
                found.append(Place(url, schema, seen))
    return found
