"""A user's text as blocks of whole lines, strictly decoded; mistakes have line and column.

A line ends at LF, CRLF or CR, as in every editor that shows line numbers. Memory is bounded by the
block and by `MAX_LINE`, whatever the file holds. This module must never guess an encoding or
replace a byte that cannot be decoded: a wrong name in a letter is worse than an error.

Tests: tests/recipients/test_table.py, tests/recipients/test_table_errors.py.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol, Self

from mailbatch.errors import Location, RecipientError, raise_if_starved
from mailbatch.recipients.spool import Spool

#: The longest line, and the longest record of a table, in characters.
MAX_LINE = 1 << 20
_BLOCK = 1 << 18  # bytes a read; larger is not faster

_BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)
_NO_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
)
# Every byte is a letter in these encodings, so that UTF-8 would be decoded to nonsense.
_SINGLE_BYTE = ("cp125", "cp437", "cp85", "iso8859", "koi8", "mac-")
# Codecs for pieces of text within programs.
_NOT_OF_FILES = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
_FORMS = "Save the table as CSV (UTF-8); a workbook is read from a file that is named .xlsx."
_SAVE = "Save the file as UTF-8 and leave `encoding` out."
# The encodings that programs save other than UTF-8; a person can tell them apart by the text.
_OLD_ENCODINGS = (("Windows-1252", "cp1252"), ("Mac Roman", "mac_roman"))
_EDGES = re.compile(rb"[\r\n,;\t|\"]")
_CELL_SHOWN = 60  # characters on each side of the byte that is no UTF-8
_MIXED = "What stands before it is UTF-8: the file mixes encodings, so mend this place."


class _Stream(Protocol):
    def read(self, most: int, /) -> bytes: ...

    def close(self) -> None: ...


class Source:
    """A text file or the output of a program, open for reading once; a context manager.

    `shown` is the name of the source in errors; `encoding` is any text encoding of Python.

    Raises:
        RecipientError: with the place of the fault; from opening and from reading.
    """

    def __init__(self, origin: Path | Spool, *, shown: str, encoding: str) -> None:
        self._shown = shown
        self._encoding = encoding
        self._codec = _find_codec(encoding, shown)
        self._is_file = isinstance(origin, Path)
        self._noun = "the file" if self._is_file else "the output"
        try:
            self._stream = self._open(origin)
        except OSError as error:
            raise_if_starved(error)
            raise self._error(f"cannot be read: {error.strerror}") from None

    def _open(self, origin: Path | Spool) -> _Stream:
        if isinstance(origin, Spool):
            return origin.open()
        # A FIFO would block the open, and every table is read more than once.
        if not stat.S_ISREG(origin.stat().st_mode):
            raise self._error("not a regular file")
        return origin.open("rb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()

    def lines(self) -> Iterator[str]:
        """Yield the lines with the line ends."""
        return chain.from_iterable(map(split_lines, self.blocks()))

    def blocks(self) -> Iterator[str]:
        """Yield the text in blocks of whole lines; a byte order mark is not part of it."""
        decoder = self._codec.incrementaldecoder()
        line = 1  # where `text` begins
        rest = ""
        at_start = True
        raw = self._read()
        self._refuse_other_formats(raw)
        if self._codec.name.startswith(_SINGLE_BYTE) and _is_utf_8(raw):
            named = f"{self._noun} is UTF-8 by all of its letters beyond ASCII"
            raise self._error(f"{named}, not {self._encoding}", hint=_write("utf-8"))
        while True:
            state = decoder.getstate()
            try:
                text = rest + decoder.decode(raw, not raw)
            except UnicodeDecodeError as error:
                decoder.setstate(state)
                raise self._undecodable(error, raw, decoder, line, rest) from None
            if at_start and text:
                text = text.removeprefix("\ufeff")
                at_start = False
            nul = text.find("\0")
            if nul >= 0:
                raise self._error("a NUL character, which no text has", *_end(line, text[:nul]))
            if not raw:
                if text:
                    yield text
                return
            # A CR that ends the text may be half of a CRLF.
            cut = text.rfind("\n") + 1 or text.rfind("\r", 0, len(text) - 1) + 1
            block, rest = text[:cut], text[cut:]
            if len(rest) > MAX_LINE:
                line, _ = _end(line, block)
                raise self._error(f"a line of more than {MAX_LINE} characters", line)
            if block:
                yield block
                line, _ = _end(line, block)
            raw = self._read()

    def _read(self) -> bytes:
        try:
            return self._stream.read(_BLOCK)
        except OSError as error:
            raise_if_starved(error)
            raise self._error(f"cannot be read: {error.strerror}") from None

    def _refuse_other_formats(self, raw: bytes) -> None:
        """Refuse a file whose first bytes are those of another form or encoding."""
        for magic, what in _NO_TEXT:
            if raw.startswith(magic):
                raise self._error(f"{self._noun} is {what}, not text", hint=_FORMS)
        codec = self._codec.name
        for mark, family, name in _BYTE_ORDER_MARKS:
            if raw.startswith(mark):
                if codec in {family, name}:
                    return
                named = f"{family.upper()} by its byte order mark"
                raise self._error(
                    f"{self._noun} is {named}, not {self._encoding}", hint=_write(family)
                )
        if raw and codec in {"utf-16", "utf-32"}:
            raise self._error(
                f"{self._noun} has no byte order mark, which {self._encoding} needs",
                hint=_write(f"{codec}-le"),
            )
        if codec.startswith(("utf-16", "utf-32")):
            return
        zeros = tuple(byte == 0 for byte in raw[:4])
        for pattern, name in (
            ((False, True) * 2, "utf-16-le"),
            ((True, False) * 2, "utf-16-be"),
        ):
            if zeros == pattern:
                looks = "looks like UTF-16 without a byte order mark"
                raise self._error(f"{self._noun} {looks}, not {self._encoding}", hint=_write(name))

    def _undecodable(
        self,
        error: UnicodeDecodeError,
        raw: bytes,
        decoder: codecs.IncrementalDecoder,
        line: int,
        rest: str,
    ) -> RecipientError:
        # The codec saw the end of the previous block before `raw`.
        valid = raw[: max(0, error.start - (len(error.object) - len(raw)))]
        before = (rest + decoder.decode(valid)).removeprefix("\ufeff")
        hint = _SAVE
        if self._codec.name in {"utf-8", "utf-8-sig"}:
            behind = error.object[error.start : error.start + _CELL_SHOWN]
            hint = self._readings(before, behind) if before.isascii() else _MIXED
        found = f"byte 0x{error.object[error.start]:02X}"
        return self._error(f"{found} is not valid {self._encoding}", *_end(line, before), hint=hint)

    def _readings(self, before: str, behind: bytes) -> str:
        """Return the readings of a cell in the encodings that programs save."""
        start = _EDGES.split(before[-_CELL_SHOWN:].encode())[-1]
        cell = start + _EDGES.split(behind)[0]
        readings = []
        for name, encoding in _OLD_ENCODINGS:
            with contextlib.suppress(UnicodeDecodeError):
                shown = "".join(c if c.isprintable() else "?" for c in cell.decode(encoding))
                readings.append(f"{shown.strip()!r} in {name} (`encoding: {encoding}`)")
        told = f"The cell would be {' and '.join(readings)}: write the one that is right "
        if self._is_file:
            return f"{told}under `recipients:`, or save the file as UTF-8."
        return f"{told}under `recipients:`, or let the program print UTF-8."

    def _error(
        self,
        message: str,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> RecipientError:
        return RecipientError(message, location=Location(self._shown, line, column), hint=hint)


def _is_utf_8(raw: bytes) -> bool:
    """Tell whether the first block of a text is UTF-8 beyond doubt: with letters beyond ASCII."""
    try:
        # A full block may end in the middle of a letter.
        text = codecs.getincrementaldecoder("utf-8")().decode(raw, len(raw) < _BLOCK)
    except UnicodeDecodeError:
        return False
    return not text.isascii()


def _find_codec(encoding: str, shown: str) -> codecs.CodecInfo:
    try:
        # `decode` refuses the codecs that make no text, such as `hex`, as well as unknown names.
        with contextlib.suppress(UnicodeError):
            b" ".decode(encoding)
        codec = codecs.lookup(encoding)
    except LookupError:
        codec = None
    if codec is None or codec.name in _NOT_OF_FILES:
        raise RecipientError(
            f"there is no text encoding {encoding!r}", location=Location(shown), hint=_SAVE
        )
    return codec


def split_lines(block: str) -> Iterator[str]:
    r"""Split at LF, CRLF and CR only; `str.splitlines` splits at eight more characters.

    >>> list(split_lines("a\r\nb\u2028c\n"))
    ['a\r\n', 'b\u2028c\n']
    """
    return io.StringIO(block, newline="")


def _end(line: int, text: str) -> tuple[int, int]:
    """Return the line and the column behind `text`, which begins at the start of `line`."""
    breaks = text.count("\n") + text.count("\r") - text.count("\r\n")
    return line + breaks, len(text) - max(text.rfind("\n"), text.rfind("\r"))


def _write(encoding: str) -> str:
    if encoding == "utf-8":
        return "Leave `encoding` out under `recipients:`."
    return f"Write `encoding: {encoding}` under `recipients:`, or save the file as UTF-8."
