"""The files of one message in a gallery: the page, the body, the .eml, images and attachments.

    files: dict[str, bytes] = {}
    made = MessageFiles(50, files.__setitem__).add(6, entry)
    made.body                      # the line of bodies/0001.js, in which several messages share
    sorted(files)                  # ["messages/0007.eml", "messages/0007.html"]

A gallery hands each file to a folder, a server to memory. This module must never know of either,
and hands a file that messages share over once.

Tests: tests/preview/test_gallery.py, tests/preview/test_serving.py.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from mailbatch.frozen import frozen
from mailbatch.look.markup import script
from mailbatch.preview.compare import body_file, comparable, digest_of, digest_of_file
from mailbatch.preview.entry import Entry
from mailbatch.preview.message_page import Place, message_page
from mailbatch.render.message import Attachment

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u2028\u2029]')
_LONGEST_NAME = 100
_SHORTEST_NUMBER = 4  # digits


@frozen
class MadeFiles:
    """A message whose files were handed over, but for `body`, a line of a script file.

    `number` names the files of the message, `digest` is that of the parts that previews compare.
    `stamp` is another one where a reader of the page would see a difference.
    """

    number: str
    body: str
    digest: str
    stamp: str


class MessageFiles:
    """Makes the files of `total` messages and hands each to `write`, by its path in the gallery.

    `body` names the file that has the body of a message, by the number of the message.
    """

    def __init__(
        self,
        total: int,
        write: Callable[[str, bytes], object],
        body: Callable[[str], str] = body_file,
    ) -> None:
        self._total = total
        self._write = write
        self._body_file = body
        self._images: set[str] = set()
        self._files: dict[tuple[str, str], str] = {}

    def number(self, index: int) -> str | None:
        """Return the name of the message at this place, from 0; None where there is no message."""
        return number_of(index, self._total) if 0 <= index < self._total else None

    def add(self, index: int, entry: Entry) -> MadeFiles:
        """Make the files of the message at this place."""
        number = self.number(index) or ""
        parts = comparable(entry)
        place = Place(
            number=number,
            index=index,
            total=self._total,
            before=self.number(index - 1),
            after=self.number(index + 1),
            body=self._body_file(number),
            files=self._attached(entry),
        )
        self._text(f"messages/{number}.html", message_page(entry, place))
        if entry.content is not None:
            self._write(f"messages/{number}.eml", entry.source)
        digest = digest_of(parts)
        return MadeFiles(number, self._body(entry, number, parts), digest, _stamp(entry, digest))

    def _text(self, name: str, text: str) -> None:
        self._write(name, text.encode("utf-8", "xmlcharrefreplace"))

    def _body(self, entry: Entry, number: str, parts: dict[str, Any]) -> str:
        """Return the line of a script file with the parts of a message and its inline images."""
        inline = self._inline(entry)
        data = {**parts, "inline": inline} if inline else dict(parts)
        if entry.change is not None and entry.change.html_before is not None:
            data["before"] = entry.change.html_before
        return script("mailbatchBody", number, data)

    def _inline(self, entry: Entry) -> dict[str, str]:
        """Make the inline images that are new; return the digests by content id."""
        found = {}
        for image in entry.content.inline if entry.content is not None else ():
            digest = digest_of_file(image.data)
            found[image.cid or image.filename] = digest
            if digest not in self._images:
                self._images.add(digest)
                encoded = base64.b64encode(image.data).decode("ascii")
                address = f"data:{image.type};base64,{encoded}"
                self._text(f"inline/{digest}.js", script("mailbatchImage", digest, address))
        return found

    def _attached(self, entry: Entry) -> tuple[str, ...]:
        """Make the attachments and images that are new; return the paths of all."""
        if entry.content is None:
            return ()
        return tuple(self._file(f) for f in (*entry.content.attachments, *entry.content.inline))

    def _file(self, file: Attachment) -> str:
        digest, name = digest_of_file(file.data), file_name(file.filename)
        if (digest, name) not in self._files:
            self._files[digest, name] = f"attachments/{digest}/{name}"
            self._write(self._files[digest, name], file.data)
        return self._files[digest, name]


def number_of(index: int, total: int) -> str:
    """Return the number that names the files of a message, by the place among all, from 0.

    >>> number_of(6, 50)
    '0007'
    """
    return f"{index + 1:0{max(_SHORTEST_NUMBER, len(str(total)))}}"


def file_name(name: str) -> str:
    """Return a name that is harmless as a file name: no path, no control, nothing hidden.

    >>> file_name("../.terms 100%.pdf")
    '_.terms 100_.pdf'
    """
    harmless = _UNSAFE.sub("_", name).strip(". ").encode("utf-8", "replace").decode("utf-8")
    return harmless.replace("%", "_").replace("#", "_")[-_LONGEST_NAME:] or "attachment"


def _stamp(entry: Entry, digest: str) -> str:
    """Return the stamp of a page: without the Date, which is another one at every rendering."""
    told = (
        digest, entry.addresses, entry.line, entry.reverse_path, entry.copies, entry.group,
        entry.values, entry.findings, entry.reasons, entry.error, entry.change,
    )  # fmt: skip
    return sha256(repr(told).encode("utf-8", "backslashreplace")).hexdigest()[:16]
