"""What was settled and is not folded yet: everybody sees it, and folding it changes nothing."""

import sqlite3
from contextlib import closing

import pytest

from mailbatch.ledger.folding import ROWS_AT_ONCE, steps
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, SameForAll, Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    TAKEN,
    by_row,
    copy_files,
    forget_the_process,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    row,
    send,
    settle,
    standing,
)


def group(number, *, first=0):
    names = (f"p{first + n}@x.org" for n in range(number))
    return people(*names, group=("g",))


def waiting(ledger):
    """How many deliveries were accepted as a whole and are not folded."""
    query = "SELECT count(*) FROM lease WHERE accepted_at IS NOT NULL"
    return ledger._database.connection.execute(query).fetchone()[0]


def folded(ledger):
    """What `recipient` itself says, and what `tally` counts, without the zeros."""
    execute = ledger._database.connection.execute
    said = execute("SELECT status, count(*) FROM recipient GROUP BY status")
    counted = execute("SELECT status, recipients FROM tally WHERE recipients")
    return dict(said.fetchall()), dict(counted.fetchall())


def test_a_delivery_that_everybody_got_is_one_note_and_no_outcome(ledger):
    plan(ledger, group(50), group_by=("g",))
    send(ledger)
    outcomes = ledger._database.connection.execute("SELECT count(*) FROM outcome").fetchone()
    assert (waiting(ledger), outcomes) == (1, (0,))
    assert numbers(ledger) == {"accepted": 50}


def test_folding_changes_nothing_that_can_be_seen(path):
    with open_ledger(path) as ledger:
        rows = [row(line, f"p{line}@x.org", group=("g",)) for line in range(2, 42)]
        plan(ledger, [*rows, row(42, "a@x.org", group=("h",))], group_by=("g",))
        for number, delivery in enumerate(ledger.leases.lease(9, now=NOW)):
            reply = Reply(250, (f"queued as {number}",), "2.0.0")
            settle(ledger, delivery, now=NOW + 3 + number, reply=reply)
        assert waiting(ledger) == 2
        before, counts = by_row(ledger), numbers(ledger)
    with Ledger.read(path) as ledger:
        assert by_row(ledger) == before
        assert numbers(ledger) == counts == {"accepted": 41}
        assert folded(ledger) == ({"accepted": 41}, {"accepted": 41})
        assert waiting(ledger) == 0
    assert {before[2].reply, before[42].reply} == {"queued as 0", "queued as 1"}
    assert {before[2].message_id, before[42].message_id} == {"0", "1"}
    assert before[42].attempts == 1
    assert {found.first_attempt_at for found in before.values()} == {NOW}
    assert {found.settled_at for found in before.values()} == {NOW + 3, NOW + 4}


def test_who_was_deferred_before_is_not_counted_as_pending(path):
    """The tally of a whole delivery knows from where its rows come."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b", "c", group=("g",)), group_by=("g",))
        delivery = lease_one(ledger)
        ledger.records.commit_point(delivery.id)
        outcomes = [
            Outcome("a", Status.DEFERRED, LATER),
            Outcome("b", Status.PENDING, None, "no room", counted=False),
            Outcome("c", Status.REJECTED, NEVER),
        ]
        ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=NOW + 1)
        again = lease_one(ledger, now=NOW + 2)
        assert again.unsettled == ("a", "b")
        settle(ledger, again, now=NOW + 5)
        assert waiting(ledger) == 1
        assert numbers(ledger) == {"accepted": 2, "rejected": 1}
        before = by_row(ledger)
        assert [before[line].attempts for line in (2, 3, 4)] == [2, 1, 1]
        assert [before[line].first_attempt_at for line in (2, 3)] == [NOW, NOW + 2]
    with Ledger.read(path) as ledger:
        assert by_row(ledger) == before
        assert folded(ledger) == ({"accepted": 2, "rejected": 1},) * 2


def test_where_somebody_stays_behind_each_has_an_outcome(ledger):
    """Who is not due yet must not be taken for accepted with the others."""
    plan(ledger, people("a", "b", group=("g",)), group_by=("g",))
    delivery = lease_one(ledger)
    ledger.records.commit_point(delivery.id)
    outcomes = [
        Outcome("a", Status.DEFERRED, LATER),
        Outcome("b", Status.PENDING, None, "no room", counted=False),
    ]
    ledger.records.settle(delivery.id, outcomes, now=NOW, retry_at=NOW + 60)
    settle(ledger, lease_one(ledger, now=NOW + 1))
    assert waiting(ledger) == 0
    assert standing(ledger) == {"a": "deferred", "b": "accepted"}
    assert numbers(ledger) == {"accepted": 1, "deferred": 1}
    assert lease_one(ledger, now=NOW + 60).unsettled == ("a",)


def test_a_resend_that_is_accepted_is_a_note_and_in_doubt_no_more(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        delivery = lease_one(ledger)
        ledger.records.commit_point(delivery.id, digest=b"d" * 32)
        ledger.records.settle(delivery.id, [Outcome("a", Status.IN_DOUBT)], now=NOW, retry_at=None)
        ledger.doubts.resolve("resend", now=NOW)
        settle(ledger, lease_one(ledger))
        assert waiting(ledger) == 1
        assert list(ledger.doubts.in_doubt()) == []
        assert list(ledger.standing.unfinished_rows()) == []
        assert ledger.leases.next_due() is None
    with open_ledger(path) as ledger:
        assert numbers(ledger) == {"accepted": 1}
        assert ledger.doubts.resolve("accepted", now=NOW) == 0


def test_a_run_that_died_before_it_folded_loses_nothing(ledger, path, folder):
    plan(ledger, group(30), group_by=("g",), limit=10)
    first, second, _third = ledger.leases.lease(3, now=NOW)
    settle(ledger, first, now=NOW + 1)
    ledger.records.commit_point(second.id)
    before = by_row(ledger)
    dead = copy_files(path, folder / "dead")
    forget_the_process(dead)
    with Ledger.read(dead, boot_id="boot-1") as looked:
        assert numbers(looked) == {"accepted": 10, "in_doubt": 10, "pending": 10}
        assert [doubt.address for doubt in looked.doubts.in_doubt()] == list(second.unsettled)
        assert {line: by_row(looked)[line] for line in range(2, 12)} == {
            line: before[line] for line in range(2, 12)
        }
    with open_ledger(dead) as after:
        assert (after.recovered.in_doubt, after.recovered.released) == (1, 1)
        assert numbers(after) == {"accepted": 10, "in_doubt": 10, "pending": 10}
        assert folded(after)[0] == folded(after)[1]
        assert {line: by_row(after)[line] for line in range(2, 12)} == {
            line: before[line] for line in range(2, 12)
        }


def test_behind_a_power_loss_what_was_settled_and_synced_is_no_doubt(ledger, path, folder):
    plan(ledger, group(20), group_by=("g",), limit=10)
    first, _second = ledger.leases.lease(2, now=NOW)
    settle(ledger, first)
    with open_ledger(copy_files(path, folder / "dead"), boot="boot-2") as after:
        assert numbers(after) == {"accepted": 10, "in_doubt": 10}


def test_a_run_that_died_while_it_folded_loses_nothing(ledger, path, folder):
    number = 2 * ROWS_AT_ONCE + 100
    plan(ledger, group(number), group_by=("g",))
    send(ledger)
    before = by_row(ledger)
    folding = steps(ledger._database)
    next(folding)
    next(folding)
    assert folded(ledger)[0] == {"accepted": 2 * ROWS_AT_ONCE, "pending": 100}
    assert by_row(ledger) == before
    assert numbers(ledger) == {"accepted": number}
    dead = copy_files(path, folder / "dead")
    assert len(list(folding)) == 1
    assert folded(ledger) == ({"accepted": number},) * 2
    assert by_row(ledger) == before
    forget_the_process(dead)
    with Ledger.read(dead, boot_id="boot-1") as looked:
        assert numbers(looked) == {"accepted": number}
    with open_ledger(dead) as after:
        assert numbers(after) == {"accepted": number}
        assert folded(after) == ({"accepted": number},) * 2
        assert by_row(after) == before
        assert after.leases.lease(9, now=NOW) == []


def test_a_run_folds_on_the_way_once_enough_waits(ledger):
    plan(ledger, people(*(f"p{n}@x.org" for n in range(1100))))
    most = 0
    while deliveries := ledger.leases.lease(100, now=NOW):
        for delivery in deliveries:
            settle(ledger, delivery)
        most = max(most, waiting(ledger))
    assert most == 300
    assert waiting(ledger) == 200
    assert numbers(ledger) == {"accepted": 1100}
    assert folded(ledger)[0] == folded(ledger)[1]


def test_a_new_plan_folds_first(path):
    with open_ledger(path) as ledger:
        plan(ledger, group(5), group_by=("g",))
        send(ledger)
        plan(ledger, group(6), group_by=("g",))
        assert waiting(ledger) == 0
        assert numbers(ledger) == {"accepted": 5, "pending": 1}
        assert folded(ledger) == ({"accepted": 5, "pending": 1},) * 2
        assert lease_one(ledger).unsettled == ("p5@x.org",)


def test_replies_are_numbered_on_behind_those_that_wait(ledger, path, folder):
    plan(ledger, people("a", "b"))
    a, _b = ledger.leases.lease(2, now=NOW)
    settle(ledger, a, reply=Reply(250, ("queued as a1",)))
    with open_ledger(copy_files(path, folder / "dead")) as after:
        settle(after, lease_one(after), reply=Reply(250, ("queued as b2",)))
        assert [found.message_id for found in after.standing.result_rows()] == ["a1", "b2"]


def test_the_rows_of_one_address_are_counted_each(path):
    with open_ledger(path) as ledger:
        table = [row(line, "a@x.org", str(line), group=("a",)) for line in range(2, 5)]
        plan(ledger, table, columns=("email", "item"), group_by=("email",))
        send(ledger)
        assert numbers(ledger) == {"accepted": 3}
    with Ledger.read(path) as ledger:
        assert folded(ledger) == ({"accepted": 3},) * 2


def test_the_view_shows_it_to_any_sqlite_tool(ledger, path):
    plan(ledger, people("a", "b"))
    a, _b = ledger.leases.lease(2, now=NOW)
    settle(ledger, a)
    with closing(sqlite3.connect(path)) as tool:
        seen = tool.execute("SELECT address, status, attempts FROM standing ORDER BY line")
        assert seen.fetchall() == [("a", "accepted", 1), ("b", "pending", 0)]


@pytest.mark.parametrize(
    "other",
    [
        Outcome("b", Status.REJECTED, NEVER),
        Outcome("b", Status.ACCEPTED, Reply(250, ("another",))),
        Outcome("b", Status.ACCEPTED, TAKEN, "a reason"),
        Outcome("b", Status.ACCEPTED, TAKEN, counted=False),
    ],
)
def test_outcomes_that_differ_are_no_single_one(other):
    assert SameForAll.of([Outcome("a", Status.ACCEPTED, TAKEN), other]) is None


def test_one_outcome_for_many_is_a_sequence_of_them():
    outcomes = tuple(Outcome(name, Status.ACCEPTED, TAKEN) for name in "abc")
    alike = SameForAll.of(outcomes)
    assert alike is not None
    assert tuple(alike) == outcomes
    assert (len(alike), alike[1], tuple(alike[1:])) == (3, outcomes[1], outcomes[1:])
    assert SameForAll.of(()) is None
