"""The contents of a bundle: all that makes the messages of a mailing, chosen and given back.

    bundle = bundle_of(job, composer, edition="48", now=now, variables={}, columns=plan.columns)
    with unpacked(bundle.pack(), name) as (same, job): ...

A file that a cell of the table names may be any file of the folder, so that a job with such names
has no bundle. This module must never read the table, nor the place of a secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, field
from datetime import datetime, timedelta, timezone
from glob import glob
from pathlib import Path
from typing import Any

from mailbatch.bundle.archive import pack, unpack, unpack_stream
from mailbatch.bundle.folder import taken
from mailbatch.errors import JobError, LedgerError
from mailbatch.frozen import frozen
from mailbatch.job.fields import is_template
from mailbatch.job.loader import load_job
from mailbatch.job.message import PAGE
from mailbatch.job.model import Job
from mailbatch.job.paths import resolve_path
from mailbatch.render.composer import Composer
from mailbatch.temporary import temporary_folder

_FORMAT = 1
_MANIFEST = "mailbatch.json"
_JOB = "job"
#: Keys of the job that name files of no message.
_NOT_OF_MESSAGES = ("recipients.", "server.password", "message.dkim", "reports.")


@frozen
class Bundle:
    """All that makes the messages of a mailing, but its rows and its secrets.

    `job` is the name of the job file, `environment` the values that the job took from there,
    `variables` those of the command line, `zone` the offset from UTC (seconds) and the name of the
    zone in which dates are written. `files` are contents, by names from the folder of the job.
    """

    job: str
    edition: str
    environment: Mapping[str, str]
    variables: Mapping[str, str]
    columns: tuple[str, ...]
    zone: tuple[float, str]
    accept_changes: bool
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def now(self) -> datetime:
        """A moment in the zone of the mailing: messages have the dates of their deliveries."""
        offset, name = self.zone
        return datetime.fromtimestamp(0, timezone(timedelta(seconds=offset), name))

    def pack(self) -> bytes:
        """Return the archive, whatever its size."""
        told = {name: value for name, value in asdict(self).items() if name != "files"}
        manifest = json.dumps({"format": _FORMAT, **told}, sort_keys=True, ensure_ascii=False)
        files = {f"{_JOB}/{name}": content for name, content in self.files.items()}
        return pack({_MANIFEST: manifest.encode(), **files})


def bundle_of(
    job: Job,
    composer: Composer,
    *,
    edition: str,
    now: datetime,
    variables: Mapping[str, str],
    columns: tuple[str, ...],
    accept_changes: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Bundle:
    """Return the bundle of a job whose messages `composer` makes.

    Raises:
        JobError: the job has no bundle: a job without a file, a file that has changed since the
            job was read, or a cell of the table that names files of the message.
    """
    told = _Asked(environ)
    if job.table is not None or load_job(job.path, environ=told, look=False) != job:
        raise JobError("the job is not the one of its file")
    offset = now.utcoffset() or timedelta()
    return Bundle(
        job=job.path.name,
        edition=edition,
        environment=told.asked,
        variables=dict(variables),
        columns=columns,
        zone=(offset.total_seconds(), now.tzname() or "UTC"),
        accept_changes=accept_changes,
        files={name: _content(job, name) for name in sorted(_names(job, composer))},
    )


@contextmanager
def unpacked(data: bytes, name: str) -> Iterator[tuple[Bundle, Job]]:
    """Have a bundle in a private temporary folder, and its job, loaded from there.

    Raises:
        LedgerError: the archive is not the one with this name, or is hostile, or of another
            version of mailbatch.
        InputErrors: the job file is none for this version of mailbatch.
    """
    with temporary_folder() as folder:
        unpack(data, name, folder)
        yield _loaded(folder)


@contextmanager
def unpacked_from(bundles: Path | None, name: str, *, written: str) -> Iterator[tuple[Bundle, Job]]:
    """Have a bundle that lies in a folder; else as `unpacked`.

    Raises:
        JobError: the folder has no such bundle (78; `folder.taken`).
        LedgerError, InputErrors: as `unpacked`.
    """
    with temporary_folder() as folder:
        with taken(bundles, name, written=written) as (stream, size):
            unpack_stream(stream, size, folder)
        yield _loaded(folder)


def _loaded(folder: Path) -> tuple[Bundle, Job]:
    bundle = _bundle(folder)
    return bundle, load_job(folder / _JOB / bundle.job, environ=bundle.environment, look=False)


def _bundle(folder: Path) -> Bundle:
    try:
        told: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
        version = told.pop("format")
        told["columns"], told["zone"] = tuple(told["columns"]), tuple(told["zone"])
        bundle = Bundle(**told, files={})
        _check(bundle)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _of_another_version(str(error)) from None
    if version != _FORMAT:
        raise _of_another_version(f"format {version}")
    return bundle


def _check(bundle: Bundle) -> None:
    """Raise ValueError or TypeError for values that no run writes; they come out of a database."""
    told = (bundle.environment, bundle.variables)
    texts = [bundle.job, bundle.edition, *bundle.columns]
    texts += [text for mapping in told for pair in mapping.items() for text in pair]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    if Path(bundle.job).name != bundle.job:
        raise ValueError(f"{bundle.job!r} is no name of a job file")
    _ = bundle.now


def _of_another_version(why: str) -> LedgerError:
    return LedgerError(
        f"the bundle of the mailing was made by another version of mailbatch ({why})",
        hint="use one version of mailbatch on all machines",
    )


class _Asked(Mapping[str, str]):
    """An environment that keeps the values that were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.asked: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        self.asked[name] = self._environ[name]
        return self.asked[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


def _names(job: Job, composer: Composer) -> set[str]:
    """Return the names of the files of all messages, from the folder of the job."""
    sources = composer.sources
    if sources.images_vary:
        raise JobError(
            "a cell of the table names files of the message",
            location=job.locate("message"),
            hint="workers get the files that every message may have; name files in the job alone",
        )
    images = [os.path.relpath(path, job.folder) for path in sources.images]
    names = {job.path.name, *sources.templates, *images}
    for setting, mark in job.files():
        if setting.key.startswith(_NOT_OF_MESSAGES):
            continue
        if is_template(setting.text):
            if mark.kind == PAGE:
                continue  # the composer has read every page that fits
            raise JobError(
                f"the name {setting.text} is a template, and workers get files with plain names",
                location=setting.place,
            )
        names.add(setting.text)
    for attachment in job.message.attachments:
        if attachment.glob is not None:
            names.update(_fitting(job, attachment.glob))
    # Files with absolute names are read on each machine; the samples show whether they are alike.
    return {name for name in names if not Path(name).is_absolute() and (job.folder / name).exists()}


def _fitting(job: Job, pattern: str) -> list[str]:
    if is_template(pattern):
        raise JobError(f"the pattern {pattern} is a template, and workers get files of plain names")
    names = glob(pattern, root_dir=job.folder)  # noqa: PTH207 - Path takes no absolute one
    return [name for name in names if (job.folder / name).is_file()]


def _content(job: Job, name: str) -> bytes:
    try:
        return resolve_path(job.folder, name, absolute_allowed=False).read_bytes()
    except OSError as error:
        raise JobError(f"{name} cannot be read: {error.strerror}") from error
