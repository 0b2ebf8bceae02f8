"""Measure mailbatch beside each peer that is installed, and write the figures.

python -m benchmarks.run --goals                             what every goal wants, and the page
python -m benchmarks.run --goals --workload plan             the goals of one workload anew
python -m benchmarks.run                                     every workload, to look at
python -m benchmarks.run --workload newsletter --rounds 3    one, to look at
python -m benchmarks.run --workload group --against HEAD~1   mailbatch beside itself, a commit ago
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from benchmarks import against, report
from benchmarks import figures as keeping
from benchmarks.against import Earlier, beside, built, shown
from benchmarks.figures import Figures
from benchmarks.goals import BEFORE, MEASURED
from benchmarks.measuring import Measured, NotMeasured, measure, obstacle
from benchmarks.programs import PROGRAMS, Program
from benchmarks.workloads import WORKLOADS
from mailbatch.cli.main import put_away_at_the_end


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure mailbatch beside each peer that is installed.",
    )
    parser.add_argument(
        "--workload", nargs="*", choices=WORKLOADS, help="default: every one, or all with a goal"
    )
    parser.add_argument("--rounds", type=int, help="default: the workload's own")
    parser.add_argument("--recipients", type=int, help="default: the workload's own")
    parser.add_argument("--only", nargs="*", choices=PROGRAMS, default=[], help="these programs")
    parser.add_argument(
        "--against",
        metavar="COMMIT",
        help="measure mailbatch alone, beside this commit of the repository, in pairs; with "
        f"--goals and --page the commit before, by default {BEFORE[:8]}",
    )
    parser.add_argument(
        "--goals",
        action="store_true",
        help="measure each workload that a goal is about, and the commit before where a goal "
        "compares with it; keep the figures and write the page as --page does",
    )
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument(
        "--page",
        action="store_true",
        help="keep the figures in benchmarks/figures.json and write the page and its picture anew, "
        "after each workload; with the commit before, as --goals",
    )
    asked = parser.parse_args(given)
    asked.workload = asked.workload or list(MEASURED if asked.goals else WORKLOADS)
    asked.page = asked.page or asked.goals
    if asked.page and asked.only:
        parser.error("--goals and --page want every program")
    if asked.page:
        asked.against = asked.against or BEFORE
    elif asked.against and asked.json:
        parser.error("--against prints ratios, which --json does not keep")
    return asked


def main(given: list[str] | None = None) -> int:
    """Measure and show the workloads, write the files of the options, return the exit code."""
    asked = arguments(given)
    try:
        with built(asked.against) if asked.against else nullcontext() as earlier:
            return measure_all(asked, earlier)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2


def measure_all(asked: argparse.Namespace, earlier: Earlier | None) -> int:
    """Measure and show what the options ask for, beside the commit before; return the exit code."""
    started, commit = time.monotonic(), against.commit()
    measured: list[Measured] = []
    failed = False
    for name in asked.workload:
        workload = WORKLOADS[name]
        programs: Mapping[str, Program] = PROGRAMS
        if earlier is not None:
            workload, programs = beside(workload, earlier, goals=asked.page)
        if (why := obstacle(workload)) is not None:
            print(f"{name} is left out: {why}", file=sys.stderr)
            continue
        try:
            measured.append(
                measure(
                    workload,
                    rounds=asked.rounds,
                    recipients=asked.recipients,
                    only=asked.only,
                    programs=programs,
                )
            )
        except NotMeasured as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
            continue
        if asked.page:
            keep(keeping.collected(measured[-1:], commit))
    if earlier is not None and not asked.page:
        print(shown(measured))
        print(f"{time.monotonic() - started:.0f} s in all", file=sys.stderr)
        return int(failed)
    found = keeping.collected(measured, commit)
    print(report.shown(found))
    print(f"{time.monotonic() - started:.0f} s in all", file=sys.stderr)
    if asked.json is not None:
        keeping.write(found, asked.json)
    return int(failed)


def keep(found: Figures) -> None:
    """Put the figures in the place of those that are kept, and write the page from all of them."""
    if report.FIGURES.exists():
        found = keeping.merged(keeping.read(report.FIGURES), found)
    keeping.write(found, report.FIGURES)
    for path, text in report.files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    put_away_at_the_end()
    sys.exit(main())
