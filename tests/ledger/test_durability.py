"""What is synced to the disk, and in which order: no copy of the files can show that."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mailbatch.errors import LedgerError
from mailbatch.ledger.database import CHECKPOINT_PAGES
from mailbatch.ledger.recovery import begin_run
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Status
from tests.ledger.steps import (
    NOW,
    at_home,
    copy_files,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    send,
    settle,
)

ROOT = Path(__file__).parents[2]


class Statements(list):
    """The statements of a ledger from now on, as SQLite runs them."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        ledger._database.connection.set_trace_callback(self.append)

    def synced(self, start: str) -> bool:
        """Whether the first statement that begins so was committed with synchronous=FULL."""
        places = [n for n, statement in enumerate(self) if statement.lstrip().startswith(start)]
        assert places, f"{start} was not run"
        before = [s for s in self[: places[0]] if s.startswith("PRAGMA synchronous")]
        after = [s for s in self[places[0] :] if s.startswith(("COMMIT", "PRAGMA synchronous"))]
        return before[-1:] == ["PRAGMA synchronous=FULL"] and after[:1] == ["COMMIT"]


@pytest.mark.parametrize(
    ("first", "step", "start"),
    [
        (None, lambda ledger: ledger.leases.lease(1, now=NOW), "INSERT INTO lease"),
        (None, lambda ledger: plan(ledger, people("a", "b", "z")), "INSERT INTO recipient"),
        (
            None,
            lambda ledger: ledger.doubts.resolve("resend", now=NOW),
            "UPDATE recipient SET status",
        ),
        (
            Status.DEFERRED,
            lambda ledger: ledger.plan.reopen_deferred(),
            "UPDATE recipient SET due",
        ),
        (
            Status.REJECTED,
            lambda ledger: ledger.plan.reopen_rejected(),
            "UPDATE recipient SET status",
        ),
        (
            None,
            lambda ledger: ledger.plan.set_content_digests({"subject": "1"}),
            "INSERT OR REPLACE INTO fact",
        ),
        (Status.ACCEPTED, lambda ledger: ledger.close(), "INSERT INTO reply"),
    ],
    ids=["lease", "plan", "resolve", "deferred", "rejected", "digests", "close"],
)
def test_what_a_power_loss_must_not_undo_is_synced(path, first, step, start):
    """`first` is the outcome of a delivery before the step, where the step needs one."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b"))
        if first is not None:
            later = NOW + 60 if first is Status.DEFERRED else None
            settle(ledger, lease_one(ledger), first, retry_at=later)
            ledger.leases.lease(1, now=NOW)  # folds the outcome into the row
        statements = Statements(ledger)
        step(ledger)
        assert statements.synced(start)


def test_a_recovery_is_synced(path):
    """Else a second power loss could make doubt pending again."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        ledger.records.commit_point(lease_one(ledger).id)
    with open_ledger(path) as ledger:
        # An open ledger recovers like a new one: the same step, here where it can be watched.
        ledger.plan.reopen_deferred()
        ledger.doubts.resolve("resend", now=NOW)
        ledger.records.commit_point(lease_one(ledger).id)
        statements = Statements(ledger)
        begin_run(ledger._database, "boot-2")
        assert statements.synced("UPDATE recipient SET status = 'in_doubt'")


def test_the_hot_path_does_not_wait_for_the_disk(ledger):
    plan(ledger, people("a"))
    delivery = lease_one(ledger)
    statements = Statements(ledger)
    settle(ledger, delivery)
    assert len(statements) == 2, "one commit before the end of data, one after the reply"
    assert not any("synchronous" in statement for statement in statements)


_STRACE = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,pwrite64,write"]
_RUN = """
import os, sys
from pathlib import Path
from tests.ledger.steps import *
with open_ledger(Path(sys.argv[1])) as ledger:
    plan(ledger, people("a", "b", "c"))
    os.write(1, b"MARK lease\\n")
    leased = ledger.leases.lease(3, now=NOW)
    os.write(1, b"MARK leased\\n")
    for delivery in leased:
        settle(ledger, delivery)
    os.write(1, b"MARK settled\\n")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_system_is_asked_to_sync_every_lease_and_no_settle(path, tmp_path):
    """What reaches the kernel: the lease is written, then synced; nothing is synced in between."""
    trace = tmp_path / "trace"
    done = subprocess.run(
        [*_STRACE, "-o", str(trace), sys.executable, "-c", _RUN, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if "ptrace" in done.stderr.lower() or "operation not permitted" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    text = trace.read_text()
    lease, run = re.search(
        r"MARK lease\\n(.*)MARK leased\\n(.*)MARK settled", text, re.DOTALL
    ).groups()
    steps = re.findall(r"(pwrite64|fdatasync|fsync)\(\d+<[^>]*-wal>", lease)
    assert "pwrite64" in steps
    assert steps[-1] != "pwrite64", "the last thing done to the journal is to sync it"
    steps = re.findall(r"(pwrite64|fdatasync|fsync)\(\d+<[^>]*-wal>", run)
    assert set(steps) == {"pwrite64"}


def test_what_a_run_has_done_is_on_the_disk_when_it_ends(path):
    """The outcomes of the last lot are synced by closing, not by the next run."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        send(ledger)
    assert not path.with_name(path.name + "-wal").exists()
    with open_ledger(path, boot="boot-2") as ledger:
        assert ledger.standing.counts()[Status.ACCEPTED] == 1
        assert ledger.recovered.in_doubt == 0


def test_a_power_loss_brings_no_old_seal_back(path, folder, monkeypatch):
    """Of the lock file the disk has what was synced last; it must not speak of another ledger."""
    lock = path.with_name(path.name + ".lock")
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b"))
    on_disk = [lock.read_bytes()]  # that was long ago

    def fsync(fd, sync=os.fsync):
        sync(fd)
        if os.path.samestat(os.fstat(fd), lock.stat()):
            on_disk.append(lock.read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    with open_ledger(path) as ledger:
        send(ledger)
        dead = copy_files(path, folder / "dead")
        synced = on_disk[-1]
    dead.with_name(dead.name + ".lock").write_bytes(synced)
    at_home(dead)
    journal = dead.with_name(dead.name + "-wal")
    journal.rename(folder / "lost")
    with pytest.raises(LedgerError, match="its last run died, and its journal"):
        open_ledger(dead, boot="boot-2")  # not what the run before had put away: that is older
    (folder / "lost").rename(journal)
    with open_ledger(dead, boot="boot-2") as ledger:
        assert ledger.standing.counts()[Status.ACCEPTED] == 2


def test_what_a_run_put_away_is_synced_with_its_seal(path, monkeypatch):
    synced = {}

    def fsync(fd, sync=os.fsync):
        sync(fd)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            synced[os.fstat(fd).st_ino] = os.pread(fd, 8192, 0)

    monkeypatch.setattr(os, "fsync", fsync)
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
    for name in ("news.ledger.lock", ".news.ledger.seen"):
        file = path.with_name(name)
        assert synced[file.stat().st_ino] == file.read_bytes()
        assert b"sha256:" in file.read_bytes()


def test_a_new_folder_is_synced_with_its_name(folder, monkeypatch):
    """Else a power loss could take the folder away, and everybody would be mailed again."""
    synced = set()

    def fsync(fd, sync=os.fsync):
        sync(fd)
        synced.add(os.fstat(fd).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    with open_ledger(folder / "new" / "state" / "ledger"):
        pass
    for path in (folder, folder / "new", folder / "new" / "state"):
        assert path.stat().st_ino in synced, path


def test_small_commits_are_seen_at_once_by_whoever_looks(path):
    """A run stays a reader between two leases; that is nothing to those who read."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b", "c"))
        for number, delivery in enumerate(ledger.leases.lease(3, now=NOW), start=1):
            settle(ledger, delivery)
            with Ledger.read(path, boot_id="boot-1") as other:
                assert numbers(other)["accepted"] == number


def test_the_journal_is_copied_between_two_lots(path):
    """What a run holds open meanwhile is let go of: the journal does not grow with the mailing.

    Commit points and outcomes alone write 6,000 pages.
    """
    journal = path.with_name(path.name + "-wal")
    with open_ledger(path) as ledger:
        plan(ledger, people(*(f"user{number}" for number in range(3000))))
        while leased := ledger.leases.lease(64, now=NOW):
            for delivery in leased:
                settle(ledger, delivery)
        assert journal.stat().st_size < (CHECKPOINT_PAGES + 1024) * 4120
