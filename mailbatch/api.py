"""The Python API: what the commands do, without a terminal; `mailbatch` has the same names.

    job = mailbatch.load("newsletter/job.yaml")
    mailbatch.write_preview(job, "gallery")
    if not any(found.severity == "error" for found in mailbatch.check(job)):
        summary = mailbatch.run(job)
    for row in mailbatch.result_rows(job):
        print(row.email, row.status)

Each function takes a job that is loaded, or the path of a job file, prints nothing, and raises
`MailbatchError`. `ledger` is the URL of the database that keeps the ledgers, by default that of
MAILBATCH_LEDGER; without one, files in `state_dir` do. No function decides anything: each calls the
code that its command calls.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.errors import InputErrors
from mailbatch.job.loader import load_job
from mailbatch.job.model import Job

if TYPE_CHECKING:
    from mailbatch.checks.findings import Tally
    from mailbatch.delivery.editions import Edition
    from mailbatch.delivery.options import Progress, RunOptions, Summary
    from mailbatch.previewing import Preview
    from mailbatch.results.row import Row


def load(
    job: str | os.PathLike[str] | Mapping[str, Any],
    *,
    folder: str | os.PathLike[str] | None = None,
    recipients: Iterable[Mapping[str, Any]] | None = None,
) -> Job:
    """Read and validate a job: a job file, or a mapping with the keys of one.

    `folder` is where the paths of a mapping start, and its ledgers lie; by default the working
    folder. `recipients` take the place of the table that the job names: one mapping a row, read
    once, and all with the keys of the first.

    Raises:
        InputErrors: all mistakes, each with its place.
        RecipientError: a row is no mapping of text.
        TypeError: a `folder` beside the path of a file, which lies in one.
    """
    if folder is not None and not isinstance(job, Mapping):
        raise TypeError("folder is for a mapping: a job file lies in a folder already")
    table = None
    if recipients is not None:
        from mailbatch.recipients.given import spool_rows

        table = spool_rows(recipients)
    if isinstance(job, Mapping):
        from mailbatch.job.mapping import load_mapping

        return load_mapping(job, Path(folder or "."), table=table)
    return load_job(Path(job), table=table)


def check(
    job: Job | str | os.PathLike[str],
    *,
    edition: str | None = None,
    variables: Mapping[str, str] | None = None,
    state_dir: Path | None = None,
    ledger: str | None = None,
) -> tuple[Tally, ...]:
    """Return the findings of `mailbatch check`: errors first, for the same causes counted once.

    Mistakes of the job file, the table and the templates are findings, too, rather than raised.

    Raises:
        UsageError: the edition cannot name a ledger.
        StoreError, LedgerError: the reports of an edition cannot be read, and may suppress (74).
    """
    from mailbatch.checking import check_mailing, refused
    from mailbatch.delivery.state import state_of

    try:
        loaded = _loaded(job)
    except InputErrors as error:
        return tuple(refused(error).tallies)
    checked = check_mailing(
        loaded, edition=edition, variables=variables, state=state_of(state_dir, ledger)
    )
    return tuple(checked.tallies)


def write_preview(
    job: Job | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    edition: str | None = None,
    variables: Mapping[str, str] | None = None,
    state_dir: Path | None = None,
    ledger: str | None = None,
    limit: int | None = 50,
    only: Iterable[str] = (),
) -> Preview:
    """Render every message, write the gallery as `mailbatch preview` does, and return its figures.

    `out` is the folder of the gallery, by default `preview/NAME` beside the job. `limit` messages
    are shown, all for None; `only` shows the recipients with these addresses alone.

    Raises:
        InputError, InputErrors: the inputs are wrong.
        UsageError: `out` has other files in it; `only` names nobody.
        OutputError: the gallery cannot be written (74).
    """
    from mailbatch.delivery.state import state_of
    from mailbatch.previewing import make_preview

    return make_preview(
        _loaded(job),
        out=Path(out) if out is not None else None,
        edition=edition,
        variables=variables,
        state=state_of(state_dir, ledger),
        limit=limit,
        only=tuple(only),
    )


def run(
    job: Job | str | os.PathLike[str],
    options: RunOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Summary:
    """Converge a mailing to its job, as `mailbatch run --yes` does, and return its summary.

    `options` are those of the command line; `progress` is told every event of the run. Signals are
    handled in the main thread only.

    Raises:
        MailbatchError: Nothing could be sent at all (`InputErrors`, `LedgerLocked`, ...); with
            `exit_code` and `hint`. A later failure is `Summary.failure`.
    """
    from mailbatch.delivery.runner import run as run_job
    from mailbatch.delivery.stored_fates import StoredFates

    fates = StoredFates() if options is None else StoredFates(options.store, options.state_dir)
    return run_job(_loaded(job), options, progress=progress, fates=fates)


def status(
    job: Job | str | os.PathLike[str],
    edition: str | None = None,
    *,
    state_dir: Path | None = None,
    ledger: str | None = None,
) -> Edition:
    """Return where an edition stands; `edition` is by default the one that a run now would send.

    The files that a job file names need not be there, once the edition was begun.

    Raises:
        InputErrors: the job file is wrong, or the table of an edition that was never run.
        UsageError: the edition cannot name a ledger.
        LedgerError: the ledger cannot be read (74).
    """
    from mailbatch.delivery.editions import edition_of, look_up
    from mailbatch.delivery.state import state_of

    loaded = _loaded(job, look=False)
    return look_up(loaded, edition_of(loaded, edition), state_of(state_dir, ledger))


def result_rows(
    job: Job | str | os.PathLike[str],
    edition: str | None = None,
    *,
    state_dir: Path | None = None,
    ledger: str | None = None,
    store: Path | None = None,
) -> Iterator[Row]:
    """Return the rows of the results of an edition, with the reports in the `store`.

    The files that a job file names need not be there. The ledger stays open as long as the
    iteration goes on; a run may write it meanwhile.

    Raises:
        InputErrors: the job file is wrong.
        UsageError: the edition cannot name a ledger.
    Raises, from iterating:
        LedgerError: there is no ledger, or one that cannot be read (74).
        StoreError: the store cannot be read (74).
    """
    from mailbatch.delivery.editions import edition_of, rows_of
    from mailbatch.delivery.places import store_of
    from mailbatch.delivery.state import state_of

    loaded = _loaded(job, look=False)
    named = edition_of(loaded, edition)
    state = state_of(state_dir, ledger)
    return rows_of(loaded, named, state=state, store=store_of(loaded, store, state))


def _loaded(job: Job | str | os.PathLike[str], *, look: bool = True) -> Job:
    return job if isinstance(job, Job) else load_job(Path(job), look=look)
