"""The standings of an edition: all reports of a store, joined with the deliveries.

A million reports are more than the memory should hold, so the joined rows go to a temporary
database that SQLite keeps on the disk, and the strongest of each recipient comes out of one sorted
query. This module must never write to the store.

Tests: tests/reports/test_joining.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mailbatch.reports.failure import as_store_error
from mailbatch.reports.joining import Mailed, Match, join
from mailbatch.reports.report import Event, Kind, Report
from mailbatch.reports.standing import COUNTED, strength
from mailbatch.reports.status_codes import speaks_of_address
from mailbatch.reports.store import StoredReport
from mailbatch.reports.temporary import temporary_database

_ROWS_AT_ONCE = 5000
_CACHE_KIB = 8 * 1024
_TEMPORARY = Path("the temporary database of the standings")
# Beside max() SQLite takes the other columns from the row that holds it.
_STANDING = (
    "SELECT delivery, address, event, kind, code, text, reported_at, suppresses, blames_another,"
    " sum(event = 'opened'), sum(event = 'clicked'), max(strength) FROM joined"
)
#: A complaint or an unsubscription asks for no more mail, whatever its code.
_WISHES = frozenset({Event.COMPLAINED, Event.UNSUBSCRIBED})


@dataclass(frozen=True, slots=True)
class RecipientStanding:
    """Where a recipient of a delivery stands, by the strongest report.

    `address` is the key of the address. `event` is None where there are opens and clicks alone.
    `reported_at` is the time of the event, or of the arrival where the report has none, in seconds
    since the epoch. `suppresses` says that the report speaks against further mail to the address;
    `blames_another`, that the code speaks of an address, and not certainly of this one.
    """

    delivery: int
    address: str
    event: Event | None
    kind: Kind | None
    code: str
    text: str
    reported_at: float
    suppresses: bool
    opens: int
    clicks: int
    blames_another: bool = False


class Standings:
    """The standings of an edition; a context, gone at the end.

    `matched` is the number of reports that found a recipient, `unmatched` that of the others.
    """

    __slots__ = ("_connection", "_is_indexed", "matched", "unmatched")

    def __init__(self) -> None:
        """Make the temporary database, empty.

        Raises:
            StoreError: there is no place for the database (74).
        """
        self.matched = self.unmatched = 0
        self._is_indexed = False
        with as_store_error(_TEMPORARY):
            self._connection = temporary_database(cache_kib=_CACHE_KIB)
            self._connection.execute(
                "CREATE TABLE joined (delivery INTEGER, address TEXT, strength BLOB, event TEXT,"
                " kind TEXT, code TEXT, text TEXT, reported_at REAL, suppresses INTEGER,"
                " blames_another INTEGER)"
            )

    def join(self, reports: Iterable[StoredReport], mailed: Mailed) -> Iterator[StoredReport]:
        """Join reports with the deliveries of an edition, and yield those that find none.

        Raises:
            StoreError: there is no place for the rows (74).
        """
        rows: list[tuple[Any, ...]] = []
        for stored in reports:
            match = join(stored.report, mailed)
            if not isinstance(match, Match):
                self.unmatched += 1
                yield stored
                continue
            self.matched += 1
            rows.append(_row(stored, match))
            if len(rows) == _ROWS_AT_ONCE:
                self._add(rows)
                rows = []
        self._add(rows)

    def _add(self, rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * 10)
        with as_store_error(_TEMPORARY):
            self._connection.execute("BEGIN")
            self._connection.executemany(f"INSERT INTO joined VALUES ({marks})", rows)  # noqa: S608
            self._connection.execute("COMMIT")

    def __iter__(self) -> Iterator[RecipientStanding]:
        """Yield the standing of each recipient that has a report, by delivery and address."""
        query = f"{_STANDING} GROUP BY delivery, address ORDER BY delivery, address"
        with as_store_error(_TEMPORARY):
            for row in self._connection.execute(query):
                yield _standing(row)

    def of(self, delivery: int, address: str) -> RecipientStanding | None:
        """Return the standing of a recipient; None where there is no report.

        `address` is the key of the address.
        """
        query = f"{_STANDING} WHERE delivery = ? AND address = ? GROUP BY delivery, address"
        with as_store_error(_TEMPORARY):
            if not self._is_indexed:
                self._connection.execute("CREATE INDEX by_recipient ON joined (delivery, address)")
                self._is_indexed = True
            row = self._connection.execute(query, (delivery, address)).fetchone()
        return None if row is None else _standing(row)

    def close(self) -> None:
        """Remove the temporary database; without effect the second time."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _row(stored: StoredReport, match: Match) -> tuple[Any, ...]:
    report = stored.report
    return (
        match.delivery, match.address, strength(report), report.event, report.kind, report.code,
        report.text, stored.received if report.at is None else report.at,
        _suppresses(report, match), _blames_another(report, match),
    )  # fmt: skip


def _suppresses(report: Report, match: Match) -> bool:
    """Tell whether a report speaks against further mail to the address of the match."""
    return report.event in _WISHES or (report.about_address and match.is_named)


def _blames_another(report: Report, match: Match) -> bool:
    """Tell whether a bounce speaks of an address that may be another than that of the match."""
    of_an_address = report.kind is Kind.HARD and speaks_of_address(report.code)
    return of_an_address and not (report.about_address and match.is_named)


def _standing(row: tuple[Any, ...]) -> RecipientStanding:
    delivery, address, event, kind, code, text, at, suppresses, another, opens, clicks, _ = row
    if event in COUNTED:
        return RecipientStanding(delivery, address, None, None, "", "", at, False, opens, clicks)
    return RecipientStanding(
        delivery, address, Event(event), Kind(kind) if kind else None, code, text, at,
        bool(suppresses), opens, clicks, bool(another),
    )  # fmt: skip
