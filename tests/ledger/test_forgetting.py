"""The forgetting of a person in a ledger: what is refused, what is shared, what others keep."""

import json

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from tests.ledger.steps import lease_one, open_ledger, people, plan, send, settle

ANN = "ann@x.org"


def alias_in(path):
    with Ledger.read(path) as ledger:
        return ledger.forgetting().aliases(ANN)


def cells_of_groups(ledger):
    found = ledger._database.connection.execute("SELECT cells FROM recipient_group ORDER BY id")
    return [json.loads(cells) for (cells,) in found]


def forget(path, address=ANN):
    with Ledger.reopen(path) as ledger:
        ledger.forgetting().forget(address)
        return cells_of_groups(ledger)


def test_a_ledger_knows_that_it_has_forgotten(path):
    with open_ledger(path) as ledger:
        plan(ledger, people(ANN, "bob@x.org"))
        send(ledger)
    with Ledger.read(path) as ledger:
        assert not ledger.forgetting().has_forgotten
    alias = alias_in(path).alias
    forget(path)
    with Ledger.read(path) as ledger:
        found = ledger.forgetting()
        assert found.has_forgotten
        assert found.look(ANN).rows == 0
        assert [one.email for one in ledger.standing.result_rows()] == [alias, "bob@x.org"]


def test_a_stranger_leaves_a_ledger_that_has_forgotten_nobody(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("bob@x.org"))
    forget(path)
    with Ledger.read(path) as ledger:
        assert not ledger.forgetting().has_forgotten


def test_a_ledger_that_is_read_forgets_nobody(path):
    with open_ledger(path) as ledger:
        plan(ledger, people(ANN))
    with Ledger.read(path) as ledger, pytest.raises(LedgerError, match="not open for writing"):
        ledger.forgetting().forget(ANN)


def test_a_person_in_doubt_is_refused_and_nothing_is_changed(path):
    with open_ledger(path) as ledger:
        plan(ledger, people(ANN))
        settle(ledger, lease_one(ledger), Status.IN_DOUBT, reply=None)
    with pytest.raises(LedgerError, match="the person is in doubt") as caught:
        forget(path)
    assert "mailbatch resolve" in caught.value.hint
    with Ledger.read(path) as ledger:
        assert ledger.forgetting().look(ANN).in_doubt == 1


def test_a_ledger_without_a_secret_could_not_know_the_person_again(path):
    with open_ledger(path) as ledger:
        plan(ledger, people(ANN))
        with ledger._database.transaction() as connection:
            connection.execute("DELETE FROM fact WHERE name = 'seed'")
    with pytest.raises(LedgerError, match="no secret to know a forgotten person by"):
        alias_in(path)
    with pytest.raises(LedgerError, match="no secret to know a forgotten person by"):
        forget(path)


@pytest.mark.parametrize("others", [(), ("bob@x.org",)])
def test_a_message_to_several_is_not_of_the_person_alone(path, others):
    with open_ledger(path) as ledger:
        plan(ledger, people(ANN, *others, group=("g",)), group_by=("lot",))
        send(ledger)
    found = alias_in(path)
    assert len(found.names) == 2  # ours, and the one that the server gave
    assert found.own == (set() if others else found.names)


@pytest.mark.parametrize(
    ("others", "kept"), [((), [False, False]), (("bob@x.org",), [False, True])]
)
def test_a_group_keeps_what_others_share_and_loses_the_address(path, others, kept):
    with open_ledger(path) as ledger:
        plan(ledger, people(ANN, *others, group=(ANN, "red")), group_by=("lot", "colour"))
    alias = alias_in(path).alias
    ((address, colour),) = forget(path)
    assert [address == ANN, colour == "red"] == kept
    assert address == alias
