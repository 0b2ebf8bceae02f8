"""The run: where plan, rendering, protocol and ledger meet.

`run` is the whole of `mailbatch run`, without a terminal: prepare, send, write the results, report
through `Progress`. A failure on the way stands in the `Summary`; only mistakes that stop a run
before the first message are raised.

Tests: tests/cli/test_run.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery import signals
from mailbatch.delivery.asked import rows_of, send_times_of
from mailbatch.delivery.clock import clock_of
from mailbatch.delivery.equation import Equation, equation_of
from mailbatch.delivery.fallback import (
    Route,
    check_place,
    held_now,
    names_of,
    routes_of,
    send_in_turn,
)
from mailbatch.delivery.ledgers import publication_of
from mailbatch.delivery.options import Progress, RunOptions, Sent, Silence, Summary, conclude
from mailbatch.delivery.outlook import look_ahead
from mailbatch.delivery.places import OUTBOX, state_dir, store_of, store_path
from mailbatch.delivery.preparation import (
    Inputs,
    Mailing,
    changed_since,
    open_mailing,
    read_inputs,
    signed,
)
from mailbatch.delivery.provider_logs import logs_until
from mailbatch.delivery.rehearsals import check_real, mailing_dir
from mailbatch.delivery.reported import edition_reports
from mailbatch.delivery.state import url_of
from mailbatch.errors import UNWRITTEN, InputError, LedgerError, StoreError, Unbalanced
from mailbatch.job.model import Job
from mailbatch.outcome import UNFINISHED, Status
from mailbatch.outlook import Outlook
from mailbatch.render.subject import Test
from mailbatch.results.file import write_results
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.delivery.approval import Approval
    from mailbatch.delivery.correction import Correction
    from mailbatch.delivery.gate import Held
    from mailbatch.delivery.guard import Fates
    from mailbatch.delivery.steps import Steps
    from mailbatch.reports.report import Event

#: Between two rounds of a run with `wait`, in seconds.
_LEAST_WAIT = 0.5
#: Asked once before a real send; False leaves everything unsent.
Confirm = Callable[[Mailing, str], bool]


def run(
    job: Job,
    options: RunOptions | None = None,
    *,
    progress: Progress | None = None,
    confirm: Confirm | None = None,
    fates: Fates | None = None,
    now: datetime | None = None,
    environ: Mapping[str, str] | None = None,
) -> Summary:
    """Converge a mailing to its job, and return the result; `fates` has reports for a guard.

    Raises:
        InputErrors: the user's files are wrong (`InputError` where there is one mistake only).
        UsageError: the options ask for something that cannot be.
        LedgerError: the ledger cannot be used.
        JobError: a secret is missing.
    A later failure is `Summary.failure`.
    """
    options = _placed(job, options or RunOptions())
    progress = progress or Silence()
    environ = os.environ if environ is None else environ
    now = now or datetime.now().astimezone()
    with signals.Stopping() as stopping:
        try:
            summary = _converge(
                job, options, progress, confirm, fates, now=now, environ=environ, stopping=stopping
            )
            while options.wait and summary.waits_until is not None:
                summary = _go_on(job, options, progress, fates, summary, environ, stopping)
        except signals.Interrupted as last:
            if stopping.signum is None:  # nothing has been begun
                raise
            raise signals.StoppedAtOnce(last.signum) from None
    return summary


def _go_on(
    job: Job,
    options: RunOptions,
    progress: Progress,
    fates: Fates | None,
    before: Summary,
    environ: Mapping[str, str],
    stopping: signals.Stopping,
) -> Summary:
    """Wait until the run may go on, and run again: table, lists and templates are read anew.

    The lock of the ledger is free meanwhile, and the edition stays the same.
    """
    from mailbatch.delivery.admission import wait_until

    held = before.held
    if held is None:
        return before
    progress.note(f"{held.why}: waiting until {iso_time(held.until)}")
    # A hold that is over at once must not make a run that spins.
    if not wait_until(max(held.until, time.time() + _LEAST_WAIT), stopping):
        return replace(before, interrupted=True)
    try:
        summary = _converge(
            job,
            options if options.correction else replace(options, edition=before.edition),
            progress,
            None,
            fates,
            now=datetime.now().astimezone(),
            environ=environ,
            stopping=stopping,
        )
    except signals.Interrupted:
        if stopping.signum is not None:
            raise
        return replace(before, interrupted=True)
    return replace(
        summary,
        transactions=before.transactions + summary.transactions,
        sessions=before.sessions + summary.sessions,
        seconds=before.seconds + summary.seconds,
    )


def _placed(job: Job, options: RunOptions) -> RunOptions:
    """Return the options with the state folder of the mailing, never with that of rehearsals.

    A rehearsal may name the folder of rehearsals, and is laid against the mailing all the same.

    Raises:
        UsageError: a run that is no rehearsal in the sandbox names the folder of rehearsals; or a
            run without sessions has no workers, since its ledger is a file.
        JobError: the job has a second server, and its ledger is in a database.
    """
    options = options.addressed(job)
    if options.sessions == 0 and (options.scratch or url_of(options.state) is None):
        from mailbatch.delivery.watching import no_worker

        raise no_worker("keep the ledger in a database (--ledger)")
    if not options.scratch:
        check_place(job, options.state)
    if not options.sandbox:
        check_real(job, options.state_dir, options.store)
        return options
    return replace(options, state_dir=mailing_dir(state_dir(job, options.state_dir)))


def _test(options: RunOptions) -> Test:
    if options.test:
        return Test.MARKED
    return Test.PLAIN if options.redirect else Test.NONE


def _converge(
    job: Job,
    options: RunOptions,
    progress: Progress,
    confirm: Confirm | None,
    fates: Fates | None,
    *,
    now: datetime,
    environ: Mapping[str, str],
    stopping: signals.Stopping,
) -> Summary:
    """Plan, ask, send and conclude."""
    started = time.monotonic()
    with ExitStack() as stack:
        with signals.raising():
            inputs, approval = _inputs(job, options, stack, now, environ)
            mailing = open_mailing(inputs, options, stack, approval)
            mailing.ledger.listen(progress.note)
            if mailing.ledger.moved is not None:
                progress.alarm(_came_from(*mailing.ledger.moved))
            outlook = look_ahead(mailing, options) if options.scratch else None
            mailing = signed(mailing, options, environ=environ, note=progress.note)
            routes = routes_of(mailing, options, environ, stack)
            held = held_now(routes) or _waits(mailing, options)
            steps = _steps(mailing, options, fates)
            further = 0 if options.scratch else mailing.ledger.standing.further()
            stopped = None if steps is None else steps.look()
            wanted = mailing.wanted(options)
            finished = mailing.ledger.standing.finished_at() is not None
            asked = time.monotonic()
            goes_on = stopped is None and (held is None or options.wait)
            asks = bool(wanted and goes_on) or _begins(inputs.correction)
            agreed = not (asks and routes[0].server and confirm) or confirm(
                mailing, names_of(routes)
            )
            started += time.monotonic() - asked  # thinking it over is no part of the run
            if agreed and inputs.correction is not None and not options.scratch:
                inputs.correction.take_over(stack)
        sent = Sent(nothing_to_do=finished and not mailing.unfinished, declined=not agreed)
        if agreed:
            _tell(mailing, options, progress)
        if steps is not None and stopped is not None:
            steps.stop_all(stopped)
            sent = Sent(failure=stopped)
        elif held is not None and wanted and agreed:
            _retract(mailing, options, guarded=steps is not None)
            sent = Sent(held=held)
        elif wanted and agreed:
            from mailbatch.delivery.shared_progress import shared  # of a run that sends

            shown = shared(mailing.ledger, progress)
            _begin(mailing, options, shown, wanted, steps)
            sent = _sent(routes, options, shown, stopping, steps)
        summary = _conclude(mailing, sent, started, options, progress, outlook)
        conclude(progress, "closing the ledger")  # it may be written anew, with the end of `stack`
        return replace(summary, further=further if agreed else 0)


def _inputs(
    job: Job, options: RunOptions, stack: ExitStack, now: datetime, environ: Mapping[str, str]
) -> tuple[Inputs, Approval | None]:
    """Read the inputs of a run, and of what holds the run to a plan, where there is such a one.

    Raises:
        InputErrors, UsageError: the files or the options are wrong.
        PlanDifference: the inputs are others than those of the plan.
        MailbatchError: the edition cannot be corrected (`correcting`).
    """
    inputs = read_inputs(
        job,
        edition=_edition(job, options),
        variables=options.variables,
        now=now,
        state=options.state,
        store=options.store,
        rehearsals=None if options.rehearsal is None else options.rehearsal.folder,
        test=_test(options),
    )
    inputs, approval = _approved(inputs, options)
    if options.correction is not None:
        from mailbatch.delivery.correction import correcting

        inputs = correcting(inputs, options, stack, environ)
    return inputs, approval


def _begins(correction: Correction | None) -> bool:
    """Say whether a run is the first one of a correction, which stops the other edition."""
    return correction is not None and not correction.has_taken_over


def _begin(
    mailing: Mailing, options: RunOptions, progress: Progress, wanted: int, steps: Steps | None
) -> None:
    """Tell the progress of the plan, and let workers send, too, where they can join the ledger."""
    progress.planned(mailing.ledger.standing.counts(), wanted)
    if options.scratch or publication_of(mailing.ledger) is None:
        return
    from mailbatch.delivery.publishing import offer, offer_in_steps

    if steps is None:
        offer(mailing, options, progress)
    else:
        offer_in_steps(mailing, options, progress, steps)


def _retract(mailing: Mailing, options: RunOptions, *, guarded: bool) -> None:
    """Have no worker send what an earlier run offered, where this run would offer another."""
    if options.scratch or publication_of(mailing.ledger) is None:
        return
    from mailbatch.delivery.publishing import retract

    retract(mailing, options, guarded=guarded)


def _sent(
    routes: Sequence[Route],
    options: RunOptions,
    progress: Progress,
    stopping: signals.Stopping,
    steps: Steps | None,
) -> Sent:
    """Send, or watch the workers that do."""
    if options.sessions == 0:
        from mailbatch.delivery.watching import watch

        return watch(routes[0].mailing, progress, stopping)
    sent = send_in_turn(routes, options, progress, stopping, steps)
    if sent.failure is not None or sent.interrupted:
        return sent
    return replace(sent, held=sent.held or _waits(routes[0].mailing, options))


def _tell(mailing: Mailing, options: RunOptions, progress: Progress) -> None:
    """Tell of each address of `--only` that is settled already, and of a thread that begins."""
    if mailing.thread is not None and not mailing.thread.before:
        progress.note(f"message.thread: edition {mailing.inputs.edition} is the first one here")
    for address in options.only:
        standings = mailing.ledger.standing.statuses_of(address)
        if standings and not any(standing in UNFINISHED for standing in standings):
            said = " and ".join(dict.fromkeys(map(str, standings)))
            once_more = f"; once more: --to {address} --only {address}"
            progress.note(
                f"{address} is {said} already: nothing to send"
                f"{once_more if Status.ACCEPTED in standings else ''}"
            )


def _edition(job: Job, options: RunOptions) -> str | None:
    """Return the edition that is given; for an edition of the day, that of the approved plan.

    Templates of a correction see the edition that was sent first.
    """
    if options.correction is not None:
        from mailbatch.delivery.chain import first_edition

        return first_edition(job, options.correction.edition, options.state)
    if options.edition is None and options.plan is not None:
        from mailbatch.render.edition_templates import edition_moves

        return options.plan.edition if edition_moves(job) else None
    return options.edition


def _approved(inputs: Inputs, options: RunOptions) -> tuple[Inputs, Approval | None]:
    """Return the inputs, and the approval that holds the run to a plan, where there is one.

    Raises:
        PlanDifference: the inputs are others than those of the plan.
        InputErrors: the messages depend upon the moment.
    """
    if options.plan is None:
        return inputs, None
    from mailbatch.delivery.approval import Approval
    from mailbatch.delivery.planning import repeatable

    approval = Approval(options.plan, inputs)
    return repeatable(inputs), approval


def _steps(mailing: Mailing, options: RunOptions, fates: Fates | None) -> Steps | None:
    """Return the steps of a run that a guard watches; mostly none does."""
    if not options.canary and (mailing.inputs.job.guard is None or not mailing.unfinished):
        return None
    from mailbatch.delivery.steps import Steps

    return Steps.of(mailing, options, fates)


def _waits(mailing: Mailing, options: RunOptions) -> Held | None:
    """Return the hold of a run whose recipients all wait for their time of sending."""
    if mailing.inputs.job.message.send_at is None or not mailing.unfinished:
        return None
    from mailbatch.delivery.send_times import hold_of

    return hold_of(mailing, options, clock_of(mailing.ledger)())


def _came_from(path: str, host: str) -> str:
    """Say where the ledger was: it may have been used there since."""
    return (
        f"the ledger was moved here: its last run was on {host}, at {path}; "
        "let nobody run the job there any more"
    )


def _conclude(
    mailing: Mailing,
    sent: Sent,
    started: float,
    options: RunOptions,
    progress: Progress,
    outlook: Outlook | None,
) -> Summary:
    ledger = mailing.ledger
    failure = sent.failure
    if not isinstance(failure, UNWRITTEN):
        ledger.plan.mark_finished(time.time())
    reported, results = None, mailing.results
    if mailing.results is not None:
        conclude(progress, "writing the results")
        try:
            reported = _write_results(mailing, mailing.results, options, progress)
        except UNWRITTEN as error:
            failure, results = failure or error, None
    equation = None
    if not isinstance(failure, LedgerError):
        equation = equation_of(ledger, mailing.rows, mailing.inputs.plan, reported)
        failure = failure or _unbalanced(equation)
    asked = rows_of(ledger, options.only) if options.only and equation else None
    return Summary(
        job=mailing.inputs.job.name,
        edition=mailing.inputs.edition,
        counts=ledger.standing.counts(),
        transactions=sent.transactions,
        sessions=sent.sessions,
        seconds=time.monotonic() - started,
        results=results,
        failure=failure,
        interrupted=sent.interrupted,
        declined=sent.declined,
        nothing_to_do=sent.nothing_to_do,
        learned=sent.learned,
        elsewhere=ledger.standing.elsewhere(),
        rehearsed_in=None if options.rehearsal is None else options.rehearsal.folder,
        plan=None if mailing.approval is None else mailing.approval.digest,
        equation=equation,
        corrected=None if options.correction is None else options.correction.edition,
        groups=None if mailing.inputs.correction is None else mailing.inputs.correction.groups,
        asked=asked,
        send_times=send_times_of(ledger, asked or ()),
        changed=_changed(mailing) if sent.nothing_to_do else (),
        finished_at=ledger.standing.finished_at(),
        recovered_in_doubt=ledger.recovered.in_doubt,
        mode=options.mode,
        outlook=outlook,
        held=sent.held if mailing.unfinished else None,
        refused_for_now=options.scratch and ledger.standing.waits_for_the_server(),
        logs_until=_logs_until(mailing),
        files=(options.out or mailing.inputs.job.folder / OUTBOX) if options.dry_run else None,
    )


def _unbalanced(equation: Equation) -> Unbalanced | None:
    if equation.balanced:
        return None
    return Unbalanced(
        f"{equation} does not balance: {'; '.join(equation.faults)}",
        hint="this is a bug of mailbatch: keep the ledger and the table, and report it",
    )


def _write_results(
    mailing: Mailing, path: Path, options: RunOptions, progress: Progress
) -> Mapping[Event | None, int] | None:
    """Write the results, with the reports where a store is kept; a failing store costs these alone.

    Return the accepted rows by the event of their reports, as `write_results` does.

    Raises:
        LedgerError, OutputError: the results cannot be written (74).
    """
    ledger, inputs = mailing.ledger, mailing.inputs
    if options.rehearsal is not None:
        store = store_path(options.rehearsal.folder)
    elif options.scratch:
        return write_results(ledger, path)
    else:
        store = store_of(inputs.job, options.store, options.state_dir)
    try:
        with edition_reports(inputs.job, inputs.edition, ledger, store) as reports:
            return write_results(ledger, path, None if reports is None else reports.standings)
    except StoreError as error:
        progress.alarm(f"the results have no reports: {error}")
        return write_results(ledger, path)


def _logs_until(mailing: Mailing) -> float | None:
    """Return until when the provider can be asked about the recipients in doubt; mostly of none."""
    if not mailing.ledger.standing.counts()[Status.IN_DOUBT]:
        return None
    return logs_until(mailing.inputs.job, mailing.ledger.doubts, time.time())


def _changed(mailing: Mailing) -> tuple[str, ...]:
    """Return the names of changed inputs of a message that is sent already."""
    with suppress(InputError):
        return changed_since(mailing.ledger, mailing.inputs.composer)
    return ()
