"""A ledger beside its model: any sequence of plans, runs, deaths and decisions.

A process that dies keeps all that it recorded. A power loss keeps what was permanent, and of what
was recorded later any beginning.
"""

from __future__ import annotations

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
from mailbatch.ledger.ports import CommitPoint, Recovery, Settlement
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.contract.backends import BACKENDS, Backend
from tests.ledger.contract.model import SETTLED, UNSETTLED, Model, with_lines
from tests.ledger.contract.talk import DIGEST, LATER, NOW

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

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.now = NOW
        self.ledger = backend.open_to_run()
        self.model = Model()
        self.limit = 1000
        self.held: dict[int, Delivery] = {}
        #: What the server may hold: nobody here may ever be mailed again unasked.
        self.maybe_taken: set[str] = set()
        self.synced()

    def teardown(self) -> None:
        self.ledger.close()
        self.backend.remove()

    # What a power loss leaves

    def synced(self) -> None:
        """Everything up to here is permanent."""
        self.backend.all_is_permanent()
        self.moments = [self.model.copied()]

    def written(self) -> None:
        """One more record that a power loss may take away."""
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
        groups = {row.address.lower(): row.group for row in wanted}
        for keys in self.take_deliveries():
            assert len({groups[key] for key in keys}) == 1
            assert groups[min(keys)] is not None or len(keys) == 1
            assert groups[min(keys)] is None or len(keys) <= self.limit
        self.synced()

    @precondition(lambda self: not self.held)
    @rule()
    def plan_nothing_new(self):
        """Opening again and planning the same table is no change; done by `restart` and `plan`."""
        before = self.rows()
        self.ledger.plan.mark_finished(self.now)
        assert self.rows() == before

    def take_deliveries(self):
        """Learn and return who is mailed together, and check that nobody was moved.

        All that is due, now or later, is leased and given back, as if it had never been leased. A
        delivery that is not due in this run is that of an earlier plan, until it is due again.
        """
        leases, records = self.ledger.leases, self.ledger.records
        found = self.backend.wait(leases.lease(1000, now=LATER))
        self.backend.wait(records.release([delivery.id for delivery in found]))
        self.ledger.plan.set_content_digests({})  # and that is permanent
        together = {
            delivery.id: {address.lower() for address in delivery.unsettled} for delivery in found
        }
        shared = {
            delivery.id: {address.lower() for address in delivery.addresses} for delivery in found
        }
        for key, person in self.model.people.items():
            if key not in shared.get(person.delivery, {key}):
                assert person.status not in SETTLED, "the settled are never moved"
                person.delivery = None
        for delivery_id, keys in shared.items():
            for key in keys:
                person = self.model.people[key]
                if delivery_id in self.model.seen:
                    assert person.delivery == delivery_id, "nobody joins what was tried"
                if person.status not in UNSETTLED:
                    assert person.delivery == delivery_id, "the settled are never moved"
                person.delivery = delivery_id
        due = {
            key
            for key, person in self.model.people.items()
            if person.status in UNSETTLED and person.due is not None
        }
        assert set().union(*together.values()) == due
        # A delivery that is left by everybody is gone, and another one may have its number later.
        left = {
            person.delivery
            for person in self.model.people.values()
            if person.status in SETTLED | UNSETTLED
        }
        self.model.seen = {i: seen for i, seen in self.model.seen.items() if i in left}
        return together.values()

    # The run

    @rule(count=st.integers(1, 5), seconds=st.integers(0, 40))
    def lease(self, count, seconds):
        self.now += seconds
        due = self.model.due(self.now)
        leased = self.backend.wait(self.ledger.leases.lease(count, now=self.now))
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
        leases = self.ledger.leases
        leased = self.backend.wait(leases.lease(3, now=self.now, address=key.upper()))
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
        points = [CommitPoint(chosen, DIGEST)]
        self.backend.wait(self.ledger.records.record((), points))
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
        settlements = [Settlement(chosen, outcomes, self.now, retry_at)]
        self.backend.wait(self.ledger.records.record(settlements, ()))
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
        self.backend.wait(self.ledger.records.release(chosen))
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
        records = self.ledger.records
        self.backend.wait(records.invalidate(chosen, "no attachment", now=self.now))
        self.model.invalidate(chosen)
        del self.held[chosen]
        self.written()

    @precondition(lambda self: not self.held)
    @rule()
    def reopen_deferred(self):
        self.ledger.plan.reopen_deferred()
        self.model.reopen_deferred()
        self.take_deliveries()
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

    def go_on(self):
        self.held = {}
        self.ledger = self.backend.open_to_run()

    @rule()
    def restart(self):
        committed = [lease for lease in self.model.leases.values() if lease.committed]
        left = len(self.model.leases) - len(committed)
        self.ledger.close()
        self.go_on()
        self.model.die(same_boot=True)
        assert self.ledger.recovered.in_doubt == len(committed)
        assert self.ledger.recovered.released == left
        self.synced()

    @rule()
    def kill(self):
        """kill -9: exactly the committed, unsettled deliveries are in doubt."""
        committed = [lease for lease in self.model.leases.values() if lease.committed]
        left = len(self.model.leases) - len(committed)
        self.backend.die(self.ledger)
        self.go_on()
        self.model.die(same_boot=True)
        rows = sum(len(lease.keys) for lease in committed)
        rows += sum(key in lease.keys for lease in committed for key in self.model.shared.values())
        assert self.ledger.recovered == Recovery(left, len(committed), rows)
        self.synced()

    @precondition(lambda self: self.backend.plays_power_loss)
    @rule(data=st.data())
    def power_loss(self, data):
        """Whoever may have the message is accepted or in doubt, whatever was lost."""
        self.backend.lose_power(self.ledger, lambda most: data.draw(st.integers(0, most)))
        self.go_on()
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
        counts, here = dict.fromkeys(Status, 0), 0
        for row in self.ledger.standing.result_rows():
            counts[row.status] += 1
            here += row.row is not None
        assert self.ledger.standing.counts() == counts
        assert self.ledger.standing.found_rows() == (counts, here)
        reader = self.backend.open_to_read()
        assert reader.standing.counts() == counts
        assert reader.standing.found_rows() == (counts, here)
        reader.close()

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


def live(kind: str, folder: Path, *, lives: int, steps: int) -> None:
    """Let ledgers of a kind live beside their models, each in a folder of its own in `folder`."""

    def machine() -> LedgerMachine:
        return LedgerMachine(BACKENDS[kind](Path(tempfile.mkdtemp(dir=folder))))

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


#: As many lives as take some seconds: a database is opened, killed and asked much more slowly.
LIVES = {"file": 30, "far": 8, "postgres": 3}


@pytest.mark.parametrize(("kind", "lives"), LIVES.items())
def test_a_ledger_does_what_its_model_does(tmp_path, kind, lives):
    live(kind, tmp_path, lives=lives, steps=30)


@pytest.mark.long
@pytest.mark.parametrize("kind", BACKENDS)
def test_a_thousand_long_lives(tmp_path, kind):
    """The same with more and longer sequences."""
    live(kind, tmp_path, lives=1000, steps=60)
