"""Addresses that want no more mail, or take none, as a suppression list.

A list with the columns `email`, `since` and `reason`, which `recipients.suppress` reads. Only a
report that found a recipient by a name of the message puts an address there, and only a code that
speaks of the address: a bounce that blames the sender or the content suppresses no address.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from mailbatch.envelope import address_key
from mailbatch.errors import OutputError
from mailbatch.files import replacing
from mailbatch.reports.standings import RecipientStanding
from mailbatch.times import iso_time

COLUMNS = ("email", "since", "reason")


def append_suppressions(path: Path, standings: Iterable[RecipientStanding]) -> tuple[int, int]:
    """Append the addresses that standings suppress to the list at `path`, each once.

    Return how many were new, and how many the list had already. The list is replaced as a whole,
    so that a run that reads meanwhile sees the old one or the new one.

    Raises:
        OutputError: the list cannot be written, or is no list with these columns (74).
    """
    lines = _lines(path)
    known = {address_key(line[0]) for line in lines}
    new = had = 0
    for standing in standings:
        if not standing.suppresses:
            continue
        if address_key(standing.address) in known:
            had += 1
            continue
        known.add(address_key(standing.address))
        lines.append((standing.address, iso_time(standing.reported_at), _reason(standing)))
        new += 1
    if new or not path.exists():
        _write(path, lines)
    return new, had


def _reason(standing: RecipientStanding) -> str:
    return " ".join(filter(None, (str(standing.event), standing.code)))


def _lines(path: Path) -> list[tuple[str, str, str]]:
    """Return the lines of a list that is there already, without the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OutputError(f"{path}: {error}", hint="name another file with --to") from error
    if rows and (tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows)):
        raise OutputError(
            f"{path}: this is no list with the columns {', '.join(COLUMNS)}",
            hint="name a file that is not there yet, or one that this command has written",
        )
    return [(row[0], row[1], row[2]) for row in rows[1:]]


def _write(path: Path, lines: list[tuple[str, str, str]]) -> None:
    try:
        with replacing(path) as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow(COLUMNS)
            writer.writerows(lines)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error
