"""Measure how long the reports of a large edition take: made of bodies, joined, and shown.

    python -m benchmarks.reports                      # 1,000,000 recipients, a report of each
    python -m benchmarks.reports --recipients 20000

The ledger is that of an edition which was sent, one message a recipient; the store holds what a
provider posts, 2,000 reports a body, in an order of its own. `reports show` runs twice: the first
time the bodies are read, too. The seconds of the processor are what counts on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailbatch.cli.main import put_away_at_the_end
from mailbatch.envelope import Recipient
from mailbatch.ledger.ports import CommitPoint, Settlement
from mailbatch.ledger.store import Ledger
from mailbatch.outcome import Outcome, Reply, Status
from mailbatch.reports.store import Body, Origin, ReportStore

HERE = Path(__file__).parent
REPORTS_A_BODY = 2000
#: One in so many bounces.
BOUNCES = 20
SENT_AT = 1_796_000_000.0
_LOT = 256
_MIB = 1024  # ru_maxrss is in KiB
JOB = """\
version: 1
name: large
edition: "1"
server: {host: smtp.example.com}
sender: {from: News <news@example.com>}
recipients: {file: recipients.csv}
message: {subject: Hello, text: letter.txt.j2}
callbacks: {notify_url: "https://hooks.example.com/reports"}
"""
DELIVERED = ({"id": 5, "groupId": 3, "name": "DELIVERED_TO_HANDSET"}, {"id": 0, "groupId": 0})
BOUNCED = (
    {"id": 4, "groupId": 2, "name": "UNDELIVERABLE_REJECTED_OPERATOR"},
    {"id": 6006, "groupId": 2, "name": "EC_INVALID_EMAIL_ADDRESS", "permanent": True},
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a command: seconds on the wall and of processors, and the peak memory in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float

    def __str__(self) -> str:
        cpu, seconds = f"{self.cpu_seconds:.1f} s of processor", f"{self.seconds:.1f} s"
        return f"{cpu}, {seconds}, {self.peak_mib:.0f} MiB"


def write_edition(folder: Path, recipients: int) -> None:
    """Write a job, the ledger of its edition, and a store with a report of each recipient."""
    (folder / "job.yaml").write_text(JOB, encoding="utf-8")
    (folder / "recipients.csv").write_text("email\na@example.org\n", encoding="utf-8")
    (folder / "letter.txt.j2").write_text("Hello\n", encoding="utf-8")
    state = folder / ".mailbatch"
    state.mkdir()
    sent = list(_send(state / "large@1.sqlite3", recipients))
    random.Random(1).shuffle(sent)
    with ReportStore(state / "reports.sqlite3") as store:
        for begin in range(0, len(sent), REPORTS_A_BODY):
            entries = [
                _entry(number, token, address)
                for number, (token, address) in enumerate(sent[begin : begin + REPORTS_A_BODY])
            ]
            store.keep([Body(json.dumps({"results": entries}).encode(), Origin.SERVE, SENT_AT)])


def _send(path: Path, recipients: int) -> Iterator[tuple[str, str]]:
    """Yield the token and the address of each delivery of an edition that is sent meanwhile."""
    with Ledger.open(path, job="large", edition="1", message_id_domain="example.com") as ledger:
        addresses = (f"person{n}@example{n % 997}.org" for n in range(recipients))
        rows = (Recipient(n, one, (one,)) for n, one in enumerate(addresses, start=2))
        ledger.plan.reconcile(("email",), rows, group_by=(), recipients_per_transaction=100)
        while lot := ledger.leases.lease(_LOT, now=SENT_AT):
            ledger.records.record((), [CommitPoint(one.id) for one in lot])
            settled = []
            for one in lot:
                reply = Reply(250, (f"Message queued as <{one.id:032x}>",), "2.6.0")
                outcome = Outcome(one.unsettled[0], Status.ACCEPTED, reply)
                settled.append(Settlement(one.id, [outcome], SENT_AT, None))
                yield one.token, one.unsettled[0]
            ledger.records.record(settled, ())
        ledger.plan.mark_finished(SENT_AT)


def _entry(number: int, token: str, address: str) -> dict[str, Any]:
    status, error = DELIVERED if number % BOUNCES else BOUNCED
    return {
        "bulkId": "large-1",
        "messageId": token * 2,
        "to": address,
        "sentAt": "2026-11-29T10:00:00.120+0000",
        "doneAt": "2026-11-29T10:00:02.480+0000",
        "smsCount": 1,
        "status": status,
        "error": error,
        "callbackData": json.dumps({"mb": token}),
    }


def cost_of(folder: Path, *arguments: str) -> tuple[Cost, str]:
    """Run mailbatch in a folder, and return the cost with the standard output."""
    figures = folder / "figures"
    python, environment = sys.executable, {"PYTHONPATH": str(HERE.parent)}
    launch = [python, "-I", "-S", str(HERE / "launch.py"), str(figures), os.devnull]
    done = subprocess.run(
        [*launch, python, "-m", "mailbatch", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    code, _, seconds, cpu, peak, _ = map(float, figures.read_text(encoding="ascii").split())
    if code:
        raise RuntimeError(f"mailbatch {' '.join(arguments)} ended with {code:.0f}")
    return Cost(seconds, cpu, peak / _MIB), done.stdout


def main(given: list[str] | None = None) -> int:
    """Build the edition, run each command, and print the costs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports")
    parser.add_argument("--recipients", type=int, default=1_000_000)
    asked = parser.parse_args(given)
    with tempfile.TemporaryDirectory(prefix="mailbatch-reports-") as name:
        folder = Path(name)
        write_edition(folder, asked.recipients)
        for what, *words in (
            ("read, joined and shown", "reports", "show", "job.yaml"),
            ("joined and shown", "reports", "show", "job.yaml"),
            ("results with reports", "results", "job.yaml", "--results", "with.csv"),
        ):
            cost, _ = cost_of(folder, *words)
            print(f"{what}: {cost}")
        (folder / ".mailbatch" / "reports.sqlite3").unlink()
        cost, _ = cost_of(folder, "results", "job.yaml", "--results", "without.csv")
        print(f"results without a store: {cost}")
    return 0


if __name__ == "__main__":
    put_away_at_the_end()
    sys.exit(main())
