"""The ledger against its model: any sequence of plans, runs, deaths and decisions.

A process that dies keeps every byte that it wrote (the page cache lives on): a copy of the files
at that moment. A power loss keeps what was synced, and of what was written later any beginning of
the journal.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.ports import Recovery
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.model import UNSETTLED, Model, with_lines
from tests.ledger.steps import NOW, copy_files, open_ledger

_ADDRESSES = st.sampled_from([f"{name}@x.org" for name in "abcdefgh"] + ["A@x.org", "B@X.org"])
_STATUSES = st.sampled_from(["pending"] * 8 + ["invalid", "suppressed", "filtered"])
_GROUPS = st.sampled_from([("g",), ("h",), ("i",)])
_OUTCOMES = st.sampled_from(
    [
        Status.ACCEPTED,
        Status.ACCEPTED,
        Status.REJECTED,
        Status.DEFERRED,
        Status.DEFERRED,
        Status.PENDING,
        Status.IN_DOUBT,
        Status.INVALID,
    ]
)
_BEHIND_COMMIT = {Status.ACCEPTED, Status.IN_DOUBT}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Recipient], tuple[str, ...], int]:
    grouping = draw(st.sampled_from(["none", "none", "by group", "by email"]))
    rows = []
    for _ in range(draw(st.integers(0, 9))):
        address = draw(_ADDRESSES)
        group = None
        if grouping == "by group":
            group = draw(_GROUPS)
        elif grouping == "by email":
            group = (address.lower(),)
        cell = draw(st.sampled_from(["old", "new"]))
        rows.append(Recipient(0, address, (address, cell), group, draw(_STATUSES)))
    columns = () if grouping == "none" else ("group",)
    return with_lines(rows), columns, draw(st.sampled_from([1, 2, 3, 1000]))


class LedgerMachine(RuleBasedStateMachine):
    """Drives a ledger and its model side by side."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")  # noqa: S108 - a folder of its own
        self.folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
        self.copies = 0
        self.boot = 1
        self.now = NOW
        self.path = self.folder / "0" / "ledger"
        self.ledger = open_ledger(self.path, boot="boot 1")
        self.model = Model()
        self.limit = 1000
        self.held: dict[int, Delivery] = {}
        #: What the server may hold: nobody here may ever be mailed again unasked.
        self.maybe_taken: set[str] = set()
        self.synced()

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    # What a power loss leaves

    def synced(self) -> None:
        """Everything up to here was synced."""
        self.durable = self.path.with_name("ledger-wal").stat().st_size
        self.moments = [self.model.copied()]

    def written(self) -> None:
        """One more commit that a power loss may take away."""
        self.moments.append(self.model.copied())

    # The plan

    @initialize(table=tables())
    def first_plan(self, table):
        self.plan(table)

    @precondition(lambda self: not self.held)
    @rule(table=tables())
    def plan(self, table):
        rows, group_by, self.limit = table
        self.ledger.plan.reconcile(
            ("email", "cell"), iter(rows), group_by=group_by, recipients_per_transaction=self.limit
        )
        self.model.plan(rows)
        wanted = [row for row in reversed(rows) if row.status == "pending"]
        self.take_deliveries({row.address.lower(): row.group for row in wanted})
        self.synced()

    @precondition(lambda self: not self.held)
    @rule()
    def plan_nothing_new(self):
        """Opening again and planning the same table is no change; done by `restart` and `plan`."""
        before = self.rows()
        self.ledger.plan.mark_finished(self.now)
        assert self.rows() == before

    def take_deliveries(self, groups):
        """Learn who is mailed together, and check the rules of it."""
        query = "SELECT address_key, delivery_id FROM recipient WHERE claim = 'own'"
        homes = dict(self.ledger._database.connection.execute(query).fetchall())
        together: dict[int, list[str]] = {}
        for key, person in self.model.people.items():
            home = homes[key]
            if person.status in UNSETTLED:
                assert home is not None
                together.setdefault(home, []).append(key)
                if home in self.model.seen:
                    assert person.delivery == home, "nobody joins what was tried"
            elif person.status in {Status.ACCEPTED, Status.REJECTED, Status.IN_DOUBT}:
                assert home == person.delivery, "the settled are never moved"
            person.delivery = home
        for members in together.values():
            assert len({groups[key] for key in members}) == 1
            if groups[members[0]] is None:
                assert len(members) == 1
            assert len(members) <= self.limit or groups[members[0]] is None
        left = set(homes.values())
        self.model.seen = {i: seen for i, seen in self.model.seen.items() if i in left}

    # The run

    @rule(count=st.integers(1, 5), seconds=st.integers(0, 40))
    def lease(self, count, seconds):
        self.now += seconds
        due = self.model.due(self.now)
        leased = self.ledger.leases.lease(count, now=self.now)
        assert len(leased) == min(count, len(due))
        for delivery in leased:
            self.check_lease(delivery, due[delivery.id])
        self.synced()

    @precondition(lambda self: self.model.people)
    @rule(data=st.data(), seconds=st.integers(0, 40))
    def lease_one_address(self, data, seconds):
        self.now += seconds
        key = data.draw(st.sampled_from(sorted(self.model.people)))
        delivery_id = self.model.people[key].delivery
        is_due = key in self.model.due(self.now).get(delivery_id, [])
        leased = self.ledger.leases.lease(3, now=self.now, address=key.upper())
        assert len(leased) == is_due
        for delivery in leased:
            self.check_lease(delivery, [key])
        self.synced()

    def check_lease(self, delivery, due):
        keys = {address.lower() for address in delivery.unsettled}
        assert keys == set(due)
        assert not keys & self.maybe_taken, "somebody who may have the message is mailed again"
        members = {k for k, p in self.model.people.items() if p.delivery == delivery.id}
        assert {address.lower() for address in delivery.addresses} == members
        expected = max(self.model.people[key].attempts for key in keys) + 1
        assert delivery.attempt == expected
        resent = {key for key in keys if self.model.people[key].resend}
        assert {address.lower() for address in delivery.resent} == resent
        first = (delivery.message_id, delivery.date)
        assert self.model.seen.get(delivery.id, first) == first, "a resend is the same message"
        self.model.lease(delivery, self.now)
        self.held[delivery.id] = delivery

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def commit_point(self, data):
        open_ = [i for i in self.held if not self.model.leases[i].committed]
        if not open_:
            return
        chosen = data.draw(st.sampled_from(open_))
        self.ledger.records.commit_point(chosen, digest=bytes(32))
        self.model.leases[chosen].committed = True
        self.see(chosen)
        self.maybe_taken |= set(self.model.leases[chosen].keys)
        self.written()

    def see(self, chosen):
        delivery = self.held[chosen]
        self.model.seen[chosen] = (delivery.message_id, delivery.date)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), wait=st.sampled_from([None, 0, 10, 30]))
    def settle(self, data, wait):
        chosen = data.draw(st.sampled_from(sorted(self.held)))
        retry_at = None if wait is None else self.now + wait
        committed = self.model.leases[chosen].committed
        outcomes = []
        for address in self.held[chosen].unsettled:
            status = data.draw(_OUTCOMES)
            if status in _BEHIND_COMMIT and not committed:
                status = Status.PENDING
            counted = data.draw(st.booleans()) if status in UNSETTLED else True
            outcomes.append(Outcome(address, status, Reply(250, ("Ok",)), counted=counted))
        self.ledger.records.settle(chosen, outcomes, now=self.now, retry_at=retry_at)
        self.model.settle(chosen, outcomes, retry_at)
        self.see(chosen)
        for outcome in outcomes:
            # What the reply has said is known again, for good or for bad.
            if outcome.status not in _BEHIND_COMMIT:
                self.maybe_taken.discard(outcome.address.lower())
        del self.held[chosen]
        self.written()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def give_back(self, data):
        chosen = [i for i in self.held if not self.model.leases[i].committed]
        chosen = [i for i in chosen if data.draw(st.booleans())]
        self.ledger.records.release(chosen)
        for delivery_id in chosen:
            self.model.release(delivery_id)
            del self.held[delivery_id]
        self.written()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def invalidate(self, data):
        open_ = [i for i in self.held if not self.model.leases[i].committed]
        if not open_:
            return
        chosen = data.draw(st.sampled_from(open_))
        self.ledger.records.invalidate(chosen, "no attachment", now=self.now)
        self.model.invalidate(chosen)
        del self.held[chosen]
        self.written()

    @precondition(lambda self: not self.held)
    @rule()
    def reopen_deferred(self):
        self.ledger.plan.reopen_deferred()
        self.model.reopen_deferred()
        self.synced()

    @precondition(lambda self: not self.held)
    @rule()
    def reopen_rejected(self):
        self.ledger.plan.reopen_rejected()
        self.model.reopen_rejected()
        self.synced()

    @precondition(lambda self: not self.held)
    @rule(decision=st.sampled_from(["accepted", "resend", "skip"]))
    def resolve(self, decision):
        if decision == "resend":
            for doubt in self.ledger.doubts.in_doubt():
                self.maybe_taken.discard(doubt.address.lower())
        self.ledger.doubts.resolve(decision, now=self.now)
        self.model.resolve(decision)
        self.synced()

    # Death

    def another_place(self):
        self.copies += 1
        return self.folder / str(self.copies)

    def go_on(self, path):
        self.ledger.close()
        self.path = path
        self.held = {}
        self.ledger = open_ledger(path, boot=f"boot {self.boot}")

    @rule()
    def restart(self):
        committed = [lease for lease in self.model.leases.values() if lease.committed]
        left = len(self.model.leases) - len(committed)
        self.go_on(self.path)
        self.model.die(same_boot=True)
        assert self.ledger.recovered.in_doubt == len(committed)
        assert self.ledger.recovered.released == left
        self.synced()

    @rule()
    def kill(self):
        """kill -9: exactly the committed, unsettled deliveries are in doubt."""
        committed = [lease for lease in self.model.leases.values() if lease.committed]
        left = len(self.model.leases) - len(committed)
        self.go_on(copy_files(self.path, self.another_place()))
        self.model.die(same_boot=True)
        rows = sum(len(lease.keys) for lease in committed)
        rows += sum(key in lease.keys for lease in committed for key in self.model.shared.values())
        assert self.ledger.recovered == Recovery(left, len(committed), rows)
        self.synced()

    @rule(data=st.data(), reset=st.booleans())
    def power_loss(self, data, reset):
        """Whoever may have the message is accepted or in doubt, whatever was lost."""
        place = copy_files(self.path, self.another_place())
        journal = place.with_name("ledger-wal")
        size = journal.stat().st_size
        if size > self.durable:
            with journal.open("r+b") as stream:
                lost_from = data.draw(st.integers(self.durable, size))
                if reset:  # the size reached the disk, the bytes did not
                    stream.seek(lost_from)
                    stream.write(bytes(size - lost_from))
                else:
                    stream.truncate(lost_from)
        self.boot += 1
        self.go_on(place)
        possible = []
        for moment in self.moments:
            moment.die(same_boot=False)
            possible.append(moment.rows())
        found = self.rows()
        assert found in possible
        self.model = self.moments[possible.index(found)]
        for key in self.maybe_taken:
            assert self.model.people[key].status in {
                Status.ACCEPTED,
                Status.IN_DOUBT,
                Status.SKIPPED,
            }
        self.synced()

    # What always holds

    def rows(self):
        found = [
            (row.row, row.email.lower(), row.status, row.attempts)
            for row in self.ledger.standing.result_rows()
        ]
        here = [row for row in found if row[0] is not None]
        gone = [row[1:] for row in found if row[0] is None]
        assert found[: len(here)] == here, "those that left come last"
        return here, type(self.model.rows()[1])(gone)

    @invariant()
    def the_results_are_those_of_the_model(self):
        assert self.rows() == self.model.rows()

    @invariant()
    def the_counts_are_those_of_the_results(self):
        counts = dict.fromkeys(Status, 0)
        for row in self.ledger.standing.result_rows():
            counts[row.status] += 1
        assert self.ledger.standing.counts() == counts
        with Ledger.read(self.path, boot_id=f"boot {self.boot}") as reader:
            assert reader.standing.counts() == counts

    @invariant()
    def the_next_due_time_is_known(self):
        waiting = [
            person.due
            for person in self.model.people.values()
            if person.status in UNSETTLED and person.delivery not in self.model.leases
            if person.due
        ]
        free = self.model.due(self.now)
        if waiting and not free:
            assert self.ledger.leases.next_due() == min(waiting)
        if not waiting:
            assert self.ledger.leases.next_due() is None

    @invariant()
    def doubt_is_listed(self):
        doubtful = [
            row.row for row in self.ledger.standing.result_rows() if row.status == "in_doubt"
        ]
        assert [doubt.line for doubt in self.ledger.doubts.in_doubt()] == doubtful


_CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much]

TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=_CHECKS
)


@pytest.mark.long
def test_a_thousand_long_lives():
    """The same with more and longer sequences."""
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=1000, stateful_step_count=60, deadline=None, suppress_health_check=_CHECKS
        ),
    )
