"""The store of reports: bodies first, then the reports that readers make, in one SQLite file.

The store stands beside the ledgers: reports come later than the run, for editions that are closed,
and a receiver must never wait for a run, nor a run for a receiver. Several processes may write at
once. A body is on the disk before any reader sees the bytes, so that nothing is lost to a mistake
of a reader, and newer readers can begin again. This module must never open a ledger, change a body,
or hold a lock while waiting for anything.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from mailbatch.errors import StoreError
from mailbatch.frozen import frozen
from mailbatch.reports.cursor import Cursor, read_cursor, write_cursor
from mailbatch.reports.failure import as_store_error
from mailbatch.reports.forgetting import Person, forget, overwrite, traces
from mailbatch.reports.reading import VERSION, read_body
from mailbatch.reports.refusal import Cause, Reading, Refusal
from mailbatch.reports.report import Event, Kind, Report, Source
from mailbatch.reports.store_file import (
    WITHOUT_PULLS,
    address,
    check_identity,
    choose_journal,
    connect,
    create,
    pragma,
    read_only,
    upgrade,
)

_BUSY_SECONDS = 30.0
_CACHE_KIB = 16 * 1024
#: Bodies, and bytes of bodies, that are read before their reports are written in one commit.
_BODIES_AT_ONCE = 500
_BYTES_AT_ONCE = 8 * 1024 * 1024
#: Rows that one look at the store takes: a look keeps writers waiting where there is no WAL.
_ROWS_AT_ONCE = 5000
#: So many bodies that could not be read are named.
_NAMED = 20

_COLUMNS = (
    "identity, body_id, received, event, kind, source, recipients, token, message_id,"
    " header_message_id, bulk_id, at, code, text, about_address, said"
)
_AGAINST_MAIL = "(about_address OR event IN ('complained', 'unsubscribed'))"
_BULK_ID = _COLUMNS.split(", ").index("bulk_id")
_GIVE_UP_POSTED = (
    "DELETE FROM report WHERE identity = ?"
    " AND (SELECT origin FROM body WHERE id = body_id) = 'serve'"
)
_SELECT = f"SELECT id, (SELECT origin FROM body WHERE id = body_id), {_COLUMNS} FROM report"  # noqa: S608
_INSERT_REPORT = f"INSERT OR IGNORE INTO report ({_COLUMNS}) VALUES ({', '.join('?' * 16)})"  # noqa: S608


class Origin(StrEnum):
    """The way on which a body came."""

    SERVE = "serve"  # pushed by the provider
    PULL = "pull"  # fetched from the provider
    READ = "read"  # from a file or a pipe


@frozen
class Body:
    """A body as it came, before any reader.

    `received` is the time of arrival in seconds since the epoch. `place` is the name for people. A
    body that counts `once` is kept once, for any number of arrivals: a mail, an answer that can be
    asked for again. Of two pushes with the same bytes each counts.
    """

    content: bytes | memoryview
    origin: Origin
    received: float
    place: str = ""
    once: bool = False

    @property
    def digest(self) -> bytes | None:
        """The identity of a body that counts once (16 bytes); None where each arrival counts."""
        return hashlib.blake2b(self.content, digest_size=16).digest() if self.once else None


@frozen
class StoredReport:
    """A report with its number in the store, the time of arrival (seconds, UTC), and the way."""

    id: int
    received: float
    report: Report
    origin: Origin


@frozen
class StoredRefusal:
    """A refusal with number and origin of the body, and the time of arrival (seconds, UTC)."""

    number: int
    body: str
    received: float
    refusal: Refusal


@dataclass(slots=True)
class Tally:
    """The bodies that were read in one go, with the reports and refusals.

    `reports` are new ones, without repetitions. `refused` counts refusals by cause, and
    `unreadable` holds the first of those that no reader understood.
    """

    bodies: int = 0
    reports: int = 0
    refused: Counter[Cause] = field(default_factory=Counter)
    unreadable: list[StoredRefusal] = field(default_factory=list)

    def add(self, number: int, place: str, received: float, reading: Reading, *, new: int) -> None:
        """Add a body that was read."""
        self.bodies += 1
        self.reports += new
        for one in reading:
            if isinstance(one, Refusal):
                self.refused[one.cause] += 1
                if one.cause is Cause.UNREADABLE and len(self.unreadable) < _NAMED:
                    self.unreadable.append(StoredRefusal(number, place, received, one))


class ReportStore:
    """The store in a file; one connection, used by one thread at a time.

    Example::

        with ReportStore(Path("reports.sqlite3")) as store:
            store.keep([Body(content, Origin.READ, time.time(), "bounce.eml", once=True)])
            store.read_kept()
    """

    __slots__ = ("_connection", "_is_writable", "_read", "_version", "path")

    def __init__(
        self,
        path: Path,
        *,
        read: Callable[[bytes, float], Reading] | None = None,
        version: int = VERSION,
        busy: float = _BUSY_SECONDS,
        cache: int = _CACHE_KIB,
        to_look: bool = False,
    ) -> None:
        """Open the store at `path`, or create one that is readable for the owner alone.

        `read` makes reports of the bytes of a body and the time of arrival; by default `read_body`.
        `version` is the version of these readers: bodies that older readers have read are read
        again. `busy` is the time in seconds that a commit waits for another program to release the
        store, `cache` the size of the page cache in KiB. A store that is opened `to_look` is opened
        as it stands where this user may not write file and folder: then `read_kept` reads nothing.

        Raises:
            StoreError: the file is no store, is of a newer version, or cannot be written (74).
        """
        self.path = path
        self._version = version
        self._read = read or (lambda content, received: read_body(content, received=received))
        self._is_writable = not to_look or all(os.access(p, os.W_OK) for p in (path, path.parent))
        with as_store_error(path):
            if self._is_writable:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = connect(path, busy, "rw" if self._is_writable else read_only(path))
        try:
            with as_store_error(path):
                self._connection.execute(f"PRAGMA cache_size=-{cache}")
                if self._is_writable:
                    self._prepare()
                check_identity(path, self._connection)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        connection = self._connection
        is_new = not pragma(connection, "user_version")
        if is_new and pragma(connection, "schema_version"):
            raise StoreError(f"{self.path}: this is no store of reports", hint="set --store")
        choose_journal(self.path, connection, is_new=is_new)
        connection.execute("PRAGMA synchronous=FULL")
        if is_new:
            with self._writing():
                if not pragma(connection, "user_version"):  # else another process was quicker
                    create(connection)
        elif pragma(connection, "user_version") == WITHOUT_PULLS:
            with self._writing():
                upgrade(connection)

    def keep(self, bodies: Iterable[Body], *, cursor: Cursor | None = None) -> int:
        """Keep bodies in one commit, and return how many were new; on the disk when this returns.

        `cursor` is that of the pull that brought the bodies, and is written with them.

        Raises:
            StoreError: none was kept (74): the disk is full, say.
        """
        rows = [
            (body.received, body.origin, body.place, body.content, body.digest) for body in bodies
        ]
        with as_store_error(self.path), self._writing():
            before = self._connection.total_changes
            self._connection.executemany(
                "INSERT OR IGNORE INTO body (received, origin, place, content, digest)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            new = self._connection.total_changes - before
            if cursor is not None:
                write_cursor(self._connection, cursor)
            return new

    def cursor(self, question: str) -> Cursor | None:
        """Return the cursor of an unfinished pull; None where there is none.

        Raises:
            StoreError: the store cannot be read (74).
        """
        with as_store_error(self.path):
            return read_cursor(self._connection, question)

    def forget(self, place: str) -> None:
        """Forget the bodies of a place, with their reports: those of a rehearsal that is over.

        Reports of a mailing are never forgotten: they say whom to leave out.

        Raises:
            StoreError: nothing was forgotten (74).
        """
        bodies = "(SELECT id FROM body WHERE place = ?)"
        with as_store_error(self.path), self._writing():
            for table, column in (("report", "body_id"), ("refusal", "body_id"), ("body", "id")):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE {column} IN {bodies}",  # noqa: S608
                    (place,),
                )

    def traces(self, person: Person) -> int:
        """Return how many bodies mention a person; raises StoreError (74)."""
        with as_store_error(self.path):
            return len(traces(self._connection, person)[1])

    def forget_person(self, person: Person) -> None:
        """Mask a person in all reports, and write the file anew; raises StoreError (74)."""
        with as_store_error(self.path):
            with self._writing():
                forget(self._connection, person)
            overwrite(self._connection)

    def read_kept(self) -> Tally:
        """Make reports of all bodies that these readers have not read, and count.

        Bodies that older readers have read are read again, and the old reports are replaced. Each
        lot is written in one commit, so that the work can be interrupted anywhere and done by
        several processes at once. In a store that cannot be written, nothing is read.

        Raises:
            StoreError: the store cannot be read or written (74).
        """
        tally = Tally()
        while self._is_writable:
            with as_store_error(self.path):
                bodies = self._unread()
            if not bodies:
                return tally
            readings = [(*body[:3], self._read(body[3], body[2])) for body in bodies]
            with as_store_error(self.path), self._writing():
                for number, place, received, reading in readings:
                    new = self._write(number, received, reading)
                    if new is not None:
                        tally.add(number, place, received, reading, new=new)
        return tally

    def unread(self) -> int:
        """Return how many bodies these readers have not read.

        Raises:
            StoreError: the store cannot be read (74).
        """
        query = "SELECT count(*) FROM body WHERE readers < ?"
        with as_store_error(self.path):
            (number,) = self._connection.execute(query, (self._version,)).fetchone()
        return int(number)

    def not_understood(self) -> int:
        """Return how many bodies no reader understands, as a whole or in a part.

        Raises:
            StoreError: the store cannot be read (74).
        """
        query = "SELECT count(DISTINCT body_id) FROM refusal WHERE cause = ?"
        with as_store_error(self.path):
            (number,) = self._connection.execute(query, (Cause.UNREADABLE,)).fetchone()
        return int(number)

    def _unread(self) -> list[tuple[int, str, float, bytes]]:
        found: list[tuple[int, str, float, bytes]] = []
        size = 0
        rows = self._connection.execute(
            "SELECT id, place, received, content FROM body"
            " WHERE readers < ? ORDER BY readers, id LIMIT ?",
            (self._version, _BODIES_AT_ONCE),
        )
        for row in rows:
            found.append(row)
            size += len(row[3])
            if size >= _BYTES_AT_ONCE:
                break
        rows.close()
        return found

    def _write(self, number: int, received: float, reading: Reading) -> int | None:
        """Write the reading of a body, and return how many reports are new.

        None where another process has done so.
        """
        execute = self._connection.execute
        readers, origin = execute(
            "SELECT readers, origin FROM body WHERE id = ?", (number,)
        ).fetchone()
        if readers >= self._version:
            return None
        if readers:
            execute("DELETE FROM report WHERE body_id = ?", (number,))
            execute("DELETE FROM refusal WHERE body_id = ?", (number,))
        reports = [_row(number, received, one) for one in reading if isinstance(one, Report)]
        known = 0 if origin == Origin.SERVE else self._give_up_posted(reports)
        new = self._connection.executemany(_INSERT_REPORT, reports).rowcount if reports else 0
        refusals = [
            (number, place, one.place[:1000], one.reason[:1000], one.cause)
            for place, one in enumerate(reading)
            if isinstance(one, Refusal)
        ]
        self._connection.executemany("INSERT INTO refusal VALUES (?, ?, ?, ?, ?)", refusals)
        execute("UPDATE body SET readers = ? WHERE id = ?", (self._version, number))
        return new - known

    def _give_up_posted(self, reports: list[tuple[Any, ...]]) -> int:
        """Remove what a posted body said before a body that was asked for; return the number.

        The same statement may count for more in the second body (`joining.tells_by_bulk_id`), and a
        statement is kept once.
        """
        identities = [row[:1] for row in reports if row[_BULK_ID]]
        if not identities:
            return 0
        return self._connection.executemany(_GIVE_UP_POSTED, identities).rowcount

    def reports(self, *, against_mail: bool = False) -> Iterator[StoredReport]:
        """Yield all reports, in the order of reading, a page at a time.

        `against_mail` leaves out those that never speak against further mail to an address.

        Raises:
            StoreError: the store cannot be read (74).
        """
        last = 0
        where = _AGAINST_MAIL if against_mail else "TRUE"
        query = f"{_SELECT} WHERE id > ? AND {where} ORDER BY id LIMIT ?"
        while True:
            with as_store_error(self.path):
                rows = self._connection.execute(query, (last, _ROWS_AT_ONCE)).fetchall()
            for row in rows:
                yield _stored(row)
            if len(rows) < _ROWS_AT_ONCE:
                return
            last = rows[-1][0]

    def stored(self, numbers: Iterable[int]) -> list[StoredReport]:
        """Return the reports of some numbers, in the order of reading.

        Raises:
            StoreError: the store cannot be read (74).
        """
        wanted = ", ".join(map(str, numbers))
        query = f"{_SELECT} WHERE id IN ({wanted}) ORDER BY id"
        with as_store_error(self.path):
            return [_stored(row) for row in self._connection.execute(query)]

    def attach_to(self, connection: sqlite3.Connection) -> None:
        """Attach the store as `store` to another connection, which must only read there.

        Raises:
            StoreError: the store cannot be read (74).
        """
        mode = "rw" if self._is_writable else read_only(self.path)
        with as_store_error(self.path):
            connection.execute("ATTACH ? AS store", (address(self.path, mode),))

    def refusals(self, *causes: Cause) -> Iterator[StoredRefusal]:
        """Yield the refusals of some causes, in the order of the bodies, a page at a time.

        Raises:
            StoreError: the store cannot be read (74).
        """
        last = (0, -1)
        marks = ", ".join("?" * len(causes))
        query = (
            "SELECT f.body_id, f.number, b.place, b.received, f.place, f.reason, f.cause"  # noqa: S608
            " FROM refusal AS f JOIN body AS b ON b.id = f.body_id"
            f" WHERE f.cause IN ({marks}) AND (f.body_id, f.number) > (?, ?)"
            " ORDER BY f.body_id, f.number LIMIT ?"
        )
        while True:
            with as_store_error(self.path):
                rows = self._connection.execute(query, (*causes, *last, _ROWS_AT_ONCE)).fetchall()
            for row in rows:
                refusal = Refusal(row[4], row[5], Cause(row[6]))
                yield StoredRefusal(row[0], row[2], row[3], refusal)
            if len(rows) < _ROWS_AT_ONCE:
                return
            last = rows[-1][0], rows[-1][1]

    def body_of(self, report: int) -> bytes:
        """Return the body that the report of a number was made of.

        Raises:
            StoreError: the store cannot be read (74).
            LookupError: there is no such report.
        """
        with as_store_error(self.path):
            row = self._connection.execute(
                "SELECT content FROM body WHERE id = (SELECT body_id FROM report WHERE id = ?)",
                (report,),
            ).fetchone()
        if row is None:
            raise LookupError(f"no report {report}")
        return bytes(row[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the store; without effect the second time."""
        with as_store_error(self.path):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _row(body: int, received: float, report: Report) -> tuple[Any, ...]:
    return (
        report.identity, body, received, report.event, report.kind, report.source,
        "\n".join(report.recipients), report.token, report.message_id, report.header_message_id,
        report.bulk_id, report.at, report.code, report.text, report.about_address, report.said,
    )  # fmt: skip


def _stored(row: tuple[Any, ...]) -> StoredReport:
    (number, origin, _, _, received, event, kind, source, recipients, token, message_id, ours,
     bulk_id, at, code, text, about_address, said) = row  # fmt: skip
    report = Report(
        event=Event(event),
        kind=Kind(kind) if kind else None,
        source=Source(source),
        recipients=tuple(recipients.split("\n")) if recipients else (),
        token=token,
        message_id=message_id,
        header_message_id=ours,
        bulk_id=bulk_id,
        at=at,
        code=code,
        text=text,
        about_address=bool(about_address),
        said=said,
    )
    return StoredReport(number, received, report, Origin(origin))
