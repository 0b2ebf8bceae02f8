"""`mailbatch status`: where an edition stands, from the ledger.

Tests: tests/cli/test_convergence.py, tests/cli/test_run.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from shlex import quote
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted, counts_object
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.ledger_arguments import StatusArguments
from mailbatch.cli.report_store import store_to_read
from mailbatch.cli.reporting import all_on_the_wire, edition_of, read_job, reporting
from mailbatch.delivery.options import Mode, RunOptions, Summary
from mailbatch.delivery.state import VARIABLE
from mailbatch.errors import StoreError, UsageError
from mailbatch.outcome import UNFINISHED, Status
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.delivery.gate import Held
    from mailbatch.delivery.ledgers import LedgerPlace
    from mailbatch.delivery.succession import Part
    from mailbatch.job.model import Job
    from mailbatch.ledger.ports import OpenLedger
    from mailbatch.ledger.rows import ResultRow
    from mailbatch.outcome import Status

#: So many instants that recipients wait for have a line of their own.
_NAMED = 5


@reporting
def status_command(console: Console, given: StatusArguments) -> int:
    """Show the counts of an edition and, to people, the next steps."""
    from mailbatch.cli.editions import list_editions, show_unsent
    from mailbatch.delivery.ledgers import is_known, is_rehearsed, open_to_read, place_of
    from mailbatch.delivery.provider_logs import logs_until
    from mailbatch.delivery.state import state_of
    from mailbatch.delivery.succession import part_of

    if given.job.is_dir():
        _check_folder(given)
        return list_editions(console, given)
    loaded = read_job(given.job, look=False)
    named = edition_of(loaded, given.edition)
    place = place_of(loaded, named, state_of(given.state_dir, given.ledger))
    if not is_known(place):
        return show_unsent(console, given, loaded, named)
    if given.only and not given.as_json:
        return _say_asked(console, given, place)
    with open_to_read(place) as ledger:
        counts, finished = ledger.standing.counts(), iso_time(ledger.standing.finished_at())
        writers, elsewhere = ledger.writers(), ledger.standing.elsewhere()
        until = None if given.as_json else logs_until(loaded, ledger.doubts, time.time())
        reports = _reports(console, given, loaded, named, ledger)
        part, times = part_of(ledger), _send_times(loaded, ledger)
        held = _hold(loaded, ledger)
    if given.as_json:
        told = {"job": loaded.name, "edition": named, **counts_object(counts)}
        now = {"finished_at": finished, "reports": reports, "writers": list(map(asdict, writers))}
        now["elsewhere"] = elsewhere
        later = [{"at": iso_time(at), "recipients": number} for at, number in times]
        only = _only(given, place)
        console.data({**told, **now, **only, **part._asdict(), "send_times": later})
        return ExitCode.DONE
    title = f"{loaded.name} ({named}){', rehearsed' if is_rehearsed(place) else ''}"
    console.lines(f"{title}: {counted(sum(counts.values()), 'recipient')}")
    _show_counts(console, counts, times, part, elsewhere)
    if finished:
        console.lines(f"finished {finished}")
    if reports is not None:
        console.lines(f"reports: {_in_a_line(reports)}")
    if writers:  # what is pending then needs no other run
        console.say(f"a run is under way: {'; '.join(map(str, writers))}")
        return ExitCode.DONE
    summary = Summary(loaded.name, named, _left(counts, part), logs_until=until, held=held)
    _say_next_steps(console, given, loaded, replace(summary, corrected=part.corrects))
    return ExitCode.DONE


def _left(counts: dict[Status, int], part: Part) -> dict[Status, int]:
    """Return the counts of recipients whom a run of the edition has to settle."""
    if part.corrected_by is None:
        return counts
    return {**counts, **dict.fromkeys(UNFINISHED, 0)}  # the other edition sends to these


def _show_counts(
    console: Console,
    counts: Mapping[Status, int],
    times: Sequence[tuple[float, int]],
    part: Part,
    elsewhere: Mapping[str, int],
) -> None:
    """Show the recipients by status, next instant and server, and the part in a correction.

    `times` are the instants that recipients wait for (seconds since the epoch), with the numbers.
    """
    from mailbatch.cli.summary import elsewhere_in_words

    for status, number in counts.items():
        if number:
            console.lines(f"{number:>9}  {status}")
    for at, number in times[:_NAMED]:
        console.lines(f"{number:>9}  due at {iso_time(at)}")
    if len(times) > _NAMED:
        console.lines(f"{sum(number for _, number in times[_NAMED:]):>9}  due later")
    if elsewhere:
        console.lines(f"of the accepted, {elsewhere_in_words(elsewhere)}")
    if part.corrects is not None:
        console.lines(f"corrects edition {part.corrects}")
    if part.corrected_by is not None:
        console.lines(f"stopped: edition {part.corrected_by} took over")


def _send_times(job: Job, ledger: OpenLedger) -> list[tuple[float, int]]:
    """Return the instants that recipients wait for, with the number of each."""
    return [] if job.message.send_at is None else ledger.plan.send_times(time.time())


def _hold(job: Job, ledger: OpenLedger) -> Held | None:
    """Return the hold of an edition whose pending recipients all wait for a time of sending."""
    if job.message.send_at is None:
        return None
    from mailbatch.delivery.send_times import hold_of_all

    return hold_of_all(ledger, time.time())


def _say_asked(console: Console, given: StatusArguments, place: LedgerPlace) -> int:
    """Say where each recipient of `--only` stands, one a line."""
    from mailbatch.cli.summary import say_asked

    say_asked(console, *_asked(given, place), given.only or ())
    return ExitCode.DONE


def _only(given: StatusArguments, place: LedgerPlace) -> dict[str, object]:
    """Return the member `only` of `--json`; none without `--only`."""
    from mailbatch.cli.summary import asked_objects

    return {"only": asked_objects(*_asked(given, place))} if given.only else {}


def _asked(
    given: StatusArguments, place: LedgerPlace
) -> tuple[tuple[ResultRow, ...], dict[int, float]]:
    """Return the recipients of `--only`, and the instants that they wait for, by the line."""
    from mailbatch.delivery.asked import rows_of, send_times_of
    from mailbatch.delivery.ledgers import open_to_read

    with open_to_read(place) as ledger:
        rows = rows_of(ledger, all_on_the_wire(given.only))
        return rows, send_times_of(ledger, rows)


def _check_folder(given: StatusArguments) -> None:
    """Raise `UsageError` for an option that is about one edition, behind a folder.

    The ledgers of a folder are files, whatever the environment says.
    """
    for option, value in (
        ("--edition", given.edition),
        ("--store", given.store),
        ("--only", given.only),
        ("--ledger", None if given.ledger == os.environ.get(VARIABLE) else given.ledger),
    ):
        if value is not None:
            raise UsageError(
                f"{option} goes with a job file, and {given.job} is a folder",
                hint=f"name the job file, or leave {option} out",
            )


def _say_next_steps(
    console: Console, given: StatusArguments, loaded: Job, summary: Summary
) -> None:
    """Say how to go on with a mailing, or with a rehearsal, which is never sent."""
    from mailbatch.cli.summary import arguments_again, is_begun, next_steps
    from mailbatch.delivery.places import state_dir
    from mailbatch.delivery.rehearsals import has_rehearsals, mailing_dir

    options = RunOptions(given.edition, state_dir=given.state_dir, ledger=given.ledger)
    folder = state_dir(loaded, given.state_dir)
    if has_rehearsals(folder):
        summary = replace(summary, mode=Mode.SANDBOX, rehearsed_in=folder)
        options = replace(options, sandbox=True, state_dir=mailing_dir(folder))
    name = arguments_again(given.job, loaded, summary, options)
    begun = is_begun(loaded, summary, options)
    command = None
    if summary.corrected is not None:
        path, edition = quote(str(given.job)), quote(summary.corrected)
        command = f"mailbatch correct {path} --edition {edition} --with OTHER"
    for step in next_steps(summary, options, name, begun=begun, command=command):
        console.say(step)


def _reports(
    console: Console, given: StatusArguments, job: Job, edition: str, ledger: OpenLedger
) -> dict[str, int] | None:
    """Return the object `reports` of `--json`; None without a store, or with one that fails.

    Raises:
        UsageError: the file of `--store` is not there.
    """
    from mailbatch.delivery.reported import edition_reports

    store = store_to_read(job, given.store, given.state_dir)
    try:
        with edition_reports(job, edition, ledger, store) as reports:
            if reports is None:
                return None
            standings = reports.standings
            return {
                **{str(event): number for event, number in standings.counts().items()},
                **{str(kind): number for kind, number in standings.bounces().items()},
                "unmatched": standings.unmatched,
            }
    except StoreError as error:
        console.warn(f"the reports are not known: {error}")
        return None


def _in_a_line(reports: Mapping[str, int]) -> str:
    """Return the counts of reports in words, as in `2 sent, 1 bounced (1 hard)`."""
    from mailbatch.reports.report import Event, Kind

    told = []
    for event in Event:
        if reports[event]:
            kinds = [f"{reports[kind]:,} {kind}" for kind in Kind if reports[kind]]
            more = f" ({', '.join(kinds)})" if event is Event.BOUNCED else ""
            told.append(f"{reports[event]:,} {event}{more}")
    line = ", ".join(told) or "none of this edition"
    others = reports["unmatched"]
    return f"{line}; {others:,} of no recipient of this edition" if others else line
