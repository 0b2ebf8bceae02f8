"""`mailbatch correct`: stop an edition, mend the letters to come, correct those that are out."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mailbatch.cli.console import Console, counted
from mailbatch.cli.correct_arguments import CorrectArguments
from mailbatch.cli.exit_codes import ExitCode
from mailbatch.cli.importing import importing
from mailbatch.cli.report_store import given_store
from mailbatch.cli.reporting import check_folder, edition_of, pairs, read_job, reporting, shown
from mailbatch.cli.summary import next_steps, show_summary, silent_failure, summary_object
from mailbatch.delivery.options import Corrected, Mode, RunOptions, Summary
from mailbatch.errors import InputError, InputErrors, Reason, UsageError
from mailbatch.outcome import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mailbatch.delivery.correction import Correction
    from mailbatch.delivery.letters import Groups, Letter
    from mailbatch.delivery.preparation import Inputs, Mailing
    from mailbatch.job.model import Job
    from mailbatch.previewing import Preview

#: The words for recipients that get nothing, by the fields of `Groups`.
_NO_LETTER = (
    ("unchanged", "have the right letter"),
    ("in_doubt", "in doubt, and left so"),
    ("new", "no recipients of the edition"),
    ("left_out", "refused or left out"),
    ("gone", "in no row of the table any more"),
)


@reporting
def correct_command(console: Console, given: CorrectArguments) -> int:
    """Correct an edition, or show what that would send, and return the exit code."""
    try:
        return _correct(console, given)
    except (InputError, InputErrors) as error:
        console.error(error)
        if any(one.reason is Reason.NO_CORRECTION for one in error.errors):
            console.say("more about it: mailbatch explain MB147")
        return error.exit_code


def _correct(console: Console, given: CorrectArguments) -> int:
    _check_usage(given)
    with importing():
        job, other = read_job(given.job), read_job(given.other)
    options = RunOptions(
        variables=pairs(given.variables),
        state_dir=given.state_dir,
        ledger=given.ledger,
        results=given.results,
        store=given_store(given.store),
        sessions=given.sessions,
        dry_run=given.dry_run,
        out=given.out,
        accept_changes=given.accept_changes,
        unguarded=given.no_guard,
        wait=given.wait,
        attended=sys.stderr.isatty(),
        correction=Corrected(job, edition_of(job, given.edition)),
    )
    if given.preview is not None:
        return _preview(console, other, options, given.preview)
    ended = _run(console, given, other, options)
    if isinstance(ended, int):
        return ended
    if given.as_json:
        console.data(as_object(ended))
    _say_end(console, given, job, other, ended, options)
    return ended.exit_code


def as_object(summary: Summary) -> dict[str, Any]:
    """Return the object of `correct --json`: that of `run`, and the groups."""
    groups = summary.groups
    return {
        **summary_object(summary),
        "corrects": summary.corrected,
        "groups": None if groups is None else asdict(groups),
    }


def _check_usage(given: CorrectArguments) -> None:
    if given.preview is not None and given.dry_run:
        raise UsageError("--preview and --dry-run exclude each other", hint="leave one of them out")
    if given.out is not None and not given.dry_run:
        raise UsageError("--out goes with --dry-run", hint="add that, or leave --out out")
    if given.wait and (given.preview is not None or given.dry_run):
        raise UsageError("--wait is for a real send", hint="leave it out")
    check_folder(given.out)


def _run(
    console: Console, given: CorrectArguments, other: Job, options: RunOptions
) -> Summary | int:
    """Run the correction; return the summary, or the exit code behind a signal."""
    from mailbatch.delivery.signals import Interrupted, StoppedAtOnce, ignore

    with importing():
        from mailbatch.delivery.runner import run
        from mailbatch.delivery.stored_fates import StoredFates
    try:
        with console.progress() as progress:
            confirm = None if given.yes or given.dry_run else _asker(console)
            fates = StoredFates(options.store, options.state_dir)
            summary = run(other, options, progress=progress, confirm=confirm, fates=fates)
            if summary.interrupted:  # it has only to say so
                ignore()
            return summary
    except StoppedAtOnce as stopped:
        console.warn("stopped at once; the same command goes on: what may have arrived is in doubt")
        return 128 + stopped.signum
    except Interrupted:
        console.warn("interrupted before anything was sent; the same command goes on")
        return ExitCode.UNFINISHED


def _asker(console: Console) -> Callable[[Mailing, str], bool] | None:
    """Return the question before a real send; None without a terminal for the answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(mailing: Mailing, server: str) -> bool:
        correction, job = mailing.inputs.correction, mailing.inputs.job
        if correction is None:
            raise ValueError("the run is no correction")
        groups = correction.groups
        begin = "Send" if correction.has_taken_over else f"Stop edition {correction.edition}; send"
        sent = mailing.ledger.standing.counts()[Status.ACCEPTED]
        said = [f"sent already: {sent:,}"] if sent else []
        said += [others] if (others := _without(groups)) else []
        rest = f" ({'; '.join(said)})" if said else ""
        what = f"{_both(groups)} of {job.name}{rest}"
        return console.ask(f"{begin} {what} from {job.sender.from_} through {server}?")

    return ask


def _both(groups: Groups) -> str:
    """Return both groups in words.

    >>> from mailbatch.delivery.letters import Groups
    >>> _both(Groups(mended=200, corrections=1))
    '200 mended letters and 1 correction'
    """
    mended = counted(groups.mended, "mended letter")
    return f"{mended} and {counted(groups.corrections, 'correction')}"


def _without(groups: Groups) -> str:
    """Return the recipients that get nothing, in words; empty: there are none."""
    said = [
        f"{number:,} {words}" for name, words in _NO_LETTER if (number := getattr(groups, name))
    ]
    return f"without a letter: {', '.join(said)}" if said else ""


def _say_end(
    console: Console,
    given: CorrectArguments,
    job: Job,
    other: Job,
    summary: Summary,
    options: RunOptions,
) -> None:
    """Say both groups, how the run ended, and the command that goes on."""
    from mailbatch.cli.again import again

    if summary.groups is not None:
        console.say(f"edition {summary.corrected}: {_both(summary.groups)}")
        if said := _without(summary.groups):
            console.say(said)

    def arguments(path: Path, of: Job, edition: str, named: str | None) -> str:
        return again(path, of, edition, given=named, state_dir=given.state_dir, ledger=given.ledger)

    first = arguments(given.job, job, summary.corrected or "", given.edition)
    command = f"mailbatch correct {first} --with {shlex.quote(str(given.other))}"
    named = arguments(given.other, other, summary.edition, summary.edition)
    show_summary(console, summary, options, named, begun=True, command=command)


def _preview(console: Console, other: Job, options: RunOptions, out: Path) -> int:
    """Write a gallery of each group that has a letter."""
    from mailbatch.delivery.letters import Letter

    told: dict[str, object] = {}
    groups, galleries = None, []
    for letter in (Letter.MENDED, Letter.CORRECTION):
        groups, made = _gallery(console, other, options, letter, out / letter)
        galleries.append(made)
        told |= {"groups": asdict(groups), letter: str(made.index)}
        console.say(f"{letter}: {counted(made.messages, 'message')}, {shown(made.index)}")
    if groups is not None and (said := _without(groups)):
        console.say(said)
    edition = None if options.correction is None else options.correction.edition
    rehearsed = _rehearsed(other.name, edition, galleries)
    if console.as_json:
        code = rehearsed.exit_code
        console.data({"job": other.name, "corrects": edition, **told, "exit_code": code})
    if (failure := silent_failure(rehearsed)) is not None:
        console.warn(failure)
    for line in next_steps(rehearsed, replace(options, dry_run=True), ""):
        console.say(line)
    return rehearsed.exit_code


def _rehearsed(job: str, corrected: str | None, galleries: Sequence[Preview]) -> Summary:
    """Return the summary that a dry run of the letters of all galleries has.

    The same fact has the same words and the same exit code behind both.
    """
    last = galleries[-1]
    counts = Counter({Status(name): number for name, number in last.overview.counts.items()})
    counts[Status.PENDING] = 0
    for made in galleries:
        counts[Status.ACCEPTED] += made.overview.counts.get(Status.PENDING, 0)
    outlook = last.outlook
    for made in galleries:
        before = made.outlook
        # The gallery of a group without letters reaches nobody, and the other one may.
        if before is not None and (before.reached or before.refused is not None):
            outlook = before
    return Summary(
        job,
        last.inputs.edition,
        {status: counts[status] for status in Status},
        mode=Mode.DRY_RUN,
        outlook=outlook,
        corrected=corrected,
    )


def _gallery(
    console: Console, other: Job, options: RunOptions, letter: Letter, out: Path
) -> tuple[Groups, Preview]:
    """Write the gallery of one group; return both groups, and the gallery."""
    from mailbatch.delivery.chain import first_edition
    from mailbatch.delivery.correction import correcting
    from mailbatch.previewing import make_preview

    corrections: list[Correction | None] = []
    asked = options.correction
    if asked is None:
        raise ValueError("the options ask for no correction")

    def amend(inputs: Inputs) -> Inputs:
        wanted = frozenset((letter,))
        amended = correcting(
            inputs, replace(options, dry_run=True), stack, os.environ, wanted=wanted
        )
        corrections.append(amended.correction)
        return amended

    with ExitStack() as stack:
        made = make_preview(
            other,
            edition=first_edition(other, asked.edition, options.state),
            variables=options.variables,
            state=options.state,
            store=options.store,
            out=out,
            follow=partial(console.follow, letter),
            amend=amend,
        )
    (correction,) = corrections
    if correction is None:
        raise ValueError("the options ask for no correction")
    return correction.groups, made
