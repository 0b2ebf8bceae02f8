"""Measured figures as a JSON file, and the rates and ratios that are computed from seconds.

Every measured second is kept; no rate and no ratio is. Starts no process.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import Measured
from benchmarks.programs import PROGRAMS

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
    """One workload."""

    name: str
    rounds: int
    missing: dict[str, str]
    rows: tuple[Row, ...]

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


@dataclass(frozen=True, slots=True)
class Figures:
    """All workloads of one run, the versions of the programs, the place and the time."""

    machine: dict[str, str]
    versions: dict[str, str]
    tables: dict[str, Table]


def collected(measured: Sequence[Measured]) -> Figures:
    """Return the figures of measured workloads."""
    programs = {row.program for one in measured for row in one.rows}
    versions = {name: one.version() for name, one in PROGRAMS.items() if name in programs}
    return Figures(_machine(), versions, {one.workload.name: _table(one) for one in measured})


def _machine() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def _table(measured: Measured) -> Table:
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
        )
        for row in measured.rows
    )
    return Table(measured.workload.name, measured.rounds, measured.missing, rows)


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
    return Table(found["name"], found["rounds"], found["missing"], tuple(rows))


def merged(old: Figures, new: Figures) -> Figures:
    """Return the old figures with the workloads of the new ones in place of theirs."""
    return Figures(new.machine, old.versions | new.versions, old.tables | new.tables)
