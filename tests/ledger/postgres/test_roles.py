"""The two roles of a database: a planner owns its ledgers, a worker sends, and nothing else."""

import asyncio
import random

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, UsageError
from mailbatch.ledger.ports import CommitPoint, Settlement, Suspicion
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.contract.talk import settlement

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.address import Place  # noqa: E402 - an extra
from mailbatch.ledger.postgres.roles import Roles, make, script  # noqa: E402 - an extra
from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra

NOW = 1_700_000_000.0


class Database:
    """A database with the two roles, and the URL of each."""

    def __init__(self, cluster):
        number = f"{random.getrandbits(64):x}"
        self.name, self.roles = f"roles_{number}", Roles(f"planner_{number}", f"worker_{number}")
        self.cluster = cluster
        cluster.execute(f"CREATE DATABASE {self.name}")
        self.url = cluster.url(self.name)
        make(self.url, self.roles)

    def place(self, role):
        return Place(self.as_role(role), "mailbatch_roles_1")

    def as_role(self, role):
        return self.url.replace("user=postgres", f"user={role}")

    def ask(self, statement, role):
        async def work():
            connection = await asyncpg.connect(self.as_role(role))
            try:
                return await connection.execute(statement)
            finally:
                await connection.close()

        return asyncio.run(work())

    def drop(self):
        self.cluster.execute(f"DROP DATABASE {self.name} WITH (FORCE)")
        self.cluster.execute(f"DROP ROLE {self.roles.planner}, {self.roles.worker}")


@pytest.fixture
def database(cluster):
    made = Database(cluster)
    yield made
    made.drop()


def planned(place, letters):
    ledger = PostgresLedger.open(place, job="news", edition="1", message_id_domain="example.com")
    rows = [
        Recipient(line, f"{letter}@x.org", (f"{letter}@x.org",))
        for line, letter in enumerate(letters, start=2)
    ]
    ledger.plan.reconcile(("email",), rows, group_by=(), recipients_per_transaction=1)
    ledger._link.wait(ledger._link.value("UPDATE mailing SET bundle = 'b', rate = 1e6 RETURNING 1"))
    return ledger


def joined(place):
    return PostgresLedger.join(place, message_id_domain="example.com", bundle="b")


def test_a_planner_of_two_databases_has_a_worker_in_each(cluster, database):
    """The comment on the role is one for both: the second `ledger init` keeps the first."""
    name = f"{database.name}_b"
    other = Roles(database.roles.planner, f"{database.roles.worker}_b")
    cluster.execute(f"CREATE DATABASE {name}")
    make(cluster.url(name), other)
    make(cluster.url(name), other)  # again: nothing changes
    places = {
        worker: tuple(
            Place(cluster.url(each).replace("user=postgres", f"user={role}"), "mailbatch_roles_1")
            for role in (database.roles.planner, worker)
        )
        for each, worker in ((database.name, database.roles.worker), (name, other.worker))
    }
    for planner, worker in places.values():
        with planned(planner, "a"), joined(worker) as ledger:
            assert len(asyncio.run(ledger.leases.lease(1, now=NOW))) == 1
    # Each has rights in its own database alone.
    _, worker = places[database.roles.worker]
    with pytest.raises(LedgerError):
        joined(Place(worker.url.replace(database.roles.worker, other.worker), worker.schema))
    cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")
    cluster.execute(f"DROP ROLE {other.worker}")


def test_an_owner_who_may_make_roles_is_enough(cluster):
    """No superuser: hosted databases have none for their users."""
    name = f"admin_{random.getrandbits(64):x}"
    cluster.execute(f"CREATE ROLE {name} LOGIN CREATEROLE")
    cluster.execute(f"CREATE DATABASE {name} OWNER {name}")
    roles = Roles(f"{name}_p", f"{name}_w")
    url = cluster.url(name)
    for _ in range(2):
        make(url.replace("user=postgres", f"user={name}"), roles)
    planner, worker = (
        Place(url.replace("user=postgres", f"user={role}"), "mailbatch_roles_1")
        for role in (roles.planner, roles.worker)
    )
    with planned(planner, "a"), joined(worker) as ledger:
        assert len(asyncio.run(ledger.leases.lease(1, now=NOW))) == 1
    cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")
    cluster.execute(f"DROP ROLE {roles.planner}, {roles.worker}, {name}")


def test_a_worker_sends_with_the_rights_of_its_role(database):
    """All that a worker writes: claims, points, outcomes, copies, suspicion, burial, rejoining."""
    planner, worker = (
        database.place(role) for role in (database.roles.planner, database.roles.worker)
    )
    refusal = Reply(554, "5.7.1", "no")
    with planned(planner, "abcdefg") as run, joined(worker) as ledger:

        def lease(count=1):
            return asyncio.run(ledger.leases.lease(count, now=NOW))

        def record(settled, points=(), suspicion=None):
            points = [CommitPoint(one.id, bytes(32)) for one in points]
            asyncio.run(ledger.records.record(settled, points, suspicion))

        a, b, c, d = lease(4)
        record((), [a, b])
        copy = Outcome("copy@x.org", Status.REJECTED, refusal)
        taken = settlement(a, Status.ACCEPTED)
        record([taken._replace(outcomes=(*taken.outcomes, copy))], [c])
        later = Settlement(
            b.id,
            (Outcome(b.unsettled[0], Status.DEFERRED, Reply(451, "4.3.0", "later")),),
            NOW,
            NOW,
        )
        record([later], (), Suspicion(NOW))
        refused = Settlement(c.id, (Outcome(c.unsettled[0], Status.REJECTED, refusal),), NOW, None)
        record([refused])
        assert asyncio.run(ledger.records.give_back(NOW, refusal)) == 1
        asyncio.run(ledger.records.release([d.id]))
        d, e = lease(2)
        asyncio.run(ledger.records.invalidate(d.id, "no such value", now=NOW))
        database.cluster.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
            f" WHERE usename = '{database.roles.worker}'"
        )
        record((), [e])
        record([settlement(e, Status.ACCEPTED)])
        with joined(worker) as other:
            asyncio.run(other.leases.lease(1, now=NOW))
            asyncio.run(other.records.record((), (), Suspicion(NOW)))
            database.cluster.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # noqa: S608
                f" WHERE usename = '{database.roles.worker}'"
            )
            other._held.worker = 0  # as a process that is killed
        assert ledger.publication.is_left()
        assert asyncio.run(ledger.publication.turns.take(1)) < 60.0
        for one in lease(9):
            record((), [one])
            record([settlement(one, Status.ACCEPTED)])
        ledger.plan.mark_finished(NOW)
        ledger.publication.stop("enough", 77)
        with PostgresLedger.read(worker) as reader:
            assert reader.publication.current() is None
        counts = {status: n for status, n in run.standing.counts().items() if n}
        assert counts == {Status.ACCEPTED: 5, Status.INVALID: 1, Status.PENDING: 1}


FORBIDDEN = [
    "CREATE SCHEMA mailbatch_other",
    "CREATE TABLE mailbatch_roles_1.other (id int)",
    "DROP SCHEMA mailbatch_roles_1 CASCADE",
    "DROP TABLE mailbatch_roles_1.point",
    "TRUNCATE mailbatch_roles_1.point",
    "DELETE FROM mailbatch_roles_1.point",
    "UPDATE mailbatch_roles_1.point SET worker = 1",
    "DELETE FROM mailbatch_roles_1.recipient",
    "INSERT INTO mailbatch_roles_1.recipient (id, address) VALUES (9, 'z@x.org')",
    "UPDATE mailbatch_roles_1.recipient SET address = 'z@x.org'",
    "UPDATE mailbatch_roles_1.recipient SET cells = ''",
    "INSERT INTO mailbatch_roles_1.block VALUES (9, 1, 1)",
    "UPDATE mailbatch_roles_1.mailing SET bundle = 'mine'",
    "UPDATE mailbatch_roles_1.mailing SET rate = NULL",
    "INSERT INTO mailbatch_roles_1.bundle VALUES ('mine', '')",
    "UPDATE mailbatch_roles_1.fact SET value = 'mine' WHERE name = 'seed'",
    "INSERT INTO mailbatch_roles_1.fact VALUES ('identity', '[]')",
    "UPDATE mailbatch_roles_1.origin SET eras = '{mine}'",
    "SELECT pg_read_file('postgresql.conf')",
]


def test_a_worker_can_neither_plan_nor_drop_nor_change_what_is_sent(database):
    planner, worker = database.roles.planner, database.roles.worker
    planned(database.place(planner), "a").close()
    database.ask("CREATE TABLE public.secret (id int)", "postgres")
    for statement in (*FORBIDDEN, "SELECT * FROM public.secret"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            database.ask(statement, worker)
    assert (
        database.ask("DELETE FROM mailbatch_roles_1.fact WHERE name = 'seed'", worker) == "DELETE 0"
    )
    with pytest.raises(LedgerError, match="42501"):
        PostgresLedger.open(
            Place(database.as_role(worker), "mailbatch_roles_2"),
            job="news", edition="2", message_id_domain="example.com",
        )  # fmt: skip
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        database.ask("CREATE DATABASE mine", planner)


def test_roles_are_made_again_without_effect_and_a_ledger_of_before_gets_a_worker(database):
    make(database.url, database.roles)
    planner = database.place(database.roles.planner)
    planned(planner, "a").close()
    other = Roles(database.roles.planner, f"{database.roles.worker}_2")
    make(database.url, other)
    planned(planner, "a").close()
    joined(database.place(other.worker)).close()
    planned(planner, "a").close()
    database.ask(f"DROP OWNED BY {other.worker}", "postgres")
    database.ask(f"DROP ROLE {other.worker}", "postgres")


def test_a_user_who_may_not_make_roles_is_told_what_to_do(database):
    with pytest.raises(LedgerError, match="the roles cannot be made") as no:
        make(database.as_role(database.roles.worker), Roles("p_x", "w_x"))
    assert no.value.exit_code == 74
    assert "--print" in no.value.hint


@pytest.mark.parametrize(
    ("planner", "worker"), [("A", "b"), ("a; DROP", "b"), ("a", "pg_b"), ("a", ""), ("a", "a")]
)
def test_a_name_that_needs_quotes_is_none(planner, worker):
    with pytest.raises(UsageError):
        Roles(planner, worker)


def test_no_role_has_a_password():
    assert "PASSWORD" not in script(Roles("a", "b"))
