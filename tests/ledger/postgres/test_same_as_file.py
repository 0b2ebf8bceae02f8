"""The same steps in a file and in a database: the same results, word for word."""

import asyncio
import random

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import IdentityError
from mailbatch.identity import Identity
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
