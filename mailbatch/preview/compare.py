"""The changes since an earlier preview, message by message.

An earlier preview is a gallery's folder. Differences between any two editions (Message-ID, token,
Date, the boundaries) do not count. The folder may come from anywhere: its files are read as data,
within limits.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from mailbatch.errors import UsageError, raise_if_starved
from mailbatch.preview.entry import Change, Entry
from mailbatch.report_token import is_token, token_of

#: The format of gallery.json; galleries of different formats cannot be compared.
FORMAT = 1
#: The file that makes a folder a gallery.
MANIFEST = "gallery.json"
_VOLATILE = frozenset(("message-id", "date", "content-type", "mime-version"))
#: The messages that share a file of bodies: thousands of small files are slow to write and to move.
BODIES_A_FILE = 16
_NUMBER = re.compile(r"[0-9]{1,12}")
_BODY = re.compile(r'mailbatchBody\("(?P<number>[0-9]+)",(?P<json>.*)\);')
_LONGEST_LINE = 160
_MOST_LINES = 3000  # of a part: difflib's time grows with the square
_SHOWN_LINES = 400
_AROUND = 2  # lines of context


def body_file(number: str) -> str:
    """Return the path of the file with the body of a message, from the gallery's folder.

    >>> body_file("0017"), body_file("0032")
    ('bodies/0017.js', 'bodies/0017.js')
    """
    first = (int(number) - 1) // BODIES_A_FILE * BODIES_A_FILE + 1
    return f"bodies/{first:0{len(number)}}.js"


@lru_cache(maxsize=1024)
def digest_of_file(data: bytes) -> str:
    """Return a short digest of a file; an object that many messages share is hashed once."""
    return sha256(data).hexdigest()[:16]


def comparable(entry: Entry) -> dict[str, Any]:
    """Return the parts of a message that a later preview compares, fit for JSON."""
    content = entry.content
    if content is None:
        return {"error": entry.error}
    return {
        "subject": content.subject,
        "headers": [list(pair) for pair in content.headers],
        "text": content.text,
        "html": content.html,
        "files": [
            [file.filename, file.type, digest_of_file(file.data)]
            for file in (*content.attachments, *content.inline)
        ],
    }


def digest_of(parts: Mapping[str, Any]) -> str:
    """Return a digest of comparable parts, without the headers that differ at every rendering."""
    parts = _without_token(parts)
    rest = {name: value for name, value in parts.items() if name not in {"text", "html", "headers"}}
    known = json.dumps([rest, _lasting(parts)], sort_keys=True)
    digest = sha256(known.encode("ascii"))
    for name in ("text", "html"):
        part = parts.get(name)
        digest.update(b"\0-" if part is None else b"\0+" + part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def _without_token(parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parts with zeros for the token, which is another one in another edition."""
    try:
        headers = [(str(name), str(value)) for name, value in parts.get("headers", ())]
    except (TypeError, ValueError):
        return parts
    known = (value for name, value in headers if name.lower() == "message-id")
    token = token_of(next(known, "").removeprefix("<"))
    if not is_token(token):
        return parts
    zeros = "0" * len(token)
    texts = {
        name: value.replace(token, zeros) if isinstance(value, str) else value
        for name, value in parts.items()
    }
    return {**texts, "headers": [[name, value.replace(token, zeros)] for name, value in headers]}


def _lasting(parts: Mapping[str, Any]) -> list[list[str]]:
    return [pair for pair in parts.get("headers", ()) if pair[0].lower() not in _VOLATILE]


class Earlier:
    """An earlier preview of the mailing: the keys of its messages, and the parts of each."""

    def __init__(
        self, folder: Path, messages: Mapping[str, Mapping[str, Any]], *, complete: bool
    ) -> None:
        self._folder = folder
        self._complete = complete
        self._messages = messages
        self._read: tuple[str, dict[str, dict[str, Any]]] | None = None

    @classmethod
    def read(cls, folder: Path) -> Earlier:
        """Read the manifest of the gallery in `folder`.

        Raises:
            UsageError: the folder has no gallery, or one of another version.
        """
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            messages = {str(m["key"]): m for m in manifest["messages"]}
            known = manifest["format"] == FORMAT
        except OSError as error:
            raise_if_starved(error)
            raise UsageError(
                f"{folder} is no preview: {MANIFEST} cannot be read ({error.strerror})",
                hint="--against wants the folder of an earlier preview",
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder / MANIFEST} is damaged", hint="preview it again") from error
        if not known:
            raise UsageError(
                f"{folder} was made by another version of mailbatch", hint="preview it again"
            )
        return cls(folder, messages, complete=bool(manifest.get("complete")))

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all messages of the earlier preview."""
        return frozenset(self._messages)

    def change_of(self, entry: Entry) -> Change:
        """Return the change of a message since the earlier preview."""
        before = self._messages.get(entry.key)
        if before is None:
            return Change("new" if self._complete else "unseen")
        now = comparable(entry)
        if before.get("digest") == digest_of(now):
            return Change("same")
        then = self._parts(before)
        was = then.get("html")
        html = was if isinstance(was, str) and was != now.get("html") else None
        return Change("changed", tuple(_differences(then, now)), html)

    def gone(self, keys: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Return the messages that are not among `keys` any more, each as (address, subject)."""
        left = set(keys)
        return tuple(
            (str(message.get("address", "")), str(message.get("subject", "")))
            for key, message in self._messages.items()
            if key not in left
        )

    def _parts(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Read the parts of an earlier message; unreadable parts count as absent."""
        number = str(message.get("number", ""))
        if not _NUMBER.fullmatch(number) or not int(number):
            return {}
        file = body_file(number)
        if self._read is None or self._read[0] != file:
            self._read = (file, _bodies(self._folder / file))
        return self._read[1].get(number, {})


def _bodies(file: Path) -> dict[str, dict[str, Any]]:
    bodies = {}
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            found = _BODY.fullmatch(line)
            parts = json.loads(found["json"]) if found is not None else None
            if found is not None and isinstance(parts, dict):
                bodies[found["number"]] = parts
    except (OSError, ValueError):
        return {}
    return bodies


def _differences(
    then: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterable[tuple[str, tuple[str, ...]]]:
    then, now = _without_token(then), _without_token(now)
    for name, lines_of in _PARTS.items():
        try:
            before = lines_of(then)
        except (TypeError, ValueError, AttributeError):
            before = []
        after = lines_of(now)
        if before != after:
            yield name, _diff(before, after)


def _diff(before: list[str], after: list[str]) -> tuple[str, ...]:
    if len(before) + len(after) > _MOST_LINES:
        return (f"@ too long to compare: {len(before)} lines before, {len(after)} now",)
    lines = list(difflib.unified_diff(before, after, lineterm="", n=_AROUND))[2:]
    if len(lines) > _SHOWN_LINES:
        rest = len(lines) - _SHOWN_LINES
        lines = [*lines[:_SHOWN_LINES], f"@ and {rest} more lines"]
    return tuple(lines)


def _html_lines(html: str) -> list[str]:
    """Split HTML into lines; a very long line is split between tags."""
    lines = []
    for line in html.splitlines():
        lines += line.replace("><", ">\n<").split("\n") if len(line) > _LONGEST_LINE else [line]
    return lines


def _text_lines(parts: Mapping[str, Any]) -> list[str]:
    return (parts.get("text") or "").splitlines()


def _header_lines(parts: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {value}" for name, value in _lasting(parts) if name != "Subject"]


def _file_lines(parts: Mapping[str, Any]) -> list[str]:
    return [f"{name} ({kind}, {digest})" for name, kind, digest in parts.get("files", ())]


#: The parts that are compared, each with the way to split it into lines.
_PARTS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "Error": lambda parts: [parts["error"]] if parts.get("error") else [],
    "Subject": lambda parts: [parts["subject"]] if parts.get("subject") else [],
    "Headers": _header_lines,
    "Text": _text_lines,
    "HTML": lambda parts: _html_lines(parts.get("html") or ""),
    "Attachments": _file_lines,
}
