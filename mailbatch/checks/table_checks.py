"""The checks of the recipient table: placeholders, formulas, empty cells, rows that are not mailed.

    people.csv:7: warning MB119: A value looks like a placeholder: first_name is 'FNAME'

Rows are seen one after the other; the memory taken is bounded, whatever the size of the table.

Tests: tests/checks/test_check_codes.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from typing import TYPE_CHECKING, Protocol

from mailbatch.envelope import Recipient
from mailbatch.errors import Location
from mailbatch.job.columns import find_column
from mailbatch.remarks import NO_REMARKS, Doubt, Remarks

if TYPE_CHECKING:
    from mailbatch.job.model import Job
from mailbatch.checks.findings import Finding, shortened
from mailbatch.checks.tallies import Tallies

#: The values that exports and forms write where no value is known, in lower case.
_WORDS = """
test testing tester asdf qwerty foo xxx xxxx tbd tba todo dummy sample placeholder lorem
nan null none undefined nil n/a #n/a #ref! #name? #value! #div/0! (null) <null> [null]
fname lname first_name last_name firstname lastname vorname nachname
[undefined] *|fname|* *|lname|* %fname% [first_name] <first_name> {{first_name}}
"""
_NAMES = ("first name", "last name", "lorem ipsum", "john doe", "jane doe", "max mustermann")
PLACEHOLDERS = frozenset((*_WORDS.split(), *_NAMES, "{{ first_name }}", "[object object]"))
_MOST_DOMAINS = 100_000
#: Reasons of suppressed rows that are counted, and that are named.
_MOST_LISTS, _LISTS_NAMED = 1000, 5
_FORMULA = re.compile(r"=\s*[A-Z][A-Z0-9._]*\(")
#: A long number as a sheet shows it in a narrow column: `4.91701E+12`, `1,23E+11`, `#####`.
_CUT_OFF = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d\d|\#{3,}")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,9});")
#: The encodings in which programs read UTF-8 by mistake.
_MISREAD = ("cp1252", "latin-1", "mac-roman")
_FORMATS = {Doubt.NOT_KNOWN: "MB124", Doubt.BY_COMPUTER: "MB125"}
_REASONS = {"suppressed": "MB114", "filtered": "MB115", "duplicate": "MB113"}


class Repeated(Protocol):
    """A row that is a duplicate, and the cells of the row that is mailed."""

    @property
    def line(self) -> int:
        """The line of the row."""

    @property
    def values(self) -> tuple[str, ...]:
        """The cells of the row."""

    @property
    def mailed(self) -> tuple[str, ...]:
        """The cells of the row that is mailed."""

    @property
    def elsewhere(self) -> str | None:
        """The address of the row, where the mailed one has another."""


class TableChecks:
    """Checks the table of a job, row by row; the findings go to `tallies`.

    `columns` are the columns of the table, `read` those that templates read.
    """

    def __init__(
        self,
        job: Job,
        columns: tuple[str, ...],
        *,
        read: frozenset[str],
        tallies: Tallies,
        remarks: Remarks = NO_REMARKS,
    ) -> None:
        self._path = job.recipients.shown
        self._unused = [name for name in columns if name not in read]
        self._header = frozenset(columns)
        self._wanted = job.recipients.address
        self._address = find_column(self._wanted, columns)
        self._watched = [
            (index, name)
            for index, name in enumerate(columns)
            if name in read and name != self._address
        ]
        self._domains: Counter[str] = Counter()
        self._lists: Counter[str] = Counter()
        self._tallies = tallies
        self._formats = [one for one in remarks.formats if one.column in read]
        self._hidden, self._skipped = remarks.hidden, 0
        self._empty_lists = remarks.empty_lists
        self.rows = 0

    def row(self, recipient: Recipient) -> None:
        """Check one row."""
        self.rows += 1
        if recipient.status == "invalid":
            reason = recipient.reason or "is invalid"
            if recipient.send_at is not None:  # the text that is no time
                place = Location(self._path, recipient.line)
                self._tallies.add(Finding("MB152", reason, reason, place))
                return
            detail = f"{reason}: {recipient.address!r}" if recipient.address else reason
            place = Location(self._path, recipient.line)
            self._tallies.add(Finding("MB111", detail, reason, place))
            return
        if recipient.status != "pending":
            self._left_out(recipient)
            return
        domain = recipient.address.rpartition("@")[2].lower()
        if domain in self._domains or len(self._domains) < _MOST_DOMAINS:
            self._domains[domain] += 1
        for index, name in self._watched:
            found = _fault(recipient.values[index], name, self._header)
            if found is not None:
                place = Location(self._path, recipient.line)
                self._tallies.add(Finding(*found, name, place))

    def _left_out(self, recipient: Recipient) -> None:
        """Count a row that a list, `where` or the sheet leaves out."""
        if recipient.status == "suppressed" and recipient.reason is not None:
            if recipient.reason in self._lists or len(self._lists) < _MOST_LISTS:
                self._lists[recipient.reason] += 1
            return
        self._skipped += recipient.line in self._hidden

    @property
    def domains(self) -> tuple[tuple[str, int], ...]:
        """The domains of the pending recipients with their numbers, most first."""
        return tuple(sorted(self._domains.items(), key=lambda item: (-item[1], item[0])))

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns that no template, header or rule reads."""
        return tuple(self._unused)

    def summary(self, counts: Mapping[str, int]) -> Iterator[tuple[Finding, int]]:
        """Yield the findings of the table as a whole, each with the number of rows.

        `counts` are the recipients by status.
        """
        place = Location(self._path, 1)
        if self._address not in {None, self._wanted}:
            detail = f"{self._address!r} for {self._wanted!r}"
            yield Finding("MB121", detail, location=Location(self._path)), 1
        for name in self._unused:
            yield Finding("MB117", f"{name} is never used", name, place), 1
        for one in self._formats:
            code, detail = _FORMATS[one.doubt], f"{one.column} has the format {one.code}"
            yield Finding(code, detail, detail, Location(self._path, one.line)), 1
        for shown in self._empty_lists:
            yield Finding("MB140", f"{shown} has no entry", shown, Location(shown)), 1
        numbers = {code: counts.get(status, 0) for status, code in _REASONS.items()}
        numbers["MB115"] -= self._skipped
        for code, number in [*numbers.items(), ("MB123", self._skipped)]:
            if number > 0:
                rows = f"{number:,} of {self.rows:,} rows"
                if code == "MB114":
                    rows += self._by_list()
                yield Finding(code, rows, location=Location(self._path)), number
        if not counts.get("pending"):
            yield Finding("MB112", "no row is left to be mailed", location=Location(self._path)), 1
        elif self.domains:
            most = ", ".join(f"{name} {number:,}" for name, number in self.domains[:5])
            others = len(self.domains) - 5
            more = f" and {others:,} other domains" if others > 0 else ""
            finding = Finding("MB116", f"{most}{more}", location=Location(self._path))
            yield finding, counts["pending"]

    def letters(self, addresses: int, messages: int) -> Iterator[tuple[Finding, int]]:
        """Yield the finding of addresses that get several messages, with their number."""
        if addresses:
            detail = f"{addresses:,} of the addresses get {messages:,} messages"
            yield Finding("MB128", detail, location=Location(self._path)), addresses

    def repeats(self, rows: Iterable[Repeated]) -> Iterator[Finding]:
        """Yield a finding for each duplicate whose letter would be another one.

        Only columns count that templates read, and the address; a spelling makes none other.
        """
        for row in rows:
            if row.elsewhere is not None:
                detail = f"{row.elsewhere} gets nothing, another address is mailed"
                place = Location(self._path, row.line)
                yield Finding("MB129", detail, row.elsewhere, place)
                continue
            for index, name in self._watched:
                if row.values[index] != row.mailed[index]:
                    detail = f"{name} is {shortened(row.values[index])!r}"
                    mailed = f"{shortened(row.mailed[index])!r}"
                    place = Location(self._path, row.line)
                    yield Finding("MB129", f"{detail}, and {mailed} is mailed", name, place)
                    break

    def _by_list(self) -> str:
        """Return the most frequent reasons of suppressed rows with their numbers, in words."""
        most = self._lists.most_common(_LISTS_NAMED)
        named = ", ".join(f"{number:,} {reason}" for reason, number in most)
        others = " and others" if len(self._lists) > len(most) else ""
        return f": {named}{others}" if named else ""


def check_rows(
    job: Job, columns: tuple[str, ...], rows: Iterable[Recipient], tallies: Tallies
) -> None:
    """Check the rows of a table while the templates are wrong: no column counts as read.

    Raises the errors of reading `rows`: `RecipientError`, `InputErrors`.
    """
    table = TableChecks(job, columns, read=frozenset(), tallies=tallies)
    for recipient in rows:
        table.row(recipient)


def _fault(cell: str, name: str, header: frozenset[str]) -> tuple[str, str] | None:
    """Return the code of the fault of a cell, with the words for this very cell."""
    if not cell.strip():
        return "MB120", f"{name} is empty"
    if is_formula(cell):
        return "MB122", f"{name} is {shortened(cell)!r}"
    if is_placeholder(cell) or is_cut_off(cell) or (cell == name and cell in header):
        return "MB119", f"{name} is {cell!r}"
    found = damage(cell) if "&" in cell or not cell.isascii() else None
    if found is None:
        return None
    code, meant = found
    perhaps = f", perhaps {shortened(meant)!r}" if meant else ""
    return code, f"{name} is {shortened(cell)!r}{perhaps}"


def is_formula(cell: str) -> bool:
    """Tell whether a cell holds a formula of a spreadsheet in place of the result.

    >>> is_formula("=UPPER(A2)"), is_formula("=A2")
    (True, False)
    """
    return _FORMULA.match(cell) is not None


def is_cut_off(cell: str) -> bool:
    """Tell whether a cell holds a long number as a sheet shows it in a narrow column.

    >>> [is_cut_off(cell) for cell in ("4.91701E+12", "1,23E+11", "#####", "5E", "#48")]
    [True, True, True, False, False]
    """
    return _CUT_OFF.fullmatch(cell) is not None


def damage(cell: str) -> tuple[str, str] | None:
    r"""Return the code of a damage and the value that was meant, "" where that is lost.

    UTF-8 that was read in another encoding is known by reading it back: hardly a text of another
    language is UTF-8 by chance.

    >>> damage("O&#039;Brien"), damage("J\xc3\xb6rg"), damage("J\ufffdrg"), damage("AT&T; Jörg")
    (('MB126', "O'Brien"), ('MB127', 'Jörg'), ('MB127', ''), None)
    """
    if _REFERENCE.search(cell) and unescape(cell) != cell:
        return "MB126", unescape(cell)
    if "\ufffd" in cell:
        return "MB127", ""
    if not cell.isascii():
        for encoding in _MISREAD:
            try:
                meant = cell.encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
            return "MB127", meant
    return None


def is_placeholder(cell: str) -> bool:
    """Tell whether a cell holds a placeholder in place of a value.

    >>> is_placeholder(" #N/A "), is_placeholder("Tess")
    (True, False)
    """
    return cell.strip().casefold() in PLACEHOLDERS
