"""A ledger of an earlier version in PostgreSQL: a run brings it to this one, nobody else."""

import asyncio
from pathlib import Path

import pytest

from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.outcome import Status
from tests.ledger.contract.talk import settlement

pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.migrating import VERSION
from mailbatch.ledger.postgres.store import PostgresLedger
from tests.ledger.postgres.test_opening import (
    NOW,
    commit,
    lease,
    opened,
    plan,
)

VERSION_3 = Path(__file__).with_name("version_3.sql").read_text(encoding="utf-8")
MADE_OF = """
SELECT pg_get_functiondef(p.oid) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = '{0}'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = '{0}'
"""


def made_of(cluster, place):
    """Return the functions and indexes of a ledger, whatever the name of its schema."""
    found = cluster.fetch(MADE_OF.format(place.schema))
    return sorted(row[0].replace(place.schema, "ledger") for row in found)


def put_back(cluster, place):
    """Make the ledger of a place one of version 3."""
    cluster.execute(f"SET search_path = {place.schema}; {VERSION_3}; RESET search_path")


def settle(ledger, *deliveries):
    said = [settlement(delivery, Status.ACCEPTED, now=NOW) for delivery in deliveries]
    asyncio.run(ledger.records.record(said, ()))


def test_a_run_brings_a_ledger_of_version_3_to_this_one(cluster, place):
    with opened(place) as ledger:
        plan(ledger, "a", "b", "c")
        (a,) = lease(ledger, 1)
        commit(ledger, a)
        settle(ledger, a)
    new = made_of(cluster, place)
    put_back(cluster, place)
    assert made_of(cluster, place) != new
    with opened(place) as ledger:
        assert made_of(cluster, place) == new
        b, c = lease(ledger, 2)
        commit(ledger, b, c)
        settle(ledger, b, c)
        assert ledger.standing.counts()[Status.ACCEPTED] == 3
    with PostgresLedger.read(place) as reader:
        assert reader._link.wait(reader._link.fact("version")) == VERSION


def test_a_reader_leaves_an_earlier_version_alone_and_names_the_way(cluster, place):
    opened(place).close()
    put_back(cluster, place)
    for opening in (PostgresLedger.read, PostgresLedger.reopen):
        with pytest.raises(LedgerError, match="version 3") as refused:
            opening(place)
        assert "mailbatch run" in refused.value.hint
    assert cluster.fetch(f"SELECT 1 FROM {place.schema}.fact WHERE value = '3'")  # noqa: S608


def test_a_ledger_with_a_worker_at_work_is_left_as_it_is(cluster, place):
    opened(place).close()
    with PostgresLedger.join(place, message_id_domain="example.com", bundle="") as worker:
        put_back(cluster, place)
        with pytest.raises(LedgerLocked) as refused:
            opened(place)
        assert "stop its workers" in refused.value.hint
        assert worker.worker
    opened(place).close()


def test_the_ledger_of_another_mailing_is_left_as_it_is(cluster, place):
    opened(place).close()
    put_back(cluster, place)
    with pytest.raises(LedgerError, match="belongs to edition '48' of job 'news'"):
        PostgresLedger.open(place, job="other", edition="48", message_id_domain="example.com")
    assert cluster.fetch(f"SELECT 1 FROM {place.schema}.fact WHERE value = '3'")  # noqa: S608


def test_a_copy_of_before_is_left_as_it_is(cluster, place):
    opened(place).close()
    put_back(cluster, place)
    cluster.execute(f"UPDATE {place.schema}.origin SET system = system + 1")  # noqa: S608
    with pytest.raises(LedgerError, match="may be an older copy"):
        opened(place)
    assert cluster.fetch(f"SELECT 1 FROM {place.schema}.fact WHERE value = '3'")  # noqa: S608


def test_an_edition_of_version_3_that_was_put_away_says_so(cluster, place):
    """Its tables are gone: there is nothing to bring up."""
    opened(place).close()
    put_back(cluster, place)
    tables = "recipient, recipient_group, header, delivery, block, lease, point, past_point, reply"
    gone = f"DROP TABLE {tables}, copy, bundle CASCADE"
    put_away = f"INSERT INTO fact VALUES ('archived_at', '{NOW}')"  # noqa: S608
    cluster.execute(f"SET search_path = {place.schema}; {gone}; {put_away}; RESET search_path")
    with pytest.raises(LedgerError, match="was put away"):
        opened(place)
