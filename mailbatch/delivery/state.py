"""Where the ledgers of a job are kept: in a folder of files, or in a database.

    state = state_of(given.state_dir, given.ledger)      # --state-dir, --ledger
    state_of(None, "postgresql:///mail")                 # InDatabase(url=..., folder=None)

A database has the ledgers of mailings alone: reports and rehearsals lie in the folder all the same.
This module must never connect.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TypeAlias

from mailbatch.errors import UsageError
from mailbatch.frozen import frozen
from mailbatch.ledger.postgres.address import check_address, shown

#: The variable of the environment in place of `--ledger`.
VARIABLE = "MAILBATCH_LEDGER"


@frozen
class InDatabase:
    """The ledgers of jobs in a database; `folder` (`--state-dir`) has all that is no ledger."""

    #: May hold a password, and is never printed.
    url: str = field(repr=False)
    folder: Path | None = None


#: The folder of `--state-dir`, None: the usual one; or the database of `--ledger`.
State: TypeAlias = "Path | InDatabase | None"


def state_of(
    state_dir: Path | None, ledger: str | None, environ: Mapping[str, str] | None = None
) -> State:
    """Return where ledgers are kept, by `--state-dir`, and by `--ledger` or MAILBATCH_LEDGER.

    An empty text is no ledger. Rehearsals are kept in files: a folder of these is looked at
    whatever the environment says.

    Raises:
        JobError: the URL is none of a PostgreSQL database, or leads there unverified (78).
        UsageError: `--ledger` beside a folder of rehearsals.
    """
    named = (os.environ if environ is None else environ).get(VARIABLE)
    url = ledger or named
    if not url:
        return state_dir
    from mailbatch.delivery.rehearsals import has_rehearsals

    if state_dir is not None and has_rehearsals(state_dir):
        if url == named:
            return state_dir
        raise UsageError(
            f"--ledger {shown(url)}: the rehearsals in {state_dir} are kept in files",
            hint="leave --ledger or --state-dir out",
        )
    check_address(url)
    return InDatabase(url, state_dir)


def url_of(state: State) -> str | None:
    """Return the URL of the database that keeps the ledgers; None: files do."""
    return state.url if isinstance(state, InDatabase) else None


def folder_of(state: State) -> Path | None:
    """Return the folder that was named for reports and rehearsals; None: the usual one."""
    return state.folder if isinstance(state, InDatabase) else state
