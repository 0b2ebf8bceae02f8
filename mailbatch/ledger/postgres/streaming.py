"""Snapshots of the database: long questions that see one instant, while a run writes.

    with link.snapshots.take() as ask:
        for row in ask("SELECT line FROM standing"): ...

Rows come in lots, so that the memory stays flat. This module must never write.

Tests: tests/ledger/postgres/test_opening.py, tests/ledger/postgres/test_same_as_file.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from mailbatch.ledger.postgres.link import Link

#: Asks a snapshot: a query and its values, answered by an iterator of rows.
Ask: TypeAlias = "Callable[..., Iterator[Any]]"
#: Rows that are fetched at once.
_ROWS = 2000
#: Seconds until a connection that is closed in order is cut.
_CLOSE_SECONDS = 3.0
# Before the snapshot: behind it, a worker may settle all and leave before its lock is looked at.
_FIND_GONE = """
SELECT set_config('mailbatch.gone', coalesce(array_agg(w.id), '{}')::text, false)
FROM worker AS w JOIN workers AS a ON a.id = w.id WHERE w.live AND NOT a.alive
"""


class Snapshots:
    """The snapshots of one link; one connection is kept for the next one."""

    __slots__ = ("_link", "spare")

    def __init__(self, link: Link) -> None:
        self._link = link
        #: The connection that is kept.
        self.spare: asyncpg.Connection | None = None

    @contextmanager
    def take(self) -> Iterator[Ask]:
        """Have the database as it stands now, to be asked several times (`rows`)."""
        connection = self._link.wait(self._begin_snapshot())
        try:
            yield partial(self.rows, connection)
        finally:
            self._link.wait(self._end_snapshot(connection))

    async def _begin_snapshot(self) -> asyncpg.Connection:
        connection, self.spare = self.spare, None
        if connection is None or connection.is_closed():
            connection = await self._link.reconnect()
        await find_gone(connection)
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return connection

    async def _end_snapshot(self, connection: asyncpg.Connection) -> None:
        """Keep the connection for the next snapshot, or close it where another one is kept."""
        if self.spare is None and not connection.is_closed():
            await connection.execute("ROLLBACK")
            self.spare = connection
        else:
            await close(connection)

    def rows(self, connection: asyncpg.Connection, query: str, *values: object) -> Iterator[Any]:
        """Yield the rows of a query inside a transaction; the memory stays flat."""
        cursor = self._link.wait(_cursor(connection, query, values))
        while rows := self._link.wait(_next(cursor)):
            yield from rows

    def stream(self, query: str, *values: object) -> Iterator[Any]:
        """Yield the rows of a query as they stood at its beginning; the memory stays flat."""
        with self.take() as ask:
            yield from ask(query, *values)


async def find_gone(connection: asyncpg.Connection) -> None:
    """Find the workers that are gone, for the questions behind this one."""
    await connection.execute("SET mailbatch.gone = ''")
    await connection.execute(_FIND_GONE)


async def _cursor(connection: asyncpg.Connection, query: str, values: tuple[object, ...]) -> Any:
    return await connection.cursor(query, *values)


async def _next(cursor: Any) -> list[Any]:
    """Return the next rows; a cursor whose connection is closed raises before it is awaited."""
    return list(await cursor.fetch(_ROWS))


async def close(connection: asyncpg.Connection) -> None:
    """Close a connection, which may be gone already: nothing is lost with one."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        await connection.close(timeout=_CLOSE_SECONDS)
