"""Attachments and inline images: found, read, and the constant ones encoded once.

A path may be a template; a cell in such a path never leads out of the folder that the template's
own text names, so that no row can attach another's file or the table itself. Content is
always base64: a file arrives byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.errors import JobError, MessageError, raise_if_starved
from mailbatch.files import NotRegularFile, open_regular
from mailbatch.job.paths import resolve_path, stored_path
from mailbatch.octets import LARGE_BYTES, Piece
from mailbatch.render.encodings import encode_base64
from mailbatch.render.field_text import FieldError, refuse_controls, refuse_reordering
from mailbatch.render.headers import fold_field, parameter
from mailbatch.render.media_types import MediaType, calendar_methods, media_type
from mailbatch.render.message import Attachment, Chosen, WrittenFile
from mailbatch.render.mime import FilePart
from mailbatch.render.templates import Names, Templates, Value

if TYPE_CHECKING:
    from mailbatch.job import model

#: How many bytes of files are kept for the next message, where the path varies by recipient.
CACHED_BYTES = 32 * 1024 * 1024

_LONGEST_NAME = 255  # bytes: the limit of file systems
_MARKUP = re.compile(r"\{[{%#]")
_PRIVATE = frozenset(("the recipient table", "a suppression list", "the file of a secret"))
_VARIES = re.compile(r"\{[{%#]|[*?\[]")


class Asset:
    """One file of the message: path, name, media type, and the part made of all three."""

    def __init__(
        self,
        folder: Path,
        path: Value,
        withheld: Mapping[str, str],
        *,
        filename: Value | None = None,
        media_type: str | None = None,
        cid: str | None = None,
        pattern: bool = False,
    ) -> None:
        """Take the settings; `path` may be a `pattern` of paths, each of which is given later.

        `withheld` are the files that no cell and no pattern may name, as of `withheld_files`.
        """
        self.path = path
        self._folder = folder
        self._withheld = {} if path.constant is not None and not pattern else withheld
        self._filename = filename
        self._type = media_type
        self._cid = cid
        self._base = fixed_folder(path.source, _VARIES if pattern else _MARKUP)
        self._files: OrderedDict[str, EncodedFile] = OrderedDict()
        self._kept = 0
        self._last: tuple[Chosen, Attachment] | None = None

    @property
    def values(self) -> tuple[Value, ...]:
        """The templates of path and name."""
        return (self.path,) if self._filename is None else (self.path, self._filename)

    @property
    def sources(self) -> tuple[list[str], str | None]:
        """The templates of path and name as the job has them, and the media type."""
        return [value.source for value in self.values], self._type

    @property
    def constant(self) -> bool:
        """Tell whether the part is the same for every message."""
        return all(value.constant is not None for value in self.values)

    def check(self, names: Names) -> None:
        """Read the file of a constant path.

        Raises:
            MessageError: as for `part`.
        """
        if self.constant:
            self.part(self.chosen(names))
        elif self.path.constant is not None:
            self._file(self.path.constant)

    def chosen(self, names: Names) -> Chosen:
        """Return the path of the file for a recipient, and the name that the recipient sees.

        Raises:
            TemplateError: a template of the path or the name fails.
        """
        filename = self._filename.render(names) if self._filename is not None else ""
        return self.named(self.path.render(names), filename)

    def named(self, path: str, filename: str = "") -> Chosen:
        """Return a path with the name that the recipient sees, by default the file's own."""
        return path, filename.strip(" ") or filename or _composed(Path(path).name)

    def exists(self, path: str) -> bool:
        """Tell whether there is a file of this path, or something that cannot be looked at."""
        try:
            return stat.S_ISREG(stored_path(self._folder / path).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        except OSError:
            return True  # the row gets the error of the read

    def part(self, chosen: Chosen) -> FilePart:
        """Return the part of the message: header and empty line, and the lines of base64.

        Raises:
            MessageError: the file cannot be read, the name cannot be written, or a calendar is of
                another method than its type says.
        """
        name, filename = chosen
        file = self._file(name)
        kind = self._media_type(chosen, file)
        try:
            return part_head(filename, kind, self._cid), file.lines
        except FieldError as error:
            raise self._error(f"the file name {filename!r}", str(error)) from None

    def attachment(self, chosen: Chosen) -> Attachment:
        """Return the file as a value; the last one is kept, which most messages share.

        Raises:
            MessageError: as for `part`.
        """
        if self._last is None or self._last[0] != chosen:
            name, filename = chosen
            file = self._file(name)
            kind = str(self._media_type(chosen, file))
            data = base64.b64decode(file.encoded)
            self._last = chosen, Attachment(filename, kind, data, self._cid)
        return self._last[1]

    def _media_type(self, chosen: Chosen, file: EncodedFile) -> MediaType:
        name, filename = chosen
        try:
            return media_type(
                self._type, filename, is_utf8=file.is_utf8, methods=file.calendar_methods
            )
        except FieldError as error:
            hint = "Write the same method in both, or leave it out of the type: the file has it."
            raise self._error(name, str(error), hint=hint) from None

    def digest(self) -> str:
        """Return the SHA-256 of both templates, and of the file where the path is constant."""
        sources = [value.source for value in self.values]
        digest = hashlib.sha256(repr((sources, self._type, self._cid)).encode())
        if self.path.constant is not None:
            digest.update(self._file(self.path.constant).encoded)
        return digest.hexdigest()

    def content_digest(self, name: str) -> str:
        """Return the SHA-256 of the content of a file."""
        return hashlib.sha256(self._file(name).encoded).hexdigest()

    def _file(self, name: str) -> EncodedFile:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = EncodedFile(self._read(name))
            self._kept += file.memory
            while self._kept > CACHED_BYTES and len(self._files) > 1:
                self._kept -= self._files.popitem(last=False)[1].memory
        return file

    def _read(self, name: str) -> bytes:
        if not name.strip():
            raise self._error("the name of the file", "is empty here", hint=_NO_FILE)
        try:
            path = resolve_path(self._folder, name, absolute_allowed=Path(self._base).is_absolute())
            base = os.path.realpath(stored_path(self._folder / self._base))
            if self.path.constant is None and not Path(os.path.realpath(path)).is_relative_to(base):
                raise self._error(name, "leaves the folder that the job names")
            kind = self._withheld and self._withheld.get(os.path.realpath(path))
            if kind:
                raise self._error(name, f"is {kind}", hint=_WITHHELD)
            return read_file(path)
        except JobError as error:
            raise self._error(name, error.message, hint=error.hint) from None
        except (OSError, ValueError) as error:
            raise self._error(name, unread(error)) from None

    def _error(self, name: str, problem: str, *, hint: str | None = None) -> MessageError:
        return MessageError(f"{name} {problem}", location=self.path.place, hint=hint)


def read_file(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError, ValueError: the file cannot be read; `unread` has the words.
    """
    with open_regular(path) as file:
        return file.read()


def unread(error: OSError | ValueError) -> str:
    """Return the words for a file that cannot be read, which complete "logo.png ...".

    Raises:
        OSError: the machine is at fault, and not the file.
    """
    raise_if_starved(error)
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, IsADirectoryError | NotRegularFile):
        return "is no file"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"cannot be read: {reason}"


_WITHHELD = "Name a folder before the first part that varies, such as files/{{ id }}.pdf."
_NO_FILE = "Fill the cell, or write `optional: true` beside the path if a row may have none."


class EncodedFile:
    """The content of a file, encoded: `lines`, a piece of its own where these are many bytes."""

    __slots__ = ("calendar_methods", "is_utf8", "lines")

    def __init__(self, data: bytes) -> None:
        lines = encode_base64(data) + b"\r\n"
        self.lines = Piece(lines) if len(lines) >= LARGE_BYTES else lines
        self.calendar_methods = calendar_methods(data)
        try:
            data.decode()
        except UnicodeDecodeError:
            self.is_utf8 = False
        else:
            self.is_utf8 = True

    @property
    def encoded(self) -> bytes:
        """The lines without the last CRLF."""
        return (self.lines.data if isinstance(self.lines, Piece) else self.lines)[:-2]

    @property
    def memory(self) -> int:
        """The bytes that the file keeps: a piece is kept once more, in blocks for the wire."""
        lines = self.lines
        return 2 * len(lines.data) if isinstance(lines, Piece) else len(lines)


def _composed(name: str) -> str:
    """Return a name with composed letters (NFC), which all readers show: macOS writes others."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def varies(source: str) -> bool:
    """Say whether a row or a pattern completes a path."""
    return _VARIES.search(source) is not None


def fixed_folder(source: str, varying: re.Pattern[str] = _VARIES) -> str:
    """Return the folder that a path names before its first part that varies.

    By default a row or a pattern completes such a part.

    >>> fixed_folder("tickets/{{ year }}/*.pdf"), fixed_folder("{{ id }}.pdf")
    ('tickets/', '')
    """
    match = varying.search(source)
    fixed = source if match is None else source[: match.start()]
    return fixed[: fixed.rfind("/") + 1]


def part_head(filename: str, kind: MediaType, cid: str | None) -> bytes:
    """Return the header of a file's part with the empty line; with `cid`, of an inline part.

    Raises:
        FieldError: the name cannot be written.
    """
    refuse_controls(filename)
    refuse_reordering(filename)
    if "/" in filename or "\\" in filename or filename.strip(". ") == "":
        raise FieldError("is no name of a file")
    if len(filename.encode(errors="surrogatepass")) > _LONGEST_NAME:
        raise FieldError(f"has more than {_LONGEST_NAME} bytes")
    shown = "attachment" if cid is None else "inline"
    disposition = [f"{shown};", f" {parameter('filename', filename)}"]
    return b"".join(
        (
            # Without a name of its own: two names that differ make some readers mix files up.
            fold_field("Content-Type", kind.pieces),
            f"Content-ID: <{cid}>\r\n".encode("ascii") if cid is not None else b"",
            b"Content-Transfer-Encoding: base64\r\n",
            fold_field("Content-Disposition", disposition),
            b"\r\n",
        )
    )


def written_part(file: WrittenFile, given: str | None) -> tuple[FilePart, Attachment]:
    """Return the part of a file that a template made, and the file for people.

    `given` is the media type in the job, None for the one of the name.

    Raises:
        FieldError: the name cannot be written, or the type says another method than the calendar.
    """
    data = file.text.encode()
    try:
        kind = media_type(given, file.filename, is_utf8=True, methods=calendar_methods(data))
    except FieldError as error:
        raise FieldError(f"{file.filename} {error}") from None
    try:
        head = part_head(file.filename, kind, None)
    except FieldError as error:
        raise FieldError(f"the file name {file.filename!r} {error}") from None
    return (head, encode_base64(data) + b"\r\n"), Attachment(file.filename, str(kind), data)


def withheld_files(job: model.Job) -> dict[str, str]:
    """Return the files that no cell may attach: the real path of each, and the kind.

    These are the job file, the recipient table, the suppression lists and the files of secrets.
    """
    named = [(setting.text, mark.kind) for setting, mark in job.files() if mark.kind in _PRIVATE]
    named.append((job.path.name, "the job file"))
    return {os.path.realpath(stored_path(job.folder / name)): kind for name, kind in named}


def inline_images(job: model.Job, templates: Templates) -> list[Asset]:
    """Make the inline images of a job."""
    withheld = withheld_files(job)
    return [
        Asset(job.folder, templates.value(path), withheld, cid=cid)
        for cid, path in zip(job.message.inline, job.each("message.inline"), strict=True)
    ]
