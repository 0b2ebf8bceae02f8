"""What the ledger promises, in plain Python: the reference that the real one is compared with.

It knows addresses and rows, nothing of files, transactions or SQL. Deliveries (who is mailed
together) are taken from the ledger when it plans, after their rules have been checked.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field

from mailbatch.envelope import Delivery, Recipient
from mailbatch.outcome import Outcome, Status

SETTLED = {Status.ACCEPTED, Status.REJECTED, Status.IN_DOUBT, Status.SKIPPED}
UNSETTLED = {Status.PENDING, Status.DEFERRED}


@dataclass
class Person:
    """An address that was wanted at least once."""

    address: str
    status: Status = Status.PENDING
    attempts: int = 0
    due: float | None = 0.0
    wanted: bool = True
    line: int | None = None
    delivery: int | None = None
    resend: bool = False


@dataclass
class Lease:
    keys: tuple[str, ...]
    at: float
    committed: bool = False


@dataclass
class Model:
    people: dict[str, Person] = field(default_factory=dict)
    #: The rows that have no delivery of their own: (line, address, status).
    others: list[tuple[int, str, Status]] = field(default_factory=list)
    #: Rows that share the delivery of their address: line to key.
    shared: dict[int, str] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    #: Message-ID and Date of every delivery that was tried.
    seen: dict[int, tuple[str, int]] = field(default_factory=dict)

    def copied(self) -> Model:
        return copy.deepcopy(self)

    # The plan

    def plan(self, table: list[Recipient]) -> None:
        wanted = [row for row in table if row.status == "pending"]
        first_wanted: dict[str, Recipient] = {}
        first: dict[str, Recipient] = {}
        for row in table:
            first.setdefault(row.address.lower(), row)
        for row in wanted:
            first_wanted.setdefault(row.address.lower(), row)
        for key, person in self.people.items():
            self._meet(person, first_wanted.get(key), first.get(key))
        for key, row in first_wanted.items():
            if key not in self.people:
                self.people[key] = Person(row.address, line=row.line)
        members: dict[tuple[str, ...] | None, set[str]] = {}
        for row in wanted:
            members.setdefault(row.group, set()).add(row.address.lower())
        self.others, self.shared = [], {}
        for row in table:
            key = row.address.lower()
            person = self.people.get(key)
            if person is not None and person.line == row.line:
                continue
            if row.status != "pending":
                self.others.append((row.line, row.address, Status(row.status)))
            elif (
                row.group is not None
                and row.group == first_wanted[key].group
                and len(members[row.group]) == 1
            ):
                self.shared[row.line] = key
            else:
                self.others.append((row.line, row.address, Status.DUPLICATE))

    def _meet(self, person: Person, wanted: Recipient | None, shown: Recipient | None) -> None:
        person.wanted = wanted is not None
        row = wanted or shown
        was_shown = person.line is not None
        person.line = None if row is None else row.line
        if person.status in SETTLED:
            return
        if wanted is not None:
            person.address = wanted.address
            if person.status not in UNSETTLED:
                person.status, person.due = Status.PENDING, 0.0
            return
        if row is not None:
            person.address = row.address
        if person.resend:
            person.status = Status.IN_DOUBT
        elif row is not None:
            person.status = Status(row.status)
        elif was_shown or person.status in UNSETTLED:
            person.status = Status.WITHDRAWN
        person.due, person.resend = None, False

    # The run

    def due(self, now: float) -> dict[int, list[str]]:
        """The keys that are due, by their delivery."""
        found: dict[int, list[str]] = {}
        for key, person in self.people.items():
            if person.status in UNSETTLED and person.due is not None and person.due <= now:
                assert person.delivery is not None
                if person.delivery not in self.leases:
                    found.setdefault(person.delivery, []).append(key)
        return found

    def lease(self, delivery: Delivery, now: float) -> None:
        keys = tuple(address.lower() for address in delivery.unsettled)
        self.leases[delivery.id] = Lease(keys, now)

    def settle(self, delivery_id: int, outcomes: list[Outcome], retry_at: float | None) -> None:
        del self.leases[delivery_id]
        for outcome in outcomes:
            person = self.people[outcome.address.lower()]
            person.status = outcome.status
            if person.resend and outcome.status is Status.INVALID:
                person.status = Status.IN_DOUBT
            person.resend &= person.status in {*UNSETTLED, Status.REJECTED}
            person.attempts += outcome.counted
            person.due = None
            if outcome.status in UNSETTLED:
                waits = outcome.counted or outcome.status is Status.DEFERRED
                person.due = retry_at if waits else 0.0

    def release(self, delivery_id: int) -> None:
        del self.leases[delivery_id]

    def invalidate(self, delivery_id: int) -> None:
        del self.leases[delivery_id]
        for person in self.people.values():
            if person.delivery == delivery_id and person.status in UNSETTLED:
                person.status = Status.IN_DOUBT if person.resend else Status.INVALID
                person.due, person.resend = None, False

    def die(self, *, same_boot: bool) -> None:
        for lease in self.leases.values():
            if lease.committed or not same_boot:
                for key in lease.keys:
                    person = self.people[key]
                    person.status, person.due, person.resend = Status.IN_DOUBT, None, False
                    person.attempts += 1
        self.leases = {}

    def resolve(self, decision: str) -> None:
        for person in self.people.values():
            if person.status is Status.IN_DOUBT:
                person.status = {
                    "accepted": Status.ACCEPTED,
                    "skip": Status.SKIPPED,
                    "resend": Status.PENDING,
                }[decision]
                person.due = 0.0 if decision == "resend" else None
                person.resend = decision == "resend"

    def reopen_deferred(self) -> None:
        for person in self.people.values():
            if person.status in UNSETTLED:
                person.due = 0.0

    def reopen_rejected(self) -> None:
        for person in self.people.values():
            if person.status is Status.REJECTED and person.wanted:
                person.status, person.due = Status.PENDING, 0.0

    # What can be seen

    def rows(self) -> tuple[list[tuple[int, str, Status, int]], Counter[tuple[str, Status, int]]]:
        """The rows of the results in their order, then, in any order, those that left."""
        here = [
            (p.line, p.address.lower(), p.status, p.attempts)
            for p in self.people.values()
            if p.line is not None
        ]
        here += [(line, address.lower(), status, 0) for line, address, status in self.others]
        for line, key in self.shared.items():
            person = self.people[key]
            here.append((line, key, person.status, person.attempts))
        gone = Counter(
            (p.address.lower(), p.status, p.attempts)
            for p in self.people.values()
            if p.line is None
        )
        return sorted(here), gone


def with_lines(rows: list[Recipient]) -> list[Recipient]:
    """The rows as records one below the other."""
    return [row._replace(line=number) for number, row in enumerate(rows, start=2)]
