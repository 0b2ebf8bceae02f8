"""The octets of a content (RFC 5321 2.3.8), in pieces of whole lines: large ones are never joined.

    octets = Octets.of((head, texts, attachment, end))   # the attachment is a `Piece` already
    octets.digest                                        # that of the attachment is computed once

A piece begins where a line begins and ends with CRLF, so that each can be checked, stuffed with
dots, digested and written alone. A piece that many messages share, such as the lines of an
attachment, is one object, and all of that is done once. Values only: nothing here knows the rules
of the wire or of a message.

Tests: tests/render/test_octets.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, TypeVar, cast

T = TypeVar("T")

#: From so many bytes on, encoded, a file of a message is a piece of its own.
LARGE_BYTES = 64 * 1024
# The digest of several pieces is one of digests. The name of the rule goes first, so that no
# content in one piece has the same digest, and another rule can be told from this one.
_RULE = b"mailbatch content in pieces, 1\0"


class Piece:
    r"""Whole lines of a content, and all that is worked out for these: once.

    >>> piece = Piece(b"Hello\r\n")
    >>> piece.once(len)
    7
    """

    __slots__ = ("_found", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._found: dict[Callable[[bytes], Any], Any] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Piece) and other.data == self.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"<Piece of {len(self.data)} bytes>"

    def once(self, work: Callable[[bytes], T]) -> T:
        """Return `work(data)`, computed at the first call for this function; raises as `work`."""
        if self._found is None:
            self._found = {}
        elif work in self._found:
            found: T = self._found[work]
            return found
        found = self._found[work] = work(self.data)
        return found

    @classmethod
    def known(cls, data: bytes, found: dict[Callable[[bytes], Any], Any]) -> Piece:
        """Make a piece of which another process has found these things, by their functions."""
        piece = cls(data)
        piece._found = found
        return piece


class Octets:
    """A content in order; all pieces but the last one end with CRLF."""

    __slots__ = ("pieces", "size")

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self.pieces = pieces
        #: The size for SIZE (RFC 1870) in bytes: with CRLF, before dots are stuffed.
        self.size = sum([len(piece.data) for piece in pieces])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Octets) and other.pieces == self.pieces

    def __hash__(self) -> int:
        return hash(self.pieces)

    def __repr__(self) -> str:
        return f"<Octets, {self.size} bytes in {len(self.pieces)} pieces>"

    @classmethod
    def of(cls, parts: Sequence[bytes | Piece]) -> Octets:
        """Join neighbours that are bytes; a `Piece` stays alone."""
        if Piece not in map(type, parts):  # most messages: no look at each part in Python
            return cls((Piece(b"".join(cast("Sequence[bytes]", parts))),))
        pieces: list[Piece] = []
        run: list[bytes] = []
        for part in parts:
            if isinstance(part, bytes):
                run.append(part)
                continue
            if run:
                pieces.append(Piece(b"".join(run)))
                run = []
            pieces.append(part)
        if run:
            pieces.append(Piece(b"".join(run)))
        return cls(tuple(pieces))

    def joined(self) -> bytes:
        """Return the content as one piece of bytes."""
        if len(self.pieces) == 1:
            return self.pieces[0].data
        return b"".join([piece.data for piece in self.pieces])

    @property
    def digest(self) -> bytes:
        """The digest by which a resend is known for the same message: 32 bytes.

        The SHA-256 of a content in one piece; of several, that of the rule's name and the SHA-256
        of each.
        """
        if len(self.pieces) == 1:
            return self.pieces[0].once(digest_of)
        whole = sha256(_RULE)
        for piece in self.pieces:
            whole.update(piece.once(digest_of))
        return whole.digest()

    @property
    def plain_digest(self) -> bytes:
        """The SHA-256 of the whole content, as all commit points had before contents had pieces."""
        whole = sha256()
        for piece in self.pieces:
            whole.update(piece.data)
        return whole.digest()


def digest_of(data: bytes) -> bytes:
    """Return the SHA-256 of bytes."""
    return sha256(data).digest()
