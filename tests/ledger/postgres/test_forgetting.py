"""The forgetting of a person in a database: what others may still see, and what goes on later."""

import threading

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.outcome import Status
from tests.support.waiting import until

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra
from mailbatch.ledger.published import Published, publication_of  # noqa: E402

ANN = "ann@x.org"
COLUMNS = ("email", "name")


def opened(place):
    return PostgresLedger.open(place, job="news", edition="48", message_id_domain="example.com")


def joined(place):
    return PostgresLedger.join(place, message_id_domain="example.com", bundle="b")


def people(*addresses):
    return [
        Recipient(line, address, (address, f"Name{line}"))
        for line, address in enumerate(addresses, start=2)
    ]


def plan(ledger, rows):
    return ledger.plan.reconcile(COLUMNS, rows, group_by=(), recipients_per_transaction=1)


@pytest.fixture
def planned(place):
    """The place of a ledger that knows Ann and Bob."""
    with opened(place) as ledger:
        plan(ledger, people(ANN, "bob@x.org"))
    return place


def bytes_of(cluster, place, table):
    """The file of a table as it is on the disk."""
    cluster.execute("CHECKPOINT")
    ((path,),) = cluster.fetch(f"SELECT pg_relation_filepath('{place.schema}.{table}')")
    return (cluster.folder / "data" / path).read_bytes()


async def hold(link, table):
    """Hold a table, and no snapshot of the rows of any, as long as the connection lives."""
    async with link.reading() as connection:
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE")


def forget(place):
    with PostgresLedger.reopen(place) as ledger:
        ledger.forgetting().forget(ANN)


def begun(place):
    with PostgresLedger.read(place) as ledger:
        return ledger.forgetting().look(ANN).begun


def test_rows_that_a_transaction_of_anybody_sees_are_not_called_forgotten(
    cluster, planned, monkeypatch
):
    """VACUUM FULL succeeds, and takes such rows along."""
    monkeypatch.setattr("mailbatch.ledger.postgres.forgetting._PATIENCE", 1.0)
    with PostgresLedger.read(planned) as reader, reader._link.snapshots.take() as ask:
        list(ask("SELECT 1"))  # no table of the ledger is locked
        with pytest.raises(LedgerLocked, match="old rows of recipient") as no:
            forget(planned)
        assert "run the command again" in no.value.hint
        assert b"Name2" in bytes_of(cluster, planned, "recipient")
        assert begun(planned)
    forget(planned)
    assert not begun(planned)
    assert b"Name2" not in bytes_of(cluster, planned, "recipient")
    assert b"Name3" in bytes_of(cluster, planned, "recipient")


def test_a_reader_of_a_table_is_not_waited_for_without_end(cluster, planned, monkeypatch):
    monkeypatch.setattr("mailbatch.ledger.postgres.forgetting._PATIENCE", 1.0)
    with PostgresLedger.read(planned) as reader, reader._link.snapshots.take() as ask:
        assert len(list(ask("SELECT id FROM recipient"))) == 2
        with pytest.raises(LedgerLocked, match="has been reading the ledger"):
            forget(planned)
    forget(planned)
    assert b"Name2" not in bytes_of(cluster, planned, "recipient")


def test_a_process_that_dies_in_between_is_followed_by_one_that_goes_on(cluster, planned):
    told = []

    def die():
        try:
            forget(planned)
        except LedgerError as error:
            told.append(error)

    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"  # noqa: S608
        f" AND application_name = '{planned.schema}' AND query LIKE 'VACUUM%reply'"
    )
    with PostgresLedger.read(planned) as reader:
        reader._link.wait(hold(reader._link, "reply"))
        thread = threading.Thread(target=die)
        thread.start()
        until(lambda: cluster.fetch(waits)[0][0] == 1, what="the lock of a table")
        cluster.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
            f" WHERE application_name = '{planned.schema}' AND query LIKE 'VACUUM%'"
        )
        thread.join(60)
    assert len(told) == 1
    assert begun(planned)
    forget(planned)
    assert not begun(planned)
    assert b"Name2" not in bytes_of(cluster, planned, "recipient")


def test_nothing_is_changed_while_a_worker_lives(planned):
    with PostgresLedger.reopen(planned) as ledger:
        with joined(planned), pytest.raises(LedgerLocked, match="another run holds") as no:
            ledger.forgetting().forget(ANN)
        assert "nothing was changed" in no.value.hint
        assert ledger.forgetting().look(ANN).unsent == 1
    with (
        PostgresLedger.read(planned) as ledger,
        pytest.raises(LedgerError, match="not open for writing"),
    ):
        ledger.forgetting().forget(ANN)


def test_workers_have_the_mailing_again_when_a_run_has_offered_it_anew(planned):
    """The sample of a worker may be the row that is no more what it was."""
    with opened(planned) as ledger:
        publication_of(ledger).publish(Published("0" * 64, (), {}), b"Name2")
    forget(planned)
    with PostgresLedger.read(planned) as ledger:
        assert publication_of(ledger).current() is None
        assert publication_of(ledger).archive("0" * 64) is None


def test_the_trouble_that_stopped_all_names_nobody(cluster, planned):
    with opened(planned) as ledger:
        publication_of(ledger).stop(f"550 <{ANN}>: no such sender", 69)
    forget(planned)
    ((stop,),) = cluster.fetch(f"SELECT stop FROM {planned.schema}.mailing")  # noqa: S608
    assert ANN not in stop
    assert stop.startswith("550 <")
    assert ANN.encode() not in bytes_of(cluster, planned, "mailing")


def test_a_plan_again_learns_nothing_also_of_rows_that_are_read_once(cluster, planned):
    forget(planned)
    with opened(planned) as ledger:
        assert plan(ledger, iter(people(ANN, "bob@x.org", "eve@x.org"))).added == 1
        counts = ledger.standing.counts()
        assert (counts[Status.PENDING], counts[Status.SUPPRESSED]) == (2, 1)
        assert ledger.forgetting().has_forgotten
        assert [ledger.plan.due_deliveries(9, address=a) for a in (ANN, "bob@x.org")] == [0, 1]
        assert not plan(ledger, people(ANN, "bob@x.org", "eve@x.org"))
    assert b"Name2" not in bytes_of(cluster, planned, "recipient")
