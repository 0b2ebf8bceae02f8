"""mailbatch converges a mailing to what a job file declares.

    import mailbatch

    summary = mailbatch.run("newsletter/job.yaml")
    print(summary.exit_code, summary.counts[mailbatch.Status.ACCEPTED])

This module holds the version and the API for those who embed a run: what `__all__` names, and
nothing else of the package. It imports next to nothing until one of the names is asked for.
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

    `options` are those of the command line; `progress` is told what happens. Signals are handled
    where this is the main thread.

    Raises:
        MailbatchError: with `exit_code` and `hint`, where nothing could be sent at all
            (`InputErrors`, `LedgerLocked`, ...). What fails later is `Summary.failure`.
    """
    from pathlib import Path

    from mailbatch.delivery.runner import run as run_job
    from mailbatch.job.loader import load_job

    return run_job(load_job(Path(job)), options, progress=progress)


def __getattr__(name: str) -> object:
    """Return a name of the API, and import its module now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
