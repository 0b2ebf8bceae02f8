"""Figures to the tables of the page and to its picture: written from benchmarks/figures.json.

`python -m benchmarks.report` writes what stands between the comments `measured: NAME` and `end of
NAME` of docs/explanation/performance.md, and the picture beside it. With `--check` it only says
whether they are what it would write. All other text of the page is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import figures as keeping
from benchmarks.figures import MIB, Figures, Row, Spread, Table
from benchmarks.goals import GOALS
from benchmarks.plot import drawn
from benchmarks.programs import PROGRAMS
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "benchmarks" / "figures.json"
PAGE = ROOT / "docs" / "explanation" / "performance.md"
PICTURE = PAGE.with_suffix(".svg")

_PART = re.compile(
    r"(?P<begin><!-- measured: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)"
    r"(?P<end><!-- end of (?P=name) -->)",
    re.DOTALL,
)


def goals(found: Figures) -> str:
    """Return the goals and whether they are met, those that were measured."""
    lines = ["| goal | wanted | measured | |", "|---|---|---|---|"]
    for goal in GOALS:
        value = goal.value(found)
        if value is not None:
            met = "met" if goal.holds(value) else "**missed**"
            lines.append(f"| {goal.words} | {goal.wanted} | {goal.shown.format(value)} | {met} |")
    return "\n".join(lines)


def workloads(found: Figures) -> str:
    """Return a section with a table for every workload that was measured."""
    sections = []
    for name, workload in WORKLOADS.items():
        table = found.tables.get(name)
        if table is None:
            continue
        words = [workload.what, f"{table.rounds} round{'s' * (table.rounds != 1)}."]
        if workload.left_out:
            words.append(workload.left_out)
        words += [f"Not measured: {why}." for why in table.missing.values()]
        body = _rates(table, workload.unit) if workload.unit else _times(table)
        sections.append(f"### {name}\n\n{' '.join(words)}\n\n{body}")
    return "\n\n".join(sections)


def _rates(table: Table, unit: str) -> str:
    lines = [
        f"| program | times stdlib | {unit}/s | {unit} a round | processor, µs each | memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in table.rows:
        ratio = table.ratio(row)
        cells = (
            row.label,
            _spread(ratio, "{:.1f}") if ratio is not None else "",
            _spread(row.rate, "{:,.0f}" if row.rate.low >= 100 else "{:.1f}"),
            f"{row.recipients:,}",
            f"{row.cpu_microseconds:,.0f}",
            _memory(row),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _times(table: Table) -> str:
    lines = ["| program | seconds | seconds of processor | memory |", "|---|---:|---:|---:|"]
    for row in table.rows:
        cpu = _spread(Spread.of(row.cpu_seconds), "{:.2f}")
        if any(seconds is not None for seconds in row.session_seconds):
            opened = _spread(row.session, "{:.2f}")
            lines.append(f"| {row.label}, until the first session | {opened} | | |")
        seconds = _spread(Spread.of(row.seconds), "{:.2f}")
        lines.append(f"| {row.label} | {seconds} | {cpu} | {_memory(row)} |")
    return "\n".join(lines)


def _spread(spread: Spread, form: str) -> str:
    """Return the median, and lowest to highest behind it where they differ as written."""
    median, low, high = (form.format(x) for x in (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} ({low} to {high})"


def _memory(row: Row) -> str:
    return f"{row.peak / MIB:.0f} MiB" if row.peak is not None else "little"


def programs(found: Figures) -> str:
    """Return what each program does, with its version."""
    lines = ["| program | version | what it does |", "|---|---|---|"]
    lines += [f"| {n} | {v} | {PROGRAMS[n].what} |" for n, v in found.versions.items()]
    return "\n".join(lines)


def machine(found: Figures) -> str:
    """Return where and when it was measured."""
    said = found.machine
    return (
        f"Measured on {said['date']}, on {said['system']} with {said['cores']} cores, "
        f"{said['python']}."
    )


PARTS: dict[str, Callable[[Figures], str]] = {
    "goals": goals,
    "workloads": workloads,
    "programs": programs,
    "machine": machine,
}


def page(text: str, found: Figures) -> str:
    """Return the page with every measured part written anew."""
    return _PART.sub(
        lambda part: f"{part['begin']}\n{PARTS[part['name']](found)}\n\n{part['end']}", text
    )


def shown(found: Figures) -> str:
    """Return the figures for a terminal: ratios first, then the goals."""
    measured = any(goal.value(found) is not None for goal in GOALS)
    return workloads(found) + (f"\n\n{goals(found)}" if measured else "")


def write() -> None:
    """Write page and picture from the figures that are kept."""
    found = keeping.read(FIGURES)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    PICTURE.write_text(drawn(found), encoding="utf-8")


def stale() -> list[str]:
    """Return the files that are not what would be written."""
    found = keeping.read(FIGURES)
    text = PAGE.read_text(encoding="utf-8")
    files = {PAGE: (text, page(text, found))}
    files[PICTURE] = (PICTURE.read_text(encoding="utf-8"), drawn(found))
    return [path.name for path, (is_, wanted) in files.items() if is_ != wanted]


def main(given: list[str]) -> int:
    """Write, or check."""
    if given != ["--check"]:
        write()
        return 0
    for name in stale():
        print(f"{name} is not what `python -m benchmarks.report` writes", file=sys.stderr)
    return 1 if stale() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
