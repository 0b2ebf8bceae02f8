"""The proof of an edition, as the rest of mailbatch sees one: a role, and values.

    with ledgers.open_to_prove(place) as proof:
        proof.recipient(proof.named("ann@example.com")[0]).digest

This module must never import one that stores anything, as `ports`.

Tests: tests/ledger/test_proof.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from mailbatch.envelope import Delivery
from mailbatch.frozen import frozen
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


@frozen
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
