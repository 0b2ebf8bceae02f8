"""Ledgers of earlier versions, written by the mailbatch of that time, as files of a dead run.

A dump has the rows; `rebuild` makes files of them, the leases in the journal as a killed run leaves
them, with a lock file and a witness that know these very files.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from mailbatch.ledger.damage import seal
from mailbatch.ledger.opening import lock_of
from mailbatch.ledger.witness import witness_of
from mailbatch.results.columns import COLUMNS
from tests.ledger.steps import at_home, ended_process

_HERE = Path(__file__).parent
#: The ledgers of version 2: two of runs that were killed, one that was put away.
VERSION_2 = ("killed", "grouped", "put_away")
#: The same of version 3, and one where an address has two rows of `group_by: [email, child]`.
VERSION_3 = (*VERSION_2, "children")
#: The same of version 4.
VERSION_4 = VERSION_3
#: The same of version 5.
VERSION_5 = VERSION_3


def rebuild(name: str, path: Path, *, version: int = 2) -> Path:
    """Write the ledger `name` of a version to `path`, with all that stands beside it."""
    text = (_HERE / f"version_{version}_{name}.sql").read_text(encoding="utf-8")
    note, points, *lines = text.splitlines()
    running = name != "put_away"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        building = Path(folder) / path.name
        connection = sqlite3.connect(building, isolation_level=None)
        connection.executescript("\n".join(line for line in lines if not _is_late(line)))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.executescript(
            "\n".join(["BEGIN;", *(line for line in lines if _is_late(line)), "COMMIT;"])
        )
        if not running:
            connection.close()
        for file in (building, building.with_name(f"{path.name}-wal")):
            if file.exists():
                shutil.copyfile(file, path.with_name(file.name))
        connection.close()
    lock_of(path).write_text(note.removeprefix("-- note ") + "\n", encoding="utf-8")
    witness_of(path).write_text(points.removeprefix("-- points ") + "\n", encoding="utf-8")
    known = {} if running else {"seal": seal(path)}
    return at_home(path, host=os.uname().nodename, pid=ended_process(), **known)


def results_of(name: str, *, version: int = 2) -> bytes:
    """Return the results of a ledger, as the mailbatch that wrote it shows them.

    The columns that came since stand behind the others, and are empty: no store has reports.
    """
    lines = (_HERE / f"version_{version}_{name}.csv").read_bytes().split(b"\r\n")
    header, *rows = lines[:-1]
    since = [column.name for column in COLUMNS[header.count(b",") + 1 :]]
    names = "".join(f",{name}" for name in since).encode()
    empty = b"," * len(since)
    return b"".join(line + b"\r\n" for line in (header + names, *(row + empty for row in rows)))


def _is_late(line: str) -> bool:
    return line.startswith('INSERT INTO "lease"')
