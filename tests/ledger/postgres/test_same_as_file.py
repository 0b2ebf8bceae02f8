"""The same steps in a file and in a database: the same results, word for word."""

import asyncio
import random

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import IdentityError, OverlapError
from mailbatch.identity import Identity
from mailbatch.ledger.incoming import encode
from mailbatch.ledger.ports import CommitPoint, answer
from mailbatch.ledger.rows import KeyedRow
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from tests.ledger.contract.talk import NOW, REPLIES, settlement

asyncpg = pytest.importorskip("asyncpg")

from mailbatch.ledger.postgres.store import PostgresLedger  # noqa: E402 - an extra

NAMES = {"job": "news", "edition": "48", "message_id_domain": "example.com", "secret": "s"}
COLUMNS = ("email", "name", "id")
STATUSES = (Status.ACCEPTED, Status.ACCEPTED, Status.REJECTED, Status.DEFERRED, Status.IN_DOUBT)


@pytest.fixture
def both(place, tmp_path):
    with PostgresLedger.open(place, **NAMES) as far, Ledger.open(tmp_path / "x", **NAMES) as near:
        yield near, far


def table(seed, number, *, identity=None):
    """Return rows with repeats, cells that need escapes, and rows that ask for no mail."""
    chance = random.Random(seed)
    rows = []
    for line in range(2, number + 2):
        address = f"{chance.choice('ABCabcdefghijklm')}{chance.randrange(9)}@x.org"
        cells = (address, chance.choice(["Ann", 'say "hello"', "Jörg\t", ""]), f"k{line % 17}")
        status = chance.choice(["pending"] * 6 + ["invalid", "suppressed", "filtered"])
        reason = None if status == "pending" else "for a reason"
        key = None if identity is None else identity.key_of(address, [cells[2]])
        rows.append(Recipient(line, address, cells, None, status, reason, key))
    return rows


def send(ledger, seed):
    """Send all that is due, with outcomes that the seed chooses by the address."""

    async def all_of_it():
        while leased := await answer(ledger.leases.lease(7, now=NOW)):
            for delivery in leased:
                chance = random.Random(f"{seed} {delivery.unsettled}")
                await answer(ledger.records.record((), [CommitPoint(delivery.id, bytes(32))]))
                said = settlement(delivery, chance.choice(STATUSES), now=NOW)
                if chance.random() < 0.2:
                    copy = Outcome("cc@x.org", Status.REJECTED, REPLIES[Status.REJECTED])
                    said = said._replace(outcomes=[*said.outcomes, copy])
                await answer(ledger.records.record([said], ()))

    asyncio.run(all_of_it())


async def leased(ledger, count):
    return await answer(ledger.leases.lease(count, now=NOW))


def seen(ledger):
    """Return all that can be asked of a ledger."""
    one = ledger.standing
    return (
        list(one.result_rows()), list(one.attempted_rows()), list(one.keyed_rows()),
        list(one.unfinished_rows()), list(one.repeats()), one.counts(), one.letters(),
        [row[:2] for row in one.planned_rows()], sum(map(len, one.result_blocks())),
        sorted(one.taken_since(NOW - 9)), one.further(), one.identity(),
        one.columns(), one.began_at(), one.finished_at(), one.found_rows(),
        one.waits_for_the_server(), one.statuses_of("a1@x.org"), one.statuses_of("nobody@x.org"),
        [doubt.address for doubt in ledger.doubts.in_doubt()], ledger.plan.due_deliveries(999),
        ledger.plan.shares_messages(), ledger.plan.knows("B2@x.org"), ledger.plan.knows("none"),
    )  # fmt: skip


def reconcile(ledger, rows, **rules):
    return ledger.plan.reconcile(
        COLUMNS, rows, group_by=(), recipients_per_transaction=100, **rules
    )


def test_plans_and_runs_in_a_row(both):
    for round_ in range(4):
        changes = [reconcile(ledger, table(round_ // 2, 60 + round_)) for ledger in both]
        assert changes[0] == changes[1]
        assert seen(both[0]) == seen(both[1])
        for ledger in both:
            ledger.plan.reopen_deferred()
            send(ledger, round_)
            ledger.doubts.resolve("resend", address="a1@x.org", now=NOW)
            ledger.plan.mark_finished(NOW)
        assert seen(both[0]) == seen(both[1])


def test_recipients_that_are_told_apart_by_a_key(both):
    identity = Identity(("id",))
    for round_ in range(3):
        rows = table(round_, 40, identity=identity)
        changes = [
            reconcile(ledger, rows, identity=identity, accept_changes=True) for ledger in both
        ]
        assert changes[0] == changes[1]
        for ledger in both:
            send(ledger, round_)
        assert seen(both[0]) == seen(both[1])
        asked = [
            KeyedRow(row.line, row.address, row.key, "[]", row.status == "pending")
            for row in table(round_ + 1, 40, identity=identity)
        ]
        near, far = (ledger.standing for ledger in both)
        assert list(near.mailed_statuses(asked)) == list(far.mailed_statuses(asked))
        assert list(near.moved(asked)) == list(far.moved(asked))


def test_an_identity_that_would_mail_again_is_refused_by_both(both):
    identity = Identity(("name",))
    rows = [Recipient(2, "a@x.org", ("a@x.org", "Ann", "1"))]
    again = [Recipient(2, "a@x.org", ("a@x.org", "Bob", "1"), key=identity.key_of("", ["Bob"]))]
    told = []
    for ledger in both:
        reconcile(ledger, rows)
        send(ledger, 0)
        before = seen(ledger)
        with pytest.raises(IdentityError) as caught:
            reconcile(ledger, again, identity=identity)
        told.append(str(caught.value))
        assert seen(ledger) == before
    assert told[0] == told[1]
    assert seen(both[0]) == seen(both[1])


def test_a_lot_that_is_large_enough_leaves_all_others_to_the_next(both):
    rows = [Recipient(n, f"p{n}@x.org", (f"p{n}@x.org", "", "")) for n in range(2, 17_002)]
    lots = []
    for ledger in both:
        reconcile(ledger, rows)
        lots.append([len(asyncio.run(leased(ledger, 20_000))) for _ in range(3)])
    assert lots[0] == lots[1] == [16_384, 616, 0]


def test_rows_that_fail_leave_the_old_plan_standing(both):
    def failing():
        yield from table(1, 300)
        raise ValueError("the table broke off")

    for known in (False, True):
        for ledger in both:
            if known:
                reconcile(ledger, table(0, 20))
            before = seen(ledger)
            with pytest.raises(ValueError, match="broke off"):
                reconcile(ledger, failing())
            assert seen(ledger) == before


def asked_for(rows, identity=None):
    """Return the rows of a table as a question: where would they stand?"""
    return [
        KeyedRow(
            row.line,
            row.address,
            row.address if identity is None else row.key,
            encode(row.values),
            row.status == "pending",
        )
        for row in rows
    ]


def test_another_identity_is_looked_at_before_it_is_planned(both):
    identity = Identity(("id",))
    for ledger in both:
        reconcile(ledger, table(0, 40))
        send(ledger, 0)
    rows = asked_for(table(0, 44, identity=identity), identity)
    near, far = (
        list(ledger.standing.statuses_as(identity, COLUMNS, rows, accept_changes=True))
        for ledger in both
    )
    assert near == far
    assert {None, Status.ACCEPTED} <= set(near)


def test_a_repeat_is_told_only_where_its_cells_are_others(both):
    rows = [
        Recipient(line, "a@x.org", ("a@x.org", name, ""))
        for line, name in enumerate(("Ann", "Ann", "Bob"), start=2)
    ]
    for ledger in both:
        reconcile(ledger, rows)
        (found,) = ledger.standing.repeats()
        assert (found.line, found.values[1], found.mailed[1]) == (4, "Bob", "Ann")


def test_a_key_that_was_mailed_at_another_address_gets_nothing(both):
    identity = Identity(("id",), by_address=False)

    def row(line, address):
        return Recipient(line, address, (address, "Ann", "7"), key=identity.key_of(address, ["7"]))

    for ledger in both:
        reconcile(ledger, [row(2, "a@x.org")], identity=identity)
        send(ledger, "all")
        (status,) = ledger.standing.statuses_of("a@x.org")
        asked = asked_for([row(2, "b@x.org"), row(3, "a@x.org")], identity)
        (moved,) = ledger.standing.moved(asked)
        assert (moved.line, moved.address, moved.status) == (2, "b@x.org", status)
        assert moved.mailed == "a@x.org"


@pytest.mark.parametrize("identity", [Identity(()), Identity(("id",)), Identity(("name",))])
def test_an_overlap_is_looked_for_under_the_same_key_alone(both, identity):
    by = Identity(("id",))
    rows = [Recipient(2, "a@x.org", ("a@x.org", "Ann", "1"), key=by.key_of("a@x.org", ["1"]))]
    again = [Recipient(2, "a@x.org", ("a@x.org", "Ann", "2"), key=by.key_of("a@x.org", ["2"]))]
    told = []
    for ledger in both:
        reconcile(ledger, rows, identity=by)
        send(ledger, "all")
        try:
            ledger.standing.check_overlap(identity, asked_for(again, by))
        except OverlapError as error:
            told.append(str(error))
    assert len(told) == (2 if identity == by else 0)
    assert len(set(told)) <= 1


def test_an_address_that_stands_under_a_key_is_found_by_its_mailbox(both):
    identity = Identity(("id",))
    rows = [Recipient(2, "A@x.org", ("A@x.org", "Ann", "1"), key=identity.key_of("", ["1"]))]
    for ledger in both:
        reconcile(ledger, rows, identity=identity)
        for text in ("A@x.org", "a@x.org", identity.key_of("", ["1"])):
            assert ledger.standing.statuses_of(text) == [Status.PENDING]
        assert ledger.standing.statuses_of("b@x.org") == []
