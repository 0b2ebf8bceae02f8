"""The end of a rehearsal's ledger: nothing is left that knows of it, and no run loses its own."""

import subprocess
import sys

import pytest

from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.ledger.discarding import discard
from mailbatch.ledger.store import Ledger
from tests.certainty.program import REPOSITORY
from tests.ledger.steps import open_ledger


def test_the_next_opening_begins_anew(path):
    """Every file beside it goes, too: else the ledger would be missed."""
    with open_ledger(path) as ledger:
        ledger.plan.mark_finished(1.0)
    others = path.with_name("other.ledger")
    others.write_text("stays")
    discard(path)
    assert list(path.parent.iterdir()) == [others]
    with open_ledger(path) as ledger:
        assert ledger.standing.finished_at() is None
        assert ledger.moved is None


def test_what_is_not_there_is_no_failure(path):
    """Neither the ledger nor its folder, nor half of its files."""
    discard(path)
    with open_ledger(path):
        pass
    path.unlink()
    discard(path)
    assert list(path.parent.iterdir()) == []


def test_a_run_under_way_keeps_its_ledger(path):
    """The second rehearsal is told of the first one."""
    with open_ledger(path) as ledger:
        with pytest.raises(LedgerLocked):
            discard(path)
        ledger.plan.mark_finished(1.0)
    with Ledger.read(path) as read:
        assert read.standing.finished_at() == 1.0


def test_a_rehearsal_that_was_killed_is_removed(path):
    """Its notes say that a run is under way, and the kernel that none is."""
    script = (
        "import os, sys; from pathlib import Path; from tests.ledger.steps import open_ledger;"
        "open_ledger(Path(sys.argv[1])); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", script, path], cwd=REPOSITORY, check=False)
    assert done.returncode == 9
    assert path.with_name(path.name + "-wal").exists()
    discard(path)
    assert list(path.parent.iterdir()) == []


def test_a_file_that_cannot_be_removed_is_named(path):
    """A folder in the place of the journal, for example."""
    with open_ledger(path):
        pass
    path.with_name(path.name + "-wal").mkdir()
    with pytest.raises(LedgerError, match="the rehearsal before cannot be removed"):
        discard(path)
