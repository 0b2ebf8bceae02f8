"""The proof of an edition: one line a row, the same before and behind a fold, in a stable order."""

from __future__ import annotations

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.keyed import keyed, salt_of
from mailbatch.ledger.ports import CommitPoint, Settlement
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from tests.ledger.earlier import rebuild

from .steps import LATER, NEVER, NOW, TAKEN, open_ledger, people, plan, row


def proof_of(path):
    with Ledger.read(path) as ledger, ledger.proof() as proof:
        return list(proof.rows())


def attempt(ledger, digest, *outcomes, now=NOW):
    """One attempt of the next delivery, with a commit point and these outcomes in its order."""
    (delivery,) = ledger.leases.lease(1, now=now)
    ledger.records.record((), [CommitPoint(delivery.id, digest)])
    made = [
        Outcome(address, status, reply)
        for address, (status, reply) in zip(delivery.unsettled, outcomes, strict=True)
    ]
    ledger.records.record([Settlement(delivery.id, made, now, now)], ())
    return delivery


GOT, NOT_YET, REFUSED = (
    (Status.ACCEPTED, TAKEN),
    (Status.DEFERRED, LATER),
    (Status.REJECTED, NEVER),
)


def test_the_digest_of_an_accepted_message_is_the_same_before_and_behind_a_fold(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
        attempt(ledger, b"a" * 32, GOT)
        attempt(ledger, b"b" * 32, REFUSED)
        before = proof_of(path)
    assert proof_of(path) == before
    assert [(one.status, one.digest, one.code) for one in before] == [
        ("accepted", b"a" * 32, 250),
        ("rejected", None, 550),
        ("pending", None, None),
    ]


def test_a_later_attempt_for_others_leaves_the_digest_of_who_has_the_message(path):
    with open_ledger(path) as ledger:
        rows = [row(line, f"p{line}@x.org", group=("g",)) for line in (2, 3)]
        plan(ledger, rows, group_by=("g",))
        attempt(ledger, b"1" * 32, GOT, NOT_YET)
        first = proof_of(path)
        attempt(ledger, b"2" * 32, GOT, now=NOW + 1)
        waiting = proof_of(path)
    assert [one.digest for one in first] == [b"1" * 32, None]
    assert [one.digest for one in waiting] == [b"1" * 32, b"2" * 32]
    assert proof_of(path) == waiting


def test_a_row_is_known_by_a_name_that_its_salt_opens(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("Ann@x.org", "b@x.org"))
        attempt(ledger, b"a" * 32, GOT)
    with Ledger.read(path) as ledger, ledger.proof() as proof:
        first, second = proof.rows()
        (ann,) = proof.named("ann@X.org")
        found = proof.recipient(ann)
    assert (found.id, found.key, found.digest) == (first.id, "ann@x.org", b"a" * 32)
    assert keyed(found.salt, found.key) == first.key
    assert keyed(found.salt, "b@x.org") != second.key
    assert found.salt != salt_of("another secret", found.key)


def test_the_delivery_is_the_one_that_was_leased(path):
    with open_ledger(path) as ledger:
        plan(ledger, [row(2, "a@x.org", "Ann")], columns=("email", "name"))
        leased = attempt(ledger, b"a" * 32, GOT)
    with Ledger.read(path) as ledger, ledger.proof() as proof:
        found = proof.recipient(proof.named("a@x.org")[0])
    made = found.delivery
    assert (made.message_id, made.date, made.key) == (leased.message_id, leased.date, leased.key)
    assert made.addresses == leased.addresses
    assert [one.values for one in made.rows] == [one.values for one in leased.rows]
    assert found.columns == ("email", "name")


def test_new_rows_and_rows_that_left_keep_the_order_of_the_others(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a@x.org", "b@x.org"))
        attempt(ledger, b"a" * 32, GOT)
    before = proof_of(path)
    with open_ledger(path) as ledger:
        plan(ledger, people("c@x.org", "b@x.org"))
    after = proof_of(path)
    assert [one.key for one in after][:2] == [one.key for one in before]
    assert after[0] == before[0]
    assert len(after) == 3


def test_a_ledger_without_a_secret_names_nobody(path):
    rebuild("put_away", path)
    with (
        Ledger.read(path) as ledger,
        pytest.raises(LedgerError, match="has no secret"),
        ledger.proof(),
    ):
        pass
