"""Where a run may write: over no file that it reads, and over no ledger.

A slip such as `--results recipients.csv` would cost the table, and one such as `--results
.mailbatch/x@1.sqlite3` the only record of who has the message. Opens and writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mailbatch.errors import JobError, UsageError
from mailbatch.job.fields import is_template
from mailbatch.job.model import Job

_HINT = "name a file of its own"
#: How the names of a ledger, of its journal and of its lock end (`places.ledger_path`).
_OF_A_LEDGER = (".sqlite3", ".sqlite3-wal", ".sqlite3-shm", ".sqlite3.lock")


def check_output(path: Path | None, option: str, job: Job) -> None:
    """Raise `UsageError` if `option` names a file that may not be replaced."""
    if path is not None and (what := _lost(path, job)) is not None:
        raise UsageError(f"{option} would replace {path}, which is {what}", hint=_HINT)


def check_declared_results(path: Path, job: Job) -> None:
    """Raise `JobError` if the job's `results` is a file that may not be replaced."""
    if (what := _lost(path, job)) is not None:
        raise JobError(
            f"{path.name} is {what} and would be replaced",
            location=job.locate("results"),
            hint=_HINT,
        )


def _lost(path: Path, job: Job) -> str | None:
    """Say what would be lost if `path` were replaced; None if it may be."""
    target = os.path.realpath(path)
    if target.endswith(_OF_A_LEDGER):
        return "a part of a ledger"
    if target == os.path.realpath(job.path):
        return "the job file"
    for name, what in _read_by(job):
        # An absolute name stays as it is.
        if not is_template(name) and target == os.path.realpath(job.folder / name):
            return what
    return None


def _read_by(job: Job) -> Iterator[tuple[str, str]]:
    """The files that a job names, and what they are."""
    server, recipients, message = job.server, job.recipients, job.message
    if server.ca_file is not None:
        yield server.ca_file, "the file of trust anchors"
    for secret in (server.password, message.dkim.private_key if message.dkim else None):
        if secret is not None and secret.file is not None:
            yield secret.file, "the file of a secret"
    if recipients.file is not None:
        yield recipients.file, "the recipient table"
    for name in recipients.suppress:
        yield name, "a suppression list"
    for template in (message.text, message.html, message.markdown):
        if template is not None:
            yield template, "a template of the message"
    for attachment in message.attachments:
        yield attachment.path, "an attachment"
    for image in message.inline.values():
        yield image, "an image of the message"
