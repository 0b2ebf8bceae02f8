"""The standing of every row of the recipient table, and the choice of the unfinished ones.

Reads only, and sees outcomes that are not folded yet: for a run and for every reader. Names of
messages by the server were parsed when a reply was folded; only an unfolded reply is parsed here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

from mailbatch.envelope import address_key
from mailbatch.identity import Identity
from mailbatch.ledger import overlap
from mailbatch.ledger.attempts import group_text
from mailbatch.ledger.cells import UNPACKED
from mailbatch.ledger.database import Database
from mailbatch.ledger.elsewhere import counts as counts_elsewhere
from mailbatch.ledger.elsewhere import server_of
from mailbatch.ledger.folding import ACCEPTED, UNSETTLED
from mailbatch.ledger.forgotten import Forgotten
from mailbatch.ledger.message_names import MESSAGE_ID, REPLY
from mailbatch.ledger.naming import named
from mailbatch.ledger.rekeying import STATUS_AT, identity_of, statuses_as
from mailbatch.ledger.rows import (
    AttemptedRow,
    KeyedRow,
    Moved,
    Repeat,
    ResultRow,
    SharedRows,
    UnfinishedRow,
)
from mailbatch.ledger.shared_facts import are_shared, mostly_wait, noted_blocks, shared_blocks
from mailbatch.ledger.taken import taken_since
from mailbatch.ledger.waiting import WAITING
from mailbatch.outcome import Status

# The first EXISTS is asked once, and mostly there are no copies to look for.
_COPIES = """
CASE WHEN EXISTS (SELECT 1 FROM copy) THEN (
  SELECT group_concat(
    'copy to ' || address || ' ' || replace(status, '_', ' ')
      || CASE WHEN code IS NULL THEN coalesce(': ' || reason, '')
         ELSE ': ' || code || coalesce(' ' || enhanced, '') || ' ' || reply END, '; ')
  FROM copy WHERE copy.delivery_id = s.delivery_id AND status <> 'accepted') END
"""
#: The digest of a row of `standing` AS s, with `recipient`, `outcome` and two leases beside.
# An accepted row that is not folded yet has the digest of the lease that had it accepted.
DIGEST = """
CASE WHEN s.status <> 'accepted' THEN s.digest
  WHEN o.recipient_id IS NOT NULL AND o.counted OR a.delivery_id IS NOT NULL THEN l.digest
  ELSE r.digest END
"""
#: The tables that `DIGEST` and the names of a message ask, beside a row of `standing AS s`.
DIGEST_TABLES = """
CROSS JOIN recipient AS r ON r.id = s.id
LEFT JOIN outcome AS o ON o.recipient_id = s.id
LEFT JOIN lease AS l ON l.delivery_id = s.delivery_id
LEFT JOIN lease AS a ON a.delivery_id = s.delivery_id AND a.accepted_at IS NOT NULL
  AND r.status IN ('pending', 'deferred')
LEFT JOIN delivery AS d ON d.id = s.delivery_id
"""
#: The expression of each field of a `ResultRow`, whose status is a word here, and the group JSON.
FIELDS = {
    "row": "s.line",
    "email": "s.address",
    "status": "s.status",
    # A server that hands back our own Message-ID has given the message no name.
    "message_id": f"""CASE WHEN s.status = 'accepted'
      THEN nullif(coalesce(s.named, p.message_id, c.message_id), {MESSAGE_ID}) END""",
    "reply_code": "coalesce(p.code, c.code)",
    "enhanced_status": "coalesce(p.enhanced, c.enhanced)",
    "reply": f"coalesce({REPLY}, c.reply)",
    "attempts": "s.attempts",
    "group": "g.cells",
    "edition": ":edition",
    # Without an attempt nobody can have seen it.
    "header_message_id": f"CASE WHEN s.attempts THEN {MESSAGE_ID} END",
    "first_attempt_at": "s.first_attempt_at",
    "settled_at": "s.settled_at",
    "reason": f"""CASE WHEN s.reason <> '' THEN s.reason || coalesce('; ' || {_COPIES}, '')
      ELSE {_COPIES} END""",
    "server": server_of("s"),
}
REPLIES = """
LEFT JOIN reply AS p ON p.id = s.reply_id
LEFT JOIN (
  SELECT reply_id, code, enhanced, reply, server_message_id(reply) AS message_id
  FROM outcome WHERE code IS NOT NULL
  UNION ALL
  SELECT reply_id, code, enhanced, reply, server_message_id(reply)
  FROM lease WHERE accepted_at IS NOT NULL) AS c
  ON c.reply_id = s.reply_id
"""
_FOUND = f"""
{", ".join(f'{FIELDS[name]} AS "{name}"' for name in ResultRow._fields)}
FROM {{rows}} AS s
LEFT JOIN recipient_group AS g ON g.id = s.group_id
LEFT JOIN delivery AS d ON d.id = s.delivery_id
{REPLIES}"""
_RESULTS = f"SELECT {_FOUND} ORDER BY "
_SOME_RESULTS = f"SELECT s.id, {_FOUND} WHERE s.id IN (SELECT value FROM json_each(:ids))"  # noqa: S608 - of the constants above
_ATTEMPTED = f"""
SELECT s.address, {FIELDS["message_id"]}, {MESSAGE_ID}
FROM standing AS s
LEFT JOIN delivery AS d ON d.id = s.delivery_id
{REPLIES}
WHERE s.attempts > 0 AND (d.id IS NOT NULL OR s.message_id IS NOT NULL)
ORDER BY """  # noqa: S608 - of the constants above
_KEYED = """
SELECT s.line, s.address, s.key, s.cells,
  s.claim IS NOT NULL AND s.status IN ('pending', 'deferred')
FROM standing AS s ORDER BY """
_PLANNED = "SELECT s.line, s.status, s.delivery_id FROM standing AS s ORDER BY "
_LETTERS = f"""
SELECT count(*), coalesce(sum(deliveries), 0) FROM (
  SELECT count(DISTINCT coalesce(
    delivery_id, iif({WAITING} OR message_id IS NOT NULL, -id, NULL))) AS deliveries
  FROM recipient
  WHERE mailbox IS NOT NULL AND claim = 'own' GROUP BY mailbox HAVING deliveries > 1)
"""  # noqa: S608 - constants
_OF_REPEAT, _OF_MAILED = (UNPACKED.format(cells=f"{t}.cells", address=f"{t}.address") for t in "ro")
_REPEATS = f"""
SELECT r.line, {_OF_REPEAT} AS cells, {_OF_MAILED} AS mailed,
  CASE WHEN r.mailbox <> o.mailbox THEN r.address END
FROM recipient AS r
CROSS JOIN recipient AS o ON o.key = r.key AND o.claim = 'own'
WHERE r.status = 'duplicate' AND {_OF_REPEAT} <> {_OF_MAILED} ORDER BY r.line
"""  # noqa: S608 - constants
# A table that was planned once and asks for all of its rows lies in its order: then a million rows
# need not be sorted, in a file of their own.
_IN_ORDER = "SELECT NOT EXISTS (SELECT 1 FROM recipient NOT INDEXED WHERE line IS NOT id)"


# Where nothing is under way or waits to be folded, the table says what the view says, in two thirds
# of the time; where notes of accepted deliveries stay, what it says of a row follows from the row
# and the note. The last row keeps the statement open: the next one sees the same state then.
_AT_REST = f"""
SELECT NOT EXISTS (SELECT 1 FROM outcome) AND NOT EXISTS (
  SELECT 1 FROM lease WHERE NOT {ACCEPTED})
UNION ALL SELECT NOT EXISTS (SELECT 1 FROM lease)
UNION ALL SELECT NULL
"""  # noqa: S608 - a constant
_COUNTED = f"""
(SELECT line, CASE WHEN status IN {UNSETTLED} AND delivery_id IN (
  SELECT delivery_id FROM lease WHERE {ACCEPTED}) THEN 'accepted' ELSE status END AS status
FROM recipient)
"""  # noqa: S608 - constants
# Folded outcomes and notes are at hand. A note may be of an earlier attempt than any folded row.
_BEGAN = f"""
SELECT min(at) FROM (
  SELECT min(first_attempt_at) AS at FROM recipient
  UNION ALL SELECT min(leased_at) FROM lease WHERE {ACCEPTED})
"""  # noqa: S608 - a constant
_ROWS_AT_ONCE = 256

_STATUS, _GROUP = map(ResultRow._fields.index, ("status", "group"))
_SHARED = slice(2, None)  # all but line and address
_STATUSES = {str(status): status for status in Status}


#: What `results --failed` lists. Not those in doubt: mailing them again may reach them twice; so it
#: may with those of them who wait for a resend, or were refused one.
UNFINISHED_STATUSES = (Status.PENDING, Status.DEFERRED, Status.REJECTED, Status.INVALID)

_UNFINISHED = """
SELECT line, status, cells FROM standing
WHERE line IS NOT NULL AND status IN ('pending', 'deferred', 'rejected', 'invalid')
AND id NOT IN (SELECT id FROM recipient WHERE resend)
ORDER BY line
"""


_MAILED_STATUS = "SELECT status FROM standing WHERE key = ? AND claim = 'own'"
_STATUS_AT = f"""
SELECT {STATUS_AT} FROM recipient AS r CROSS JOIN standing AS s ON s.id = r.id
WHERE r.key = ? AND r.claim = 'own'
"""  # noqa: S608 - constants
_NAMED_STATUSES = "SELECT status FROM standing WHERE {wanted} ORDER BY line IS NULL, line, id"
_ANY_STATUS = """
SELECT status FROM standing WHERE coalesce(mailbox, key) = ?
ORDER BY status = 'duplicate', line IS NULL, line, id LIMIT 1
"""


class Standing:
    """Where every recipient stands, as the ledger is found."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def finished_at(self) -> float | None:
        """Return when the edition last became finished (seconds since the epoch), else None."""
        found = self._database.fact("finished_at")
        return None if found is None else float(found)

    def began_at(self) -> float | None:
        """Return when the first attempt was made (seconds since the epoch), None: none was."""
        with self._database.guard:
            for query in (_BEGAN, "SELECT min(first_attempt_at) FROM standing"):
                (found,) = self._database.connection.execute(query).fetchone()
                if found is not None:
                    return float(found)
        return None

    def result_rows(self) -> Iterator[ResultRow]:
        """Stream every row of the table in its order, then the rows that left the table."""
        make = tuple.__new__  # ResultRow._make, which takes three times as long
        for block in self.result_blocks():
            for row in block:
                status = _STATUSES[row[_STATUS]]
                yield make(ResultRow, (*row[:_STATUS], status, *row[_STATUS + 1 :]))

    def result_blocks(self) -> Iterator[list[tuple[Any, ...]] | SharedRows]:
        """Stream the rows of `result_rows` in blocks, as bare tuples with the word of the status.

        A million `ResultRow` take longer than their lines of CSV.
        """
        connection = self._database.connection
        values: dict[str, object] = {"edition": self._database.fact("edition") or ""}
        group = lru_cache(maxsize=1024)(group_text)
        with self._database.guard, closing(connection.execute(_AT_REST)) as reading:
            rests, bare = reading.fetchone()[0], reading.fetchone()[0]
            rows = "recipient" if rests and bare else "standing"
            shared, order = are_shared(connection), _order(self._database)
            if shared or (rests and mostly_wait(connection)):
                some = _SOME_RESULTS.format(rows=rows)
                rows = "recipient" if rests else "standing"

                def facts_of(ids: Sequence[int]) -> Iterator[tuple[int, tuple[Any, ...]]]:
                    wanted = values | {"ids": json.dumps(ids)}
                    for row_id, *row in connection.execute(some, wanted):
                        yield row_id, _with_group(tuple(row), group)[_SHARED]

                if rests and not (shared and bare):
                    yield from noted_blocks(connection, order, facts_of, alone=not shared)
                else:
                    yield from shared_blocks(connection, rows, order, facts_of)
                return
            (grouped,) = connection.execute(_HAS_GROUPS).fetchone()
            found = connection.execute(_RESULTS.format(rows=rows) + order, values)
            while block := found.fetchmany(_ROWS_AT_ONCE):
                yield [_with_group(row, group) for row in block] if grouped else block

    def attempted_rows(self) -> Iterator[AttemptedRow]:
        """Stream the names of the messages of rows that were tried, in the order of the results."""
        make = tuple.__new__  # as in `result_rows`
        with self._database.guard:
            for names in self._database.connection.execute(_ATTEMPTED + _order(self._database)):
                yield make(AttemptedRow, names)

    def statuses_of(self, address: str) -> list[Status]:
        """Return the statuses of the recipients of an address, or of the one with that key.

        An index leads to the rows that are mailed; without such a row every row is read, for the
        status of the first with the address.
        """
        connection = self._database.connection
        with self._database.guard:
            wanted, value = named(connection, address)
            found = connection.execute(
                _NAMED_STATUSES.format(wanted=wanted), {"named": value}
            ).fetchall()
            if not found:
                found = connection.execute(_ANY_STATUS, (address_key(address),)).fetchall()
        return [_STATUSES[status] for (status,) in found]

    def aliases(self) -> Callable[[str], str | None] | None:
        """Return what gives the alias of a key or an address that was forgotten; None: none was."""
        with self._database.guard:
            forgotten = Forgotten.of(self._database.connection)
        return None if forgotten is None else forgotten.alias

    def identity(self) -> Identity:
        """Return the identity of the recipients as they were planned last."""
        return identity_of(self._database.connection)

    def keyed_rows(self) -> Iterator[KeyedRow]:
        """Stream the rows of `result_rows` with their keys, in that order."""
        with self._database.guard:
            yield from map(
                KeyedRow._make, self._database.connection.execute(_KEYED + _order(self._database))
            )

    def planned_rows(self) -> Iterator[tuple[int | None, Status, int | None]]:
        """Stream line, status and delivery of the rows of `result_rows`, in that order.

        A row that left the table has no line, a row that was never leased may have no delivery.
        """
        with self._database.guard:
            found = self._database.connection.execute(_PLANNED + _order(self._database))
            for line, status, delivery_id in found:
                yield line, _STATUSES[status], delivery_id

    def letters(self) -> tuple[int, int]:
        """Count the addresses that have several deliveries, and these deliveries."""
        with self._database.guard:
            addresses, deliveries = self._database.connection.execute(_LETTERS).fetchone()
        return int(addresses), int(deliveries)

    def repeats(self) -> Iterator[Repeat]:
        """Stream the duplicates whose cells are others than those of the row that is mailed."""
        with self._database.guard:
            for line, cells, mailed, elsewhere in self._database.connection.execute(_REPEATS):
                yield Repeat(line, tuple(json.loads(cells)), tuple(json.loads(mailed)), elsewhere)

    def statuses_as(
        self,
        identity: Identity,
        columns: Sequence[str],
        rows: Iterable[KeyedRow],
        *,
        accept_changes: bool = False,
    ) -> Iterator[Status | None]:
        """Yield where each row would stand under another identity; None: it would be new."""
        connection = self._database.connection
        with self._database.guard:
            forgotten = Forgotten.of(connection)
            if forgotten is not None:
                rows = map(forgotten.known_as, rows)
            for status in statuses_as(
                connection, identity, columns, rows, accept_changes=accept_changes
            ):
                yield None if status is None else _STATUSES[status]

    def mailed_statuses(self, rows: Iterable[KeyedRow]) -> Iterator[Status | None]:
        """Yield the status of the recipient of each row behind a plan; None: there is none."""
        connection = self._database.connection
        with self._database.guard:
            moves = not identity_of(connection).is_address
            forgotten = Forgotten.of(connection)
            for given in rows:
                row = given if forgotten is None else forgotten.known_as(given)
                if moves:
                    values = (address_key(row.address), row.key)
                    found = connection.execute(_STATUS_AT, values).fetchone()
                else:
                    found = connection.execute(_MAILED_STATUS, (row.key,)).fetchone()
                yield None if found is None else _STATUSES[found[0]]

    def check_overlap(self, identity: Identity, rows: Iterable[KeyedRow]) -> None:
        """Check rows for addresses that have a message by another key (`overlap.check_rows`)."""
        with self._database.guard:
            overlap.check_rows(self._database.connection, identity, rows)

    def moved(self, rows: Iterable[KeyedRow]) -> Iterator[Moved]:
        """Yield the rows that get nothing, as their key was mailed at another address."""
        with self._database.guard:
            yield from overlap.moved(self._database.connection, rows)

    def further(self) -> int:
        """Count the addresses to be mailed that have a message by a row which left the table."""
        with self._database.guard:
            return overlap.further(self._database.connection)

    def unfinished_rows(self) -> Iterator[UnfinishedRow]:
        """Stream the rows of the table that were not mailed, in the order of the table."""
        with self._database.guard:
            for line, status, cells in self._database.connection.execute(_UNFINISHED):
                yield UnfinishedRow(line, Status(status), tuple(json.loads(cells)))

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the table as it was planned last; none before the first plan."""
        with self._database.guard:
            found = self._database.connection.execute(
                "SELECT columns FROM header"
                " WHERE id = (SELECT value FROM fact WHERE name = 'header')"
            ).fetchone()
        return () if found is None else tuple(json.loads(found[0]))

    def counts(self) -> dict[Status, int]:
        """Count the rows of the table by their status; every status is there."""
        found = dict.fromkeys(Status, 0)
        with self._database.guard:
            for status, number in self._database.connection.execute(_COUNTS):
                found[Status(status)] = number
        return found

    def found_rows(self) -> tuple[dict[Status, int], int]:
        """Count the rows one by one: by status, and those that have not left the table.

        Only the statuses that `counts` has are looked for, unless another one is found: a grouping
        of a million rows would sort these.
        """
        known = [status for status, number in self.counts().items() if number]
        sums = "".join([f", count(*) FILTER (WHERE status = '{status}')" for status in known])
        connection = self._database.connection
        with self._database.guard, closing(connection.execute(_AT_REST)) as reading:
            rests, bare = reading.fetchone()[0], reading.fetchone()[0]
            rows = ("recipient" if bare else _COUNTED) if rests else "standing"
            query = f"SELECT count(*), count(line){sums} FROM {rows}"  # noqa: S608 - of the ledger
            total, lines, *numbers = connection.execute(query).fetchone()
            found = list(zip(known, numbers, strict=True))
            if sum(numbers) != total:
                query = f"SELECT status, count(*) FROM {rows} GROUP BY status"  # noqa: S608
                found = connection.execute(query).fetchall()
        return dict.fromkeys(Status, 0) | {_STATUSES[one]: number for one, number in found}, lines

    def taken_since(self, since: float, *, server: str | None = None) -> list[tuple[float, int]]:
        """Return how many addresses a server took, or may have taken, later than `since`."""
        with self._database.guard:
            return taken_since(self._database, since, server)

    def elsewhere(self) -> dict[str, int]:
        """Count the accepted rows by server; those of the first server are left out."""
        return counts_elsewhere(self._database)

    def waits_for_the_server(self) -> bool:
        """Say whether a recipient is pending by a reply of the server, not for want of a try."""
        with self._database.guard:
            found = self._database.connection.execute(
                "SELECT EXISTS (SELECT 1 FROM standing"
                " WHERE status = 'pending' AND reply_id IS NOT NULL)"
            ).fetchone()
        return bool(found[0])


def _with_group(row: tuple[Any, ...], group: Callable[[str], str]) -> tuple[Any, ...]:
    cells = row[_GROUP]
    return row if cells is None else (*row[:_GROUP], group(cells), *row[_GROUP + 1 :])


_HAS_GROUPS = "SELECT EXISTS (SELECT 1 FROM recipient_group)"
_COUNTS = """
SELECT status, sum(recipients) FROM (
  SELECT status, recipients FROM tally
  UNION ALL
  SELECT r.status, -1 FROM outcome AS o JOIN recipient AS r ON r.id = o.recipient_id
  UNION ALL
  SELECT status, 1 FROM outcome
  UNION ALL
  SELECT 'accepted', recipients FROM lease WHERE accepted_at IS NOT NULL
  UNION ALL
  SELECT 'deferred', -deferred FROM lease WHERE accepted_at IS NOT NULL
  UNION ALL
  SELECT 'pending', deferred - recipients FROM lease WHERE accepted_at IS NOT NULL
) GROUP BY status
"""


def _order(database: Database) -> str:
    """Return the order of the table: that of the ids, where these stand in it."""
    (in_order,) = database.connection.execute(_IN_ORDER).fetchone()
    return "s.id" if in_order else "s.line IS NULL, s.line, s.id"
