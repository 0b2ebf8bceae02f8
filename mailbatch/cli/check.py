"""`mailbatch check`: every mistake in one go, without sending.

Tests: tests/cli/test_other_commands.py, tests/checks/test_check_codes.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mailbatch.cli.arguments import CheckArguments
from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.outlook import counts_of, outlook_object
from mailbatch.cli.reporting import pairs, read_job, reporting
from mailbatch.errors import InputError, InputErrors, MailbatchError

if TYPE_CHECKING:
    from mailbatch.checks.findings import Overview, Tally
    from mailbatch.cli.connect import Connected
    from mailbatch.job.model import Job
    from mailbatch.outlook import Outlook


@dataclass(slots=True)
class Findings:
    """The result of a check.

    `error` is the error that `run` would end with, `refused` that of the session of `--connect`.
    `outlook` is that of a real run, None: no earlier run is known.
    `largest` is the size of the largest message in bytes, `beyond_ascii` the number of addresses
    that need SMTPUTF8.
    """

    path: Path
    job: str = ""
    edition: str | None = None
    tallies: list[Tally] = field(default_factory=list)
    overview: Overview | None = None
    outlook: Outlook | None = None
    largest: int = 0
    beyond_ascii: int = 0
    error: MailbatchError | None = None
    connected: Connected | None = None
    refused: MailbatchError | None = None


@reporting
def check_command(console: Console, given: CheckArguments) -> int:
    """Report every finding that needs no sending, and return the exit code."""
    found = Findings(given.job)
    try:
        loaded = read_job(given.job)
    except (InputError, InputErrors) as error:
        found.error = error
        _add_error(found)
    else:
        found.job = loaded.name
        _look(console, loaded, given, found)
        if given.connect:
            _connect(loaded, found)
    code = _exit_code(found, strict=given.strict)
    if given.as_json or given.form == "json":
        console.data(_object(found, code))
    _show(console, found, form="json" if given.as_json else given.form, quiet=given.quiet)
    return code


def _look(console: Console, job: Job, given: CheckArguments, found: Findings) -> None:
    """Survey the mailing; keep an error of the inputs, and then check the rows alone."""
    from mailbatch.checks.edition_checks import check_edition
    from mailbatch.checks.survey import Survey
    from mailbatch.delivery.inspection import inspect
    from mailbatch.delivery.preparation import read_inputs

    now, variables = datetime.now().astimezone(), pairs(given.variables)
    try:
        inputs = read_inputs(job, edition=given.edition, variables=variables, now=now, traced=True)
        found.edition = inputs.edition
        plan, branches = inputs.plan, inputs.composer.branches
        survey = Survey(job, inputs.edition, plan.columns, branches, remarks=plan.remarks)
        with inspect(inputs, state_dir=given.state_dir) as inspection:
            for recipient in inspection.recipients():
                survey.row(recipient)
            total = inspection.counts["pending"]
            for delivery in console.follow("checking", inspection.deliveries(), total):
                survey.see(inspection.look(delivery))
            found.outlook = inspection.outlook()
            edition = check_edition(
                job, inputs.edition, found.outlook, given=given.edition is not None
            )
            found.overview = survey.overview(inspection.counts, edition=edition)
    except (InputError, InputErrors) as error:
        found.error = error
        _add_error(found)
        _look_at_rows(job, variables, now, found)
        return
    found.tallies += found.overview.tallies
    found.largest, found.beyond_ascii = survey.largest, survey.beyond_ascii


def _add_error(found: Findings) -> None:
    from mailbatch.checks.report import input_tallies

    if found.error is not None:
        found.tallies += input_tallies(found.error)


def _look_at_rows(job: Job, variables: dict[str, str], now: datetime, found: Findings) -> None:
    """Check the rows of the table although the templates are wrong."""
    from mailbatch.checks.report import input_tallies
    from mailbatch.checks.table_checks import check_rows
    from mailbatch.checks.tallies import Tallies
    from mailbatch.delivery.reported import reported_addresses
    from mailbatch.recipients.plan import plan_recipients

    tallies, edition = Tallies(), found.edition or job.edition
    merged = {**job.variables, **variables}
    error: InputError | InputErrors | None = None
    try:
        plan = plan_recipients(
            job,
            edition=edition,
            variables=merged,
            now=now,
            reported=reported_addresses(job, None, None),
        )
        check_rows(job, plan.columns, plan, tallies)
    except (InputError, InputErrors) as failure:
        error = failure
    found.tallies += tallies.result()
    known = {(tally.location, tally.examples) for tally in found.tallies}
    if error is not None and found.error is not None:
        more = [t for t in input_tallies(error) if (t.location, t.examples) not in known]
        if more:
            found.tallies += more
            found.error = InputErrors([*_errors(found.error), *_errors(error)])


def _errors(error: MailbatchError) -> tuple[InputError, ...]:
    if isinstance(error, InputErrors):
        return error.errors
    return (error,) if isinstance(error, InputError) else ()


def _connect(job: Job, found: Findings) -> None:
    from mailbatch.checks.tallies import Tallies
    from mailbatch.cli import connect

    try:
        found.connected = connect.connect(job)
    except MailbatchError as error:
        found.refused = error
        return
    tallies = Tallies()
    tallies.add_all(
        connect.findings(
            found.connected,
            largest=found.largest,
            beyond_ascii=found.beyond_ascii,
            dsn=job.reports is not None and bool(job.reports.dsn),
        )
    )
    found.tallies += tallies.result()


def _exit_code(found: Findings, *, strict: bool) -> int:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of

    for error in (found.error, found.refused):
        if error is not None:
            return error.exit_code
    counted = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    if any(count_of(found.tallies, severity) for severity in counted):
        return ExitCode.DATA
    return ExitCode.DONE


def _show(console: Console, found: Findings, *, form: str, quiet: bool) -> None:
    """Write the findings: errors to standard error, all others as data, on standard output."""
    from mailbatch.checks.report import github_lines

    if form == "github":
        for line in github_lines(found.tallies, found.path):
            console.lines(line)
    elif form == "text":
        _show_text(console, found, quiet=quiet)
    for error in (found.error, found.refused):
        if error is not None:
            console.error(error)
    console.say(_summary(found))


def _show_text(console: Console, found: Findings, *, quiet: bool) -> None:
    from mailbatch.checks.codes import Severity, severity_of
    from mailbatch.checks.report import input_tallies, text_lines

    wanted = {Severity.ERROR, Severity.WARNING} if quiet else set(Severity)
    raised = set(input_tallies(found.error)) if found.error is not None else set()
    shown = [t for t in found.tallies if severity_of(t.code) in wanted and t not in raised]
    for line in text_lines(shown, remedies=console.reads_data):
        console.lines(_coloured(line) if console.colours_data else line)
    if found.connected is not None and not quiet:
        from mailbatch.cli import connect  # all of SMTP

        for line in connect.lines(found.connected):
            console.lines(line)


#: severity -> its colour on a terminal.
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_MARK = re.compile(r"(?<!\S)(error|warning|info) MB\d{3}(?=:)")


def _coloured(line: str) -> str:
    r"""Colour the severity and the code of a finding; a remedy stays as it is.

    >>> _coloured("job.yaml: error MB112: Nobody would be mailed")
    'job.yaml: \x1b[31m\x1b[1merror MB112\x1b[0m: Nobody would be mailed'
    """
    return _MARK.sub(
        lambda mark: typer.style(mark[0], fg=_COLOURS[mark[1]], bold=True), line, count=1
    )


def _summary(found: Findings) -> str:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of

    counts = [
        counted(count_of(found.tallies, severity), str(severity))
        for severity in (Severity.ERROR, Severity.WARNING)
    ]
    if found.overview is not None:
        counts.append(counted(found.overview.made, "message"))
        counts.append(counted(sum(found.overview.counts.values()), "row"))
    return f"{found.job or found.path}: {', '.join(counts)}"


def _object(found: Findings, code: int) -> dict[str, Any]:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of, objects

    overview = found.overview
    rows = counts_of(overview, found.outlook)
    connected = None
    if found.connected is not None:
        from mailbatch.cli import connect

        connected = connect.as_object(found.connected)
    return {
        "job": found.job or None,
        "edition": found.edition,
        "recipients": sum(rows.values()) if overview is not None else None,
        **rows,
        "messages": overview.made if overview is not None else None,
        "largest": found.largest or None,
        "domains": dict(overview.domains) if overview is not None else {},
        **{f"{s}s": count_of(found.tallies, s) for s in Severity},
        "findings": objects(found.tallies),
        "connect": connected,
        "refused": str(found.refused) if found.refused is not None else None,
        **outlook_object(found.outlook),
        "exit_code": int(code),
    }
