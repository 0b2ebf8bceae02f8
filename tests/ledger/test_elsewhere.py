"""The recipients of another server than the first: said in the results, counted by server."""

import time

import pytest

from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.steps import (
    LATER,
    NEVER,
    NOW,
    TAKEN,
    by_row,
    copy_files,
    forget_the_process,
    lease_one,
    open_ledger,
    people,
    plan,
    row,
    settle,
)

OTHER = "mx2.example.com:587"


def servers(ledger):
    """The server of each row, by its line."""
    return {found.row: found.server for found in ledger.standing.result_rows()}


def taken(ledger, server=None):
    return sum(count for _, count in ledger.standing.taken_since(0.0, server=server))


def test_all_that_comes_behind_a_move_is_of_the_other_server(ledger):
    """Accepted, refused for good and for now; and nothing of it changes when it is folded."""
    plan(ledger, people(*(f"{letter}@x.org" for letter in "abcdef")))
    settle(ledger, lease_one(ledger))
    settle(ledger, lease_one(ledger), Status.REJECTED, reply=NEVER)
    ledger.move_to(OTHER)
    settle(ledger, lease_one(ledger))
    settle(ledger, lease_one(ledger), Status.REJECTED, reply=NEVER)
    settle(ledger, lease_one(ledger), Status.DEFERRED, reply=LATER)
    expected = {2: None, 3: None, 4: OTHER, 5: OTHER, 6: OTHER, 7: None}
    assert servers(ledger) == expected
    assert ledger.standing.elsewhere() == {OTHER: 1}
    assert (taken(ledger), taken(ledger, OTHER), taken(ledger, "mx3:25")) == (1, 1, 0)
    path = ledger.path
    ledger.close()
    for opened in (Ledger.read, Ledger.reopen):
        with opened(path, boot_id="boot-1") as found:
            assert servers(found) == expected
            assert found.standing.elsewhere() == {OTHER: 1}
            assert (taken(found), taken(found, OTHER), taken(found, "mx3:25")) == (1, 1, 0)


def test_many_accepted_recipients_are_folded_with_their_server(ledger):
    """More than one step of the folding, with a delivery that both servers have a part of."""
    group = [row(line, f"u{line}@x.org", group=("de",)) for line in range(2, 400)]
    plan(ledger, group, columns=("email",), group_by=("email",), limit=300)
    (first, second) = ledger.leases.lease(2, now=NOW)
    ledger.records.commit_point(first.id)
    outcomes = [
        Outcome(address, Status.ACCEPTED if number < 100 else Status.PENDING, TAKEN, counted=True)
        for number, address in enumerate(first.unsettled)
    ]
    ledger.records.settle(first.id, outcomes, now=NOW, retry_at=None)
    ledger.records.release([second.id])
    ledger.move_to(OTHER)
    for delivery in ledger.leases.lease(2, now=NOW):
        settle(ledger, delivery)
    before = servers(ledger)
    assert list(before.values()) == [None] * 100 + [OTHER] * 298
    path = ledger.path
    ledger.close()
    with open_ledger(path) as again:
        assert servers(again) == before
        assert again.standing.elsewhere() == {OTHER: 298}
        assert (taken(again), taken(again, OTHER)) == (100, 298)


def test_a_pending_recipient_is_due_at_once_behind_a_move_and_a_deferred_one_keeps_its_time(ledger):
    """Tries that the first server has used up cost nobody the second one."""
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org", "d@x.org"))
    (a, b, c, d) = ledger.leases.lease(4, now=NOW)
    pending = Outcome(a.unsettled[0], Status.PENDING, None, "the connection was lost")
    ledger.records.settle(a.id, [pending], now=NOW, retry_at=None)
    ledger.records.commit_point(b.id)
    later = Outcome(b.unsettled[0], Status.DEFERRED, LATER)
    ledger.records.settle(b.id, [later], now=NOW, retry_at=NOW + 60)
    waits = Outcome(c.unsettled[0], Status.PENDING, LATER, counted=False)
    ledger.records.settle(c.id, [waits], now=NOW, retry_at=None, resume_at=NOW + 9000)
    closed = Outcome(d.unsettled[0], Status.DEFERRED, Reply(421, ("closing",), "4.3.2"))
    ledger.records.settle(d.id, [closed], now=NOW, retry_at=None)
    assert ledger.leases.lease(4, now=NOW) == []
    ledger.move_to(OTHER)
    due = {delivery.unsettled[0]: delivery for delivery in ledger.leases.lease(4, now=NOW)}
    assert set(due) == {"a@x.org", "c@x.org", "d@x.org"}
    assert {delivery.tries for delivery in due.values()} == {1}
    assert ledger.leases.next_due() == NOW + 60


def test_a_recipient_waits_for_the_time_of_sending_at_the_other_server_too(ledger):
    """2026-11-27 09:15 in Zagreb; the row with a time waits until nine the next morning."""
    now, nine = 1_795_767_300.0, 1_795_767_300.0 + 86_400.0 - 900.0
    rows = people("a@x.org", "b@x.org")
    timed = Recipient(4, "c@x.org", ("c@x.org",), None, send_at="09:00 Europe/Zagreb")
    ledger.plan.reconcile(
        ("email",), [*rows, timed], group_by=(), recipients_per_transaction=10, now=now
    )
    ledger.move_to(OTHER)
    due = ledger.leases.lease(9, now=now)
    assert [delivery.unsettled for delivery in due] == [("a@x.org",), ("b@x.org",)]
    assert ledger.leases.next_due() == nine


def test_no_move_while_a_delivery_is_leased(ledger):
    plan(ledger, people("a@x.org"))
    lease_one(ledger)
    with pytest.raises(LedgerError, match="server changes"):
        ledger.move_to(OTHER)


def test_a_doubt_is_of_the_server_where_the_run_died(ledger, tmp_path):
    """For a reader at once, for the next run when it recovers: which is at the first server."""
    plan(ledger, people("a@x.org", "b@x.org", "c@x.org"))
    ledger.move_to(OTHER)
    (a, b, _) = ledger.leases.lease(3, now=NOW)
    ledger.records.commit_point(a.id)
    ledger.records.commit_point(b.id)
    doubt = Outcome("b@x.org", Status.IN_DOUBT, None, "no reply")
    ledger.records.settle(b.id, [doubt], now=time.time(), retry_at=None)
    path = copy_files(ledger.path, tmp_path / "dead")
    forget_the_process(path)
    for opened in (Ledger.read, Ledger.reopen, Ledger.reopen):
        with opened(path, boot_id="boot-1") as found:
            assert servers(found) == {2: OTHER, 3: OTHER, 4: None}
            assert (taken(found), taken(found, OTHER)) == (0, 2)
    with open_ledger(path) as again:
        again.doubts.resolve("resend", now=NOW)
        assert (taken(again), taken(again, OTHER)) == (2, 2), "a row forgets where the doubt was"
        for delivery in again.leases.lease(3, now=NOW):
            settle(again, delivery)
        assert servers(again) == {2: None, 3: None, 4: None}
        assert again.standing.elsewhere() == {}
    with Ledger.read(path, boot_id="boot-1") as found:
        assert servers(found) == {2: None, 3: None, 4: None}


def test_copies_count_at_the_server_that_took_them(ledger):
    plan(ledger, people("a@x.org", "b@x.org"))
    for server in (None, OTHER):
        if server is not None:
            ledger.move_to(server)
        delivery = lease_one(ledger)
        ledger.records.commit_point(delivery.id)
        every = (*delivery.unsettled, f"cc{delivery.id}@x.org")
        said = [Outcome(address, Status.ACCEPTED, TAKEN) for address in every]
        ledger.records.settle(delivery.id, said, now=NOW, retry_at=None)
    assert (taken(ledger), taken(ledger, OTHER)) == (2, 2)


def test_an_attempt_that_was_nobodys_changes_no_server(ledger):
    """Without a reply and uncounted: what the row shows is still of the server before."""
    plan(ledger, people("a@x.org"))
    settle(ledger, lease_one(ledger), Status.DEFERRED, reply=LATER, retry_at=NOW)
    ledger.move_to(OTHER)
    delivery = lease_one(ledger)
    nobodys = Outcome("a@x.org", Status.PENDING, None, counted=False)
    ledger.records.settle(delivery.id, [nobodys], now=NOW, retry_at=None)
    assert servers(ledger) == {2: None}
    settle(ledger, lease_one(ledger))
    assert servers(ledger) == {2: OTHER}


def test_a_further_row_of_one_message_has_the_server_of_the_first_whatever_plan_comes(ledger):
    """Order lines of one customer: their rows are made anew by each plan."""
    rows = [row(2, "a@x.org", "1", group=("a@x.org",)), row(3, "a@x.org", "2", group=("a@x.org",))]
    columns = ("email", "item")
    plan(ledger, rows, columns=columns, group_by=("email",))
    ledger.move_to(OTHER)
    settle(ledger, lease_one(ledger))
    assert servers(ledger) == {2: OTHER, 3: OTHER}
    more = [*rows, row(4, "b@x.org", "3", group=("b@x.org",))]
    plan(ledger, more, columns=columns, group_by=("email",))
    assert servers(ledger) == {2: OTHER, 3: OTHER, 4: None}
    assert ledger.standing.elsewhere() == {OTHER: 2}
    assert taken(ledger, OTHER) == 2


def test_rows_with_another_identity_keep_their_server(ledger):
    """A recipient that is forgotten leaves nothing for the next one with its number."""
    order = Identity(("order",), by_address=False)

    def table(identity, *more):
        rows = (("a", "1"), ("b", "2"), ("c", "2"), *more)
        for line, (name, number) in enumerate(rows, start=2):
            key = None if identity.is_address else number
            yield Recipient(line, f"{name}@x.org", (f"{name}@x.org", number), None, key=key)

    columns = ("email", "order")
    plan(ledger, table(BY_ADDRESS), columns=columns)
    ledger.move_to(OTHER)
    settle(ledger, lease_one(ledger))
    settle(ledger, lease_one(ledger), Status.DEFERRED, reply=LATER)
    settle(ledger, lease_one(ledger), Status.DEFERRED, reply=LATER)
    plan(ledger, table(order), columns=columns, identity=order, accept_changes=True)
    found = by_row(ledger)
    assert {line: (str(one.status), one.server) for line, one in found.items()} == {
        2: ("accepted", OTHER), 3: ("deferred", OTHER), 4: ("duplicate", None),
    }  # fmt: skip
    plan(ledger, table(order, ("d", "4"), ("e", "5")), columns=columns, identity=order)
    assert [servers(ledger)[line] for line in (5, 6)] == [None, None]
