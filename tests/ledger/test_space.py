"""Full disks and read-only ones: nothing is sent that cannot be recorded."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mailbatch.errors import LedgerError
from tests.ledger.steps import NOW, numbers, people, plan, send

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


def test_room_for_more_than_there_is_is_refused(ledger):
    with pytest.raises(LedgerError, match=r"10000000000000 recipients need \d+ MB") as caught:
        ledger.plan.reserve_space(10**13)
    assert caught.value.exit_code == 74
    assert ledger.leases.lease(1, now=NOW) == []
