"""Files that hold reports: single mails, mbox, Maildir, saved bodies, and standard input.

A path is told apart by the files there: a folder with `cur` and `new` is a Maildir, any other
folder holds a file for each body, a file that begins with `From ` is an mbox, and all else is one
body. Folders in a folder are left out. This module must never change, move or lock anything: the
mailbox may be in use.
"""

from __future__ import annotations

import mailbox
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

#: Bytes of one body that are kept. A report is far smaller; a message that it returns may not be.
MOST_BYTES = 32 * 1024 * 1024
_MBOX_START = b"From "
#: The folders of a Maildir; mails in `tmp` are still on the way.
_MAILDIR = frozenset({"cur", "new", "tmp"})


@dataclass(frozen=True, slots=True)
class Found:
    """A body that was found: the place for people (`mail/inbox[3]`) and the bytes."""

    place: str
    content: bytes


def bodies_in(path: Path) -> Iterator[Found]:
    """Yield each body in a file, an mbox, a Maildir or a folder, in the order of the names.

    Raises:
        OSError: the path is not there, or cannot be read.
    """
    if path.is_dir():
        yield from _in_folder(path)
        return
    with path.open("rb") as stream:
        start = stream.read(len(_MBOX_START))
    if start == _MBOX_START:
        yield from _in_mbox(path, _place(path))
    else:
        yield _whole(path)


def bodies_in_stream(stream: BinaryIO, place: str = "standard input") -> Iterator[Found]:
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
            yield Found(found.place.replace(_place(path), place, 1), found.content)


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


def _in_folder(path: Path) -> Iterator[Found]:
    for folder in (path / "cur", path / "new") if _is_maildir(path) else (path,):
        for file in sorted(folder.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                yield _whole(file)


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
