"""The standing of every row of the recipient table, asked of the database.

    counts = standing.counts()
    for row in standing.result_rows(): ...       # one snapshot, streamed

Reads only, also while a run writes. Questions about a plan under another identity are answered by
the rules of a file, in a file of the moment (`snapshot`).

Tests: tests/ledger/contract/test_roles.py, tests/ledger/postgres/test_same_as_file.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from mailbatch.envelope import address_key
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger.attempts import group_text
from mailbatch.ledger.cells import unpacked
from mailbatch.ledger.incoming import encode
from mailbatch.ledger.postgres.forgotten import forgotten_by, forgotten_in
from mailbatch.ledger.postgres.leasing import WAITING
from mailbatch.ledger.postgres.link import Link
from mailbatch.ledger.postgres.naming import named
from mailbatch.ledger.postgres.snapshot import scratch
from mailbatch.ledger.postgres.taken import taken_since
from mailbatch.ledger.rows import AttemptedRow, KeyedRow, Moved, Repeat, ResultRow, UnfinishedRow
from mailbatch.ledger.standing import Standing as FileStanding
from mailbatch.outcome import Status

#: The status of each word of the database.
STATUSES = {str(status): status for status in Status}
COUNTS = "SELECT status, count(*) FROM standing GROUP BY status"
#: Rows that are asked about at once.
_AT_ONCE = 1000
_ORDER = "s.line IS NULL, s.line, s.id"


class Standing:
    """Where every recipient stands, as the ledger is found."""

    __slots__ = ("_edition", "_link")

    def __init__(self, link: Link, edition: str) -> None:
        self._link = link
        self._edition = edition

    def counts(self) -> dict[Status, int]:
        """Count the rows of the table by their status; every status is there."""
        found = dict.fromkeys(Status, 0)
        for status, number in self._link.snapshots.stream(COUNTS):
            found[STATUSES[status]] = number
        return found

    def found_rows(self) -> tuple[dict[Status, int], int]:
        """Count the rows one by one: by status, and those that have not left the table."""
        found, lines = dict.fromkeys(Status, 0), 0
        query = "SELECT status, count(*), count(line) FROM standing GROUP BY status"
        for status, number, here in self._link.snapshots.stream(query):
            found[STATUSES[status]] = number
            lines += here
        return found, lines

    def finished_at(self) -> float | None:
        """Return when the edition last became finished (seconds since the epoch), else None."""
        found = self._link.wait(self._link.fact("finished_at"))
        return None if found is None else float(found)

    def began_at(self) -> float | None:
        """Return when the first attempt was made (seconds since the epoch), None: none was."""
        found: float | None = self._link.wait(
            self._link.value("SELECT min(first_attempt_at) FROM standing")
        )
        return found

    def waits_for_the_server(self) -> bool:
        """Say whether a recipient is pending by a reply of the server, not for want of a try."""
        return bool(
            self._link.wait(
                self._link.value(
                    "SELECT EXISTS (SELECT 1 FROM standing"
                    " WHERE status = 'pending' AND reply_id IS NOT NULL)"
                )
            )
        )

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the table as it was planned last; none before the first plan."""
        found = self._link.wait(
            self._link.value(
                "SELECT columns FROM header"
                " WHERE id = (SELECT value::bigint FROM fact WHERE name = 'header')"
            )
        )
        return () if found is None else tuple(json.loads(found))

    def result_rows(self) -> Iterator[ResultRow]:
        """Stream every row of the table in its order, then the rows that left the table."""
        for block in self.result_blocks():
            for row in block:
                status = STATUSES[row[_STATUS]]
                yield ResultRow._make((*row[:_STATUS], status, *row[_STATUS + 1 :]))

    def result_blocks(self) -> Iterator[list[tuple[Any, ...]]]:
        """Stream the rows of `result_rows` in blocks, as bare tuples with status words."""
        group = lru_cache(maxsize=1024)(group_text)
        found = self._link.snapshots.stream(_RESULTS, self._edition)
        while some := list(islice(found, _AT_ONCE)):
            yield [_with_group(tuple(row), group) for row in some]

    def elsewhere(self) -> dict[str, int]:
        """Return nothing: a job with a second server keeps its ledger in a file."""
        return {}

    def taken_since(self, since: float, *, server: str | None = None) -> list[tuple[float, int]]:
        """Return how many addresses servers took, or may have taken, later than `since`."""
        if server is not None:
            return []
        return self._link.wait(taken_since(self._link, since))

    def planned_rows(self) -> Iterator[tuple[int | None, Status, int | None]]:
        """Stream line, status and delivery of the rows of `result_rows`, in that order."""
        for line, status, delivery_id in self._link.snapshots.stream(_PLANNED):
            yield line, STATUSES[status], delivery_id

    def attempted_rows(self) -> Iterator[AttemptedRow]:
        """Stream the names of the messages of rows that were tried, in the order of the results."""
        yield from map(AttemptedRow._make, self._link.snapshots.stream(_ATTEMPTED))

    def statuses_of(self, address: str) -> list[Status]:
        """Return the statuses of the recipients of an address, or of the one with that key."""
        return [STATUSES[status] for status in self._link.wait(_statuses_of(self._link, address))]

    def aliases(self) -> Callable[[str], str | None] | None:
        """Return what gives the alias of a key or an address that was forgotten; None: none was."""
        forgotten = self._link.wait(forgotten_by(self._link.fetch))
        return None if forgotten is None else forgotten.alias

    def identity(self) -> Identity:
        """Return the identity of the recipients as they were planned last."""
        found = self._link.wait(self._link.fact("identity"))
        return BY_ADDRESS if found is None else Identity.of(found)

    def keyed_rows(self) -> Iterator[KeyedRow]:
        """Stream the rows of `result_rows` with their keys, in that order."""
        for line, address, key, cells, wanted in self._link.snapshots.stream(_KEYED):
            yield KeyedRow(line, address, key, encode(unpacked(cells, address)), wanted)

    def letters(self) -> tuple[int, int]:
        """Count the addresses that have several deliveries, and these deliveries."""
        addresses, deliveries = self._link.wait(self._link.row(_LETTERS))
        return int(addresses), int(deliveries)

    def repeats(self) -> Iterator[Repeat]:
        """Stream the duplicates whose cells are others than those of the row that is mailed."""
        for line, cells, address, own_cells, own_address, elsewhere in self._link.snapshots.stream(
            _REPEATS
        ):
            values, mailed = unpacked(cells, address), unpacked(own_cells, own_address)
            if values != mailed:
                yield Repeat(line, values, mailed, address if elsewhere else None)

    def statuses_as(
        self,
        identity: Identity,
        columns: Sequence[str],
        rows: Iterable[KeyedRow],
        *,
        accept_changes: bool = False,
    ) -> Iterator[Status | None]:
        """Yield where each row would stand under another identity; None: it would be new."""
        with self._link.snapshots.take() as ask, scratch(ask) as database:
            forgotten = forgotten_in(ask)
            if forgotten is not None:
                rows = map(forgotten.known_as, rows)
            yield from FileStanding(database).statuses_as(
                identity, columns, rows, accept_changes=accept_changes
            )

    def mailed_statuses(self, rows: Iterable[KeyedRow]) -> Iterator[Status | None]:
        """Yield the status of the recipient of each row behind a plan; None: there is none."""
        forgotten = self._link.wait(forgotten_by(self._link.fetch))
        if forgotten is not None:
            rows = map(forgotten.known_as, rows)
        for _, found in _of_keys(self._link, _MAILED, rows):
            yield None if found is None else STATUSES[found["status"]]

    def check_overlap(self, identity: Identity, rows: Iterable[KeyedRow]) -> None:
        """Check rows for addresses that have a message by another key (`ledger.overlap`)."""
        if identity.is_address or self.identity() != identity:
            return
        with self._link.snapshots.take() as ask, scratch(ask) as database:
            FileStanding(database).check_overlap(identity, rows)

    def moved(self, rows: Iterable[KeyedRow]) -> Iterator[Moved]:
        """Yield the rows that get nothing, as their key was mailed at another address."""
        wanted = (row for row in rows if row.wanted)
        for row, found in _of_keys(self._link, _MOVED, wanted):
            if found is not None and row.line is not None:
                status = STATUSES[found["status"]]
                yield Moved(row.line, row.address, found["address"], status)

    def further(self) -> int:
        """Count the addresses to be mailed that have a message by a row which left the table."""
        return 0 if self.identity().is_address else int(self._link.wait(self._link.value(_FURTHER)))

    def unfinished_rows(self) -> Iterator[UnfinishedRow]:
        """Stream the rows of the table that were not mailed, in the order of the table."""
        for line, status, cells, address in self._link.snapshots.stream(_UNFINISHED):
            yield UnfinishedRow(line, STATUSES[status], unpacked(cells, address))


def _of_keys(
    link: Link, query: str, rows: Iterable[KeyedRow]
) -> Iterator[tuple[KeyedRow, Any | None]]:
    """Yield each row with what a query finds of its key, many rows for each round trip."""
    rest = iter(rows)
    while some := list(islice(rest, _AT_ONCE)):
        keys = [row.key for row in some]
        addresses = [address_key(row.address) for row in some]
        found = {one["place"]: one for one in link.wait(link.fetch(query, keys, addresses))}
        for place, row in enumerate(some, start=1):
            yield row, found.get(place)


def _with_group(row: tuple[Any, ...], group: Callable[[str], str]) -> tuple[Any, ...]:
    """Return a row of the results with the group in one line."""
    if row[_GROUP] is None:
        return row
    return (*row[:_GROUP], group(row[_GROUP]), *row[_GROUP + 1 :])


async def _statuses_of(link: Link, address: str) -> list[str]:
    async with link.reading() as connection:
        wanted, value = await named(connection, address)
        found = await connection.fetch(
            f"SELECT r.status FROM standing AS r WHERE {wanted}"  # noqa: S608 - constants
            " ORDER BY r.line IS NULL, r.line, r.id",
            value,
        )
        if not found:
            found = await connection.fetch(_ANY_STATUS, address_key(address))
    return [status for (status,) in found]


_ANY_STATUS = """
SELECT status FROM standing WHERE coalesce(mailbox, key) = $1
ORDER BY status = 'duplicate', line IS NULL, line, id LIMIT 1
"""
_COPIES = """
(SELECT string_agg(
   'copy to ' || c.address || ' ' || replace(c.status, '_', ' ')
     || CASE WHEN c.code IS NULL THEN coalesce(': ' || c.reason, '')
        ELSE ': ' || c.code || coalesce(' ' || c.enhanced, '') || ' ' || c.reply END,
   '; ' ORDER BY c.address COLLATE "C")
 FROM copy AS c WHERE c.delivery_id = s.delivery_id AND c.status <> 'accepted')
"""
#: The expression of each field of a `ResultRow`, whose status is a word here, and the group JSON.
FIELDS = {
    "row": "s.line",
    "email": "s.address",
    "status": "s.status",
    # A server that hands back our own Message-ID has given the message no name.
    "message_id": "CASE WHEN s.status = 'accepted' THEN nullif(p.message_id, d.message_id) END",
    "reply_code": "p.code",
    "enhanced_status": "p.enhanced",
    "reply": "p.text",
    "attempts": "s.attempts",
    "group": "g.cells",
    "edition": "$1::text",
    # Without an attempt nobody can have seen it.
    "header_message_id": "CASE WHEN s.attempts > 0 THEN d.message_id END",
    "first_attempt_at": "s.first_attempt_at",
    "settled_at": "s.settled_at",
    "reason": f"""CASE WHEN s.reason <> '' THEN s.reason || coalesce('; ' || {_COPIES}, '')
      ELSE {_COPIES} END""",
    "server": "NULL::text",  # a job with a second server keeps its ledger in a file
}
_STATUS, _GROUP = map(ResultRow._fields.index, ("status", "group"))
_RESULTS = f"""
SELECT {", ".join(f'{FIELDS[name]} AS "{name}"' for name in ResultRow._fields)}
FROM standing AS s
LEFT JOIN recipient_group AS g ON g.id = s.group_id
LEFT JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN reply AS p ON p.id = s.reply_id
ORDER BY {_ORDER}
"""  # noqa: S608 - of the constants above
_ATTEMPTED = f"""
SELECT s.address, {FIELDS["message_id"]}, d.message_id
FROM standing AS s
JOIN delivery AS d ON d.id = s.delivery_id
LEFT JOIN reply AS p ON p.id = s.reply_id
WHERE s.attempts > 0 ORDER BY {_ORDER}
"""  # noqa: S608 - of the constants above
_KEYED = f"""
SELECT s.line, s.address, s.key, s.cells,
  s.claim IS NOT NULL AND s.status IN ('pending', 'deferred')
FROM standing AS s ORDER BY {_ORDER}
"""  # noqa: S608 - a constant
_PLANNED = f"SELECT s.line, s.status, s.delivery_id FROM standing AS s ORDER BY {_ORDER}"  # noqa: S608 - a constant
_DELIVERIES = f"count(DISTINCT coalesce(r.delivery_id, CASE WHEN {WAITING} THEN -r.id END))"
_LETTERS = f"""
SELECT count(*), coalesce(sum(deliveries), 0) FROM (
  SELECT {_DELIVERIES} AS deliveries FROM recipient AS r
  WHERE r.mailbox IS NOT NULL AND r.claim = 'own'
  GROUP BY r.mailbox HAVING {_DELIVERIES} > 1) AS m
"""  # noqa: S608 - constants
_REPEATS = """
SELECT r.line, r.cells, r.address, o.cells, o.address, r.mailbox <> o.mailbox
FROM recipient AS r JOIN recipient AS o ON o.key = r.key AND o.claim = 'own'
WHERE r.status = 'duplicate' ORDER BY r.line
"""
_UNFINISHED = """
SELECT line, status, cells, address FROM standing
WHERE line IS NOT NULL AND status IN ('pending', 'deferred', 'rejected', 'invalid') AND resend = 0
ORDER BY line
"""
_ASKED = "unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (key, mailbox, place)"
# As `ledger.rekeying.STATUS_AT`: a refusal says nothing of another address, and what may have
# arrived at the old one is not sent there.
_MAILED = f"""
SELECT k.place, CASE WHEN coalesce(s.mailbox, s.key) = k.mailbox THEN s.status
  WHEN s.status = 'rejected' AND s.resend = 0 THEN 'pending'
  WHEN s.status IN ('pending', 'deferred') AND s.resend = 1 THEN 'in_doubt'
  ELSE s.status END AS status
FROM {_ASKED} JOIN standing AS s ON s.key = k.key AND s.claim = 'own'
"""  # noqa: S608 - a constant
_HAS_IT = "('accepted', 'in_doubt', 'skipped')"
_MOVED = f"""
SELECT k.place, s.address, s.status FROM {_ASKED} JOIN standing AS s ON s.key = k.key
WHERE s.claim = 'own' AND s.mailbox <> k.mailbox AND (s.status IN {_HAS_IT} OR s.resend = 1)
"""  # noqa: S608 - constants
_FURTHER = f"""
SELECT count(DISTINCT s.mailbox) FROM standing AS s
WHERE s.mailbox IS NOT NULL AND s.claim = 'own' AND s.status IN ('pending', 'deferred')
AND EXISTS (
  SELECT 1 FROM standing AS t
  WHERE t.mailbox = s.mailbox AND t.claim = 'own' AND t.key <> s.key AND t.line IS NULL
  AND t.status IN {_HAS_IT})
"""  # noqa: S608 - constants
