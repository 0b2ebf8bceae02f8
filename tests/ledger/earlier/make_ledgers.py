"""Write the ledgers of an earlier version that the tests of migrations begin with.

Run with a mailbatch that writes the version. The history has it up to a commit: 2 up to f4a82d3, 3
up to 382de31, 4 up to e0d31ba1, 5 up to 654a426b.

    mkdir /tmp/before && git archive e0d31ba1 | tar -x -C /tmp/before
    PYTHONPATH=/tmp/before python tests/ledger/earlier/make_ledgers.py

Each ledger is a dump of its rows with the note of its lock file and the points of its witness, and
beside it the results as that mailbatch shows them. `killed` and `grouped` are those of a run that
died by kill -9, `put_away` that of a run that ended in order.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

from mailbatch.envelope import Delivery, Recipient
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status

try:
    from mailbatch.results.file import write_results
except ImportError:  # where version 2 was written: that ledger played all roles itself
    from mailbatch.ledger.results import write_results

    for role in ("plan", "leases", "records", "doubts"):
        setattr(Ledger, role, property(lambda ledger: ledger))

HERE = Path(__file__).parent
NOW = 1_700_000_000.0
LATER = Reply(451, ("try again",), "4.7.1")
NEVER = Reply(550, ("no such user",), "5.1.1")


def taken(number: int) -> Reply:
    """Return a reply that names the message."""
    return Reply(250, (f"Message queued as <0b3f-{number:04}>",), "2.6.0")


def opened(path: Path) -> Ledger:
    """Open the ledger for a run."""
    return Ledger.open(
        path, job="news", edition="48", message_id_domain="example.com", boot_id="boot-1"
    )


def plan(ledger: Ledger, rows: list[Recipient], *, group_by: tuple[str, ...] = ()) -> None:
    """Plan a table of addresses and groups."""
    columns = ("email", "country")
    ledger.plan.reconcile(columns, rows, group_by=group_by, recipients_per_transaction=3)


def settle(ledger: Ledger, delivery: Delivery, *outcomes: tuple[Status, Reply]) -> None:
    """Pass the commit point and settle: one outcome an address, the last for all the rest."""
    ledger.records.commit_point(delivery.id, digest=bytes(32))
    said = [*outcomes, *[outcomes[-1]] * len(delivery.unsettled)]
    found = [Outcome(a, *one) for a, one in zip(delivery.unsettled, said, strict=False)]
    ledger.records.settle(delivery.id, found, now=NOW, retry_at=NOW + 60)


def killed(path: Path) -> None:
    """Two runs died; of the second everything is under way that can be."""
    names = [f"{letter}@example.org" for letter in "abcdefghijklmn"]
    rows = [Recipient(n, name, (name, "de"), None, "pending", None)
            for n, name in enumerate(names, start=2)]  # fmt: skip
    if not path.exists():
        ledger = opened(path)
        plan(ledger, rows)
        a, b, c, d, e = ledger.leases.lease(5, now=NOW)
        settle(ledger, a, (Status.ACCEPTED, taken(1)))
        settle(ledger, b, (Status.ACCEPTED, Reply(250, ("OK",), "2.0.0")))
        settle(ledger, c, (Status.REJECTED, NEVER))
        settle(ledger, d, (Status.DEFERRED, LATER))
        ledger.records.commit_point(e.id, digest=bytes(32))
        os._exit(0)
    ledger = opened(path)
    ledger.doubts.resolve("resend", address="e@example.org", now=NOW)
    plan(ledger, [row for row in rows if not row.address.startswith("n")])
    e, f, g, h, i, j, k, l = ledger.leases.lease(8, now=NOW)  # noqa: E741 - their addresses
    assert [x.key[0] for x in (e, f, l)] == ["e", "f", "l"]
    settle(ledger, f, (Status.ACCEPTED, taken(2)))
    settle(ledger, g, (Status.DEFERRED, LATER))
    settle(ledger, h, (Status.REJECTED, NEVER))
    ledger.records.commit_point(k.id)
    ours = Outcome(k.unsettled[0], Status.ACCEPTED, taken(3))
    copy = Outcome("cc@example.org", Status.REJECTED, NEVER)
    ledger.records.settle(k.id, [ours, copy], now=NOW, retry_at=None)
    ledger.records.invalidate(l.id, "no attachment", now=NOW)
    ledger.records.commit_point(e.id, digest=bytes(32))
    ledger.records.commit_point(i.id, digest=bytes(32))
    assert j.key == "j@example.org"
    os._exit(0)


def grouped(path: Path) -> None:
    """Groups of several addresses: one taken whole, one in part, one under way, one cut."""
    rows = []
    for n, (letter, country) in enumerate(
        zip("abcdefghijkl", ["de", "de", "de", "at", "at", "at"] * 2, strict=True), start=2
    ):
        name = f"{letter}@example.org"
        rows.append(Recipient(n, name, (name, country), (country,), "pending", None))
    ledger = opened(path)
    plan(ledger, rows, group_by=("country",))
    de1, at1 = ledger.leases.lease(2, now=NOW)
    settle(ledger, de1, (Status.ACCEPTED, taken(1)))
    settle(ledger, at1, (Status.ACCEPTED, taken(2)), (Status.REJECTED, NEVER),
           (Status.DEFERRED, LATER))  # fmt: skip
    (de2,) = ledger.leases.lease(1, now=NOW, most=2)
    assert len(de2.unsettled) == 2
    ledger.records.commit_point(de2.id, digest=bytes(32))
    ledger.leases.lease(1, now=NOW)
    os._exit(0)


def children(path: Path) -> None:
    """`group_by: [email, child]`, when an address was a recipient: the second child is left out."""
    rows = []
    for n, (letter, child) in enumerate(("a1", "a2", "b1", "c1", "d1"), start=2):
        name = f"{letter}@example.org"
        rows.append(Recipient(n, name, (name, child), (name, child), "pending", None))
    ledger = opened(path)
    ledger.plan.reconcile(
        ("email", "child"), rows, group_by=("email", "child"), recipients_per_transaction=3
    )
    a, b = ledger.leases.lease(2, now=NOW)
    settle(ledger, a, (Status.ACCEPTED, taken(1)))
    settle(ledger, b, (Status.DEFERRED, LATER))
    ledger.leases.lease(1, now=NOW, address="d@example.org")
    os._exit(0)


def put_away(path: Path) -> None:
    """A run that ended in order, and left a lease that it never tried."""
    names = [f"{letter}@example.org" for letter in "abcdef"]
    rows = [Recipient(n, name, (name, "de"), None, "pending", None)
            for n, name in enumerate(names, start=2)]  # fmt: skip
    with opened(path) as ledger:
        plan(ledger, rows)
        a, b, c, d, _e = ledger.leases.lease(5, now=NOW)
        settle(ledger, a, (Status.ACCEPTED, taken(1)))
        settle(ledger, b, (Status.REJECTED, NEVER))
        settle(ledger, c, (Status.DEFERRED, LATER))
        ledger.records.commit_point(d.id, digest=bytes(32))
    os._exit(0)


def in_a_process_that_dies(step: Callable[[Path], None], path: Path) -> None:
    """Run a step in a process of its own, which ends without putting anything away."""
    process = os.fork()
    if not process:
        try:
            step(path)
        finally:
            os._exit(1)
    assert os.waitpid(process, 0)[1] == 0


def write(name: str, path: Path) -> int:
    """Write the dump of a ledger, and its results; return the version of the ledger."""
    (points, _said) = path.with_name(f".{path.name}.seen").read_text().splitlines()
    note = json.loads(path.with_name(path.name + ".lock").read_text())
    # Where it was made says nothing; `rebuild` puts in where it is.
    note |= {"host": "here", "home": "here", "pid": 0}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    lines = [
        f"-- note {json.dumps(note)}",
        f"-- points {points}",
        "PRAGMA application_id=1835166823;",
        f"PRAGMA user_version={version};",
    ]
    lines.extend(connection.iterdump())
    connection.close()
    (HERE / f"version_{version}_{name}.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Ledger.read(path, boot_id="boot-1") as ledger:
        write_results(ledger, HERE / f"version_{version}_{name}.csv")
    return version


def main() -> None:
    """Write them all."""
    for step, times in ((killed, 2), (grouped, 1), (put_away, 1), (children, 1)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "news.ledger"
            for _ in range(times):
                in_a_process_that_dies(step, path)
            if write(step.__name__, path) == 2 and step is put_away:
                break  # of children, version 2 left none out


if __name__ == "__main__":
    main()
