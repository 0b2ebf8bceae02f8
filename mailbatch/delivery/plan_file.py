r"""The file of an approved plan: a mailing as figures and digests, one line for each row.

    mailbatch plan 1

    job: newsletter
    edition: 2026-W48
    recipients: 3
    pending: 2
    ...
    inputs:
    5f8a…  message.html: letter.html.j2

    digest: 0c1d…

    rows:
    9b1de3aa 3f0c5a6b7d8e9f0a1b2c3d4e
    17a04c55               suppressed

A row of the recipient table is a line of 34 characters: 8 hex digits of the row, and 24 of its
message, or the word for a row that gets none, to the right. No line has a number, so that a row
that changed is one line of a diff. The digest is the SHA-256 of the text without the line of the
digest. The file is text in UTF-8; it holds no address and no cell. A plan that was read is a copy,
and not in memory: its rows are `Slots`. This module must never look at a mailing, nor decide.

Tests: tests/cli/test_plan.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from mailbatch.delivery.slots import Slots
from mailbatch.errors import InputError, Location, UsageError
from mailbatch.frozen import frozen
from mailbatch.outcome import Status

#: The first line of the file: the version of the format goes up where a reader could be wrong.
TITLE = "mailbatch plan 1"
#: The hex digits of a row and of its message in a line.
ROW_DIGITS, MESSAGE_DIGITS = 8, 24
#: The characters of a line, the line end included.
WIDTH = ROW_DIGITS + 1 + MESSAGE_DIGITS + 1
#: The statuses that a row may have in a plan, in the order of the head.
PLANNED = (
    Status.PENDING,
    Status.INVALID,
    Status.SUPPRESSED,
    Status.DUPLICATE,
    Status.FILTERED,
)
_ROW = (
    rf"[0-9a-f]{{{ROW_DIGITS}}} "
    rf"(?:[0-9a-f]{{{MESSAGE_DIGITS}}}|(?= *(?:invalid|suppressed|duplicate|filtered)\n)"
    rf"[ a-z]{{{MESSAGE_DIGITS}}})\n"
)
_FIRST_ROWS = re.compile(f"(?:{_ROW})*+".encode())
_DIGEST = re.compile(r"^digest: ([0-9a-f]{64})\n", re.MULTILINE)
_VALUE = re.compile(r"^([a-z_ ]+): (.*)$", re.MULTILINE)
_INPUT = re.compile(r"([0-9a-f]{64})  (.+)")
_ROWS = "\nrows:\n"
#: The bytes of a file that are read at once, and those that the head of a plan has at most.
_AT_ONCE, _HEAD_SIZE = 1 << 18, 1 << 22


@frozen
class PlanFile:
    """A plan: the edition, the number of rows by status, the sizes, the inputs, and the rows.

    `counts` has every status of `PLANNED`. `messages` is the number of messages; `smallest`,
    `largest` and `total` are their sizes in bytes, before the transfer encoding and unsigned.
    `inputs` are SHA-256 by the names that `Composer.digests` gives. `rows` are the lines, `WIDTH`
    characters each, in the order of the table. `path` is the file that the plan was read from.
    `digest` is the name of the plan: a SHA-256 in 64 hex digits.
    """

    job: str
    edition: str
    counts: Mapping[Status, int]
    messages: int
    smallest: int
    largest: int
    total: int
    inputs: Mapping[str, str]
    rows: Slots
    path: Path | None = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Compute the digest."""
        whole = hashlib.sha256(f"{self._head()}{_ROWS}".encode())
        for piece in self.rows.pieces():
            whole.update(piece)
        object.__setattr__(self, "digest", whole.hexdigest())

    @property
    def head(self) -> str:
        """The text of the file before the lines of the rows."""
        return f"{self._head()}digest: {self.digest}\n{_ROWS}"

    def pieces(self) -> Iterator[str]:
        """Yield the text of the file in pieces; the same plan has the same text."""
        yield self.head
        for piece in self.rows.pieces():
            yield piece.decode("ascii")

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, number: int) -> str:
        """Return the digits of the row with this number; the first row has 0."""
        return self.rows.get(number)[:ROW_DIGITS].decode("ascii")

    def message(self, number: int) -> str:
        """Return the digits of the row's message, or the status of a row that gets none."""
        return self.rows.get(number)[ROW_DIGITS + 1 : -1].decode("ascii").lstrip()

    def _head(self) -> str:
        lines = [
            TITLE,
            "",
            f"job: {self.job}",
            f"edition: {self.edition}",
            f"recipients: {len(self)}",
            *[f"{status}: {self.counts[status]}" for status in PLANNED],
            f"messages: {self.messages}",
            f"bytes: {self.total}",
            f"smallest message: {self.smallest}",
            f"largest message: {self.largest}",
            "",
            "inputs:",
            *[f"{self.inputs[name]}  {name}" for name in sorted(self.inputs)],
            "",
        ]
        return "".join(f"{line}\n" for line in lines)


def line_of(row: str, message: str) -> bytes:
    """Return the line of a row; `message` are digits, or the status of a row that gets none."""
    return f"{row} {message:>{MESSAGE_DIGITS}}\n".encode("ascii")


def read_plan(path: Path) -> PlanFile:
    """Read the file of a plan; line ends may be those of Windows.

    Raises:
        UsageError: the file cannot be read (2).
        InputError: the file is no plan, or was changed since it was written (65).
        OutputError: there is no room for a copy of the rows (74).
    """
    try:
        with path.open("rb") as stream:
            return _read(stream, path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name the file of a plan") from error


def parse_plan(text: str, path: Path) -> PlanFile:
    """Return the plan of a text; `path` is for errors.

    Raises:
        InputError: the text is no plan, or not the one that was written.
    """
    return _read(BytesIO(text.encode()), path)


def _read(stream: BinaryIO, path: Path) -> PlanFile:
    head = _head_of(stream, path)
    rows = Slots(WIDTH)
    kept = b""
    while piece := stream.read(_AT_ONCE):
        if piece.endswith(b"\r"):
            piece += stream.read(1)
        kept += piece.replace(b"\r\n", b"\n")
        whole = len(kept) // WIDTH * WIDTH
        _add_rows(rows, kept[:whole], head, path)
        kept = kept[whole:]
    if kept:
        raise _no_row(head, len(rows), path)
    given = _DIGEST.search(head)
    values = dict(_VALUE.findall(head))
    try:
        plan = PlanFile(
            values["job"],
            values["edition"],
            {status: int(values[str(status)]) for status in PLANNED},
            int(values["messages"]),
            int(values["smallest message"]),
            int(values["largest message"]),
            int(values["bytes"]),
            {name: digest for digest, name in _INPUT.findall(head)},
            rows,
            path,
        )
    except (KeyError, ValueError):
        raise _no_plan(path, "lacks a line of its head", None) from None
    if given is None or plan.digest != given[1] or plan.head != head:
        raise _no_plan(path, "was changed since it was written: its digest is another one", None)
    return plan


def _head_of(stream: BinaryIO, path: Path) -> str:
    """Read up to the line `rows:`, and return that text."""
    try:
        head = _text(stream.readline(_HEAD_SIZE))
        if not head.startswith("mailbatch plan "):
            raise _no_plan(path, "is no plan of mailbatch", 1)
        if head != f"{TITLE}\n":
            raise _no_plan(path, "was written by another version of mailbatch", 1)
        while not head.endswith(_ROWS):
            line = _text(stream.readline(_HEAD_SIZE))
            if not line or len(head) > _HEAD_SIZE:
                raise _no_plan(path, "ends before its rows", None)
            head += line
    except UnicodeDecodeError:
        raise _no_plan(path, "is no plan: it is no text", None) from None
    return head


def _text(line: bytes) -> str:
    return line.decode().replace("\r\n", "\n")


def _add_rows(rows: Slots, lines: bytes, head: str, path: Path) -> None:
    """Add lines to the rows, once each is known to be a row."""
    found = _FIRST_ROWS.match(lines)
    good = found.end() if found is not None else 0
    if good < len(lines):
        raise _no_row(head, len(rows) + good // WIDTH, path)
    rows.append(lines)


def _no_row(head: str, number: int, path: Path) -> InputError:
    return _no_plan(path, "is no row of a plan", head.count("\n") + 1 + number)


def _no_plan(path: Path, words: str, line: int | None) -> InputError:
    return InputError(
        words,
        location=Location(str(path), line),
        hint="make it again: mailbatch plan JOB -o FILE",
    )
