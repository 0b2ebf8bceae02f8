"""The file of a ledger: created whole or not at all, checked when opened, written by one process.

WAL with `synchronous=NORMAL`: a commit survives kill -9; a commit that must survive a power loss is
`durable`. This module must never repair, recreate or overwrite an unknown ledger. Source:
https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous.

Tests: tests/ledger/test_durability.py, tests/ledger/test_failures.py.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from mailbatch.errors import LedgerError
from mailbatch.files import put_in_place, sync_folder
from mailbatch.ledger.cells import repacked
from mailbatch.ledger.damage import check_journal, check_pages, journal_size
from mailbatch.ledger.failure import Guard, damaged, from_sqlite, from_system, taken_over
from mailbatch.ledger.lock import RunLock
from mailbatch.ledger.message_ids import server_message_id
from mailbatch.ledger.migrations import VERSION, check_version, show_as_present
from mailbatch.ledger.witness import witness_of

APPLICATION_ID = 0x6D626C67  # "mblg", in the file's header: file(1) and we know it by that
_SCHEMA = Path(__file__).with_name("schema.sql")
#: For a check, which looks up every recipient.
LARGE_CACHE_KIB = 32768
_BUSY_SECONDS = 5.0
_SQLITE_AT_LEAST = (3, 33, 0)  # UPDATE ... FROM, sqlite_schema
#: Pages in the journal before it is copied into the ledger: 8 MiB. Longer means fewer syncs, but
#: beyond 4062 pages SQLite's index of the journal grows too, for which no room is kept.
CHECKPOINT_PAGES = 2048


#: Refuses a ledger, by LedgerError.
Check: TypeAlias = "Callable[[Database], None]"


class Database:
    """A connection to one ledger, and the only way to that ledger."""

    __slots__ = ("_place", "_reading", "_together", "connection", "guard", "path")

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self.guard = Guard(path)
        self._place = _place(path)
        self._reading: sqlite3.Cursor | None = None
        self._together = False

    def check_place(self) -> None:
        """Raise LedgerError if another file, or none, stands where the ledger was opened."""
        if not self.is_at_its_place():
            raise taken_over(self.path, "the ledger was moved or removed")

    def is_at_its_place(self) -> bool:
        """Say whether the file that was opened still stands at the path."""
        return _place(self.path) == self._place

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Run one transaction: all or nothing; `durable` syncs the commit to the disk (power loss).

        Between `begin_together` and `end_together` a transaction is a part of that one; a durable
        transaction cannot be.
        """
        connection = self.connection
        if self._together and not durable:
            yield connection
            return
        with self.guard:
            self.stop_reading()
            if durable:
                connection.execute("PRAGMA synchronous=FULL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
            finally:
                if durable:
                    connection.execute("PRAGMA synchronous=NORMAL")

    def begin_together(self) -> None:
        """Begin one transaction for several small ones; `keep_reading` goes on."""
        with self.guard:
            self.connection.execute("BEGIN IMMEDIATE")
        self._together = True

    def end_together(self, *, commit: bool) -> None:
        """End the transaction of `begin_together`: all of the records or none."""
        self._together = False
        with self.guard:
            try:
                if commit:
                    self.connection.execute("COMMIT")
            finally:
                self._roll_back()

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def keep_reading(self) -> None:
        """Stay a reader until the next transaction: small commits then take two locks, not six.

        Meanwhile the journal is not copied into the ledger, and grows.
        """
        # Saves 3 of the 12 µs of a small commit.
        with self.guard:
            self.stop_reading()
            self._reading = self.connection.execute("SELECT name FROM fact")
            self._reading.fetchone()  # the statement stays open, and with it what it has locked

    def stop_reading(self) -> None:
        """Stop being a reader."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def fact(self, name: str) -> str | None:
        """Return a fact of the edition by name; None where there is none."""
        with self.guard:
            row = self.connection.execute(
                "SELECT value FROM fact WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Close the connection; the journal is copied into the ledger and removed."""
        with self.guard:
            self.stop_reading()
            self.connection.close()

    def abandon(self) -> None:
        """Close the connection, and leave the journal as it is to the next run.

        The last connection that can write copies the journal into the ledger and removes the
        journal; so a connection that cannot write is closed last.
        """
        with ExitStack() as keeping:
            with suppress(LedgerError, sqlite3.Error):
                keeper = keeping.enter_context(closing(_connect(self.path, "mode=ro")))
                keeper.execute("SELECT 1 FROM fact").fetchone()
            self.close()


def _place(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - once a lease
    except OSError:
        return None
    return found.st_dev, found.st_ino


def set_fact(connection: sqlite3.Connection, name: str, value: str | None) -> None:
    """Keep `value` as a fact of the edition, inside a transaction; None forgets the fact."""
    if value is None:
        connection.execute("DELETE FROM fact WHERE name = ?", (name,))
    else:
        connection.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, value))


def drop_index(connection: sqlite3.Connection, name: str) -> str:
    """Drop an index, inside a transaction; return the statement that makes the index again.

    The transaction makes both certain: without its commit the index was never gone.
    """
    (statement,) = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE name = ?", (name,)
    ).fetchone()
    connection.execute(f"DROP INDEX {name}")
    return str(statement)


def ensure(path: Path, facts: Mapping[str, str], *, lock: RunLock) -> None:
    """Create the ledger if there is none: built beside, synced, renamed, so whole or absent.

    Where lock file or witness know of a ledger, a missing file is a loss and no beginning.

    Raises:
        LedgerError: the ledger is gone, or cannot be created (74).
    """
    if is_there(path):
        return
    note, witness = lock.memory.note, witness_of(path)
    if (note is not None and note.knows_a_ledger) or journal_size(path):
        raise LedgerError(
            f"{path}: the ledger is gone: its last run left one here",
            hint="put it back. To begin the edition anew, for everybody, remove "
            f"{lock.path}, {witness} and {path}-wal as well",
        )
    building, made = path.with_name(path.name + ".new"), secrets.token_hex(16)
    own = {"id": made, "seed": secrets.token_hex(16)}
    try:
        for leftover in path.parent.glob(building.name + "*"):
            leftover.unlink()
        os.close(os.open(building, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with Guard(path):
            _build(building, {**own, **facts})
        put_in_place(building, path)
        lock.create(made)
    except OSError as error:
        raise from_system(path, error, what="the ledger cannot be created") from error
    finally:
        for leftover in (building, *path.parent.glob(building.name + "-*")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def open_scratch(path: Path) -> Database:
    """Open a ledger that is made at `path` for the moment: never synced, and of no mailing."""
    _build(path, {})
    database = Database(path, _connect(path, "mode=rw"))
    with database.guard:
        database.connection.execute("PRAGMA journal_mode=MEMORY")
        database.connection.execute("PRAGMA synchronous=OFF")
        database.connection.execute("PRAGMA temp_store=FILE")
        database.connection.execute(f"PRAGMA cache_size=-{LARGE_CACHE_KIB}")
    return database


def _build(path: Path, facts: Mapping[str, str]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        keep_free_pages(connection)  # before anything is written
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.executescript("BEGIN;" + _SCHEMA.read_text(encoding="utf-8"))
        for name, value in facts.items():
            set_fact(connection, name, value)
        connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
        _switch_to_wal(path, connection)
    finally:
        connection.close()
    # What was closed may not be what was written: a switch that failed half way says so only here.
    with path.open("rb") as stream:
        head = stream.read(_HEADER.size)
        os.fsync(stream.fileno())
    if len(head) < _HEADER.size or _HEADER.unpack(head) != _WHOLE:
        raise LedgerError(
            f"{path}: the ledger cannot be created: what was written is not there",
            hint="look at the disk and its file system, then try again",
        )


#: Of a database: its name, the versions for writing and reading (2: WAL), user_version and
#: application_id. Source: https://www.sqlite.org/fileformat2.html#the_database_header
_HEADER = struct.Struct(">16s2xBB40xI4xI")
_WHOLE = (b"SQLite format 3\0", 2, 2, VERSION, APPLICATION_ID)


def _switch_to_wal(path: Path, connection: sqlite3.Connection) -> None:
    """Make the journal a WAL; raise LedgerError where SQLite keeps another kind."""
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise LedgerError(
            f"{path}: the ledger cannot be used: SQLite cannot switch its journal to WAL, "
            f"and left it at {mode}",
            hint="look at the disk and its file system, then try again",
        )


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, whose names survive a power loss as the ledger does."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in missing:
        with suppress(PermissionError):  # one may write there, and not look
            sync_folder(made.parent)


def open_for_writing(path: Path, *, sealed: bool, whole: bool, check: Check) -> Database:
    """Open a ledger that passes the checks: page by page, unless the bytes match a seal (`sealed`).

    `whole`: nothing can be missing from the journal but a commit that was cut off. `check` looks at
    the ledger before anything can change.
    """
    _check(path, sealed=sealed, whole=whole, check=check)
    database = Database(path, _connect(path, "mode=rw"))
    try:
        with database.guard:
            _prepare(path, database.connection)
            # The next write begins the journal anew: nothing in it can pass for a part of this run.
            database.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except BaseException:
        database.connection.close()
        raise
    return database


def _check(path: Path, *, sealed: bool, whole: bool, check: Check) -> None:
    """Refuse a ledger that cannot be trusted, and leave ledger and journal as they are.

    The last connection that can write copies the journal into the file as the connection is closed,
    and removes the journal: what could still be saved would be lost. So a connection that cannot
    write is closed last.
    """
    if not sealed:
        _check_header(path)
    with ExitStack() as stack:
        # Closed last of all: closing the index earlier would drop SQLite's locks on it (POSIX).
        last = stack.enter_context(ExitStack())
        keeper = Database(path, stack.enter_context(closing(_connect(path, "mode=ro"))))
        _check_identity(keeper)
        # Without the right to write SQLite does not look at CHECK constraints.
        looked = Database(path, stack.enter_context(closing(_connect(path, "mode=rw"))))
        try:
            with looked.guard:
                if not sealed:
                    looked.connection.execute(f"PRAGMA cache_size=-{LARGE_CACHE_KIB}")
                    check_pages(path, looked.connection)
                looked.fact("run")  # whoever has read the ledger has an index of the journal
                if whole and journal_size(path):
                    index = path.with_name(path.name + "-shm").open("rb")
                    check_journal(path, last.enter_context(index))
                check(looked)
        except OSError as error:
            raise from_system(path, error) from error


def open_for_reading(path: Path) -> Database:
    """Open a ledger as it stands, while a run may write; raises LedgerError if there is none."""
    check_exists(path)
    database = Database(path, _connect(path, "mode=ro"))
    try:
        try:
            _check_identity(database)
        except LedgerError:
            # On a read-only file system SQLite cannot make its index of the journal; without a
            # journal there is nothing to index, and nobody who could be writing one.
            if journal_size(path) or os.access(path.parent, os.W_OK):
                raise
            database.connection.close()
            database.connection = _connect(path, "mode=ro&immutable=1")
            _check_identity(database)
        with database.guard:
            show_as_present(database.connection)
    except BaseException:
        database.connection.close()
        raise
    return database


def check_exists(path: Path) -> None:
    """Raise LedgerError if there is no ledger at `path`, or none that this user may see."""
    if not is_there(path):
        raise LedgerError(
            f"{path}: there is no ledger of this edition",
            hint="`mailbatch run` makes it; look at the edition and --state-dir",
        )


def is_there(path: Path) -> bool:
    """Say whether there is a ledger at `path`; raises LedgerError where the system cannot tell.

    >>> is_there(Path("none.sqlite3")), is_there(Path(__file__))
    (False, True)
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise from_system(path, error) from error
    return True


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _SQLITE_AT_LEAST:
        raise LedgerError(
            f"the ledger needs SQLite 3.33, this Python has {sqlite3.sqlite_version}",
            hint="use a Python that comes with a newer SQLite",
        )
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?{mode}",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_SECONDS,
        )
    except sqlite3.Error as error:
        raise from_sqlite(path, error) from error
    connection.create_function("server_message_id", 1, server_message_id, deterministic=True)
    connection.create_function("repacked", 2, repacked, deterministic=True)
    return connection


def keep_free_pages(connection: sqlite3.Connection) -> None:
    """Keep pages that become free for the records of a run (`space`), until they are given back.

    Without effect on the file of an earlier mailbatch, which gives them back by being written anew.
    """
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")


def _check_header(path: Path) -> None:
    """Refuse a file whose header has a word about free pages that SQLite never writes.

    Before the file is open: closing it later would drop SQLite's locks (POSIX).
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(68)
    except OSError as error:
        raise from_system(path, error) from error
    if int.from_bytes(head[64:68], "big") > 1:
        raise damaged(path, "its header is not that of a ledger")


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    _switch_to_wal(path, connection)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA temp_store=FILE")  # plans of a million rows stay out of the memory
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute("PRAGMA journal_size_limit=67108864")


def _check_identity(database: Database) -> None:
    with database.guard:
        if _pragma(database.connection, "application_id") != APPLICATION_ID:
            raise damaged(database.path, "this is not a ledger of mailbatch")
        check_version(database.path, database.connection)


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
