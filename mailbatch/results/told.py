"""The facts of reports beside a row of the ledger: the fields of the last columns.

    Told("bounced", "hard", "5.1.1", "no such mailbox", 1796000000.0, 0, 0)

A report never changes a status. This module must never read a store, and know nothing of a ledger
but its rows.

Tests: tests/results/test_reported.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from mailbatch.reports.report import Event, Kind
    from mailbatch.reports.standings import Standings


class Told(NamedTuple):
    """The facts of the reports about a recipient; None where no report is known.

    `reported_at` is in seconds since the epoch (UTC), `opens` and `clicks` are counts. With opens
    or clicks alone, `report` is None.
    """

    report: Event | None
    report_kind: Kind | None
    report_code: str | None
    report_text: str | None
    reported_at: float | None
    opens: int | None
    clicks: int | None


UNTOLD = Told(None, None, None, None, None, None, None)


def told_of(row: ResultRow, standings: Standings) -> Told:
    """Return what the reports of an edition tell of a row.

    Raises:
        StoreError: the temporary database of the standings cannot be read (74).
    """
    found = standings.of(row.header_message_id, row.email)
    if found is None:
        return UNTOLD
    return Told(
        found.event, found.kind, found.code or None, found.text or None, found.reported_at,
        found.opens, found.clicks,
    )  # fmt: skip


def reported(
    rows: Iterable[ResultRow],
    standings: Standings,
    accepted: Counter[Event | None] | None = None,
) -> Iterator[tuple[Any, ...]]:
    """Yield each row with the facts of its reports behind.

    `accepted` counts the accepted rows that went by, by the event; None: no report tells of one.

    Raises:
        StoreError: the temporary database of the standings cannot be read (74).
    """
    for row in rows:
        told = told_of(row, standings)
        if accepted is not None and row.status is Status.ACCEPTED:
            accepted[told.report] += 1
        yield (*row, *told)
