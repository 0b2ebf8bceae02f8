"""mailbatch converges a mailing to what a job file declares.

    import mailbatch

    summary = mailbatch.run("newsletter/job.yaml")
    print(summary.exit_code, summary.counts)

This module holds the version and the API for those who embed a run; it imports nothing until a
run is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from mailbatch.delivery.options import Progress, RunOptions, Summary

__version__ = "0.1.0"
__all__ = ["__version__", "run"]


def run(
    job: str | PathLike[str],
    options: RunOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Summary:
    """Converge the mailing of a job file, as `mailbatch run --yes` does, and return its summary.

    `options` are those of the command line (`mailbatch.delivery.options.RunOptions`); `progress` is
    told what happens. Signals are handled where this is the main thread.

    Raises:
        MailbatchError: with `exit_code` and `hint`, where nothing could be sent at all
            (`InputErrors`, `LedgerLocked`, ...). What fails later is `Summary.failure`.
    """
    from pathlib import Path

    from mailbatch.delivery.runner import run as run_job
    from mailbatch.job.loader import load_job

    return run_job(load_job(Path(job)), options, progress=progress)
