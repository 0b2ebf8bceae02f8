"""The proof of an edition, as the rest of mailbatch sees one: a role, and values.

    with ledgers.open_to_prove(place) as proof:
        proof.recipient(proof.named("ann@example.com")[0]).digest

This module must never import one that stores anything, as `ports`.

Tests: tests/ledger/test_proof.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mailbatch.envelope import Delivery, is_alias
from mailbatch.ledger.attempts import Attempt, Head, Leased, Names, Row
from mailbatch.ledger.rows import ResultRow


class ProofRow(NamedTuple):
    """A row of the edition without a person: the keyed name, the message, and the outcome.

    `digest` is that of the commit point (module octets), None where no message left or none was
    kept; `settled_at` is in seconds since the epoch.
    """

    id: int
    key: str
    digest: bytes | None
    status: str
    code: int | None
    settled_at: float | None


@dataclass(frozen=True, slots=True)
class Proved:
    """A recipient of the edition, with the message as it was made.

    `salt` opens the keyed name of `key`. `delivery` is None where no attempt was made, `columns`
    are those of the rows in there. `digest` is that of `ProofRow`. `inputs` are the digests of the
    inputs of the message that the ledger has, by name.
    """

    id: int
    key: str
    salt: str
    row: ResultRow
    digest: bytes | None
    delivery: Delivery | None
    columns: tuple[str, ...]
    inputs: Mapping[str, str]


class Proving(Protocol):
    """The rows and messages of an edition, all of one state of the ledger."""

    def rows(self) -> Iterator[ProofRow]:
        """Stream every row of the edition, in the order in which the ledger got to know them."""

    def named(self, text: str) -> list[int]:
        """Return the ids of the recipients of an address, or of the one with that key.

        For an address of no recipient, the id of its first row; empty: no row has the address.
        """

    def recipient(self, row_id: int) -> Proved:
        """Return the recipient with an id, and the message as it was made."""


def delivery_as_made(head: Head, members: Sequence[Row]) -> Delivery:
    """Return a delivery as its first lease made it: all recipients, none of them settled.

    `members` are the rows of the delivery, in the order in which the ledger got to know them.
    """
    own = {row.to: row.address for row in reversed(members) if row.claim == "own"}
    addresses = tuple([own[row.to] for row in members if row.claim == "own"])
    addresses = tuple(dict.fromkeys(addresses))
    alone = len(addresses) == 1
    # Several see the values of their group alone, which a forgotten one does not keep.
    known = [row for row in members if not is_alias(row.address)] or members
    seen = sorted(members, key=lambda row: row.line or 0) if alone else list(known[:1])
    leased = Leased(addresses, (), whole=True)
    attempt = Attempt(leased, addresses, seen, [], 0, 0)
    names = Names(job="", edition="", secret=None, domain="")
    return names.delivery(head, attempt, float(head.date or 0), frozenset())
