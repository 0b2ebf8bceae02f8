"""The forgetting of a person in a database: `ledger.forgetting`, by the rules of PostgreSQL.

    with PostgresLedger.reopen(place) as ledger:
        ledger.forgetting().forget("ann@example.com")

One transaction, in which nobody else writes, puts aliases in the place of the person, and withdraws
the mailing from workers: samples are made of rows, and the next run offers all anew. Then each
table is written anew (VACUUM FULL), since an update leaves the old row in its file. That one keeps
rows which a transaction of anybody may still see, and says so in its words alone: a forgetting that
left such rows is not through, and goes on the next time. This module must never lose a row, nor
make one due.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from mailbatch.envelope import address_key, masking
from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.ledger.forgotten import FACT, REASON, alias_of, in_doubt, masked_values
from mailbatch.ledger.incoming import encode
from mailbatch.ledger.postgres.leasing import check_nothing_leased
from mailbatch.ledger.postgres.link import Link, set_fact
from mailbatch.ledger.postgres.locks import stand_still
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.opening import locked, writers
from mailbatch.ledger.postgres.streaming import Ask
from mailbatch.ledger.traces import UNDER_WAY, Aliases, TracedRow, Traces

#: So long readers of a table are waited for, and old rows of it, in seconds; tried so often.
_PATIENCE, _AGAIN = 10.0, 0.5
#: The tables that may name a person, or have done so in rows that are gone.
_TABLES = ("recipient", "recipient_group", "copy", "reply", "lease", "mailing", "bundle")
#: The texts that may name the person, by table and column, and the rows.
_WORDS = (
    ("reply", "text", "true"),
    ("reply", "message_id", "true"),
    ("copy", "reply", "true"),
    ("copy", "reason", "true"),
    ("recipient", "reason", "true"),
    ("mailing", "stop", "true"),
    # Cells of a message that is to be sent stay: they are its content.
    ("recipient", "cells", "status NOT IN ('pending', 'deferred')"),
)


class Forgetting:
    """The traces of people in a ledger that is open; to forget, it is open to decide."""

    __slots__ = ("_held", "_link")

    def __init__(self, link: Link, held: OpenLeases) -> None:
        self._link = link
        self._held = held

    @property
    def has_forgotten(self) -> bool:
        """Whether the ledger has forgotten a person."""
        return self._link.wait(self._link.fact(FACT)) is not None

    def look(self, address: str) -> Traces:
        """Return the traces of a person.

        Raises:
            LedgerError: the ledger with the person is another user's (74).
        """
        with self._link.snapshots.take() as ask:
            found = _rows(ask, address_key(address))
            begun = any(ask("SELECT 1 FROM fact WHERE name = $1", UNDER_WAY))
            owner, is_own = next(iter(ask(_OWNER, self._link.schema)))
        if (found or begun) and not is_own:
            raise LedgerError(
                f"{self._link.name}: the person stands there, and the ledger belongs to {owner}",
                hint=f"name {owner} in the URL: that role alone may forget",
            )
        return Traces.of([row.status for row in found], begun=begun)

    def aliases(self, address: str) -> Aliases:
        """Return the aliases that the person has, or will have, in this edition.

        Raises:
            LedgerError: this user may not read the secret (74).
        """
        key = address_key(address)
        alias = alias_of(self._secret(), key)
        keys = {key, alias}
        with self._link.snapshots.take() as ask:
            found = _rows(ask, *keys)
            deliveries = [row.delivery_id for row in found if row.delivery_id is not None]
            shared = {
                delivery
                for delivery, other in ask(_OTHERS, deliveries)
                if address_key(other) not in keys
            }
        return Aliases.of(alias, found, shared)

    def forget(self, address: str) -> None:
        """Forget a person; goes on where an earlier forgetting did not end.

        Raises:
            LedgerLocked: another process writes the ledger, or may still see the old rows (75).
            LedgerError: the person is in doubt, or the database fails (74).
        """
        link, key = self._link, address_key(address)
        if not (self._held.worker and self._held.is_open):
            raise link.closed()
        secret = self._secret()
        with link.transaction(self._held) as connection:
            link.wait(self._be_alone(connection))
            self._mask(connection, key, secret)
        link.wait(self._write_anew())
        with link.transaction(self._held) as connection:
            link.wait(set_fact(connection, UNDER_WAY, None))

    def _secret(self) -> str:
        secret = self._link.wait(self._link.fact("seed"))
        if secret is None:
            raise LedgerError(
                f"{self._link.name}: this user may not read the secret that names recipients",
                hint="name a user in the URL who may run the mailing",
            )
        return secret

    async def _be_alone(self, connection: Any) -> None:
        """Let nobody else write until the transaction ends, and no worker join behind it."""
        await stand_still(self._link, connection)
        others = await writers(self._link, connection, but=self._held.worker)
        if others:
            raise locked(self._link, others[0], hint="wait for its end; nothing was changed")
        await check_nothing_leased(self._link, connection, self._held.worker)
        await connection.execute("UPDATE mailing SET bundle = NULL, published = NULL")
        await connection.execute("DELETE FROM bundle")

    def _mask(self, connection: Any, key: str, secret: str) -> None:
        """Put the alias in the place of the person, inside a transaction."""
        wait, ask = self._link.wait, partial(self._link.snapshots.rows, connection)
        found = _rows(ask, key)
        if any(row.status == "in_doubt" for row in found):
            raise in_doubt(self._link.name)
        wait(set_fact(connection, UNDER_WAY, "1"))
        alias = alias_of(secret, key)
        for row in found:
            own = alias if row.key == key else alias_of(secret, row.key)
            mailbox = None if row.mailbox is None else alias
            cells = "\x1f" * (len(json.loads(row.columns)) - 1)
            wait(connection.execute(_MASK, row.id, alias, own, mailbox, cells, REASON))
        wait(_mask_groups(connection, {row.group_id for row in found}, key, secret))
        copies = ((tid, alias) for tid, to in _near(ask, key, "copy", "address") if _is(to, key))
        wait(_rewrite(connection, "copy", "address", list(copies)))
        mask = masking(key, alias)
        for table, column, where in _WORDS:
            texts = ((tid, text, mask(text)) for tid, text in _near(ask, key, table, column, where))
            changed = [(tid, masked) for tid, text, masked in texts if masked != text]
            wait(_rewrite(connection, table, column, changed))
        deliveries = [row.delivery_id for row in found if row.delivery_id is not None]
        wait(connection.execute("SELECT set_due($1)", deliveries))
        for fact in ("plan", "plan_head"):
            wait(set_fact(connection, fact, None))
        if found:
            wait(connection.execute(_ONE_MORE, FACT))

    async def _write_anew(self) -> None:
        """Write every table anew, without the rows of before.

        Raises:
            LedgerLocked: a transaction still sees such rows, or a reader holds a table (75).
        """
        try:
            async with self._link.writer() as connection:
                await connection.execute(f"SET lock_timeout = '{_PATIENCE}s'")
                for table in _TABLES:
                    await _vacuum(self._link, connection, table)
        except asyncpg.LockNotAvailableError as error:
            raise _seen(self._link, "another process has been reading the ledger") from error


def _seen(link: Link, who: str) -> LedgerLocked:
    return LedgerLocked(
        f"{link.name}: {who} for {_PATIENCE:.0f} s: the names of before are still in the files of"
        " the database",
        hint="end that, and run the command again, which goes on",
    )


async def _vacuum(link: Link, connection: Any, table: str) -> None:
    """Write a table anew, with statistics without the person, and no row that is gone.

    Raises:
        LedgerLocked: a transaction may still see rows that are gone.
    """
    for _ in range(int(_PATIENCE / _AGAIN)):
        if not await _kept(connection, table):
            return
        await asyncio.sleep(_AGAIN)
    raise _seen(link, f"a transaction, a standby or a slot has been holding old rows of {table}")


async def _kept(connection: Any, table: str) -> bool:
    """Write a table anew; say whether rows that are gone were taken along.

    The words of the server alone tell, in any language by the first number of their detail. Where
    there is none, rows were kept. Source: copy_table_data in cluster.c of PostgreSQL.
    """
    details: list[str] = []

    def hear(_: Any, message: Any) -> None:
        details.append(message.detail or "")

    connection.add_log_listener(hear)
    try:
        await connection.execute(f"VACUUM (FULL, ANALYZE, VERBOSE) {table}")
    finally:
        connection.remove_log_listener(hear)
    numbers = [re.search(r"\d+", detail) for detail in details]
    return next((found[0] != "0" for found in numbers if found), True)


def _is(address: str, key: str) -> bool:
    return address_key(address) == key


def _rows(ask: Ask, *keys: str) -> list[TracedRow]:
    """Return the rows of a person of any of these keys."""
    domains = [key.rpartition("@")[2] for key in keys]
    rows = (TracedRow(*row) for row in ask(_ROWS, list(keys), domains))
    return [row for row in rows if any(map(row.is_of, keys))]


def _near(
    ask: Ask, key: str, table: str, column: str, where: str = "true"
) -> Iterator[tuple[Any, str]]:
    """Yield the places and texts of a column that have the domain of the person, and may name it.

    The locale may lower other letters, and those of a domain are ASCII.
    """
    found = ask(
        f"SELECT ctid, {column} FROM {table} WHERE {where}"  # noqa: S608 - constants
        f' AND strpos(lower({column} COLLATE "C"), $1) > 0',
        key.rpartition("@")[2],
    )
    yield from map(tuple, found)


async def _rewrite(
    connection: Any, table: str, column: str, texts: Sequence[tuple[Any, str]]
) -> None:
    """Write texts of a column, by the places of their rows."""
    await connection.executemany(
        f"UPDATE {table} SET {column} = $2 WHERE ctid = $1",  # noqa: S608 - constants
        texts,
    )


async def _mask_groups(connection: Any, groups: set[int | None], key: str, secret: str) -> None:
    """Mask the values of groups that are of this person alone, and of others the address."""
    alias = alias_of(secret, key)
    for group in groups - {None}:
        cells = await connection.fetchval("SELECT cells FROM recipient_group WHERE id = $1", group)
        others = await connection.fetchval(_OTHERS_OF_GROUP, group, alias)
        values = masked_values(json.loads(cells), key, secret, alone=not others)
        await connection.execute(
            "UPDATE recipient_group SET cells = $2 WHERE id = $1", group, encode(values)
        )


#: A row that never asked for mail has the key of its address, as others.
_ROWS = """
SELECT s.id, s.address, s.key, s.mailbox, s.status, s.group_id, s.delivery_id, d.message_id,
  (SELECT columns FROM header WHERE id = s.header_id), p.message_id
FROM standing AS s
LEFT JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN reply AS p ON p.id = s.reply_id
WHERE s.key = ANY ($1) OR s.mailbox = ANY ($1) OR (s.status = 'invalid' AND EXISTS (
  SELECT 1 FROM unnest($2::text[]) AS n (domain)
  WHERE strpos(lower(s.address COLLATE "C"), n.domain) > 0))
"""
_OTHERS = "SELECT delivery_id, address FROM recipient WHERE delivery_id = ANY ($1)"
_OTHERS_OF_GROUP = "SELECT count(*) FROM recipient WHERE group_id = $1 AND address <> $2"
_OWNER = """
SELECT pg_get_userbyid(nspowner), pg_has_role(nspowner, 'USAGE') FROM pg_namespace
WHERE nspname = $1
"""
_MASK = """
UPDATE recipient SET address = $2, key = $3, mailbox = $4, cells = $5,
  reason = CASE WHEN status IN ('pending', 'deferred', 'suppressed', 'filtered', 'invalid',
    'withdrawn') THEN $6 ELSE reason END,
  wanted = 0, due = NULL, resend = 0,
  status = CASE WHEN status NOT IN ('pending', 'deferred') THEN status
    WHEN resend = 1 THEN 'skipped' ELSE 'suppressed' END
WHERE id = $1
"""
_ONE_MORE = """
INSERT INTO fact VALUES ($1, '1')
ON CONFLICT (name) DO UPDATE SET value = (fact.value::bigint + 1)::text
"""
