"""The corrections of an edition, as the rest of mailbatch sees these: a role, and its value.

    corrections = ledgers.corrections_of(ledger)     # None: a ledger in a database
    corrections.had(["ann@example.com"])["ann@example.com"].status

This module must never import one that stores anything, as `ports`.

Tests: tests/ledger/test_corrections.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from mailbatch.envelope import Recipient
from mailbatch.ledger.rows import Before
from mailbatch.outcome import Status


class Had(NamedTuple):
    """A recipient of an edition that is to be corrected, and the row as it was mailed.

    `columns` are the names of the cells in `values`. `message_id` (without angle brackets) and
    `date` (seconds since the epoch) are None where no message was ever begun. `digest` is the
    SHA-256 of the content (module octets), None where none was kept.
    """

    id: int
    address: str
    status: Status
    columns: tuple[str, ...]
    values: tuple[str, ...]
    message_id: str | None
    date: int | None
    digest: bytes | None


class Correcting(Protocol):
    """The part of an edition in corrections: as the one that is corrected, or that corrects."""

    @property
    def corrects(self) -> str | None:
        """The edition that this one corrects; None: the edition is no correction."""

    @property
    def corrected_by(self) -> str | None:
        """The edition that took over from this one; None: no edition did."""

    @property
    def is_planned(self) -> bool:
        """Whether the ledger has rows."""

    def begin(self, before: Sequence[Before]) -> None:
        """Bind the ledger to the edition that it corrects, synced; `before` has that one first.

        The other editions are those of its thread, the last one first.
        """

    def take_over(self, by: str) -> None:
        """Mark the edition as corrected by the edition `by`, synced: no run sends it any more."""

    def had(self, keys: Iterable[str]) -> dict[str, Had]:
        """Return the recipients with these keys, by key; a row that asked for no mail is none.

        The key of a person that the ledger has forgotten finds the row all the same.
        """

    def forgotten(self, row: Recipient) -> Recipient | None:
        """Return a row of a table under the alias of its person; None: nobody was forgotten."""

    def unmailable(self) -> frozenset[str]:
        """Return the keys of rows that could not be mailed, and never asked for a mail."""
