r"""The hash chain over an edition: one line a row, a thousand lines a block, one head a block.

>>> line_of("9f" * 32, b"\1" * 32, "accepted", 250, 1_795_767_300.0)[121:]
'01010101 accepted 250 2026-11-27T08:15:00Z\n'

A line has the keyed name of the row, the digest of its message, the status, the reply code and the
time; `-` for a fact that there is none of. The digest of a block is the SHA-256 of its lines. The
head of a block is the SHA-256 of the line `PREVIOUS-HEAD BLOCK`, the head before the first block
that of job and edition: so the last head is the name of all rows in their order. This module must
never keep more than one block.

Tests: tests/cli/test_evidence.py.
"""

from __future__ import annotations

import hashlib
from typing import TextIO

from mailbatch.times import iso_time

#: The lines of a block: a million rows are a thousand heads, which a shell computes in seconds.
BLOCK = 1000
_NONE = "-"


def line_of(
    key: str, digest: bytes | None, status: str, code: int | None, settled_at: float | None
) -> str:
    """Return the line of a row with this keyed name; `settled_at` is in seconds since the epoch."""
    message = _NONE if digest is None else digest.hex()
    at = _NONE if settled_at is None else iso_time(settled_at)
    return f"{key} {message} {status} {_NONE if code is None else code} {at}\n"


def beginning(job: str, edition: str) -> str:
    """Return the head before the first block of an edition, in hex."""
    return _sha256(f"mailbatch chain 1\n{job}\n{edition}\n")


def linked(head: str, block: str) -> str:
    """Return the head of a block behind another head; `block` is the digest of the lines."""
    return _sha256(f"{head} {block}\n")


def digest_of_block(lines: str) -> str:
    """Return the digest of the lines of a block, in hex."""
    return _sha256(lines)


class Chain:
    """The chain of an edition while its rows go by; writes a line `BLOCK HEAD` for each block."""

    def __init__(self, stream: TextIO, *, job: str, edition: str) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._kept: int | None = None
        #: The head so far, the numbers of rows and of blocks, and the block that was asked for.
        self.head = beginning(job, edition)
        self.rows = self.blocks = 0
        self.block = ""

    def add(self, line: str, *, keep: bool = False) -> None:
        """Add the line of the next row; `keep` the block that the row stands in."""
        self._lines.append(line)
        self.rows += 1
        if keep:
            self._kept = self.blocks
        if len(self._lines) == BLOCK:
            self._end_block()

    def finish(self) -> None:
        """End the last block."""
        if self._lines:
            self._end_block()

    def _end_block(self) -> None:
        lines = "".join(self._lines)
        block = digest_of_block(lines)
        self.head = linked(self.head, block)
        self._stream.write(f"{block} {self.head}\n")
        if self._kept == self.blocks:
            self.block = lines
        self.blocks += 1
        self._lines.clear()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
