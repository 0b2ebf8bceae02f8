"""The masking of a person in the results of editions that were written before.

    masked = mask_results(path, "ann@example.com", alias_of_message, "unknown@forgotten.invalid")

A results file is known by its columns. The row stays with status, codes and times; address, group
and every cell that has the address are masked. This module must never change another file.

Tests: tests/cli/test_forget.py.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from mailbatch.envelope import address_key, masking, mentions_of
from mailbatch.errors import OutputError
from mailbatch.files import replacing
from mailbatch.results.columns import COLUMNS

#: The columns that every version of a results file begins with.
_KNOWN = [column.name for column in COLUMNS[:14]]
_EMAIL, _GROUP, _OURS = map(_KNOWN.index, ("email", "group", "header_message_id"))


def is_results(path: Path) -> bool:
    """Say whether a file is one of results; a file that cannot be read is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return stream.readline(4096).rstrip("\r\n").split(",")[: len(_KNOWN)] == _KNOWN
    except (OSError, UnicodeDecodeError):
        return False


def mentions(path: Path, address: str) -> bool:
    """Say whether a results file has a person; `address` is in lower case.

    Raises:
        OutputError: the file cannot be read (74).
    """
    found = mentions_of(address).search
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            return any(map(found, stream))
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}", hint="look at its permissions") from error


def mask_results(path: Path, address: str, aliases: Mapping[str, str], unknown: str) -> None:
    """Mask a person in a results file; `aliases` are those of our Message-IDs.

    Raises:
        OutputError: the file cannot be read or written (74); the old file stands.
    """
    pattern = mentions_of(address)
    try:
        with (
            path.open(encoding="utf-8", newline="") as rows,
            replacing(path) as stream,
        ):
            write = csv.writer(stream, lineterminator="\r\n").writerow
            for cells in csv.reader(rows):
                if any(map(pattern.search, cells)):
                    alias = aliases.get(cells[_OURS], unknown)
                    if address_key(cells[_EMAIL].removeprefix("'")) == address:
                        cells[_EMAIL], cells[_GROUP] = alias, ""
                    cells = list(map(masking(address, alias), cells))  # noqa: PLW2901
                write(cells)
    except (OSError, csv.Error, IndexError) as error:
        raise OutputError(
            f"{path}: the results cannot be masked: {error}", hint="look at the file"
        ) from error
