"""What the ledger costs, against what the same machine needs for one bare commit of SQLite.

Ratios, because machines differ; the bare commit is measured in between, so that other work on the
machine slows both.
"""

import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status
from tests.ledger.steps import NOW, open_ledger, plan, row

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long


def rows(number):
    for n in range(number):
        address = f"user{n * 7919 % number}@example.com"
        yield row(n + 2, address, "Ada", "Lovelace", "de", "pro", str(n))


def clock():
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_utime
        + resource.getrusage(resource.RUSAGE_SELF).ru_stime
    )


@pytest.fixture
def bare(tmp_path):
    """A bare commit: one row of one page, WAL, synchronous=NORMAL; gives its seconds."""
    connection = sqlite3.connect(tmp_path / "bare", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, value)")
    connection.execute("INSERT INTO one VALUES (1, 0)")

    def commit():
        started = time.perf_counter()
        connection.execute("UPDATE one SET value = value + 1 WHERE id = 1")
        return time.perf_counter() - started

    yield commit
    connection.close()


def test_a_message_costs_less_than_four_bare_commits(tmp_path, bare):
    """Commit point and outcome: two commits, and little more."""
    with open_ledger(tmp_path / "ledger") as ledger:
        plan(ledger, rows(3000))
        ledger.plan.reserve_space()
        ratios = []
        while leased := ledger.leases.lease(32, now=NOW):
            base = spent = 0.0
            for delivery in leased:
                outcome = Outcome(delivery.key, Status.ACCEPTED, Reply(250, (delivery.message_id,)))
                base += bare()
                started = time.perf_counter()
                ledger.records.commit_point(delivery.id, digest=bytes(32))
                ledger.records.settle(delivery.id, [outcome], now=NOW, retry_at=None)
                spent += time.perf_counter() - started
            ratios.append(spent / base)
    assert sorted(ratios)[len(ratios) // 2] < 4


def test_a_planned_row_costs_less_than_two_bare_commits(tmp_path, bare):
    started = clock()
    for _ in range(5000):
        bare()
    commit = (clock() - started) / 5000
    with open_ledger(tmp_path / "ledger") as ledger:
        started = clock()
        plan(ledger, rows(100_000))
        first = (clock() - started) / 100_000
        started = clock()
        plan(ledger, [*rows(100_000), row(200_000, "one@more.org")])
        again = (clock() - started) / 100_000
    assert first < 2 * commit
    assert again < 3 * commit


def test_the_counts_of_a_large_table_take_no_time(tmp_path):
    with open_ledger(tmp_path / "ledger") as ledger:
        plan(ledger, rows(100_000))
        with Ledger.read(tmp_path / "ledger") as reader:
            started = clock()
            assert reader.standing.counts()[Status.PENDING] == 100_000
            assert clock() - started < 0.05


_PLAN = """
import resource, sys
from pathlib import Path
from tests.ledger.steps import *
from tests.ledger.test_speed import rows
number = int(sys.argv[2])
with open_ledger(Path(sys.argv[1])) as ledger:
    plan(ledger, rows(number))
    plan(ledger, list(rows(10)))
    ledger.leases.lease(1000, now=NOW)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_the_memory_does_not_grow_with_the_table(tmp_path):
    peaks = []
    for number in (150_000, 450_000):
        done = subprocess.run(
            [sys.executable, "-c", _PLAN, str(tmp_path / str(number)), str(number)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < 150
    assert peaks[1] - peaks[0] < 10, "megabytes for 300,000 rows more"
