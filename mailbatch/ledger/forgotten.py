"""The people that a ledger has forgotten: known by an alias that only the ledger can work out.

    forgotten = Forgotten.of(connection)                # None: nobody was forgotten
    forgotten.alias("ann@example.com")                  # '9f…@forgotten.invalid', or None
    rows = forgotten.disguising(rows)                   # the rows of a plan, as the ledger has them

An alias is the keyed name (`keyed`) of a key or an address, in the form of an address at a domain
that never has a host (RFC 2606 2). A row of a later table whose person was forgotten is planned
under the alias: so the ledger knows that the person was mailed, and never learns the address again.
This module must never make an alias without the secret of the ledger.

Tests: tests/cli/test_forget.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from mailbatch.envelope import OF_FORGOTTEN, Recipient, address_key
from mailbatch.errors import LedgerError
from mailbatch.frozen import frozen
from mailbatch.ledger.keyed import keyed_by
from mailbatch.ledger.rows import KeyedRow

#: The fact that holds the number of people that were forgotten.
FACT = "forgotten"
#: The reason of a row that gets no message any more.
REASON = "forgotten"
_ALIASES = f"""
SELECT address FROM recipient WHERE address LIKE '%{OF_FORGOTTEN}'
UNION SELECT key FROM recipient WHERE own_key LIKE '%{OF_FORGOTTEN}'
"""  # noqa: S608 - a constant


def alias_of(secret: str, key: str) -> str:
    """Return the alias of a key or of an address in lower case."""
    return f"{keyed_by(secret, key)}{OF_FORGOTTEN}"


def name_of(alias: str) -> str:
    """Return the keyed name in an alias."""
    return alias.removesuffix(OF_FORGOTTEN)


def in_doubt(place: object) -> LedgerError:
    """Return the refusal to forget a person who is in doubt in the ledger at a place."""
    return LedgerError(
        f"{place}: the person is in doubt",
        hint="settle that first: mailbatch resolve JOB --accepted or --skip",
    )


def masked_values(values: Iterable[str], key: str, secret: str, *, alone: bool) -> list[str]:
    """Return the values of a group of a person: all masked where it is alone, else the address."""
    return [alias_of(secret, one) if alone or one.lower() == key else one for one in values]


@frozen
class Forgotten:
    """The aliases of a ledger, and the secret that made them."""

    secret: str
    aliases: frozenset[str]

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> Forgotten | None:
        """Return the people that a ledger has forgotten; None: nobody was."""
        facts = dict(
            connection.execute("SELECT name, value FROM fact WHERE name IN (?, 'seed')", (FACT,))
        )
        if FACT not in facts or "seed" not in facts:
            return None
        found = frozenset(alias for (alias,) in connection.execute(_ALIASES))
        return cls(facts["seed"], found)

    def alias(self, key: str) -> str | None:
        """Return the alias of a key, or of an address; None where it was never forgotten."""
        found = alias_of(self.secret, key)
        return found if found in self.aliases else None

    def disguising(self, rows: Iterable[Recipient]) -> Iterable[Recipient]:
        """Return the rows of a table, those of forgotten people under their aliases.

        Rows that can be read once only stay so.
        """
        return map(self.disguised, rows) if isinstance(rows, Iterator) else Rows(self, rows)

    def known_as(self, row: KeyedRow) -> KeyedRow:
        """Return the row of a plan with the aliases of a person that was forgotten."""
        key, address = self.alias(row.key), self.alias(address_key(row.address))
        return row._replace(key=key or row.key, address=address or row.address)

    def disguised(self, row: Recipient) -> Recipient:
        """Return a row as the ledger may have it: without address and cells, and unwanted."""
        address = address_key(row.address)
        key = self.alias(address if row.key is None else row.key)
        mailbox = self.alias(address)
        if key is None and mailbox is None:
            return row
        # By the key alone the person may have another address now: that one is not learned either.
        mailbox = mailbox or alias_of(self.secret, address)
        return Recipient(
            row.line,
            mailbox,
            ("",) * len(row.values),
            None if row.group is None else tuple(alias_of(self.secret, c) for c in row.group),
            "suppressed",
            REASON,
            None if row.key is None else key or alias_of(self.secret, row.key),
        )


class Rows:
    """The rows of a table, disguised each time that they are read."""

    def __init__(self, forgotten: Forgotten, rows: Iterable[Recipient]) -> None:
        self._forgotten = forgotten
        self._rows = rows

    def __iter__(self) -> Iterator[Recipient]:
        return map(self._forgotten.disguised, self._rows)
