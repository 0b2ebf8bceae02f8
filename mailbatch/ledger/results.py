"""The results CSV, derived from the ledger and from nothing else.

Readers see the old file or the new one, whole (`files.replacing`). RFC 4180, UTF-8. A text cell
that a spreadsheet would run as a formula gets a leading apostrophe; control characters, which a
server may put into its replies, are escaped. Source:
https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from mailbatch.errors import SYSTEM_REMEDIES, OutputError
from mailbatch.files import check_replaceable, replacing, unwritable
from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.standing import ResultRow
from mailbatch.outcome import Status
from mailbatch.times import iso_time

#: A cell that begins so is a formula to a spreadsheet; the last four are full-width forms.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: A cell of ASCII that is one, in a line that quotes nothing; the first cell is a number.
_FORMULA_INSIDE = re.compile(r",[=+\-@]")
#: Controls, line ends, and what turns the direction of text around.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def write_results(ledger: OpenLedger, path: Path) -> None:
    """Write the results of the ledger's edition to `path`; OutputError (74) keeps the old file."""
    with _replacing(path, "--results") as stream:
        stream.write(f"{','.join(ResultRow._fields)}\r\n")
        stream.writelines(map(as_line, ledger.standing.result_rows()))


def check_place(path: Path) -> None:
    """Raise the OutputError (74) now that writing the results to `path` would end in."""
    try:
        check_replaceable(path)
    except OSError as error:
        raise unwritable(path, error, "--results") from error


def count_accepted(path: Path, edition: str) -> int:
    """How many rows of a results file say that somebody of `edition` has the message.

    0 where there is no such file, or where it is no results file. Raises OutputError (74) where it
    cannot be read.
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
    """Write the rows that were not mailed, with their input columns, and return how many.

    They are the pending, deferred, rejected and invalid rows that still stand in the table; not
    those in doubt, nor those to be resent, who may have the message. The file is ready to be a
    recipient file, so nothing in it is defused. Raises OutputError (74) and keeps the old file, and
    LedgerLocked (75) while a run is under way: it may be mailing them.
    """
    ledger.check_idle()
    number = 0
    with _replacing(path, "--failed", encoding=encoding) as stream:
        write = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n").writerow
        write(ledger.standing.columns())
        for number, row in enumerate(ledger.standing.unfinished_rows(), start=1):  # noqa: B007 - the count
            write(row.values)
    return number


_COMMAS = len(ResultRow._fields) - 1


def as_line(row: ResultRow) -> str:
    """A row of the results as a line of CSV; where nothing is to be quoted or defused at once."""
    (number, email, status, message_id, code, enhanced, reply, attempts, group, edition, ours,
     first, settled, reason) = row  # fmt: skip
    line = (
        f"{'' if number is None else number},{email},{status},{message_id or ''},"
        f"{'' if code is None else code},{enhanced or ''},{reply or ''},{attempts},{group or ''},"
        f"{edition},{ours or ''},{iso_time(first) or ''},{iso_time(settled) or ''},"
        f"{reason or ''}\r\n"
    )
    if (
        line.count(",") == _COMMAS
        and line.isascii()
        and line[:-2].isprintable()
        and '"' not in line
        and _FORMULA_INSIDE.search(line) is None
    ):
        return line
    return _quoted(_cells(row))


def _quoted(cells: Iterable[Any]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _cells(row: ResultRow) -> Iterable[Any]:
    return (
        row.row,
        _text(row.email),
        str(row.status),
        _text(row.message_id),
        row.reply_code,
        row.enhanced_status,
        _text(row.reply),
        row.attempts,
        _text(row.group),
        _text(row.edition),
        row.header_message_id,
        iso_time(row.first_attempt_at),
        iso_time(row.settled_at),
        _text(row.reason),
    )


def _text(value: str | None) -> str | None:
    if not value:
        return value
    if not value.isprintable():
        value = _CONTROL.sub(_escaped, value)
    return f"'{value}" if _FORMULA.match(value) else value


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")


@contextmanager
def _replacing(path: Path, option: str, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Give a text stream that replaces `path`; `option` names another place in an OutputError."""
    try:
        with replacing(path, encoding=encoding, parents=True) as stream:
            yield stream
    except OSError as error:
        raise unwritable(path, error, option) from error


def as_object(row: ResultRow) -> dict[str, Any]:
    """A row of the results as the object that schemas/results.schema.json describes."""
    return {
        **row._asdict(),
        "status": str(row.status),
        "first_attempt_at": iso_time(row.first_attempt_at),
        "settled_at": iso_time(row.settled_at),
    }
