"""A ledger of the database as a file of the moment, and the rows that differ afterwards.

    with scratch(ask) as database:                 # a SQLite ledger with the same rows
        keep_as_before(database)
        change = bring(database, ...)              # the rules of a plan, as of any file
        gone = gone_ids(database, RECIPIENT)       # and what has to travel back

The rules of plans are many, and stand once, in the SQL of files. This module must never decide
anything: rows are moved.

Tests: tests/ledger/contract/test_model.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from mailbatch.ledger.database import Database, open_scratch, set_fact
from mailbatch.ledger.postgres.streaming import Ask
from mailbatch.ledger.send_times import FACT as SEND_TIMES
from mailbatch.temporary import temporary_folder

#: Rows that travel at once.
ROWS = 16_384
#: The facts of a plan, which a file and the database have alike.
FACTS = ("plan", "plan_head", "header", "identity", SEND_TIMES)


class Table(NamedTuple):
    """A table that a plan changes: its columns in the database and in a file, the id first."""

    name: str
    source: str
    columns: tuple[str, ...]
    in_file: tuple[str, ...]

    @classmethod
    def alike(cls, name: str, *columns: str) -> Table:
        """Return a table whose columns have the same names in both."""
        return cls(name, name, columns, columns)


HEADER = Table.alike("header", "id", "columns")
GROUP = Table.alike("recipient_group", "id", "cells", "parts")
DELIVERY = Table.alike(
    "delivery", "id", "group_id", "part", "due", "message_id", "date", "tries", "tries_since"
)
_RECIPIENT = (
    "id", "line", "address", "key", "claim", "wanted", "group_id", "header_id", "cells",
    "delivery_id", "status", "reason", "attempts", "due", "first_attempt_at", "settled_at",
    "reply_id", "resend", "digest", "mailbox",
)  # fmt: skip
#: Read from the view: a reader's doubts are those that the next opening records.
RECIPIENT = Table("recipient", "standing", _RECIPIENT, _RECIPIENT)
TABLES = (HEADER, GROUP, DELIVERY, RECIPIENT)


@contextmanager
def scratch(ask: Ask) -> Iterator[Database]:
    """Have the rows of the database in a SQLite ledger, in a temporary folder."""
    with temporary_folder() as folder:
        database = open_scratch(folder / "ledger")
        try:
            with database.transaction():
                for table in TABLES:
                    _load(database, table, ask)
                for name, value in ask("SELECT name, value FROM fact WHERE name = ANY ($1)", FACTS):
                    set_fact(database.connection, name, value)
                # That anything was ever leased: a change of the identity asks for it.
                if any(ask("SELECT 1 FROM delivery WHERE attempt > 0 LIMIT 1")):
                    set_fact(database.connection, "lots", "1")
            yield database
        finally:
            database.close()


def _load(database: Database, table: Table, ask: Ask) -> None:
    names = ", ".join(table.columns)
    rows = ask(f"SELECT {names} FROM {table.source} ORDER BY id")  # noqa: S608 - constants
    columns, values = list(table.columns), ["?"] * len(table.columns)
    if table is RECIPIENT:  # a file has the key where it is not the very address
        place, address = columns.index("key"), columns.index("address") + 1
        columns[place] = "own_key"
        values = [f"?{n}" for n in range(1, len(columns) + 1)]
        values[place] = f"nullif(?{place + 1}, ?{address})"
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join(values)})"  # noqa: S608 - constants
    while some := list(islice(rows, ROWS)):
        database.connection.executemany(statement, map(tuple, some))


def keep_as_before(database: Database) -> None:
    """Keep the rows of the file as they are, to be compared with."""
    for table in TABLES:
        names = ", ".join(table.in_file)
        database.connection.execute(
            f"CREATE TABLE was_{table.name} AS SELECT {names} FROM {table.name}"  # noqa: S608 - constants
        )
        database.connection.execute(
            f"CREATE UNIQUE INDEX was_{table.name}_by_id ON was_{table.name} (id)"
        )


def new_rows(database: Database, table: Table) -> Iterator[tuple[object, ...]]:
    """Yield the rows whose id was not there."""
    names = ", ".join(table.in_file)
    yield from database.connection.execute(
        f"SELECT {names} FROM {table.name}"  # noqa: S608 - constants
        f" WHERE id NOT IN (SELECT id FROM was_{table.name}) ORDER BY id"
    )


def changed_rows(database: Database, table: Table) -> Iterator[tuple[object, ...]]:
    """Yield the rows that were there with other values."""
    differs = " OR ".join(f"t.{name} IS NOT w.{name}" for name in table.in_file[1:])
    names = ", ".join(f"t.{name}" for name in table.in_file)
    yield from database.connection.execute(
        f"SELECT {names} FROM {table.name} AS t JOIN was_{table.name} AS w ON w.id = t.id"  # noqa: S608 - constants
        f" WHERE {differs} ORDER BY t.id"
    )


def gone_ids(database: Database, table: Table) -> Iterator[int]:
    """Yield the ids of the rows that are there no more."""
    found = database.connection.execute(
        f"SELECT id FROM was_{table.name} WHERE id NOT IN (SELECT id FROM {table.name})"  # noqa: S608 - constants
    )
    yield from (row_id for (row_id,) in found)
