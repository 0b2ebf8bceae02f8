"""The publication of a mailing to workers: bundle, samples, and the mailings that are open."""

import asyncio
from dataclasses import replace

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, LedgerLocked, MailingStopped
from mailbatch.ledger.published import Published, Sample, publication_of
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from tests.ledger.postgres.test_opening import NOW, commit, lease, opened, plan
from tests.ledger.postgres.test_workers import settle

pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres import leasing
from mailbatch.ledger.postgres.mailings import open_mailings
from mailbatch.ledger.postgres.store import PostgresLedger

DATA = b"an archive"
FIRST = Published("a" * 64, (Sample(2, "d1"), Sample(3, "")), {"python": "3.11"}, 2.5)


def joined(place, bundle):
    return PostgresLedger.join(place, message_id_domain="example.com", bundle=bundle)


def is_open(place):
    return place in open_mailings(place.url)


def test_a_mailing_is_published_and_withdrawn(place):
    with opened(place) as ledger, PostgresLedger.read(place) as elsewhere:
        plan(ledger, "a")
        assert elsewhere.publication.current() is None
        assert not is_open(place)
        ledger.publication.publish(FIRST, DATA)
        ledger.publication.publish(FIRST, b"not looked at again")
        assert is_open(place)
        assert elsewhere.publication.current() == FIRST
        assert elsewhere.publication.archive(FIRST.bundle) == DATA
        assert elsewhere.publication.archive("b" * 64) is None
        ledger.publication.withdraw()
        assert not is_open(place)
        with joined(place, FIRST.bundle) as worker:
            assert lease(worker, 1) == []
        with pytest.raises(LedgerError):
            elsewhere.publication.publish(FIRST, DATA)


def test_a_finished_mailing_is_not_open(place):
    with opened(place) as ledger:
        plan(ledger, "a")
        ledger.publication.publish(FIRST, DATA)
        with joined(place, FIRST.bundle) as worker:
            settle(worker, Status.REJECTED, *lease(worker, 1))
            worker.plan.mark_finished(NOW)
        assert not is_open(place)


def test_a_doubt_that_is_not_recorded_yet_leaves_a_mailing_finished(cluster, place):
    with opened(place) as ledger:
        plan(ledger, "a")
        ledger.publication.publish(FIRST, DATA)
        dead = joined(place, FIRST.bundle)
        commit(dead, *lease(dead, 1))
        ledger.plan.mark_finished(NOW)
        assert is_open(place)
        dead._link.wait(dead._link._writer.close())
        ledger.plan.mark_finished(NOW)
        assert not is_open(place)
        dead.close()


def test_another_bundle_waits_until_nothing_is_leased(monkeypatch, place):
    monkeypatch.setattr(leasing, "_PATIENCE", 0.2)
    other = Published("b" * 64, (), {})
    with opened(place) as ledger, joined(place, FIRST.bundle) as worker:
        plan(ledger, "a", "b")
        ledger.publication.publish(FIRST, DATA)
        held = lease(worker, 1)
        with pytest.raises(LedgerLocked):
            ledger.publication.publish(other, b"other")
        asyncio.run(worker.records.release([one.id for one in held]))
        ledger.publication.publish(other, b"other")
        assert ledger.publication.archive(FIRST.bundle) is None
        assert lease(worker, 1) == []
        with joined(place, other.bundle) as late:
            assert len(lease(late, 1)) == 1


@pytest.mark.parametrize("term", [{"step": 5}, {"threaded": True}], ids=["guard", "thread"])
def test_a_worker_that_knows_no_term_claims_nothing(place, term):
    """A worker of a version without guards and threads asks for the bundle alone."""
    published = replace(FIRST, **term)
    with (
        opened(place) as ledger,
        joined(place, FIRST.bundle) as before,
        joined(place, published.mark) as knows,
    ):
        plan(ledger, "a", "b")
        ledger.publication.publish(published, DATA)
        assert ledger.publication.current() == published
        assert lease(before, 1) == []
        assert len(lease(knows, 1)) == 1


def test_a_withdrawal_waits_until_nothing_is_leased(monkeypatch, place):
    """What workers hold is sent under the rules of before: cap, guard and --limit do not see it."""
    monkeypatch.setattr(leasing, "_PATIENCE", 0.2)
    with opened(place) as ledger, joined(place, FIRST.bundle) as worker:
        plan(ledger, "a", "b")
        ledger.publication.publish(FIRST, DATA)
        held = lease(worker, 1)
        with pytest.raises(LedgerLocked):
            ledger.publication.withdraw()
        assert is_open(place)
        asyncio.run(worker.records.release([one.id for one in held]))
        ledger.publication.withdraw()
        assert not is_open(place)


def test_the_first_trouble_of_all_stays_until_the_next_run(place):
    with opened(place) as ledger:
        plan(ledger, "a")
        ledger.publication.publish(FIRST, DATA)
        with joined(place, FIRST.bundle) as worker:
            worker.publication.stop("550 suspended", 69)
            worker.publication.stop("421 later", 75)
            with pytest.raises(MailingStopped, match="550 suspended"):
                lease(worker, 1)
        assert not is_open(place)
    with opened(place) as ledger:
        assert not is_open(place)  # the run offers the mailing once the send is confirmed
        ledger.publication.publish(FIRST, DATA)
        assert is_open(place)


@pytest.mark.parametrize("group", [(), ("x",)])
def test_samples_are_the_telling_rows_and_the_same_for_everybody(place, group):
    cells = {2: "short", 3: "ä" * 50, 4: "l" * 90, 5: "usual text"}
    rows = [
        Recipient(
            line, f"{line}@x.org", (f"{line}@x.org", text), (str(line % 2),) if group else None
        )
        for line, text in cells.items()
    ]
    with opened(place) as ledger, PostgresLedger.read(place) as elsewhere:
        ledger.plan.reconcile(
            ("email", "text"), rows, group_by=group, recipients_per_transaction=10
        )
        telling = ledger.publication.telling("example.com")
        lines = {delivery.rows[0].values[1][0] for _, delivery in telling}
        assert lines == ({"s", "ä", "l"} if not group else {"s", "ä"})
        before = [elsewhere.publication.delivery_of(row, "example.com") for row, _ in telling]
        # The standing of a row is no part of its message.
        settle(ledger, Status.DEFERRED, *lease(ledger, 10))
        after = [elsewhere.publication.delivery_of(row, "example.com") for row, _ in telling]
        assert before == after == [delivery for _, delivery in telling]
        assert elsewhere.publication.delivery_of(99, "example.com") is None


def test_a_ledger_in_a_file_has_no_publication(tmp_path):
    path = tmp_path / "ledger"
    with Ledger.open(path, job="n", edition="1", message_id_domain="example.com") as ledger:
        assert publication_of(ledger) is None
