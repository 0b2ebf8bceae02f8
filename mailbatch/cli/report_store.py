"""The store of reports: the file for commands that read, and for the first one that writes.

Tests: tests/cli/test_reports.py, tests/cli/test_reports_serve.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.errors import StoreError, UsageError

if TYPE_CHECKING:
    from mailbatch.delivery.state import State
    from mailbatch.job.model import Job


def store_to_read(job: Job, given: Path | None, state: State) -> Path:
    """Return the file of the store of a job, which need not be there; `given` is `--store`.

    Raises:
        UsageError: the file of `--store` is not there.
    """
    from mailbatch.delivery.places import store_of

    return store_of(job, given_store(given), state)


def given_store(given: Path | None) -> Path | None:
    """Return the file of `--store`; None where the option is not given.

    Raises:
        UsageError: the file is not there.
        StoreError: this user may not look (74).
    """
    from mailbatch.delivery.places import is_store_there

    if given is not None and not is_store_there(given):
        raise UsageError(
            f"--store {given}: there is no such file",
            hint="name the store that mailbatch reports pull, read or serve has begun",
        )
    return given


def store_to_begin(job: Job, given: Path | None, folder: Path | None) -> Path:
    """Return the file of the store of a job, for a command that may be the first to write there.

    Raises:
        StoreError: the state folder cannot be made (74).
    """
    from mailbatch.delivery.places import state_dir

    return given or store_to_write(state_dir(job, folder))


def store_to_write(folder: Path) -> Path:
    """Return the file of the store in a state folder; make the folder where there is none.

    Raises:
        StoreError: the folder cannot be made (74).
    """
    from mailbatch.delivery.places import store_path

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}", hint="set --state-dir") from error
    return store_path(folder)
