"""`mailbatch reports`: the fate of messages that a server took, by the reports of others."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_place import ledger_to_look_at
from mailbatch.cli.report_store import store_to_begin, store_to_read
from mailbatch.cli.reporting import edition_of, read_job, reporting, shown
from mailbatch.cli.reports_arguments import (
    ReportsReadArguments,
    ReportsShowArguments,
    ReportsSuppressArguments,
)
from mailbatch.delivery.state import state_of
from mailbatch.errors import JobError, UsageError, raise_if_starved
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.delivery.reported import EditionReports
    from mailbatch.delivery.state import State
    from mailbatch.job.model import Job
    from mailbatch.reports.mailboxes import Found, LeftOut
    from mailbatch.reports.mailed import MailedEdition
    from mailbatch.reports.standings import RecipientStanding
    from mailbatch.reports.store import StoredRefusal, StoredReport, Tally

#: The columns of `reports show --csv`.
COLUMNS = (
    "email", "report", "report_kind", "report_code", "report_text", "reported_at", "opens",
    "clicks", "header_message_id",
)  # fmt: skip
#: A dash stands for standard input, and as an output for standard output.
_STANDARD_STREAM = "-"
#: Rows of a table on standard output that are written at once.
_ROWS_AT_ONCE = 1000
#: Bodies that are kept in one commit, and bytes of bodies that are held until then.
_BODIES_AT_ONCE = 100
_BYTES_AT_ONCE = 8 * 1024 * 1024
#: Files that are not kept, and named.
_MOST_NAMED = 20
#: Reports without a recipient, and bodies without a report, that are listed.
_MOST_LISTED = 1000


@reporting
def read_command(console: Console, given: ReportsReadArguments) -> int:
    """Keep the bodies in files, and make reports of the bodies."""
    from mailbatch.delivery.rehearsals import check_real
    from mailbatch.reports.store import Body, Origin, ReportStore

    loaded = job_of(given.job)
    check_real(loaded, given.state_dir, given.store)
    path = store_to_begin(loaded, given.store, given.state_dir)
    bodies = new = 0
    left: list[LeftOut] = []
    with ReportStore(path) as opened:
        for lot in _lots(_found(given.files, path, left)):
            now = time.time()
            new += opened.keep(
                Body(one.content, Origin.READ, now, one.place, once=True) for one in lot
            )
            bodies += len(lot)
        tally = opened.read_kept()
    console.say(
        f"{counted(bodies, 'body', 'bodies')}, {new:,} of them new: "
        f"{counted(tally.reports, 'new report')}"
    )
    _say_refused(console, tally)
    _warn_of_files(console, left)
    _warn_of_folders(console, given.files)
    return ExitCode.DONE


def _say_refused(console: Console, tally: Tally) -> None:
    from mailbatch.reports.refusal import Cause

    silent, unreadable = tally.refused[Cause.NO_REPORT], tally.refused[Cause.UNREADABLE]
    if silent:
        console.say(f"{silent:,} with no report, such as automatic replies")
    for one in tally.unreadable:
        console.warn(_as_text(one))
    if unreadable > len(tally.unreadable):
        console.warn(f"and {unreadable - len(tally.unreadable):,} more that cannot be read")


def _warn_of_files(console: Console, left: list[LeftOut]) -> None:
    for one in left[:_MOST_NAMED]:
        console.warn(f"{one.place}: not kept: {one.reason}")
    if len(left) > _MOST_NAMED:
        console.warn(f"and {len(left) - _MOST_NAMED:,} more that are no reports, and not kept")


def _warn_of_folders(console: Console, names: list[str]) -> None:
    from mailbatch.reports.mailboxes import folders_left_out

    for name in names:
        left = [] if name == _STANDARD_STREAM else folders_left_out(Path(name))
        if left:
            first = Path(name) / left[0]
            folders = counted(len(left), "folder")
            console.warn(f"{name}: {folders} in it not read, such as {first}: name it to read it")


@reporting
def show_command(console: Console, given: ReportsShowArguments) -> int:
    """Show where the recipients of an edition stand by the reports."""
    loaded = job_of(given.job)
    named = edition_of(loaded, given.edition)
    piped = str(given.table) == _STANDARD_STREAM
    if piped and (given.as_json or given.unmatched):
        raise UsageError(
            "--csv - needs standard output for the table alone",
            hint="leave out --json and --unmatched, or name a file for the table",
        )
    if given.table is not None and not piped:
        _check_table(given.table, given, loaded, named)
    state = state_of(given.state_dir, given.ledger)
    with joining(loaded, named, given.store, state, listed=given.unmatched) as joined:
        warn_of_unread(console, joined)
        counts = {str(event): n for event, n in joined.standings.counts().items()}
        if piped:
            _pipe_table(console, joined)
        elif given.table is not None:
            _write_table(given.table, joined)
    if piped:
        return ExitCode.DONE
    if given.as_json:
        _show_object(console, loaded, named, joined, counts, listed=given.unmatched)
    else:
        _show_lines(console, f"{loaded.name} ({named})", joined, counts, listed=given.unmatched)
        if given.table is not None:
            console.say(f"reports: {shown(given.table)}")
    return ExitCode.DONE


def _check_table(table: Path, given: ReportsShowArguments, job: Job, edition: str) -> None:
    """Raise `UsageError` if `--csv` names an input, a part of a ledger, or the results."""
    from mailbatch.delivery.outputs import check_apart, check_output
    from mailbatch.delivery.results_place import declared_results_path

    check_output(table, "--csv", given.job, job)
    try:
        results = declared_results_path(job, edition, job.variables)
    except JobError:  # the path needs a variable of the run: no file of that name can be told here
        return
    check_apart({"--csv": table, "results of the job": results})


def warn_of_unread(console: Console, joined: EditionReports) -> None:
    """Warn of bodies that could not be read, because the store cannot be written."""
    if joined.unread:
        bodies = counted(joined.unread, "body", "bodies")
        console.warn(
            f"{bodies} of the store not read, because the store cannot be written here: "
            "run `mailbatch reports read` where it can"
        )


def _show_object(
    console: Console,
    job: Job,
    edition: str,
    joined: EditionReports,
    counts: dict[str, int],
    *,
    listed: bool,
) -> None:
    told: dict[str, Any] = {
        "job": job.name,
        "edition": edition,
        "recipients": joined.recipients,
        "unmatched": joined.standings.unmatched,
        "not_understood": joined.not_understood,
        **counts,
    }
    if listed:
        told["unmatched_reports"] = [_as_object(one) for one in joined.missed]
        told["bodies_not_understood"] = [_refusal_as_object(one) for one in joined.unreadable]
    console.data(told)


def _show_lines(
    console: Console, title: str, joined: EditionReports, counts: dict[str, int], *, listed: bool
) -> None:
    console.lines(f"{title}: {counted(joined.recipients, 'recipient')}")
    for event, number in counts.items():
        if number:
            console.lines(f"{number:>9,}  {event}")
    if listed:
        for one in joined.missed:
            console.lines(_as_line(one))
        for refused in joined.unreadable:
            console.lines(_refusal_as_line(refused))
        return
    if not any(counts.values()) and not joined.standings.unmatched:
        console.say("no reports yet: mailbatch reports pull, read or serve gets them")
    if joined.standings.unmatched:
        console.say(f"{unmatched(joined.standings.unmatched)}: --unmatched lists them")
    if joined.not_understood:
        bodies = counted(joined.not_understood, "body", "bodies")
        console.say(f"{bodies} that no reader understands: --unmatched lists them")


def unmatched(number: int) -> str:
    """Return the words for reports that are of no recipient of an edition: no cause for alarm."""
    such = ", such as those of other editions and of tests"
    return f"{counted(number, 'report')} of no recipient of this edition{such}"


@reporting
def suppress_command(console: Console, given: ReportsSuppressArguments) -> int:
    """Append the recipients that want no more mail, or take none, to a suppression list."""
    from mailbatch.reports.suppression import append_suppressions

    if str(given.to) == _STANDARD_STREAM:
        raise UsageError("--to -: a list is appended to, so it must be a file", hint="name a file")
    loaded = job_of(given.job)
    named = edition_of(loaded, given.edition)
    state = state_of(given.state_dir, given.ledger)
    with joining(loaded, named, given.store, state, listed=False) as joined:
        warn_of_unread(console, joined)
        appended = append_suppressions(given.to, joined.standings)
    addresses = counted(appended.new, "new address", "new addresses")
    console.say(f"{addresses} in {shown(given.to)}, {appended.had:,} there before")
    for number, does, do, reason in (
        (appended.of_another, "names", "name", "another address than the one mailed, or none"),
        (appended.of_other_codes, "has", "have", "a code that does not speak of the address"),
        (appended.of_no_code, "has", "have", "no code, and so nothing that speaks of the address"),
    ):
        if number:
            console.say(f"left out: {counted(number, f'bounce {does}', f'bounces {do}')} {reason}")
    return ExitCode.DONE


@contextmanager
def joining(
    job: Job, edition: str, store: Path | None, state: State, *, listed: bool
) -> Iterator[EditionReports]:
    """Read the store, and join reports and ledger; `listed` keeps the reports that found none."""
    from mailbatch.delivery.ledgers import open_to_read
    from mailbatch.delivery.reported import edition_reports, no_reports

    path = store_to_read(job, store, state)
    place = ledger_to_look_at(job, edition, state)
    most = _MOST_LISTED if listed else 0
    with open_to_read(place) as ledger, ExitStack() as stack:
        found = edition_reports(job, edition, ledger, path, most_missed=most)
        yield stack.enter_context(found) or stack.enter_context(no_reports(ledger))


def job_of(path: Path) -> Job:
    """Load the job; the files that it names need not be there, so that no pipe stops for one."""
    return read_job(path, look=False)


def _found(files: list[str], store: Path, left: list[LeftOut]) -> Iterator[Found]:
    """Yield the bodies to keep, and fill `left` with the files that hold none.

    Standard input is kept, be it a report or not, since the bytes are nowhere else.
    """
    from mailbatch.reports.mailboxes import Found, bodies_in_stream, reports_in

    for name in files:
        try:
            piped = name == _STANDARD_STREAM
            for one in (
                bodies_in_stream(sys.stdin.buffer) if piped else reports_in(Path(name), store=store)
            ):
                if isinstance(one, Found):
                    yield one
                else:
                    left.append(one)
        except OSError as error:
            raise_if_starved(error)
            raise UsageError(
                f"{name} cannot be read: {error.strerror or error}", hint=_readable(name, error)
            ) from error


def _readable(name: str, error: OSError) -> str:
    """Return the next step for a file that cannot be read."""
    from mailbatch.job.files import readable
    from mailbatch.suggest import nearest

    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        step = readable(error)
        return f"{step[0].lower()}{step[1:]}"
    path = Path(name)
    try:
        near = nearest(path.name, (entry.name for entry in path.parent.iterdir()))
    except OSError:
        return "its folder is not there either"
    if near is not None:
        return f"did you mean {path.with_name(near)}?"
    return "name a mail (.eml), an mbox, a Maildir or a saved webhook; - is standard input"


def _lots(found: Iterator[Found]) -> Iterator[list[Found]]:
    """Yield the bodies in lots, each for one commit."""
    lot: list[Found] = []
    size = 0
    for one in found:
        lot.append(one)
        size += len(one.content)
        if len(lot) == _BODIES_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot


def _table(joined: EditionReports) -> Iterator[tuple[str | int | None, ...]]:
    """Yield the header and the rows of `--csv`."""
    yield COLUMNS
    for one in joined.standings:
        yield _cells(one, joined.mailed)


def _pipe_table(console: Console, joined: EditionReports) -> None:
    rows = _table(joined)
    while lot := list(islice(rows, _ROWS_AT_ONCE)):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lot)
        console.write(text.getvalue())


def _write_table(path: Path, joined: EditionReports) -> None:
    from mailbatch.files import replacing, unwritable

    try:
        with replacing(path, parents=True) as stream:
            csv.writer(stream, lineterminator="\r\n").writerows(_table(joined))
    except OSError as error:
        raise unwritable(path, error, "--csv") from error


def _cells(one: RecipientStanding, mailed: MailedEdition) -> tuple[str | int | None, ...]:
    from mailbatch.results.columns import defused

    email, ours = mailed.names_of(one.delivery, one.address)
    return (
        defused(email), one.event, one.kind, defused(one.code), defused(one.text),
        iso_time(one.reported_at), one.opens, one.clicks, ours,
    )  # fmt: skip


def _as_object(one: StoredReport) -> dict[str, Any]:
    report = one.report
    return {
        "event": report.event,
        "kind": report.kind,
        "source": report.source,
        "recipients": list(report.recipients),
        "message_id": report.message_id,
        "header_message_id": report.header_message_id,
        "bulk_id": report.bulk_id,
        "code": report.code,
        "text": report.text,
        "at": iso_time(report.at),
        "received": iso_time(one.received),
    }


def _as_line(one: StoredReport) -> str:
    report = one.report
    name = report.message_id or report.header_message_id or report.token or "no message id"
    words = (
        iso_time(one.received), report.event, report.kind, report.recipient or "no address", name,
        f"bulk id {report.bulk_id}" if report.bulk_id else "", report.code, report.text,
    )  # fmt: skip
    return "  ".join(word for word in words if word)


def _refusal_as_object(one: StoredRefusal) -> dict[str, Any]:
    return {
        "body": one.number,
        "from": one.body,
        "received": iso_time(one.received),
        "place": one.refusal.place,
        "reason": one.refusal.reason,
    }


def _refusal_as_line(one: StoredRefusal) -> str:
    return f"{iso_time(one.received)}  body {one.number}  {_as_text(one)}"


def _as_text(one: StoredRefusal) -> str:
    return f"{one.body}: {one.refusal}" if one.body else str(one.refusal)
