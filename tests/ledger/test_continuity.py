"""The proof that a ledger knows all of its last run: what is refused, told apart by its reason."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.continuity import Reached, check_reached, is_exact
from mailbatch.ledger.holder import Holder
from mailbatch.ledger.inode import Inode
from mailbatch.ledger.memory import Kept, Memory

FILE = Inode("1.5", "7 1", 0, "")
#: Run 3 of a ledger, put away in order, with all of its counts.
FOUND = Reached("id", run=3, lots=8, points=40, put_away=3, upper=5, lower=4)
NOTE = Holder(
    1, "mx", "", "boot", run=3, lots=8, seal="s", ledger="id", ran="boot", file="1.5",
    mount="7 1", upper=5, lower=4,
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "news.sqlite3"


def test_a_ledger_as_its_last_run_left_it_is_taken(path):
    check_reached(path, FOUND, Memory(NOTE))
    check_reached(path, replace(FOUND, ledger=None, run=0), Memory())


@pytest.mark.parametrize(
    ("found", "note", "why"),
    [
        ({"ledger": "other"}, {}, "its last run was in another ledger"),
        ({"run": 2}, {}, "it ends in run 2 with lot 8, and the last one was run 3 with lot 8"),
        ({"lots": 7}, {}, "it ends in run 3 with lot 7"),
        ({"lots": 7}, {"running": True}, "journal"),
        ({"upper": 4}, {}, "the file and its journal are not of one time"),
        ({"lower": 3}, {}, "the file and its journal are not of one time"),
        ({"put_away": 2}, {}, "it is from before the end of its last run"),
    ],
)
def test_an_older_copy_is_refused_for_its_reason(path, found, note, why):
    with pytest.raises(LedgerError, match=why):
        check_reached(path, replace(FOUND, **found), Memory(replace(NOTE, **note)))


def test_a_layer_that_cannot_be_read_and_a_decision_of_a_person_refuse_nothing(path):
    check_reached(path, replace(FOUND, lower=None), Memory(NOTE))
    check_reached(path, replace(FOUND, run=1), Memory(NOTE, Kept.TAKEN))


def test_a_ledger_whose_notes_are_gone_is_refused(path):
    for memory in (Memory(), Memory(Holder(1, "mx", "", "boot"))):
        with pytest.raises(LedgerError, match="lock file and its witness are gone"):
            check_reached(path, FOUND, memory)


def test_commits_behind_a_seal_are_refused(path):
    """A journal with commits beside a file that its last run put away is of another time."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE fact (name)")
        connection.commit()
        with pytest.raises(LedgerError, match="a journal stands beside it"):
            check_reached(path, FOUND, Memory(NOTE))
    connection.close()


def exact(path, memory, **found):
    return is_exact(path, replace(FOUND, **found), memory, boot="boot", file=FILE)


def test_what_proves_that_no_commit_is_missing(path):
    running = replace(NOTE, running=True, seal=None)
    assert exact(path, Memory(NOTE))
    assert exact(path, Memory(), run=0)
    assert not exact(path, Memory(NOTE, Kept.MOVED))
    assert not exact(path, Memory(running))  # its journal is gone
    path.with_name(f"{path.name}-wal").write_bytes(b"x")
    assert exact(path, Memory(running, run=3, points=40))
    assert not exact(path, Memory(running, run=3, points=41))
    assert not exact(path, Memory(replace(running, ran="another boot"), run=3, points=40))
