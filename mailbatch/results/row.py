"""A row of the results as a value with all of its columns, for programs.

    for row in rows(ledger, None):
        print(row.email, row.status, row.report)

Tests: tests/results/test_lines.py, tests/test_api.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.rows import ResultRow
from mailbatch.outcome import Status
from mailbatch.results.told import UNTOLD, reported

if TYPE_CHECKING:
    from mailbatch.reports.report import Event, Kind
    from mailbatch.reports.standings import Standings


class Row(NamedTuple):
    """One row of the results: the fields of `ledger.rows.ResultRow` and of `told.Told`.

    Each column of the results file is the field of the same name. Times are in seconds since the
    epoch (UTC). No text is defused, as the cells of the file are for spreadsheets.
    """

    row: int | None
    email: str
    status: Status
    message_id: str | None
    reply_code: int | None
    enhanced_status: str | None
    reply: str | None
    attempts: int
    group: str | None
    edition: str
    header_message_id: str | None
    first_attempt_at: float | None
    settled_at: float | None
    reason: str | None
    report: Event | None
    report_kind: Kind | None
    report_code: str | None
    report_text: str | None
    reported_at: float | None
    opens: int | None
    clicks: int | None
    server: str | None


_SERVER = ResultRow._fields.index("server")


def _row(known: tuple[Any, ...], told: tuple[Any, ...]) -> Row:
    """Return the fields of a row of the ledger and of its reports in the order of the columns."""
    return Row._make((*known[:_SERVER], *told, known[_SERVER]))


def rows(ledger: OpenLedger, standings: Standings | None) -> Iterator[Row]:
    """Yield the rows of a ledger, with the facts of its reports where there are any.

    Raises, from iterating:
        StoreError: the temporary database of the standings cannot be read (74).
    """
    found = ledger.standing.result_rows()
    if standings is None or not standings.matched:
        return (_row(row, UNTOLD) for row in found)
    behind = len(ResultRow._fields)
    return (_row(row[:behind], row[behind:]) for row in reported(found, standings))
