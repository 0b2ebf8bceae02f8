"""Measured figures as a JSON file, and the rates and ratios that are computed from seconds.

Every measured second is kept; no rate and no ratio is. Starts no process.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import platform
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measured
from benchmarks.programs import PROGRAMS
from benchmarks.workloads import AT, present

#: The program that ratios are ratios to.
BASE = "stdlib"
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the lowest and the highest of several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """One program in one workload; a list has one value for each run."""

    label: str
    program: str
    sessions: int
    recipients: int
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    peak_bytes: tuple[int | None, ...]
    session_seconds: tuple[float | None, ...]
    session_cpu_seconds: tuple[float | None, ...] = ()
    ledger_bytes: tuple[int | None, ...] = ()

    @property
    def rates(self) -> tuple[float, ...]:
        """Recipients per second, run by run; from the first connection on, where that is known."""
        pairs = zip(self.seconds, self.session_seconds, strict=True)
        return tuple(self.recipients / (seconds - (before or 0)) for seconds, before in pairs)

    @property
    def rate(self) -> Spread:
        """Recipients per second."""
        return Spread.of(self.rates)

    @property
    def commit(self) -> str:
        """The commit before that was measured, "" for the present one and for peers."""
        return self.program.partition(AT)[2]

    @property
    def ledger_bytes_each(self) -> float | None:
        """Bytes of the ledger's files behind a run, for one recipient; None without a ledger."""
        found = [size for size in self.ledger_bytes if size is not None]
        return statistics.median(found) / self.recipients if found else None

    @property
    def cpu_microseconds(self) -> float:
        """Processor time for one recipient, the median."""
        return statistics.median(self.cpu_seconds) / self.recipients * 1e6

    @property
    def peak(self) -> int | None:
        """The highest peak of memory in bytes; None where the parent's peak hid every peak."""
        return max((peak for peak in self.peak_bytes if peak is not None), default=None)

    @property
    def session(self) -> Spread:
        """The seconds from the start to the first session."""
        return Spread.of([seconds for seconds in self.session_seconds if seconds is not None])


@dataclass(frozen=True, slots=True)
class Table:
    """One workload; `date` and `commit` say when and of which commit it was measured, or ""."""

    name: str
    rounds: int
    missing: dict[str, str]
    rows: tuple[Row, ...]
    date: str = ""
    commit: str = ""

    def row(self, label: str, recipients: int | None = None) -> Row | None:
        """Return a row by its label, the last one if there are several; None without one."""
        found = [
            row for row in self.rows if row.label == label and recipients in (None, row.recipients)
        ]
        return found[-1] if found else None

    def ratio(self, row: Row, base: str = BASE) -> Spread | None:
        """Return how many times as fast as another program, round by round."""
        other = self.row(base)
        if other is None:
            return None
        return Spread.of([mine / its for mine, its in zip(row.rates, other.rates, strict=True)])

    def twin(self, row: Row) -> Row | None:
        """Return the row of the commit before that was measured beside a row, or None."""
        for other in self.rows:
            label = present(other.program, other.label)
            if (label, other.recipients) == (row.label, row.recipients):
                return other
        return None

    def to_before(self, row: Row, costs: Callable[[Row], Sequence[float | None]]) -> Spread | None:
        """Return the costs of a row to those of the commit before, run by run; None without one."""
        twin = self.twin(row)
        if twin is None:
            return None
        pairs = zip(costs(row), costs(twin), strict=True)
        known = [mine / its for mine, its in pairs if mine is not None and its is not None]
        return Spread.of(known) if known else None


@dataclass(frozen=True, slots=True)
class Figures:
    """All workloads of one run, the versions of the programs, the place and the time."""

    machine: dict[str, str]
    versions: dict[str, str]
    tables: dict[str, Table]


def collected(measured: Sequence[Measured], commit: str = "") -> Figures:
    """Return the figures of measured workloads; `commit` is the present one of mailbatch."""
    programs = {row.program for one in measured for row in one.rows}
    versions = {name: one.version() for name, one in PROGRAMS.items() if name in programs}
    tables = {one.workload.name: _table(one, commit) for one in measured}
    return Figures(_machine(), versions, tables)


def _machine() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
        "processor": _processor(),
    }


def _processor() -> str:
    """Return the name of the processor, as Linux tells it; empty elsewhere."""
    with contextlib.suppress(OSError):
        found = re.search(r"(?m)^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"))
        return found[1] if found else ""
    return ""


def _table(measured: Measured, commit: str) -> Table:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    rows = tuple(
        Row(
            row.label,
            row.program,
            row.sessions,
            row.recipients,
            tuple(round(usage.seconds, 4) for usage in row.usages),
            tuple(round(usage.cpu_seconds, 4) for usage in row.usages),
            tuple(usage.peak_bytes for usage in row.usages),
            tuple(usage.session_seconds for usage in row.usages),
            tuple(usage.session_cpu_seconds for usage in row.usages),
            tuple(usage.ledger_bytes for usage in row.usages),
        )
        for row in measured.rows
    )
    name = measured.workload.name
    return Table(name, measured.rounds, measured.missing, rows, today, commit)


def write(figures: Figures, path: Path) -> None:
    """Write figures to a JSON file."""
    path.write_text(json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Figures:
    """Read a file that `write` wrote."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    tables = {name: _read_table(table) for name, table in found["tables"].items()}
    return Figures(found["machine"], found["versions"], tables)


def _read_table(found: dict[str, Any]) -> Table:
    rows: list[Row] = []
    for row in found["rows"]:
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
        }
        rows.append(Row(**values))
    said = (found["date"], found["commit"])
    return Table(found["name"], found["rounds"], found["missing"], tuple(rows), *said)


def merged(old: Figures, new: Figures) -> Figures:
    """Return the old figures with the workloads of the new ones in place of theirs."""
    return Figures(new.machine, old.versions | new.versions, old.tables | new.tables)
