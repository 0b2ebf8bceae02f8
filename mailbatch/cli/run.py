"""`mailbatch run`: converge, and say what it came to."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.cli.console import Console, counted
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.importing import importing
from mailbatch.cli.metrics import failure_text, is_for_metrics, metrics_text, write_metrics
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
def run_command(
    console: Console,
    *,
    job: Path,
    edition: str | None,
    dry_run: bool,
    sandbox: bool,
    answers: list[str] | None,
    out: Path | None,
    limit: int | None,
    only: str | None,
    to: str | None,
    sessions: int | None,
    rate: str | None,
    variables: list[str] | None,
    state_dir: Path | None,
    results: Path | None,
    accept_changes: bool,
    retry_rejected: bool,
    new_mailing: bool,
    transcript: Path | None,
    metrics_file: Path | None,
    yes: bool,
    as_json: bool,
    log_json: bool,  # noqa: ARG001 - read by `reporting`
    quiet: bool,  # noqa: ARG001 - read by `reporting`
) -> int:
    """Run the job and return the exit code."""
    _check_usage(dry_run=dry_run, sandbox=sandbox, to=to, out=out, answers=answers)
    written = None if transcript is None else Transcript(transcript)
    with written or nullcontext():
        options = RunOptions(
            edition=edition,
            variables=pairs(variables),
            state_dir=state_dir,
            results=results,
            limit=limit,
            only=as_on_the_wire(only),
            redirect=_address(to),
            sessions=sessions,
            rate=_rate(rate),
            dry_run=dry_run,
            sandbox=sandbox,
            answers=answers_of(answers),
            out=out,
            accept_changes=accept_changes,
            retry_rejected=retry_rejected,
            attended=sys.stderr.isatty(),
            new_mailing=new_mailing,
            transcript=written,
        )
        _check_outputs(job, options, transcript, metrics_file)
        try:
            ask = not (yes or dry_run or sandbox)
            ended = _run(console, job, options, written, ask=ask)
        except MailbatchError as error:
            _note_failure(metrics_file, job, error.exit_code)
            raise
    if isinstance(ended, int):
        _note_failure(metrics_file, job, ended)
        return ended
    loaded, summary = ended
    if as_json:
        console.data(summary_object(summary))
    again = arguments_again(job, loaded, summary, options)
    show_summary(console, summary, options, again, begun=is_begun(loaded, summary, options))
    if written is not None and written.trouble is not None:
        console.warn(f"lines are missing from {shown(written.path)}: {written.trouble}")
    if metrics_file is None:
        return summary.exit_code
    try:
        write_metrics(metrics_file, metrics_text(summary, time.time()))
    except OutputError as error:
        console.error(error)
        return summary.exit_code_behind(error)
    return summary.exit_code


def _check_outputs(
    path: Path, options: RunOptions, transcript: Path | None, metrics_file: Path | None
) -> None:
    """Refuse outputs that are one file, or what the job needs, before anything is written there.

    Of a job that cannot be read nobody knows what it needs: its error is raised at once, unless the
    metrics file is one that may tell of it.
    """
    if transcript is None and metrics_file is None:
        return
    from mailbatch.delivery.outputs import check_apart, check_output
    from mailbatch.delivery.preparation import results_path

    given = {"--transcript": transcript, "--metrics-file": metrics_file}
    check_apart({"--results": options.results, **given})
    for option, output in given.items():
        check_output(output, option, path)
    try:
        job = read_job(path)
    except MailbatchError:
        if metrics_file is None or is_for_metrics(metrics_file):
            return  # the run will say so
        raise
    for option, output in given.items():
        check_output(output, option, path, job)
    try:
        results = results_path(job, edition_of(job, options.edition), options)
    except MailbatchError:
        return  # the run will say so, with whatever else is wrong
    check_apart({"--results" if options.results else "results of the job": results, **given})


def _note_failure(metrics_file: Path | None, job: Path, code: int) -> None:
    """Let the metrics tell of a run that came to nothing: stale figures would look like success."""
    if metrics_file is not None:
        write_metrics(metrics_file, failure_text(str(job), code, time.time()))


def _run(
    console: Console, path: Path, options: RunOptions, written: Transcript | None, *, ask: bool
) -> tuple[Job, Summary] | int:
    """Load the job and run it; return what it came to, or the exit code where a signal ended it."""
    from mailbatch.delivery.signals import Interrupted, StoppedAtOnce, ignore, raising

    try:
        with raising():
            with importing():
                from mailbatch.delivery.runner import run as run_job

                job = read_job(path)
            if written is not None:
                written.begin()
        try:
            with console.progress() as progress:
                confirm = _asker(console, options) if ask else None
                summary = run_job(job, options, progress=progress, confirm=confirm)
                if summary.interrupted:  # it has only to say so
                    ignore()
                return job, summary
        except StoppedAtOnce as stopped:
            console.warn("stopped at once; run again: what may have arrived is in doubt until then")
            return 128 + stopped.signum
    except Interrupted:
        console.warn("interrupted before anything was sent; run again")
        return ExitCode.UNFINISHED


def _check_usage(
    *, dry_run: bool, sandbox: bool, to: str | None, out: Path | None, answers: list[str] | None
) -> None:
    chosen = [
        name
        for name, given in (
            ("--dry-run", dry_run),
            ("--sandbox", sandbox),
            ("--to", to is not None),
        )
        if given
    ]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other")
    if out is not None and not (dry_run or sandbox):
        raise UsageError("--out goes with --dry-run or --sandbox")
    if answers and not sandbox:
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
    """Return the question before a real send; None where nobody is there to answer it."""
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
    """Return who is about to get something: what somebody who is asked must know."""
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
