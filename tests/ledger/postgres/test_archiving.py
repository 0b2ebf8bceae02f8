"""An edition that is put away: nobody is left in the database, and nobody is mailed again."""

import asyncio
import threading

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.ledger.ports import CommitPoint
from mailbatch.outcome import Status
from tests.ledger.contract.talk import settlement
from tests.support.waiting import until

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres import editions  # noqa: E402 - an extra
from mailbatch.ledger.postgres.address import Place  # noqa: E402
from mailbatch.ledger.postgres.mailings import open_mailings  # noqa: E402
from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra

NOW = 1_700_000_000.0


def opened(place):
    return PostgresLedger.open(place, job="news", edition="48", message_id_domain="example.com")


def joined(place):
    return PostgresLedger.join(place, message_id_domain="example.com", bundle="b")


def sent(place):
    """Send an edition to one recipient."""
    with opened(place) as ledger:
        row = Recipient(2, "ann@x.org", ("ann@x.org",))
        ledger.plan.reconcile(("email",), [row], group_by=(), recipients_per_transaction=1)
        leased = asyncio.run(ledger.leases.lease(1, now=NOW))
        asyncio.run(ledger.records.record((), [CommitPoint(leased[0].id, bytes(32))]))
        asyncio.run(ledger.records.record([settlement(leased[0], Status.ACCEPTED)], ()))
        ledger.plan.mark_finished(NOW)
    return place


def test_an_edition_that_is_put_away_is_never_opened_again(cluster, place):
    with PostgresLedger.reopen(sent(place)) as ledger:
        ledger.put_away(NOW)
    for opening in (opened, joined, PostgresLedger.reopen, PostgresLedger.read):
        with pytest.raises(LedgerError, match=r"edition 48 of news was put away .* at 2023-11-14"):
            opening(place)
    with pytest.raises(LedgerError, match="was put away"):
        PostgresLedger.reopen(place, restored=True)
    assert editions.is_there(place)
    assert editions.editions_of(Place(place.url), "news") == []
    assert place.schema not in {one.schema for one in open_mailings(place.url)}
    found = cluster.fetch(
        f"SELECT c.relname FROM pg_class AS c WHERE relnamespace = '{place.schema}'::regnamespace"  # noqa: S608
        " AND relkind IN ('r', 'v')"
    )
    assert {row[0] for row in found} == {"fact", "mailing", "origin", "worker", "workers"}
    facts = cluster.fetch(f"SELECT name FROM {place.schema}.fact")  # noqa: S608
    assert {row[0] for row in facts} == {
        "archived_at", "edition", "finished_at", "job", "lock_class", "seed", "version",
    }  # fmt: skip


def test_nothing_is_dropped_while_a_worker_lives(place):
    with PostgresLedger.reopen(sent(place)) as ledger:
        with joined(place), pytest.raises(LedgerLocked, match="another run holds") as no:
            ledger.put_away(NOW)
        assert "nothing was dropped" in no.value.hint
    with PostgresLedger.read(place) as reader:
        assert reader.standing.counts()[Status.ACCEPTED] == 1


def test_nothing_is_dropped_that_results_of_before_do_not_have(cluster, place):
    """Results are written between the opening and the end: a worker may come and go meanwhile."""
    with PostgresLedger.reopen(sent(place)) as ledger:
        joined(place).close()
        with pytest.raises(LedgerLocked, match="while the results were written") as no:
            ledger.put_away(NOW)
        assert "nothing was dropped" in no.value.hint
    with PostgresLedger.reopen(place) as ledger:
        cluster.disconnect(place)  # the process is another worker afterwards, and no other process
        ledger.put_away(NOW)


def test_a_long_reader_is_not_waited_for_without_end(cluster, place, monkeypatch):
    monkeypatch.setattr("mailbatch.ledger.postgres.archiving._PATIENCE", "100ms")
    with PostgresLedger.read(sent(place)) as reader, PostgresLedger.reopen(place) as ledger:
        with reader._link.snapshots.take() as ask:
            assert len(list(ask("SELECT id FROM recipient"))) == 1
            with pytest.raises(LedgerLocked, match="reading the ledger for 100ms"):
                ledger.put_away(NOW)
        ledger.put_away(NOW)


def test_a_connection_that_is_lost_in_the_middle_drops_all_or_nothing(cluster, place):
    """The commit is stored, and its answer lost: the next opening tells that all is done."""
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"  # noqa: S608
        f" AND application_name = '{place.schema}'"
    )
    told = []

    def put_away(ledger):
        try:
            ledger.put_away(NOW)
        except LedgerError as error:
            told.append(error)

    with PostgresLedger.reopen(sent(place)) as ledger:
        cluster.configure("synchronous_standby_names", "'nobody'")
        thread = threading.Thread(target=put_away, args=(ledger,))
        try:
            thread.start()
            until(lambda: cluster.fetch(waits)[0][0] == 1, what="the commit")
            cluster.disconnect(place)
        finally:
            cluster.configure("synchronous_standby_names", "''")
        thread.join(30)
    assert len(told) == 1
    with pytest.raises(LedgerError, match="was put away"):
        PostgresLedger.read(place)
