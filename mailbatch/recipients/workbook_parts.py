"""The cells of a sheet that hold an error, which the reader of workbooks does not tell.

Such a cell (`<c r="B7" t="e">`, ECMA-376 part 1, 18.3.1.4) has no value to mail. The sheet's part
of the package is searched in pieces for such cells and for nothing else; a package of another shape
gives none.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

_BOOK = "xl/workbook.xml"
_LINKS = "xl/_rels/workbook.xml.rels"
_PIECE = 1 << 20
_LONGEST_TAG = 1 << 10
_CELL = re.compile(rb"<(?:\w+:)?c\s([^<>]*?)/?>")
_IS_ERROR = re.compile(rb"\bt\s*=\s*[\"']e[\"']")
# RuntimeError stands for encryption and for methods of compression that nobody uses here.
_NO_PACKAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ET.ParseError)
_NAME = re.compile(rb"\br\s*=\s*[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell by name, such as B7, and row."""

    name: str
    row: int


def failed_cell(path: Path, sheet: str) -> Cell | None:
    """Return the first cell of a sheet that holds an error, None if there is none."""
    try:
        with zipfile.ZipFile(path) as package:
            part = _part_of(package, sheet)
            return None if part is None else _search(package, part)
    except _NO_PACKAGE:
        return None


def _part_of(package: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the name of a sheet's part."""
    targets = {link.get("Id"): link.get("Target", "") for link in _root(package, _LINKS)}
    for element in _root(package, _BOOK).iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            links = [value for key, value in element.items() if key.endswith("}id")]
            if not links or links[0] not in targets:
                return None
            return posixpath.normpath(posixpath.join("/xl", targets[links[0]])).lstrip("/")
    return None


def _root(package: zipfile.ZipFile, part: str) -> ET.Element:
    # The workbook is the user's own, as the job is.
    return ET.fromstring(package.read(part))  # noqa: S314 - see above


def _search(package: zipfile.ZipFile, part: str) -> Cell | None:
    with package.open(part) as stream:
        rest = b""
        while piece := stream.read(_PIECE):
            text = rest + piece
            for tag in _CELL.finditer(text):
                if _IS_ERROR.search(tag[1]):
                    name = _NAME.search(tag[1])
                    if name is not None:
                        return Cell((name[1] + name[2]).decode("ascii"), int(name[2]))
            rest = text[max(text.rfind(b"<"), len(text) - _LONGEST_TAG) :]
    return None
