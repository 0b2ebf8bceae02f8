"""From the `recipients` section of a job to its records: which reader reads them.

The form of a file is that of its name's ending; nothing is guessed from its content.
"""

from __future__ import annotations

from pathlib import Path

from mailbatch.errors import JobError
from mailbatch.job.columns import find_column
from mailbatch.job.model import Job
from mailbatch.job.paths import resolve_path
from mailbatch.job.recipients import Recipients
from mailbatch.job.setting import Setting
from mailbatch.recipients.records import Records
from mailbatch.recipients.spool import Spool
from mailbatch.recipients.table import Table, open_table


def open_records(job: Job) -> Records:
    """Open the recipient table of a job, running its command where it has one.

    Raises:
        JobError: the path leaves the folder of the job.
        RecipientError: the table cannot be read, or is none.
    """
    wanted = job.recipients
    shown, encoding = wanted.shown, wanted.encoding
    file = job.find("recipients.file")
    if file is None:
        from mailbatch.recipients.command import run_command

        place = job.locate("recipients.command")
        spool = run_command(wanted.command or (), folder=job.folder, location=place)
        return _table(wanted, spool)
    path = resolve_name(job, file, absolute_allowed=False)
    if wanted.form == "jsonl":
        from mailbatch.recipients.json_lines import open_json_lines

        return open_json_lines(path, shown=shown, encoding=encoding)
    if wanted.form == "xlsx":
        from mailbatch.recipients.workbook import open_workbook

        return open_workbook(path, shown=shown, sheet=wanted.sheet)
    return _table(wanted, path)


def _table(wanted: Recipients, origin: Path | Spool) -> Table:
    return open_table(
        origin,
        shown=wanted.shown,
        delimiter=wanted.delimiter,
        encoding=wanted.encoding,
        header_row=wanted.header_row,
        naming=lambda names: find_column(wanted.address, names) is not None,
    )


def resolve_name(job: Job, setting: Setting, *, absolute_allowed: bool) -> Path:
    """Return the path of the file that a setting names.

    Raises:
        JobError: the path leaves the folder of the job.
    """
    try:
        return resolve_path(job.folder, setting.text, absolute_allowed=absolute_allowed)
    except JobError as error:
        message = f"{setting.text!r} {error.message}"
        raise JobError(message, location=setting.place, hint=error.hint) from None
