"""The proof that a ledger knows all that the last run did; an older copy does not.

A ledger counts the runs, the lots that were leased and the commit points that were passed; lock
file and witness have the same counts (`memory`). A ledger with lower counts is refused. A ledger
with equal counts that may yet miss the last commits counts as one after a power loss: every
delivery that was leased and not settled is in doubt. An opening asks the seal (`damage`) before.
This module must never change anything.

Tests: tests/certainty/test_put_back.py, tests/ledger/test_damage.py.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.frozen import frozen
from mailbatch.ledger.damage import has_commits, journal_size
from mailbatch.ledger.database import Database
from mailbatch.ledger.failure import journal_gone, older
from mailbatch.ledger.holder import Holder
from mailbatch.ledger.inode import Inode
from mailbatch.ledger.memory import Kept, Memory


@frozen
class Reached:
    """The progress of a ledger, as counted in the ledger.

    `ledger` is the id; None: an earlier mailbatch made the ledger, and no run of this one has
    opened the ledger. `put_away` is the number of the last run that ended in order. `upper` and
    `lower` count the layers with the journal and without the journal (None: unreadable).
    """

    ledger: str | None
    run: int
    lots: int
    points: int
    put_away: int
    upper: int
    lower: int | None


def reached(database: Database, lower: int | None) -> Reached:
    """Return the progress of a ledger, as counted there; `lower` is `layers.count_below`."""
    with database.guard:
        facts = dict(database.connection.execute("SELECT name, value FROM fact"))
        (last,) = database.connection.execute(
            "SELECT coalesce(max(committed), 0) FROM lease WHERE run = ?", (facts.get("run", 0),)
        ).fetchone()
    return Reached(
        facts.get("id"),
        int(facts.get("run", 0)),
        int(facts.get("lots", 0)),
        max(int(facts.get("points", 0)), int(last)),
        int(facts.get("put_away", 0)),
        int(facts.get("layer", 0)),
        lower,
    )


def check_reached(path: Path, found: Reached, memory: Memory) -> None:
    """Refuse a ledger that is behind the memory of the last run; raises LedgerError (74)."""
    note = memory.note
    if memory.kept is Kept.TAKEN:
        return
    if note is None or not note.knows_a_ledger:
        if found.ledger is not None and found.run > 0:
            raise older(path, "its lock file and its witness are gone, or those of another one")
        return
    if note.ledger is not None and found.ledger not in {None, note.ledger}:
        raise older(path, "its last run was in another ledger of this edition")
    _check_behind(path, found, note)
    if not note.running and note.ledger is not None and found.run == note.run:
        _check_put_away(path, found, note)


def _check_behind(path: Path, found: Reached, note: Holder) -> None:
    """Refuse a ledger with fewer runs, lots or layers than were written down."""
    behind = found.run < note.run or found.lots < note.lots
    if behind and note.running and not journal_size(path):
        raise journal_gone(path)
    if behind:
        raise older(
            path,
            f"it ends in run {found.run} with lot {found.lots}, "
            f"and the last one was run {note.run} with lot {note.lots}",
        )
    if found.upper < note.upper or (found.lower is not None and found.lower < note.lower):
        raise older(path, "the file and its journal are not of one time")


def _check_put_away(path: Path, found: Reached, note: Holder) -> None:
    """Refuse a ledger from before the end of a run that ended in order."""
    if note.seal is not None and has_commits(path):
        raise older(path, "a journal stands beside it, and its last run had put it away")
    if found.put_away < note.run:
        raise older(path, "it is from before the end of its last run")


def is_exact(path: Path, found: Reached, memory: Memory, *, boot: str, file: Inode) -> bool:
    """Say whether a ledger that was not refused has every commit of the last run.

    Then a delivery that was leased and has no commit point certainly was not sent.
    """
    note = memory.note
    if note is None or memory.kept is not Kept.HERE:
        return found.run == 0
    if memory.seal is not None and found.run == note.run:
        return True  # these are the very bytes that it put away
    if not memory.is_of(boot, file) or not journal_size(path):
        return False
    return (memory.run, memory.points) <= (found.run, found.points)
