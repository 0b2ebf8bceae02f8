"""Full disks and read-only ones: nothing is sent that cannot be recorded."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mailbatch.errors import LedgerError
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.steps import NOW, numbers, open_ledger, people, plan, row, send

ROOT = Path(__file__).parents[2]
# A mount that only the command sees, and that is gone with it.
_MOUNT = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'


def _on_new_disk(size, folder, *command):
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", _MOUNT, "sh", size, str(folder), *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


@pytest.fixture
def on_disk(tmp_path):
    """Runs a scenario of small_disk.py on a new file system of the given size."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        pytest.skip("unshare and mount are not installed")
    if _on_new_disk("64k", tmp_path, "true").returncode:
        pytest.skip("a file system cannot be mounted here: not root")

    def run(scenario, size):
        script = [sys.executable, "-m", "tests.ledger.small_disk", scenario, str(tmp_path)]
        done = _on_new_disk(size, tmp_path, *script)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_disk_that_is_full_after_room_was_taken_stops_nobody(on_disk):
    seen = on_disk("reserved", "8m")
    assert seen == {"done": 300, "counts": {"accepted": 300}, "after": {"accepted": 300}}


def test_too_little_room_is_said_before_anything_is_sent(on_disk):
    seen = on_disk("too_little", "8m")
    assert seen["exit"] == 74
    assert "no room to record the run: 300 recipients need" in seen["error"]
    assert "nothing was sent" in seen["hint"]
    assert seen["after"] == {"pending": 300}


def test_a_disk_that_becomes_full_stops_the_run_and_nothing_is_forgotten(on_disk):
    seen = on_disk("full_on_the_way", "8m")
    assert seen["exit"] == 74
    assert "space" in seen["hint"]
    assert 0 < seen["done"] < 300
    assert seen["counts"].get("accepted", 0) == seen["done"]
    after = seen["after"]
    assert after.get("accepted", 0) == seen["done"]
    assert after.get("in_doubt", 0) <= 1, "at most the delivery whose outcome found no room"
    assert sum(after.values()) == 300
    assert seen["rest"] == after["pending"]


def test_a_plan_that_finds_no_room_leaves_the_old_one(on_disk):
    seen = on_disk("full_plan", "1m")
    assert seen["exit"] == 74
    assert seen["counts"] == {"pending": 2}


def test_a_migration_that_finds_no_room_leaves_the_earlier_version(on_disk):
    """It is tried again once there is room, and nothing is lost of what it has to recover."""
    seen = on_disk("migration", "2m")
    refused = [found for found in seen if "error" in found]
    assert {found["room"] for found in refused} >= {0, 4096, 16_384}
    for found in refused:
        assert found["exit"] == 74
        assert "space" in found["hint"]
        assert found["version"] == 2
    assert "error" not in seen[-1]
    assert {json.dumps(found["after"], sort_keys=True) for found in seen} == {
        json.dumps(
            {"accepted": 4, "deferred": 2, "in_doubt": 2, "invalid": 1, "pending": 2,
             "rejected": 2, "withdrawn": 1},
        )
    }  # fmt: skip


def test_results_that_find_no_room_leave_the_old_file_and_no_litter(on_disk):
    seen = on_disk("full_results", "1m")
    assert seen["exit"] == 74
    assert "space" in seen["hint"]
    assert seen["kept"]
    assert [name for name in seen["names"] if "results" in name] == ["results.csv"]


def test_a_read_only_disk_can_be_looked_at_and_not_run_on(on_disk):
    seen = on_disk("read_only", "1m")
    assert seen["counts"] == {"pending": 2}
    for step in ("open", "new"):
        assert seen[step]["exit"] == 74
        assert "Read-only file system" in seen[step]["error"]
        assert "--state-dir" in seen[step]["hint"]


def test_room_is_taken_once(ledger, path):
    """Taking it again finds it there; a run that uses it does not grow the ledger."""
    plan(ledger, people(*(f"somebody-{n}@example.org" for n in range(2000))))
    ledger.plan.reserve_space()
    size = path.stat().st_size
    ledger.plan.reserve_space()
    assert path.stat().st_size == size
    while send(ledger):
        pass
    assert numbers(ledger) == {"accepted": 2000}
    assert path.stat().st_size == size


@pytest.mark.parametrize("size", [1000, 2])
def test_the_room_for_groups_holds_a_refusal_for_each(ledger, path, size):
    """Each with a text of its own: the most that a recipient of a group adds."""
    names = [f"somebody-{n}@example.org" for n in range(2000)]
    rows = [row(n + 2, name, group=(f"lot{n // size}",)) for n, name in enumerate(names)]
    plan(ledger, rows, group_by=("lot",))
    ledger.plan.reserve_space()
    taken = path.stat().st_size
    while leased := ledger.leases.lease(256, now=NOW):
        for one in leased:
            ledger.records.commit_point(one.id)
            outcomes = [
                Outcome(
                    name,
                    Status.REJECTED,
                    Reply(550, (f"5.1.1 <{name}> is not here".ljust(120, "."),)),
                )
                for name in one.unsettled
            ]
            ledger.records.settle(one.id, outcomes, now=NOW, retry_at=None)
    ledger.plan.mark_finished(NOW)
    assert numbers(ledger) == {"rejected": 2000}
    assert path.stat().st_size == taken


def test_groups_take_less_room(tmp_path):
    """Their deliveries are few, and written by the plan."""
    free = {}
    for name, group in (("groups", ("all",)), ("singles", None)):
        path = tmp_path / name
        with open_ledger(path) as ledger:
            rows = [row(n + 2, f"n{n}@x.org", group=group) for n in range(2000)]
            plan(ledger, rows, group_by=("lot",) if group else ())
            ledger.plan.reserve_space()
        with closing(sqlite3.connect(path)) as connection:
            (free[name],) = connection.execute("PRAGMA freelist_count").fetchone()
    assert 0.5 * free["singles"] < free["groups"] < 0.75 * free["singles"]


def test_room_for_more_than_there_is_is_refused(ledger):
    with pytest.raises(LedgerError, match=r"10000000000000 recipients need \d+ MB") as caught:
        ledger.plan.reserve_space(10**13)
    assert caught.value.exit_code == 74
    assert ledger.leases.lease(1, now=NOW) == []
