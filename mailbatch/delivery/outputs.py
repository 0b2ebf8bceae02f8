"""The places that a run may write to: no input of the run, no ledger, no place of another output.

A slip such as `--results recipients.csv` would cost the table, and one such as `--results
.mailbatch/x@1.sqlite3` the only record of the mailing. This module writes nothing, and opens
nothing but templates.

Tests: tests/certainty/test_storage.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mailbatch.errors import JobError, UsageError
from mailbatch.job.fields import is_template
from mailbatch.job.model import Job
from mailbatch.job.paths import stored_path

_HINT = "name a file of its own"
#: How the names of a ledger, of its journal and of its lock end (`places.ledger_path`).
_OF_A_LEDGER = (".sqlite3", ".sqlite3-wal", ".sqlite3-shm", ".sqlite3.lock", ".sqlite3.seen")


def check_output(path: Path | None, option: str, job_file: Path, job: Job | None = None) -> None:
    """Raise `UsageError` if `option` names a file that may not be replaced.

    Without `job`, which may not be readable, the job file and the files of ledgers are safe.
    """
    if path is not None and (what := _lost(path, job_file, job)) is not None:
        raise UsageError(f"{option} would replace {path}, which is {what}", hint=_HINT)


def check_declared_results(path: Path, job: Job) -> None:
    """Raise `JobError` if the job's `results` is a file that may not be replaced."""
    if (what := _lost(path, job.path, job)) is not None:
        raise JobError(
            f"{path.name} is {what} and would be replaced",
            location=job.locate("results"),
            hint=_HINT,
        )


def check_apart(outputs: Mapping[str, Path | None]) -> None:
    """Raise `UsageError` if two outputs, by their names, are one file: one would be lost."""
    named: dict[str, str] = {}
    for name, path in outputs.items():
        # Devices take all outputs.
        if path is None or (path.exists() and not path.is_file()):
            continue
        other = named.setdefault(os.path.realpath(path), name)
        if other != name:
            raise UsageError(f"{other} and {name} are one file, {path}", hint=_HINT)


def _lost(path: Path, job_file: Path, job: Job | None) -> str | None:
    """Name the loss if `path` were replaced; None if there is none."""
    target = os.path.realpath(path)
    if target.endswith(_OF_A_LEDGER):
        return "a part of a ledger"
    if target == os.path.realpath(job_file):
        return "the job file"
    if job is None:
        return None
    for setting, file in job.files():
        # An absolute name stays as it is.
        named = stored_path(job_file.absolute().parent / setting.text)
        if not is_template(setting.text) and target == os.path.realpath(named):
            return file.kind
    if os.path.isfile(target):  # noqa: PTH113 - it is text already
        from mailbatch.render.pages import template_files

        for name in template_files(job):
            if target == os.path.realpath(stored_path(job.folder / name)):
                return "a template of the message"
    return None
