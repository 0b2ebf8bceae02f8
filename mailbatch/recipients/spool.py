"""Bytes that are kept for as long as somebody reads them: a file on disk without a name.

Memory stays flat, readers do not disturb each other, and nothing is left behind, whatever ends the
process.
"""

from __future__ import annotations

import tempfile
import weakref


class Spool:
    """A file without a name in the folder for temporary files, deleted with its last use.

    Creating it and writing raise `OSError`.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the finalizer
        weakref.finalize(self, self._file.close)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Put bytes behind what is there."""
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def open(self) -> SpoolReader:
        """Begin to read from the start."""
        return SpoolReader(self)

    def read(self, start: int, most: int) -> bytes:
        """Return the bytes from `start`, at most so many."""
        self._file.seek(start)
        return self._file.read(most)


class SpoolReader:
    """One reading of a spool, which it keeps."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._at = 0

    def read(self, most: int) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        data = self._spool.read(self._at, most)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Nothing is owed: the spool closes its file."""
