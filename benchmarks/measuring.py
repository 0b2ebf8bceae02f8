"""Runs of whole programs in turn: seconds, processor time, peak memory, and the arrived messages.

Knows no workload by name and computes no ratio.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import servers, slow_disk
from benchmarks.mailing import Scene, write_scene
from benchmarks.programs import PROGRAMS, Program
from benchmarks.servers import Server, serving, until
from benchmarks.workloads import Share, Workload

HERE = Path(__file__).parent
#: The server counts a message before it answers, but its file may be a moment behind.
ARRIVAL_SECONDS = 5.0
#: ru_maxrss is in KiB, on macOS in bytes.
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of one process: seconds on the wall and of processors, and bytes of memory.

    `started` is on the monotonic clock. `peak_bytes` is None where the parent's peak is higher: a
    new process begins as a copy of the parent. `session_seconds` is the time from the start to the
    first connection, and `session_cpu_seconds` the processors' until then, where a relay measured
    that. `ledger_bytes` is the size of the ledger's files behind the program, where there are any.
    """

    started: float
    seconds: float
    cpu_seconds: float
    peak_bytes: int | None
    session_seconds: float | None = None
    session_cpu_seconds: float | None = None
    ledger_bytes: int | None = None


@dataclass(slots=True)
class Row:
    """The results of a share, round by round."""

    label: str
    program: str
    sessions: int
    recipients: int
    usages: list[Usage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured workload; `missing` has the other programs, each with the reason."""

    workload: Workload
    rounds: int
    rows: tuple[Row, ...]
    missing: dict[str, str]


class NotMeasured(Exception):
    """A program failed, or not all of its messages arrived."""


def measure(
    workload: Workload,
    *,
    rounds: int | None = None,
    recipients: int | None = None,
    only: Collection[str] = (),
    round_trip_ms: float | None = None,
    programs: Mapping[str, Program] = PROGRAMS,
) -> Measured:
    """Run every program once in each round, in an order that turns; all see the same moods.

    None takes the workload's own value; `only` names programs, by default all. `programs` are
    those that shares name.
    """
    rounds = rounds or workload.rounds
    chosen = [share for share in workload.shares if not only or share.program in only]
    missing = {s.program: why for s in chosen if (why := programs[s.program].missing())}
    shares = [share for share in chosen if share.program not in missing]
    delay = workload.round_trip_ms if round_trip_ms is None else round_trip_ms
    with (
        tempfile.TemporaryDirectory(prefix="mailbatch-bench-") as name,
        serving(
            round_trip_ms=delay,
            smtpd=workload.smtpd,
            tls=workload.tls,
            tls_end=workload.tls_end,
            ids=workload.ids,
        ) as server,
    ):
        around = slow_disk.environment(Path(name)) if workload.slow_disk else {}
        of = recipients or workload.recipients
        pairs = _scenes(workload, shares, Path(name), server, of, around)
        for number in range(rounds):
            for share, scene, row in _turned(pairs, number):
                for _ in range(share.repeat):
                    row.usages.append(run(programs[share.program], scene))
                    said = f"{workload.name}, round {number + 1}: {row.label}"
                    print(f"{said}: {row.usages[-1].seconds:.2f} s", file=sys.stderr)
    return Measured(workload, rounds, tuple(row for _, _, row in pairs), missing)


def _scenes(
    workload: Workload,
    shares: list[Share],
    folder: Path,
    server: Server,
    recipients: int,
    environment: Mapping[str, str],
) -> list[tuple[Share, Scene, Row]]:
    found: list[tuple[Share, Scene, Row]] = []
    for number, share in enumerate(shares):
        count = share.recipients(recipients)
        if share.behind:
            scene = found[-1][1]
        else:
            own = folder / str(number)
            mailing = dataclasses.replace(workload.mailing, own=share.own)
            scene = Scene(own, server, mailing, count, share.sessions, share.tls, environment)
            write_scene(scene)
        found.append((share, scene, Row(share.label, share.program, share.sessions, count)))
    return found


def _turned(
    pairs: list[tuple[Share, Scene, Row]], number: int
) -> Iterator[tuple[Share, Scene, Row]]:
    """Begin each round with another one, so that none always follows the same.

    The shares of one folder stay together, in their order.
    """
    folders: list[list[tuple[Share, Scene, Row]]] = []
    for one in pairs:
        if one[0].behind:
            folders[-1].append(one)
        else:
            folders.append([one])
    turn = number % max(len(folders), 1)
    for folder in folders[turn:] + folders[:turn]:
        yield from folder


def run(program: Program, scene: Scene) -> Usage:
    """Run a program to the end.

    Raises:
        NotMeasured: The program fails, or messages are missing.
    """
    expected = {"all": scene.transactions, "one": 1, "none": 0}[program.sends]
    if program.sends != "none" and not program.goes_on:
        _forget(scene.folder)
    if program.prepare is not None:
        program.prepare(scene)
    before, connected = scene.server.arrived(), len(scene.server.connections())
    usage = _process(program, scene)
    try:
        until(lambda: scene.server.arrived() - before == expected, "the messages", ARRIVAL_SECONDS)
    except TimeoutError as error:
        arrived = scene.server.arrived() - before
        raise NotMeasured(f"{program.name}: {arrived} messages of {expected} arrived") from error
    usage = dataclasses.replace(usage, ledger_bytes=_ledger_bytes(scene.folder))
    connections = scene.server.connections()[connected:]
    if not connections:
        return usage
    return dataclasses.replace(
        usage,
        session_seconds=connections[0] - usage.started,
        session_cpu_seconds=scene.server.spent()[connected],
    )


def _ledger_bytes(folder: Path) -> int | None:
    below = folder / ".mailbatch"
    files = [*below.glob("*.sqlite3"), *below.glob("*.sqlite3-wal")]
    return sum(file.stat().st_size for file in files) or None


def _forget(folder: Path) -> None:
    """Remove ledger and results of an earlier round."""
    for below in ("results", ".mailbatch"):
        for file in (folder / below).glob("*"):
            file.unlink()


def _process(program: Program, scene: Scene) -> Usage:
    environment = os.environ | program.environment | scene.environment
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
    figures = scene.folder / "usage.txt"
    running = scene.server.running or scene.folder / "running.txt"
    launch = [sys.executable, "-I", "-S", str(HERE / "launch.py"), str(figures), str(running)]
    with (scene.folder / "errors.txt").open("w+b") as errors:
        subprocess.run(
            [*launch, *program.command(scene)],
            cwd=scene.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            check=True,
        )
        code, started, seconds, cpu, peak, own = map(
            float, figures.read_text(encoding="ascii").split()
        )
        if code != program.returns:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-2000:]
            raise NotMeasured(f"{program.name} ended with {code:.0f}: {said}")
    return Usage(started, seconds, cpu, int(peak) * _MEMORY_UNIT if peak > own else None)


def obstacle(workload: Workload) -> str | None:
    """Return the reason why the workload's server cannot be started here, or None."""
    why = servers.missing(tls=workload.tls, smtpd=workload.smtpd, tls_end=workload.tls_end)
    return why or (slow_disk.missing() if workload.slow_disk else None)
