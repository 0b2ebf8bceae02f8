"""The opening of a ledger in PostgreSQL: what is refused, and what a dead worker leaves."""

import asyncio
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, LedgerLocked, LedgerUnreachable
from mailbatch.ledger.ports import CommitPoint, Recovery
from mailbatch.outcome import Status
from tests.ledger.contract.talk import settlement

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.failing import failure  # noqa: E402 - an extra
from mailbatch.ledger.postgres.opening import check_lock  # noqa: E402 - an extra
from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra

INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
NOW = 1_700_000_000.0


def opened(place):
    return PostgresLedger.open(place, job="news", edition="48", message_id_domain="example.com")


def began(place):
    """Begin the ledger of a place that may be read from then on."""
    opened(place).close()
    return place


def plan(ledger, *letters):
    rows = [
        Recipient(line, f"{letter}@x.org", (f"{letter}@x.org",))
        for line, letter in enumerate(letters, start=2)
    ]
    ledger.plan.reconcile(("email",), rows, group_by=(), recipients_per_transaction=1)


def lease(ledger, count):
    return asyncio.run(ledger.leases.lease(count, now=NOW))


def commit(ledger, *deliveries):
    points = [CommitPoint(delivery.id, bytes(32)) for delivery in deliveries]
    asyncio.run(ledger.records.record((), points))


def test_commits_that_a_crash_forgets_are_refused(place):
    relaxed = replace(place, url=f"{place.url}&options=-csynchronous_commit%3Doff")
    with pytest.raises(LedgerError, match="synchronous_commit is off"):
        opened(relaxed)
    with pytest.raises(LedgerError, match="there is no ledger"):
        PostgresLedger.read(place)


@contextmanager
def pooled(folder):
    """Have the port of a pooler that has a name of its own for each backend, as poolers do."""
    begins = b"K" + (12).to_bytes(4, "big")  # BackendKeyData

    def carry(source, target, *, renamed):
        with suppress(OSError):
            while data := source.recv(65536):
                at = data.find(begins) + len(begins)
                if renamed and at >= len(begins):
                    data = data[:at] + (1).to_bytes(4, "big") + data[at + 4 :]
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:

        def serve():
            client = stack.enter_context(server.accept()[0])
            backend = stack.enter_context(socket.socket(socket.AF_UNIX))
            backend.connect(str(folder / ".s.PGSQL.5432"))
            up = threading.Thread(target=carry, args=(client, backend), kwargs={"renamed": False})
            up.start()
            carry(backend, client, renamed=True)
            up.join()

        serving = threading.Thread(target=serve)
        serving.start()
        yield server.getsockname()[1]
        serving.join()


def test_a_pooler_is_refused(cluster, place):
    with pooled(cluster.folder) as port:
        user = place.url.rpartition("user=")[2]
        far = replace(place, url=f"postgresql://{user}@127.0.0.1:{port}/postgres?sslmode=disable")
        with pytest.raises(LedgerError, match="a pooler answers") as no:
            opened(far)
    assert "the server itself" in no.value.hint
    with pytest.raises(LedgerError, match="there is no ledger"):
        PostgresLedger.read(place)


def test_a_statement_of_another_backend_has_no_lock(place):
    with opened(place) as ledger:
        link = ledger._link
        link.wait(check_lock(link, link._writer, ledger.worker))
        other = link.wait(link.connect())
        with pytest.raises(LedgerError, match="a pooler answers"):
            link.wait(check_lock(link, other, ledger.worker))
        assert other.is_closed()


def test_settings_that_a_pooler_refuses_tell_of_the_pooler():
    said = asyncpg.ProtocolViolationError("unsupported startup parameter: search_path")
    assert "no pooler" in failure("postgresql:///mail", said).hint


def test_another_version_of_the_schema_is_refused(cluster, place):
    opened(place).close()
    cluster.execute(f"UPDATE {place.schema}.fact SET value = '1' WHERE name = 'version'")  # noqa: S608
    for opening in (opened, PostgresLedger.reopen, PostgresLedger.read):
        with pytest.raises(LedgerError, match="version 1"):
            opening(place)


def test_a_database_that_is_not_there(place):
    nowhere = replace(place, url="postgresql:///mail?host=/nowhere&user=nobody")
    with pytest.raises(LedgerError, match="connection to the ledger failed"):
        opened(nowhere)


def test_the_holder_is_named_while_it_lives(cluster, place):
    with opened(place) as ledger:
        assert ledger.writers() == ()
        with PostgresLedger.read(place) as reader:
            assert len(reader.writers()) == 1
            with pytest.raises(LedgerLocked):
                reader.check_idle()
        with pytest.raises(LedgerLocked, match=r"process \d+ on "):
            opened(place)
        cluster.disconnect(place)
    with PostgresLedger.read(place) as reader:
        assert reader.writers() == ()
        reader.check_idle()


def test_a_worker_that_was_cut_off_passes_no_commit_point(cluster, place):
    """The process lives on and believes in its lease; another run has buried the worker."""
    cut_off = opened(place)
    plan(cut_off, "a", "b")
    a, b = lease(cut_off, 2)
    commit(cut_off, a)
    cluster.disconnect(place)
    with opened(place) as ledger:
        assert ledger.recovered == Recovery(released=1, in_doubt=1, recipients=1)
        with pytest.raises(LedgerError):
            commit(cut_off, b)
        (again,) = lease(ledger, 2)
        assert again.unsettled == ("b@x.org",)
        commit(ledger, again)
    cut_off.close()


def test_a_worker_that_was_buried_writes_nothing_though_its_connection_is_there(cluster, place):
    """The fence is the row of the worker, whatever the lock says."""
    with opened(place) as ledger:
        plan(ledger, "a")
        (a,) = lease(ledger, 1)
        cluster.execute(f"UPDATE {place.schema}.worker SET live = false")  # noqa: S608
        with pytest.raises(LedgerError, match="taken over"):
            commit(ledger, a)
        with pytest.raises(LedgerError, match="taken over"):
            lease(ledger, 1)
        with pytest.raises(LedgerError, match="taken over"):
            ledger.plan.mark_finished(NOW)


def test_a_worker_that_leaves_in_order_leaves_no_doubt_to_a_reader_of_the_time_before(place):
    with PostgresLedger.read(began(place)) as reader, opened(place) as ledger:
        plan(ledger, "a")
        (a,) = lease(ledger, 1)
        commit(ledger, a)
        with reader._link.snapshots.take() as ask:
            assert [row["worker"] for row in ask("SELECT worker FROM point")] == [2]
            asyncio.run(ledger.records.record([settlement(a, Status.ACCEPTED, now=NOW)], ()))
            ledger.close()
            assert [row["status"] for row in ask("SELECT status FROM standing")] == ["pending"]
        assert [row.status for row in reader.standing.result_rows()] == ["accepted"]


def test_a_connection_that_is_lost_between_two_lots_of_rows_is_a_failure_of_the_database(place):
    """The driver raises that where a fetch is asked for, and not where it is awaited."""
    opened(place).close()
    with PostgresLedger.read(place) as reader, reader._link.snapshots.take() as ask:
        rows = ask("SELECT generate_series(1, 5000) AS number")
        assert next(rows)["number"] == 1

        async def lose():
            ask.args[0].terminate()

        reader._link.wait(lose())
        with pytest.raises(LedgerUnreachable, match="the connection to the ledger failed"):
            list(rows)


def test_a_worker_that_is_gone_leaves_a_doubt_to_every_reader(cluster, place):
    with PostgresLedger.read(began(place)) as reader, opened(place) as ledger:
        plan(ledger, "a")
        commit(ledger, *lease(ledger, 1))
        assert [row.status for row in reader.standing.result_rows()] == ["pending"]
        cluster.disconnect(place)
    with PostgresLedger.read(place) as reader:
        assert [row.status for row in reader.standing.result_rows()] == ["in_doubt"]
        assert reader.standing.counts()[Status.IN_DOUBT] == 1


@pytest.mark.parametrize("group", [(), ("x",)])
def test_a_first_plan_and_a_reader_never_wait_for_each_other(place, group):
    impatient = replace(began(place), url=f"{place.url}&options=-clock_timeout%3D2000")
    with PostgresLedger.read(impatient) as reader, opened(impatient) as ledger:

        def rows():
            assert list(reader.standing.result_rows()) == []
            yield Recipient(2, "a@x.org", ("a@x.org",), group or None)
            yield Recipient(3, "A@x.org", ("A@x.org",), group or None)

        with reader._link.snapshots.take() as ask:
            assert list(ask("SELECT id FROM standing")) == []
            ledger.plan.reconcile(("email",), rows(), group_by=group, recipients_per_transaction=1)
        assert [row.row for row in reader.standing.result_rows()] == [2, 3]
        names = {row[0] for row in ledger._link.wait(ledger._link.fetch(INDEXES))}
        assert {f"recipient_by_{name}" for name in ("id", "key", "mailbox", "delivery")} <= names


def test_the_primary_key_keeps_an_attempt_from_a_second_commit_point(cluster, place):
    with opened(place) as ledger:
        plan(ledger, "a")
        (a,) = lease(ledger, 1)
        cluster.execute(
            f"INSERT INTO {place.schema}.point SELECT delivery_id, attempt, 7 FROM"  # noqa: S608
            f" {place.schema}.lease"
        )
        with pytest.raises(LedgerError, match="23505"):
            commit(ledger, a)


def test_a_database_that_crashes_forgets_nothing(cluster, place):
    ledger = opened(place)
    plan(ledger, "a", "b")
    a, _ = lease(ledger, 2)
    commit(ledger, a)
    cluster.stop("immediate")
    cluster.start()
    ledger.close()
    with opened(place) as again:
        assert again.recovered == Recovery(released=1, in_doubt=1, recipients=1)


def test_nothing_is_due_before_anything_was_leased(place):
    with opened(place) as ledger:
        plan(ledger, "a")
        assert ledger.leases.next_due() is None
        assert lease(ledger, 0) == []
        assert ledger.standing.statuses_of("nobody@x.org") == []
        leases = ledger.leases
    with pytest.raises(LedgerError, match=r"closed|not open"):
        asyncio.run(leases.lease(1, now=NOW))
