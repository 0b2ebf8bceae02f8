"""Slots of one width in a file without a name: put and read by number, in little memory.

    lines = Slots(8)
    lines.put(0, b"12345678")
    lines.get(0)          # b"12345678"
    lines.get(7)          # b"", as no slot so far behind was put

A plan of a million recipients is some 50 MB of such slots, and a run looks each of them up in about
the order in which they were put. The file lies in the folder of temporary files (TMPDIR) once there
is more than a mebibyte, and is gone with the process. This module must never know a plan.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile, gettempdir

from mailbatch.errors import OutputError

#: The bytes that are kept in memory before there is a file.
_IN_MEMORY = 1 << 20
#: The slots that are written, or read, at once, and the number of such blocks that are kept.
_BLOCK, _KEPT = 256, 64


class Slots:
    """Slots of `width` bytes each, numbered from 0."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - lives as the object
        weakref.finalize(self, self._file.close)
        self._length = 0
        #: What was put behind one another, and is not in the file yet; and its first slot.
        self._pending, self._first = bytearray(), 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def __len__(self) -> int:
        """Return the number behind the last slot that was put."""
        return self._length

    def append(self, data: bytes) -> None:
        """Put data of one or more slots behind the last one; raises as `put` does."""
        self.put(self._length, data)

    def put(self, number: int, data: bytes) -> None:
        """Put the data of a slot; slots that were left out before it are NULs.

        Raises:
            OutputError: the file cannot be written (74).
        """
        self._blocks.clear()
        slots = len(data) // self._width
        if number != self._first + len(self._pending) // self._width:
            self._flush()
            self._first = number
        self._pending += data
        self._length = max(self._length, number + slots)
        if len(self._pending) >= _BLOCK * self._width:
            self._flush()

    def get(self, number: int) -> bytes:
        """Return the data of a slot; none where no slot so far behind was put.

        Raises:
            OutputError: the file cannot be written or read (74).
        """
        index, within = divmod(number, _BLOCK)
        block = self._blocks.get(index)
        if block is None:
            block = self._read(index)
        start = within * self._width
        return block[start : start + self._width]

    def pieces(self) -> Iterator[bytes]:
        """Yield all that was put, in pieces of whole slots.

        Raises:
            OutputError: the file cannot be written or read (74).
        """
        for index in range(-(-self._length // _BLOCK)):
            yield self._blocks.get(index) or self._read(index)

    def _flush(self) -> None:
        if not self._pending:
            return
        try:
            self._file.seek(self._first * self._width)
            self._file.write(self._pending)
        except OSError as error:
            raise _unusable(error) from error
        self._first += len(self._pending) // self._width
        self._pending.clear()

    def _read(self, index: int) -> bytes:
        self._flush()
        size = _BLOCK * self._width
        try:
            self._file.seek(index * size)
            block = self._file.read(size)
        except OSError as error:
            raise _unusable(error) from error
        if len(self._blocks) == _KEPT:
            self._blocks.popitem(last=False)
        self._blocks[index] = block
        return block


def _unusable(error: OSError) -> OutputError:
    return OutputError(
        f"{gettempdir()}: a temporary file cannot be written or read: {error.strerror or error}",
        hint="make room there, or name another folder in TMPDIR",
    )
