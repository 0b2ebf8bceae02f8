"""Figures to the tables of the page and to its picture, from benchmarks/figures.json.

`python docs/generate.py` writes the parts of docs/explanation/performance.md that stand between the
comments `measured: NAME` and `end of NAME`, and the picture beside the page. All other text of the
page is written by hand.
"""

from __future__ import annotations

import re
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
    """Return the table of the measured goals, met or missed."""
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
    """Return the median, and the range behind the median where both ends differ as written."""
    median, low, high = (form.format(x) for x in (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} ({low} to {high})"


def _memory(row: Row) -> str:
    return f"{row.peak / MIB:.0f} MiB" if row.peak is not None else "little"


def programs(found: Figures) -> str:
    """Return the table of the programs: version and description."""
    lines = ["| program | version | what it does |", "|---|---|---|"]
    lines += [f"| {n} | {v} | {PROGRAMS[n].what} |" for n, v in found.versions.items()]
    return "\n".join(lines)


def machine(found: Figures) -> str:
    """Return the sentence about the machine and the date."""
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


def files() -> dict[Path, str]:
    """Return the page and the picture, each with the text that the kept figures give it."""
    found = keeping.read(FIGURES)
    return {PAGE: page(PAGE.read_text(encoding="utf-8"), found), PICTURE: drawn(found)}
