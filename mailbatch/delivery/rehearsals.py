"""The folder of kept rehearsals: a mark tells the folder apart from the state folder of a mailing.

The ledgers in there say `accepted` of recipients that no server was asked about. A real run from
such a ledger would mail the rest of a rehearsal, and leave all others out. So a rehearsal marks its
folder before the first ledger is made, and all that is real refuses a folder with the mark:

    .mailbatch/sandbox/REHEARSALS
    .mailbatch/sandbox/letter@2026-W48.sqlite3

The mark belongs to the folder, and so covers editions that have no ledger there yet. This module
must never open a ledger or a store.

Tests: tests/cli/test_rehearsed.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from mailbatch.delivery.places import REHEARSALS, is_ledger, state_dir
from mailbatch.delivery.state import State, folder_of
from mailbatch.errors import StoreError, UsageError
from mailbatch.files import replacing
from mailbatch.job.model import Job

#: The name of the mark; the presence of the file counts, not its content.
MARK = "REHEARSALS"
_TEXT = "The ledgers and reports in this folder are those of rehearsals: nobody was mailed.\n"


def has_rehearsals(folder: Path) -> bool:
    """Say whether a folder bears the mark of rehearsals, as far as this user may see."""
    try:
        return (folder / MARK).exists()
    except OSError:  # the folder is another user's
        return False


def claim(folder: Path) -> None:
    """Make and mark a folder for rehearsals; without effect on a folder that bears the mark.

    Raises:
        UsageError: ledgers without the mark lie there, which may be those of mailings.
        StoreError: the folder or the mark cannot be written (74).
    """
    if has_rehearsals(folder):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(is_ledger(path) for path in folder.iterdir()):
            raise UsageError(
                f"{folder} has ledgers that are not marked as rehearsals, "
                "and a rehearsal would replace them",
                hint=f"remove the folder if nothing real is in there, else set --state-dir; "
                f"{REHEARSALS} is the folder of rehearsals in every state folder",
            )
        with replacing(folder / MARK) as stream:
            stream.write(_TEXT)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}", hint="set --state-dir") from error


def mailing_dir(folder: Path) -> Path:
    """Return the state folder of the mailings, for a folder that may be that of their rehearsals.

    >>> mailing_dir(Path("state"))
    PosixPath('state')
    """
    if not has_rehearsals(folder):
        return folder
    if folder.name == REHEARSALS:
        return folder.parent
    return Path(os.path.realpath(folder)).parent


def check_real(job: Job | None, state: State, store: Path | None = None) -> None:
    """Refuse rehearsals as the memory of a mailing.

    `store` is the file of `--store`. Without a job, the folder of the state is looked at alone.

    Raises:
        UsageError: the state folder, or the folder of the store, is that of rehearsals.
    """
    folder = folder_of(state) if job is None else state_dir(job, state)
    if folder is not None and has_rehearsals(folder):
        raise UsageError(
            f"{folder} keeps rehearsals: nobody was really mailed by its ledgers",
            hint=f"{_real(job, folder)}; to rehearse again: mailbatch run JOB --sandbox",
        )
    if store is not None and has_rehearsals(store.parent):
        raise UsageError(
            f"{store} has the reports of rehearsals: no provider has sent them",
            hint="leave --store out, or name the store of the mailing",
        )


def _real(job: Job | None, folder: Path) -> str:
    """Return the next step that names the state folder of the mailing."""
    real = mailing_dir(folder)
    usual = None if job is None else os.path.realpath(job.folder / ".mailbatch")
    if usual == os.path.realpath(real):
        return "leave --state-dir (or MAILBATCH_STATE_DIR) out"
    return f"use --state-dir {real}"
