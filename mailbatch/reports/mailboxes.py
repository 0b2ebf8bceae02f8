"""Files that hold reports: single mails, mbox, Maildir, saved bodies, and standard input.

A folder with `cur` and `new` is a Maildir, and any other folder holds files. One rule tells what a
file holds, whether it was named, lies in a folder or a Maildir, or is piped: a file that begins
with `From ` is an mbox, and all else is one body. Folders in a folder are left out. This module
must never change, move or lock anything: the mailbox may be in use.
"""

from __future__ import annotations

import mailbox
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from mailbatch.frozen import frozen
from mailbatch.reports.reading import DATABASES, refusal_of_form

#: Bytes of one body that are kept. A report is far smaller; a message that it returns may not be.
MOST_BYTES = 32 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: The beginning of a mail in an mbox; a byte order mark or blank lines may stand before the first.
_MBOX_START = re.compile(rb"(?:%s)?(?:[ \t]*\r?\n)*From " % _BYTE_ORDER_MARK)
#: Bytes at the beginning of a file that tell what the file holds.
_START = 512
#: The folders of a Maildir; mails in `tmp` are still on the way.
_MAILDIR = frozenset({"cur", "new", "tmp"})


@frozen
class Found:
    """A body that was found: the place for people (`mail/inbox[3]`) and the bytes."""

    place: str
    content: bytes


@frozen
class LeftOut:
    """A file, or a body of one, that is not kept: the place and the reason, for people."""

    place: str
    reason: str


def bodies_in(path: Path, *, store: Path | None = None) -> Iterator[Found | LeftOut]:
    """Yield each body in a file, an mbox, a Maildir or a folder, in the order of the names.

    `store` is the open store of reports, which is left out unread: closing any descriptor of the
    file would take SQLite's locks from this process (POSIX). Other databases are left out
    by their first bytes.

    Raises:
        OSError: the path is not there, or cannot be read.
    """
    apart = _files_of(store) if store is not None else frozenset()
    if path.is_dir():
        for file in _files_in(path):
            yield from _in_file(file, apart)
    elif path.is_file() or not path.exists():
        yield from _in_file(path, apart)
    else:  # a pipe gives its bytes once
        with path.open("rb") as stream:
            yield from bodies_in_stream(stream, _place(path))


def reports_in(path: Path, *, store: Path | None = None) -> Iterator[Found | LeftOut]:
    """Yield the bodies of `bodies_in`, without those in no form of a report: these stay files.

    A pipe is taken as a whole, since the bytes of a pipe are nowhere else.

    Raises:
        OSError: the path is not there, or cannot be read.
    """
    stays = path.is_file() or path.is_dir()
    for found in bodies_in(path, store=store):
        refusal = refusal_of_form(found.content) if stays and isinstance(found, Found) else None
        yield found if refusal is None else LeftOut(found.place, str(refusal))


def bodies_in_stream(stream: BinaryIO, place: str = "standard input") -> Iterator[Found | LeftOut]:
    """Yield each body of a stream, which is one body or an mbox.

    A mail server that pipes a mail to a command may put a `From ` line before the mail.

    Raises:
        OSError: the stream cannot be read, or not be spooled.
    """
    with tempfile.NamedTemporaryFile() as spool:
        shutil.copyfileobj(stream, spool)
        spool.flush()
        path = Path(spool.name)
        for found in bodies_in(path):
            yield replace(found, place=found.place.replace(_place(path), place, 1))


def _place(path: Path) -> str:
    """Return a path as text that every output and database takes, whatever bytes a name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def folders_left_out(path: Path) -> list[str]:
    """Return the names of the folders in a folder that `bodies_in` does not descend into, sorted.

    Raises:
        OSError: the path cannot be read.
    """
    if not path.is_dir():
        return []
    known = _MAILDIR if _is_maildir(path) else frozenset()
    return sorted(e.name for e in path.iterdir() if e.is_dir() and e.name not in known)


def _is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _files_in(folder: Path) -> Iterator[Path]:
    for part in (folder / "cur", folder / "new") if _is_maildir(folder) else (folder,):
        for file in sorted(part.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                yield file


def _files_of(store: Path) -> frozenset[tuple[int, int]]:
    """Return device and inode of the file of a store and of the files that SQLite has beside it."""
    store = store.resolve()
    found = (store.with_name(f"{store.name}{end}") for end in ("", "-wal", "-shm", "-journal"))
    return frozenset(_identity(path) for path in found if path.exists())


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _in_file(path: Path, apart: frozenset[tuple[int, int]]) -> Iterator[Found | LeftOut]:
    """Yield each body of a file: the only place where the content decides about its form."""
    if _identity(path) in apart:
        yield LeftOut(_place(path), "the store itself")
        return
    with path.open("rb") as stream:
        start = stream.read(_START)
    if start.startswith(DATABASES):
        yield LeftOut(_place(path), "an SQLite database")
    elif not _MBOX_START.match(start):
        yield _whole(path)
    elif start.startswith(_BYTE_ORDER_MARK):  # the library would miss the first mail
        with path.open("rb") as stream:
            stream.seek(len(_BYTE_ORDER_MARK))
            yield from bodies_in_stream(stream, _place(path))
    else:
        yield from _in_mbox(path, _place(path))


def _whole(path: Path) -> Found:
    with path.open("rb") as stream:
        return Found(_place(path), stream.read(MOST_BYTES))


def _in_mbox(path: Path, place: str) -> Iterator[Found]:
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.iterkeys(), 1):
            with box.get_file(key) as stream:
                yield Found(f"{place}[{number}]", stream.read(MOST_BYTES))
    finally:
        box.close()
