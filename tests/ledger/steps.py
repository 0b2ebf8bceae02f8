"""The steps that the tests of the ledger are made of: open, plan, send, look."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mailbatch.envelope import Delivery, Recipient
from mailbatch.identity import BY_ADDRESS, Identity
from mailbatch.ledger.inode import inode_of
from mailbatch.ledger.lock import last_holder, place_of
from mailbatch.ledger.opening import lock_of
from mailbatch.ledger.rows import PlanChange, ResultRow
from mailbatch.ledger.store import Ledger
from mailbatch.ledger.witness import Witness, witness_of
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
    identity: Identity = BY_ADDRESS,
    accept_changes: bool = False,
) -> PlanChange:
    return ledger.plan.reconcile(
        columns, rows, group_by=group_by, recipients_per_transaction=limit, identity=identity,
        accept_changes=accept_changes,
    )  # fmt: skip


def lease_one(ledger: Ledger, *, now: float = NOW, address: str | None = None) -> Delivery:
    (delivery,) = ledger.leases.lease(1, now=now, address=address)
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
    ledger.records.commit_point(delivery.id)
    outcomes = [Outcome(address, status, reply) for address in delivery.unsettled]
    ledger.records.settle(delivery.id, outcomes, now=now, retry_at=retry_at)


def send(ledger: Ledger, status: Status = Status.ACCEPTED, **more: object) -> list[Delivery]:
    """Everything that is due, each with the same outcome."""
    done = []
    for delivery in ledger.leases.lease(1000, now=NOW):
        settle(ledger, delivery, status, **more)  # type: ignore[arg-type]
        done.append(delivery)
    return done


def standing(ledger: Ledger) -> dict[str, Status]:
    """The status by address; of rows with one address the last one counts."""
    return {found.email: found.status for found in ledger.standing.result_rows()}


def by_row(ledger: Ledger) -> dict[int | None, ResultRow]:
    return {found.row: found for found in ledger.standing.result_rows()}


def numbers(ledger: Ledger) -> dict[str, int]:
    """The counts that are not zero."""
    return {str(status): number for status, number in ledger.standing.counts().items() if number}


def copy_files(path: Path, folder: Path) -> Path:
    """The ledger's files as a process that dies now leaves them.

    A copy is not the file that the run had open, and a ledger says so. These stand for files that
    were never touched: the notes are changed to speak of them.
    """
    folder.mkdir(parents=True)
    for name in names_of(path):
        source = path.with_name(name)
        if source.exists():
            shutil.copyfile(source, folder / name)
    return at_home(folder / path.name)


def names_of(path: Path) -> tuple[str, ...]:
    """The files of a ledger that a run reads, by their names."""
    return (path.name, *(path.name + end for end in ("-wal", ".lock")), witness_of(path).name)


def at_home(path: Path, **changes: object) -> Path:
    """Let lock file and witness say that the files here are those which the last run had open.

    `changes` are of the note.
    """
    lock = lock_of(path)
    note = last_holder(lock)
    if note is None:
        return path
    if path.exists() and note.file is not None:
        file = inode_of(path)
        note = replace(note, file=file.birth, mount=file.mount)
    here = place_of(path, "")
    note = replace(note, home=here.home, birth=inode_of(lock).birth, **changes)  # type: ignore[arg-type]
    lock.write_text(note.as_text() + "\n")
    witness = Witness(witness_of(path))
    witness.tell(note, inode_of(lock), durable=False)
    witness.close()
    return path


def forget_the_process(path: Path) -> None:
    """Let the note name a process that has ended."""
    at_home(path, pid=ended_process())


@functools.cache
def ended_process() -> int:
    """Return the number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    ended.wait()
    return ended.pid


def forget_the_seal(path: Path) -> None:
    """Let nobody know any more what the last run put away, but that it did."""
    at_home(path, seal=None)


def forget_the_last_run(path: Path) -> None:
    """Remove lock file and witness."""
    lock_of(path).unlink()
    witness_of(path).unlink()
