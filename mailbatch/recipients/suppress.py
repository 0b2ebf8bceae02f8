"""Suppression lists: the addresses and domains that get nothing, whatever the table says.

    ann@example.com
    @example.net          # a whole domain

A list is read more strictly than a table: an entry that is not understood may be a person who asked
not to be mailed, so such an entry is an error and is never passed over. Lists come from other tools
with titles of their own (`list_titles.py`). In a list with a column such as `Status`, every row
must say that the recipient left. Entries are held in memory as keys (`address_key`): a million
entries take about 120 MB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from mailbatch.envelope import address_key
from mailbatch.errors import InputErrors, Location, RecipientError
from mailbatch.frozen import frozen
from mailbatch.job.columns import find_column
from mailbatch.recipients.address import parse_address
from mailbatch.recipients.faults import MOST_ERRORS
from mailbatch.recipients.header import text_form
from mailbatch.recipients.list_titles import address_columns
from mailbatch.recipients.records import Records
from mailbatch.recipients.source import Source
from mailbatch.recipients.spreadsheet import bare_text
from mailbatch.recipients.standing import Standing
from mailbatch.recipients.table import open_table
from mailbatch.suggest import did_you_mean_or_all

_SHOWN = 80
_DELIMITED = ",;\t|"
_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)  # a # within an address begins none
_TOP = 32  # lines, in which a text that is no list shows
_JSON = (
    "Give a file of JSON lines that name. jq -c '.[]' writes the objects of an array a line, and "
    "jq -c '.SuppressedDestinationSummaries[]' those of Amazon SES."
)
_TITLE = "Give the column with the addresses the title 'email'; one address a line needs none."
_ENTRY = "An entry is one address, or a whole domain such as @example.net."
_STANDING = (
    "Keep only the lines of those who shall get nothing, or take the column out if all of them are."
)


@frozen
class Suppressions:
    """The name of the list for each address key, and the names of the lists without an entry."""

    listed: Mapping[str, str]
    empty: tuple[str, ...]


def read_suppressions(
    files: Iterable[tuple[Path, str]], *, column: str, delimiter: str | None, encoding: str
) -> Suppressions:
    """Read suppression lists; return the list of each address key, and the lists without entries.

    `files` are paths, each with the name for errors and reasons; the key of a whole domain is
    `@example.com`. A file named .xlsx or .jsonl is a table, and so is a file whose first line names
    columns: the addresses are in `column`, or in the one column with a title of addresses; empty
    cells count for nothing. Any other file has one entry a line, and blank lines and `#` comments.
    `delimiter` counts for the files whose header has it.

    Raises:
        RecipientError: a file cannot be read or is no list.
        InputErrors: entries are no addresses, or lines do not say that the recipient left.
    """
    listed: dict[str, str] = {}
    errors: list[RecipientError] = []
    empty: list[str] = []
    for path, shown in files:
        entries = 0
        for line, entry, doubt in _entries(path, shown, column, delimiter, encoding):
            entries += 1
            try:
                listed.setdefault(_key(entry, doubt), shown)
            except ValueError as error:
                errors.append(
                    RecipientError(
                        f"{error}: {entry[:_SHOWN]!r}",
                        location=Location(shown, line),
                        hint=_STANDING if doubt is not None else _ENTRY,
                    )
                )
                if len(errors) == MOST_ERRORS:
                    raise InputErrors(errors) from None
        if not entries:
            empty.append(shown)
    if errors:
        raise InputErrors(errors)
    return Suppressions(listed, tuple(empty))


def _key(entry: str, doubt: str | None = None) -> str:
    """Return the key of an address or a domain (`@example.com`, or `example.com`).

    Raises:
        ValueError: the text is neither, or is in doubt.
    """
    if doubt is not None:
        raise ValueError(doubt)
    text = entry.strip()
    if text.startswith("*@"):
        text = text[1:]
    if "*" in text:
        # RFC 5322 3.2.3 allows * before the @, but in a list * stands for many addresses.
        raise ValueError("a pattern is not understood here")
    if text.startswith("@"):
        return address_key(_domain(text[1:]))
    if "@" not in text and "." in text and not any(map(str.isspace, text)):
        return address_key(_domain(text))
    return address_key(parse_address(entry))


def _domain(text: str) -> str:
    if not text:
        return parse_address("@")  # raises the reason
    return parse_address(f"all@{text}").removeprefix("all")


def _entries(
    path: Path, shown: str, column: str, delimiter: str | None, encoding: str
) -> Iterator[tuple[int, str, str | None]]:
    """Yield each entry with the line, and the reason for a doubt or None."""
    table = _table(path, shown, column, delimiter, encoding)
    if table is not None:
        yield from _records(table, column)
        return
    with Source(path, shown=shown, encoding=encoding) as source:
        for number, line in enumerate(source.lines(), 1):
            entry = _bare_entry(line)
            if entry:
                yield number, entry, None


def _bare_entry(line: str) -> str:
    """Return the entry on a line without the quotes and delimiters of a table of one column."""
    written = _COMMENT.sub("", line).strip()
    text = bare_text(written.rstrip(_DELIMITED).strip())
    return text[1:-1].strip() if text[:1] == text[-1:] == '"' and len(text) > 1 else text


def _table(
    path: Path, shown: str, column: str, delimiter: str | None, encoding: str
) -> Records | None:
    """Open a list that is a table; return None for a list with one entry a line."""
    ending = path.suffix.lower()
    if ending in {".xlsx", ".xlsm"}:
        from mailbatch.recipients.workbook import open_workbook

        return open_workbook(
            path,
            shown=shown,
            sheet=None,
            naming=lambda names: bool(_address_columns(column, names)),
            elsewhere="Put the sheet {} before the others: the first sheet is the list.",
        )
    if ending == ".jsonl":
        from mailbatch.recipients.json_lines import open_json_lines

        return open_json_lines(path, shown=shown, encoding=encoding)
    with Source(path, shown=shown, encoding=encoding) as source:
        lines = list(islice(source.lines(), _TOP))
    first = _COMMENT.sub("", lines[0]).strip() if lines else ""
    number = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
    if lines and lines[number - 1].lstrip()[:1] in {"{", "["}:
        message = "JSON is read as one object a line, from a file that is named .jsonl"
        raise RecipientError(message, location=Location(shown, number), hint=_JSON)
    if _is_entry(first):
        return None
    if delimiter and delimiter not in first:
        delimiter = None
    return open_table(
        path,
        shown=shown,
        delimiter=delimiter,
        encoding=encoding,
        naming=lambda names: bool(_address_columns(column, names)),
    )


def _is_entry(first: str) -> bool:
    """Tell whether a first line is no header: blank, an address or a domain."""
    if not first or "@" in first:
        return True
    try:
        return not any(mark in first for mark in _DELIMITED) and bool(_key(first))
    except ValueError:
        return False


def _address_columns(column: str, columns: Iterable[str]) -> list[str]:
    names = list(columns)
    own = find_column(column, names)
    return [own] if own is not None else address_columns(names)


def _records(table: Records, column: str) -> Iterator[tuple[int, str, str | None]]:
    columns = table.columns
    found = _address_columns(column, columns)
    if len(found) != 1:
        if not found and (form := text_form(columns)) is not None:
            message = f"the file is {form}, not a list"
            place = Location(table.shown, table.header)
            raise RecipientError(message, location=place, hint=_ENTRY)
        several = f"It could be {' or '.join(map(repr, found))}: give the list one of them only."
        raise RecipientError(
            f"no address, and no header with the column {column!r}",
            location=Location(table.shown, table.header),
            hint=several if found else f"{did_you_mean_or_all(column, columns)} {_TITLE}",
        )
    index = columns.index(found[0])
    standing = Standing.of(table, index)
    for line, cells in table:
        entry = cells[index].strip()
        if entry:
            yield line, entry, standing.doubt(cells)
