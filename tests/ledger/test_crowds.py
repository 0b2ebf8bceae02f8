"""The note of a crowd that got its message stays: it says of the rows all that they would say."""

import sqlite3
from contextlib import closing

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.continuity import reached
from mailbatch.ledger.folding import fold
from mailbatch.ledger.packing import pack
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from mailbatch.results.lines import as_lines
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    by_row,
    copy_files,
    forget_the_process,
    lease_one,
    numbers,
    open_ledger,
    plan,
    row,
    settle,
    standing,
)

CROWD = 64


def people_of(*sizes):
    """Groups of so many, which lie mixed in the table."""
    names = [(f"g{g}", f"p{n}.{g}@x.org") for g, size in enumerate(sizes) for n in range(size)]
    names.sort(key=lambda name: name[1])
    return [row(line, address, group=(g,)) for line, (g, address) in enumerate(names, start=2)]


def accept(ledger, delivery, *, now=NOW, said="Ok"):
    """Everybody by one reply, as a session tells of it."""
    ledger.records.commit_point(delivery.id, digest=bytes([delivery.id]) * 32)
    outcome = SameForAll(delivery.unsettled, Status.ACCEPTED, Reply(250, (said,), "2.0.0"))
    ledger.records.settle(delivery.id, outcome, now=now, retry_at=None)


def send(ledger, *, finished=True):
    for number, delivery in enumerate(ledger.leases.lease(1000, now=NOW)):
        accept(ledger, delivery, now=NOW + number, said=f"queued as {number}")
    if finished:
        ledger.plan.mark_finished(NOW + 60)


def sent(path, *sizes, **more):
    """The ledger of an edition that was sent, closed."""
    with open_ledger(path) as ledger:
        plan(ledger, people_of(*sizes), group_by=("g",))
        send(ledger, **more)


def notes(path):
    with closing(sqlite3.connect(path)) as tool:
        found = tool.execute("SELECT recipients FROM lease WHERE accepted_at IS NOT NULL")
        return sorted(number for (number,) in found)


def folded(ledger):
    """The statuses in `recipient` itself, and in `tally`; they are equal where nothing waits."""
    execute = ledger._database.connection.execute
    said = execute("SELECT status, count(*) FROM recipient GROUP BY status")
    counted = execute("SELECT status, recipients FROM tally WHERE recipients")
    return dict(said.fetchall()), dict(counted.fetchall())


def lines(ledger):
    return "".join(map(as_lines, ledger.standing.result_blocks()))


def test_the_note_of_a_crowd_stays_behind_the_end_and_those_of_fewer_do_not(path):
    sent(path, CROWD, CROWD - 1, CROWD + 1)
    assert notes(path) == [CROWD, CROWD + 1]
    with Ledger.read(path) as ledger:
        assert numbers(ledger) == {"accepted": 3 * CROWD}
        assert set(standing(ledger).values()) == {Status.ACCEPTED}


def test_a_note_and_the_rows_that_it_is_folded_into_say_the_same(path):
    with open_ledger(path) as ledger:
        invalid = row(900, "none", group=("g0",), status="invalid", reason="no @")
        rows = [*people_of(CROWD, 3), invalid, row(901, "p1.0@x.org", group=("g0",))]
        plan(ledger, rows, group_by=("g",))
        send(ledger)
        before, said, counts = by_row(ledger), lines(ledger), numbers(ledger)
        found = ledger.standing.found_rows()
        assert folded(ledger)[0]["pending"] == CROWD
        with ledger._database.transaction() as connection:
            fold(connection)
        assert folded(ledger)[0] == folded(ledger)[1] == counts
        assert (by_row(ledger), lines(ledger), numbers(ledger)) == (before, said, counts)
        assert ledger.standing.found_rows() == found
    assert counts == {"accepted": CROWD + 3, "invalid": 1, "duplicate": 1}
    assert before[2].header_message_id
    assert before[2].settled_at >= NOW
    assert before[900].reason == "no @"


def test_an_edition_began_with_a_crowd_whose_note_stays(path):
    """Few are folded, and came later: the order of the editions of a thread hangs on this."""
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD, 2), group_by=("g",))
        accept(ledger, lease_one(ledger, now=NOW))
        accept(ledger, lease_one(ledger, now=NOW + 3600), now=NOW + 3601)
        ledger.plan.mark_finished(NOW + 3601)
    assert notes(path) == [CROWD]
    with Ledger.read(path) as ledger:
        assert ledger.standing.began_at() == NOW


def test_the_lines_of_the_results_are_those_of_the_rows(path):
    """Also where an address asks for quotes, and where a row left the table."""
    with open_ledger(path) as ledger:
        rows = people_of(CROWD, CROWD)
        plan(ledger, [*rows, row(500, '"a,b"@x.org', group=("g1",))], group_by=("g",))
        send(ledger)
        assert lines(ledger) == "".join(as_lines([one]) for one in ledger.standing.result_rows())
        assert lines(ledger).count("\r\n") == 2 * CROWD + 1


def test_the_next_run_of_a_finished_edition_lets_the_notes_be(path):
    sent(path, CROWD)
    with Ledger.read(path) as ledger:
        before = by_row(ledger)
    for boot in ("boot-1", "boot-2"):  # a power loss takes nothing of it
        with open_ledger(path, boot=boot) as ledger:
            assert (ledger.recovered.in_doubt, ledger.recovered.released) == (0, 0)
            assert not plan(ledger, people_of(CROWD), group_by=("g",))
            assert ledger.plan.reopen_deferred() == 0
            assert ledger.plan.due_deliveries(9) == 0
            assert ledger.plan.due_deliveries(9, address="p1.0@x.org") == 0
            assert ledger.leases.lease(9, now=NOW) == []
            assert ledger.leases.lease(9, now=NOW, address="p1.0@x.org") == []
            assert ledger.leases.next_due(["p1.0@x.org"]) is None
            ledger.plan.mark_finished(NOW + 90)
            assert by_row(ledger) == before
        assert notes(path) == [CROWD]


def test_a_plan_that_changes_folds_and_mails_the_new_one_alone(path):
    sent(path, CROWD, CROWD)
    with open_ledger(path) as ledger:
        rows = [*people_of(CROWD, CROWD), row(900, "new@x.org", group=("g0",))]
        plan(ledger, rows, group_by=("g",))
        assert folded(ledger) == ({"accepted": 2 * CROWD, "pending": 1},) * 2
        ledger.plan.reopen_deferred()
        (delivery,) = ledger.leases.lease(9, now=NOW)
        assert delivery.unsettled == ("new@x.org",)
        accept(ledger, delivery)
        ledger.plan.mark_finished(NOW)
        assert numbers(ledger) == {"accepted": 2 * CROWD + 1}
    assert notes(path) == []


def test_a_row_that_leaves_the_table_behind_the_mail_stays_accepted(path):
    sent(path, CROWD)
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD)[1:], group_by=("g",))
        assert numbers(ledger) == {"accepted": CROWD}


def test_an_edition_that_is_not_finished_is_folded_by_the_next_run(path):
    """What is to be tried again is looked at row by row."""
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD, 2), group_by=("g",))
        crowd, few = ledger.leases.lease(2, now=NOW)
        accept(ledger, crowd)
        settle(ledger, few, Status.DEFERRED, reply=LATER, retry_at=NOW + 60)
        ledger.plan.mark_finished(NOW)
        assert numbers(ledger) == {"accepted": CROWD, "deferred": 2}
        before = by_row(ledger)
    assert notes(path) == [CROWD]
    with open_ledger(path) as ledger:
        assert folded(ledger) == ({"accepted": CROWD, "deferred": 2},) * 2
        assert by_row(ledger) == before


def test_an_opening_that_fails_where_notes_are_folded_leaves_a_ledger_that_opens(path):
    """A commit before the number of the run would make what was put away pass for an older copy."""
    with open_ledger(path) as ledger:
        plan(ledger, people_of(300, 2), group_by=("g",))
        crowd, few = ledger.leases.lease(2, now=NOW)
        accept(ledger, crowd)
        settle(ledger, few, Status.DEFERRED, reply=LATER, retry_at=NOW + 60)
        ledger.plan.mark_finished(NOW)
        before = by_row(ledger)
        with ledger._database.transaction() as connection:  # the first thing that a run writes
            connection.execute(
                "CREATE TRIGGER dies BEFORE INSERT ON fact"
                " WHEN new.name = 'boot_id' AND new.value = 'boot-2'"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
    assert notes(path) == [300]
    with pytest.raises(LedgerError, match="full"):
        open_ledger(path, boot="boot-2")
    with Ledger.read(path, boot_id="boot-1") as ledger:
        assert by_row(ledger) == before
    with open_ledger(path) as ledger:
        assert by_row(ledger) == before
        assert folded(ledger) == ({"accepted": 300, "deferred": 2},) * 2


def test_a_run_that_died_behind_the_end_is_folded_or_not_and_says_the_same(ledger, path, folder):
    plan(ledger, people_of(CROWD, CROWD), group_by=("g",))
    send(ledger, finished=False)
    before = by_row(ledger)
    early = copy_files(path, folder / "early")
    ledger.plan.mark_finished(NOW)
    late = copy_files(path, folder / "late")
    for dead, kept in ((early, []), (late, [CROWD, CROWD])):
        forget_the_process(dead)
        with Ledger.read(dead, boot_id="boot-1") as looked:
            assert by_row(looked) == before
        with open_ledger(dead) as after:
            assert (after.recovered.in_doubt, after.recovered.released) == (0, 0)
            assert by_row(after) == before
            assert after.leases.lease(9, now=NOW) == []
        assert notes(dead) == kept


def test_an_open_delivery_is_recovered_beside_the_notes(path, folder):
    """Whatever the facts say: a lease without an outcome is of a run that died."""
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD, 2, 3), group_by=("g",))
        crowd, second, _third = ledger.leases.lease(3, now=NOW)
        accept(ledger, crowd)
        ledger.records.commit_point(second.id)
        with ledger._database.transaction() as connection:
            connection.execute("INSERT INTO fact VALUES ('finished_at', '1.0')")
        dead = copy_files(path, folder / "dead")
    with open_ledger(dead) as after:
        assert (after.recovered.in_doubt, after.recovered.released) == (1, 1)
        assert numbers(after) == {"accepted": CROWD, "in_doubt": 2, "pending": 3}
        after.doubts.resolve("resend", now=NOW)
        assert folded(after)[0] == folded(after)[1] == numbers(after)
        assert {len(one.unsettled) for one in after.leases.lease(9, now=NOW)} == {2, 3}


def test_the_commit_points_of_the_run_before_are_not_those_of_this_run(path):
    """Else a ledger that misses the last commits of a run would seem to have them."""
    sent(path, CROWD, CROWD, CROWD)
    with open_ledger(path) as ledger:
        assert notes(path) == [CROWD] * 3
        assert reached(ledger._database, None).points == 0


def reopen_rejected(ledger):
    ledger.plan.reopen_rejected()


def resolve(ledger):
    ledger.doubts.resolve("resend", now=NOW)


def accept_doubts(ledger):
    ledger.doubts.accept({}, now=NOW)


def move(ledger):
    ledger.move_to("mx2.example:25")


def forget(ledger):
    ledger.forgetting().forget("p1.0@x.org")


def give_back(ledger):
    ledger.records.give_back(NOW, NEVER)


@pytest.mark.parametrize(
    "deciding", [reopen_rejected, resolve, accept_doubts, move, forget, give_back]
)
def test_what_changes_rows_folds_first(path, deciding):
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD, 2), group_by=("g",))
        crowd, few = ledger.leases.lease(2, now=NOW)
        accept(ledger, crowd)
        settle(ledger, few, Status.REJECTED, reply=NEVER)
        ledger.plan.mark_finished(NOW)
    assert notes(path) == [CROWD]
    with open_ledger(path) as ledger:
        deciding(ledger)
        said, counted = folded(ledger)
        assert said == counted == numbers(ledger)
        assert numbers(ledger)["accepted"] == CROWD
        due = {address for one in ledger.leases.lease(9, now=NOW) for address in one.unsettled}
        assert due <= set(few.unsettled)
    assert notes(path) == []


def test_at_another_server_a_note_does_not_stay(path):
    """The fact of the server is of all that is not folded, and ends with the run."""
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD, CROWD), group_by=("g",))
        accept(ledger, lease_one(ledger))
        ledger.move_to("mx2.example:25")
        accept(ledger, lease_one(ledger))
        ledger.plan.mark_finished(NOW)
        servers = {one.row: one.server for one in ledger.standing.result_rows()}
    assert notes(path) == []
    with open_ledger(path) as ledger:
        assert {one.row: one.server for one in ledger.standing.result_rows()} == servers
    assert list(servers.values()).count("mx2.example:25") == CROWD


def test_who_was_tried_before_has_a_row_that_says_so(path):
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD), group_by=("g",))
        settle(ledger, lease_one(ledger), Status.DEFERRED, reply=LATER, retry_at=NOW + 60)
        accept(ledger, lease_one(ledger, now=NOW + 60), now=NOW + 61)
        ledger.plan.mark_finished(NOW + 61)
        assert {one.attempts for one in by_row(ledger).values()} == {2}
    assert notes(path) == []


def test_who_waited_for_a_time_has_a_row_that_says_so(path):
    with open_ledger(path) as ledger:
        rows = [one._replace(send_at="2023-11-14 22:13 UTC") for one in people_of(CROWD)]
        ledger.plan.reconcile(
            ("email",), rows, group_by=("g",), recipients_per_transaction=1000, now=NOW - 60
        )
        accept(ledger, lease_one(ledger, now=NOW + 60))
        ledger.plan.mark_finished(NOW + 61)
    assert notes(path) == []


def test_an_outcome_of_one_of_a_crowd_is_folded_for_all(path):
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD), group_by=("g",))
        delivery = lease_one(ledger)
        ledger.records.commit_point(delivery.id)
        first, *others = delivery.unsettled
        outcomes = [Outcome(one, Status.ACCEPTED, Reply(250, ("Ok",))) for one in others]
        outcomes.append(Outcome(first, Status.REJECTED, NEVER))
        ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=None)
        ledger.plan.mark_finished(NOW)
        assert folded(ledger) == ({"accepted": CROWD - 1, "rejected": 1},) * 2


def test_the_room_of_a_run_is_given_back_where_nothing_is_packed(path):
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD), group_by=("g",))
        ledger.plan.reserve_space(20_000)
        send(ledger)
        before = by_row(ledger)
        assert ledger._database.connection.execute("PRAGMA freelist_count").fetchone()[0] > 1000
        assert pack(ledger._database, pages=1)
        assert ledger._database.connection.execute("PRAGMA freelist_count").fetchone()[0] == 0
        assert by_row(ledger) == before
        # A further run needs its room again, and keeps what it takes.
        ledger.plan.reserve_space(20_000)
        assert ledger._database.connection.execute("PRAGMA freelist_count").fetchone()[0] > 1000
    assert path.stat().st_size < 200_000
    assert notes(path) == [CROWD]


def test_the_next_run_keeps_its_room_where_the_last_one_died_giving_it_back(path, folder):
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD), group_by=("g",))
        ledger.plan.reserve_space(20_000)
        send(ledger)
        with ledger._database.transaction() as connection:
            connection.execute("PRAGMA auto_vacuum=FULL")
        dead = copy_files(path, folder / "dead")
        ledger._database.connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    with open_ledger(dead) as after:
        after.plan.reserve_space(20_000)
        assert after._database.connection.execute("PRAGMA freelist_count").fetchone()[0] > 1000
        assert numbers(after) == {"accepted": CROWD}


def test_an_opening_that_fails_where_pages_were_given_back_leaves_a_ledger_that_opens(path):
    """As a full disk leaves it: the pages were cut off, and each commit would give back more."""
    with open_ledger(path) as ledger:
        plan(ledger, people_of(CROWD), group_by=("g",))
        send(ledger)
        with ledger._database.transaction() as connection:
            connection.execute("PRAGMA auto_vacuum=FULL")
            connection.execute(
                "CREATE TRIGGER dies BEFORE INSERT ON fact"
                " WHEN new.name = 'boot_id' AND new.value = 'boot-2'"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
    with pytest.raises(LedgerError, match="full"):
        open_ledger(path, boot="boot-2")
    with open_ledger(path) as ledger:
        assert ledger._database.connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert numbers(ledger) == {"accepted": CROWD}


def test_a_ledger_of_an_earlier_mailbatch_gives_its_room_back_as_ever(path):
    """Its file was made without the means to cut pages off."""
    sent(path, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as tool:
        tool.execute("PRAGMA journal_mode=DELETE")
        tool.execute("PRAGMA auto_vacuum=NONE")
        tool.execute("VACUUM")
        tool.execute("PRAGMA journal_mode=WAL")
    for name in (f"{path.name}.lock", f".{path.name}.seen"):
        path.with_name(name).unlink(missing_ok=True)
    with Ledger.reopen(path, restored=True) as ledger:
        assert ledger._database.connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
        ledger.plan.reserve_space(20_000)
        assert pack(ledger._database)
        assert ledger._database.connection.execute("PRAGMA freelist_count").fetchone()[0] == 0
        assert numbers(ledger) == {"accepted": 2}
