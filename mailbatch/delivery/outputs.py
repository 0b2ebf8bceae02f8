"""Where a run may write: over no file that it reads, over no ledger, and each output by itself.

A slip such as `--results recipients.csv` would cost the table, and one such as `--results
.mailbatch/x@1.sqlite3` the only record of who has the message. Writes nothing, and opens nothing
but templates.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mailbatch.errors import JobError, UsageError
from mailbatch.job.fields import is_template
from mailbatch.job.model import Job

_HINT = "name a file of its own"
#: How the names of a ledger, of its journal and of its lock end (`places.ledger_path`).
_OF_A_LEDGER = (".sqlite3", ".sqlite3-wal", ".sqlite3-shm", ".sqlite3.lock", ".sqlite3.seen")

#: What is made in a name while a message is rendered.
_MADE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
#: The tags by which a template names others, and a name in one.
_TAG = re.compile(r"\{%[-+]?\s*(?:extends|include|import|from)\b(.*?)%\}", re.DOTALL)
_NAMED = re.compile(r"""["']([^"'\0]+)["']""")


def check_output(path: Path | None, option: str, job_file: Path, job: Job | None = None) -> None:
    """Raise `UsageError` if `option` names a file that may not be replaced.

    Without `job`, which may not be readable, only what is known without it: the job file and the
    files of ledgers.
    """
    if path is not None and (what := _lost(path, job_file, job)) is not None:
        raise UsageError(f"{option} would replace {path}, which is {what}", hint=_HINT)


def check_declared_results(path: Path, job: Job) -> None:
    """Raise `JobError` if the job's `results` is a file that may not be replaced."""
    if (what := _lost(path, job.path, job)) is not None:
        raise JobError(
            f"{path.name} is {what} and would be replaced",
            location=job.locate("results"),
            hint=_HINT,
        )


def check_apart(outputs: Mapping[str, Path | None]) -> None:
    """Raise `UsageError` if two outputs, by what names them, are one file: one would be lost."""
    named: dict[str, str] = {}
    for name, path in outputs.items():
        # Devices take what comes.
        if path is None or (path.exists() and not path.is_file()):
            continue
        other = named.setdefault(os.path.realpath(path), name)
        if other != name:
            raise UsageError(f"{other} and {name} are one file, {path}", hint=_HINT)


def _lost(path: Path, job_file: Path, job: Job | None) -> str | None:
    """Say what would be lost if `path` were replaced; None if it may be."""
    target = os.path.realpath(path)
    if target.endswith(_OF_A_LEDGER):
        return "a part of a ledger"
    if target == os.path.realpath(job_file):
        return "the job file"
    for name, what in _read_by(job) if job is not None else ():
        # An absolute name stays as it is.
        if not is_template(name) and target == os.path.realpath(job_file.absolute().parent / name):
            return what
    if job is not None and os.path.isfile(target):  # noqa: PTH113 - it is text already
        for name in _templates_of(job):
            if target == os.path.realpath(job.folder / name):
                return "a template of the message"
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
    for attachment in message.attachments:
        yield attachment.path, "an attachment"
    for image in message.inline.values():
        yield image, "an image of the message"


def _templates_of(job: Job) -> Iterator[str]:
    """The files of the templates that a job names, and of those that their tags name in turn.

    A name that is made while a message is rendered is known as far as it is a pattern of files.
    """
    message, seen = job.message, set[str]()
    left = [name for name in (message.text, message.html, message.markdown) if name is not None]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if is_template(name):
            parts = [glob.escape(part) for part in _MADE.split(name)]
            if parts[-1]:  # without its end it could be any file
                pattern = "*".join(parts)
                left += glob.glob(pattern, root_dir=job.folder)  # noqa: PTH207 - or an absolute one
            continue
        yield name
        try:
            text = (job.folder / name).read_text("utf-8", "replace")
        except OSError:
            continue  # the run will say so
        left += [named for tag in _TAG.findall(text) for named in _NAMED.findall(tag)]
