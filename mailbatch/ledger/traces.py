"""The traces of a person in a ledger, as the rest of mailbatch sees these: a role, and values.

    found = ledger.forgetting().look("ann@example.com")     # Traces(rows=2, in_doubt=0, ...)

This module must never import one that stores anything, as `ports`.

Tests: tests/ledger/test_forgetting.py, tests/ledger/postgres/test_forgetting.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from mailbatch.envelope import address_key, mentions_of
from mailbatch.frozen import frozen

#: The fact of a ledger whose pages may hold what is to be forgotten.
UNDER_WAY = "forgetting"


@frozen
class Traces:
    """The traces of a person in a ledger.

    `rows` is the number of rows, `mailed` that of those with a message that arrived or may have,
    `unsent` that of those that were to get one. `in_doubt` must be settled first. `begun` says that
    an earlier forgetting did not end.
    """

    rows: int = 0
    mailed: int = 0
    unsent: int = 0
    in_doubt: int = 0
    begun: bool = False

    def __bool__(self) -> bool:
        return bool(self.rows or self.begun)

    @classmethod
    def of(cls, statuses: Collection[str], *, begun: bool) -> Traces:
        """Return the traces of a person whose rows have these statuses."""
        return cls(
            len(statuses),
            sum(status in {"accepted", "in_doubt", "skipped"} for status in statuses),
            sum(status in {"pending", "deferred"} for status in statuses),
            sum(status == "in_doubt" for status in statuses),
            begun,
        )


@dataclass(slots=True)
class Aliases:
    """The aliases of a person in one edition, by the names that reports and results use.

    `names` are Message-IDs, ours and the server's, of messages to the person; `own` those of
    messages to no other.
    """

    alias: str
    names: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, alias: str, found: Iterable[TracedRow], shared: Collection[int | None]) -> Aliases:
        """Return the aliases of a person by the rows; `shared` deliveries are of others, too."""
        made = cls(alias)
        for row in found:
            names = {n for n in (row.header_message_id, row.server_message_id) if n}
            made.names |= names
            if row.delivery_id not in shared:
                made.own |= names
        return made


class TracedRow(NamedTuple):
    """A row that may be of a person, with the names of its message.

    `status` is that of the standing, `columns` are those of the table as a JSON list.
    """

    id: int
    address: str
    key: str
    mailbox: str | None
    status: str
    group_id: int | None
    delivery_id: int | None
    header_message_id: str | None
    columns: str
    server_message_id: str | None

    def is_of(self, key: str) -> bool:
        """Say whether the row has an address or key, or the text where none is valid."""
        if key in (address_key(self.address), self.key, self.mailbox):
            return True
        return self.status == "invalid" and mentions_of(key).search(self.address) is not None


class Tracing(Protocol):
    """The traces of people in a ledger that is open; to forget, it is open to decide."""

    @property
    def has_forgotten(self) -> bool:
        """Whether the ledger has forgotten a person."""

    def look(self, address: str) -> Traces:
        """Return the traces of a person."""

    def aliases(self, address: str) -> Aliases:
        """Return the aliases that the person has, or will have, in this edition.

        Raises:
            LedgerError: the ledger has no secret (74).
        """

    def forget(self, address: str) -> None:
        """Forget a person; goes on where an earlier forgetting did not end.

        Raises:
            LedgerLocked: another process writes the ledger, or reads what is to be forgotten (75).
            LedgerError: there is no secret, or the person is in doubt, or a disk is full (74).
        """
