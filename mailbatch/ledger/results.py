"""The results CSV, derived from the ledger and from nothing else.

Readers see the old file or the new one, whole: it is written beside, synced, and renamed into
place. RFC 4180, UTF-8. A text cell that a spreadsheet would run as a formula gets a leading
apostrophe; control characters, which a server may put into its replies, are escaped. This module
must never leave a torn or a temporary file behind, nor touch anything but a regular file. Source:
https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from mailbatch.errors import LedgerError
from mailbatch.ledger.database import sync_folder
from mailbatch.ledger.failure import from_system
from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.standing import ResultRow
from mailbatch.outcome import Status

#: A cell that begins so is a formula to a spreadsheet; the last four are full-width forms.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: A cell of ASCII that is one, in a line that quotes nothing; the first cell is a number.
_FORMULA_INSIDE = re.compile(r",[=+\-@]")
#: Controls, line ends, and what turns the direction of text around.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def write_results(ledger: OpenLedger, path: Path) -> None:
    """Write the results of the ledger's edition to `path`; LedgerError (74) keeps the old file."""
    with _replacing(path, "--results") as stream:
        stream.write(f"{','.join(ResultRow._fields)}\r\n")
        stream.writelines(map(as_line, ledger.standing.result_rows()))


def check_place(path: Path) -> None:
    """Raise the LedgerError (74) now that writing the results to `path` would end in."""
    try:
        target, _ = _target(path)
        building = _beside(target)
        os.close(_create(building))
        building.unlink()
    except OSError as error:
        raise _unwritable(path, error, "--results") from error


def count_accepted(path: Path, edition: str) -> int:
    """How many rows of a results file say that somebody of `edition` has the message.

    0 where there is no such file, or where it is no results file. Raises LedgerError (74) where it
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
        raise from_system(path, error, what="the results cannot be read") from error


def write_unfinished(
    ledger: OpenLedger, path: Path, *, delimiter: str = ",", encoding: str = "utf-8"
) -> int:
    """Write the rows that were not mailed, with their input columns, and return how many.

    They are the pending, deferred, rejected and invalid rows that still stand in the table; not
    those in doubt, nor those to be resent, who may have the message. The file is ready to be a
    recipient file, so nothing in it is defused. Raises LedgerError (74) and keeps the old file, and
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
        f"{edition},{ours or ''},{moment(first) or ''},{moment(settled) or ''},{reason or ''}\r\n"
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
        moment(row.first_attempt_at),
        moment(row.settled_at),
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


def moment(seconds: float | None) -> str | None:
    """A time in ISO 8601, UTC, to the second: `2026-11-23T08:15:00Z`."""
    return None if seconds is None else _moment(int(seconds))


@lru_cache(maxsize=1024)
def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@contextmanager
def _replacing(path: Path, option: str, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """A text file that takes the place of `path`, `option`'s, when the block ends well."""
    building = None
    try:
        target, mode = _target(path)
        _remove_leftovers(target)
        building = _beside(target)
        fd = _create(building)
        with os.fdopen(fd, "w", encoding=encoding, newline="", buffering=1 << 18) as stream:
            fcntl.flock(fd, fcntl.LOCK_EX)  # the sign that somebody writes it
            yield stream
            stream.flush()
            if mode is not None:
                os.fchmod(fd, mode)
            os.fsync(fd)
            building.rename(target)
        building = None
        sync_folder(target.parent)
    except OSError as error:
        raise _unwritable(path, error, option) from error
    finally:
        if building is not None:
            with suppress(OSError):
                building.unlink(missing_ok=True)


def _target(path: Path) -> tuple[Path, int | None]:
    """The file that is replaced, in a folder that is there, and its permissions."""
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target, mode


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")


def _create(building: Path) -> int:
    return os.open(building, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666)


def _unwritable(path: Path, error: OSError, option: str) -> LedgerError:
    return from_system(path, error, what="the file cannot be written", option=option)


def _mode(target: Path) -> int | None:
    """The permissions of the file that is replaced; LedgerError if it is no regular file."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise LedgerError(
            f"{target}: the file cannot be written: it is not a regular file",
            hint="name a file that may be replaced",
        )
    return stat.S_IMODE(found.st_mode)


def _remove_leftovers(target: Path) -> None:
    """Remove what processes that were killed while they wrote `target` have left behind."""
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        with suppress(OSError), leftover.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def as_object(row: ResultRow) -> dict[str, Any]:
    """A row of the results as the object that schemas/results.schema.json describes."""
    return {
        **row._asdict(),
        "status": str(row.status),
        "first_attempt_at": moment(row.first_attempt_at),
        "settled_at": moment(row.settled_at),
    }
