"""`mailbatch check`: every mistake in one go, without sending.

Tests: tests/cli/test_other_commands.py, tests/checks/test_check_codes.py.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mailbatch.checking import Checked, check_mailing, refused
from mailbatch.cli.arguments import CheckArguments
from mailbatch.cli.console import REMEDY, Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.outlook import counts_of, outlook_object
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import pairs, read_job, reporting
from mailbatch.delivery.options import rank_of
from mailbatch.delivery.state import state_of
from mailbatch.errors import InputError, InputErrors, MailbatchError, UsageError

if TYPE_CHECKING:
    from mailbatch.checks.findings import Finding, Tally
    from mailbatch.cli.connect import Connected
    from mailbatch.cli.links import Tried
    from mailbatch.dns.judgement import Judgement
    from mailbatch.job.model import Job


#: The telling messages whose links are tried.
_SAMPLES = 10


@dataclass(slots=True)
class Findings:
    """The result of a check, with those of the session of `--connect`, of DNS and of `--links`.

    `connected` has the servers that a session was opened with, by their keys in the job.
    `refusals` are the errors that a session or the asking ended with.
    """

    path: Path
    job: str = ""
    checked: Checked = field(default_factory=Checked)
    connected: dict[str, Connected] = field(default_factory=dict)
    published: list[Judgement] = field(default_factory=list)
    tried: Tried | None = None
    refusals: list[MailbatchError] = field(default_factory=list)

    @property
    def refused(self) -> MailbatchError | None:
        """The refusal that the exit code tells; None: there was none.

        Of several the most serious one, as at the end of a run that no server took.
        """
        return min(self.refusals, key=rank_of, default=None)

    def add(self, findings: Iterable[Finding]) -> None:
        """Count findings of the world outside among those of the mailing."""
        from mailbatch.checks.tallies import Tallies

        tallies = Tallies()
        tallies.add_all(findings)
        self.checked.tallies += tallies.result()


@reporting
def check_command(console: Console, given: CheckArguments) -> int:
    """Report every finding that needs no sending, and return the exit code."""
    found = Findings(given.job)
    if given.resolver is not None and not given.connect:
        if given.resolver != os.environ.get("MAILBATCH_RESOLVER"):
            raise UsageError(
                "--resolver goes with --connect", hint="add --connect, or leave --resolver out"
            )
    elif given.resolver is not None:
        from mailbatch.dns.asking import resolver_address

        resolver_address(given.resolver)  # a slip is told before anything is asked
    try:
        loaded = read_job(given.job)
    except (InputError, InputErrors) as error:
        found.checked = refused(error)
    else:
        found.job = loaded.name
        found.checked = check_mailing(
            loaded,
            edition=given.edition,
            variables=pairs(given.variables),
            state=state_of(given.state_dir, given.ledger),
            store=given_store(given.store),
            follow=partial(console.follow, "checking"),
            samples=_SAMPLES if given.links else 0,
            to=given.unsubscribe_test,
        )
        if given.connect:
            _connect(loaded, found)
            _ask_dns(loaded, found, given.resolver)
        if (given.links or given.unsubscribe_test) and found.checked.error is None:
            _try_links(found, given)
    code = _exit_code(found, strict=given.strict)
    if given.as_json or given.form == "json":
        console.data(_object(found, code))
    _show(console, found, form="json" if given.as_json else given.form, quiet=given.quiet)
    return code


def _connect(job: Job, found: Findings) -> None:
    from mailbatch.cli import connect

    for key in connect.servers(job):
        try:
            connected = found.connected[key] = connect.connect(job, key)
        except MailbatchError as error:
            found.refusals.append(error)
            continue
        found.add(
            connect.findings(
                connected,
                largest=found.checked.largest,
                beyond_ascii=found.checked.beyond_ascii,
                dsn=job.reports is not None and bool(job.reports.dsn),
            )
        )


def _ask_dns(job: Job, found: Findings, server: str | None) -> None:
    """Judge what DNS publishes, whatever became of the session."""
    from mailbatch.cli import published

    try:
        found.published = published.published(job, server)
    except MailbatchError as error:
        found.refusals.append(error)
        return
    found.add(finding for judgement in found.published for finding in judgement.findings)


def _try_links(found: Findings, given: CheckArguments) -> None:
    from mailbatch.cli.links import try_links
    from mailbatch.links.web import Web

    try:
        found.tried = try_links(
            found.checked, Web(), links=given.links, unsubscribe=given.unsubscribe_test
        )
    except MailbatchError as error:
        found.refusals.append(error)
        return
    found.add(found.tried.findings)


def _exit_code(found: Findings, *, strict: bool) -> int:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of

    error = found.checked.error or found.refused
    if error is not None:
        return error.exit_code
    counted = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    if any(count_of(found.checked.tallies, severity) for severity in counted):
        return ExitCode.DATA
    return ExitCode.DONE


def _show(console: Console, found: Findings, *, form: str, quiet: bool) -> None:
    """Write the findings: errors to standard error, all others as data, on standard output."""
    from mailbatch.checks.report import github_lines

    if form == "github":
        for line in github_lines(found.checked.tallies, found.path):
            console.write(line + "\n")
    elif form == "text":
        _show_text(console, found, quiet=quiet)
    for error in (found.checked.error, *found.refusals):
        if error is not None:
            console.error(error)
    console.say(_summary(found))


def _show_text(console: Console, found: Findings, *, quiet: bool) -> None:
    from mailbatch.checks.codes import Severity, severity_of
    from mailbatch.checks.report import input_tallies, text_lines

    wanted = {Severity.ERROR, Severity.WARNING} if quiet else set(Severity)
    raised = set(input_tallies(found.checked.error)) if found.checked.error is not None else set()
    shown = [t for t in found.checked.tallies if severity_of(t.code) in wanted and t not in raised]
    for tally in shown:
        line, *remedy = text_lines([tally], remedies=console.reads_data)
        told = [line, *_excerpt(console, tally), *remedy]
        console.lines("\n".join(map(_coloured, told) if console.colours_data else told))
    if found.connected and not quiet:
        from mailbatch.cli import connect  # all of SMTP

        for connected in found.connected.values():
            for line in connect.lines(connected):
                console.lines(line)
    if not quiet:
        for judgement in found.published:
            console.lines(judgement.line)
        for line in found.tried.lines if found.tried is not None else ():
            console.lines(line)


def _excerpt(console: Console, tally: Tally) -> list[str]:
    """Return the lines around the place of a mistake for a person who reads the findings."""
    from mailbatch.checks.codes import Severity

    refused = tally.severity is Severity.ERROR or tally.code == _UNMADE
    if not console.reads_data or not refused:
        return []
    from mailbatch.cli.console import columns_of
    from mailbatch.cli.excerpt import excerpt_of

    return excerpt_of(tally.location, columns_of(sys.stdout))


#: The code of rows whose message cannot be made.
_UNMADE = "MB111"
#: severity -> its colour on a terminal.
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_MARK = re.compile(r"(?<!\S)(error|warning|info) MB\d{3}(?=:)")


def _coloured(line: str) -> str:
    r"""Colour the severity and the code of a finding, or the whole of a remedy.

    >>> _coloured("job.yaml: error MB112: Nobody would be mailed")
    'job.yaml: \x1b[31m\x1b[1merror MB112\x1b[0m: Nobody would be mailed'
    """
    remedy = line.lstrip(" ")
    if re.match(r" {2}[ >] +[0-9]* \|", line):
        return line  # of an excerpt
    if remedy != line:
        return " " * (len(line) - len(remedy)) + typer.style(remedy, fg=REMEDY)
    return _MARK.sub(
        lambda mark: typer.style(mark[0], fg=_COLOURS[mark[1]], bold=True), line, count=1
    )


def _summary(found: Findings) -> str:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of

    counts = [
        counted(count_of(found.checked.tallies, severity), str(severity))
        for severity in (Severity.ERROR, Severity.WARNING)
    ]
    if found.checked.overview is not None:
        counts.append(counted(found.checked.overview.made, "message"))
        counts.append(counted(sum(found.checked.overview.counts.values()), "row"))
    return f"{found.job or found.path}: {', '.join(counts)}"


def _object(found: Findings, code: int) -> dict[str, Any]:
    from mailbatch.checks.codes import Severity
    from mailbatch.checks.report import count_of, objects

    overview = found.checked.overview
    rows = counts_of(overview, found.checked.outlook)
    connected: dict[str, Any] = {}
    if found.connected:
        from mailbatch.cli import connect

        connected = {key: connect.as_object(one) for key, one in found.connected.items()}
    return {
        "job": found.job or None,
        "edition": found.checked.edition,
        "recipients": sum(rows.values()) if overview is not None else None,
        **rows,
        "messages": overview.made if overview is not None else None,
        "largest": found.checked.largest or None,
        "domains": dict(overview.domains) if overview is not None else {},
        **{f"{s}s": count_of(found.checked.tallies, s) for s in Severity},
        "findings": objects(found.checked.tallies),
        "connect": connected.get("server"),
        "dns": [one.as_object() for one in found.published] if found.published else None,
        "links": found.tried.as_object() if found.tried is not None else None,
        "refused": str(found.refused) if found.refused is not None else None,
        **outlook_object(found.checked.outlook),
        "exit_code": int(code),
        "connect_fallback": connected.get("server.fallback"),
    }
