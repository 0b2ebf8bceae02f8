"""Measure what a message costs a worker and its database, beside a run with a file.

    python -m benchmarks.workers                     # 6,000 messages, 16 sessions, 3 rounds
    python -m benchmarks.workers --against HEAD~3    # an earlier commit in the same rounds
    python -m benchmarks.workers --together 2 --recipients 1000000 --rounds 1    # module `together`

A round has a whole `mailbatch run` into smtp-sink, then the same mailing planned into a private
PostgreSQL, whose settings are its own defaults, and sent by one `mailbatch work`. Seconds of the
processor are those of whole processes with their children; those of the database are of all its
processes while the worker lives, so the plan is not in there. This module must never judge.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import together
from benchmarks.against import ROOT, built
from benchmarks.database import SETTINGS, is_offered, seconds_of
from benchmarks.mailing import Mailing, Scene, write_scene
from benchmarks.servers import Server, serving, until
from mailbatch.cli.main import put_away_at_the_end
from tests.support.postgresql import Cluster

HERE = Path(__file__).parent
_PLAN_SECONDS = 120.0
_WAL = "SELECT wal_bytes::bigint, wal_sync::bigint FROM pg_stat_wal"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a message, in microseconds of processor, and of the log of the database.

    `syncs` are those of the log, `wal` its bytes.
    """

    plain: float
    database: float
    worker: float
    wal: float
    syncs: float

    @property
    def ratios(self) -> tuple[float, float]:
        """Database and worker, each to the plain run."""
        return self.database / self.plain, self.worker / self.plain


def measure(side: Path, server: Server, *, recipients: int, sessions: int) -> Cost:
    """Send a mailing by a plain run, and once more by a worker; the package is that of `side`.

    Raises:
        RuntimeError: a command failed, or not all messages arrived.
    """
    with tempfile.TemporaryDirectory(prefix="mailbatch-bench-") as name:
        scene = Scene(Path(name) / "job", server, Mailing(), recipients, sessions)
        write_scene(scene)
        before = server.arrived()
        plain = _command(side, scene.folder, "run", "job.yaml", "--yes", "--quiet")
        _check_arrived(server, before + recipients)
        for known in (".mailbatch", "results"):  # else the mailing would be said to be sent already
            shutil.rmtree(scene.folder / known)
        with Cluster(beside=Path("/tmp"), **SETTINGS) as cluster:
            _plan(side, scene, cluster)
            before, used = server.arrived(), seconds_of(cluster)
            wal, syncs = cluster.fetch(_WAL)[0]
            words = ["work", "--sessions", str(sessions), "--ledger", cluster.address]
            worker = _command(side, scene.folder, *words, "--state-dir", "seen", "--quiet")
            used = seconds_of(cluster) - used
            _check_arrived(server, before + recipients)
            wal_after, syncs_after = cluster.fetch(_WAL)[0]
        a_message = 1e6 / recipients
        return Cost(
            plain * a_message,
            used * a_message,
            worker * a_message,
            (wal_after - wal) / recipients,
            (syncs_after - syncs) / recipients,
        )


def _plan(side: Path, scene: Scene, cluster: Cluster) -> None:
    """Plan the mailing and offer it to workers by a run that sends nothing, and leaves."""
    words = ["run", "job.yaml", "--yes", "--sessions", "0", "--ledger", cluster.address]
    run = subprocess.Popen(
        [sys.executable, "-m", "mailbatch", *words],
        cwd=scene.folder,
        env=os.environ | {"PYTHONPATH": str(side)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: is_offered(cluster), "the plan", _PLAN_SECONDS)
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(timeout=60)


def _command(side: Path, folder: Path, *words: str) -> float:
    """Run mailbatch in a folder, and return the seconds of the processor, children included."""
    figures, running = folder / "usage.txt", folder / "running.txt"
    launch = [sys.executable, "-I", "-S", str(HERE / "launch.py"), str(figures), str(running)]
    with (folder / "errors.txt").open("w+b") as errors:
        subprocess.run(
            [*launch, sys.executable, "-m", "mailbatch", *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(side)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            check=True,
        )
        code, _, _, cpu, *_ = map(float, figures.read_text(encoding="ascii").split())
        if code:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"mailbatch {words[0]} ended with {code:.0f}: {said}")
    return cpu


def _check_arrived(server: Server, expected: int) -> None:
    until(lambda: server.arrived() == expected, f"{expected} messages")


def shown(costs: Sequence[tuple[str, Sequence[Cost]]]) -> str:
    """Return a table: for each side the medians of all rounds, and the range of the ratios."""
    titles = ("side", "database to plain", "worker to plain", "plain, µs", "database, µs")
    titles = (*titles, "worker, µs", "log, bytes", "messages a sync")
    lines = [f"| {' | '.join(titles)} |", "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for side, found in costs:
        ratios = [_spread(column) for column in zip(*(one.ratios for one in found), strict=True)]
        numbers = [
            f"{statistics.median(getattr(one, name) for one in found):.0f}"
            for name in ("plain", "database", "worker", "wal")
        ]
        batch = f"{statistics.median(1 / one.syncs for one in found):.1f}"
        lines.append(f"| {' | '.join([side, *ratios, *numbers, batch])} |")
    return "\n".join(lines)


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


@contextlib.contextmanager
def _sides(commits: Sequence[str]) -> Iterator[list[tuple[str, Path]]]:
    with contextlib.ExitStack() as stack:
        earlier = [stack.enter_context(built(commit)) for commit in commits]
        yield [("here", ROOT), *((one.commit, one.folder) for one in earlier)]


def main(given: list[str] | None = None) -> int:
    """Measure all sides in turn, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers")
    parser.add_argument("--recipients", type=int, default=6000)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--together", type=int, metavar="WORKERS", help="a whole mailing, once")
    parser.add_argument("--against", metavar="COMMIT", action="append", default=[])
    options = parser.parse_args(given)
    if options.together:
        with serving() as server:
            for _ in range(options.rounds):
                one = together.measure(
                    ROOT,
                    server,
                    recipients=options.recipients,
                    sessions=options.sessions,
                    workers=options.together,
                )
                print("\n".join(one.lines), flush=True)
        return 0
    with _sides(options.against) as sides, serving() as server:
        found: list[tuple[str, list[Cost]]] = [(name, []) for name, _ in sides]
        for number in range(options.rounds):
            pairs = list(zip(sides, found, strict=True))
            for (name, side), (_, costs) in (
                pairs[number % len(pairs) :] + pairs[: number % len(pairs)]
            ):
                costs.append(
                    measure(side, server, recipients=options.recipients, sessions=options.sessions)
                )
                print(f"round {number + 1}, {name}: {costs[-1]}", file=sys.stderr)
    print(shown(found))
    return 0


if __name__ == "__main__":
    put_away_at_the_end()
    sys.exit(main())
