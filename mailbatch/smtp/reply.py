"""Replies (RFC 5321 4.2): bytes in any split become `Reply` values, in order.

No line is ever skipped: a line that is no reply ends the session, because a skipped line shifts
every later reply to the wrong command. The code alone decides.

    S: 250-2.1.5 first
    S: 250 2.1.5 last      ->  Reply(250, ("first", "last"), "2.1.5")

Bounds: a line has at most 4096 bytes (the RFC asks for 512, 4.5.3.1.5), a reply at most 64 KiB.
Line ends are CRLF; a bare LF is accepted. An enhanced status code (RFC 2034, RFC 3463) counts only
if the class is the first digit of the code; Postfix has the same rule.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

from mailbatch.errors import RemoteProtocolError
from mailbatch.outcome import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes in one reply line, its line end included.
MAX_LINE = 4096
#: Bytes in one reply, all line ends included.
MAX_REPLY = 64 * 1024

# RFC 5321 4.2: Reply-code = %x32-35 %x30-35 %x30-39
_CODES = {
    b"%d%d%d" % (a, b, c): 100 * a + 10 * b + c
    for a, b, c in itertools.product(range(2, 6), range(6), range(10))
}
# The mark behind the code: text follows, or nothing; in the lines before the last one a hyphen.
_LAST = frozenset({b" ", b""})
_MORE = b"-"
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")  # RFC 3463 2
# How much of an offending line an error shows.
_EXCERPT = 80


def printable(text: str) -> str:
    r"""Replace each character that a terminal or a log must not get, as in `"\x1b"`."""
    return "".join(
        character
        if character == "\t" or character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def decode(line: bytes) -> str:
    r"""Turn bytes of the server into text that is safe to keep and to show.

    A byte that is no UTF-8, and a character that is not printable, become an escape:

        >>> print(decode(b"caf\xc3\xa9 \xff\x1b"))
        café \xff\x1b
    """
    text = line.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else printable(text)


@lru_cache(maxsize=256)
def _status_class(word: str) -> int:
    """Return the class of an enhanced status code; 0 for any other word."""
    return int(word[0]) if _STATUS.fullmatch(word) else 0


# Servers say the same few things over and over ("250 2.1.0 Ok", "354 ..."): replies are values, so
# the one that was built before serves again. Bounded: so many lines of at most MAX_LINE bytes.
@lru_cache(maxsize=64)
def _whole_reply(line: bytes) -> Reply | None:
    """Read a line that is a whole reply; None for any other line."""
    line = line.removesuffix(b"\r")
    code = _CODES.get(line[:3])
    if code is None or line[3:4] not in _LAST:
        return None
    text = decode(line[4:])
    if text[1:2] == ".":
        word, _, rest = text.partition(" ")
        if _status_class(word) == code // 100:
            return Reply(code, (rest.lstrip(" "),), word)
    return Reply(code, (text,))


def _joined_reply(code: int, lines: list[bytes]) -> Reply:
    """Build a reply of several lines from the code and the bytes behind the code of each."""
    texts = [decode(line) for line in lines]
    enhanced = texts[0].partition(" ")[0]
    if _status_class(enhanced) != code // 100:
        return Reply(code, tuple(texts))
    for number, text in enumerate(texts):
        word, _, rest = text.partition(" ")
        if word == enhanced:
            texts[number] = rest.lstrip(" ")
    return Reply(code, tuple(texts), enhanced)


class ReplyParser:
    r"""A parser that cuts a stream of bytes into replies.

    `receive_data` stores, `next_reply` parses. After a `RemoteProtocolError` a parser is of no use.
    `on_line`, if set, sees every complete line as bytes without the line end, before the line is
    judged. `quotable` is given the lines that an error quotes, all of one reply, and returns these
    lines as an error may show them, or none (an echo of a secret).

        >>> parser = ReplyParser()
        >>> parser.receive_data(b"250-a\r\n25")
        >>> parser.next_reply() is None
        True
        >>> parser.receive_data(b"0 b\r\n")
        >>> parser.next_reply()
        Reply(code=250, lines=('a', 'b'), enhanced=None)
    """

    __slots__ = ("_code", "_last", "_lines", "_partial", "_size", "_texts", "on_line", "quotable")

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._code = 0
        self._last: bytes | None = None  # the line that was the whole last reply
        self._texts: list[bytes] = []
        self._size = 0
        self.quotable: Callable[[list[str]], list[str]] = list
        self.on_line: Callable[[bytes], None] | None = None

    @property
    def unfinished(self) -> bool:
        """Whether bytes wait here that belong to no complete reply yet, or to the next one."""
        return bool(self._partial or self._texts or self._lines)

    @property
    def evidence(self) -> str:
        """The part that came of a reply that never became complete, for an error text."""
        lines = self._so_far()
        lines += [decode(self._partial)] if self._partial else []
        return " / ".join(self.quotable(lines))[-_EXCERPT:]

    def _so_far(self) -> list[str]:
        return [f"{self._code}-{decode(text)}" for text in self._texts]

    def receive_data(self, data: bytes) -> None:
        """Store bytes of the server."""
        # The rest of the last call is at most MAX_LINE bytes: one byte at a time stays affordable.
        lines = (self._partial + data if self._partial else data).split(b"\n")
        self._partial = lines.pop()
        self._lines.extend(lines)

    def next_reply(self) -> Reply | None:
        """Return the next complete reply, or None if more bytes are needed.

        Raises:
            RemoteProtocolError: the bytes are no replies, or exceed the bounds.
        """
        lines = self._lines
        while lines:
            line = lines.popleft()
            if len(line) >= MAX_LINE:
                raise self._too_long()
            if self.on_line is not None:
                self.on_line(line.removesuffix(b"\r"))
            reply = _whole_reply(line) if not self._texts else None
            if reply is not None:
                self._last = line
                return reply
            self._last, reply = None, self._take_line(line)
            if reply is not None:
                return reply
        if len(self._partial) >= MAX_LINE:
            raise self._too_long()
        return None

    def alike(self) -> int:
        """Count the next replies that are the last one again, byte for byte."""
        line, count = self._last, 0
        for other in self._lines:
            if other != line:
                break
            count += 1
        return count

    def skip(self, count: int) -> None:
        """Take so many replies of those that `alike` counted."""
        for _ in range(count):
            self._lines.popleft()

    def _take_line(self, line: bytes) -> Reply | None:
        """Add a line to a reply of several lines; return the reply with the last line."""
        size = len(line) + 1
        line = line.removesuffix(b"\r")
        code = _CODES.get(line[:3])
        mark = line[3:4]
        if code is None or (mark != _MORE and mark not in _LAST):
            raise self._garbage("a line that is no reply", line)
        if self._texts and code != self._code:
            raise self._garbage(f"a line of another code in the middle of a {self._code}", line)
        self._code = code
        self._size += size
        if self._size > MAX_REPLY:
            raise RemoteProtocolError(f"a reply of the server is longer than {MAX_REPLY} bytes")
        self._texts.append(line[4:])
        if mark == _MORE:
            return None
        texts, self._texts, self._size = self._texts, [], 0
        return _joined_reply(code, texts)

    def _too_long(self) -> RemoteProtocolError:
        return RemoteProtocolError(f"a reply line of the server is longer than {MAX_LINE} bytes")

    def _garbage(self, what: str, line: bytes) -> RemoteProtocolError:
        shown = self.quotable([*self._so_far(), decode(line)])
        excerpt = f": '{shown[-1][:_EXCERPT]}'" if shown else ""
        return RemoteProtocolError(f"the server sent {what}{excerpt}")
