"""mailbatch converges a mailing to what a job file declares.

    import mailbatch

    summary = mailbatch.run("newsletter/job.yaml")
    print(summary.exit_code, summary.counts[mailbatch.Status.ACCEPTED])

This module holds the version and the API of an embedded run: the names of `__all__`, and nothing
else of the package. The first access to a name imports the module behind the name.

Tests: tests/cli/test_operations.py, tests/packaging/test_packaging.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from mailbatch.delivery.options import Progress, RunOptions, Summary
    from mailbatch.errors import MailbatchError
    from mailbatch.outcome import Status

__version__ = "1.0.0rc1"
__all__ = ["MailbatchError", "Progress", "RunOptions", "Status", "Summary", "__version__", "run"]

#: name -> the module that has it.
_HOMES = {
    "MailbatchError": "mailbatch.errors",
    "Progress": "mailbatch.delivery.options",
    "RunOptions": "mailbatch.delivery.options",
    "Status": "mailbatch.outcome",
    "Summary": "mailbatch.delivery.options",
}


def run(
    job: str | PathLike[str],
    options: RunOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Summary:
    """Converge the mailing of a job file, as `mailbatch run --yes` does, and return its summary.

    `options` are those of the command line; `progress` is told every event of the run. Signals are
    handled in the main thread only.

    Raises:
        MailbatchError: Nothing could be sent at all (`InputErrors`, `LedgerLocked`, ...); with
            `exit_code` and `hint`. A later failure is `Summary.failure`.
    """
    from pathlib import Path

    from mailbatch.delivery.runner import run as run_job
    from mailbatch.delivery.stored_fates import StoredFates
    from mailbatch.job.loader import load_job

    fates = StoredFates() if options is None else StoredFates(options.store, options.state_dir)
    return run_job(load_job(Path(job)), options, progress=progress, fates=fates)


def __getattr__(name: str) -> object:
    """Return a name of the API, and import the module behind the name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
