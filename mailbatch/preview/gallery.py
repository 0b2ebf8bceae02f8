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

import base64
import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mailbatch.checks.findings import Overview
from mailbatch.errors import UsageError, raise_if_starved
from mailbatch.look import folder
from mailbatch.look.folder import add_assets
from mailbatch.look.markup import script
from mailbatch.preview.compare import (
    BODIES_A_FILE,
    FORMAT,
    MANIFEST,
    body_file,
    comparable,
    digest_of,
    digest_of_file,
)
from mailbatch.preview.entry import Entry, Since
from mailbatch.preview.index_page import Listed, index_data, index_page, listed
from mailbatch.preview.message_page import Place, message_page
from mailbatch.render.message import Attachment

ASSETS = Path(__file__).parent / "assets"
#: The files and folders of a gallery.
OWN = (
    MANIFEST,
    "index.html",
    "index-data.js",
    "messages",
    "bodies",
    "inline",
    "attachments",
    "assets",
)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028\u2029]')
_LONGEST_NAME = 100
_SHORTEST_NUMBER = 4  # digits


@dataclass(frozen=True, slots=True)
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

    `total` is the number of entries to come. `out` is unchanged before `finish`. `written` has the
    identity of each file by the path in the gallery, once the gallery is finished.

    Raises:
        UsageError: `out` has other files in it, or cannot be written; from every method.
    """

    def __init__(self, out: Path, total: int) -> None:
        check_place(out)
        self._out = out
        self._total = total
        self._width = max(_SHORTEST_NUMBER, len(str(total)))
        self._listed: list[Listed] = []
        self._bodies: list[str] = []
        self._manifest: list[dict[str, object]] = []
        self.written: Mapping[str, Identity] = {}
        with _writing(out):
            out.mkdir(parents=True, exist_ok=True)
            self._made = Path(tempfile.mkdtemp(prefix=".gallery-", dir=out))
            self._folder = _Folder(self._made)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._made, ignore_errors=True)

    def _number(self, index: int) -> str | None:
        return f"{index + 1:0{self._width}}" if 0 <= index < self._total else None

    def add(self, entry: Entry) -> None:
        """Write the files of the next message."""
        index = len(self._listed)
        number = self._number(index) or ""
        parts = comparable(entry)
        with _writing(self._out):
            place = Place(
                number=number,
                index=index,
                total=self._total,
                before=self._number(index - 1),
                after=self._number(index + 1),
                body=body_file(number),
                files=self._folder.files(entry),
            )
            self._folder.text(f"messages/{number}.html", message_page(entry, place))
            self._bodies.append(self._body(entry, number, parts))
            if len(self._bodies) == BODIES_A_FILE or index + 1 == self._total:
                self._folder.text(body_file(number), "".join(self._bodies))
                self._bodies.clear()
            if entry.content is not None:
                self._folder.bytes(f"messages/{number}.eml", entry.source)
        self._listed.append(listed(number, entry))
        self._manifest.append(
            {
                "key": entry.key,
                "number": number,
                "address": entry.addresses[0],
                "subject": entry.content.subject if entry.content is not None else "",
                "digest": digest_of(parts),
            }
        )

    def _body(self, entry: Entry, number: str, parts: dict[str, Any]) -> str:
        """Return the line of a script file with the parts of a message and its inline images."""
        inline = self._folder.images(entry)
        data = {**parts, "inline": inline} if inline else dict(parts)
        if entry.change is not None and entry.change.html_before is not None:
            data["before"] = entry.change.html_before
        return script("mailbatchBody", number, data)

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
        with _writing(self._out):
            self._folder.text("index.html", index_page(overview, self._listed, since, plan))
            self._folder.text("index-data.js", index_data(overview, self._listed))
            self._folder.text(
                MANIFEST, json.dumps({**manifest, "messages": self._manifest}, indent=1) + "\n"
            )
            written = self._folder.written()
            folder.move(self._made, self._out, OWN)
        self.written = written
        return self._out / "index.html"


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise_if_starved(error)
        raise UsageError(
            f"cannot write {error.filename or out}: {error.strerror}", hint="choose another --out"
        ) from error


def check_place(out: Path) -> None:
    """Refuse a folder with other files than those of a gallery.

    Raises:
        UsageError: the folder has other files, or `out` is no folder.
    """
    folder.check_place(out, MANIFEST, "an earlier preview")


class _Folder:
    """An empty folder that becomes a gallery; a file that messages share is written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] = []
        self._images: set[str] = set()
        self._files: dict[tuple[str, str], str] = {}
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
        """Write a file."""
        (self._folder / name).write_bytes(data)
        self._names.append(name)

    def images(self, entry: Entry) -> dict[str, str]:
        """Write the inline images that are new; return the digests by content id."""
        found = {}
        for image in entry.content.inline if entry.content is not None else ():
            digest = digest_of_file(image.data)
            found[image.cid or image.filename] = digest
            if digest not in self._images:
                self._images.add(digest)
                encoded = base64.b64encode(image.data).decode("ascii")
                address = f"data:{image.type};base64,{encoded}"
                self.text(f"inline/{digest}.js", script("mailbatchImage", digest, address))
        return found

    def files(self, entry: Entry) -> tuple[str, ...]:
        """Write the attachments and images that are new; return the paths of all."""
        if entry.content is None:
            return ()
        return tuple(self._file(f) for f in (*entry.content.attachments, *entry.content.inline))

    def _file(self, file: Attachment) -> str:
        digest, name = digest_of_file(file.data), file_name(file.filename)
        if (digest, name) not in self._files:
            (self._folder / "attachments" / digest).mkdir(exist_ok=True)
            self._files[digest, name] = f"attachments/{digest}/{name}"
            self.bytes(self._files[digest, name], file.data)
        return self._files[digest, name]


def file_name(name: str) -> str:
    """Return a name that is harmless as a file name: no path, no control, nothing hidden.

    >>> file_name("../.terms 100%.pdf")
    '_.terms 100_.pdf'
    """
    harmless = _UNSAFE.sub("_", name).strip(". ").encode("utf-8", "replace").decode("utf-8")
    return harmless.replace("%", "_").replace("#", "_")[-_LONGEST_NAME:] or "attachment"
