"""The CSV table (RFC 4180): columns from its first line, then records with the line they start on.

Reading streams and is strict: every record has as many cells as the header, quotes are closed, and
what is not a table is an error with its line, for the whole table. Nothing is guessed but the
delimiter, nothing is repaired, no record is passed over; only completely empty lines are no
records. A quoted cell may hold line ends. Cells are given exactly as they stand; what they mean is
not known here.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from mailbatch.errors import Location, RecipientError
from mailbatch.recipients.quotes import QuoteFault, find_quote_fault, swallows_records
from mailbatch.recipients.records import MAX_CELL, name_fault
from mailbatch.recipients.source import MAX_LINE, Source, split_lines
from mailbatch.recipients.spool import Spool

_HEADER = "The first line names the columns, such as: email,first_name"
_QUOTES = (
    'A cell that begins with a quote must end with one; a quote inside it is written twice: "".'
)

DELIMITERS = ",;\t|"
_NAMES = {",": "comma", ";": "semicolon", "\t": "TAB", "|": "vertical bar"}


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV table whose header was read; iterating reads its records.

    Each iteration reads the table anew and yields `(line, cells)`: the line on which the record
    starts (the header is line 1), and as many cells as there are columns. It raises
    `RecipientError` where the file stops being a table, possibly after many records.
    """

    origin: Path | Spool
    shown: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    _header: str = field(repr=False)

    @property
    def header(self) -> int:
        """The line that names the columns."""
        return 1

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        csv.field_size_limit(MAX_CELL)
        width = len(self.columns)
        with Source(self.origin, shown=self.shown, encoding=self.encoding) as opened:
            end = 1  # the last line of the last record
            blocks = self._bounded(opened.blocks(), lambda: end)
            lines = chain.from_iterable(map(split_lines, blocks))
            if next(lines, None) != self._header:
                raise self._error("the header changed while the file was read", 1)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            try:
                for cells in reader:
                    start = end + 1
                    end = reader.line_num + 1
                    if len(cells) != width:
                        if not cells:
                            continue
                        raise self._ragged(cells, start, end)
                    if end > start and swallows_records(cells, self.delimiter):
                        raise self._swallowed(start, end)
                    yield start, tuple(cells)
            except csv.Error:
                raise self._broken(end + 1, reader.line_num + 1) from None

    def _bounded(self, blocks: Iterator[str], end: Callable[[], int]) -> Iterator[str]:
        """Pass on the blocks, unless one record swallows block after block.

        `end` gives the last line of the last record.
        """
        mark, held = -1, 0
        for block in blocks:
            if end() != mark:
                mark, held = end(), 0
            elif held > MAX_LINE:
                raise self._too_long(mark + 1, f"a record of more than {MAX_LINE} characters")
            held += len(block)
            yield block

    def _ragged(self, cells: list[str], start: int, end: int) -> RecipientError:
        width = len(self.columns)
        found = f"{_count(len(cells), 'cell')} where the header has {_count(width, 'column')}"
        if end > start:
            message = f"the record from here to line {end} has {found}"
            hint = "A quoted cell runs over line ends here; is a closing quote missing?"
            return self._error(message, start, hint=hint)
        if len(cells) == 1 and not cells[0].strip():
            return self._error("nothing but white space", start, hint="Delete the line.")
        if len(cells) < width:
            missing = self.columns[len(cells)]
            hint = (
                f"The first cell that is missing is {missing!r}; an empty cell needs its delimiter."
            )
        elif any(cell.lstrip().startswith('"') for cell in cells):
            hint = "A quote counts only at the very start of a cell: remove the space before it."
        else:
            hint = f"A cell that contains a {_name(self.delimiter)} must be in quotes."
        return self._error(found, start, hint=hint)

    def _swallowed(self, start: int, end: int) -> RecipientError:
        return self._error(
            f"a quoted cell holds what looks like all records from here to line {end}",
            start,
            hint="Is a closing quote missing? If not, add a line of other text to the cell.",
        )

    def _broken(self, start: int, end: int) -> RecipientError:
        """Say what csv refused in the record that starts on line `start`, read up to line `end`."""
        with Source(self.origin, shown=self.shown, encoding=self.encoding) as opened:
            lines = islice(opened.lines(), start - 1, None)
            fault = find_quote_fault(islice(lines, end - start + 1), start, self.delimiter)
            at_end = next(lines, None) is None
        if fault is None or (fault.closed is None and not at_end):
            return self._too_long(start, f"a cell of more than {MAX_CELL} characters", fault)
        return _bad_quote(fault, self.shown)

    def _too_long(self, line: int, what: str, fault: QuoteFault | None = None) -> RecipientError:
        if fault is None:
            return self._error(what, line, hint="Is a closing quote missing?")
        line, column = fault.opened
        message = f"{what}: the quote that opens here is not closed"
        return self._error(message, line, column, hint=_QUOTES)

    def _error(
        self, message: str, line: int, column: int | None = None, hint: str | None = None
    ) -> RecipientError:
        return RecipientError(message, location=Location(self.shown, line, column), hint=hint)


def open_table(origin: Path | Spool, *, shown: str, delimiter: str | None, encoding: str) -> Table:
    """Read the header of a CSV table.

    `shown` is what errors call it. Without a `delimiter` it is found on the header line.

    Raises:
        RecipientError: it cannot be read, or its first line is no header.
    """
    csv.field_size_limit(MAX_CELL)
    with Source(origin, shown=shown, encoding=encoding) as opened:
        header = next(opened.lines(), None)
    if header is None:
        raise _header_error(shown, "the file is empty")
    if not header.strip():
        raise _header_error(shown, "the first line is empty")
    delimiter = delimiter or find_delimiter(header, shown=shown)
    return Table(origin, shown, encoding, delimiter, _columns(header, delimiter, shown), header)


def find_delimiter(header: str, *, shown: str) -> str:
    """Return which of comma, semicolon, TAB and vertical bar divides the header line.

    It is the one that stands most often outside quotes; a single column needs none.

    Raises:
        RecipientError: two stand there equally often.
    """
    bare = "".join(header.split('"')[::2])  # a doubled quote leaves an empty text between
    counts = {delimiter: bare.count(delimiter) for delimiter in DELIMITERS}
    most = max(counts.values())
    if most == 0:
        return ","
    found = [delimiter for delimiter, count in counts.items() if count == most]
    if len(found) > 1:
        names = ", ".join(_name(delimiter) for delimiter in found)
        raise _header_error(
            shown,
            f"the delimiter is unclear: {names} stand equally often in the header",
            hint="Name it by `delimiter:` under `recipients:`.",
        )
    return found[0]


def _columns(header: str, delimiter: str, shown: str) -> tuple[str, ...]:
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise _header_error(shown, f"{delimiter!r} cannot be a delimiter", hint="")
    try:
        cells = next(csv.reader([header], delimiter=delimiter, strict=True))
    except csv.Error:
        fault = find_quote_fault([header], 1, delimiter)
        if fault is None:
            raise _header_error(shown, f"a name of more than {MAX_CELL} characters") from None
        raise _bad_quote(fault, shown, " on the header line") from None
    columns = tuple(cell.strip() for cell in cells)
    if columns[0].startswith("sep="):
        raise _header_error(shown, "the first line is Excel's mark for the delimiter, not a header")
    if reason := name_fault(columns):
        raise _header_error(shown, reason)
    return columns


def _header_error(shown: str, message: str, hint: str = _HEADER) -> RecipientError:
    return RecipientError(message, location=Location(shown, 1), hint=hint or None)


def _bad_quote(fault: QuoteFault, shown: str, where: str = "") -> RecipientError:
    if fault.closed is None:
        message = f"the quote that opens here is never closed{where}"
    elif fault.closed[0] == fault.opened[0]:
        message = (
            f"text follows the quoted cell that begins here and ends in column {fault.closed[1]}"
        )
    else:
        message = f"the quote that opens here is closed on line {fault.closed[0]}, inside a cell"
    return RecipientError(message, location=Location(shown, *fault.opened), hint=_QUOTES)


def _name(delimiter: str) -> str:
    return _NAMES.get(delimiter, repr(delimiter))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
