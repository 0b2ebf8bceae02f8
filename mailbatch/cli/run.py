"""`mailbatch run`: converge, and show the summary."""

from __future__ import annotations

import sys
import time
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.importing import importing
from mailbatch.cli.metrics import failure_text, is_for_metrics, metrics_text, write_metrics
from mailbatch.cli.rehearsal import rehearsal_of
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import (
    all_on_the_wire,
    answers_of,
    check_folder,
    edition_of,
    pairs,
    read_job,
    reporting,
    shown,
)
from mailbatch.cli.run_arguments import RunArguments
from mailbatch.cli.summary import arguments_again, is_begun, show_summary, summary_object
from mailbatch.cli.transcript import Transcript
from mailbatch.delivery.options import RunOptions, Summary
from mailbatch.errors import MailbatchError, OutputError, UsageError
from mailbatch.outcome import NEVER_MAILED, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mailbatch.delivery.plan_file import PlanFile
    from mailbatch.delivery.preparation import Mailing
    from mailbatch.job.model import Job

#: The addresses that a question names one by one.
_MOST_NAMED = 5


@reporting
def run_command(console: Console, given: RunArguments) -> int:
    """Run the job and return the exit code."""
    _check_usage(given)
    figures = given.metrics_file
    written = None if given.transcript is None else Transcript(given.transcript)
    with written or nullcontext():
        options = _options(given, written)
        _check_outputs(given, options)
        if figures is not None and options.scratch:
            console.warn("no figures are written: --metrics-file is for real runs")
            figures = None
        try:
            ended = _run(console, given, options, written)
        except MailbatchError as error:
            _note_failure(figures, given.job, error.exit_code)
            raise
    if isinstance(ended, int):
        _note_failure(figures, given.job, ended)
        return ended
    loaded, summary = ended
    options = options.addressed(loaded)
    if given.as_json:
        console.data(summary_object(summary))
    again = arguments_again(given.job, loaded, summary, options)
    show_summary(console, summary, options, again, begun=is_begun(loaded, summary, options))
    if written is not None and written.trouble is not None:
        console.warn(f"lines are missing from {shown(written.path)}: {written.trouble}")
    if figures is None:
        return summary.exit_code
    try:
        write_metrics(figures, metrics_text(summary, time.time()))
    except OutputError as error:
        console.error(error)
        return summary.exit_code_behind(error)
    return summary.exit_code


def _options(given: RunArguments, written: Transcript | None) -> RunOptions:
    """Read the arguments of the command line into the options of a run.

    Raises:
        UsageError: an argument is no address, rate, answer or KEY=VALUE.
    """
    return RunOptions(
        edition=given.edition,
        variables=pairs(given.variables),
        state_dir=_state_dir(given),
        ledger=given.ledger,
        bundles=given.bundles,
        results=given.results,
        store=given_store(given.store),
        limit=given.limit,
        only=all_on_the_wire(given.only),
        redirect=_addresses(given.to),
        test=given.test,
        everything=given.everything,
        sessions=given.sessions,
        rate=_rate(given.rate),
        dry_run=given.dry_run,
        sandbox=given.sandbox,
        answers=answers_of(given.answers),
        out=given.out,
        accept_changes=given.accept_changes,
        retry_rejected=given.retry_rejected,
        attended=sys.stderr.isatty(),
        new_mailing=given.new_mailing,
        transcript=written,
        canary=given.canary,
        unguarded=given.no_guard,
        wait=given.wait,
        plan=_plan(given.plan),
    )


def _plan(path: Path | None) -> PlanFile | None:
    if path is None:
        return None
    from mailbatch.delivery.plan_file import read_plan

    return read_plan(path)


def _state_dir(given: RunArguments) -> Path | None:
    """Return the state folder of the mailing; a rehearsal may name that of the rehearsals."""
    from mailbatch.delivery.rehearsals import mailing_dir

    if given.state_dir is None or not given.sandbox:
        return given.state_dir
    return mailing_dir(given.state_dir)


def _check_outputs(given: RunArguments, options: RunOptions) -> None:
    """Refuse outputs that are one file, or a file of the job, before anything is written there.

    The files of a job that cannot be read are not known: the error of the job is raised at once,
    unless the metrics file may tell of the error.
    """
    if given.transcript is None and given.metrics_file is None:
        return
    from mailbatch.delivery.outputs import check_apart, check_output
    from mailbatch.delivery.results_place import results_path

    outputs = {"--transcript": given.transcript, "--metrics-file": given.metrics_file}
    check_apart({"--results": options.results, **outputs})
    for option, output in outputs.items():
        check_output(output, option, given.job)
    try:
        job = read_job(given.job)
    except MailbatchError:
        if given.metrics_file is None or is_for_metrics(given.metrics_file):
            return  # the run will say so
        raise
    for option, output in outputs.items():
        check_output(output, option, given.job, job)
    try:
        results = results_path(job, edition_of(job, options.edition), options)
    except MailbatchError:
        return  # the run will say so, with whatever else is wrong
    check_apart({"--results" if options.results else "results of the job": results, **outputs})


def _note_failure(figures: Path | None, job: Path, code: int) -> None:
    """Let the metrics tell of a run that came to nothing: stale figures would look like success."""
    if figures is not None:
        write_metrics(figures, failure_text(_name_of(job), code, time.time()))


def _name_of(job: Path) -> str:
    """Return the name of a job, which alerts know; its path, where the file cannot be read."""
    try:
        return read_job(job, look=False).name
    except MailbatchError:
        return str(job)


def _run(
    console: Console, given: RunArguments, options: RunOptions, written: Transcript | None
) -> tuple[Job, Summary] | int:
    """Load the job and run; return job and summary, or the exit code behind a signal."""
    from mailbatch.delivery.signals import Interrupted, StoppedAtOnce, ignore, raising

    try:
        with raising():
            with importing():
                from mailbatch.delivery.runner import run as run_job
                from mailbatch.delivery.stored_fates import StoredFates

                job = read_job(given.job)
                options = options.addressed(job)
                kept = rehearsal_of(job, options)
            if kept is not None:
                options = replace(options, rehearsal=kept)
            if written is not None:
                written.begin()
        try:
            with console.progress() as progress:
                unasked = given.yes or given.dry_run or given.sandbox
                confirm = None if unasked else _asker(console, options)
                fates = StoredFates(options.store, options.state_dir)
                with nullcontext() if kept is None else closing(kept):
                    summary = run_job(job, options, progress=progress, confirm=confirm, fates=fates)
                if kept is not None and kept.failure is not None:
                    summary = replace(summary, failure=summary.failure or kept.failure)
                if summary.interrupted:  # it has only to say so
                    ignore()
                return job, summary
        except StoppedAtOnce as stopped:
            console.warn("stopped at once; run again: what may have arrived is in doubt until then")
            return 128 + stopped.signum
    except Interrupted:
        console.warn("interrupted before anything was sent; run again")
        return ExitCode.UNFINISHED


def _check_usage(given: RunArguments) -> None:
    asked = {"--dry-run": given.dry_run, "--sandbox": given.sandbox, "--to": bool(given.to)}
    asked["--test"] = given.test
    chosen = [option for option, wanted in asked.items() if wanted]
    if len(chosen) > 1:
        raise UsageError(
            f"{' and '.join(chosen)} exclude each other", hint="leave all but one of them out"
        )
    if given.everything and not (given.to or given.test):
        raise UsageError(
            "--all goes with --to or --test", hint="without them, every message is sent anyway"
        )
    if given.everything and (given.limit is not None or given.only):
        raise UsageError("--all excludes --limit and --only", hint="leave --all or the others out")
    if given.plan is not None and (given.to or given.test):
        raise UsageError(
            f"--plan excludes {chosen[0]}: no plan says what a test address gets",
            hint="leave one of them out",
        )
    alone = {"--no-guard": given.no_guard, "--only": bool(given.only)}
    for option in [*chosen, *(option for option, wanted in alone.items() if wanted)]:
        if given.canary:
            raise UsageError(
                f"--canary is the first step of a real send: {option} is none",
                hint="leave one of them out",
            )
    if given.out is not None and not (given.dry_run or given.sandbox):
        raise UsageError(
            "--out goes with --dry-run or --sandbox", hint="add one of them, or leave --out out"
        )
    _check_wait(given, chosen)
    check_folder(given.out)
    if given.answers and not given.sandbox:
        raise UsageError("--answer goes with --sandbox", hint="a real server has its own answers")


def _check_wait(given: RunArguments, chosen: Sequence[str]) -> None:
    """Refuse `--wait` beside an option of `chosen`, or beside a limit."""
    if given.wait and chosen:
        raise UsageError(
            f"--wait is for a real send: neither window nor cap holds {chosen[0]}",
            hint="leave one of them out",
        )
    if given.wait and given.limit is not None:
        raise UsageError(
            "--wait sends everything, however long that takes: --limit excludes it",
            hint="leave one of them out",
        )


def _addresses(given: list[str] | None) -> tuple[str, ...]:
    """Return the addresses of `--to` on the wire, each of them once."""
    if not given:
        return ()
    from mailbatch.recipients.address import parse_address

    found: dict[str, None] = {}
    for to in given:
        try:
            found[parse_address(to)] = None
        except ValueError as error:
            if "," in to or ";" in to:
                raise UsageError(
                    f"--to {to}: one address each",
                    hint="give the option several times: --to ann@example.com --to bob@example.com",
                ) from error
            raise UsageError(
                f"--to {to}: {error}", hint="give an address, as in --to ann@example.com"
            ) from error
    return tuple(found)


def _rate(rate: str | None) -> float | None:
    if rate is None:
        return None
    from mailbatch.job.scalars import parse_rate

    try:
        parsed = parse_rate(rate)
    except ValueError as error:
        raise UsageError(f"--rate {rate}: {error}", hint="for example --rate 600/min") from error
    return parsed.per_second


def _asker(console: Console, options: RunOptions) -> Callable[[Mailing, str], bool] | None:
    """Return the question before a real send; None without a terminal for the answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(mailing: Mailing, server: str) -> bool:
        job = mailing.inputs.job
        return console.ask(f"{_what(mailing, options)} from {job.sender.from_} through {server}?")

    return ask


def _what(mailing: Mailing, options: RunOptions) -> str:
    """Return the beginning of the question before a real send: how much goes to whom."""
    wanted = mailing.wanted(options)
    name = f"{mailing.inputs.job.name} ({mailing.inputs.edition})"
    if options.redirect:
        return _test(mailing, options, name)
    if options.only:
        text = _named(options.only)
    elif wanted < mailing.unfinished:
        text = f"{wanted:,} of {counted(mailing.unfinished, 'recipient')}"
    else:
        text = counted(wanted, "recipient")
        if options.limit is not None:
            text += f", {counted(options.limit, 'message')} at most,"
    return f"Send {name} to {text}{_others(mailing)}"


def _others(mailing: Mailing) -> str:
    """Return in brackets how many rows get nothing now: they have the message, or are left out."""
    counts = mailing.ledger.standing.counts()
    parts = []
    if counts[Status.ACCEPTED]:
        parts.append(f"{counts[Status.ACCEPTED]:,} have it already")
    left_out = [status for status in Status if status in NEVER_MAILED and counts[status]]
    said = ", ".join(f"{counts[status]:,} {status}" for status in left_out)
    if said:
        parts.append(f"left out: {said}")
    return f" ({'; '.join(parts)})" if parts else ""


def _test(mailing: Mailing, options: RunOptions, name: str) -> str:
    """Return the beginning of the question before a test: the number of messages is the point."""
    number = mailing.messages(options, sys.maxsize)
    whom = f"{_named(options.redirect)} instead of {counted(mailing.unfinished, 'recipient')}"
    if number == 1:
        first = "" if options.only else "the first message of "
        return f"Send {first}{name} to {whom}"
    return f"Send {number:,} messages of {name}, each of them to {whom},"


def _named(addresses: Sequence[str]) -> str:
    """Return addresses in words; only the first ones of many.

    >>> _named(("ann@example.com", "bob@example.com"))
    'ann@example.com and bob@example.com'
    """
    if len(addresses) > _MOST_NAMED:
        return f"{addresses[0]} and {len(addresses) - 1:,} others"
    return " and ".join(", ".join(addresses).rsplit(", ", 1))
