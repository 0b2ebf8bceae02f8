r"""The header of a CSV text: the record that names the columns, and the delimiter of its cells.

    >>> find_header(["Export of May\n", "E-Mail;Name\n"], shown="people.csv", delimiter=None,
    ...     row=None, naming=lambda names: "E-Mail" in names)
    Header(line=2, last=2, text='E-Mail;Name\n', delimiter=';', cells=('E-Mail', 'Name'))

The header is the first record that is not blank. Below titles the header is the record that names
the address column, if every record above has fewer filled cells and no address. Excel's line
`sep=;` gives the delimiter. A header that is unclear is an error with the key that settles it.

Tests: tests/recipients/test_table.py.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from mailbatch.errors import Location, RecipientError
from mailbatch.frozen import frozen
from mailbatch.job.columns import column_name
from mailbatch.recipients.address import is_address
from mailbatch.recipients.quotes import QuoteFault, find_quote_fault
from mailbatch.recipients.records import MAX_CELL, name_fault
from mailbatch.recipients.source import split_lines
from mailbatch.recipients.spreadsheet import bare_text

#: Tells whether the column with the address is among the names in a record.
Naming: TypeAlias = Callable[[Sequence[str]], bool]

_HINT = "The first line names the columns, such as: email,first_name"
_RENAME = "Rename one of them: a name means one column."
QUOTES = (
    'A cell that begins with a quote must end with one; a quote inside it is written twice: "".'
)
DELIMITERS = ",;\t|"
_NAMES = {",": "comma", ";": "semicolon", "\t": "TAB", "|": "vertical bar"}
_MARK = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*')  # Excel's, for the text below
_REST_OF_QUOTED = re.compile(r'(?:[^"]|"")*+"')
_TAG = re.compile(r"<[!?a-zA-Z]")
_KEY = re.compile(r"[a-zA-Z][\w-]*:(?:\s+\S|$)")
_RECORDS = 32  # in which the header is looked for
_LINES = 32  # of a record above the data, at most


@frozen
class Header:
    """The record that names the columns.

    `line` and `last` are the first and the last line, `text` is the record as written; `cells` are
    the names, the empty text for a column without a name.
    """

    line: int
    last: int
    text: str
    delimiter: str
    cells: tuple[str, ...]

    @property
    def filled(self) -> int:
        """The number of columns with a name."""
        return sum(map(bool, self.cells))


def find_header(
    lines: Iterable[str], *, shown: str, delimiter: str | None, row: int | None, naming: Naming
) -> Header:
    """Find the header among the first lines of a table.

    `row` is the line of the header, from 1, if the job has one; `delimiter` likewise.

    Raises:
        RecipientError: there is no record, or the record cannot name columns.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise _error(shown, 1, f"{delimiter!r} cannot be a delimiter", hint=None)
    records = _records(lines, delimiter or DELIMITERS)
    found = _Search(shown, delimiter, naming)
    header = found.at(records, row) if row is not None else found.first(records)
    names = tuple(filter(None, header.cells))
    if header.line > 1 and any(map(is_address, names)):
        raise _error(shown, header.line, "this line holds an address, not column names")
    places = [place for place, name in enumerate(header.cells, 1) if name]
    if reason := name_fault(names, places=places):
        hint = _RENAME if len(set(names)) < len(names) else _HINT
        raise _error(shown, header.line, reason, hint=hint)
    return header


def find_delimiter(header: str, *, shown: str, line: int = 1) -> str:
    """Return the delimiter of a header: comma, semicolon, TAB or vertical bar.

    The most frequent one outside quotes is the delimiter; the comma for a single column.

    >>> find_delimiter('email;"Name, first";town', shown="people.csv")
    ';'

    Raises:
        RecipientError: two are equally frequent.
    """
    bare = "".join(header.split('"')[::2])  # a doubled quote leaves an empty text between
    counts = {delimiter: bare.count(delimiter) for delimiter in DELIMITERS}
    most = max(counts.values())
    if most == 0:
        return ","
    found = [delimiter for delimiter, count in counts.items() if count == most]
    if len(found) > 1:
        names = ", ".join(delimiter_name(delimiter) for delimiter in found)
        raise _error(
            shown,
            line,
            f"the delimiter is unclear: {names} stand equally often in the header",
            hint="Name it by `delimiter:` under `recipients:`.",
        )
    return found[0]


def text_form(names: Sequence[str]) -> str | None:
    """Return the form of a text whose first line is no header, None for a line that could be one.

    >>> text_form(["<!DOCTYPE html>"]), text_form(["Dear {{ name }}", "hello"]), text_form(["id"])
    ('HTML or XML', 'a template', None)
    >>> text_form(["version: 1"])
    'a text of keys and values, such as a job or a mail'
    """
    first = names[0] if names else ""
    if _TAG.match(first):
        return "HTML or XML"
    if any(mark in name for name in names for mark in ("{{", "{%", "{#")):
        return "a template"
    if _KEY.match(first):
        return "a text of keys and values, such as a job or a mail"
    return None


def delimiter_name(delimiter: str) -> str:
    """Return the name of a delimiter for people.

    >>> delimiter_name("|")
    'vertical bar'
    """
    return _NAMES.get(delimiter, repr(delimiter))


def bad_quote(fault: QuoteFault, shown: str, where: str = "") -> RecipientError:
    """Return the error for a quoted cell at which a record breaks."""
    if fault.closed is None:
        message = f"the quote that opens here is never closed{where}"
    elif fault.closed[0] == fault.opened[0]:
        message = (
            f"text follows the quoted cell that begins here and ends in column {fault.closed[1]}"
        )
    else:
        message = f"the quote that opens here is closed on line {fault.closed[0]}, inside a cell"
    return RecipientError(message, location=Location(shown, *fault.opened), hint=QUOTES)


@frozen
class _Text:
    """A record as written, with the first and the last line."""

    line: int
    last: int
    text: str


def _records(lines: Iterable[str], delimiters: str) -> Iterator[_Text]:
    """Put lines together into records: a quoted cell may run over line ends.

    A quote that is not closed within `_LINES` ends with the line: parsing then reports the fault.
    """
    rest = iter(lines)
    waiting: deque[str] = deque()
    opening = re.compile(rf'(?:^|[{re.escape(delimiters)}])"')
    number = 1
    while True:
        waiting.extend(islice(rest, _LINES - len(waiting)))
        if not waiting:
            return
        text, taken = "", 0
        for count, line in enumerate(waiting, 1):
            text += line
            if not _is_open(text, opening):
                taken = count
                break
            if len(text) > MAX_CELL:
                break
        taken = taken or 1
        text = "".join(waiting.popleft() for _ in range(taken))
        yield _Text(number, number + taken - 1, text)
        number += taken


def _is_open(text: str, opening: re.Pattern[str]) -> bool:
    """Tell whether a text ends inside a quoted cell."""
    at = 0
    while quote := opening.search(text, at):
        cell = _REST_OF_QUOTED.match(text, quote.end())
        if cell is None:
            return True
        at = cell.end()
    return False


class _Search:
    """A search for the header."""

    def __init__(self, shown: str, delimiter: str | None, naming: Naming) -> None:
        self._shown = shown
        self._given = delimiter
        self._naming = naming

    def at(self, records: Iterator[_Text], row: int) -> Header:
        """Return the header on a line that the job names."""
        for record in records:
            if record.line > row:
                break
            self._take_mark(record)
            if record.line == row:
                header = self._parsed(record)
                if not header.filled:
                    break
                return header
        raise _error(
            self._shown,
            row,
            "no record begins here that could name the columns",
            hint="See `header_row` under `recipients:`.",
        )

    def first(self, records: Iterator[_Text]) -> Header:
        """Return the first record, or the one below titles that names the address column."""
        above: list[Header] = []
        start: _Text | None = None
        mark: _Text | None = None
        for record in islice(records, _RECORDS):
            if start is None and self._take_mark(record):
                mark = record
                continue
            header = self._tried(record)
            if header is not None and not header.filled:
                continue
            start = start or record
            if header is None:  # perhaps a title with a comma and a semicolon
                continue
            if any(map(is_address, header.cells)):
                return self._above_data(above, start)
            if self._naming(tuple(filter(None, header.cells))):
                return self._below(above, header)
            above.append(header)
        if start is not None:
            return self._parsed(start)
        empty = "there is nothing below Excel's mark" if mark else "the file is empty"
        raise _error(self._shown, mark.last if mark else 1, empty)

    def _below(self, above: list[Header], header: Header) -> Header:
        """Return a header that names the address column, if all records above are titles."""
        if above and max(_filled(title, header) for title in above) >= header.filled:
            raise _error(
                self._shown,
                above[0].line,
                f"the columns may be named here or on line {header.line}",
                hint=f"Write `header_row: {header.line}` under `recipients:`, or the line that "
                "it is.",
            )
        return header

    def _above_data(self, above: list[Header], start: _Text) -> Header:
        """Return the record right above the first address, if all others above are titles."""
        if len(above) > 1:
            *titles, last = above
            if max(_filled(title, last) for title in titles) < last.filled:
                return last
        return self._parsed(start)

    def _take_mark(self, record: _Text) -> bool:
        found = _MARK.fullmatch(record.text) if record.line == 1 else None
        if found is None:
            return False
        self._given = self._given or found[1]
        return True

    def _tried(self, record: _Text) -> Header | None:
        try:
            return self._parsed(record)
        except RecipientError:
            return None

    def _parsed(self, record: _Text) -> Header:
        shown, line = self._shown, record.line
        delimiter = self._given or find_delimiter(record.text, shown=shown, line=line)
        lines = list(split_lines(record.text))
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            cells = next(reader, [])
        except csv.Error:
            fault = find_quote_fault(lines, line, delimiter)
            if fault is None:
                reason = f"a name of more than {MAX_CELL} characters"
                raise _error(shown, line, reason) from None
            raise bad_quote(fault, shown, " on the header line") from None
        text = "".join(lines[: reader.line_num])
        if reader.line_num > 1 and any("@" in cell for cell in cells):
            # Two stray quotes, lines apart: the record has swallowed other records.
            fault = find_quote_fault(lines[:1], line, delimiter) or QuoteFault((line, 1))
            raise bad_quote(fault, shown, " on the header line")
        names = tuple([column_name(bare_text(cell)) for cell in cells])
        return Header(line, line + max(1, reader.line_num) - 1, text, delimiter, names)


def _filled(title: Header, header: Header) -> int:
    """Return the number of filled cells of a title, with the delimiter of the header."""
    cells = next(csv.reader(split_lines(title.text), delimiter=header.delimiter), [])
    return sum(map(bool, map(str.strip, cells)))


def _error(shown: str, line: int, message: str, *, hint: str | None = _HINT) -> RecipientError:
    return RecipientError(message, location=Location(shown, line), hint=hint)
