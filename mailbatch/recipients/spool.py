"""The spool: bytes in a file on disk without a name, kept as long as a reader is open.

Memory stays flat, readers do not disturb each other, and no file is left behind, however the
process ends.

Tests: tests/recipients/test_command.py.
"""

from __future__ import annotations

import tempfile
import weakref


class Spool:
    """A file without a name in the folder for temporary files, deleted with the last use.

    Raises:
        OSError: there is no room; from creating and from writing.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the finalizer
        weakref.finalize(self, self._file.close)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def open(self) -> SpoolReader:
        """Begin to read from the start."""
        return SpoolReader(self)

    def read(self, start: int, most: int) -> bytes:
        """Return the bytes from `start`, `most` of them at most."""
        self._file.seek(start)
        return self._file.read(most)


class SpoolReader:
    """One reading of a spool; the spool is kept until the end."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._at = 0

    def read(self, most: int) -> bytes:
        """Return the next bytes, `most` of them at most; none at the end."""
        data = self._spool.read(self._at, most)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Do nothing: the spool closes the file."""
