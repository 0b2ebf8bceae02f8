r"""Message content on the wire (RFC 5321 2.3.8, 4.5.2): checked, and for DATA with stuffed dots.

Content is never repaired here: line ends are made right where the message is built. A fault here is
a mistake of ours and must not reach the wire, since a bare CR or LF is how one message is smuggled
into another. Whole-buffer operations only; there is no loop over bytes or lines.

    >>> stuff(b"Hello\r\n.\r\nworld")
    b'Hello\r\n..\r\nworld\r\n'
    >>> blocks(b".\r\n")
    (b'..\r\n',)
    >>> checked(b"Hello\r\n.\r\nworld")
    b'Hello\r\n.\r\nworld\r\n'
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from mailbatch.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailbatch.octets import Octets

#: Bytes in a line of content without its CRLF (RFC 5321 4.5.3.1.6: 1000 with it).
MAX_LINE = 998
_WINDOW = MAX_LINE + 2
#: Contents longer than this leave in blocks of so many bytes.
BLOCK_BYTES = 256 * 1024
# Bytes in a line of base64 with its CRLF (RFC 2045 6.8).
_BASE64_LINE = 78
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
# The only lines that could end a message, if a content were read as commands.
_SENDING_LINE = re.compile(rb"\n(?:\.\r\n|[ \t]*bdat)", re.IGNORECASE)


def stuff(content: bytes) -> bytes:
    """Return `content` with leading dots doubled and the last line ended.

    On the wire `.` CRLF follows, the end of data. The same object comes back where there is
    nothing to change.

    Raises:
        LocalProtocolError: a CR or LF stands alone, or a line has more than 998 bytes.
    """
    content = checked(content)
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..")


def blocks(data: bytes) -> tuple[bytes, ...]:
    """Return `data`, which are whole lines, stuffed and cut into blocks for one write each.

    Raises:
        LocalProtocolError: as `stuff`.
    """
    stuffed = data if _is_base64(data) else stuff(data)
    if len(stuffed) <= BLOCK_BYTES:
        return (stuffed,)
    return tuple(
        [stuffed[start : start + BLOCK_BYTES] for start in range(0, len(stuffed), BLOCK_BYTES)]
    )


def flight(octets: Octets) -> Iterator[tuple[bytes, bool]]:
    """Yield the blocks of a content in order, each with whether its piece is all ASCII.

    A piece that was sent before is not looked at again.

    Raises:
        LocalProtocolError: as `stuff`, before the first block; also where a piece but the last one
            does not end a line.
    """
    for piece in octets.pieces[:-1]:
        if piece.data[-2:] != b"\r\n":
            raise LocalProtocolError("a piece of the content is not of whole lines")
    ready = [(piece.once(blocks), piece.once(bytes.isascii)) for piece in octets.pieces]
    for found, is_ascii in ready:
        for block in found:
            yield block, is_ascii


def look_at(octets: Octets) -> None:
    """Make the blocks of a content in several pieces before a server waits for these.

    A fault is left to `flight`, which finds it again.
    """
    if len(octets.pieces) > 1:
        with suppress(LocalProtocolError):
            for piece in octets.pieces:
                piece.once(blocks)


def _is_base64(data: bytes) -> bool:
    """Say whether all lines are base64 of 76 characters, the last one of 76 or fewer.

    Such lines need no dots and no further look. All CR and LF are accounted for: as many as lines,
    two behind each 76 characters, and two at the end.
    """
    if data[_BASE64_LINE - 2 : _BASE64_LINE] != b"\r\n":  # most other contents
        return False
    whole, rest = divmod(len(data), _BASE64_LINE)
    return (
        data.translate(None, _BASE64) == b"\r\n" * (whole + (rest > 0))
        and data[_BASE64_LINE - 2 :: _BASE64_LINE].count(b"\r") == whole
        and data[_BASE64_LINE - 1 :: _BASE64_LINE].count(b"\n") == whole
        and data[-2:] == b"\r\n"
    )


def checked(content: bytes) -> bytes:
    """Return `content` with the last line ended, as BDAT carries a content: without transparency.

    Raises:
        LocalProtocolError: as `stuff`.
    """
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    # `splitlines` takes CR, LF and CRLF for line ends: all are CRLF if each has two bytes.
    lines = content.splitlines()
    if len(b"".join(lines)) + 2 * len(lines) != len(content):
        raise LocalProtocolError("the content has a CR or LF that is not part of a CRLF")
    _check_lines(content)
    return content


def could_send(content: bytes) -> bool:
    """Say whether a server that reads `content` as commands could find a whole message there.

    Some servers refuse BDAT and do not skip the octets that follow. Then a cell of the recipient
    table could hold commands. A message needs a line of a lone dot or a BDAT: a content with such
    a line goes by DATA, where dots are stuffed and a refusal comes before the content.
    """
    first = content[:64].lstrip().lower()
    if first.startswith((b".\r\n", b"bdat")):
        return True
    return _SENDING_LINE.search(content) is not None


def _check_lines(content: bytes) -> None:
    """Go from line end to line end in the longest steps that a legal line allows."""
    start, end = 0, len(content)
    while end - start > MAX_LINE:
        line_end = content.rfind(b"\n", start, start + _WINDOW)
        if line_end < 0:
            raise LocalProtocolError(f"a line of the content is longer than {MAX_LINE} bytes")
        start = line_end + 1
