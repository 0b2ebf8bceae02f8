"""Suppression lists: who gets nothing, whatever the table says.

A list is read more strictly than a table: an entry that is no address might be somebody who asked
not to be mailed, so it is an error and never passed over. Entries are held in memory as keys
(`address_key`): a million of them take about 120 MB, ten thousand nothing to speak of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mailbatch.errors import InputErrors, Location, RecipientError
from mailbatch.recipients.address import address_key, parse_address
from mailbatch.recipients.source import Source
from mailbatch.recipients.suggest import did_you_mean
from mailbatch.recipients.table import open_table

#: So many mistakes are reported together.
MOST_ERRORS = 20


def read_suppressions(
    files: Iterable[tuple[Path, str]], *, column: str, delimiter: str | None, encoding: str
) -> Mapping[str, str]:
    """Read suppression lists into a mapping of address keys to the list that names them.

    Each file comes with what errors and reasons call it. A file whose first line holds an `@`, is
    empty or begins with `#` has one address a line, blank lines and `#` comments aside; any other
    is a CSV file with the addresses in `column`, empty cells aside. `delimiter` counts for those
    files whose header has it.

    Raises:
        RecipientError: a file cannot be read or is no list.
        InputErrors: entries are no addresses.
    """
    listed: dict[str, str] = {}
    errors: list[RecipientError] = []
    for path, shown in files:
        for line, entry in _entries(path, shown, column, delimiter, encoding):
            try:
                listed.setdefault(address_key(parse_address(entry)), shown)
            except ValueError as error:
                errors.append(
                    RecipientError(f"{error}: {entry[:80]!r}", location=Location(shown, line))
                )
                if len(errors) == MOST_ERRORS:
                    raise InputErrors(errors) from None
    if errors:
        raise InputErrors(errors)
    return listed


def _entries(
    path: Path, shown: str, column: str, delimiter: str | None, encoding: str
) -> Iterator[tuple[int, str]]:
    """Yield each entry with its line."""
    with Source(path, shown=shown, encoding=encoding) as source:
        lines = source.lines()
        first = next(lines, "").strip()
        if not first or first.startswith("#") or "@" in first:
            yield from _plain(1, first)
            for number, text in enumerate(lines, 2):
                yield from _plain(number, text.strip())
            return
    if delimiter and delimiter not in first:
        delimiter = None
    table = open_table(path, shown=shown, delimiter=delimiter, encoding=encoding)
    if column not in table.columns:
        raise RecipientError(
            f"no address, and no header with the column {column!r}",
            location=Location(shown, 1),
            hint=did_you_mean(column, table.columns),
        )
    index = table.columns.index(column)
    for line, cells in table:
        if cells[index].strip():
            yield line, cells[index]


def _plain(number: int, line: str) -> Iterator[tuple[int, str]]:
    if line and not line.startswith("#"):
        yield number, line
