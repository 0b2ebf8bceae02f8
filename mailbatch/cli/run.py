"""`mailbatch run`: converge, and show the summary."""

from __future__ import annotations

import sys
import time
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.cli.arguments import RunArguments
from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.importing import importing
from mailbatch.cli.metrics import failure_text, is_for_metrics, metrics_text, write_metrics
from mailbatch.cli.rehearsal import rehearsal_of
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import (
    answers_of,
    as_on_the_wire,
    edition_of,
    pairs,
    read_job,
    reporting,
    shown,
)
from mailbatch.cli.summary import arguments_again, is_begun, show_summary, summary_object
from mailbatch.cli.transcript import Transcript
from mailbatch.delivery.options import RunOptions, Summary
from mailbatch.errors import MailbatchError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailbatch.delivery.preparation import Mailing
    from mailbatch.job.model import Job


@reporting
def run_command(console: Console, given: RunArguments) -> int:
    """Run the job and return the exit code."""
    _check_usage(given)
    written = None if given.transcript is None else Transcript(given.transcript)
    with written or nullcontext():
        options = _options(given, written)
        _check_outputs(given, options)
        try:
            ended = _run(console, given, options, written)
        except MailbatchError as error:
            _note_failure(given, error.exit_code)
            raise
    if isinstance(ended, int):
        _note_failure(given, ended)
        return ended
    loaded, summary = ended
    if given.as_json:
        console.data(summary_object(summary))
    again = arguments_again(given.job, loaded, summary, options)
    show_summary(console, summary, options, again, begun=is_begun(loaded, summary, options))
    if written is not None and written.trouble is not None:
        console.warn(f"lines are missing from {shown(written.path)}: {written.trouble}")
    if given.metrics_file is None:
        return summary.exit_code
    try:
        write_metrics(given.metrics_file, metrics_text(summary, time.time()))
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
        state_dir=given.state_dir,
        results=given.results,
        store=given_store(given.store),
        limit=given.limit,
        only=as_on_the_wire(given.only),
        redirect=_address(given.to),
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
    )


def _check_outputs(given: RunArguments, options: RunOptions) -> None:
    """Refuse outputs that are one file, or a file of the job, before anything is written there.

    The files of a job that cannot be read are not known: the error of the job is raised at once,
    unless the metrics file may tell of the error.
    """
    if given.transcript is None and given.metrics_file is None:
        return
    from mailbatch.delivery.outputs import check_apart, check_output
    from mailbatch.delivery.preparation import results_path

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


def _note_failure(given: RunArguments, code: int) -> None:
    """Let the metrics tell of a run that came to nothing: stale figures would look like success."""
    if given.metrics_file is not None:
        write_metrics(given.metrics_file, failure_text(str(given.job), code, time.time()))


def _run(
    console: Console, given: RunArguments, options: RunOptions, written: Transcript | None
) -> tuple[Job, Summary] | int:
    """Load the job and run; return job and summary, or the exit code behind a signal."""
    from mailbatch.delivery.signals import Interrupted, StoppedAtOnce, ignore, raising

    try:
        with raising():
            with importing():
                from mailbatch.cli.stored_fates import StoredFates
                from mailbatch.delivery.runner import run as run_job

                job = read_job(given.job)
                kept = rehearsal_of(job, options)
            if kept is not None:
                options = replace(options, rehearsal=kept)
            if written is not None:
                written.begin()
        try:
            with console.progress() as progress:
                unasked = given.yes or given.dry_run or given.sandbox
                confirm = None if unasked else _asker(console, options)
                fates = StoredFates(given.store, given.state_dir)
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
    asked = {"--dry-run": given.dry_run, "--sandbox": given.sandbox, "--to": given.to is not None}
    chosen = [option for option, wanted in asked.items() if wanted]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other")
    alone = {"--no-guard": given.no_guard, "--only": given.only is not None}
    for option in [*chosen, *(option for option, wanted in alone.items() if wanted)]:
        if given.canary:
            raise UsageError(f"--canary is the first step of a real send: {option} is none")
    if given.out is not None and not (given.dry_run or given.sandbox):
        raise UsageError("--out goes with --dry-run or --sandbox")
    if given.answers and not given.sandbox:
        raise UsageError("--answer goes with --sandbox", hint="a real server has its own answers")


def _address(to: str | None) -> str | None:
    if to is None:
        return None
    from mailbatch.recipients.address import parse_address

    try:
        return parse_address(to)
    except ValueError as error:
        raise UsageError(f"--to {to}: {error}") from error


def _rate(rate: str | None) -> float | None:
    if rate is None:
        return None
    from mailbatch.job.scalars import parse_rate

    try:
        parsed = parse_rate(rate)
    except ValueError as error:
        raise UsageError(f"--rate {rate}: {error}") from error
    return parsed.per_second


def _asker(console: Console, options: RunOptions) -> Callable[[Mailing, str], bool] | None:
    """Return the question before a real send; None without a terminal for the answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(mailing: Mailing, server: str) -> bool:
        job = mailing.inputs.job
        return console.ask(
            f"Send {job.name} ({mailing.inputs.edition}) to {_whom(mailing, options)} "
            f"from {job.sender.from_} through {server}?"
        )

    return ask


def _whom(mailing: Mailing, options: RunOptions) -> str:
    """Return the recipients of a real send in words, for the question before the send."""
    wanted = mailing.wanted(options)
    if options.only is not None:
        text = options.only
    elif wanted < mailing.unfinished:
        text = f"{wanted} of {counted(mailing.unfinished, 'recipient')}"
    else:
        text = counted(wanted, "recipient")
        if options.limit is not None:
            text += f", {counted(options.limit, 'message')} at most,"
    return f"{options.redirect} instead of {text}" if options.redirect is not None else text
