"""The program itself, as cron starts it: a process, its exit code, its output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


_KEPT = {
    "PATH", "HOME", "LANG", "TMPDIR", "MAILBATCH_RESOLVER", "COVERAGE_PROCESS_CONFIG",
    "XDG_STATE_HOME",
}  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    """The environment of a bare shell, with what a test adds."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "SCENE_PASSWORD": "", **more}


def start(*arguments: str, cwd: Path, **more: str) -> subprocess.Popen[str]:
    """Start `mailbatch ARGUMENTS` without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "mailbatch", *arguments],
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], seconds: float = 30.0) -> tuple[int, str, str]:
    """Wait for its end: exit code, standard output, standard error."""
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def mailbatch(*arguments: str, cwd: Path, **more: str) -> tuple[int, str, str]:
    """Run `mailbatch ARGUMENTS` to its end."""
    return end(start(*arguments, cwd=cwd, **more))
