"""The places of the ledger of an edition, as a file, and of its results.

The file lies in the state directory: `--state-dir`, else `MAILBATCH_STATE_DIR`, else
`.mailbatch/` beside the job. The file name holds job name and edition, so that two editions never
share a file. This module opens nothing.

Tests: tests/delivery/test_tables.py, tests/cli/test_state_folder.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from mailbatch.delivery.state import State, folder_of
from mailbatch.errors import JobError, LedgerError, Location, StoreError, UsageError
from mailbatch.job.model import Job

#: Where a dry run writes its files unless told otherwise, beside the job.
OUTBOX = "outbox"
#: The state folder beside a job, where no other is named.
USUAL = ".mailbatch"
#: The folder of rehearsals that are kept, in the state folder.
REHEARSALS = "sandbox"
#: An edition is part of file names and of Message-IDs; no one needs a longer one.
LONGEST_EDITION = 100
_ENDING = ".sqlite3"
_STORE = "reports.sqlite3"
#: The longest name that nearly every file system takes, less the endings of a ledger: bytes.
_LONGEST_NAME = 255 - len(".new-journal")


def check_edition(job: Job, edition: str) -> str:
    """Return `edition`.

    Raises:
        JobError: the edition cannot name a ledger.
    """
    if not edition.strip() or len(edition) > LONGEST_EDITION or not edition.isprintable():
        raise JobError(
            f"{edition!r} cannot name an edition",
            location=Location(str(job.path), key="edition"),
            hint=f"use 1 to {LONGEST_EDITION} printable characters, such as 2026-W48",
        )
    if len(ledger_path(job, edition, Path()).name) > _LONGEST_NAME:
        raise JobError(
            f"{edition!r} is too long for the name of a file, in which it is written as "
            f"{quote(edition, safe='')!r}",
            location=Location(str(job.path), key="edition"),
            hint="use fewer characters, or plain ones such as 2026-W48",
        )
    return edition


def state_dir(job: Job, state: State, environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the state of a job; raises `LedgerError` (74).

    The ledgers lie in there as files, unless the state names a database; reports and rehearsals do.
    """
    return state_folder(job.folder, folder_of(state), environ)


def state_folder(
    folder: Path, given: Path | None, environ: Mapping[str, str] | None = None
) -> Path:
    """Return the folder that the ledgers of the jobs of a folder lie in, which need not be there.

    Raises:
        LedgerError: there is something else in place of the folder, or of one around it (74).
    """
    named = (os.environ if environ is None else environ).get("MAILBATCH_STATE_DIR")
    wanted = given or (Path(named) if named else folder / USUAL)
    there = next((path for path in (wanted, *wanted.parents) if os.path.lexists(path)), None)
    if there is not None and not os.path.isdir(there):  # noqa: PTH112 - also for other users' ones
        usual = given is None and not named
        raise LedgerError(
            f"{there} is no folder: the ledgers cannot lie in {wanted}",
            hint="move it away, or name a folder with --state-dir"
            if usual
            else "name a folder with --state-dir (or MAILBATCH_STATE_DIR), or leave it out",
        )
    return wanted


def state_of_worker(given: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the state folder of a worker, which has no job beside it; it need not be there.

    `--state-dir`, else MAILBATCH_STATE_DIR, else `mailbatch` in the folder of the XDG Base
    Directory Specification for state.

    Raises:
        LedgerError: the user of the process has no home (74).
    """
    named = given or environ.get("MAILBATCH_STATE_DIR")
    if named:
        return Path(named)
    home = environ.get("XDG_STATE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".local" / "state") / "mailbatch"
    except RuntimeError as error:
        raise LedgerError(
            f"a worker keeps what it has seen of a ledger in a folder: {error}",
            hint="name a folder with --state-dir (or MAILBATCH_STATE_DIR)",
        ) from None


def rehearsal_dir(job: Job, state: State, environ: Mapping[str, str] | None = None) -> Path:
    """Return the state folder of rehearsals in the sandbox, which is no folder of real ledgers."""
    return state_dir(job, state, environ) / REHEARSALS


def store_path(folder: Path) -> Path:
    """Return the file of the store of reports in a state folder, which need not be there."""
    return folder / _STORE


def store_of(job: Job, given: Path | None, state: State) -> Path:
    """Return the file of the store of a job, which need not be there; `given` is `--store`."""
    return given or store_path(state_dir(job, state))


def is_store_there(path: Path) -> bool:
    """Say whether there is a store of reports.

    Raises:
        StoreError: this user may not look, or the name is none (74).
    """
    try:
        return path.exists()
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror}", hint="let this user read the store, or set --store"
        ) from error


def ledger_path(job: Job, edition: str, folder: Path) -> Path:
    """Return the ledger file of an edition; `@` stands in no job name, so names never clash."""
    return folder / f"{job.name}@{quote(edition, safe='')}{_ENDING}"


def is_ledger(path: Path) -> bool:
    """Say whether `ledger_path` gives such a name, for whatever job.

    >>> is_ledger(Path(".mailbatch/news@2026-W48.sqlite3")), is_ledger(Path("reports.sqlite3"))
    (True, False)
    """
    return "@" in path.name and path.name.endswith(_ENDING)


def edition_of_ledger(job: Job, path: Path) -> str | None:
    """Return the edition for which `ledger_path` names this file; None for any other file."""
    beginning = f"{job.name}@"
    if not (path.name.startswith(beginning) and path.name.endswith(_ENDING)):
        return None
    return unquote(path.name.removeprefix(beginning).removesuffix(_ENDING))


def check_given_edition(job: Job, edition: str) -> str:
    """Return the edition of the command line.

    Raises:
        UsageError: the edition cannot name a ledger.
    """
    try:
        return check_edition(job, edition)
    except JobError as error:
        raise UsageError(f"--edition {error.message}", hint=error.hint) from None
