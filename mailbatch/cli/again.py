"""The arguments that name a mailing again, in a next step that repeats a command.

    again("job.yaml", job, "2026-W48", ...)     # job.yaml --edition 2026-W48 --state-dir state

A next step without the edition and the state folder of the command would be about another mailing.

Tests: tests/cli/test_rehearsed.py, tests/cli/test_doubt.py.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.state import VARIABLE
from mailbatch.ledger.postgres.address import repeated

if TYPE_CHECKING:
    from mailbatch.job.model import Job


def again(
    path: Path,
    job: Job,
    edition: str,
    *,
    given: str | None,
    state_dir: Path | None,
    ledger: str | None = None,
) -> str:
    """Return the arguments that name this very edition of a job on a command line, quoted.

    `given`, `state_dir` and `ledger` are those of `--edition`, `--state-dir` and `--ledger`. An
    edition that is a template may be another one tomorrow: the edition is named. A ledger of the
    environment is there the next time, too; and a password is never repeated.
    """
    words = [str(path)]
    if given is not None or "{" in job.edition:
        words += ["--edition", edition]
    if state_dir is not None:
        words += ["--state-dir", str(state_dir)]
    if ledger and ledger != os.environ.get(VARIABLE):
        words += ["--ledger", repeated(ledger)]
    return shlex.join(words)
