"""The messages that a later edition stands behind: found along an index, in any ledger."""

from __future__ import annotations

import pytest

from mailbatch.ledger.store import Ledger
from mailbatch.ledger.threads import _MESSAGES
from tests.ledger.earlier import rebuild
from tests.ledger.steps import NOW, lease_one, open_ledger, people, plan, settle

#: Behind every time of these ledgers.
LATER = 4_000_000_000.0


def scanned_by(ledger):
    """The tables that SQLite reads whole, but for the keys and the few doubts of a dead run."""
    asked = ('["a@example.com"]', NOW)
    found = ledger._database.connection.execute(f"EXPLAIN QUERY PLAN {_MESSAGES}", asked)
    steps = [step.split() for *_, step in found]
    assert steps
    return {step[1] for step in steps if step[0] == "SCAN"} - {"k", "q"}


def test_every_step_follows_an_index(folder):
    """A million rows cost no more than a thousand."""
    with open_ledger(folder / "ledger") as ledger:
        plan(ledger, people("a@example.com", "b@example.com"))
        assert scanned_by(ledger) == set()


def test_what_is_settled_and_not_folded_counts(folder):
    """A run that died left its last outcomes beside the rows."""
    with open_ledger(folder / "ledger") as ledger:
        plan(ledger, people("a@example.com", "b@example.com"))
        first = lease_one(ledger)
        settle(ledger, first)
        with Ledger.read(folder / "ledger", boot_id="boot-1") as reader:
            keys = [row.key for row in reader.standing.keyed_rows()]
            assert list(reader.thread.messages(keys, LATER).values()) == [first.message_id]


@pytest.mark.parametrize(
    ("version", "name"), [(2, "put_away"), (2, "killed"), (3, "put_away"), (3, "children")]
)
def test_a_ledger_of_an_earlier_version_is_asked_as_it_is(folder, version, name):
    path = rebuild(name, folder / "ledger", version=version)
    with Ledger.read(path) as ledger:
        ledger_id = ledger.thread.ledger
        assert ledger.thread.before() is None
        rows = list(ledger.standing.result_rows())
        keys = [row.key for row in ledger.standing.keyed_rows()]
        found = ledger.thread.messages(keys, LATER)
        assert scanned_by(ledger) == set()
    accepted = {row.email: row.header_message_id for row in rows if str(row.status) == "accepted"}
    assert accepted
    assert sorted(found.values()) == sorted(set(accepted.values()))
    with Ledger.reopen(path) as ledger:  # migrated, and still the same
        assert ledger.thread.ledger == (ledger_id or ledger.thread.ledger)
        assert ledger.thread.messages(keys, LATER) == found
