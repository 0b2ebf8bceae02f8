"""The gallery: static files that open from file://, without network and without a build step.

    index.html, index-data.js      the mailing at a glance; search, filters, thumbnails
    messages/0001.html .eml        a page per message, and the message itself
    bodies/0001.js                 bodies for the frames and for later previews, some in each
    inline/DIGEST.js               inline images, each once
    attachments/DIGEST/NAME        attachments, each once
    assets/                        the scripts and styles
    gallery.json                   the keys and digests of all messages, for `preview --against`

A gallery is written beside its place and then moved there, so that a half-written gallery is never
seen. Only files of these names are ever replaced, and only in a folder that is empty or has a
gallery in it. The written files are kept as a list: a server serves these, and no other file of
the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Self

from mailbatch.checks.findings import Overview
from mailbatch.errors import raise_if_starved
from mailbatch.files import cannot_write
from mailbatch.frozen import frozen
from mailbatch.look import folder
from mailbatch.look.folder import add_assets
from mailbatch.preview.compare import BODIES_A_FILE, FORMAT, MANIFEST, body_file
from mailbatch.preview.entry import Entry, Since
from mailbatch.preview.index_page import Listed, index_data, index_page, listed
from mailbatch.preview.message_files import MessageFiles

ASSETS = Path(__file__).parent / "assets"
INDEX = "index.html"
#: The files and folders of a gallery.
OWN = (
    MANIFEST,
    INDEX,
    "index-data.js",
    "messages",
    "bodies",
    "inline",
    "attachments",
    "assets",
)


@frozen
class Identity:
    """The identity of a written file, which another file in the same place does not have."""

    device: int
    number: int

    @classmethod
    def of(cls, found: os.stat_result) -> Self:
        """Return the identity of a file from the result of `stat`."""
        return cls(found.st_dev, found.st_ino)


class Gallery:
    """Writes a gallery: `add` every entry, then `finish`; a context manager.

    `total` is the number of entries to come. `out` is unchanged before `finish`, which calls
    `before_moving` right before that changes. `written` has the identity of each file by the path
    in the gallery, once the gallery is finished. `stamps` has a stamp for each page, which is
    another one where a reader would see a difference.

    Raises:
        UsageError: `out` has other files in it.
        OutputError: `out` cannot be written (74); from every method.
    """

    def __init__(
        self, out: Path, total: int, before_moving: Callable[[], object] = lambda: None
    ) -> None:
        check_place(out)
        self._out = out
        self._total = total
        self._before_moving = before_moving
        self._listed: list[Listed] = []
        self._bodies: list[str] = []
        self._manifest: list[dict[str, object]] = []
        self.written: Mapping[str, Identity] = {}
        self.stamps: dict[str, str] = {}
        with _writing(out):
            out.mkdir(parents=True, exist_ok=True)
            self._made = Path(tempfile.mkdtemp(prefix=".gallery-", dir=out))
            self._folder = _Folder(self._made)
        self._messages = MessageFiles(total, self._folder.bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._made, ignore_errors=True)

    def add(self, entry: Entry) -> None:
        """Write the files of the next message."""
        index = len(self._listed)
        with _writing(self._out):
            made = self._messages.add(index, entry)
            self._bodies.append(made.body)
            if len(self._bodies) == BODIES_A_FILE or index + 1 == self._total:
                self._folder.text(body_file(made.number), "".join(self._bodies))
                self._bodies.clear()
        self._listed.append(listed(made.number, entry))
        self.stamps[f"messages/{made.number}.html"] = made.stamp
        self._manifest.append(
            {
                "key": entry.key,
                "number": made.number,
                "address": entry.addresses[0],
                "subject": entry.content.subject if entry.content is not None else "",
                "digest": made.digest,
            }
        )

    def finish(
        self, overview: Overview, since: Since | None = None, plan: str | None = None
    ) -> Path:
        """Write the index, put the gallery into `out`, and return the path of the index.

        `since` is the earlier preview that the changes of the entries refer to, `plan` the digest
        of the plan of the mailing.
        """
        manifest = {
            "format": FORMAT,
            "job": overview.job,
            "edition": overview.edition,
            "complete": overview.messages == len(self._listed),
        }
        page = index_page(overview, self._listed, since, plan)
        data = index_data(overview, self._listed)
        told = "".join((page, data, *self.stamps.values())).encode("utf-8", "backslashreplace")
        self.stamps[INDEX] = sha256(told).hexdigest()[:16]
        with _writing(self._out):
            self._folder.text(INDEX, page)
            self._folder.text("index-data.js", data)
            self._folder.text(
                MANIFEST, json.dumps({**manifest, "messages": self._manifest}, indent=1) + "\n"
            )
            written = self._folder.written()
            self._before_moving()
            folder.move(self._made, self._out, OWN)
        self.written = written
        return self._out / INDEX


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise_if_starved(error)
        raise cannot_write(out, error, "--out") from error


def check_place(out: Path) -> None:
    """Refuse a folder with other files than those of a gallery.

    Raises:
        UsageError: the folder has other files, or `out` is no folder.
    """
    folder.check_place(out, MANIFEST, "an earlier preview")


class _Folder:
    """An empty folder that becomes a gallery."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] = []
        for name in ("messages", "bodies", "inline", "attachments"):
            (folder / name).mkdir()
        self._names += add_assets(folder, ASSETS)

    def written(self) -> dict[str, Identity]:
        """Return the identity of every file by its path in the folder."""
        return {name: Identity.of((self._folder / name).stat()) for name in self._names}

    def text(self, name: str, text: str) -> None:
        """Write a text file."""
        self.bytes(name, text.encode("utf-8", "xmlcharrefreplace"))

    def bytes(self, name: str, data: bytes) -> None:
        """Write a file, in a folder of its own if the name says so."""
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self._names.append(name)
