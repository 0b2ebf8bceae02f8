"""A database that may lack commits is refused: copies, recoveries, standbys that were behind."""

import asyncio
import errno
import os
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, LedgerLocked, MailingStopped
from mailbatch.ledger.ports import CommitPoint, Recovery
from mailbatch.outcome import Status
from tests.ledger.contract.talk import settlement
from tests.support.postgresql import check_present
from tests.support.waiting import until

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.address import Place  # noqa: E402 - an extra
from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra
from mailbatch.ledger.postgres.witness import Passed, Witness, heard_of  # noqa: E402
from tests.support.replicas import Restorable, Standby, wait_for_standby  # noqa: E402

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def machine():
    """A cluster whose files are put back."""
    check_present()
    with Restorable() as cluster:
        yield cluster


@pytest.fixture
def place(machine, tmp_path):
    made = replace(machine.new_place(), seen=tmp_path / "state")
    yield made
    with suppress(OSError):
        machine.drop(made)


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
    ledger._link.wait(ledger._link.value("UPDATE mailing SET bundle = 'b' RETURNING 1"))


def lease(ledger, count):
    return asyncio.run(ledger.leases.lease(count, now=NOW))


def commit(ledger, *deliveries):
    points = [CommitPoint(delivery.id, bytes(32)) for delivery in deliveries]
    asyncio.run(ledger.records.record((), points))


def settle(ledger, *deliveries):
    asyncio.run(ledger.records.record([settlement(one, Status.ACCEPTED) for one in deliveries], ()))


def sent(ledger, count=1):
    leased = lease(ledger, count)
    commit(ledger, *leased)
    settle(ledger, *leased)


def counts(ledger):
    return {status: n for status, n in ledger.standing.counts().items() if n}


def on_another_machine(place, tmp_path):
    return replace(place, seen=tmp_path / "other")


OPENINGS = [opened, joined, PostgresLedger.reopen, PostgresLedger.read]


def refused(place, words, openings=OPENINGS):
    for opening in openings:
        with pytest.raises(LedgerError, match=words) as no:
            opening(place)
        assert no.value.exit_code == 74
        assert "resolve JOB --restored" in no.value.hint


def test_a_ledger_that_goes_on_is_the_same_to_every_machine(place, tmp_path):
    with opened(place) as ledger:
        plan(ledger, *"abc")
        sent(ledger)
        with joined(on_another_machine(place, tmp_path)) as worker:
            sent(worker)
    with opened(place) as ledger:
        sent(ledger)
    for one in (place, on_another_machine(place, tmp_path)):
        with PostgresLedger.read(one) as reader:
            assert counts(reader) == {Status.ACCEPTED: 3}


def test_a_dump_that_is_put_back_is_refused_by_everybody(machine, place, tmp_path):
    with opened(place) as ledger:
        plan(ledger, *"ab")
        dump = machine.dump(place.schema)
        sent(ledger)
    machine.drop(place)
    machine.load(dump)
    for one in (place, on_another_machine(place, tmp_path)):
        refused(one, "it was made in another place, and copied or restored")


@pytest.fixture(scope="module")
def editions(machine, tmp_path_factory):
    """Editions that were written behind a backup, each on two machines; the backup is put back."""
    found = {}
    for name in ("watched", "sent", "passed", "leased"):
        folder = tmp_path_factory.mktemp(name)
        place = replace(machine.new_place(), seen=folder / "state")
        found[name] = (place, on_another_machine(place, folder))
        with opened(place) as ledger:
            plan(ledger, *"abcd")
            with joined(found[name][1]) as worker:
                sent(worker)
                if name == "leased":
                    lease(worker, 1)
                    machine.disconnect(place)
    machine.keep("night")
    opened(found["watched"][0]).close()
    for name in ("sent", "passed", "leased"):
        with opened(found[name][0]) as ledger:
            plan(ledger, *"abcd")
            sent(ledger)
    machine.put_back("night")
    return found


def test_a_snapshot_of_the_machine_is_behind_what_a_machine_has_seen(editions):
    watched, _ = editions["watched"]
    refused(watched, r"may be an older copy: its log is [\d,]+ bytes behind what", [opened])


def test_a_copy_that_others_write_is_stopped_by_the_machine_that_has_seen_more(editions):
    place, unaware = editions["sent"]
    with opened(unaware) as ledger:
        plan(ledger, *"abcd")
        (again,) = lease(ledger, 1)
        here = os.uname().nodename
        refused(place, f"a commit point is not there that {here} has passed", [joined])
        with pytest.raises(MailingStopped, match="may be an older copy") as stopped:
            lease(ledger, 1)
        assert stopped.value.exit_code == 74
        asyncio.run(ledger.records.release([again.id]))
    refused(unaware, "a commit point is not there")


def test_a_reader_refuses_and_writes_nothing(machine, editions):
    place, unaware = editions["passed"]
    refused(place, "a commit point is not there", [PostgresLedger.read])
    with PostgresLedger.read(unaware) as ledger:
        assert counts(ledger) == {Status.ACCEPTED: 1, Status.PENDING: 3}


def test_a_person_may_take_a_copy_as_it_stands(machine, editions):
    place, elsewhere = editions["leased"]
    refused(place, "a commit point is not there", [opened])
    refused(elsewhere, "a commit point is not there", [joined])
    with PostgresLedger.reopen(place, restored=True) as ledger:
        assert ledger.recovered == Recovery(0, 1, 1)
        assert counts(ledger) == {Status.ACCEPTED: 1, Status.IN_DOUBT: 1, Status.PENDING: 2}
    for one in (place, elsewhere):
        with opened(one) as ledger:
            plan(ledger, *"abcd")
            sent(ledger)
    machine.put_back("night", recover=True)
    for one in (place, elsewhere, replace(place, seen=None)):
        refused(one, r"has come to timeline \d+, from \d+, by a restored backup or a standby")
    machine.execute(f"UPDATE {place.schema}.origin SET replicated = true")  # noqa: S608
    refused(elsewhere, "has seen another ledger of this edition here, or a later one")
    # The decision of a person about an older copy yet is about all that was decided before.
    PostgresLedger.reopen(place, restored=True).close()
    for one in (place, elsewhere):
        with opened(one) as ledger, joined(one):
            plan(ledger, *"abcd")


def test_every_testimony_of_a_machine_ends_with_a_decision_of_a_person(machine, place):
    """Three processes have a file each, and one of these alone is written by the decision."""
    with opened(place) as ledger:
        plan(ledger, "a")
        with joined(place), joined(place):
            pass
    machine.execute(f"UPDATE {place.schema}.origin SET eras = ARRAY['before']")  # noqa: S608
    refused(place, "has seen another ledger")
    PostgresLedger.reopen(place, restored=True).close()
    with opened(place) as ledger, joined(place):
        plan(ledger, "a")


def test_a_commit_point_whose_delivery_a_later_plan_dissolves_speaks_against_nobody(place):
    def planned(ledger, cell):
        rows = [Recipient(2, "a@x.org", ("a@x.org", cell), (cell,))]
        ledger.plan.reconcile(
            ("email", "team"), rows, group_by=("team",), recipients_per_transaction=10
        )

    with opened(place) as ledger:
        planned(ledger, "red")
        (delivery,) = lease(ledger, 1)
        commit(ledger, delivery)
        asyncio.run(ledger.records.record([settlement(delivery, Status.DEFERRED)], ()))
    with opened(place) as ledger:
        planned(ledger, "blue")
        assert ledger._link.wait(ledger._link.value("SELECT count(*) FROM point")) == 0
    for opening in OPENINGS:
        opening(place).close()


def test_no_copy_is_taken_while_a_worker_lives(place):
    with opened(place), joined(place), pytest.raises(LedgerLocked):
        PostgresLedger.reopen(place, restored=True)
    with opened(place) as ledger:
        plan(ledger, "a")
        ledger.close()
    with joined(place), pytest.raises(LedgerLocked) as no:
        PostgresLedger.reopen(place, restored=True)
    assert "stop the workers" in no.value.hint


def test_an_edition_that_is_gone_does_not_begin_anew_by_itself(machine, place):
    opened(place).close()
    machine.drop(place)
    with pytest.raises(LedgerError, match="the ledger of this edition is gone") as no:
        opened(place)
    (file,) = place.seen.glob("*")
    assert str(file) in no.value.hint
    file.unlink()
    opened(place).close()


def test_one_folder_has_the_witnesses_of_many_databases(machine, tmp_path):
    """As on a machine whose workers serve one for tests, too: the names of schemas are the same."""
    places = []
    for name in ("one", "two"):
        machine.execute(f"CREATE DATABASE {name}")
        places.append(Place(machine.url(name), "mailbatch_news_48", tmp_path))
    for place in (*places, *places):
        with opened(place) as ledger:
            plan(ledger, "a")
    assert len(list(tmp_path.glob("mailbatch_news_48.*.1.seen"))) == 2
    for name in ("one", "two"):
        machine.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_witness_keeps_what_was_acknowledged_in_a_file_for_each_process(tmp_path):
    first, second = Witness.take(tmp_path, "s"), Witness.take(tmp_path, "s")
    assert first.heard() == []
    first.tell("era", 7, 100)
    first.note(120, Passed(1, 2, 3))
    first.note(110)
    second.tell("era", 7, 90)
    found = [(one.position, one.passed) for one in heard_of(tmp_path, "s")]
    assert found == [(120, (1, 2, 3)), (90, None)]
    first.close()
    first.close()
    again = Witness.take(tmp_path, "s")
    again.tell("era", 7, 130)
    assert again.heard()[0].passed == (1, 2, 3)
    again.tell("era", 7, 140)
    again.close()
    again = Witness.take(tmp_path, "s")
    again.tell("another", 7, 10)
    assert [one.era for one in heard_of(tmp_path, "s")] == ["another", "era"]
    whole = (tmp_path / "s.1.seen").read_bytes()
    for torn in (b"torn", whole.replace(b"10 ", b"99 ", 1), whole.replace(b"another", b"anather")):
        assert torn != whole
        (tmp_path / "s.1.seen").write_bytes(torn)
        assert [one.era for one in heard_of(tmp_path, "s")] == ["era"]
    (tmp_path / "s.1.seen").write_bytes(whole + b"rest of a longer one")
    assert [one.era for one in heard_of(tmp_path, "s")] == ["another", "era"]
    assert heard_of(None, "s") == []
    for one in (again, second):
        one.close()


def test_a_file_of_another_user_is_passed_over(tmp_path, monkeypatch):
    """As of a run by hand as root, where a service goes on; a folder of another user is refused."""
    system_open = os.open

    def open_as_a_stranger(path, *arguments):
        if path.name in {"s.1.seen", "t.1.seen"}:
            raise PermissionError(errno.EACCES, "Permission denied")
        return system_open(path, *arguments)

    Witness.take(tmp_path, "s").close()
    monkeypatch.setattr(os, "open", open_as_a_stranger)
    witness = Witness.take(tmp_path, "s")
    witness.tell("era", 7, 100)
    witness.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.1.seen", "s.2.seen"]
    with pytest.raises(LedgerError, match="cannot be written: Permission denied"):
        Witness.take(tmp_path, "t")


def test_a_witness_that_cannot_be_written_ends_the_opening(place, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "state", tmp_path / "file"):
        with pytest.raises(LedgerError, match="the witness of the ledger cannot be written") as no:
            opened(replace(place, seen=folder))
        assert "--state-dir" in no.value.hint
    witness = Witness.take(tmp_path, "s")
    os.close(witness._fd)
    for call in (lambda: witness.note(1), lambda: witness.tell("era", 1, 1)):
        with pytest.raises(LedgerError, match="cannot be written"):
            call()
    witness._fd = -1


@pytest.fixture
def pair():
    """A primary and its standby."""
    check_present()
    with ExitStack() as stack:
        primary = stack.enter_context(Restorable())
        standby = stack.enter_context(Standby(primary))
        yield primary, standby


def moved(place, cluster):
    """The same ledger, as it is in another cluster."""
    return replace(place, url=cluster.address)


def test_a_synchronous_standby_that_takes_over_is_the_same_ledger(pair, tmp_path):
    primary, standby = pair
    primary.configure("synchronous_standby_names", "'other'")
    wait_for_standby(primary, "sync")
    place = replace(primary.new_place(), seen=tmp_path)
    with opened(place) as ledger:
        plan(ledger, *"abc")
        sent(ledger)
        commit(ledger, *lease(ledger, 1))
        primary.kill()
        standby.promote()
        standby.configure("synchronous_standby_names", "''")
        ledger.close()
    with opened(moved(place, standby)) as ledger:
        assert counts(ledger) == {Status.ACCEPTED: 1, Status.IN_DOUBT: 1, Status.PENDING: 1}
        sent(ledger)
    # From here on no standby has the commits.
    facts = standby.fetch(f"SELECT timeline, replicated FROM {place.schema}.origin")  # noqa: S608
    assert list(map(tuple, facts)) == [(2, False)]


def test_a_standby_without_a_promise_is_refused(pair, tmp_path):
    primary, standby = pair
    wait_for_standby(primary, "async")
    place = replace(primary.new_place(), seen=tmp_path)
    with opened(place) as ledger:
        plan(ledger, *"abc")
        sent(ledger)
    here = f"SELECT 1 FROM pg_namespace WHERE nspname = '{place.schema}'"  # noqa: S608
    until(lambda: bool(standby.fetch(here)), what="the replication")
    with pytest.raises(LedgerError, match="the server is a standby, and cannot be written"):
        opened(moved(place, standby))
    any_server = replace(place, url=f"{standby.address}&target_session_attrs=any")
    with pytest.raises(LedgerError, match="the server is a standby, and cannot be written"):
        opened(any_server)
    PostgresLedger.read(moved(place, standby)).close()  # and may be asked
    primary.kill()
    standby.promote()
    refused(replace(moved(place, standby), seen=None), "has come to timeline 2, from 1")


def test_a_primary_that_no_longer_waited_for_its_standby_is_noticed(pair, tmp_path):
    """As a manager does that falls back to asynchronous replication by itself."""
    primary, standby = pair
    primary.configure("synchronous_standby_names", "'other'")
    wait_for_standby(primary, "sync")
    place = replace(primary.new_place(), seen=tmp_path)
    with opened(place) as ledger:
        plan(ledger, *"abcd")
        sent(ledger)
        standby.pause()
        primary.configure("synchronous_standby_names", "''")
        sent(ledger)
        facts = primary.fetch(f"SELECT replicated FROM {place.schema}.origin")  # noqa: S608
        assert [row[0] for row in facts] == [False]
    primary.kill()
    standby.promote()
    standby.configure("synchronous_standby_names", "''")
    refused(moved(place, standby), "bytes behind|commit point is not there")
