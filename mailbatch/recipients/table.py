"""The CSV table (RFC 4180): columns from the header, then records, each with its first line.

Reading streams and is strict: every record has as many cells as the header, quotes are closed, and
a line that breaks the table is an error, for the whole table. Only the delimiter and the place of
the header are found by looking (`header.py`). Nothing is repaired and no record is passed over; a
line without a text is no record. Delimiters at the end of lines make no columns: a cell without a
name must be blank. A quoted cell may hold line ends. Cells are given as written, but for the forms
of spreadsheets (`spreadsheet.py`); the meaning of cells is not known here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import field
from itertools import chain, islice
from pathlib import Path

from mailbatch.errors import Location, RecipientError
from mailbatch.frozen import frozen
from mailbatch.recipients.header import (
    QUOTES,
    Header,
    Naming,
    bad_quote,
    delimiter_name,
    find_header,
)
from mailbatch.recipients.plain_lines import PlainLines, pieces, plain_lines
from mailbatch.recipients.quotes import QuoteFault, find_quote_fault, swallows_records
from mailbatch.recipients.records import BLOCK, MAX_CELL
from mailbatch.recipients.source import MAX_LINE, Source, split_lines
from mailbatch.recipients.spool import Spool
from mailbatch.recipients.spreadsheet import bare_texts, has_signs
from mailbatch.remarks import NO_REMARKS, Remarks


class _Block:
    """Records that were read one behind the other, from the line `first` on."""

    __slots__ = ("ends", "first", "records")

    def __init__(self, first: int) -> None:
        self.first = first
        self.records: list[list[str]] = []
        #: The last line of each record.
        self.ends: list[int] = []

    @property
    def is_of_lines(self) -> bool:
        """Whether each record is one line."""
        return not self.ends or self.ends[-1] - self.first + 1 == len(self.ends)

    @property
    def starts(self) -> Iterable[int]:
        """The first line of each record: the line behind the record before."""
        return [self.first, *[end + 1 for end in self.ends[:-1]]][: len(self.ends)]


class _Reading:
    """One reading of a table: csv reads the records of a text, and stops where the text ends.

    `end` is the last line of the last record, `line` the last one that csv was given. `signed` says
    that a further text which the last record needed has a sign of a spreadsheet.
    """

    __slots__ = ("_between", "_lines", "_reader", "_skipped", "end", "signed", "texts")

    def __init__(self, end: int, delimiter: str) -> None:
        """Read behind the line `end`."""
        self.end = self._skipped = end
        self.signed = False
        #: The texts behind the present one, for a record that does not end in there.
        self.texts: Iterator[str] = iter(())
        self._lines: Iterator[str] = iter(())
        self._between = True  # two records
        self._reader = csv.reader(self, delimiter=delimiter, strict=True)

    @property
    def line(self) -> int:
        """The last line that csv was given."""
        return self._skipped + self._reader.line_num

    def skip(self, lines: int) -> None:
        """Pass over lines that were read without csv."""
        self._skipped += lines
        self.end += lines

    def records(self, text: str) -> Iterator[list[str]]:
        """Yield the records that begin in a text."""
        self._lines, self._between, self.signed = split_lines(text), True, False
        for record in self._reader:
            self.end = self.line
            self._between = True
            yield record

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            if self._between:
                raise StopIteration
            text = next(self.texts)
            self.signed = self.signed or has_signs(text)
            self._lines = split_lines(text)
            line = next(self._lines)
        self._between = False
        return line


@frozen
class Table:
    """A CSV table with a known header; iterating reads the records.

    Each iteration reads the table anew and yields `(line, cells)`: the first line of the record,
    counted from 1, and as many cells as there are columns. Iterating raises `RecipientError` at the
    first record that breaks the table, possibly after many records.
    """

    origin: Path | Spool
    shown: str
    encoding: str
    columns: tuple[str, ...]
    _header: Header = field(repr=False)
    _named: tuple[int, ...] = field(repr=False)  # the places of the columns in a record

    @property
    def header(self) -> int:
        """The line that names the columns."""
        return self._header.line

    @property
    def remarks(self) -> Remarks:
        """None: a text hides no records, and shows numbers as written."""
        return NO_REMARKS

    @property
    def delimiter(self) -> str:
        """The character between two cells."""
        return self._header.delimiter

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        for block in self.blocks():
            yield from block.records() if isinstance(block, PlainLines) else block

    def blocks(self) -> Iterator[PlainLines | Iterable[tuple[int, tuple[str, ...]]]]:
        """Yield the records in blocks: plain lines, or records that csv has read.

        A record of plain lines costs a third of one that csv reads.
        """
        csv.field_size_limit(MAX_CELL)
        header = self._header
        width = len(header.cells)
        columns = width if len(self._named) == width else 0
        with Source(self.origin, shown=self.shown, encoding=self.encoding) as opened:
            reading = _Reading(header.last, self.delimiter)
            texts = self._bounded(self._behind_header(pieces(opened.blocks())), reading)
            reading.texts = texts
            for text in texts:
                lines = plain_lines(text, self.delimiter, columns) if columns else None
                if lines is None:
                    yield from self._read(reading, text)
                else:
                    yield PlainLines(reading.end + 1, lines)
                    reading.skip(len(lines))

    def _behind_header(self, texts: Iterator[str]) -> Iterator[str]:
        """Yield the texts behind the header, which must be as it was when the table was opened."""
        header = self._header
        text, above = "", list[str]()
        while len(above) <= header.last and (more := next(texts, "")):
            text += more
            above = list(islice(split_lines(text), header.last + 1))
        above = above[: header.last]
        if "".join(above[header.line - 1 :]) != header.text:
            raise self._error("the header changed while the file was read", header.line)
        rest = text[sum(map(len, above)) :]
        return chain([rest] if rest else [], texts)

    def _read(
        self, reading: _Reading, text: str
    ) -> Iterator[Iterable[tuple[int, tuple[str, ...]]]]:
        """Yield the records of a text as csv reads these; the last one may end in a later text."""
        read, signed = _Block(reading.end + 1), has_signs(text)
        fault: csv.Error | RecipientError | None = None
        try:
            for record in reading.records(text):
                read.records.append(record)
                read.ends.append(reading.end)
                if len(read.ends) == BLOCK:
                    yield self._checked(read, signed=signed or reading.signed)
                    read = _Block(reading.end + 1)
        except (csv.Error, RecipientError) as error:
            fault = error
        # The faults in here come first.
        yield self._checked(read, signed=signed or reading.signed)
        if isinstance(fault, csv.Error):
            raise self._broken(reading.end + 1, reading.line) from None
        if fault is not None:
            raise fault

    def _checked(self, read: _Block, *, signed: bool) -> Iterable[tuple[int, tuple[str, ...]]]:
        """Return the records of a block with their lines; raises at one that breaks the table."""
        width = len(self._header.cells)
        plain = read.is_of_lines and not signed and len(self._named) == width
        if plain and all(map(width.__eq__, map(len, read.records))):
            return zip(read.starts, map(tuple, read.records), strict=True)
        return self._fitted_records(read)

    def _fitted_records(self, read: _Block) -> Iterator[tuple[int, tuple[str, ...]]]:
        width = len(self._header.cells)
        all_named = len(self._named) == width
        for record, start, end in zip(read.records, read.starts, read.ends, strict=True):
            cells = record
            if len(cells) != width:
                if not any(map(str.strip, cells)):
                    continue
                cells = self._fitted(cells, start, end)
            if end > start and swallows_records(cells, self.delimiter):
                raise self._swallowed(start, end)
            if not all_named:
                cells = self._only_named(cells, start)
            yield start, tuple(bare_texts(cells))

    def _fitted(self, cells: list[str], start: int, end: int) -> list[str]:
        """Return a record with as many cells as the header; only blank cells are added or cut."""
        width = len(self._header.cells)
        if len(cells) <= self._named[-1] or any(map(str.strip, cells[width:])):
            raise self._ragged(cells, start, end)
        return [*cells[:width], *[""] * (width - len(cells))]

    def _only_named(self, cells: list[str], start: int) -> list[str]:
        for place, cell in enumerate(cells):
            if place not in self._named and cell.strip():
                raise self._error(
                    f"cell {place + 1} has a value, but its column has no name",
                    start,
                    hint=f"Name the column on line {self.header}, or clear the cell. If the "
                    "columns are named on another line, write `header_row:` under `recipients:`.",
                )
        return [cells[place] for place in self._named]

    def _bounded(self, blocks: Iterator[str], reading: _Reading) -> Iterator[str]:
        """Yield the blocks, unless one record swallows block after block.

        Raises:
            RecipientError: a record has more than `MAX_LINE` characters.
        """
        mark, held = -1, 0
        for block in blocks:
            if reading.end != mark:
                mark, held = reading.end, 0
            elif held > MAX_LINE:
                raise self._too_long(mark + 1, f"a record of more than {MAX_LINE} characters")
            held += len(block)
            yield block

    def _ragged(self, cells: list[str], start: int, end: int) -> RecipientError:
        width = self._named[-1] + 1
        found = f"{_count(len(cells), 'cell')} where the header has {_count(width, 'column')}"
        if end > start:
            message = f"the record from here to line {end} has {found}"
            hint = "A quoted cell runs over line ends here; is a closing quote missing?"
            return self._error(message, start, hint=hint)
        if len(cells) < width:
            missing = next(name for name in self._header.cells[len(cells) :] if name)
            hint = (
                f"The first cell that is missing is {missing!r}; an empty cell needs its delimiter."
            )
            if len(cells) == 1:
                hint += " Remove the line if it is no record."
        elif any(cell.lstrip().startswith('"') for cell in cells):
            hint = "A quote counts only at the very start of a cell: remove the space before it."
        else:
            hint = f"A cell that contains a {delimiter_name(self.delimiter)} must be in quotes."
        return self._error(found, start, hint=hint)

    def _swallowed(self, start: int, end: int) -> RecipientError:
        return self._error(
            f"a quoted cell holds what looks like all records from here to line {end}",
            start,
            hint="Is a closing quote missing? If not, add a line of other text to the cell.",
        )

    def _broken(self, start: int, end: int) -> RecipientError:
        """Return the error for the record that csv refused, from line `start` to line `end`."""
        with Source(self.origin, shown=self.shown, encoding=self.encoding) as opened:
            lines = islice(opened.lines(), start - 1, None)
            fault = find_quote_fault(islice(lines, end - start + 1), start, self.delimiter)
            at_end = next(lines, None) is None
        if fault is None or (fault.closed is None and not at_end):
            return self._too_long(start, f"a cell of more than {MAX_CELL} characters", fault)
        return bad_quote(fault, self.shown)

    def _too_long(self, line: int, what: str, fault: QuoteFault | None = None) -> RecipientError:
        if fault is None:
            return self._error(what, line, hint="Is a closing quote missing?")
        line, column = fault.opened
        message = f"{what}: the quote that opens here is not closed"
        return self._error(message, line, column, hint=QUOTES)

    def _error(
        self, message: str, line: int, column: int | None = None, hint: str | None = None
    ) -> RecipientError:
        return RecipientError(message, location=Location(self.shown, line, column), hint=hint)


def open_table(
    origin: Path | Spool,
    *,
    shown: str,
    delimiter: str | None,
    encoding: str,
    header_row: int | None = None,
    naming: Naming = lambda _: False,
) -> Table:
    """Read the header of a CSV table.

    `shown` is the name of the table in errors. A `delimiter` of None is found in the header. A
    `header_row` (a line, from 1) of None is found by the address column, which `naming` knows.

    Raises:
        RecipientError: the table cannot be read, or has no header.
    """
    csv.field_size_limit(MAX_CELL)
    with Source(origin, shown=shown, encoding=encoding) as opened:
        header = find_header(
            opened.lines(), shown=shown, delimiter=delimiter, row=header_row, naming=naming
        )
    named = tuple(place for place, name in enumerate(header.cells) if name)
    columns = tuple([header.cells[place] for place in named])
    return Table(origin, shown, encoding, columns, header, named)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
