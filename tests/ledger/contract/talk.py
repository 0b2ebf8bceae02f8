"""The words of a conversation with a ledger: what a run, a person and a reader say to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.ports import (
    CommitPoint,
    Decision,
    OpenLedger,
    Settlement,
    Suspicion,
)
from mailbatch.ledger.rows import PlanChange
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.contract.backends import Backend

NOW = 1_700_000_000.0
#: Behind every time that a test speaks of.
LATER = 4_000_000_000.0
DIGEST = bytes(range(32))
REPLIES = {
    Status.ACCEPTED: Reply(250, ("Message queued as 0b3f-77",), "2.6.0"),
    Status.REJECTED: Reply(550, ("no such user",), "5.1.1"),
    Status.DEFERRED: Reply(451, ("try again",), "4.7.1"),
    Status.PENDING: Reply(421, ("closing",), "4.3.2"),
    Status.IN_DOUBT: None,
    Status.INVALID: Reply(550, ("no such address",), "5.1.3"),
}


class Talk:
    """A conversation with one ledger over all its openings; it is open for a run at first."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.ledger: OpenLedger = backend.open_to_run()

    # A run

    def plan(
        self, *addresses: str, groups: Sequence[str] | None = None, limit: int = 1000
    ) -> PlanChange:
        """Plan a table of these addresses, each with its group if there are `groups`."""
        rows = [
            Recipient(
                line, address, (address,), None if groups is None else (groups[line - 2],),
                "pending",
            )
            for line, address in enumerate(addresses, start=2)
        ]  # fmt: skip
        return self.plan_rows(rows, () if groups is None else ("group",), limit)

    def plan_rows(
        self,
        rows: Iterable[Recipient],
        group_by: Sequence[str] = (),
        limit: int = 1000,
        now: float | None = None,
    ) -> PlanChange:
        """Plan a table of rows, with `now` those that have a time of sending wait for it."""
        change = self.ledger.plan.reconcile(
            ("email",), rows, group_by=group_by, recipients_per_transaction=limit, now=now
        )
        self.backend.all_is_permanent()
        return change

    def lease(
        self,
        count: int = 1000,
        *,
        now: float = NOW,
        address: str | None = None,
        most: int | None = None,
    ) -> list[Delivery]:
        """Lease what is due."""
        leases = self.ledger.leases
        leased = self.backend.wait(leases.lease(count, now=now, address=address, most=most))
        self.backend.all_is_permanent()
        return leased

    def commit(self, *deliveries: Delivery, digest: bytes | None = DIGEST) -> None:
        """Pass commit points, in one record."""
        points = [CommitPoint(delivery.id, digest) for delivery in deliveries]
        self.backend.wait(self.ledger.records.record((), points))

    def settle(
        self,
        delivery: Delivery,
        *statuses: Status,
        now: float = NOW,
        retry_at: float | None = None,
        counted: bool = True,
    ) -> None:
        """Settle an attempt: one status an address, the last of them for all the rest."""
        self.record(settlement(delivery, *statuses, now=now, retry_at=retry_at, counted=counted))

    def record(self, *said: Settlement | CommitPoint, suspicion: Suspicion | None = None) -> None:
        """Record outcomes and commit points together."""
        settlements = [one for one in said if isinstance(one, Settlement)]
        points = [one for one in said if isinstance(one, CommitPoint)]
        self.backend.wait(self.ledger.records.record(settlements, points, suspicion))

    def send(self, *statuses: Status, now: float = NOW, retry_at: float | None = None) -> str:
        """Send all that is due, each with the same outcome; return who was mailed, by letters."""
        mailed = []
        while leased := self.lease(now=now):
            for delivery in leased:
                self.commit(delivery)
                self.settle(delivery, *statuses or [Status.ACCEPTED], now=now, retry_at=retry_at)
                mailed += delivery.unsettled
        return letters(mailed)

    def release(self, *deliveries: Delivery) -> None:
        """Give leased deliveries back."""
        self.backend.wait(self.ledger.records.release([delivery.id for delivery in deliveries]))

    def invalidate(self, delivery: Delivery) -> None:
        """Mark a leased delivery as invalid."""
        records = self.ledger.records
        self.backend.wait(records.invalidate(delivery.id, "no attachment", now=NOW))

    def resolve(self, decision: Decision, *, address: str | None = None) -> int:
        """Decide about the recipients in doubt."""
        number = self.ledger.doubts.resolve(decision, address=address, now=NOW)
        self.backend.all_is_permanent()
        return number

    # Ends and beginnings

    def reopen(self) -> None:
        """Put the ledger away, and open it for the next run."""
        self.ledger.close()
        self.ledger = self.backend.open_to_run()
        self.backend.all_is_permanent()

    def die(self) -> None:
        """Die by kill -9, and open the ledger for the next run."""
        self.backend.die(self.ledger)
        self.ledger = self.backend.open_to_run()
        self.backend.all_is_permanent()

    def lose_power(self) -> None:
        """Lose the power and all that may be lost with it, and open the ledger again."""
        self.backend.lose_power(self.ledger, lambda most: most)
        self.ledger = self.backend.open_to_run()
        self.backend.all_is_permanent()

    # What can be seen

    def statuses(self) -> dict[str, str]:
        """Return the status of each row, by the letter of its address."""
        return {row.email[0]: str(row.status) for row in self.ledger.standing.result_rows()}

    def doubtful(self) -> str:
        """Return the letters of the recipients in doubt."""
        return letters(doubt.address for doubt in self.ledger.doubts.in_doubt())


def settlement(
    delivery: Delivery,
    *statuses: Status,
    now: float = NOW,
    retry_at: float | None = None,
    counted: bool = True,
) -> Settlement:
    """Return the settlement of an attempt: one status an address, the last for all the rest."""
    said = [*statuses, *[statuses[-1]] * len(delivery.unsettled)]
    outcomes = [
        Outcome(address, status, REPLIES[status], counted=counted)
        for address, status in zip(delivery.unsettled, said, strict=False)
    ]
    return Settlement(delivery.id, outcomes, now, retry_at)


def letters(addresses: Iterable[str]) -> str:
    """Return the first letters of addresses, in order."""
    return "".join(sorted(address[0] for address in addresses))


def point(delivery: Delivery) -> CommitPoint:
    """Return the commit point of a delivery."""
    return CommitPoint(delivery.id, DIGEST)
