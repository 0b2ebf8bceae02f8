"""The attachments of each message: files by path, by pattern, or made of a template for each row.

    attached = Attached(job, templates)
    chosen = attached.chosen(names)         # for those that vary, which files a message has
    parts = attached.parts(chosen)          # all of them, in the job's order

A file that every message has is read and encoded once. Values in a pattern stand for themselves, so
that a cell with `*` names no other's files; with an empty value a pattern fits none, since
`bills/{{ id }}*.pdf` would be the bills of all others. Nothing here reads a file of another folder
than the one that the job names: `assets.py` sees to that.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.errors import InputError, MessageError
from mailbatch.render.assets import Asset, written_part
from mailbatch.render.content_lines import content_lines, folded
from mailbatch.render.field_text import FieldError
from mailbatch.render.message import Attachment, Chosen, WrittenFile
from mailbatch.render.mime import FilePart, part_size
from mailbatch.render.pages import PageChoice, role_of
from mailbatch.render.templates import EMPTY_VALUE, Names, Role, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

#: The files of one message that not every message has, for each attachment that varies.
Varying = list[tuple[Chosen | WrittenFile, ...]]

_NONE_FITS = "Put the file there, or write `optional: true` if a row may have none."
_EMPTY = "Fill the cell in, or write `optional: true` if a row may have no such file."


class _Files:
    """An attachment by path or by pattern; each row may have another file, several, or none."""

    def __init__(self, asset: Asset, folder: Path, *, pattern: bool, optional: bool) -> None:
        self._asset, self._folder = asset, folder
        self._pattern, self._optional = pattern, optional

    @property
    def constant(self) -> bool:
        return self._asset.constant and not self._pattern and not self._optional

    @property
    def source(self) -> str:
        return self._asset.path.source

    def check(self, names: Names) -> None:
        """Read the file of a constant path."""
        if not self._pattern and not self._optional:
            self._asset.check(names)
        elif self._asset.constant:
            for chosen in self.chosen(names):
                self._asset.part(chosen)

    def chosen(self, names: Names) -> tuple[Chosen, ...]:
        if self._pattern:
            return self._fitting(self._asset.path.render(names))
        if self._optional:
            path = self._asset.path.render(names)
            if not path.strip() or not self._asset.exists(path):
                return ()
        return (self._asset.chosen(names),)

    def _fitting(self, pattern: str) -> tuple[Chosen, ...]:
        if EMPTY_VALUE in pattern:
            return self._without(f"a value in {self.source} is empty", _EMPTY)
        found = sorted(
            name
            for name in glob.glob(pattern, root_dir=self._folder)  # noqa: PTH207 - relative names
            if (self._folder / name).is_file()
        )
        if not found:
            return self._without(f"no file fits {pattern}", _NONE_FITS)
        return tuple([self._asset.named(name) for name in found])

    def _without(self, problem: str, hint: str) -> tuple[Chosen, ...]:
        """Return no files, where a row may have none."""
        if not self._optional:
            raise MessageError(problem, location=self._asset.path.place, hint=hint)
        return ()

    def part(self, chosen: Chosen | WrittenFile) -> FilePart:
        assert isinstance(chosen, tuple)  # noqa: S101 - what `chosen` gave
        return self._asset.part(chosen)

    def attachment(self, chosen: Chosen | WrittenFile) -> Attachment:
        assert isinstance(chosen, tuple)  # noqa: S101 - what `chosen` gave
        return self._asset.attachment(chosen)

    def digest(self) -> str:
        if self.constant:
            return self._asset.digest()
        known = (self._asset.sources, self._pattern, self._optional)
        return hashlib.sha256(repr(known).encode()).hexdigest()


class _Written:
    """An attachment that is made of a template for each row."""

    constant = False

    def __init__(self, choice: PageChoice, filename: Value, kind: str | None) -> None:
        self.choice = choice
        self._filename, self._type = filename, kind

    @property
    def source(self) -> str:
        return self.choice.value.source

    def check(self, names: Names) -> None:
        """Do nothing: the template was compiled, and nothing else is the same for every row."""

    def chosen(self, names: Names) -> tuple[WrittenFile, ...]:
        text = self.choice.render(names)
        if self.choice.role is Role.CALENDAR:
            text = self._as_calendar(text)
        elif text and not text.endswith("\n"):  # Jinja2 takes the last one
            text += "\n"
        return (WrittenFile(self._filename.render(names).strip(" "), text),)

    def _as_calendar(self, rendered: str) -> str:
        marks = self.choice.marks
        try:
            lines = [line.written(marks) for line in content_lines(rendered)]
        except FieldError as error:
            raise MessageError(str(error), location=self.choice.value.place) from None
        return "".join([folded(line.text) for line in lines])

    def part(self, chosen: Chosen | WrittenFile) -> FilePart:
        return self._made(chosen)[0]

    def attachment(self, chosen: Chosen | WrittenFile) -> Attachment:
        return self._made(chosen)[1]

    def _made(self, chosen: Chosen | WrittenFile) -> tuple[FilePart, Attachment]:
        assert isinstance(chosen, WrittenFile)  # noqa: S101 - what `chosen` gave
        try:
            return written_part(chosen, self._type)
        except FieldError as error:
            problem = f"the file name {chosen.filename!r} {error}"
            raise MessageError(problem, location=self._filename.place) from None

    def digest(self) -> str:
        known = (self._filename.source, self._type)
        return hashlib.sha256(repr(known).encode()).hexdigest()


class Attached:
    """The attachments of every message of a job; `choices` are the templates among them."""

    def __init__(self, job: model.Job, templates: Templates) -> None:
        """Compile paths, names and templates; mistakes go to the templates' errors."""
        self._globals = templates.globals
        self._sources = list(_sources(job, templates))
        self.choices = tuple([one.choice for one in self._sources if isinstance(one, _Written)])
        self._constant: list[FilePart | None] = []

    def check(self) -> Iterator[InputError]:
        """Give the mistakes that can be found without a row."""
        for source in self._sources:
            try:
                source.check(self._globals)
            except InputError as error:
                yield error

    def prepare(self) -> None:
        """Encode the files that every message has.

        Raises:
            MessageError: a file cannot be read.
        """
        self._constant = [
            source.part(source.chosen(self._globals)[0]) if source.constant else None
            for source in self._sources
        ]

    @property
    def vary(self) -> bool:
        """Tell whether the files of two messages may differ."""
        return None in self._constant

    @property
    def shared(self) -> list[FilePart]:
        """The parts of the files that every message has."""
        return [part for part in self._constant if part is not None]

    def chosen(self, names: Names) -> Varying:
        """Return the files of a recipient that not everybody has.

        Raises:
            TemplateError: a template fails.
            MessageError: no file fits a pattern.
        """
        return [source.chosen(names) for source in self._sources if not source.constant]

    def parts(self, chosen: Varying) -> list[FilePart]:
        """Return the parts of all files of a message.

        Raises:
            MessageError: a file cannot be read, or a name cannot be written.
        """
        if not self.vary:
            return self.shared
        own = iter(chosen)
        found: list[FilePart] = []
        for part, source in zip(self._constant, self._sources, strict=True):
            if part is not None:
                found.append(part)
            else:
                found += [source.part(one) for one in next(own)]
        return found

    def varying_parts(self, chosen: Varying) -> list[FilePart]:
        """Return the parts of the files that not everybody has."""
        sources = [source for source in self._sources if not source.constant]
        pairs = zip(sources, chosen, strict=True)
        return [source.part(one) for source, files in pairs for one in files]

    def sizes(self, chosen: Varying, parts: Sequence[FilePart]) -> list[tuple[str, int]]:
        """Return the name of each file in the job, and the bytes of its part."""
        own = iter(chosen)
        names = [
            source.source
            for source in self._sources
            for _ in (range(1) if source.constant else next(own))
        ]
        return [(name, part_size(part)) for name, part in zip(names, parts, strict=True)]

    def content(self, chosen: Varying) -> tuple[Attachment, ...]:
        """Return all files of a message, for people.

        Raises:
            MessageError: as for `parts`.
        """
        own = iter(chosen)
        return tuple(
            source.attachment(one)
            for source in self._sources
            for one in (source.chosen(self._globals) if source.constant else next(own))
        )

    def digests(self) -> dict[str, str]:
        """Return the digest of each attachment, by its name in the job."""
        return {f"message.attachments: {one.source}": one.digest() for one in self._sources}


def _sources(job: model.Job, templates: Templates) -> Iterator[_Files | _Written]:
    for number, item in enumerate(job.message.attachments):
        key = f"message.attachments[{number}]"
        name = job.find(f"{key}.filename")
        if item.template is not None:
            setting = job.at(f"{key}.template")
            choice = PageChoice(setting, role_of(setting.text), templates)
            yield _Written(choice, templates.value(job.at(f"{key}.filename")), item.type)
            continue
        pattern = item.glob is not None
        role = Role.PATTERN if pattern else Role.TEXT
        path = templates.value(job.at(f"{key}.glob" if pattern else f"{key}.path"), role)
        filename = templates.value(name) if name is not None else None
        asset = Asset(job.folder, path, filename=filename, media_type=item.type, pattern=pattern)
        yield _Files(asset, job.folder, pattern=pattern, optional=item.optional)
