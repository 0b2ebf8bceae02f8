"""A connection that is lost while the process lives: nothing is lost, and nothing happens twice."""

import asyncio
import threading
from collections import Counter

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, LedgerLocked, LedgerUnreachable
from mailbatch.ledger.ports import CommitPoint, Recovery, Settlement, Suspicion
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.contract.talk import settlement
from tests.support.waiting import until

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres import rejoining  # noqa: E402 - an extra
from mailbatch.ledger.postgres.locks import PLANNER, lock_class  # noqa: E402
from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402

NOW = 1_700_000_000.0
ANSWERED = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = '{}'
"""


def opened(place):
    return PostgresLedger.open(place, job="news", edition="48", message_id_domain="example.com")


def joined(place):
    return PostgresLedger.join(place, message_id_domain="example.com", bundle="b")


def plan(ledger, *letters):
    rows = [
        Recipient(line, f"{letter}@x.org", (f"{letter}@x.org",))
        for line, letter in enumerate(letters, start=2)
    ]
    ledger.plan.reconcile(("email",), rows, group_by=(), recipients_per_transaction=1)


def lease(ledger, count, now=NOW):
    return asyncio.run(ledger.leases.lease(count, now=now))


def commit(ledger, *deliveries):
    points = [CommitPoint(delivery.id, bytes(32)) for delivery in deliveries]
    asyncio.run(ledger.records.record((), points))


def settle(ledger, *deliveries):
    asyncio.run(ledger.records.record([settlement(one, Status.ACCEPTED) for one in deliveries], ()))


def counts(ledger):
    return {status: n for status, n in ledger.standing.counts().items() if n}


def workers(cluster, place):
    return cluster.fetch(f"SELECT id, live, after FROM {place.schema}.worker ORDER BY id")  # noqa: S608


def test_a_connection_that_ends_between_any_two_statements_costs_nothing(cluster, place):
    with opened(place) as ledger:
        plan(ledger, *"abcdef")
        steps = [
            lambda: leased.extend(lease(ledger, 5)),
            lambda: commit(ledger, leased[0]),
            lambda: settle(ledger, leased[0]),
            lambda: commit(ledger, leased[1], leased[2]),
            lambda: settle(ledger, leased[2], leased[1]),
            lambda: asyncio.run(ledger.records.release([leased[3].id])),
            lambda: asyncio.run(ledger.records.invalidate(leased[4].id, "no", now=NOW)),
            lambda: again.extend(lease(ledger, 5)),
            lambda: commit(ledger, *again),
            lambda: settle(ledger, *again),
            lambda: ledger.plan.mark_finished(NOW),
        ]
        leased, again = [], []
        for step in steps:
            cluster.disconnect(place)
            step()
        cluster.disconnect(place)
        assert counts(ledger) == {Status.ACCEPTED: 5, Status.INVALID: 1}
        assert ledger.standing.finished_at() == NOW
    found = workers(cluster, place)
    assert [row["after"] for row in found] == [None, *(row["id"] for row in found[:-1])]
    assert [row["live"] for row in found[:-1]] == [False] * (len(found) - 1)
    with opened(place) as ledger:
        assert ledger.recovered == Recovery()


def unanswered(cluster, place, ledger, call):
    """Let the commit of a call be stored, and its answer be lost: a standby never acknowledges."""
    cluster.configure("synchronous_standby_names", "'nobody'")
    link, setting = ledger._link, "SHOW synchronous_standby_names"
    while link.wait(link._writer.fetchval(setting)) != "nobody":  # each backend reads it by itself
        pass
    thread = threading.Thread(target=call)
    try:
        thread.start()
        while not cluster.fetch(ANSWERED.format(place.schema))[0][0]:
            assert thread.is_alive()
        cluster.disconnect(place)
    finally:
        cluster.configure("synchronous_standby_names", "''")
    thread.join(30)
    assert not thread.is_alive()


def test_a_wait_for_a_standby_that_is_cancelled_is_no_acknowledgement(cluster, place):
    """PostgreSQL calls the commit a success, with a warning: a failover would forget it."""
    waits = ANSWERED.format(place.schema).replace("count(*)", "array_agg(pid)")
    with opened(place) as ledger:
        plan(ledger, "a")
        leased = lease(ledger, 1)
        cluster.configure("synchronous_standby_names", "'nobody'")
        thread = threading.Thread(target=lambda: commit(ledger, *leased))
        try:
            thread.start()
            until(lambda: bool(cluster.fetch(waits)[0][0]), what="the wait of the commit")
            ((pid,),) = cluster.fetch(waits)[0]
            cluster.fetch(f"SELECT pg_cancel_backend({pid})")
            until(
                lambda: (cluster.fetch(waits)[0][0] or [pid]) != [pid],
                what="the wait of another connection",
            )
            assert thread.is_alive()
        finally:
            cluster.configure("synchronous_standby_names", "''")
        thread.join(30)
        assert not thread.is_alive()
        settle(ledger, *leased)
        assert counts(ledger) == {Status.ACCEPTED: 1}
    assert len(workers(cluster, place)) == 2


@pytest.mark.parametrize("what", ["lease", "point", "settle", "release", "invalidate", "suspect"])
def test_a_commit_whose_answer_is_lost_is_found_or_made_again(cluster, place, what):
    with opened(place) as ledger:
        plan(ledger, *"abc")
        first = lease(ledger, 2)
        told = []
        calls = {
            "lease": lambda: told.extend(lease(ledger, 1)),
            "point": lambda: told.append(commit(ledger, *first)),
            "settle": lambda: told.append(settle(ledger, *first)),
            "release": lambda: told.append(
                asyncio.run(ledger.records.release([one.id for one in first]))
            ),
            "invalidate": lambda: told.append(
                asyncio.run(ledger.records.invalidate(first[0].id, "no", now=NOW))
            ),
            "suspect": lambda: told.append(
                asyncio.run(ledger.records.record((), (), Suspicion(NOW)))
            ),
        }
        if what == "settle":
            commit(ledger, *first)
        unanswered(cluster, place, ledger, calls[what])
        assert len(told) == 1
        points = cluster.fetch(f"SELECT count(*) FROM {place.schema}.point")[0][0]  # noqa: S608
        leases = cluster.fetch(f"SELECT count(*) FROM {place.schema}.lease")[0][0]  # noqa: S608
        found = counts(ledger)
        assert (points, leases, found) == {
            "lease": (0, 3, {Status.PENDING: 3}),
            "point": (2, 2, {Status.PENDING: 3}),
            "settle": (2, 0, {Status.ACCEPTED: 2, Status.PENDING: 1}),
            "release": (0, 0, {Status.PENDING: 3}),
            "invalidate": (0, 1, {Status.INVALID: 1, Status.PENDING: 2}),
            "suspect": (0, 2, {Status.PENDING: 3}),
        }[what]
        if what == "lease":
            assert told[0].unsettled == ("c@x.org",)
        if what == "point":
            settle(ledger, *first)
            assert counts(ledger)[Status.ACCEPTED] == 2


def test_a_database_that_is_killed_and_started_costs_no_doubt(cluster, place):
    with opened(place) as ledger:
        plan(ledger, *"abc")
        (first, second) = lease(ledger, 2)
        commit(ledger, first)
        cluster.stop("immediate")
        later = threading.Timer(0.3, cluster.start)
        later.start()
        settle(ledger, first)
        later.join()
        commit(ledger, second)
        settle(ledger, second)
        assert counts(ledger) == {Status.ACCEPTED: 2, Status.PENDING: 1}
        assert list(ledger.doubts.in_doubt()) == []


def test_an_edition_that_another_run_took_meanwhile_is_left_to_it(cluster, place):
    ledger = opened(place)
    plan(ledger, *"ab")
    (first,) = lease(ledger, 1)
    commit(ledger, first)
    cluster.disconnect(place)
    with opened(place) as other:
        assert other.recovered == Recovery(0, 1, 1)
        with pytest.raises(LedgerLocked, match="another run holds this edition"):
            settle(ledger, first)
        ledger.close()
        assert counts(other) == {Status.IN_DOUBT: 1, Status.PENDING: 1}


def test_a_worker_that_a_peer_buried_tells_its_outcomes_and_passes_no_other_point(cluster, place):
    with opened(place) as ledger:
        plan(ledger, *"abcd")
        cluster.execute(f"UPDATE {place.schema}.mailing SET bundle = 'b'")  # noqa: S608
        frozen = joined(place)
        first, second = lease(frozen, 2)
        commit(frozen, first)
        cluster.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
            f" WHERE application_name = '{place.schema}' AND pid IN (SELECT l.pid FROM pg_locks l"
            f" WHERE l.locktype = 'advisory' AND l.objid = {frozen.worker})"
        )
        taken = lease(ledger, 9)
        taken += lease(ledger, 9)
        addresses = {one.unsettled[0] for one in taken}
        assert addresses == {"b@x.org", "c@x.org", "d@x.org"}
        assert counts(ledger) == {Status.IN_DOUBT: 1, Status.PENDING: 3}
        settle(frozen, first)
        assert counts(ledger) == {Status.ACCEPTED: 1, Status.PENDING: 3}
        with pytest.raises(LedgerError, match="another worker took"):
            commit(frozen, second)
        # Refused before the end of data: others have it, and nothing is recorded.
        rejected = Outcome("b@x.org", Status.REJECTED, reply=Reply(550, "5.1.1", "no"))
        told = Settlement(second.id, [rejected], NOW, None)
        asyncio.run(frozen.records.record([told], ()))
        asyncio.run(frozen.records.release([second.id]))
        frozen.close()
        commit(ledger, *taken)
        settle(ledger, *taken)
        assert counts(ledger) == {Status.ACCEPTED: 4}


def cut(cluster, place, ledger):
    """End the connection that writes of one process alone."""
    cluster.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
        f" WHERE application_name = '{place.schema}' AND pid IN (SELECT l.pid FROM pg_locks l"
        f" WHERE l.locktype = 'advisory' AND l.objid = {ledger.worker})"
    )


@pytest.mark.parametrize("what", ["outcomes", "points", "release", "invalidate"])
def test_what_others_took_is_known_before_anything_is_recorded(cluster, place, what):
    """The outcome that a server gave meanwhile is recorded, whatever else is told with it."""
    with opened(place) as ledger:
        plan(ledger, *"abcd")
        cluster.execute(f"UPDATE {place.schema}.mailing SET bundle = 'b'")  # noqa: S608
        frozen = joined(place)
        before, first, second = (lease(frozen, 1)[0] for _ in range(3))
        commit(frozen, before)
        settle(frozen, before)  # the numbers of replies are there now
        commit(frozen, first)
        cut(cluster, place, frozen)
        taken = lease(ledger, 9) + lease(ledger, 9)
        assert {one.unsettled[0] for one in taken} == {"c@x.org", "d@x.org"}
        commit(ledger, *taken)
        rejected = Outcome("c@x.org", Status.REJECTED, reply=Reply(550, "5.1.1", "no"))
        refused = Settlement(second.id, [rejected], NOW, None)
        accepted = settlement(first, Status.ACCEPTED)
        records = frozen.records
        if what == "outcomes":
            asyncio.run(records.record([refused, accepted], ()))
        elif what == "points":
            with pytest.raises(LedgerError, match="another worker took"):
                commit(frozen, second)
        elif what == "release":
            asyncio.run(records.release([second.id]))
        else:
            asyncio.run(records.invalidate(second.id, "no", now=NOW))
        if what != "outcomes":
            settle(frozen, first)
        frozen.close()
        settle(ledger, *taken)
        assert counts(ledger) == {Status.ACCEPTED: 4}


@pytest.mark.parametrize(
    ("decision", "status"), [(None, Status.ACCEPTED), ("skip", Status.SKIPPED)]
)
def test_a_doubt_that_a_run_recorded_ends_with_the_outcome(cluster, place, decision, status):
    with opened(place) as ledger:
        plan(ledger, *"abc")
    cluster.execute(f"UPDATE {place.schema}.mailing SET bundle = 'b'")  # noqa: S608
    frozen, heard = joined(place), []
    frozen.listen(heard.append)
    first, second = lease(frozen, 2)
    commit(frozen, first, second)
    cut(cluster, place, frozen)
    with opened(place) as ledger:
        assert counts(ledger) == {Status.IN_DOUBT: 2, Status.PENDING: 1}
        if decision is not None:
            ledger.doubts.resolve(decision, address="a@x.org", now=NOW)
        settle(frozen, first, second)
        late = "a@x.org: the answer of the server came behind a decision about the doubt"
        assert len(heard) == (decision is not None)
        assert all(text == f"{late}, and is not recorded: accepted" for text in heard)
        assert counts(ledger) == Counter([status, Status.ACCEPTED, Status.PENDING])
        told = cluster.fetch(f"SELECT attempts FROM {place.schema}.recipient ORDER BY id")  # noqa: S608
        assert [attempts for (attempts,) in told] == [1, 1, 0]
        assert [one.unsettled for one in lease(ledger, 9)] == [("c@x.org",)]
    frozen.close()


def test_a_doubt_is_there_again_where_the_process_dies_after_all(cluster, place):
    with opened(place) as ledger:
        plan(ledger, *"ab")
    cluster.execute(f"UPDATE {place.schema}.mailing SET bundle = 'b'")  # noqa: S608
    frozen = joined(place)
    (first,) = lease(frozen, 1)
    commit(frozen, first)
    cut(cluster, place, frozen)
    with opened(place) as ledger:
        assert counts(ledger) == {Status.IN_DOUBT: 1, Status.PENDING: 1}
        lease(frozen, 0)
        assert counts(ledger) == {Status.PENDING: 2}
        frozen.close()
        assert counts(ledger) == {Status.IN_DOUBT: 1, Status.PENDING: 1}
        (other,) = lease(ledger, 9)
        assert other.unsettled == ("b@x.org",)
    with opened(place) as ledger:
        assert ledger.recovered.in_doubt == 1


def test_a_ledger_that_is_put_away_waits_for_no_database(cluster, place):
    ledger = opened(place)
    plan(ledger, "a")
    cluster.stop("immediate")

    def wait():
        with pytest.raises(LedgerError, match=r"not open for writing|the connection"):
            lease(ledger, 1)

    waiting = threading.Thread(target=wait)
    try:
        waiting.start()
        while ledger._link._connecting is None:
            assert waiting.is_alive()
        ledger.close()
        waiting.join(10)
        assert not waiting.is_alive()
    finally:
        cluster.start()


def test_a_ledger_that_is_read_alone_does_not_wait(cluster, place):
    with opened(place) as ledger:
        plan(ledger, "a")
    with PostgresLedger.read(place) as ledger:
        cluster.stop("immediate")
        try:
            with pytest.raises(LedgerError, match="the connection to the ledger failed"):
                counts(ledger)
        finally:
            cluster.start()


class Obstacle:
    """Another session of the database, which holds locks of an edition as a dying backend does."""

    def __init__(self, cluster, place):
        self._cluster = cluster
        self._group = lock_class(place.schema)

    def take(self, *numbers):
        for number in numbers:
            self._cluster.execute(f"SELECT pg_advisory_lock({self._group}, {number})")

    def leave(self):
        self._cluster.execute("SELECT pg_advisory_unlock_all()")


@pytest.fixture
def obstacle(cluster, place):
    made = Obstacle(cluster, place)
    yield made
    made.leave()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(rejoining, "_PATIENCE", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("locks", ["plan and worker", "worker"])
def test_a_backend_that_does_not_end_is_named_and_nothing_is_taken_over(
    cluster, place, obstacle, locks
):
    with opened(place) as ledger:
        plan(ledger, "a")
        (first,) = lease(ledger, 1)
        commit(ledger, first)
        cluster.disconnect(place)
        obstacle.take(*([PLANNER] if "plan" in locks else []), ledger.worker)
        before = workers(cluster, place)
        with pytest.raises(LedgerError, match="the server keeps the old one open") as caught:
            settle(ledger, first)
        assert "pg_terminate_backend" in caught.value.hint
        assert workers(cluster, place) == before
        obstacle.leave()
        settle(ledger, first)  # once the backend is gone
        assert counts(ledger) == {Status.ACCEPTED: 1}


def test_a_lock_of_the_plan_that_frees_itself_between_two_looks_is_taken(
    cluster, place, obstacle, monkeypatch
):
    """The old backend ends behind the first try: that is no other run."""
    look = rejoining._try_here

    async def look_behind_the_end(*arguments):
        await asyncio.to_thread(obstacle.leave)
        return await look(*arguments)

    with opened(place) as ledger:
        plan(ledger, "a")
        cluster.disconnect(place)
        obstacle.take(PLANNER)
        monkeypatch.setattr(rejoining, "_try_here", look_behind_the_end)
        assert [one.unsettled for one in lease(ledger, 1)] == [("a@x.org",)]


def test_a_connection_that_is_lost_again_on_the_way_back_is_opened_once_more(
    cluster, place, monkeypatch
):
    check, times = rejoining.check_server, []

    async def check_and_be_cut_off(link, connection):
        await check(link, connection)
        times.append(connection)
        if len(times) < 3:
            await asyncio.to_thread(cluster.disconnect, place)

    monkeypatch.setattr(rejoining, "_AGAIN", 0.0)
    with opened(place) as ledger:
        plan(ledger, "a")
        cluster.disconnect(place)
        monkeypatch.setattr(rejoining, "check_server", check_and_be_cut_off)
        assert [one.unsettled for one in lease(ledger, 1)] == [("a@x.org",)]
        assert len(set(times)) == 3


def test_a_ledger_that_was_dropped_meanwhile_is_not_rejoined(cluster, place):
    with opened(place) as ledger:
        plan(ledger, "a")
        cluster.disconnect(place)
        cluster.execute(f"ALTER TABLE {place.schema}.lease RENAME TO lost")
        with pytest.raises(LedgerError, match="SQLSTATE 42P01"):
            lease(ledger, 1)
        cluster.execute(f"ALTER TABLE {place.schema}.lost RENAME TO lease")
        assert len(workers(cluster, place)) == 1  # the other worker was rolled back
        assert len(lease(ledger, 1)) == 1


def test_a_worker_whose_row_is_gone_is_no_worker_any_more(cluster, place):
    ledger = opened(place)
    plan(ledger, "a")
    cluster.disconnect(place)
    cluster.execute(f"DELETE FROM {place.schema}.worker")  # noqa: S608
    with pytest.raises(LedgerError, match="worker 1 is not in the ledger"):
        lease(ledger, 1)
    ledger.close()


def test_a_question_is_asked_again_where_its_connection_was_lost(cluster, place):
    with opened(place) as ledger:
        plan(ledger, "a")
        assert counts(ledger) == {Status.PENDING: 1}
        asked = ledger._link.value("SELECT pg_backend_pid()")
        before = ledger._link.wait(asked)
        cluster.disconnect(place)
        assert ledger._link.wait(ledger._link.value("SELECT pg_backend_pid()")) != before
        with pytest.raises(LedgerError, match="SQLSTATE 42P01"):
            ledger._link.wait(ledger._link.value("SELECT 1 FROM no_such_table"))


def test_a_ledger_that_was_put_away_answers_nothing(place):
    with opened(place) as ledger:
        plan(ledger, "a")
        (first,) = lease(ledger, 1)
        records, leases, publication = ledger.records, ledger.leases, ledger.publication
    said = settlement(first, Status.ACCEPTED)
    for call in (
        lambda: asyncio.run(records.record([said], ())),
        lambda: asyncio.run(records.give_back(NOW, Reply(550, ("no",)))),
        lambda: asyncio.run(leases.lease(1, now=NOW)),
        lambda: asyncio.run(publication.turns.take(1)),
        lambda: publication.stop("550 no", 69),
        ledger.standing.finished_at,
        lambda: ledger.records,
        lambda: ledger.leases,
    ):
        with pytest.raises(LedgerError, match=r"not open (for writing|to send)"):
            call()


def test_a_record_that_no_correct_run_makes_is_refused_whole(place):
    with opened(place) as ledger:
        plan(ledger, *"ab")
        first, second = lease(ledger, 2)
        commit(ledger, first)
        said = settlement(first, Status.ACCEPTED)
        for settlements, points in (
            ([said, said], ()),
            ([said], [CommitPoint(first.id, bytes(32))]),
            ([said], [CommitPoint(second.id, bytes(32))] * 2),
        ):
            with pytest.raises(LedgerError, match=r"is not leased|has passed") as told:
                asyncio.run(ledger.records.record(settlements, points))
            assert "this is a bug in mailbatch" in told.value.hint
        assert counts(ledger) == {Status.PENDING: 2}
        settle(ledger, first)


@pytest.mark.parametrize("what", ["release", "invalidate"])
def test_a_lease_that_is_gone_from_the_database_is_a_bug_kept_out(cluster, place, what):
    with opened(place) as ledger:
        plan(ledger, "a")
        (first,) = lease(ledger, 1)
        cluster.execute(f"DELETE FROM {place.schema}.lease")  # noqa: S608
        records = ledger.records
        call = (
            records.release([first.id])
            if what == "release"
            else records.invalidate(first.id, "no", now=NOW)
        )
        with pytest.raises(LedgerError, match="a lease of this worker is gone"):
            asyncio.run(call)
        assert counts(ledger) == {Status.PENDING: 1}


def test_an_answer_that_breaks_off_is_a_failure_of_the_ledger(cluster, place):
    """As everywhere: no error of the driver leaves the room."""
    with opened(place) as ledger:
        plan(ledger, "a")
        with ledger._link.snapshots.take() as ask:
            rows = ask("SELECT generate_series(1, 5000)")
            assert next(rows)[0] == 1
            cluster.disconnect(place)
            with pytest.raises(LedgerUnreachable, match="the connection to the ledger failed"):
                list(rows)
        with ledger._link.snapshots.take() as ask:  # the next one has another connection
            assert len(list(ask("SELECT generate_series(1, 5000)"))) == 5000
