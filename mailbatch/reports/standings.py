"""The standings of an edition: all reports of a store, joined with the deliveries.

    with ReportStore(path) as store, MailedEdition(rows) as mailed:
        standings = Standings(mailed)
        standings.join(store)
        print(standings.counts()[Event.BOUNCED], standings.unmatched)

A million reports are more than the memory should hold, and too many to be looked at one by one. So
the rules of `joining` are asked in SQL, of some thousand reports at a time, where a report names
one recipient and a delivery by a token or a server's id: nearly always. All other reports that
name a delivery at all go to `joining.join`. Joined rows stand in the temporary database of the
deliveries, and the strongest of each recipient comes out of one sorted query. This module must
never write to the store.

Tests: tests/reports/test_joining.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailbatch.envelope import address_key
from mailbatch.frozen import frozen
from mailbatch.report_token import is_token, token_of
from mailbatch.reports.failure import as_store_error
from mailbatch.reports.joining import Match, join
from mailbatch.reports.mailed import MailedEdition
from mailbatch.reports.report import Event, Kind, Report
from mailbatch.reports.standing import STRENGTH_SQL, strength, told_by
from mailbatch.reports.status_codes import speaks_of_address
from mailbatch.reports.store import ReportStore, StoredReport

#: Reports of one look at the store: a look keeps writers waiting where there is no WAL.
_REPORTS_AT_ONCE = 5000
_TEMPORARY = Path("the temporary database of the standings")
#: A complaint or an unsubscription asks for no more mail, whatever its code.
_WISHES = frozenset({Event.COMPLAINED, Event.UNSUBSCRIBED})

_JOINED = """
CREATE TABLE joined (report INTEGER PRIMARY KEY, recipient INTEGER, strength TEXT,
  reported_at REAL, suppresses INTEGER, blames_another INTEGER, opened INTEGER, clicked INTEGER)
"""
_STANDS = """
CREATE TABLE standing (recipient INTEGER PRIMARY KEY, strength TEXT, reported_at REAL,
  suppresses INTEGER, blames_another INTEGER, opens INTEGER, clicks INTEGER)
"""
_INSERT = "INSERT INTO joined VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
# One recipient whom the report names by the key of the address, as `join` finds by the first name
# that a delivery has. A hard bounce without an address to blame may blame another one.
_JOIN = """
INSERT INTO joined
SELECT r.id, min(m.id), {strength}, coalesce(r.at, r.received),
  r.about_address OR r.event IN ({wishes}), 0, r.event = 'opened', r.event = 'clicked'
FROM store.report AS r
CROSS JOIN mailed AS m ON m.{name} = r.{column} AND m.key = lower(r.recipients)
WHERE r.id BETWEEN ? AND ? AND r.{column} <> '' AND (r.about_address OR r.kind IS NOT 'hard')
  AND NOT EXISTS (SELECT 1 FROM shared WHERE name = '{name}' AND value = r.{column})
  {unless}
GROUP BY r.id
"""
_UNLESS = """
  AND NOT EXISTS (SELECT 1 FROM joined WHERE report = r.id)
  AND NOT EXISTS (SELECT 1 FROM mailed WHERE token = r.token)
"""


def _join_by(name: str, column: str, unless: str = "") -> str:
    wishes = ", ".join(f"'{event}'" for event in sorted(_WISHES))
    return _JOIN.format(
        strength=STRENGTH_SQL, wishes=wishes, name=name, column=column, unless=unless
    )


_JOIN_BY_TOKEN = _join_by("token", "token")
_JOIN_BY_SERVER = _join_by("server", "message_id", _UNLESS)
_LEFT = """
FROM store.report AS r WHERE r.id BETWEEN ? AND ?
  AND NOT EXISTS (SELECT 1 FROM joined WHERE report = r.id)
"""
_NAMED = f"""
{_LEFT} AND (
  EXISTS (SELECT 1 FROM mailed WHERE token = r.token)
  OR EXISTS (SELECT 1 FROM mailed WHERE server = r.message_id)
  OR (r.header_message_id <> ''
    AND EXISTS (SELECT 1 FROM mailed WHERE ours = r.header_message_id))
  OR (r.bulk_id IN (SELECT bulk_id FROM mailing) AND r.token = '' AND r.header_message_id = ''
    AND (SELECT origin FROM store.body WHERE id = r.body_id) <> 'serve'))
"""  # noqa: S608 - of the constant above
# Beside max() SQLite takes the other columns from the row that holds it.
_STAND = """
INSERT INTO standing
SELECT recipient, max(strength), reported_at, suppresses, blames_another, sum(opened), sum(clicked)
FROM joined GROUP BY recipient ORDER BY recipient
"""
_STANDING = """
SELECT s.recipient, m.key, s.strength, s.reported_at, s.suppresses, s.opens, s.clicks,
  s.blames_another
FROM mailed AS m JOIN standing AS s ON s.recipient = m.id
"""

_REPORTS = """
SELECT report FROM joined
WHERE recipient = (SELECT min(id) FROM mailed WHERE ours = ? AND key = ?) ORDER BY report
"""


@frozen
class RecipientStanding:
    """Where a recipient of a delivery stands, by the strongest report.

    `delivery` is a number of the recipient's delivery in the edition that was joined, `address` the
    key of the address. `event` is None where there are opens and clicks alone.
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
    """The standings of an edition, gone with the deliveries of the edition.

    `matched` is the number of reports that found a recipient, `unmatched` that of the others.
    """

    __slots__ = ("_connection", "_mailed", "_stands", "matched", "unmatched")

    def __init__(self, mailed: MailedEdition) -> None:
        """Make the tables, empty, in the temporary database of the deliveries.

        Raises:
            StoreError: there is no place for the tables (74).
        """
        self.matched = self.unmatched = 0
        self._mailed, self._connection = mailed, mailed.connection
        self._stands = False
        with as_store_error(_TEMPORARY):
            self._connection.execute(_JOINED)
            self._connection.execute(_STANDS)

    def join(self, store: ReportStore, *, most_missed: int = 0) -> list[StoredReport]:
        """Join the reports of a store with the deliveries; return some of those that find none.

        Called once. Reports that come while this goes on are left to a later look.

        Raises:
            StoreError: the store cannot be read, or there is no place for the rows (74).
        """
        missed: list[int] = []
        self._mailed.index("token")
        store.attach_to(self._connection)
        with as_store_error(store.path):
            first, last = self._connection.execute(
                "SELECT min(id), max(id) FROM store.report"
            ).fetchone()
        if last is not None:
            for begin in range(first, last + 1, _REPORTS_AT_ONCE):
                end = min(last, begin + _REPORTS_AT_ONCE - 1)
                left = self._join_some(store, begin, end)
                self.unmatched += len(left)
                missed += left[: most_missed - len(missed)]
        with as_store_error(store.path):
            self._connection.execute("DETACH store")
            (self.matched,) = self._connection.execute("SELECT count(*) FROM joined").fetchone()
        return store.stored(missed)

    def _join_some(self, store: ReportStore, *bounds: int) -> list[int]:
        """Join the reports with numbers in some bounds; return the numbers of those that miss."""
        with as_store_error(store.path):
            self._connection.execute(_JOIN_BY_TOKEN, bounds)
            left = self._select("1", f"{_LEFT} LIMIT 1", bounds)
        if not left:
            return []
        self._mailed.index("server")
        with as_store_error(store.path):
            self._connection.execute(_JOIN_BY_SERVER, bounds)
            missed = set(self._select("r.id", _LEFT, bounds))
            if not missed:
                return []
            if self._select("1", f"{_LEFT} AND r.header_message_id <> '' LIMIT 1", bounds):
                self._mailed.index("ours")
            named = self._named(bounds)
        rows = []
        for stored in store.stored(named):
            match = join(stored.report, self._mailed, stored.origin)
            if isinstance(match, Match):
                missed.remove(stored.id)
                rows.append(_row(stored, match, self._recipient(match)))
        with as_store_error(_TEMPORARY):
            self._connection.executemany(_INSERT, rows)
        return sorted(missed)

    def _named(self, bounds: tuple[int, ...]) -> list[int]:
        """Return the numbers of reports that are left and have a name of a delivery."""
        return self._select("r.id", _NAMED, bounds)

    def _select(self, column: str, rest: str, values: tuple[Any, ...]) -> list[int]:
        found = self._connection.execute(f"SELECT {column} {rest}", values)
        return [number for (number,) in found]

    def _recipient(self, match: Match) -> int:
        """Return the number of the first row of a recipient in the table of the deliveries."""
        query = (
            "SELECT min(m.id) FROM mailed AS m JOIN mailed AS d ON m.ours = d.ours"
            " WHERE d.id = ? AND m.key = ?"
        )
        self._mailed.index("ours")
        with as_store_error(_TEMPORARY):
            found = self._connection.execute(query, (match.delivery, match.address)).fetchone()
        return int(found[0])

    def _stand(self) -> None:
        """Fill the table of standings, once."""
        if not self._stands:
            self._stands = True
            with as_store_error(_TEMPORARY):
                self._connection.execute(_STAND)

    def __iter__(self) -> Iterator[RecipientStanding]:
        """Yield the standing of each recipient that has a report, in the order of the rows."""
        self._stand()
        with as_store_error(_TEMPORARY):
            for row in self._connection.execute(f"{_STANDING} ORDER BY s.recipient"):
                yield _standing(row)

    def suppressing(self) -> Iterator[RecipientStanding]:
        """Yield the standings that speak against further mail, in the order of the rows."""
        self._stand()
        with as_store_error(_TEMPORARY):
            query = f"{_STANDING} WHERE s.suppresses ORDER BY s.recipient"
            for standing in map(_standing, self._connection.execute(query)):
                if standing.suppresses:  # not so where opens and clicks are all
                    yield standing

    def recipients(self) -> int:
        """Return how many recipients have a report."""
        self._stand()
        with as_store_error(_TEMPORARY):
            found = self._connection.execute("SELECT count(*) FROM standing").fetchone()
        return int(found[0])

    def counts(self) -> dict[Event, int]:
        """Return how many recipients stand at each event; opens and clicks count beside these."""
        counts = dict.fromkeys(Event, 0)
        for event, _, number, opened, clicked in self._counted():
            if event is not None:
                counts[event] += number
            counts[Event.OPENED] += opened
            counts[Event.CLICKED] += clicked
        return counts

    def bounces(self) -> dict[Kind, int]:
        """Return how many recipients stand at a bounce of each kind."""
        kinds = dict.fromkeys(Kind, 0)
        for _, kind, number, _, _ in self._counted():
            if kind is not None:
                kinds[kind] += number
        return kinds

    def _counted(self) -> Iterator[tuple[Event | None, Kind | None, int, int, int]]:
        """Yield event and kind with the number of recipients, and of those that open and click."""
        self._stand()
        # The first characters of a strength are those of the event and the kind.
        query = (
            "SELECT max(strength), count(*), sum(opens > 0), sum(clicks > 0) FROM standing"
            " GROUP BY substr(strength, 1, 2)"
        )
        with as_store_error(_TEMPORARY):
            for strongest, *numbers in self._connection.execute(query):
                yield *told_by(strongest)[:2], *numbers

    def reports_of(self, header_message_id: str, email: str) -> list[int]:
        """Return the numbers of the reports about a recipient of a message, in their order.

        Raises:
            StoreError: the temporary database cannot be read (74).
        """
        self._mailed.index("ours")
        with as_store_error(_TEMPORARY):
            found = self._connection.execute(_REPORTS, (header_message_id, address_key(email)))
            return [number for (number,) in found]

    def of(self, header_message_id: str | None, email: str) -> RecipientStanding | None:
        """Return the standing of a recipient of a message; None where no report is known.

        `header_message_id` has no angle brackets; None where no attempt was made.

        Raises:
            StoreError: the temporary database cannot be read (74).
        """
        if header_message_id is None:
            return None
        self._stand()
        token = token_of(header_message_id)
        name, value = ("token", token) if is_token(token) else ("ours", header_message_id)
        self._mailed.index(name)
        query = f"{_STANDING} WHERE m.{name} = ? AND m.key = ? AND m.ours = ?"
        with as_store_error(_TEMPORARY):
            row = self._connection.execute(
                query, (value, address_key(email), header_message_id)
            ).fetchone()
        return None if row is None else _standing(row)


def _row(stored: StoredReport, match: Match, recipient: int) -> tuple[Any, ...]:
    report = stored.report
    return (
        stored.id, recipient, strength(report),
        stored.received if report.at is None else report.at,
        _suppresses(report, match), _blames_another(report, match),
        report.event is Event.OPENED, report.event is Event.CLICKED,
    )  # fmt: skip


def _suppresses(report: Report, match: Match) -> bool:
    """Tell whether a report speaks against further mail to the address of the match."""
    return report.event in _WISHES or (report.about_address and match.is_named)


def _blames_another(report: Report, match: Match) -> bool:
    """Tell whether a bounce speaks of an address that may be another than that of the match."""
    of_an_address = report.kind is Kind.HARD and speaks_of_address(report.code)
    return of_an_address and not (report.about_address and match.is_named)


def _standing(row: tuple[Any, ...]) -> RecipientStanding:
    recipient, address, strongest, at, suppresses, opens, clicks, another = row
    event, kind, code, text = told_by(strongest)
    if event is None:
        return RecipientStanding(recipient, address, None, None, "", "", at, False, opens, clicks)
    return RecipientStanding(
        recipient, address, event, kind, code, text, at, bool(suppresses), opens, clicks,
        bool(another),
    )  # fmt: skip
