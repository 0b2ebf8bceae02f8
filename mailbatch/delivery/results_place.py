"""The place of the results of an edition, which the job declares or an option names.

    results_path(job, "2026-W48", RunOptions(sandbox=True)).name     # letter.sandbox.csv

This module must never write.

Tests: tests/cli/test_other_commands.py, tests/cli/test_correct.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mailbatch.delivery.options import Mode, RunOptions
from mailbatch.delivery.outputs import check_declared_results, check_output
from mailbatch.errors import JobError, UsageError
from mailbatch.job.model import Job
from mailbatch.job.paths import resolve_path
from mailbatch.render.edition import render_results_path


def results_path(job: Job, edition: str, options: RunOptions) -> Path | None:
    """Return the place of the results; None where a scratch run was not asked for any."""
    if options.results is not None:
        check_output(options.results, "--results", job.path, job)
        return options.results
    if options.dry_run or options.mode is Mode.REDIRECT:
        return None
    variables = {**job.variables, **options.variables}
    path = declared_results_path(job, edition, variables)
    if options.correction is not None:
        sent = options.correction.job
        variables = {**sent.variables, **options.variables}
        taken = declared_results_path(sent, options.correction.edition, variables)
        path = beside_corrected(path, taken)
    return rehearsed_results_path(path) if options.sandbox else path


def beside_corrected(path: Path, taken: Path) -> Path:
    """Return the place of the results of a correction; `taken` is that of the corrected edition.

    >>> beside_corrected(Path("letter.csv"), Path("letter.csv")).name
    'letter.corrected.csv'
    """
    return path.with_suffix(f".corrected{path.suffix}") if path == taken else path


def rehearsed_results_path(path: Path) -> Path:
    """Return the place of the results of a rehearsal, beside those of the mailing.

    >>> rehearsed_results_path(Path("results/letter.csv")).name
    'letter.sandbox.csv'
    """
    return path.with_suffix(f".sandbox{path.suffix}")


def declared_results_path(
    job: Job, edition: str, variables: Mapping[str, object], *, given: bool = False
) -> Path:
    """Return the place of the results of a job; `given`: the edition came from `--edition`.

    Raises:
        JobError: the path leads outside the folder, or to a file that must not be replaced.
        UsageError: the edition of the command line leads outside.
    """
    declared = render_results_path(job, edition, variables)
    try:
        path = resolve_path(job.folder, declared, absolute_allowed=False)
    except JobError as error:
        if given and edition in declared:
            raise UsageError(
                f"--edition {edition}: the path of the results, {declared}, {error.message}",
                hint="use an edition without /, or name a file with --results",
            ) from None
        raise JobError(error.message, location=job.locate("results"), hint=error.hint) from None
    check_declared_results(path, job)
    return path
