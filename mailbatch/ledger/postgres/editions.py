"""The ledgers of a database: which editions were begun there, and the turn of a job over all.

    editions_of(Place("postgresql:///mail"), "news")     # ["2026-W48", "2026-W47"]

Schemas that this role may not read are passed over: they are of others. So are editions that were
put away (`archiving`). Each function connects for
its question alone, and `Turn` as long as the turn lasts. This module must never write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

from mailbatch.envelope import address_key
from mailbatch.ledger.postgres.address import Place, schemas_of
from mailbatch.ledger.postgres.forgotten import forgotten_by
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.naming import BY_ADDRESS

#: The schemas that begin so and can be read, sorted.
SCHEMAS = """
SELECT n.nspname FROM pg_namespace AS n
JOIN pg_class AS f ON f.relnamespace = n.oid AND f.relname = 'fact'
JOIN pg_class AS w ON w.relnamespace = n.oid AND w.relname = 'worker'
WHERE starts_with(n.nspname, $1) AND has_schema_privilege(n.oid, 'USAGE')
AND has_table_privilege(f.oid, 'SELECT') AND has_table_privilege(w.oid, 'SELECT')
ORDER BY n.nspname
"""
#: An edition of a job that this role may not read; its comment says what it is (`opening`).
HIDDEN = """
SELECT n.nspname FROM pg_namespace AS n
JOIN pg_class AS f ON f.relnamespace = n.oid AND f.relname = 'fact'
WHERE starts_with(n.nspname, $1)
AND right(obj_description(n.oid, 'pg_namespace'), length($2) + 8) = ' of job ' || $2
AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(f.oid, 'SELECT'))
ORDER BY n.nspname LIMIT 1
"""
_UNREADABLE = """
SELECT nspname FROM pg_namespace AS n JOIN pg_class AS f
  ON f.relnamespace = n.oid AND f.relname = 'fact'
WHERE starts_with(nspname, $1)
AND obj_description(n.oid, 'pg_namespace') LIKE 'mailbatch: edition %'
AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(f.oid, 'SELECT'))
ORDER BY nspname
"""
#: The beginning of the schemas of all jobs.
_ANY = "mailbatch_"
_ABOUT = """
SELECT '{schema}' AS schema, (SELECT value FROM {schema}.fact WHERE name = 'job') AS job,
  (SELECT value FROM {schema}.fact WHERE name = 'edition') AS edition,
  (SELECT max(since) FROM {schema}.worker) AS since,
  EXISTS (SELECT 1 FROM {schema}.fact WHERE name = 'archived_at') AS archived
"""
_NEWEST_FIRST = """
SELECT schema, job, edition FROM ({each}) AS e WHERE NOT archived
ORDER BY since DESC NULLS LAST, schema
"""
_HAS_IT = f"""
SELECT count(*) FROM unnest($2::text[]) AS a (address) WHERE EXISTS (
  SELECT 1 FROM standing AS r WHERE ({BY_ADDRESS.replace("$1", "a.address")})
  AND r.status = ANY ($1))
"""  # noqa: S608 - constants
#: The recipients that have, or may have, the message.
_MAILED = ("accepted", "in_doubt")


class _Begun(NamedTuple):
    """An edition of a job that has a ledger."""

    schema: str
    job: str
    edition: str


def is_there(place: Place) -> bool:
    """Say whether there is a ledger at a place.

    Raises:
        LedgerError: the database cannot be asked.
    """
    with _linked(Place(place.url)) as link:
        query = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)"
        return bool(link.wait(link.value(query, place.schema)))


def editions_of(place: Place, job: str) -> list[str]:
    """Return the editions of a job that have a ledger in the database, the latest run first.

    Raises:
        LedgerError: the database cannot be asked.
    """
    return [one.edition for one in _begun(place, schemas_of(job)) if one.job == job]


def others(place: Place, job: str, edition: str) -> list[Place]:
    """Return the places of the ledgers of other jobs in the database, with the same edition.

    Raises:
        LedgerError: the database cannot be asked.
    """
    found = _begun(place, _ANY)
    named = sorted(one.schema for one in found if one.edition == edition and one.job != job)
    return [Place(place.url, schema) for schema in named]


def places_in(url: str) -> list[Place]:
    """Return the places of all ledgers in a database that this role may read, sorted.

    Raises:
        LedgerError: the database cannot be asked.
    """
    return [Place(url, schema) for schema in sorted(o.schema for o in _begun(Place(url), _ANY))]


def unreadable(url: str) -> list[Place]:
    """Return the places of ledgers in a database that this role may not read, sorted.

    Raises:
        LedgerError: the database cannot be asked.
    """
    with _linked(Place(url)) as link:
        found = link.wait(link.fetch(_UNREADABLE, _ANY))
    return [Place(url, row["nspname"]) for row in found]


def count_mailed(place: Place, addresses: Iterable[str]) -> int:
    """Count the addresses that have, or may have, the message of the ledger at a place.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    keys = [address_key(address) for address in addresses]
    with _linked(place) as link:
        forgotten = link.wait(forgotten_by(link.fetch))
        if forgotten is not None:
            keys = [forgotten.alias(key) or key for key in keys]
        return int(link.wait(link.value(_HAS_IT, _MAILED, keys)))


def take_turn(place: Place, job: str) -> Turn | None:
    """Take the turn of a job in the database, whatever the edition; None: another run has it.

    Raises:
        LedgerError: the database cannot be asked.
    """
    return Turn.take(place, job)


class Turn:
    """The turn of a job, held until the end of a block, or of its connection."""

    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    @classmethod
    def take(cls, place: Place, job: str) -> Self | None:
        """Take the turn of a job; None where another run of the job has it.

        Raises:
            LedgerError: the database cannot be asked.
        """
        link = Link(Place(place.url))
        taken = False
        try:
            taken = link.wait(link.value("SELECT pg_try_advisory_lock($1)", _number(job)))
        finally:
            if not taken:
                link.close()
        return cls(link) if taken else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._link.close()


def _number(job: str) -> int:
    """Return the number of the lock of a turn: locks of one number are none of an edition."""
    digest = hashlib.sha256(f"the turn of {job}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _begun(place: Place, beginning: str) -> list[_Begun]:
    """Return the editions whose schemas begin so, the one whose run began last first."""
    with _linked(Place(place.url)) as link:
        schemas = [row["nspname"] for row in link.wait(link.fetch(SCHEMAS, beginning))]
        if not schemas:
            return []
        each = " UNION ALL ".join(_ABOUT.format(schema=schema) for schema in schemas)
        found = link.wait(link.fetch(_NEWEST_FIRST.format(each=each)))
    return [_Begun._make(row) for row in found]


@contextmanager
def _linked(place: Place) -> Iterator[Link]:
    link = Link(place)
    try:
        yield link
    finally:
        link.close()
