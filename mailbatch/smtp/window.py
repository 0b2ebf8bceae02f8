"""The window of a session: how much of a long content is handed to the system at once.

Blocks that leave one by one cost a wait each. A system that takes the bytes in no time gets more of
them at once, up to several messages of a megabyte; one that is slow gets a block at a time, so that
a refusal in the middle of a content still stops the rest. This module must never wait, nor know a
socket.

    window = Window(loop.time)
    began = window.begin()              # `window.size` bytes are handed over
    ...                                 # the system has taken them
    window.end(began, window.size)      # twice as many the next time, if that was quick
"""

from __future__ import annotations

from collections.abc import Callable

from mailbatch.smtp.content import BLOCK_BYTES

#: A block that was taken within so many seconds was taken in no time: that is 13 MB/s.
QUICK = 0.02
#: The largest window, in bytes.
MOST_BYTES = 16 * BLOCK_BYTES


class Window:
    """The number of bytes that are handed over at once; `size` is never less than a block."""

    __slots__ = ("_clock", "size")

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self.size = BLOCK_BYTES

    def begin(self) -> float:
        """Return the time at which bytes are handed over, for `end`."""
        return self._clock()

    def end(self, began: float, size: int) -> None:
        """Note that the system has taken so many bytes, which were handed over at `began`."""
        if self._clock() - began <= QUICK * max(1.0, size / BLOCK_BYTES):
            self.size = min(2 * self.size, MOST_BYTES)
        else:
            self.size = BLOCK_BYTES
