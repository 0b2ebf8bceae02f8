"""The facts of a sheet that its reader does not tell: hidden rows, formats, formulas without value.

    facts = read_facts(path, "People", header=1, hidden=False)
    facts.hidden                   # rows that people do not see, such as those of a filter
    facts.format_of(2, 7)          # the format of the number in cell C7
    facts.fault                    # the first cell that has no value for a mail

A sheet is a part of the package (ECMA-376 part 1, 18.3) of elements such as `<row r="7"
hidden="1">` and `<c r="C7" s="3"><f>...</f><v>...</v></c>`, where `s` is a style of `xl/styles.xml`
(18.8). A formula that no program has calculated has an empty `<v>`; or a 0 that was written in
place of the value, in a workbook that asks to be calculated when it is opened (`fullCalcOnLoad`,
18.2.2). The part is read in pieces; the styles of a column are kept by runs of rows. This module
must never give a value of a cell: that is the work of the reader.

Tests: tests/recipients/test_workbook.py.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from mailbatch.frozen import frozen
from mailbatch.recipients.number_format import BUILT_IN, Format, read_format

_PIECE = 1 << 18
_BOOK = "xl/workbook.xml"
_LINKS = "xl/_rels/workbook.xml.rels"
_STYLES = "xl/styles.xml"
_DIGITS = "0123456789"
_TRUE = frozenset(("1", "true"))
_NUMBER = frozenset((None, "n", "d"))  # types of cells whose format matters
# RuntimeError stands for encryption and for unknown methods of compression.
_NO_PACKAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ValueError, ET.ParseError,
    expat.ExpatError,
)  # fmt: skip


class Lack(Enum):
    """The reason that a cell has no value for a mail."""

    FAILED = auto()  # the formula gave an error
    NEVER_CALCULATED = auto()  # the formula has no value
    NOT_CALCULATED_YET = auto()  # the formula has a 0, and the workbook asks to be calculated


@frozen
class CellFault:
    """A cell without a value: the name, such as B7, the row, and the reason."""

    name: str
    row: int
    lack: Lack


@dataclass(slots=True)
class _Runs:
    """The styles of the numbers in a column: each from a row to the next entry."""

    rows: list[int] = field(default_factory=list)
    styles: list[int] = field(default_factory=list)


@frozen
class SheetFacts:
    """The facts of the rows below the header; columns are counted from 0, rows from 1."""

    hidden: frozenset[int] = frozenset()
    fault: CellFault | None = None
    _runs: Mapping[int, _Runs] = field(default_factory=dict)
    _formats: tuple[Format, ...] = ()

    def format_of(self, column: int, row: int) -> Format | None:
        """Return the format of a number that stands in a cell, None where no style is known."""
        runs = self._runs.get(column)
        at = bisect_right(runs.rows, row) if runs is not None else 0
        return self._format(runs.styles[at - 1]) if runs is not None and at else None

    def formats_of(self, column: int) -> Iterator[tuple[int, Format]]:
        """Yield each format of the numbers in a column, with the first row that has it."""
        runs = self._runs.get(column, _Runs())
        seen = set()
        for row, style in zip(runs.rows, runs.styles, strict=True):
            found = self._format(style)
            if found is not None and style not in seen:
                seen.add(style)
                yield row, found

    def _format(self, style: int) -> Format | None:
        return self._formats[style] if style < len(self._formats) else None


def read_facts(path: Path, sheet: str, *, header: int, hidden: bool) -> SheetFacts:
    """Read the facts of a sheet below the row `header`.

    `hidden` tells whether hidden rows count like others: then none is told. A package of another
    form than expected has no facts: `open_workbook` refuses such a file.
    """
    try:
        with zipfile.ZipFile(path) as package:
            part, calculates = _part_of(package, sheet)
            if part is None:
                return SheetFacts()
            reading = _Reading(header, hidden=hidden, calculates=calculates)
            with package.open(part) as stream:
                reading.read(stream)
            return SheetFacts(
                frozenset(reading.hidden), reading.fault, reading.runs, _formats(package)
            )
    except _NO_PACKAGE:
        return SheetFacts()


class _Reading:
    """A reading of a sheet's part."""

    def __init__(self, header: int, *, hidden: bool, calculates: bool) -> None:
        self._parser = expat.ParserCreate()
        self._header = header
        self._all = hidden
        self._calculates = calculates
        self.hidden: set[int] = set()
        self.fault: CellFault | None = None
        self.runs: dict[int, _Runs] = {}
        self._kinds: dict[str, str] = {}  # names of elements without the prefix
        self._columns: dict[str, int] = {}
        self._row = self._column = 0
        self._counts = self._is_hidden = False
        self._formula: str | None = None  # the name of the cell
        self._type: str | None = None
        self._value = ""

    def read(self, stream: Any) -> None:
        """Read the part to the end."""
        parser = self._parser
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        while piece := stream.read(_PIECE):
            parser.Parse(piece, False)
        parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = name.rpartition(":")[2]
        if kind == "c":
            self._cell(attributes)
        elif kind == "row":
            self._begin_row(attributes)
        elif kind == "f" and self._counts:
            self._formula, self._value = self._name(), ""
            self._parser.EndElementHandler = self._end
        elif kind == "v" and self._formula is not None:
            self._parser.CharacterDataHandler = self._text

    # Heard only from the start of a formula to the end of its cell: few cells have one.
    def _text(self, data: str) -> None:
        self._value += data

    def _end(self, name: str) -> None:
        kind = self._kinds[name]
        if kind == "v":
            self._parser.CharacterDataHandler = None
        elif kind == "c":
            self._parser.EndElementHandler = None
            self._end_formula()

    def _begin_row(self, attributes: Mapping[str, str]) -> None:
        self._row = int(attributes.get("r") or self._row + 1)
        self._column = -1
        self._is_hidden = not self._all and attributes.get("hidden") in _TRUE
        self._counts = self._row > self._header and not self._is_hidden
        if self._is_hidden and self._row > self._header:
            self.hidden.add(self._row)

    def _cell(self, attributes: Mapping[str, str]) -> None:
        self._column = self._place(attributes.get("r"))
        self._type = attributes.get("t")
        if not self._counts:
            return
        if self._type in _NUMBER:
            style = int(attributes.get("s") or 0)
            runs = self.runs.get(self._column)
            if runs is None:
                runs = self.runs[self._column] = _Runs()
            if not runs.styles or runs.styles[-1] != style:
                runs.rows.append(self._row)
                runs.styles.append(style)
        elif self._type == "e":
            self._found(self._name(), Lack.FAILED)

    def _place(self, name: str | None) -> int:
        """Return the column of a cell; a cell without a name stands behind the last one."""
        letters = name.rstrip(_DIGITS) if name else ""
        if not letters:
            return self._column + 1
        place = self._columns.get(letters)
        if place is None:
            place = self._columns[letters] = column_of(letters)
        return place

    def _end_formula(self) -> None:
        name, value = self._formula, self._value.strip()
        self._formula = None
        if name is None or self._type == "str":  # a text, perhaps the empty one
            return
        if not value:
            self._found(name, Lack.NEVER_CALCULATED)
        elif value == "0" and self._calculates and self._type in _NUMBER:
            self._found(name, Lack.NOT_CALCULATED_YET)

    def _name(self) -> str:
        return f"{letters_of(self._column)}{self._row}"

    def _found(self, name: str, lack: Lack) -> None:
        self.fault = self.fault or CellFault(name, self._row, lack)


def letters_of(column: int) -> str:
    """Return the letters of a column, counted from 0: A to Z, AA and so on."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_of(letters: str) -> int:
    """Return the number of a column, counted from 0, from the letters."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _part_of(package: zipfile.ZipFile, sheet: str) -> tuple[str | None, bool]:
    """Return the name of a sheet's part, and whether the workbook asks to be calculated."""
    targets = {link.get("Id"): link.get("Target", "") for link in _root(package, _LINKS)}
    part, calculates = None, False
    for element in _root(package, _BOOK).iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            links = [value for key, value in element.items() if key.endswith("}id")]
            if links and links[0] in targets:
                joined = posixpath.join("/xl", targets[links[0]])
                part = posixpath.normpath(joined).lstrip("/")
        elif element.tag.endswith("}calcPr"):
            calculates = element.get("fullCalcOnLoad") in _TRUE
    return part, calculates


def _formats(package: zipfile.ZipFile) -> tuple[Format, ...]:
    """Return the format of each style of cells (18.8.10)."""
    if _STYLES not in package.namelist():
        return ()
    root = _root(package, _STYLES)
    codes: dict[int, str] = dict(BUILT_IN)
    for element in root.iter():
        if element.tag.endswith("}numFmt"):
            codes[int(element.get("numFmtId", "0"))] = element.get("formatCode", "General")
    styles = next((one for one in root if one.tag.endswith("}cellXfs")), ())
    numbers = [int(style.get("numFmtId", "0")) for style in styles]
    return tuple([read_format(codes.get(number, f"[number {number}]")) for number in numbers])


def _root(package: zipfile.ZipFile, part: str) -> ET.Element:
    # The workbook is the user's own, as the job is.
    return ET.fromstring(package.read(part))  # noqa: S314 - see above
