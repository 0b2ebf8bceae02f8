"""Figures to the tables of the page and to its picture, from benchmarks/figures.json.

`python docs/generate.py` writes the parts of docs/explanation/performance.md that stand between the
comments `measured: NAME` and `end of NAME`, and the picture beside the page. All other text of the
page is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import figures as keeping
from benchmarks.figures import BASE, MIB, Figures, Row, Spread, Table
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


def goals(found: Figures, *, every: bool = True) -> str:
    """Return the table of the goals, met, missed or not measured; or of the measured ones alone."""
    lines = ["| what | wanted | measured | met or missed |", "|---|---|---|---|"]
    for goal in GOALS:
        value = goal.of(found)
        if value is not None:
            met = "met" if goal.holds(value.median) else "**missed**"
            lines.append(
                f"| {goal.words} | {goal.wanted} | {_measured(value, goal.shown)} | {met} |"
            )
        elif every:
            lines.append(f"| {goal.words} | {goal.wanted} | | not measured |")
    return "\n".join(lines)


def _measured(value: Spread, shown: str) -> str:
    """Return a median with its unit, and the range behind it."""
    number, _, unit = shown.partition("}")
    return f"{_spread(value, number + '}')}{unit}"


def workloads(found: Figures) -> str:
    """Return a section with a table for every workload that was measured."""
    sections = []
    for name, workload in WORKLOADS.items():
        table = found.tables.get(name)
        if table is None:
            continue
        words = [workload.what, f"{table.rounds} round{'s' * (table.rounds != 1)}{_taken(table)}."]
        if workload.left_out:
            words.append(workload.left_out)
        words += [f"Not measured: {why}." for why in table.missing.values()]
        body = _rates(table, workload.unit) if workload.unit else _times(table)
        sections.append(f"### {name}\n\n{' '.join(words)}\n\n{body}")
    return "\n\n".join(sections)


def _taken(table: Table) -> str:
    """Return when a workload was measured, and of which commit, behind a comma; or nothing."""
    said = [table.date] if table.date else []
    said += [f"at {table.commit}"] if table.commit else []
    return f", {' '.join(said)}" if said else ""


def _rates(table: Table, unit: str) -> str:
    titles = [f"{unit}/s", f"{unit} a round", "processor, µs each", "memory"]
    if table.row(BASE) is not None:
        titles.insert(0, f"times {BASE}")
    elif any(row.commit for row in table.rows):
        titles.insert(0, "whole process, times the commit before")
    lines = [f"| program | {' | '.join(titles)} |", f"|---{'|---:' * len(titles)}|"]
    for row in table.rows:
        ratio = table.ratio(row) or table.to_before(row, lambda one: [1 / s for s in one.seconds])
        cells = (
            row.label,
            *[_spread(ratio, "{:.1f}") if ratio is not None else ""] * (len(titles) - 4),
            _spread(row.rate, "{:,.0f}" if row.rate.low >= 100 else "{:.1f}"),
            f"{row.recipients:,}",
            f"{row.cpu_microseconds:,.0f}",
            _memory(row),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _times(table: Table) -> str:
    beside = any(row.commit for row in table.rows)
    titles = ["program", "seconds", "seconds of processor"]
    titles += ["processor, to the commit before"] if beside else []
    titles += ["memory", "ledger, bytes each"]
    lines = [f"| {' | '.join(titles)} |", f"|---{'|---:' * (len(titles) - 1)}|"]
    for row in table.rows:
        if any(seconds is not None for seconds in row.session_seconds):
            cells = [f"{row.label}, until the first session", _spread(row.session, "{:.2f}")]
            cells.append(_known(row.session_cpu_seconds))
            cells += [_to_before(table, row, lambda one: one.session_cpu_seconds)] * beside
            lines.append(f"| {' | '.join([*cells, '', ''])} |")
        cells = [row.label, _known(row.seconds), _known(row.cpu_seconds)]
        cells += [_to_before(table, row, lambda one: one.cpu_seconds)] * beside
        each = row.ledger_bytes_each
        cells += [_memory(row), f"{each:,.0f}" if each is not None else ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _known(seconds: Sequence[float | None]) -> str:
    """Return the spread of seconds, those that are not known left out."""
    known = [one for one in seconds if one is not None]
    return _spread(Spread.of(known), "{:.2f}") if known else ""


def _to_before(table: Table, row: Row, costs: Callable[[Row], Sequence[float | None]]) -> str:
    ratio = table.to_before(row, costs)
    return _spread(ratio, "{:.2f}") if ratio is not None else ""


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
    processor = f" ({said['processor']})" if said["processor"] else ""
    dates = sorted({table.date for table in found.tables.values()})
    commits = {table.commit for table in found.tables.values()}
    when = f"on {dates[0]}" if len(dates) == 1 else f"from {dates[0]} to {dates[-1]}"
    words = f"Measured {when}, on {said['system']} with {said['cores']} cores{processor}, "
    words += f"{said['python']}"
    if len(dates) == len(commits) == 1:
        words += f", commit {commit}" if (commit := next(iter(commits))) else ""
    else:
        words += "; each table below says when, and of which commit"
    rows = (row for table in found.tables.values() for row in table.rows)
    before = sorted({row.commit for row in rows if row.commit})
    return words + (f". The commit before is {', '.join(before)}." if before else ".")


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
    measured = any(goal.of(found) is not None for goal in GOALS)
    return workloads(found) + (f"\n\n{goals(found, every=False)}" if measured else "")


def files() -> dict[Path, str]:
    """Return the page and the picture, each with the text that the kept figures give it."""
    found = keeping.read(FIGURES)
    return {PAGE: page(PAGE.read_text(encoding="utf-8"), found), PICTURE: drawn(found)}
