"""The proof of an edition, of every kind of ledger: one line a row, and the message as it was."""

from __future__ import annotations

from mailbatch.ledger.keyed import keyed
from mailbatch.outcome import Status
from tests.ledger.contract.talk import LATER, NOW

ACCEPTED, DEFERRED, REJECTED = Status.ACCEPTED, Status.DEFERRED, Status.REJECTED
IN_DOUBT = Status.IN_DOUBT
ONE, TWO = b"1" * 32, b"2" * 32


def rows_of(talk):
    """Status, digest and code of every row, as another process reads these."""
    with talk.backend.open_to_read() as ledger, ledger.proof() as proof:
        return [(one.status, one.digest, one.code) for one in proof.rows()]


def test_each_row_has_the_digest_of_the_message_that_it_has(talk):
    talk.plan("a@x.org", "b@x.org", "c@x.org", "d@x.org")
    a, b, c, _ = talk.lease()
    talk.commit(a, digest=ONE)
    talk.settle(a, ACCEPTED)
    talk.commit(b, digest=TWO)
    talk.settle(b, REJECTED)
    talk.commit(c, digest=TWO)
    talk.settle(c, IN_DOUBT)
    wanted = [("accepted", ONE, 250), ("rejected", None, 550), ("in_doubt", TWO, None)]
    assert rows_of(talk)[:3] == wanted
    talk.reopen()
    assert rows_of(talk) == [*wanted, ("pending", None, None)]


def test_a_later_attempt_for_others_leaves_the_digest_of_those_who_have_the_message(talk):
    talk.plan("a@x.org", "b@x.org", groups=["g", "g"])
    (first,) = talk.lease()
    talk.commit(first, digest=ONE)
    talk.settle(first, ACCEPTED, DEFERRED, retry_at=NOW + 60)
    (second,) = talk.lease(now=NOW + 60)
    talk.commit(second, digest=TWO)
    talk.settle(second, ACCEPTED, now=NOW + 60)
    assert [digest for _, digest, _ in rows_of(talk)] == [ONE, TWO]


def test_a_doubt_keeps_the_digest_whatever_a_person_decides(talk):
    talk.plan("a@x.org", "b@x.org", "c@x.org")
    for delivery in talk.lease():
        talk.commit(delivery, digest=ONE)
    talk.die()
    assert [status for status, _, _ in rows_of(talk)] == ["in_doubt"] * 3
    talk.resolve("accepted", address="a@x.org")
    talk.resolve("skip", address="b@x.org")
    talk.resolve("resend", address="c@x.org")
    (again,) = talk.lease(now=LATER)
    talk.commit(again, digest=TWO)
    talk.settle(again, ACCEPTED, now=LATER)
    assert [(status, digest) for status, digest, _ in rows_of(talk)] == [
        ("accepted", ONE), ("skipped", ONE), ("accepted", TWO),
    ]  # fmt: skip


def test_the_message_is_the_one_that_was_leased_and_the_name_opens_with_the_salt(talk):
    talk.plan("Ann@x.org", "b@x.org", "c@x.org", groups=["g", "g", "h"])
    group, _ = talk.lease()
    talk.commit(group, digest=ONE)
    talk.settle(group, ACCEPTED)
    with talk.backend.open_to_read() as ledger, ledger.proof() as proof:
        names = [one.key for one in proof.rows()]
        assert (len(proof.named("ann@X.ORG")), proof.named("no@x.org")) == (1, [])
        ann, waiting = (proof.recipient(proof.named(one)[0]) for one in ("ann@x.org", "c@x.org"))
    assert (ann.row.status, ann.row.group, ann.row.reply_code) == (ACCEPTED, "g", 250)
    assert (ann.row.email, ann.row.edition, ann.columns) == ("Ann@x.org", "48", ("email",))
    made = ann.delivery
    assert made is not None
    assert (made.message_id, made.date, made.key) == (group.message_id, group.date, group.key)
    assert made.addresses == group.addresses
    assert [(one.line, one.values) for one in made.rows] == [
        (one.line, one.values) for one in group.rows
    ]
    assert keyed(ann.salt, ann.key) == names[0]
    assert keyed(ann.salt, "b@x.org") not in names
    assert waiting.delivery is None
    assert waiting.digest is None


def test_a_message_of_a_key_is_named_by_the_key_and_a_row_that_gets_none_by_its_address(talk):
    talk.plan("a@x.org", "A@x.org")
    assert talk.send() == "a"
    with talk.backend.open_to_read() as ledger, ledger.proof() as proof:
        (found,) = proof.named("A@X.org")
        assert proof.recipient(found).row.status is ACCEPTED
        assert [one.status for one in proof.rows()] == ["accepted", "duplicate"]


def test_the_proof_sees_one_instant_while_a_run_goes_on(talk):
    talk.plan("a@x.org", "b@x.org")
    a, b = talk.lease()
    talk.commit(a)
    talk.settle(a, ACCEPTED)
    with talk.backend.open_to_read() as ledger, ledger.proof() as proof:
        before = list(proof.rows())
        talk.commit(b)
        talk.settle(b, ACCEPTED)
        assert list(proof.rows()) == before
    assert [status for status, _, _ in rows_of(talk)] == ["accepted", "accepted"]
