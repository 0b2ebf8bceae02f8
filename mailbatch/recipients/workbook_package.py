"""The package of a workbook: the memory that its cells will take once the file is read.

A workbook is a ZIP package (ECMA-376 part 2) of XML parts. A few kilobytes unpack to gigabytes, and
the reader holds a sheet as a full rectangle, so two cells in opposite corners take as much. Each
part is unpacked and counted, whatever size the package states; the rectangle follows from the names
of the cells (`<c r="B7">`, part 1, 18.3.1.4) and rows. This module must never give a value of a
cell: that is the work of the reader.
"""

from __future__ import annotations

import copy
import re
import zipfile
import zlib
from enum import Enum, auto
from pathlib import Path

#: The bytes that a part may unpack to in any case, and the multiple of its packed size beyond that.
PART, RATIO = 16 << 20, 200
#: The bytes that all parts together may unpack to.
MOST = 1 << 30
#: The cells that a rectangle may have in any case, and more for each cell that is not empty.
CELLS, PER_CELL = 4_000_000, 8

_PIECE = 1 << 20
_LONGEST_TAG = 1 << 10
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # an encrypted workbook is no package
# All bytes but the control characters that no text has.
_TEXT = b"\t\r\n" + bytes(range(ord(" "), 256))
# A cell that is empty takes no place.
_CELL = re.compile(
    rb"<(?:\w+:)?c\s(?:[^<>]*?\s)?r\s*=\s*[\"']([A-Z]{1,3})([0-9]{1,7})[\"'][^<>]*(?<!/)>"
)
_NAMELESS = re.compile(rb"<(?:\w+:)?c(?:\s(?![^<>]*\br\s*=)[^<>]*)?(?<!/)>")
# Counted first, which is much quicker: usually each cell and each row has a name.
_TAGS = (b"<c ", b"<c>", b":c ", b":c>", b"<row", b":row")
_NAMED = (b' r="', b" r='")
_ROW = re.compile(rb"<(?:\w+:)?row\s(?:[^<>]*?\s)?r\s*=\s*[\"']([0-9]{1,7})[\"']")


class Form(Enum):
    """The form of a file, by its first bytes."""

    PACKAGE = auto()
    OLE = auto()  # encrypted, or from before 2007 (MS-CFB)
    TEXT = auto()
    OTHER = auto()


def form_of(path: Path) -> Form:
    """Return the form of a file that ought to be a workbook.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_PIECE)
    if start.startswith(_OLE):
        return Form.OLE
    if start.startswith(b"PK"):
        return Form.PACKAGE
    is_text = bool(start.strip()) and not start.translate(None, _TEXT)
    return Form.TEXT if is_text else Form.OTHER


def excess(path: Path, *, part: int = PART, most: int = MOST, cells: int = CELLS) -> str | None:
    """Return the reason that a workbook would take too much memory, None if it does not.

    `part` and `most` are in bytes, `cells` is the number that a rectangle may have in any case.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is no package.
    """
    with path.open("rb") as file:
        if file.read(len(_OLE)) == _OLE:
            return None
    total = 0
    try:
        with zipfile.ZipFile(path) as package:
            for info in package.infolist():
                allowed = min(max(part, RATIO * info.compress_size), most - total)
                size, sheet = _unpacked(package, info, allowed)
                total += size
                if size > allowed:
                    return f"its part {info.filename} unpacks to more than {allowed} bytes"
                if sheet.area > cells + PER_CELL * sheet.cells:
                    return (
                        f"the cells of {info.filename} lie in a rectangle of {sheet.area}, "
                        f"and {sheet.cells} hold something"
                    )
    except _UNREADABLE as error:
        raise ValueError(str(error)) from None
    return None


class _Extent:
    """The rectangle in which the cells of a part lie, if the part is a sheet."""

    __slots__ = ("_behind", "_bottom", "_columns", "_top", "cells")

    def __init__(self) -> None:
        self.cells = self._behind = 0
        self._top, self._bottom = 1 << 30, 0
        self._columns: set[bytes] = set()

    @property
    def area(self) -> int:
        """The number of cells of the rectangle, which begins with the first cell of the part."""
        if not self.cells:
            return 0
        numbers = [_column(letters) for letters in self._columns] or [0]
        width = max(numbers) - min(numbers) + 1 + self._behind
        return width * max(1, self._bottom - self._top + 1)

    def see(self, text: bytes) -> None:
        """See a piece of the part."""
        named = _CELL.findall(text)
        rows = [int(row) for _, row in named[:1] + named[-1:]]
        rows += map(int, _ROW.findall(text))
        self._columns.update(letters for letters, _ in named)
        tags = sum(map(text.count, _TAGS))
        nameless = len(_NAMELESS.findall(text)) if tags > sum(map(text.count, _NAMED)) else 0
        if nameless:  # one behind the other, in two pieces perhaps
            widest = max(len(_NAMELESS.findall(row)) for row in text.split(b"row"))
            self._behind = max(self._behind, 2 * widest)
        self.cells += len(named) + nameless
        if rows:
            self._top, self._bottom = min(self._top, *rows), max(self._bottom, *rows)


def _unpacked(package: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> tuple[int, _Extent]:
    """Return the bytes that a part unpacks to, counted up to `most`, and the extent of cells."""
    real = copy.copy(info)
    real.file_size = 1 << 62  # the stated size need not be true
    extent, size, rest = _Extent(), 0, b""
    with package.open(real) as stream:
        while size <= most and (piece := stream.read(_PIECE)):
            size += len(piece)
            text = rest + piece
            cut = max(text.rfind(b"<"), len(text) - _LONGEST_TAG)
            extent.see(text[:cut])
            rest = text[cut:]
    extent.see(rest)
    return size, extent


def _column(letters: bytes) -> int:
    """Return the number of a column from the letters: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number
