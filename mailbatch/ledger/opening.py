"""The opening of a ledger for writing: locked, created if there is none, checked, the last one.

The order matters: nothing is changed before the ledger is found to be the one that its last run
left. This module must never open a ledger that knows less than the lock file or the witness.

Tests: tests/certainty/test_storage.py, tests/ledger/test_failures.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mailbatch.errors import LedgerError
from mailbatch.frozen import frozen
from mailbatch.ledger.continuity import check_reached, is_exact, reached
from mailbatch.ledger.damage import check_seal, has_commits, journal_size
from mailbatch.ledger.database import Database, ensure, is_there, open_for_writing
from mailbatch.ledger.failure import from_system, put_back
from mailbatch.ledger.folding import fold, fold_ahead
from mailbatch.ledger.inode import Inode, inode_of
from mailbatch.ledger.layers import Layers, count_below, journal_of
from mailbatch.ledger.leasing import lots
from mailbatch.ledger.lock import RunLock, is_held, last_memory
from mailbatch.ledger.memory import Kept, Memory
from mailbatch.ledger.ports import Recovery
from mailbatch.ledger.recovery import begin_run
from mailbatch.ledger.under_way import UnderWay
from mailbatch.ledger.witness import witness_of


@frozen
class Opened:
    """A ledger for one run.

    `exact`: every commit of the last run is there. `moved`: the place of the last run, if that was
    another place, as a path and the name of a machine.
    """

    database: Database
    lock: RunLock
    exact: bool
    moved: tuple[str, str] | None


def open_locked(
    path: Path, *, boot: str, facts: Mapping[str, str] | None, restored: bool = False
) -> Opened:
    """Lock and open the ledger at `path`; with `facts` a missing ledger is created.

    `restored` takes the ledger as it stands. Raises LedgerLocked and LedgerError (74).
    """
    lock = RunLock(lock_of(path), boot=boot, restored=restored)
    memory, exact = lock.memory, False
    try:
        if facts is not None:
            ensure(path, facts, lock=lock)
        file, below = _inode(path), count_below(path)

        def check(database: Database) -> None:
            nonlocal exact
            if facts is not None:
                check_owner(database, facts)
            found = reached(database, below)
            check_reached(path, found, memory)
            exact = is_exact(path, found, memory, boot=boot, file=file)

        sealed = memory.seal is not None and not has_commits(path)
        if sealed and memory.seal is not None:
            check_seal(path, memory.seal)
        whole = memory.is_of(boot, file)
        database = open_for_writing(path, sealed=sealed, whole=whole, check=check)
    except BaseException:
        lock.release()
        raise
    return Opened(database, lock, exact, _moved_from(memory))


def check_owner(database: Database, facts: Mapping[str, str]) -> None:
    """Raise LedgerError where the ledger belongs to another job or edition."""
    job, edition = database.fact("job") or "", database.fact("edition") or ""
    if (job, edition) != (facts["job"], facts["edition"]):
        raise LedgerError(
            f"{database.path}: the ledger belongs to edition {edition!r} of job {job!r},"
            f" not to edition {facts['edition']!r} of job {facts['job']!r}",
            hint="give every edition a ledger of its own, and do not rename ledgers",
        )


def begin(opened: Opened, boot: str) -> tuple[UnderWay, Recovery]:
    """Settle the deliveries that a dead run left open, and write down that a run is under way."""
    database, lock = opened.database, opened.lock
    layers = Layers(database, lock, journal_of(database.path))
    run, recovered = begin_run(database, boot, exact=opened.exact)
    # From here on the journal exists.
    known, number = database.fact("id") or "", lots(database)
    lock.begin(run, known, _inode(database.path), lots=number)
    if database.fact("finished_at") is None:  # the notes of crowds that begin_run let be
        fold_ahead(database)
        with database.transaction() as connection:
            fold(connection)
    layers.note()
    return UnderWay(database, run, lock, layers), recovered


def _inode(path: Path) -> Inode:
    try:
        return inode_of(path)
    except OSError as error:
        raise from_system(path, error) from error


def _moved_from(memory: Memory) -> tuple[str, str] | None:
    note = memory.note
    if note is None or memory.kept is not Kept.MOVED:
        return None
    return note.home or "", note.host


def is_known(path: Path) -> bool:
    """Say whether there is a ledger at `path`, or a file beside `path` that knows of one.

    Raises LedgerError (74) where the system cannot tell.
    """
    if is_there(path):
        return True
    note = last_memory(lock_of(path), boot="").note
    return journal_size(path) > 0 or (note is not None and note.knows_a_ledger)


def check_unless_written(path: Path, database: Database, *, boot: str) -> None:
    """Refuse a ledger to read that is older than the last run, as far as a reader can tell.

    A run that writes the ledger has checked the ledger, and the notes are on the move: nothing is
    held against a ledger that is locked.
    """
    lock = lock_of(path)
    try:
        _check_last(path, database, last_memory(lock, boot=boot))
    except LedgerError:
        if not is_held(lock):
            _check_last(path, database, last_memory(lock, boot=boot))  # its run may just have ended


def _check_last(path: Path, database: Database, memory: Memory) -> None:
    if memory.kept is Kept.RESTORED:
        raise put_back(path, lock_of(path), witness_of(path))
    check_reached(path, reached(database, None), memory)


def lock_of(path: Path) -> Path:
    """Return the lock file of a ledger.

    >>> lock_of(Path("news@2026-W48.sqlite3")).name
    'news@2026-W48.sqlite3.lock'
    """
    return path.with_name(path.name + ".lock")
