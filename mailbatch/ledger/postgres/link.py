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
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]

from mailbatch.errors import LedgerError
from mailbatch.ledger.postgres.address import Place
from mailbatch.ledger.postgres.failing import LOST, failure, is_lost
from mailbatch.ledger.postgres.open_leases import OpenLeases
from mailbatch.ledger.postgres.streaming import Snapshots, close

T = TypeVar("T")
#: Seconds until a connection is given up.
_CONNECT_SECONDS = 15.0
#: So long a database that is gone is tried, and so often at first and at last: seconds.
_PATIENCE, _SOON, _SELDOM = 180.0, 0.1, 2.0
#: A shorter wait is not worth a word.
_SILENCE = 1.0
_TOO_MANY = "53300"
#: A statement that is cancelled while its commit waits for a synchronous standby is a success, with
#: a warning of this SQLSTATE. Source: `SyncRepWaitForLSN` in syncrep.c of PostgreSQL.
_WARNING = "01000"
#: The array types of all that is recorded.
_ARRAYS = "SELECT $1::bigint[], $2::boolean[], $3::double precision[], $4::integer[], $5::bytea[]"
_SETTINGS = {
    # A backend whose client is gone ends, and with it its locks, within seconds.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "client_connection_check_interval": "5000",
    "idle_in_transaction_session_timeout": "0",
    "timezone": "UTC",
    # To compile a statement costs more than any of these takes.
    "jit": "off",
}


class Link:
    """The connections to one ledger; blocking calls are those of any thread but the link's own."""

    __slots__ = (
        "_connecting",
        "_loop",
        "_reader",
        "_rejoin",
        "_thread",
        "_turn",
        "_url",
        "_writer",
        "name",
        "schema",
        "seen",
        "snapshots",
        "tell",
    )

    def __init__(self, place: Place) -> None:
        self._url = place.url
        self.schema = place.schema
        #: The folder of the witnesses of this machine; None: there is none.
        self.seen = place.seen
        #: The ledger, as messages name it.
        self.name = str(place)
        self._writer: asyncpg.Connection | None = None
        self._reader: asyncpg.Connection | None = None
        # Opens the connection that writes anew; None: what is lost is lost.
        self._rejoin: Callable[[], Coroutine[Any, Any, None]] | None = None
        #: Hears of something that a person has to know.
        self.tell: Callable[[str], None] = lambda _: None
        # The call that waits for a database to come back.
        self._connecting: asyncio.Task[Any] | None = None
        self.snapshots = Snapshots(self)
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
            raise failure(self.name, error) from error
        except asyncio.CancelledError:
            raise self.closed() from None

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

    async def connect(self, *, writes: bool = False) -> asyncpg.Connection:
        """Open a connection, with the schema of the ledger as the only place of names.

        A ledger that is written has all its connections to a primary: of several hosts in the URL
        the one that is none is passed over, unless `target_session_attrs` is set there.
        """
        writes = writes or self._rejoin is not None
        chosen = "target_session_attrs" in self._url or "PGTARGETSESSIONATTRS" in os.environ
        settings = {
            "application_name": self.schema or "mailbatch",
            "search_path": f"{self.schema}, pg_catalog" if self.schema else "pg_catalog",
        }
        return await asyncpg.connect(
            self._url,
            timeout=_CONNECT_SECONDS,
            server_settings={**settings, **_SETTINGS},
            target_session_attrs="primary" if writes and not chosen else None,
        )

    def listen(self, tell: Callable[[str], None]) -> None:
        """Have `tell` hear, in the thread of the link, when a database is waited for."""
        self.tell = tell

    def rejoin_by(self, rejoin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `rejoin` open the connection that writes anew, wherever that is lost."""
        self._rejoin = rejoin

    async def again(self, call: Callable[[bool], Coroutine[Any, Any, T]]) -> T:
        """Make a call, and make it again where its connection was lost.

        The call is told whether an earlier one may have been recorded.
        """
        is_again = False
        while True:
            try:
                return await call(is_again)
            except LOST as error:
                if self._rejoin is None or not is_lost(error, self._writer):
                    raise
                is_again = True

    async def open_writer(self) -> asyncpg.Connection:
        """Open the connection that writes."""
        self._writer = _distrustful(await self.connect(writes=True))
        # asyncpg asks the catalogs for each array type that it meets, with a statement that is the
        # slowest of a short run: once for all of them.
        await self._writer.prepare(_ARRAYS)
        return self._writer

    async def reopen_writer(self) -> asyncpg.Connection:
        """Return the connection that writes, opened anew where it is lost."""
        if self._writer is None or self._writer.is_closed():
            self._writer = _distrustful(await self.reconnect())
        return self._writer

    async def reconnect(self) -> asyncpg.Connection:
        """Connect as soon as the database is there again.

        Raises:
            LedgerError: the database was gone for too long, or refuses; no call is made again then.
        """
        began, pause = self._loop.time(), _SOON
        told = False
        self._connecting = asyncio.current_task()
        try:
            while True:
                try:
                    connection = await self.connect()
                except LOST as error:
                    passing = is_lost(error) or getattr(error, "sqlstate", "") == _TOO_MANY
                    if self._rejoin is None or not passing or self._loop.time() - began > _PATIENCE:
                        raise failure(self.name, error) from error
                else:
                    if told:
                        self.tell("the database of the ledger is there again: going on")
                    return connection
                if not told and self._loop.time() - began > _SILENCE:
                    told = True
                    self.tell(f"the database of the ledger is gone: trying for {_PATIENCE:.0f} s")
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
                    raise failure(self.name, error) from error
            connection = self._writer
            try:
                yield connection
                if connection.is_closed():
                    raise asyncpg.ConnectionDoesNotExistError("no standby acknowledged the commit")
            except LOST as error:
                if is_lost(error, connection):
                    connection.terminate()
                raise

    @asynccontextmanager
    async def writing(self, held: OpenLeases) -> AsyncIterator[asyncpg.Connection]:
        """Have the connection that writes in a transaction of a worker that is live."""
        async with self.writer() as connection, live(connection, held):
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
                if self._rejoin is None or not is_lost(error, reader):
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
        for connection in (self.snapshots.spare, self._reader, self._writer):
            if connection is not None:
                self.wait(close(connection))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _distrustful(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Have a connection cut where a commit is a success that its standby did not acknowledge."""

    def hear(connection: asyncpg.Connection, message: Any) -> None:
        if message.sqlstate == _WARNING:
            connection.terminate()

    connection.add_log_listener(hear)
    return connection


@asynccontextmanager
async def live(connection: asyncpg.Connection, held: OpenLeases) -> AsyncIterator[None]:
    """Have a transaction of a worker that is live, on a connection that writes."""
    async with connection.transaction():
        await connection.execute("SELECT check_live($1)", held.worker)
        yield


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
