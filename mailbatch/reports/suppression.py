"""Addresses that want no more mail, or take none: as a suppression list, and of all editions.

A list has the columns `email`, `since` and `reason`, which `recipients.suppress` reads. Only a
report that found a recipient by a name of the message puts an address there, and only a code that
speaks of the address: a bounce that blames the sender or the content suppresses no address.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mailbatch.envelope import address_key
from mailbatch.errors import OutputError
from mailbatch.files import replacing, unwritable
from mailbatch.report_token import token_of
from mailbatch.reports.joining import tells_by_bulk_id
from mailbatch.reports.mailed import MailedEdition, MailedRow
from mailbatch.reports.members import clean, time_of
from mailbatch.reports.report import LONGEST_NAME, Event
from mailbatch.reports.standings import RecipientStanding, Standings
from mailbatch.reports.store import ReportStore, StoredReport
from mailbatch.times import iso_time

COLUMNS = ("email", "since", "reason")
_Line: TypeAlias = tuple[str, str | None, str]
_HINT = "name a file that is not there yet, or a list that this command has written"


#: An edition: the bulk id, None where there is none, and the rows that were tried.
Edition: TypeAlias = tuple[str | None, Iterable[MailedRow]]


@dataclass(slots=True)
class Appended:
    """The numbers of addresses that were new, and that the list had; and of bounces left out.

    `of_another` counts the bounces that name another address than the one that was mailed, or
    none; `of_other_codes` those with a code that does not speak of the address, and `of_no_code`
    those without any code.
    """

    new: int = 0
    had: int = 0
    of_another: int = 0
    of_other_codes: int = 0
    of_no_code: int = 0

    def leave_out(self, standing: RecipientStanding) -> None:
        """Count a standing that suppresses nothing; one that is no bounce counts nowhere."""
        if standing.blames_another:
            self.of_another += 1
        elif standing.event is Event.BOUNCED and standing.code:
            self.of_other_codes += 1
        elif standing.event is Event.BOUNCED:
            self.of_no_code += 1


def append_suppressions(path: Path, standings: Iterable[RecipientStanding]) -> Appended:
    """Append the addresses that standings suppress to the list at `path`, each once.

    The list is replaced as a whole, so that a run that reads meanwhile sees the old one or the new
    one.

    Raises:
        OutputError: the list cannot be written, or is no list with these columns (74).
    """
    appended = Appended()

    def suppressed() -> Iterator[_Line]:
        for standing in standings:
            if standing.suppresses:
                yield standing.address, iso_time(standing.reported_at), _reason(standing)
            else:
                appended.leave_out(standing)

    _append(path, suppressed(), appended)
    return appended


def append_listed(path: Path, entries: Iterable[Mapping[str, Any]]) -> Appended:
    """Append the entries of the provider's own suppression list to the list at `path`, each once.

    The provider drops mail to these addresses, whatever message first gave the reason. An entry has
    the members `emailAddress`, `type` and `createdDate`; one without an address is left out.

    Raises:
        OutputError: the list cannot be written, or is no list with these columns (74).
    """
    appended = Appended()
    _append(path, _listed(entries), appended)
    return appended


def _listed(entries: Iterable[Mapping[str, Any]]) -> Iterator[_Line]:
    for entry in entries:
        address, kind, since = (
            clean(str(entry.get(name) or ""), LONGEST_NAME)
            for name in ("emailAddress", "type", "createdDate")
        )
        if 0 < address.find("@") < len(address) - 1:
            yield address, iso_time(time_of(since)), f"provider {kind}".strip().lower()


def _append(path: Path, wanted: Iterable[_Line], appended: Appended) -> None:
    lines = _lines(path)
    known = {address_key(line[0]) for line in lines}
    for line in wanted:
        key = address_key(line[0])
        if key in known:
            appended.had += 1
            continue
        known.add(key)
        lines.append(line)
        appended.new += 1
    if appended.new or not path.exists():
        _write(path, lines)


def suppressed_in(
    store: ReportStore, editions: Iterable[Edition], *, has_copies: bool
) -> dict[str, str]:
    """Return the addresses, as keys, that standings of some editions suppress, with the reason.

    The editions stream by, and only rows that a report may speak against are kept; without such a
    report no edition is asked for. A report that finds no row suppresses no address.

    Raises:
        StoreError: the store cannot be read, or there is no place for the join (74).
    """
    names = _Names()
    for stored in store.reports(against_mail=True):
        names.add(stored)
    if not names.are_there:
        return {}
    with MailedEdition(has_copies=has_copies) as mailed:
        for bulk_id, rows in editions:
            mailed.add(filter(names.may_be_of, rows), bulk_id=bulk_id)
        standings = Standings(mailed)
        standings.join(store)
        return {one.address: _reason(one) for one in standings.suppressing()}


class _Names:
    """The names of messages in reports that may speak against further mail."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._message_ids: set[str] = set()
        self._header_message_ids: set[str] = set()
        self._keys: set[str] = set()

    def add(self, stored: StoredReport) -> None:
        report = stored.report
        self._tokens.add(report.token)
        self._message_ids.add(report.message_id)
        self._header_message_ids.add(report.header_message_id)
        if tells_by_bulk_id(report, stored.origin):
            self._keys.add(address_key(report.recipient))

    @property
    def are_there(self) -> bool:
        return bool(self._tokens)

    def may_be_of(self, row: MailedRow) -> bool:
        """Tell whether a report may be of the message of a row: all rows of a message alike.

        A row that shares only the address is kept, too: a bulk id counts for a single message.
        """
        ours = row.header_message_id or ""
        return (
            token_of(ours) in self._tokens
            or row.message_id in self._message_ids
            or ours in self._header_message_ids
            or address_key(row.email) in self._keys
        )


def _reason(standing: RecipientStanding) -> str:
    return " ".join(filter(None, (str(standing.event), standing.code)))


def _lines(path: Path) -> list[_Line]:
    """Return the lines of a list that is there already, without the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except FileNotFoundError:
        return []
    except IsADirectoryError as error:
        raise OutputError(f"{path} is a folder, not a file", hint=_HINT) from error
    except OSError as error:
        raise OutputError(
            f"{path}: the list cannot be read: {error.strerror or error}",
            hint="make it readable for this user, or choose another --to",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise OutputError(f"{path}: this is no list: it is no CSV in UTF-8", hint=_HINT) from error
    if rows and (tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows)):
        columns = ", ".join(COLUMNS)
        raise OutputError(f"{path}: this is no list with the columns {columns}", hint=_HINT)
    return [(row[0], row[1], row[2]) for row in rows[1:]]


def _write(path: Path, lines: list[_Line]) -> None:
    try:
        with replacing(path) as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow(COLUMNS)
            writer.writerows(lines)
    except OSError as error:
        raise unwritable(path, error, "--to") from error
