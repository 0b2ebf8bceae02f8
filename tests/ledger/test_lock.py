"""One run at a time, and a second one is told who; the lock ends with its holder, never by age."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from mailbatch.errors import LedgerError, LedgerLocked
from mailbatch.ledger import lock
from mailbatch.ledger.lock import boot_id
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
from tests.ledger.steps import (
    NOW,
    TAKEN,
    at_home,
    lease_one,
    numbers,
    open_ledger,
    people,
    plan,
    settle,
)

_HOLDER = """
import sys
from pathlib import Path
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Status
ledger = Ledger.open(Path(sys.argv[1]), job="news", edition="48", message_id_domain="x.org",
                     boot_id="boot-1")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_run(path):
    """A second process that holds the ledger until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_run_is_refused_and_told_who_holds_the_edition(path):
    with another_run(path) as holder:
        with pytest.raises(LedgerLocked, match="another run holds this edition") as caught:
            open_ledger(path)
        assert caught.value.exit_code == 75
        assert f"process {holder.pid} on " in caught.value.message
        assert "since 20" in caught.value.message
        assert "status" in caught.value.hint
        with pytest.raises(LedgerLocked):
            Ledger.reopen(path)


def test_what_a_run_may_still_mail_is_not_final(path):
    with another_run(path) as holder, Ledger.read(path) as ledger:
        with pytest.raises(LedgerLocked, match=f"process {holder.pid} on ") as caught:
            ledger.check_idle()
        assert "may be mailing" in caught.value.hint
        assert "this run" not in caught.value.hint


def test_a_note_that_a_dead_run_left_is_not_believed(path):
    """Its number may belong to somebody else by now: the lock is the kernel's."""
    with another_run(path):
        pass
    assert json.loads(lock_of(path).read_text())["running"]
    at_home(path, pid=os.getpid(), boot=boot_id())
    with Ledger.read(path) as ledger:
        ledger.check_idle()
    open_ledger(path).close()


def test_a_killed_holder_blocks_nobody(path):
    with another_run(path) as holder:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with open_ledger(path) as ledger:
            assert numbers(ledger) == {}


def test_the_lock_has_no_age(path):
    """However old the note of the holder is."""
    with another_run(path):
        os.utime(lock_of(path), (0, 0))
        with pytest.raises(LedgerLocked):
            open_ledger(path)


def test_whoever_looks_on_needs_no_lock(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b"))
        settle(ledger, lease_one(ledger))
        with Ledger.read(path) as seen:
            assert numbers(seen) == {"accepted": 1, "pending": 1}
            settle(ledger, lease_one(ledger))
            assert numbers(seen) == {"accepted": 2}


def lock_of(path):
    return path.with_name(path.name + ".lock")


def test_a_run_whose_lock_file_was_removed_stops_at_the_next_lease(path):
    """Removing a "stale" lock is what people do; the run that had it must not go on."""
    with open_ledger(path) as ledger:
        plan(ledger, people("a", "b"))
        settle(ledger, lease_one(ledger))
        lock_of(path).unlink()
        with pytest.raises(LedgerError, match="lock file was removed while this run"):
            ledger.leases.lease(1, now=NOW)


def test_two_runs_that_got_past_the_lock_do_not_mail_the_same_recipient(path):
    """The second one took the leases over: the first one is stopped at its commit point."""
    with open_ledger(path) as first:
        plan(first, people("a"))
        mine = lease_one(first)
        lock_of(path).unlink()
        with open_ledger(path) as second:
            again = lease_one(second)
            assert again.key == mine.key
            with pytest.raises(LedgerError, match="stopped before it could mail twice"):
                first.records.commit_point(mine.id)
            settle(second, again)


@pytest.mark.parametrize("members", [1, 2])
def test_an_outcome_of_a_run_that_was_taken_over_changes_nothing(path, members):
    names = ["a", "b"][:members]
    with open_ledger(path) as first:
        plan(first, people(*names, group=("g",)), group_by=("g",))
        mine = lease_one(first)
        lock_of(path).unlink()
        with open_ledger(path) as second:
            settle(second, lease_one(second))
            second.doubts.resolve("skip", now=NOW)  # nobody is in doubt, but it folds
            outcomes = [Outcome(name, Status.DEFERRED) for name in names]
            with pytest.raises(LedgerError, match="it was stopped before it could mail twice"):
                first.records.settle(mine.id, outcomes, now=NOW, retry_at=NOW)
            assert numbers(second) == {"accepted": members}


@pytest.mark.parametrize("members", [1, 2])
def test_what_was_accepted_for_a_run_that_was_taken_over_stays_in_doubt(path, members):
    """The other run has recorded the doubt, and may have resolved it since."""
    names = ["a", "b"][:members]
    with open_ledger(path) as first:
        plan(first, people(*names, group=("g",)), group_by=("g",))
        mine = lease_one(first)
        first.records.commit_point(mine.id)
        lock_of(path).unlink()
        with open_ledger(path) as second:
            outcomes = [Outcome(name, Status.ACCEPTED, TAKEN) for name in names]
            with pytest.raises(LedgerError, match="it was stopped before it could mail twice"):
                first.records.settle(mine.id, outcomes, now=NOW, retry_at=None)
            assert numbers(second) == {"in_doubt": members}


def test_a_run_whose_ledger_was_moved_stops_at_the_next_lease(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        path.rename(path.with_name("elsewhere"))
        with pytest.raises(LedgerError, match="moved or removed while this run"):
            ledger.leases.lease(1, now=NOW)
        path.with_name("elsewhere").rename(path)


def test_the_lock_is_free_after_an_orderly_end_and_after_a_refusal(path):
    with open_ledger(path):
        pass
    for _ in range(2):
        with pytest.raises(LedgerError, match="belongs to edition '48' of job 'news'"):
            Ledger.open(path, job="news", edition="49", message_id_domain="x.org")
    with open_ledger(path) as ledger:
        assert ledger.edition == "48"


def test_the_note_names_pid_host_and_start(path):
    with open_ledger(path):
        noted = json.loads(lock_of(path).read_text())
        assert noted["pid"] == os.getpid()
        assert noted["running"] is True
        assert noted.keys() >= {"host", "started", "boot"}
    assert json.loads(lock_of(path).read_text())["running"] is False


def test_a_note_that_is_being_written_over_is_read_all_the_same(path):
    """A run that is killed behind the new note, before the rest of the old one is cut off."""
    with open_ledger(path):
        lock = lock_of(path)
        with lock.open("a") as stream:
            stream.write('ing": true, "lots": 17}\n')
        with pytest.raises(LedgerLocked, match=f"process {os.getpid()} on "):
            open_ledger(path)


def test_closing_twice_is_closing_once(path):
    ledger = open_ledger(path)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError):
        ledger.leases.lease(1, now=NOW)


def test_the_files_are_private(path):
    with open_ledger(path) as ledger:
        plan(ledger, people("a"))
        modes = {p.name: p.stat().st_mode & 0o777 for p in path.parent.iterdir()}
    assert modes.keys() >= {"news.ledger", "news.ledger-wal", "news.ledger.lock"}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


# Which boot this is, where Linux does not tell: macOS and the BSDs ask sysctl


@pytest.fixture
def sysctl(tmp_path, monkeypatch):
    """A system without /proc, whose sysctl knows these names and no others."""
    monkeypatch.setattr(lock, "_BOOT_ID", tmp_path / "no-such-file")
    monkeypatch.setenv("PATH", str(tmp_path))

    def knows(**values):
        cases = "".join(
            f"  {name.replace('_', '.')}) echo '{value}';;\n" for name, value in values.items()
        )
        program = tmp_path / "sysctl"
        program.write_text(
            '#!/bin/sh\n[ "$1" = -n ] || exit 2\n'
            f'case "$2" in\n{cases}  *) echo unknown; exit 1;;\nesac\n'
        )
        program.chmod(0o755)

    return knows


def test_a_mac_has_an_id_for_every_boot_session(sysctl):
    sysctl(kern_bootsessionuuid="6E2F-77", kern_boottime="{ sec = 1 }")
    assert boot_id() == "kern.bootsessionuuid=6E2F-77"


def test_a_bsd_has_the_time_of_its_boot(sysctl):
    sysctl(kern_boottime="{ sec = 1700000000, usec = 0 }")
    assert boot_id() == "kern.boottime={ sec = 1700000000, usec = 0 }"


def test_an_empty_answer_is_none(sysctl):
    sysctl(kern_bootsessionuuid="", kern_boottime="{ sec = 2 }")
    assert boot_id() == "kern.boottime={ sec = 2 }"


@pytest.mark.parametrize("installed", [True, False])
def test_where_nothing_tells_every_call_is_another_boot(sysctl, installed):
    """Then whatever was under way counts as lost with the power: too much doubt, not too little."""
    if installed:
        sysctl()
    first, second = boot_id(), boot_id()
    assert first != second
    assert first.startswith("unknown-")


def test_what_is_no_text_is_no_id(sysctl, tmp_path):
    (tmp_path / "no-such-file").write_bytes(b"\xff\xfe\n")
    sysctl(kern_boottime="{ sec = 3 }")
    assert boot_id() == "kern.boottime={ sec = 3 }"
