"""The fault server's reader: a state machine over the client's bytes, in any split.

Written from RFC 5321 (2.3.8 lines, 4.5.2 transparency), sharing nothing with mailbatch, so that it
can judge what mailbatch writes. Only CRLF ends a line; a bare CR or LF is counted and kept as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(slots=True)
class WireFacts:
    """What was seen in the bytes of one content, or of the commands of one connection."""

    bare_cr: int = 0
    bare_lf: int = 0
    longest_line: int = 0  # octets without CRLF and without the dot of transparency
    eight_bit: bool = False
    nul: bool = False


class _State(Enum):
    LINE_START = auto()
    TEXT = auto()
    CR = auto()
    DOT = auto()  # a dot at the start of a line
    DOT_CR = auto()


class SmtpInput:
    """Bytes in by `feed`; out come command lines or a content, whichever the server asks for."""

    def __init__(self) -> None:
        self.pending = bytearray()
        self.commands = WireFacts()
        self.content_facts = WireFacts()
        self._scanned = 0
        self._start_content()

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""
        self.pending += data

    def command(self) -> bytes | None:
        """Give the next command line without its CRLF, or None where it is not complete."""
        end = self.pending.find(b"\r\n", max(0, self._scanned - 1))
        if end < 0:
            self._scanned = len(self.pending)
            return None
        line = bytes(self.pending[:end])
        del self.pending[: end + 2]
        self._scanned = 0
        facts = self.commands
        facts.bare_cr += line.count(b"\r")
        facts.bare_lf += line.count(b"\n")
        facts.longest_line = max(facts.longest_line, len(line))
        facts.eight_bit = facts.eight_bit or not line.isascii()
        facts.nul = facts.nul or b"\0" in line
        return line

    def begin_content(self) -> None:
        """The next bytes are a content, up to the final dot."""
        self._start_content()

    @property
    def received(self) -> int:
        """How many bytes of the content were read so far, without transparency."""
        return len(self._content)

    def content(self, stop_at: int | None = None) -> bytes | None:
        """Give the content once its final dot is read, or None where there is more to come.

        With `stop_at` it reads no further than that many bytes of content, if the dot does not come
        first. Bytes behind the final dot stay in `pending`.
        """
        buffer, at = bytes(self.pending), 0
        while at < len(buffer):
            if stop_at is not None and len(self._content) >= stop_at:
                break
            at, ended = self._step(buffer, at, stop_at)
            if ended:
                del self.pending[:at]
                return bytes(self._content)
        del self.pending[:at]
        return None

    def begin_chunk(self, size: int) -> None:
        """The next `size` octets are a content, whatever they are (RFC 3030 2)."""
        self._start_content()
        self._wanted = size

    def chunk(self, stop_at: int | None = None) -> bytes | None:
        """Give the content once all of its octets are read, or None where there are more to come.

        With `stop_at` it reads no further than that many of them.
        """
        until = self._wanted if stop_at is None else min(stop_at, self._wanted)
        piece = bytes(self.pending[: until - len(self._content)])
        del self.pending[: len(piece)]
        self._content += piece
        if len(self._content) < self._wanted:
            return None
        self.content_facts = facts_of_chunk(bytes(self._content))
        return bytes(self._content)

    def _start_content(self) -> None:
        self._state = _State.LINE_START
        self._content = bytearray()
        self._line = 0
        self._wanted = 0
        self.content_facts = WireFacts()

    def _step(self, buffer: bytes, at: int, stop_at: int | None) -> tuple[int, bool]:
        """Read on from `at`: one octet that matters, or a run of text. True: the final dot."""
        octet = buffer[at : at + 1]
        match self._state:
            case _State.DOT_CR if octet == b"\n":
                return at + 1, True
            case _State.DOT_CR:
                # The dot was transparency, and its CR stood alone.
                self._state = _State.CR
                return at, False
            case _State.DOT if octet == b"\r":
                self._state = _State.DOT_CR
            case _State.CR if octet == b"\n":
                self._content += b"\r\n"
                self._end_line()
            case _State.CR:
                self.content_facts.bare_cr += 1
                self._text(b"\r")
                return at, False
            case _State.LINE_START if octet == b".":
                self._state = _State.DOT
            case _ if octet == b"\r":
                self._state = _State.CR
            case _ if octet == b"\n":
                self.content_facts.bare_lf += 1
                self._text(octet)
            case _:
                end = self._run_end(buffer, at, stop_at)
                self._text(buffer[at:end])
                return end, False
        return at + 1, False

    def _run_end(self, buffer: bytes, at: int, stop_at: int | None) -> int:
        ends = [end for mark in (b"\r", b"\n") if (end := buffer.find(mark, at)) >= 0]
        end = min(ends, default=len(buffer))
        if stop_at is not None:
            end = min(end, at + stop_at - len(self._content))
        return end

    def _text(self, run: bytes) -> None:
        self._content += run
        self._line += len(run)
        self._state = _State.TEXT
        self.content_facts.eight_bit = self.content_facts.eight_bit or not run.isascii()
        self.content_facts.nul = self.content_facts.nul or b"\0" in run

    def _end_line(self) -> None:
        facts = self.content_facts
        facts.longest_line = max(facts.longest_line, self._line)
        self._line = 0
        self._state = _State.LINE_START


def facts_of_chunk(content: bytes) -> WireFacts:
    """What is to be seen in a content that came without transparency."""
    lines = content.split(b"\r\n")
    return WireFacts(
        bare_cr=sum(line.count(b"\r") for line in lines),
        bare_lf=sum(line.count(b"\n") for line in lines),
        longest_line=max(map(len, lines)),
        eight_bit=not content.isascii(),
        nul=b"\0" in content,
    )
