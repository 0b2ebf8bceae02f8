"""A mailing in a folder of its own, run against a test server, and the invariants it must keep.

The server's journal is the independent record: it is written before each reply, by code that shares
nothing with mailbatch. `Scene.check` holds the ledger's word against it.
"""

from __future__ import annotations

import base64
import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from mailbatch.cli.transcript import Transcript
from mailbatch.delivery.ledgers import LedgerPlace, is_begun, open_to_read
from mailbatch.delivery.options import RunOptions, Summary
from mailbatch.delivery.runner import run
from mailbatch.job.loader import load_job
from mailbatch.ledger.postgres.address import place_in
from mailbatch.results.file import write_results
from tests.support.faults import Kind, Stage
from tests.support.journal import Taken

#: Everything a reply may take before the client gives up, scaled down from minutes.
SOON = {"connect": "2s", "command": "0.7s", "data": "0.7s", "end_of_data": "0.7s"}
#: For whoever is not to give up: longer than any machine is busy, shorter than a test may hang.
PATIENT = dict.fromkeys(("connect", "command", "data", "end_of_data"), "20s")
#: Which of them notices a server that says nothing more; `command` where none is named.
NOTICED_BY = {
    Stage.CONNECT: "connect",
    Stage.BANNER: "connect",
    Stage.TLS: "connect",
    Stage.DATA: "data",
    Stage.BODY: "end_of_data",
    Stage.DOT: "end_of_data",
    Stage.HALF: "end_of_data",
}


def patience(stage: Stage, kind: Kind) -> dict[str, str]:
    """The deadlines for a fault: short is only the one that has to notice it.

    A machine that is busy for a second is no fault of the server.
    """
    if kind not in {Kind.STALL, Kind.DRIP}:
        return PATIENT
    noticing = NOTICED_BY.get(stage, "command")
    return PATIENT | {noticing: SOON[noticing]}


#: What is final for a mailing whose server is healthy again.
SETTLED = {"accepted", "rejected", "in_doubt", "skipped", "invalid"}
#: What no run and nobody changes again.
FOR_GOOD = {"accepted", "skipped"}


@dataclass
class Scene:
    """A job with `recipients` recipients in `folder`, at the server on `port`.

    They have addresses of so many `domains`, and the `zones` in turn. `retry` adds to the waits of
    the job. The ledger is in the `database` of this URL, else in a file. `fallback` has the port of
    a second server, and what else is to be said of it.
    """

    folder: Path
    port: int
    recipients: int = 3
    attempts: int = 1
    security: str = "plaintext"
    ca_file: Path | None = None
    pipelining: bool = True
    chunking: bool = True
    password: str | None = None
    username: str | None = None
    group: bool = False
    sessions: int = 1
    domains: int = 1
    retry: Mapping[str, str] | None = None
    rate: str | None = None
    window: Mapping[str, object] | None = None
    cap: str | None = None
    warmup: dict[str, int] | None = None
    timeouts: Mapping[str, str] | None = None
    text: str = "Hello {{ name }}\n"
    dsn: tuple[str, ...] = ()
    database: str | None = None
    fallback: Mapping[str, object] | None = None
    send_at: str | None = None
    zones: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        server = {
            "host": "localhost" if self.ca_file else "127.0.0.1",
            "port": self.port,
            "security": self.security,
            "pipelining": "auto" if self.pipelining else "off",
            "sessions": self.sessions,
            "timeouts": dict(self.timeouts or PATIENT),
        }
        if not self.chunking:
            server["chunking"] = "off"
        if self.rate is not None:
            server["rate"] = self.rate
        if self.window is not None:
            server["window"] = dict(self.window)
        if self.cap is not None:
            server["cap"] = self.cap
        if self.warmup is not None:
            server["warmup"] = self.warmup
        if self.ca_file is not None:
            server["ca_file"] = str(self.ca_file)
        if self.username is not None:
            server["username"] = self.username
            server["password"] = {"env": "SCENE_PASSWORD"}
        else:
            server["auth"] = "none"
        if self.fallback is not None:
            like = {"host": "127.0.0.1", "security": "plaintext", "auth": "none"}
            server["fallback"] = {**like, "timeouts": dict(server["timeouts"]), **self.fallback}
        job = {
            "version": 1,
            "name": "scene",
            "server": server,
            "sender": {"from": "News <news@example.com>"},
            "recipients": {"file": "recipients.csv"},
            "message": {"subject": "Hello", "text": "letter.txt.j2"},
            "retry": {
                "attempts": self.attempts,
                "initial": "0.05s",
                "maximum": "0.2s",
                **(self.retry or {}),
            },
            "results": "results.csv",
        }
        if self.dsn:
            job["reports"] = {"dsn": list(self.dsn)}
        if self.send_at is not None:
            job["message"]["send_at"] = self.send_at
        if self.group:
            job["recipients"]["group_by"] = ["lot"]
        self.job.write_text(yaml.safe_dump(job, sort_keys=False), encoding="utf-8")
        (self.folder / "letter.txt.j2").write_text(self.text, encoding="utf-8")
        self.write_recipients(self.addresses)

    @property
    def job(self) -> Path:
        """The job file."""
        return self.folder / "job.yaml"

    @property
    def ledger(self) -> Path:
        """The ledger, where nobody has named another state directory."""
        return self.folder / ".mailbatch" / "scene@1.sqlite3"

    @property
    def place(self) -> LedgerPlace:
        """The place of the ledger, a file or in the database."""
        return self.ledger if self.database is None else place_in(self.database, "scene", "1")

    @property
    def addresses(self) -> list[str]:
        """Every planned recipient."""
        if self.domains == 1:
            return [f"user{n}@example.net" for n in range(1, self.recipients + 1)]
        each = range(1, self.recipients + 1)
        return [f"user{n}@d{n % self.domains}.example.net" for n in each]

    def write_recipients(self, addresses: Iterable[str]) -> None:
        """Write the recipient table."""
        with (self.folder / "recipients.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["email", "name", "lot", *["zone"][: len(self.zones)]])
            for number, address in enumerate(addresses):
                zone = [self.zones[number % len(self.zones)]] if self.zones else []
                writer.writerow([address, f"Name {number}", "a", *zone])

    def run(self, **options: object) -> Summary:
        """Run the job in this process; what was settled before it is what it was.

        With a password there is a transcript of the run, and nothing that it leaves has the
        password in it.
        """
        environ = {"SCENE_PASSWORD": self.password or ""}
        before = self.statuses() if (self.folder / "results.csv").exists() else {}
        options = {"ledger": self.database, **options}
        job = load_job(self.job)
        if self.password is None:
            summary = run(job, RunOptions(**options), environ=environ)
        else:
            with Transcript(self.folder / "transcript.txt") as transcript:
                transcript.begin()
                summary = run(job, RunOptions(transcript=transcript, **options), environ=environ)
            self.check_secret(summary)
        if before and summary.results == self.folder / "results.csv":
            now = self.statuses()
            kept = {a: s for a, s in before.items() if s in FOR_GOOD and a in now}
            assert kept == {address: now[address] for address in kept}
        return summary

    def results(self) -> list[dict[str, str]]:
        """The rows of the results CSV."""
        with (self.folder / "results.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def statuses(self) -> dict[str, str]:
        """Each address with its status, from the results."""
        return {row["email"]: row["status"] for row in self.results()}

    def check(self, taken: Iterable[Taken], *, finished: bool = True, resent: int = 0) -> None:
        """Hold the results against the server's journal: the invariants of the promise.

        `taken` are all messages that servers took over. `resent` is how many copies somebody asked
        for by `resolve --resend`.
        """
        taken = list(taken)
        rows, statuses = self.results(), self.statuses()
        got = Counter(address for message in taken for address in message.recipients)
        # Every planned row has exactly one status, and none is left over at the end (no loss).
        assert sorted(row["email"] for row in rows) == sorted(self.addresses)
        if finished:
            assert set(statuses.values()) <= SETTLED, statuses
        # Nobody twice, unless somebody asked for it.
        twice = sum(number - 1 for number in got.values())
        assert twice <= resent, {a: n for a, n in got.items() if n > 1}
        for address, status in statuses.items():
            # Accepted is true; what arrived is accepted, or named as doubtful.
            if status == "accepted":
                assert got[address], f"{address} is accepted, but nothing arrived"
            if got[address]:
                assert status in {"accepted", "in_doubt", "skipped"}, (address, status)
        # A message id stands for the same bytes, always.
        contents: dict[str | None, set[str]] = {}
        for message in taken:
            contents.setdefault(message.message_id, set()).add(message.sha256)
            # Nobody reads the address of another recipient.
            alone = message.recipients if len(message.recipients) == 1 else ()
            assert set(message.named) <= set(alone), message
        assert all(len(digests) == 1 for digests in contents.values())
        self.check_files()

    def check_secret(self, summary: Summary) -> None:
        """The password stands in no file and in no word of the run, as it is or in base64."""
        secret = (self.password or "").encode()
        said = b"\0".join([b"", (self.username or "").encode(), secret])
        told = repr(summary).encode() + str(summary.failure).encode()
        for form in (secret, base64.b64encode(secret), base64.b64encode(said)):
            assert form not in told
            for path in self.folder.rglob("*"):
                assert not path.is_file() or form not in path.read_bytes(), f"{form!r} in {path}"

    def check_files(self) -> None:
        """The results follow from the ledger, and no run has left anything lying about."""
        assert not list(self.folder.glob(".*.tmp"))
        if not is_begun(self.place):
            return
        again = self.folder / "again.csv"
        with open_to_read(self.place) as ledger:
            write_results(ledger, again)
        assert again.read_bytes() == (self.folder / "results.csv").read_bytes()
        again.unlink()
        if self.database is not None:  # only what this machine has seen of it lies there
            assert {path.suffix for path in self.ledger.parent.iterdir()} == {".seen"}
            return
        # Whoever only looks leaves an empty journal and its index; a run takes them away.
        beside = {path.name: path.stat().st_size for path in self.ledger.parent.iterdir()}
        assert beside.get(f"{self.ledger.name}-wal", 0) == 0
        assert not [name for name in beside if ".new" in name]
