"""The plan: every record of the recipient table with the status that the files alone give it.

    Recipient(line=2, address="ann@example.com", values=("Ann@Example.com", "Ann"), ...)
    Recipient(line=3, address="b@@x", values=("b@@x", ""), ..., status="invalid", reason=...)

One `Recipient` for each record, in order: `pending`, or `filtered`, `invalid`, `suppressed` with
the reason. White space around a cell is no part of the value, and a record of blank cells is no
row, whatever the form of the table. A row that `where` leaves out, or that a sheet hides, is
`filtered`, whatever the address; a suppressed address is recognised in any spelling. The ledger,
which has the index, finds a key that stood in an earlier row. This module must never drop or change
another row.

The ending of a file's name is the form of the table, for the choice of a reader; the content is
never used to guess the form.
"""

from __future__ import annotations

import copy
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime
from itertools import chain, repeat
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mailbatch.envelope import Recipient, address_key
from mailbatch.errors import InputErrors, JobError, Mistakes
from mailbatch.identity import Identity
from mailbatch.job.columns import find_column, named_columns
from mailbatch.job.model import Job
from mailbatch.job.paths import resolve_path
from mailbatch.job.recipients import REPORTS, Recipients
from mailbatch.job.setting import Setting
from mailbatch.outcome import Status
from mailbatch.plain_rows import PlainRows
from mailbatch.recipients.address import are_plain, parse_address
from mailbatch.recipients.faults import all_valid
from mailbatch.recipients.header import Naming
from mailbatch.recipients.keying import BY_THE_ADDRESS, Keying
from mailbatch.recipients.plain_lines import PlainLines
from mailbatch.recipients.records import Records, in_blocks
from mailbatch.recipients.spool import Spool
from mailbatch.recipients.table import Table, open_table
from mailbatch.recipients.where import Condition, compile_where, reads
from mailbatch.recipients.wrong_columns import wrong_columns
from mailbatch.remarks import Remarks

if TYPE_CHECKING:
    from mailbatch.recipients.send_times import SendTimes
    from mailbatch.recipients.suppress import Suppressions

#: Passes rows on, one for one, some of them with another status.
Judge = Callable[[Iterator[Recipient]], Iterator[Recipient]]
_SHOWN = 80
_PENDING = Status.PENDING.value
_INVALID = Status.INVALID.value
_FILTERED = Status.FILTERED.value
_SUPPRESSED = Status.SUPPRESSED.value
_HIDDEN = "the row is hidden in the sheet"


class Plan:
    """The recipients of a job; iterating reads the table and yields a `Recipient` a record.

    `columns` are the names of the cells of every `Recipient.values`, `address` is the column with
    the address. A plan can be iterated again and again, each time from the start.

    Raises, from iterating:
        RecipientError: a record breaks the table.
        JobError: `where` gives neither true nor false.
        InputErrors: rows are invalid, with `on_invalid: stop`; at the end of the table. No
            recipient yielded before counts.
    """

    def __init__(
        self,
        table: Records,
        *,
        address: int,
        group_by: tuple[int, ...],
        keying: Keying = BY_THE_ADDRESS,
        condition: Condition | None,
        send_times: SendTimes | None = None,
        suppressed: Mapping[str, str],
        remarks: Remarks,
        stop: bool,
    ) -> None:
        """Plan the records of `table`; `address` and `group_by` are indices of columns."""
        self.columns = table.columns
        self._table = table
        self.address = table.columns[address]
        self._address = address
        self._group_by = group_by
        self._keying = keying
        self._condition = condition
        self._send_times = send_times
        self._suppressed = suppressed
        self.remarks = remarks
        self._stop = stop
        self._judge: Judge | None = None

    def judged_by(self, judge: Judge) -> Plan:
        """Return the plan of the same rows, each with the status that `judge` gives the row.

        The rows pass through `judge` each time that the plan is iterated.
        """
        plan = copy.copy(self)
        plan._judge = judge  # noqa: SLF001 - its own copy
        return plan

    @property
    def identity(self) -> Identity:
        """The identity of the recipients, to which the keys belong."""
        return self._keying.identity

    def __iter__(self) -> Iterator[Recipient]:
        for block in self.blocks():
            yield from block.recipients() if isinstance(block, PlainRows) else block

    def blocks(self) -> Iterator[PlainRows | list[Recipient]]:
        """Read the recipients in blocks; raises as iterating does."""
        found = self._planned_blocks()
        if self._stop:
            found = all_valid(found, self._table.shown)
        if self._judge is None:
            return found
        rows = (r.recipients() if isinstance(r, PlainRows) else r for r in found)
        return in_blocks(self._judge(chain.from_iterable(rows)))

    def _planned_blocks(self) -> Iterator[PlainRows | list[Recipient]]:
        table = self._table
        plain = self._takes_all and self.identity.is_address
        for block in table.blocks() if isinstance(table, Table) else (table,):
            records: Iterable[tuple[int, tuple[str, ...]]]
            if isinstance(block, PlainLines):
                rows = block.rows(self._address, self._group_by)
                if plain and are_plain(rows.addresses):
                    yield rows
                    continue
                records = block.records()
            else:
                records = block
            for some in in_blocks(records):
                if recipients := self._planned(some):
                    yield recipients

    @property
    def _takes_all(self) -> bool:
        """Whether no rule of the job looks at a row but at its address."""
        rules = self._condition is not None or self._send_times is not None
        return not (rules or self._suppressed or self.remarks.hidden)

    def _planned(self, block: list[tuple[int, tuple[str, ...]]]) -> list[Recipient]:
        """Return the recipients of a block of records, with their keys.

        Mostly no rule looks at a single row: all addresses of the block are plain, and wanted.
        Then no row is touched by a statement of Python, which takes a third of the time.
        """
        found = self._judged_block(block)
        # As they are, where the address is the key.
        return list(found if self.identity.is_address else map(self._keying.keyed, found))

    def _judged_block(self, block: list[tuple[int, tuple[str, ...]]]) -> Iterable[Recipient]:
        lines, records = zip(*block, strict=True)
        cells = [tuple(map(str.strip, record)) for record in records]
        if self._takes_all:
            texts = list(map(itemgetter(self._address), cells))
            if are_plain(texts):
                groups, none = self._groups(cells), repeat(None)
                rows = zip(lines, texts, cells, groups, repeat(_PENDING), none, none, none)
                return map(tuple.__new__, repeat(Recipient), rows)
        return filter(None, map(self._recipient, lines, cells))

    def _groups(self, cells: list[tuple[str, ...]]) -> Iterable[tuple[str, ...] | None]:
        """Return the values of `group_by` of each row of a block: a list for each column."""
        if not self._group_by:
            return repeat(None)
        return zip(*[map(itemgetter(column), cells) for column in self._group_by], strict=True)

    def _group(self, cells: tuple[str, ...]) -> tuple[str, ...]:
        return tuple([cells[column] for column in self._group_by])

    def _recipient(self, line: int, cells: tuple[str, ...]) -> Recipient | None:
        """Return the recipient of a record; None where all cells are blank."""
        if not cells[self._address] and not any(cells):
            return None
        address, status, reason = self._judged(line, cells)
        group = self._group(cells) if self._group_by else None
        recipient = Recipient(line, address, cells, group, status, reason)
        return recipient if self._send_times is None else self._send_times.timed(recipient)

    def _judged(self, line: int, cells: tuple[str, ...]) -> tuple[str, str, str | None]:
        """Return the address of a row, the status and the reason."""
        text = cells[self._address]
        if line in self.remarks.hidden:
            return _spell(text), _FILTERED, _HIDDEN
        if self._condition is not None:
            try:
                wanted = self._condition(cells)
            except ValueError as error:
                return _spell(text), _INVALID, str(error)
            if not wanted:
                return _spell(text), _FILTERED, "`where` is false"
        try:
            address = parse_address(text)
        except ValueError as error:
            return text, _INVALID, str(error)
        if self._suppressed and (reason := _listed(address, self._suppressed)):
            return address, _SUPPRESSED, reason
        return address, _PENDING, None


def plan_recipients(
    job: Job,
    *,
    edition: str,
    variables: Mapping[str, object],
    now: datetime | None = None,
    reported: Mapping[str, str] | None = None,
) -> Plan:
    """Open the recipient table of a job, and check the columns that the job names.

    Reads the header and the suppression lists, and compiles `where`, which sees `job`, `edition`,
    `variables` and, if it is given, `now` beside the columns and `recipient`. `reported` are the
    keys of addresses that reports speak against, each with the name of the list for the reason.

    Raises:
        JobError: a path leaves the folder of the job; `where` is no expression, or uses a name that
            nothing defines.
        RecipientError: the table or a suppression list cannot be read or is none, or columns are
            missing or take a name of the templates.
        InputErrors: several of these.
    """
    wanted = job.recipients
    table = _open_records(job)
    address = find_column(wanted.address, table.columns)
    mistakes = Mistakes()
    mistakes.found += wrong_columns(job, table)
    condition = None
    names: dict[str, object] = {
        "job": job.for_templates,
        "edition": edition,
        "variables": dict(variables),
    }
    send_times = None
    if (send_at := job.find("message.send_at")) is not None:
        from mailbatch.recipients.send_times import compile_send_at

        with mistakes:
            send_times = compile_send_at(send_at, table.columns, names=names)
    if now is not None:
        names = {**names, "now": now}
    if (where := job.find("recipients.where")) is not None:
        with mistakes:
            condition = compile_where(where.text, table.columns, names=names, location=where.place)
    lists = None
    with mistakes:
        lists = _read_suppressions(job)
    found = mistakes.found
    if found or address is None:
        raise found[0] if len(found) == 1 else InputErrors(found)
    return Plan(
        table,
        address=table.columns.index(address),
        group_by=tuple(map(table.columns.index, named_columns(wanted.group_by, table.columns))),
        keying=Keying.of(wanted, table.columns, address),
        condition=condition,
        send_times=send_times,
        suppressed=_both({} if lists is None else lists.listed, reported or {}),
        remarks=replace(table.remarks, empty_lists=() if lists is None else lists.empty),
        stop=wanted.on_invalid == "stop",
    )


def _both(listed: Mapping[str, str], reported: Mapping[str, str]) -> Mapping[str, str]:
    """Return the lists of the job before the reports, which may know more than their keys."""
    if type(reported) is dict:
        return {**reported, **listed}
    return ChainMap(dict(listed), cast("MutableMapping[str, str]", reported))


def rows_move(job: Job) -> Setting | None:
    """Return `recipients.where` if it chooses other rows at another time; None: it does not."""
    where = job.find("recipients.where")
    return where if where is not None and reads(where.text, "now") else None


def _open_records(job: Job) -> Records:
    """Open the recipient table of a job: a file, the output of the command, or rows that are given.

    Raises:
        JobError: the path leaves the folder of the job.
        RecipientError: the file or the output cannot be read, or is no table.
    """
    wanted = job.recipients
    shown, encoding = wanted.shown, wanted.encoding
    if isinstance(job.table, Spool):
        from mailbatch.recipients.json_lines import open_json_lines

        return open_json_lines(job.table, shown=shown, encoding="utf-8")
    file = job.find("recipients.file")
    if file is None:
        from mailbatch.recipients.command import run_command

        place = job.locate("recipients.command")
        spool = run_command(wanted.command or (), folder=job.folder, location=place)
        return _table(wanted, spool)
    path = _resolve_name(job, file, absolute_allowed=False)
    if wanted.form == "jsonl":
        from mailbatch.recipients.json_lines import open_json_lines

        return open_json_lines(path, shown=shown, encoding=encoding)
    if wanted.form == "xlsx":
        from mailbatch.recipients.workbook import open_workbook

        return open_workbook(
            path,
            shown=shown,
            sheet=wanted.sheet,
            header_row=wanted.header_row,
            naming=_naming(wanted),
            hidden_rows=wanted.hidden_rows == "mail",
        )
    return _table(wanted, path)


def _table(wanted: Recipients, origin: Path | Spool) -> Table:
    return open_table(
        origin,
        shown=wanted.shown,
        delimiter=wanted.delimiter,
        encoding=wanted.encoding,
        header_row=wanted.header_row,
        naming=_naming(wanted),
    )


def _naming(wanted: Recipients) -> Naming:
    return lambda names: find_column(wanted.address, names) is not None


def _resolve_name(job: Job, setting: Setting, *, absolute_allowed: bool) -> Path:
    """Return the path of the file that a setting names.

    Raises:
        JobError: the path leaves the folder of the job.
    """
    try:
        return resolve_path(job.folder, setting.text, absolute_allowed=absolute_allowed)
    except JobError as error:
        message = f"{setting.text!r} {error.message}"
        raise JobError(message, location=setting.place, hint=error.hint) from None


def _listed(address: str, suppressed: Mapping[str, str]) -> str | None:
    """Return the reason that an address is suppressed: the list with the address or the domain."""
    key = address_key(address)
    domain = f"@{key.rpartition('@')[2]}"
    if key in suppressed:
        return f"listed in {suppressed[key]}"
    return f"{domain} is listed in {suppressed[domain]}" if domain in suppressed else None


def _read_suppressions(job: Job) -> Suppressions | None:
    """Read the suppression lists of a job, None: it names none.

    Raises:
        JobError: a list is the recipient table.
        RecipientError, InputErrors: as `read_suppressions`.
    """
    wanted = job.recipients
    file = job.find("recipients.file")
    table = _resolve_name(job, file, absolute_allowed=False) if file is not None else None
    files = []
    for setting in job.each("recipients.suppress"):
        if setting.text == REPORTS:
            continue
        path = _resolve_name(job, setting, absolute_allowed=True)
        if table is not None and _is_same(path, table):
            raise JobError(
                f"{setting.text!r} is the table of the recipients: nobody would be mailed",
                location=setting.place,
                hint="Name a list of those who get nothing. To leave rows of the table out by a "
                "column, write `where` under `recipients:`.",
            )
        files.append((path, setting.text))
    if not files:
        return None
    from mailbatch.recipients.suppress import read_suppressions

    return read_suppressions(
        files, column=wanted.address, delimiter=wanted.delimiter, encoding=wanted.encoding
    )


def _is_same(path: Path, table: Path) -> bool:
    """Tell whether two paths are of one file; False for a file that is not there."""
    try:
        return path.samefile(table)
    except OSError:
        return False


def _spell(text: str) -> str:
    """Return the address in a cell as it goes on the wire; a text that is no address unchanged."""
    try:
        return parse_address(text)
    except ValueError:
        return text
