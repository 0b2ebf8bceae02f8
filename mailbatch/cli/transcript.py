"""`run --transcript`: the dialogue with the server, as a file that people read.

The engine redacts secrets before a line comes here. A transcript must never disturb the run: a
transcript that cannot be written any more ends, and keeps the reason in `trouble`.

Tests: tests/cli/test_run.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self, TextIO

from mailbatch.files import cannot_write


class Transcript:
    """A file of the lines of dialogue, written as the lines come; a context manager.

    `trouble` is the reason why lines are missing, None if none are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        self._file: TextIO | None = None

    def begin(self) -> None:
        """Open the file anew; raises `OutputError` (74) where that cannot be done."""
        path = self.path
        try:
            self._file = path.open("w", encoding="utf-8", errors="backslashreplace", buffering=1)
        except OSError as error:
            raise cannot_write(path, error, "--transcript") from error

    def __call__(self, direction: str, line: bytes) -> None:
        """Write one line; characters that are not printable are escaped."""
        if self._file is None or self.trouble is not None:
            return
        text = line.decode("utf-8", "backslashreplace")
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        try:
            self._file.write(f"{direction}: {shown}\n")
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as failure:
            self.trouble = self.trouble or failure.strerror or str(failure)
