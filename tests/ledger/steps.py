"""The steps that the tests of the ledger are made of: open, plan, send, look."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.plan import PlanChange
from mailbatch.ledger.standing import ResultRow
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status

NOW = 1_700_000_000.0
TAKEN = Reply(250, ("Message queued as 0b3f-77",), "2.6.0")
LATER = Reply(451, ("try again",), "4.7.1")
NEVER = Reply(550, ("no such user",), "5.1.1")


def open_ledger(path: Path, *, boot: str = "boot-1", domain: str = "example.com") -> Ledger:
    return Ledger.open(path, job="news", edition="48", message_id_domain=domain, boot_id=boot)


def row(
    line: int,
    address: str,
    *more: str,
    group: tuple[str, ...] | None = None,
    status: str = "pending",
    reason: str | None = None,
) -> Recipient:
    return Recipient(line, address, (address, *more), group, status, reason)


def people(*addresses: str, group: tuple[str, ...] | None = None) -> list[Recipient]:
    return [row(line, address, group=group) for line, address in enumerate(addresses, start=2)]


def plan(
    ledger: Ledger,
    rows: Iterable[Recipient],
    *,
    columns: Sequence[str] = ("email",),
    group_by: Sequence[str] = (),
    limit: int = 1000,
) -> PlanChange:
    return ledger.reconcile(columns, rows, group_by=group_by, recipients_per_transaction=limit)


def lease_one(ledger: Ledger, *, now: float = NOW, address: str | None = None) -> Delivery:
    (delivery,) = ledger.lease(1, now=now, address=address)
    return delivery


def settle(
    ledger: Ledger,
    delivery: Delivery,
    status: Status = Status.ACCEPTED,
    *,
    now: float = NOW,
    retry_at: float | None = None,
    reply: Reply | None = TAKEN,
) -> None:
    """The whole of an attempt with one outcome for everybody."""
    ledger.commit_point(delivery.id)
    outcomes = [Outcome(address, status, reply) for address in delivery.unsettled]
    ledger.settle(delivery.id, outcomes, now=now, retry_at=retry_at)


def send(ledger: Ledger, status: Status = Status.ACCEPTED, **more: object) -> list[Delivery]:
    """Everything that is due, each with the same outcome."""
    done = []
    for delivery in ledger.lease(1000, now=NOW):
        settle(ledger, delivery, status, **more)  # type: ignore[arg-type]
        done.append(delivery)
    return done


def standing(ledger: Ledger) -> dict[str, Status]:
    """The status by address; of rows with one address the last one counts."""
    return {found.email: found.status for found in ledger.result_rows()}


def by_row(ledger: Ledger) -> dict[int | None, ResultRow]:
    return {found.row: found for found in ledger.result_rows()}


def numbers(ledger: Ledger) -> dict[str, int]:
    """The counts that are not zero."""
    return {str(status): number for status, number in ledger.counts().items() if number}


def copy_files(path: Path, folder: Path) -> Path:
    """The ledger's files as a process that dies now leaves them."""
    folder.mkdir(parents=True)
    for suffix in ("", "-wal", ".lock"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / path.name


def forget_the_process(path: Path) -> None:
    """Let the note name a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    note = path.with_name(path.name + ".lock")
    note.write_text(json.dumps({**json.loads(note.read_text()), "pid": ended.pid}))
