"""The role of a ledger that tells where each recipient of an edition stands: one of `ports`.

    ledger.standing.counts()[Status.ACCEPTED]

This module must never import a module that stores anything.

Tests: tests/ledger/contract/test_roles.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from mailbatch.identity import Identity
from mailbatch.ledger.rows import (
    AttemptedRow,
    KeyedRow,
    Moved,
    Repeat,
    ResultRow,
    SharedRows,
    UnfinishedRow,
)
from mailbatch.outcome import Status


class Standings(Protocol):
    """Where every recipient of the edition stands. Reads only, also while a run writes."""

    def counts(self) -> dict[Status, int]:
        """Count the rows of the table by status; every status is there."""

    def found_rows(self) -> tuple[dict[Status, int], int]:
        """Count the rows one by one: by status, and those that have not left the table."""

    def finished_at(self) -> float | None:
        """Return when the edition last became finished (seconds since the epoch), else None."""

    def began_at(self) -> float | None:
        """Return when the first attempt was made (seconds since the epoch), None: none was."""

    def taken_since(self, since: float, *, server: str | None = None) -> list[tuple[float, int]]:
        """Return instants behind `since`, with the addresses taken at `server`; doubts count."""

    def elsewhere(self) -> dict[str, int]:
        """Count the accepted rows by server, host and port; the first server is left out."""

    def waits_for_the_server(self) -> bool:
        """Say whether a recipient is pending by a reply of the server, not for want of a try."""

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the table as it was planned last; none before the first plan."""

    def result_rows(self) -> Iterator[ResultRow]:
        """Stream every row of the table in order, then the rows that left the table."""

    def result_blocks(self) -> Iterator[list[tuple[Any, ...]] | SharedRows]:
        """Stream the rows of `result_rows` in blocks, as bare tuples."""

    def attempted_rows(self) -> Iterator[AttemptedRow]:
        """Stream the rows of `result_rows` that have a `header_message_id`, in that order."""

    def statuses_of(self, address: str) -> list[Status]:
        """Return where the recipients of an address stand, or the one with that key.

        The status of the first row stands for an address of no mailed row; empty: no row has it.
        Never reads the whole table for an address that is mailed.
        """

    def aliases(self) -> Callable[[str], str | None] | None:
        """Return what gives the alias of a key or an address that was forgotten; None: none was."""

    def identity(self) -> Identity:
        """Return the identity of the recipients as they were planned last."""

    def keyed_rows(self) -> Iterator[KeyedRow]:
        """Stream the rows of `result_rows` with their keys, in that order."""

    def planned_rows(self) -> Iterator[tuple[int | None, Status, int | None]]:
        """Stream line, status and delivery of the rows of `result_rows`, in that order."""

    def letters(self) -> tuple[int, int]:
        """Count the addresses that have several deliveries, and these deliveries."""

    def repeats(self) -> Iterator[Repeat]:
        """Stream the duplicates whose cells are others than those of the row that is mailed."""

    def statuses_as(
        self,
        identity: Identity,
        columns: Sequence[str],
        rows: Iterable[KeyedRow],
        *,
        accept_changes: bool = False,
    ) -> Iterator[Status | None]:
        """Yield, for each row of a plan with another identity, where it would stand; None: new.

        Raises:
            IdentityError: `Planning.reconcile` would refuse the identity.
        """

    def mailed_statuses(self, rows: Iterable[KeyedRow]) -> Iterator[Status | None]:
        """Yield, for each row of a plan, where its recipient would stand; None: it would be new.

        A rejected recipient with another address is pending, one that is sent to again in doubt.
        """

    def check_overlap(self, identity: Identity, rows: Iterable[KeyedRow]) -> None:
        """Check the rows of a plan that is made elsewhere, with the identity of the edition.

        Raises:
            OverlapError: `Planning.reconcile` would refuse the rows.
        """

    def moved(self, rows: Iterable[KeyedRow]) -> Iterator[Moved]:
        """Yield the rows of a plan that get nothing: their key was mailed at another address."""

    def further(self) -> int:
        """Count the addresses of unfinished recipients that have a message by a row that left."""

    def unfinished_rows(self) -> Iterator[UnfinishedRow]:
        """Stream the pending, deferred, rejected and invalid rows of the table in order."""
