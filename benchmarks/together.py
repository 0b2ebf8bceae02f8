"""Measure a whole mailing that several workers send, beside a run with a file.

    python -m benchmarks.workers --together 2 --recipients 1000000 --rounds 1

The plain side is a `mailbatch run` into smtp-sink. The other side is a `mailbatch run --sessions 0`
whose ledger is a private PostgreSQL, and workers that have the sessions of the plain run among
them; they begin when the plan is offered. Both are measured from the first start until the results
are written. This module must never judge.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.database import SETTINGS, is_offered, seconds_of
from benchmarks.mailing import Mailing, Scene, write_scene
from benchmarks.servers import Server, until
from tests.support.postgresql import Cluster

HERE = Path(__file__).parent
_PLAN_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What processes have spent: seconds by the clock, seconds of processors, and memory.

    `memory` is the most that one process had at once, in MiB.
    """

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Together:
    """A round: the plain run, the run that watches, its workers, and their database.

    `planned` are the seconds by the clock until workers could begin. `database` are seconds of
    processors, `load` is that of the machine before and behind each side.
    """

    plain: Spent
    watching: Spent
    workers: tuple[Spent, ...]
    planned: float
    database: float
    load: tuple[float, float, float]

    @property
    def lines(self) -> list[str]:
        """The round as rows of a table."""
        plain, run = self.plain, self.watching
        cpu = sum(one.cpu for one in (run, *self.workers))
        memory = max(one.memory for one in self.workers)
        workers = f"{len(self.workers)} workers ({self.planned:.0f} s of it planned)"
        wall = f"{run.wall:.0f} ({run.wall / plain.wall:.2f})"
        processors = f"{cpu:.0f}, and {self.database:.0f} of the database"
        most = f"{memory:.0f}, and {run.memory:.0f} of the run"
        return [
            "| side | seconds | seconds of processors | MiB of the largest process |",
            "|---|---:|---:|---:|",
            f"| one run with a file | {plain.wall:.0f} | {plain.cpu:.0f} | {plain.memory:.0f} |",
            f"| {workers} | {wall} | {processors} | {most} |",
            "",
            f"load before, between and behind: {', '.join(f'{one:.1f}' for one in self.load)}",
        ]


def measure(
    side: Path, server: Server, *, recipients: int, sessions: int, workers: int
) -> Together:
    """Plan, send and write results by one run, then by workers; the package is that of `side`.

    Raises:
        RuntimeError: a command failed, or a result is missing.
        TimeoutError: not all messages arrived.
    """
    with tempfile.TemporaryDirectory(prefix="mailbatch-bench-", dir="/tmp") as name:
        scene = Scene(Path(name) / "job", server, Mailing(), recipients, sessions)
        write_scene(scene)
        load = [os.getloadavg()[0]]
        expected = server.arrived() + recipients
        plain = _Command(side, scene.folder, "plain", "run", "job.yaml", "--yes", "--quiet").end()
        _check(scene, server, expected)
        load.append(os.getloadavg()[0])
        for known in (".mailbatch", "results"):  # else the mailing would be said to be sent already
            shutil.rmtree(scene.folder / known)
        with Cluster(beside=Path("/tmp"), **SETTINGS) as cluster:
            before, began = seconds_of(cluster), time.monotonic()
            far = ("--ledger", cluster.address, "--quiet")
            words = ("run", "job.yaml", "--yes", "--sessions", "0", *far)
            run = _Command(side, scene.folder, "run", *words)
            until(lambda: is_offered(cluster), "the plan", _PLAN_SECONDS, pause=0.5)
            planned = time.monotonic() - began
            shares = [len(range(number, sessions, workers)) for number in range(workers)]
            hands = [
                _Command(
                    side, scene.folder, f"worker-{number}",
                    "work", "--sessions", str(share), "--state-dir", f"seen-{number}", *far,
                )
                for number, share in enumerate(shares)
            ]  # fmt: skip
            spent = tuple(hand.end() for hand in hands)
            watching = run.end()
            database = seconds_of(cluster) - before
            _check(scene, server, expected + recipients)
        load.append(os.getloadavg()[0])
        first, second, third = load
        return Together(plain, watching, spent, planned, database, (first, second, third))


def _check(scene: Scene, server: Server, expected: int) -> None:
    until(lambda: server.arrived() == expected, f"{expected} messages")
    (results,) = (scene.folder / "results").glob("*.csv")
    with results.open(encoding="utf-8") as rows:
        accepted = sum(",accepted," in row for row in rows)
    if accepted != scene.recipients:
        raise RuntimeError(f"{accepted} of {scene.recipients} recipients are accepted")


class _Command:
    """A command of mailbatch that is under way."""

    def __init__(self, side: Path, folder: Path, name: str, *words: str) -> None:
        self._figures, self._errors = folder / f"{name}.usage", folder / f"{name}.errors"
        self._words = words
        launch = [sys.executable, "-I", "-S", str(HERE / "launch.py"), str(self._figures)]
        launch += [str(folder / f"{name}.running"), sys.executable, "-m", "mailbatch", *words]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                launch,
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(side)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def end(self) -> Spent:
        """Wait for the end; return what was spent, children included.

        Raises:
            RuntimeError: the command failed.
        """
        self._process.wait()
        figures = None
        with suppress(OSError):
            figures = self._figures.read_text(encoding="ascii")
        code, _, wall, cpu, memory, _ = map(float, (figures or "1 0 0 0 0 0").split())
        if code:
            said = self._errors.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"mailbatch {self._words[0]} ended with {code:.0f}: {said}")
        return Spent(wall, cpu, memory / 1024)
