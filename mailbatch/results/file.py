"""The results file of an edition, and the file of the rows that were not mailed.

Both are derived from the ledger, which chooses the rows (`ledger/standing.py`), and the first from
the reports about these rows, too: readers see the old
file or the new one, whole (`files.replacing`). RFC 4180, UTF-8. This module must never change a
ledger.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mailbatch.errors import SYSTEM_REMEDIES, OutputError
from mailbatch.files import check_replaceable, replacing, unwritable
from mailbatch.ledger.ports import OpenLedger
from mailbatch.outcome import Status
from mailbatch.results.lines import as_lines, as_reported_lines, header_line
from mailbatch.results.told import reported

if TYPE_CHECKING:
    from mailbatch.reports.report import Event
    from mailbatch.reports.standings import Standings

_ROWS_AT_ONCE = 256


def write_results(
    ledger: OpenLedger, path: Path, standings: Standings | None = None
) -> Counter[Event | None] | None:
    """Write the results of the ledger's edition to `path`, with its reports where there are any.

    Return the number of accepted rows by the event that stands, None among the keys for rows
    without a report; None where no report of the edition is known.

    Raises:
        OutputError: the file cannot be written (74); the old file stands.
        StoreError: the temporary database of the standings cannot be read (74); the old file
            stands.
    """
    standing = ledger.standing
    with _replacing(path, "--results") as stream:
        stream.write(header_line())
        if standings is None or not standings.matched:
            stream.writelines(map(as_lines, standing.result_blocks()))
            return None
        accepted: Counter[Event | None] = Counter()
        rows = reported(standing.result_rows(), standings, accepted)
        stream.writelines(map(as_reported_lines, _blocks(rows)))
    return accepted


def _blocks(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while block := list(islice(rows, _ROWS_AT_ONCE)):
        yield block


def check_place(path: Path) -> None:
    """Raise the OutputError (74) now that writing the results to `path` would raise."""
    try:
        check_replaceable(path)
    except OSError as error:
        raise unwritable(path, error, "--results") from error


def count_accepted(path: Path, edition: str) -> int:
    """Count the rows of a results file that are accepted in `edition`.

    0 for a file that is missing, or is no results file.

    Raises:
        OutputError: the file cannot be read (74).
    """
    if not path.is_file():
        return 0
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            rows = csv.DictReader(stream)
            accepted = str(Status.ACCEPTED)
            # An edition may have been defused.
            named = {edition, f"'{edition}"}
            return sum(
                row.get("status") == accepted and row.get("edition") in named for row in rows
            )
    except csv.Error:
        return 0
    except OSError as error:
        raise OutputError(
            f"{path}: the results cannot be read: {error.strerror or error}",
            hint=SYSTEM_REMEDIES.get(error.errno or 0, "look at the path and its permissions"),
        ) from error


def write_unfinished(
    ledger: OpenLedger, path: Path, *, delimiter: str = ",", encoding: str = "utf-8"
) -> int:
    """Write the rows that were not mailed, with the input columns, and return the number of rows.

    These are the pending, deferred, rejected and invalid rows that still stand in the table. Rows
    in doubt, and rows to be resent, may have the message and are left out. The file is ready to be
    a recipient file: no cell is defused.

    Raises:
        OutputError: the file cannot be written (74); the old file stands.
        LedgerLocked: a run is under way, and may be mailing the very rows.
    """
    ledger.check_idle()
    number = 0
    with _replacing(path, "--failed", encoding=encoding) as stream:
        write = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n").writerow
        write(ledger.standing.columns())
        for number, row in enumerate(ledger.standing.unfinished_rows(), start=1):  # noqa: B007 - the count
            write(row.values)
    return number


@contextmanager
def _replacing(path: Path, option: str, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Give a text stream that replaces `path`; `option` names another place in an OutputError."""
    try:
        with replacing(path, encoding=encoding, parents=True) as stream:
            yield stream
    except OSError as error:
        raise unwritable(path, error, option) from error
