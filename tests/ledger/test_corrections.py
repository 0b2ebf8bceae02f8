"""The part of an edition in corrections: facts that stay, and the letters as they were mailed."""

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.ports import CommitPoint, Settlement
from mailbatch.ledger.rows import Before
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status

from .steps import NEVER, NOW, TAKEN, open_ledger, people, plan, row


def settle(ledger, *outcomes):
    """Settle as many deliveries as there are outcomes."""
    for status, reply in outcomes:
        (delivery,) = ledger.leases.lease(1, now=NOW)
        ledger.records.record((), [CommitPoint(delivery.id, b"d" * 32)])
        found = [Outcome(address, status, reply) for address in delivery.unsettled]
        ledger.records.record([Settlement(delivery.id, found, NOW, NOW)], ())


def test_both_facts_stay_and_are_those_of_their_own_ledger(path):
    with open_ledger(path) as ledger:
        corrections = ledger.corrections()
        assert (corrections.corrects, corrections.corrected_by) == (None, None)
        assert not corrections.is_planned
        corrections.take_over("48.corrected")
    with Ledger.read(path) as ledger:
        corrections = ledger.corrections()
        assert (corrections.corrects, corrections.corrected_by) == (None, "48.corrected")


def test_a_correction_is_bound_to_its_edition_and_to_the_thread_of_that_one(path):
    before = (Before("48", "5f8a", 2.0), Before("47", "0c1d", 1.0))
    with open_ledger(path) as ledger:
        ledger.corrections().begin(before)
        plan(ledger, people("a@x.org"))
        assert ledger.corrections().is_planned
    with Ledger.read(path) as ledger:
        assert ledger.corrections().corrects == "48"
        assert ledger.thread.before() == before


def test_a_recipient_is_told_as_it_was_mailed_also_before_a_fold(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
        settle(ledger, (Status.ACCEPTED, TAKEN), (Status.REJECTED, NEVER))
        keys = ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
        found = ledger.corrections().had(keys)
        assert set(found) == set(keys[:3])
        assert [found[key].status for key in keys[:3]] == ["accepted", "rejected", "pending"]
        one = found["a@x.org"]
        assert one.values[0] == "a@x.org"
        assert len(one.columns) == len(one.values)
        assert one.message_id
        assert found["c@x.org"].message_id is None
    with Ledger.read(path) as ledger:
        assert ledger.corrections().had(keys) == found


def test_a_row_that_asked_for_no_mail_is_none_and_an_invalid_one_is_known_by_its_key(path):
    with open_ledger(path) as ledger:
        rows = [
            row(2, "a@x.org"),
            row(3, "no address", status="invalid", reason="it is none"),
            row(4, "b@x.org", status="suppressed", reason="on a list"),
        ]
        plan(ledger, rows)
        corrections = ledger.corrections()
        assert set(corrections.had(["a@x.org", "no address", "b@x.org"])) == {"a@x.org"}
        assert corrections.unmailable() == {"no address"}


def test_a_ledger_that_is_open_to_read_is_not_written(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org"))
    with Ledger.read(path) as ledger:
        with pytest.raises(LedgerError, match="not open for writing"):
            ledger.corrections().take_over("48.corrected")
        with pytest.raises(LedgerError, match="not open for writing"):
            ledger.corrections().begin([Before("48", "5f8a", 2.0)])
