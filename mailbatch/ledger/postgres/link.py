"""The connections of one ledger, on an event loop of their own in a thread of their own.

    link = Link(place)
    number = link.wait(link.value("SELECT count(*) FROM recipient"))        # blocking
    leased = await link.answer(lease())                                    # in the loop of a run

One connection writes, `writer`, used by one caller at a time; others read. A run's event loop never
waits inside a call, and commands that have no loop need none. Every failure of asyncpg becomes a
`LedgerError`.

A connection that is lost is opened again where the ledger is written: one that reads as such, and
the one that writes by `rejoin_by`. A call that was under way is made again (`again`), and has to
find out by itself whether it was recorded. This module must never make a call again by itself that
writes.

Tests: tests/ledger/postgres/test_opening.py, tests/ledger/postgres/test_rejoining.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerError
from mailbatch.ledger.postgres.address import Place
from mailbatch.ledger.postgres.open_leases import OpenLeases

T = TypeVar("T")
#: Asks a snapshot: a query and its values, answered by an iterator of rows.
Ask: TypeAlias = "Callable[..., Iterator[Any]]"
#: Seconds until a connection is given up, and until one that is closed in order is cut.
_CONNECT_SECONDS = 15.0
_CLOSE_SECONDS = 3.0
#: So long a database that is gone is tried, and so often at first and at last: seconds.
_PATIENCE, _SOON, _SELDOM = 180.0, 0.1, 2.0
#: A shorter wait is not worth a word.
_SILENCE = 1.0
#: The errors of the driver and of the system, of which some mean that a connection is lost. A
#: statement that meets the last words of a backend that was ended is an InternalClientError.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_TOO_MANY = "53300"
#: Rows that are fetched at once.
_ROWS = 2000
#: The SQLSTATE of our own refusals in `schema.sql`.
_LOST = "MB001"
# Before the snapshot: behind it, a worker may settle all and leave before its lock is looked at.
_FIND_GONE = """
SELECT set_config('mailbatch.gone', coalesce(array_agg(w.id), '{}')::text, false)
FROM worker AS w JOIN workers AS a ON a.id = w.id WHERE w.live AND NOT a.alive
"""
_SETTINGS = {
    # A backend whose client is gone ends, and with it its locks, within seconds.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "client_connection_check_interval": "5000",
    "idle_in_transaction_session_timeout": "0",
    "timezone": "UTC",
}


#: What to do about a refusal, by the beginning of its SQLSTATE. Source:
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_HINTS = (
    ("28", "look at user and password: in the URL, in PGPASSFILE, in pg_hba.conf of the server"),
    ("3D000", "create the database (createdb), or name another one in the URL"),
    ("3F000", "somebody dropped the ledger while it was used; put it back from a backup"),
    ("42P01", "somebody dropped the ledger while it was used; put it back from a backup"),
    ("42501", "let the owner of the database GRANT CREATE on it, or on the schema, to this user"),
    ("53100", "make room on the disk of the database, then run again"),
    ("53300", "let the server take more connections (max_connections), or start fewer workers"),
    ("25006", "name the primary in the URL: this server takes no writes"),
)
_REPORT = "run again; if it stays, report it with this text"


class Link:
    """The connections to one ledger; blocking calls are those of any thread but the link's own."""

    __slots__ = (
        "_connecting",
        "_loop",
        "_reader",
        "_rejoin",
        "_spare",
        "_tell",
        "_thread",
        "_turn",
        "_url",
        "_writer",
        "name",
        "schema",
    )

    def __init__(self, place: Place) -> None:
        self._url = place.url
        self.schema = place.schema
        #: The ledger, as messages name it.
        self.name = str(place)
        self._writer: asyncpg.Connection | None = None
        self._reader: asyncpg.Connection | None = None
        self._spare: asyncpg.Connection | None = None
        # Opens the connection that writes anew; None: what is lost is lost.
        self._rejoin: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._tell: Callable[[str], None] = lambda _: None
        # The call that waits for a database to come back.
        self._connecting: asyncio.Task[Any] | None = None
        self._loop = asyncio.new_event_loop()
        self._turn = asyncio.Lock()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ledger", daemon=True)
        self._thread.start()

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread of the link, and return its result.

        Raises:
            LedgerError: the database failed, or refused.
        """
        if self._loop.is_closed():
            coroutine.close()
            raise self.closed()
        return asyncio.run_coroutine_threadsafe(self._guarded(coroutine), self._loop).result()

    async def answer(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread of the link, awaited by another loop.

        A caller that is cancelled leaves the coroutine to its end: records are never cut off.

        Raises:
            LedgerError: the database failed, or refused.
        """
        if self._loop.is_closed():
            coroutine.close()
            raise self.closed()
        future = asyncio.run_coroutine_threadsafe(self._guarded(coroutine), self._loop)
        return await asyncio.shield(asyncio.wrap_future(future))

    async def _guarded(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return await coroutine
        except LOST as error:
            raise self.failure(error) from error
        except asyncio.CancelledError:
            raise self.closed() from None

    def failure(self, error: Exception) -> LedgerError:
        """Return the LedgerError for an error of the driver or the system."""
        state = getattr(error, "sqlstate", None)
        said = str(error).strip() or type(error).__name__
        if state == _LOST:
            return LedgerError(
                f"{self.name}: the ledger was taken over while this run was under way ({said})",
                hint="let one run work on an edition; nothing was sent after it was taken",
            )
        if state is None or state.startswith(("08", "57P")):
            return LedgerError(
                f"{self.name}: the connection to the ledger failed: {said}",
                hint="look at the database and the network, then run again: nobody is mailed twice",
            )
        hint = next((hint for start, hint in _HINTS if state.startswith(start)), _REPORT)
        return LedgerError(
            f"{self.name}: the ledger cannot be used: {said} (SQLSTATE {state})", hint=hint
        )

    def broken(self, what: str) -> LedgerError:
        """Return the refusal of a change that no correct run asks for: a bug, kept out."""
        return LedgerError(
            f"{self.name}: {what}",
            hint="this is a bug in mailbatch; the ledger was not changed: run again, and report it",
        )

    def closed(self) -> LedgerError:
        """Return the refusal of a call to a ledger that was put away."""
        return self.broken("the ledger is not open for writing")

    # -- inside the thread of the link ---------------------------------------------------------

    async def connect(self) -> asyncpg.Connection:
        """Open a connection, with the schema of the ledger as the only place of names."""
        settings = {
            "application_name": self.schema or "mailbatch",
            "search_path": f"{self.schema}, pg_catalog" if self.schema else "pg_catalog",
        }
        return await asyncpg.connect(
            self._url, timeout=_CONNECT_SECONDS, server_settings={**settings, **_SETTINGS}
        )

    def listen(self, tell: Callable[[str], None]) -> None:
        """Have `tell` hear, in the thread of the link, when a database is waited for."""
        self._tell = tell

    def rejoin_by(self, rejoin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `rejoin` open the connection that writes anew, wherever that is lost."""
        self._rejoin = rejoin

    def is_lost(self, error: Exception, connection: asyncpg.Connection | None = None) -> bool:
        """Say whether an error means that there is no connection any more."""
        state = getattr(error, "sqlstate", None) or ""
        return (
            isinstance(error, OSError | asyncpg.InternalClientError)
            or state.startswith(("08", "57P"))
            or (connection is not None and connection.is_closed())
        )

    async def again(self, call: Callable[[bool], Coroutine[Any, Any, T]]) -> T:
        """Make a call, and make it again where its connection was lost.

        The call is told whether an earlier one may have been recorded.
        """
        is_again = False
        while True:
            try:
                return await call(is_again)
            except LOST as error:
                if self._rejoin is None or not self.is_lost(error, self._writer):
                    raise
                is_again = True

    async def open_writer(self) -> asyncpg.Connection:
        """Open the connection that writes."""
        self._writer = await self.connect()
        return self._writer

    async def reopen_writer(self) -> asyncpg.Connection:
        """Return the connection that writes, opened anew where it is lost."""
        if self._writer is None or self._writer.is_closed():
            self._writer = await self.reconnect()
        return self._writer

    async def reconnect(self) -> asyncpg.Connection:
        """Connect as soon as the database is there again."""
        began, pause = self._loop.time(), _SOON
        told = False
        self._connecting = asyncio.current_task()
        try:
            while True:
                try:
                    connection = await self.connect()
                except LOST as error:
                    passing = self.is_lost(error) or getattr(error, "sqlstate", "") == _TOO_MANY
                    if self._rejoin is None or not passing or self._loop.time() - began > _PATIENCE:
                        raise
                else:
                    if told:
                        self._tell("the database of the ledger is there again: going on")
                    return connection
                if not told and self._loop.time() - began > _SILENCE:
                    told = True
                    self._tell(f"the database of the ledger is gone: trying for {_PATIENCE:.0f} s")
                await asyncio.sleep(pause)
                pause = min(1.5 * pause, _SELDOM)
        finally:
            self._connecting = None

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[asyncpg.Connection]:
        """Have the connection that writes to oneself; one that is lost is opened anew before.

        Raises:
            LedgerError: the ledger was not opened for writing, or cannot be written any more.
        """
        if self._writer is None:
            raise self.closed()
        async with self._turn:
            if self._writer.is_closed() and self._rejoin is not None:
                try:
                    await self._rejoin()
                except LOST as error:
                    raise self.failure(error) from error
            connection = self._writer
            try:
                yield connection
            except LOST as error:
                if self.is_lost(error, connection):
                    connection.terminate()
                raise

    @asynccontextmanager
    async def writing(self, held: OpenLeases) -> AsyncIterator[asyncpg.Connection]:
        """Have the connection that writes in a transaction of a worker that is live."""
        async with self.writer() as connection, connection.transaction():
            await connection.execute("SELECT check_live($1)", held.worker)
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.Connection]:
        """Have the connection that reads."""
        yield await self._read()

    async def row(self, query: str, *values: object) -> Any:
        """Return the first row of a query; None where there is none."""
        return await self._ask(lambda reader: reader.fetchrow(query, *values))

    async def value(self, query: str, *values: object) -> Any:
        """Return the first value of a query; None where there is none."""
        return await self._ask(lambda reader: reader.fetchval(query, *values))

    async def fetch(self, query: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        return list(await self._ask(lambda reader: reader.fetch(query, *values)))

    async def _ask(self, ask: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
        """Ask the connection that reads, and once more where it was lost."""
        while True:
            reader = await self._read()
            try:
                return await ask(reader)
            except LOST as error:
                if self._rejoin is None or not self.is_lost(error, reader):
                    raise
                reader.terminate()

    async def fact(self, name: str) -> str | None:
        """Return a fact of the edition by name; None where there is none."""
        found: str | None = await self.value("SELECT value FROM fact WHERE name = $1", name)
        return found

    async def _read(self) -> asyncpg.Connection:
        if self._reader is None or self._reader.is_closed():
            self._reader = await self.reconnect()
        return self._reader

    # -- blocking ------------------------------------------------------------------------------

    @contextmanager
    def transaction(self, held: OpenLeases) -> Iterator[asyncpg.Connection]:
        """Have the connection that writes in a transaction over several blocking calls."""
        stack = AsyncExitStack()
        connection = self.wait(stack.enter_async_context(self.writing(held)))
        try:
            yield connection
        except BaseException as error:
            self.wait(stack.__aexit__(type(error), error, error.__traceback__))
            raise
        self.wait(stack.aclose())

    @contextmanager
    def snapshot(self) -> Iterator[Ask]:
        """Have the database as it stands now, to be asked several times (`rows`)."""
        connection = self.wait(self._begin_snapshot())
        try:
            yield partial(self.rows, connection)
        finally:
            self.wait(self._end_snapshot(connection))

    async def _begin_snapshot(self) -> asyncpg.Connection:
        connection, self._spare = self._spare, None
        if connection is None or connection.is_closed():
            connection = await self.reconnect()
        await connection.execute("SET mailbatch.gone = ''")
        await connection.execute(_FIND_GONE)
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return connection

    async def _end_snapshot(self, connection: asyncpg.Connection) -> None:
        """Keep the connection for the next snapshot, or close it where another one is kept."""
        if self._spare is None and not connection.is_closed():
            await connection.execute("ROLLBACK")
            self._spare = connection
        else:
            await _close(connection)

    def rows(self, connection: asyncpg.Connection, query: str, *values: object) -> Iterator[Any]:
        """Yield the rows of a query inside a transaction; the memory stays flat."""
        cursor = self.wait(_cursor(connection, query, values))
        while rows := self.wait(cursor.fetch(_ROWS)):
            yield from rows

    def stream(self, query: str, *values: object) -> Iterator[Any]:
        """Yield the rows of a query as they stood at its beginning; the memory stays flat."""
        with self.snapshot() as ask:
            yield from ask(query, *values)

    def give_up(self) -> None:
        """Connect no more, and end a call that waits for a database: the ledger is put away."""
        self._rejoin = None
        waiting = self._connecting
        if waiting is not None:
            self._loop.call_soon_threadsafe(waiting.cancel)

    def close(self) -> None:
        """Close all connections and end the thread; without effect the second time."""
        if self._loop.is_closed():
            return
        for connection in (self._spare, self._reader, self._writer):
            if connection is not None:
                self.wait(_close(connection))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cursor(connection: asyncpg.Connection, query: str, values: tuple[object, ...]) -> Any:
    return await connection.cursor(query, *values)


async def _close(connection: asyncpg.Connection) -> None:
    """Close a connection, which may be gone already: nothing is lost with one."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        await connection.close(timeout=_CLOSE_SECONDS)


async def set_fact(connection: asyncpg.Connection, name: str, value: str | None) -> None:
    """Keep `value` as a fact of the edition; None forgets the fact."""
    if value is None:
        await connection.execute("DELETE FROM fact WHERE name = $1", name)
    else:
        await connection.execute(
            "INSERT INTO fact VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
            name,
            value,
        )
