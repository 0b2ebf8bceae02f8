"""The letters of a preview, each made anew from the files as they are, without the others.

    letters = letters.again(changed)         # job and templates as they are now; the rows stay
    letters.made("0007").files               # the page of a message, and the files that it needs

Rows and their order are those of the last whole preview: reading a table and rendering all letters
takes seconds, reading the templates and rendering one letter does not. A letter must never be made
of rows that may be others by now: `again` gives None where a file with rows changed, or a key of
the job that rules over these.

Tests: tests/preview/test_fresh_letters.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mailbatch.frozen import frozen
from mailbatch.job.columns import named_columns
from mailbatch.preview.rebuilding import MadeLetter, folders_in

if TYPE_CHECKING:
    from mailbatch.checks.survey import Survey
    from mailbatch.delivery.preparation import Inputs
    from mailbatch.envelope import Delivery
    from mailbatch.job.model import Job
    from mailbatch.preview.compare import Earlier
    from mailbatch.render.composer import Composer

#: The files of folders that are followed; each of them is looked at twenty times a second.
MOST_FILES = 200


@frozen
class ShownRow:
    """A delivery that the preview shows, with the reasons to look at its message."""

    delivery: Delivery
    reasons: tuple[str, ...] = ()


@frozen
class Options:
    """The options of a preview that its letters depend upon, as `make_preview` has these."""

    edition: str | None = None
    variables: Mapping[str, str] | None = None
    earlier: Earlier | None = None


class FreshLetters:
    """The letters of a preview: `job`, `composer` and `edition` of now, `rows` of the preview.

    `read_job` reads the job again. `inputs` are the files that the letters are made of.
    """

    def __init__(
        self,
        job: Job,
        composer: Composer,
        *,
        edition: str,
        columns: tuple[str, ...],
        rows: Sequence[ShownRow],
        options: Options,
        read_job: Callable[[], Job],
    ) -> None:
        self._job = job
        self._composer = composer
        self._edition = edition
        self._columns = columns
        self._rows = rows
        self._options = options
        self._read_job = read_job
        self.inputs = sources(job, composer)

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        rows: Sequence[ShownRow],
        options: Options,
        read_job: Callable[[], Job],
    ) -> Self:
        """Return the letters of a preview that was made of these inputs."""
        return cls(
            inputs.job,
            inputs.composer,
            edition=inputs.edition,
            columns=inputs.plan.columns,
            rows=rows,
            options=options,
            read_job=read_job,
        )

    def again(self, changed: Collection[Path]) -> Self | None:
        """Read the job and the templates again; return None where the rows may be others.

        `changed` are the files that changed since these letters were read.

        Raises:
            InputErrors: the job or the templates have mistakes.
            UsageError: the edition cannot be one.
        """
        if not set(changed).isdisjoint(_row_files(self._job)):
            return None
        now, before = datetime.now().astimezone(), self._job
        job = self._read_job()
        merged = {**job.variables, **(self._options.variables or {})}
        edition = _edition(job, self._options.edition, now, merged)
        if edition != self._edition or _ruling(job) != _ruling(before):
            return None
        from mailbatch.render.composer import Composer

        composer = Composer(
            job, edition=edition, columns=self._columns, now=now, variables=merged, traced=True
        )
        if composer.message_id_domain != self._composer.message_id_domain:
            return None
        if job.recipients.group_by and composer.leaks():
            return None  # the whole preview finds out whether groups have several addresses
        return type(self)(
            job,
            composer,
            edition=edition,
            columns=self._columns,
            rows=[_dated(row, now) for row in self._rows],
            options=self._options,
            read_job=self._read_job,
        )

    def made(self, number: str) -> MadeLetter | None:
        """Make the files of a message by its number; None where there is no such message."""
        from mailbatch.delivery.inspection import render_letter
        from mailbatch.preview.entry import Entries
        from mailbatch.preview.message_files import MessageFiles

        files: dict[str, bytes] = {}
        messages = MessageFiles(len(self._rows), files.__setitem__, _body_alone)
        index = int(number) - 1
        if messages.number(index) != number:
            return None
        shown, columns = self._rows[index], self._columns
        maker = Entries(columns, named_columns(self._job.recipients.group_by, columns))
        seen = render_letter(self._composer, shown.delivery)
        entry = maker.entry(seen, findings=self._survey.findings(seen), reasons=shown.reasons)
        if self._options.earlier is not None:
            entry = replace(entry, change=self._options.earlier.change_of(entry))
        made = messages.add(index, entry)
        files[_body_alone(number)] = made.body.encode("ascii")
        return MadeLetter(made.stamp, files)

    @cached_property
    def _survey(self) -> Survey:
        from mailbatch.checks.survey import Survey

        return Survey(self._job, self._edition, self._columns, self._composer.branches)


def sources(job: Job, composer: Composer) -> tuple[Path, ...]:
    """Return the files that a mailing is made from, as far as the job names files.

    Where a row or a pattern completes a name, the folder stands for its files, with those that are
    in there now, the first `MOST_FILES` of all.
    """
    from mailbatch.render.assets import fixed_folder, varies

    patterns = (one.glob for one in job.message.attachments)
    names = [setting.text for setting, _ in job.files()]
    names += [pattern for pattern in patterns if pattern is not None]
    below = (*composer.branches.sources(), *(name for name in names if not varies(name)))
    folders = {job.folder / fixed_folder(name) for name in names if varies(name)}
    if composer.sources.images_vary:
        folders |= set(folders_in(job.folder))
    files = islice((path for folder in sorted(folders) for path in _files_in(folder)), MOST_FILES)
    plain = (job.folder / name for name in below)
    return (job.path, *plain, *composer.sources.images, *folders, *files)


def _files_in(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.is_file())
    return []


def _body_alone(number: str) -> str:
    return f"bodies/{number}-alone.js"


def _row_files(job: Job) -> frozenset[Path]:
    table = job.recipients
    names = (*table.suppress, *((table.file,) if table.file is not None else ()))
    return frozenset(job.folder / name for name in names)


def _ruling(job: Job) -> tuple[object, ...]:
    """Return the values of a job that rule over rows, their order and their groups."""
    return (
        job.name,
        job.recipients.model_dump(exclude={"display_name"}),
        job.variables if job.recipients.where is not None else None,
        job.server.recipients_per_transaction,
        len(job.message.cc) + len(job.message.bcc),
        job.message.thread,
    )


def _edition(job: Job, given: str | None, now: datetime, variables: Mapping[str, object]) -> str:
    from mailbatch.delivery.places import check_edition, check_given_edition
    from mailbatch.render.edition import render_edition

    if given is not None:
        return check_given_edition(job, given)
    return check_edition(job, render_edition(job, now, variables))


def _dated(row: ShownRow, now: datetime) -> ShownRow:
    return replace(row, delivery=replace(row.delivery, date=int(now.timestamp())))
