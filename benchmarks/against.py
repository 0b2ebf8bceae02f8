"""Another commit of mailbatch, measured beside the present one: `--against COMMIT`, `--goals`.

    with built("HEAD~3") as earlier:
        workload, programs = beside(WORKLOADS["newsletter"], earlier)
        print(shown([measure(workload, programs=programs)]))

The commit's files go into the folder of temporary files, and run with the same interpreter and the
same packages. Each share of mailbatch gets a twin that runs the commit, right behind the share:
both of a pair see the same moods of the machine. Ratios are those of pairs. This module must never
write into the repository: a worktree would stay registered there, where a measurement is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Measured, Row
from benchmarks.programs import PROGRAMS, Program
from benchmarks.workloads import AT, Share, Workload, present
from mailbatch.temporary import temporary_folder

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Earlier:
    """A commit that can be run: the short name, and the folder with the package."""

    commit: str
    folder: Path


@contextlib.contextmanager
def built(commit: str) -> Iterator[Earlier]:
    """Give the files of a commit for the time of the block.

    Raises:
        ValueError: the repository has no such commit.
    """
    asked = ["rev-parse", "--verify", "--quiet", "--short", f"{commit}^{{commit}}"]
    found = _git(*asked, check=False)
    if found.returncode:
        raise ValueError(f"{commit!r} is no commit of this repository")
    with temporary_folder() as folder:
        _put_files(found.stdout.strip(), folder)
        # Else the first run would compile, and only that.
        both = [str(one / "mailbatch") for one in (folder, ROOT)]
        subprocess.run([sys.executable, "-m", "compileall", "-q", *both], check=True)
        yield Earlier(found.stdout.strip(), folder)


def _put_files(commit: str, folder: Path) -> None:
    command = ["git", "-C", str(ROOT), "archive", commit]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as archive,
        tarfile.open(fileobj=archive.stdout, mode="r|") as files,
    ):
        files.extractall(folder, filter="data")
    if archive.returncode:
        raise subprocess.CalledProcessError(archive.returncode, command)


def commit() -> str:
    """Return the short name of the present commit, with `+` where the package differs from it."""
    found = _git("rev-parse", "--short", "HEAD", check=False)
    if found.returncode:
        return ""
    changed = _git("status", "--porcelain", "--", "mailbatch").stdout.strip()
    return found.stdout.strip() + ("+" if changed else "")


def _git(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=check)


def beside(
    workload: Workload, earlier: Earlier, *, goals: bool = False
) -> tuple[Workload, Mapping[str, Program]]:
    """Return the shares of mailbatch, each with its twin behind it, and the programs of both.

    With `goals` every share stays, and those that a goal compares with a commit before have a twin.
    The present side runs from this repository, whatever is installed.
    """
    path = os.pathsep.join(filter(None, [str(earlier.folder), os.environ.get("PYTHONPATH")]))
    ours = {name: one for name, one in PROGRAMS.items() if name.startswith("mailbatch")}
    programs = {
        name + AT + earlier.commit: dataclasses.replace(
            one,
            name=name + AT + earlier.commit,
            version=lambda: earlier.commit,
            environment={**one.environment, "PYTHONPATH": path},
        )
        for name, one in ours.items()
    }
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    mine = {
        name: dataclasses.replace(one, environment={**one.environment, "PYTHONPATH": path})
        for name, one in ours.items()
    }
    shares = workload.shares
    if not goals:
        shares = tuple(share for share in shares if share.program in ours)
    twins = {share for share in shares if share.before or not goals}
    both = tuple(_with_twins(shares, twins, earlier.commit))
    return dataclasses.replace(workload, shares=both), {**PROGRAMS, **mine, **programs}


def _with_twins(shares: Sequence[Share], twins: Collection[Share], commit: str) -> Iterator[Share]:
    """Yield each share, and the twin of it, if it has one; shares of one folder stay together."""
    folder: list[Share] = []
    for share in (*shares, None):
        if share is None or not share.behind:
            yield from folder
            yield from (one.at(commit) for one in folder if one in twins)
            folder = []
        if share is not None:
            folder.append(share)


def shown(measured: Sequence[Measured]) -> str:
    """Return a table of ratios: processor time and seconds of the present side to the commit's."""
    titles = ("workload", "program", "runs", "processor, to", "seconds, to")
    titles = (*titles, "processor, s each", "seconds each")
    lines = [f"| {' | '.join(titles)} |", "|---|---|---:|---:|---:|---:|---:|"]
    for one in measured:
        rows = {(row.label, row.recipients): row for row in one.rows}
        for row in one.rows:
            twin = next((rows[key] for key in rows if _is_twin(row, rows[key])), None)
            if twin is not None:
                lines.append(_line(one.workload.name, row, twin))
    return "\n".join(lines)


def _is_twin(row: Row, other: Row) -> bool:
    label = present(other.program, other.label)
    return (label, other.recipients) == (row.label, row.recipients)


def _line(workload: str, row: Row, twin: Row) -> str:
    pairs = list(zip(row.usages, twin.usages, strict=True))
    cpu = [mine.cpu_seconds / its.cpu_seconds for mine, its in pairs]
    wall = [mine.seconds / its.seconds for mine, its in pairs]
    cells = (
        workload,
        f"{row.label}, {row.recipients:,}",
        str(len(pairs)),
        _spread(cpu),
        _spread(wall),
        _both([(mine.cpu_seconds, its.cpu_seconds) for mine, its in pairs]),
        _both([(mine.seconds, its.seconds) for mine, its in pairs]),
    )
    return f"| {' | '.join(cells)} |"


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _both(pairs: Sequence[tuple[float, float]]) -> str:
    """Return the medians of both sides, the present one first."""
    mine, its = zip(*pairs, strict=True)
    return f"{statistics.median(mine):.2f} / {statistics.median(its):.2f}"
