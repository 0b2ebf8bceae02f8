"""The sending part of a run: the event loop, the transport, the workers and their end.

Imported only where a message is sent. This module must never plan, nor write results.

Tests: tests/certainty/test_sessions.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery import destination, signals
from mailbatch.delivery.ahead import LEAST_MESSAGES, Ahead, composing_ahead
from mailbatch.delivery.clock import clock_of
from mailbatch.delivery.descriptors import check_descriptors
from mailbatch.delivery.fitting import Fitting
from mailbatch.delivery.gate import OPEN, Gate
from mailbatch.delivery.ledgers import publication_of
from mailbatch.delivery.limits import Limits
from mailbatch.delivery.link import first
from mailbatch.delivery.loop import loop_factory
from mailbatch.delivery.lots import Lots
from mailbatch.delivery.options import Mode, Progress, Rehearsal, RunOptions, Sent, rate_of
from mailbatch.delivery.pace import Pace
from mailbatch.delivery.places import OUTBOX, state_dir
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.recording import Recording
from mailbatch.delivery.retry import RetryPolicy
from mailbatch.delivery.send_times import patience_of
from mailbatch.delivery.sender import Sender
from mailbatch.delivery.shared import Crew, Rules, Run
from mailbatch.delivery.shared_progress import following
from mailbatch.delivery.supply import ComposedLots
from mailbatch.delivery.throttle import SharedThrottle, Throttle
from mailbatch.delivery.transport import FileSession, TransportSession
from mailbatch.delivery.trouble import Troubles
from mailbatch.errors import UNWRITTEN, LedgerError, MailbatchError, SessionError
from mailbatch.files import cannot_write
from mailbatch.job.model import Job
from mailbatch.render.alignment import may_be_aligned
from mailbatch.results.file import check_place
from mailbatch.smtp.server import Server

if TYPE_CHECKING:
    from mailbatch.delivery.dialogues import Dialogues
    from mailbatch.delivery.steps import Steps
    from mailbatch.sandbox.provider import Provider

Opener = Callable[[], Awaitable[TransportSession]]


def send(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    server: Server | None,
    stopping: signals.Stopping,
    steps: Steps | None = None,
    gate: Gate | None = None,
) -> Sent:
    """Send, once the results are certain to be writable; in `steps`, where a guard wants that.

    `gate` may hold the run, which then ends with `Sent.held`; None: nothing may.

    Raises:
        OutputError: the results cannot be written.
        LedgerError: there is no room to record the run.
        TooManyOpenFiles: the system has no descriptors for so many sessions.
        StoppedAtOnce: a second signal came.
    A later failure is `Sent.failure`.
    """
    if mailing.results is not None:
        check_place(mailing.results)
    if options.dry_run:
        _clear_drafts(mailing.inputs.job, options, progress)
    sessions = options.sessions or mailing.inputs.job.server.sessions
    check_descriptors(2 * sessions if options.sandbox else sessions)
    mailing.ledger.plan.reserve_space(mailing.wanted(options))
    if mailing.thread is not None:
        mailing.thread.keep(mailing.ledger)
    messages = mailing.messages(options, LEAST_MESSAGES)
    with (
        stopping.in_loop(),
        composing_ahead(mailing.inputs.composer, messages, progress.note) as ahead,
        asyncio.Runner(loop_factory=loop_factory()) as runner,
    ):
        return runner.run(
            _send_all(mailing, options, progress, server, stopping, gate or OPEN, ahead, steps)
        )


def _clear_drafts(job: Job, options: RunOptions, progress: Progress) -> None:
    from mailbatch.delivery.drafts import clear_drafts

    folder = options.out or job.folder / OUTBOX
    removed = clear_drafts(folder)
    if removed:
        drafts = "draft" if removed == 1 else "drafts"
        progress.note(f"{removed:,} {drafts} of an earlier dry run removed from {folder.name}/")


class _Kept:
    """The outbox of a rehearsal: a failure `ends` the run, which would wait for the sandbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ends: asyncio.Event | None = None
        self.failure: MailbatchError | None = None

    def fail(self, error: OSError) -> None:
        self.failure = self.failure or cannot_write(self._folder, error, "--out")
        if self.ends is not None:
            self.ends.set()


async def _send_all(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    server: Server | None,
    stopping: signals.Stopping,
    gate: Gate,
    ahead: Ahead | None,
    steps: Steps | None,
) -> Sent:
    """Open the transport, let the workers run, and stop the workers at a signal."""
    job = mailing.inputs.job
    stack = AsyncExitStack()
    files = FileSession(options.out or job.folder / OUTBOX) if options.dry_run else None
    kept = _Kept(options.out or job.folder)
    opener, where = await _transport(mailing, options, progress, files or server, stack, kept)
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    sessions = options.sessions or job.server.sessions
    several = sessions > 1 and not options.dry_run
    waits = loop if several else None
    throttle = _throttle(mailing, options, is_shared=steps is not None and steps.is_shared)
    run, lots = _run_of(mailing, options, progress, where, gate, ahead, waits, throttle)
    kept.ends = run.crew.stop
    stopped: list[int] = []

    def finish() -> None:
        run.crew.stop.set()
        progress.note("stopping after the messages on their way; a second signal stops at once")

    def at_once(signum: int) -> None:
        stopped.append(signum)
        if me is not None:
            me.cancel()

    closing = asyncio.ensure_future(gate.close_in_time(run.crew.stop)) if gate.is_limited else None
    stopping.install(loop, finish, at_once)
    try:
        try:
            work = partial(_work, run, opener, sessions)
            failures = await (work() if steps is None else steps.send(work, lots, run))
        finally:
            await run.recorder.close(at_once=bool(stopped))
    except asyncio.CancelledError:
        if stopped:
            raise signals.StoppedAtOnce(stopped[0]) from None
        raise
    finally:
        stopping.remove(loop)
        if closing is not None:
            closing.cancel()
        await stack.aclose()
    failure = kept.failure or _serious(failures, mailing) or gate.failure
    _tell_all(run, mailing)
    interrupted = stopping.signum is not None
    if not isinstance(failure, UNWRITTEN):
        await _conclude(
            run, ended_early=failure is not None or interrupted or gate.held is not None
        )
    transactions = run.crew.transactions if files is None else files.written
    return _sent(run, lots, failure, transactions=transactions, interrupted=interrupted)


def _sent(
    run: Run, lots: Lots, failure: MailbatchError | None, *, transactions: int, interrupted: bool
) -> Sent:
    """Return the result of the sending part."""
    return Sent(
        transactions,
        run.crew.sessions,
        failure,
        interrupted,
        learned=run.rules.limits.learned,
        held=run.rules.gate.held,
        left=lots.left,
    )


def _tell_all(run: Run, mailing: Mailing) -> None:
    """Stop the workers on other machines, too, where the trouble is that of all."""
    ended, publication = run.rules.troubles.ended, publication_of(mailing.ledger)
    if ended is not None and publication is not None:
        with suppress(LedgerError):  # each of them will find out
            publication.stop(str(ended), ended.exit_code)


def _serious(failures: Sequence[MailbatchError], mailing: Mailing) -> MailbatchError | None:
    """Return the failure that left the edition unfinished, if any did."""
    for failure in failures:
        if _ends_all(failure):
            return failure
    return failures[-1] if failures and mailing.unfinished else None


def _ends_all(failure: MailbatchError) -> bool:
    """Say whether every worker would fail in the same way as this one."""
    return not isinstance(failure, SessionError) or failure.is_final


async def _conclude(run: Run, *, ended_early: bool) -> None:
    """Give back the leases that are left, and refusals right before an early end.

    The trouble behind such refusals is unknown: no recipient was accepted afterwards.
    """
    await run.supply.release()
    if ended_early:
        for began, reply in run.rules.troubles.unfinished:
            await run.recorder.give_back(began, reply)
    await run.recorder.acquit()


async def _transport(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    end: Server | FileSession | None,
    stack: AsyncExitStack,
    kept: _Kept,
) -> tuple[Opener, str]:
    """Return the opener of sessions and the name of the other end; a sandbox ends with `stack`.

    `kept` hears of the outbox of a rehearsal. The answers of a rehearsal are those of the first
    server of the job.
    """
    job = mailing.inputs.job
    if isinstance(end, FileSession):
        return end.opened, f"{end.folder.name}/"
    if end is not None:
        opener = destination.opener(
            end,
            options,
            progress,
            wants_dsn=bool(_notify(job)),
            dialogues=_dialogues(mailing, options, progress, stack),
        )
        return opener, end.address
    from mailbatch.sandbox.server import Sandbox  # costs a tenth of the start of a run

    sandbox = await Sandbox.start(
        outbox=options.out,
        answers=() if mailing.at is not None else options.answers,
        tell=progress.alarm,
        on_unkept=kept.fail,
        provider=None if options.rehearsal is None else _provider(options.rehearsal, stack),
        aligned=may_be_aligned,
    )
    stack.push_async_callback(sandbox.stop)
    server = destination.sandbox_server(job, sandbox.port)
    opener = destination.opener(server, options, progress, wants_dsn=bool(_notify(job)))
    return opener, "the sandbox" if mailing.at is None else f"the sandbox for {mailing.at}"


def _dialogues(
    mailing: Mailing, options: RunOptions, progress: Progress, stack: AsyncExitStack
) -> Dialogues | None:
    """Return the file of dialogues, which ends with `stack`; None where the job keeps none."""
    job = mailing.inputs.job
    if job.keep is None or options.mode is not Mode.SEND:
        return None
    from mailbatch.delivery.dialogues import Dialogues, dialogues_path

    path = dialogues_path(state_dir(job, options.state), job, mailing.inputs.edition)
    return stack.enter_context(Dialogues.to_append(path, tell=progress.alarm))


def _notify(job: Job) -> tuple[str, ...]:
    """Return the delivery status notifications that the job asks servers for."""
    return job.reports.dsn if job.reports is not None else ()


def _provider(rehearsal: Rehearsal, stack: AsyncExitStack) -> Provider:
    """Return a provider whose reports the rehearsal keeps; the last of them with `stack`."""
    from mailbatch.sandbox.gathering import Gathering
    from mailbatch.sandbox.provider import Provider

    gathering = Gathering(rehearsal.take)
    stack.callback(rehearsal.flush)
    stack.callback(gathering.flush)
    return Provider(gathering)


def _run_of(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    where: str,
    gate: Gate,
    ahead: Ahead | None,
    waits: asyncio.AbstractEventLoop | None,
    throttle: Throttle | SharedThrottle,
) -> tuple[Run, Lots]:
    """Return the parts of the run, put together; `where` names the other end of all sessions.

    Records of several sessions wait for each other by `waits`; None: there is one session.
    """
    job, ledger = mailing.inputs.job, mailing.ledger
    retry = job.retry
    clock = clock_of(ledger)
    policy = RetryPolicy(retry.attempts, retry.initial, retry.maximum, retry.give_up_after)
    limits = Limits(transactions=job.server.transactions_per_session)
    if mailing.at is not None:  # the deliveries were planned for another server
        limits.recipients = job.server.recipients_per_transaction
    pace = Pace(policy, clock)
    redirected = bool(options.redirect)
    if waits is None:
        recorder = Recording(ledger.records, progress)
    else:
        recorder = Recording(ledger.records, progress, waits.call_soon, call_later=waits.call_later)
    fitting = Fitting(
        mailing.inputs.composer,
        recorder,
        limits,
        clock,
        accept_changes=options.accept_changes,
        redirected=redirected,
        notify=_notify(job),
        approval=mailing.approval,
    )
    lots = Lots(
        mailing.leases,
        clock,
        limit=options.most,
        only=options.only,
        shared=bool(job.recipients.group_by),
        leased=None if ahead is None else ahead.expect,
        most=lambda: None if redirected else limits.recipients,
        left=lambda: gate.left,
        copies=len(job.message.cc) + len(job.message.bcc),
        patience=patience_of(job, options),
    )
    crew = Crew()
    rules = Rules(
        policy,
        throttle,
        limits,
        pace,
        Troubles(limits, pace, server=where, clock=clock, key=mailing.at_key),
        gate,
        attended=options.attended,
    )
    supply = ComposedLots(lots, fitting, recorder, ahead, crew.stop)
    return Run(supply, recorder, fitting, rules, crew, progress, clock, where), lots


def _throttle(
    mailing: Mailing, options: RunOptions, *, is_shared: bool
) -> Throttle | SharedThrottle:
    """Return the throttle of `server.rate`, which all workers of a published mailing share.

    `is_shared`: the mailing may be published later in the run.
    """
    publication, rate = publication_of(mailing.ledger), rate_of(mailing.inputs.job, options)
    if publication is None or rate is None or not (is_shared or publication.current()):
        return Throttle(rate, time.monotonic)
    return SharedThrottle(publication.turns)


async def _work_alone(
    run: Run, opener: Opener, failures: list[MailbatchError], *, is_first: bool
) -> None:
    """Run one worker to its end; a failure goes to `failures`, and may stop all workers."""
    crew = run.crew
    try:
        if not is_first:
            await first(crew.let_in.wait(), crew.stop.wait())
        await Sender(run, opener).work()
    except MailbatchError as error:
        failures.append(error)
        if error is run.rules.troubles.ended or _ends_all(error):
            crew.stop.set()
        if isinstance(error, UNWRITTEN):
            run.recorder.fail(error)
    except BaseException:
        crew.stop.set()
        raise
    finally:
        crew.let_in.set()  # no worker waits for one that has ended


async def _work(run: Run, opener: Opener, sessions: int) -> list[MailbatchError]:
    """Run the workers to the end; return the failures that ended some of these.

    The first worker opens a session alone: a wrong password is offered once. A worker that loses
    the server for good ends alone, and the others go on. A refused authentication or certificate, a
    ledger that cannot be written and a bug stop all.
    """
    failures: list[MailbatchError] = []
    async with following(run.progress, run.recorder):
        async with asyncio.TaskGroup() as group:
            for number in range(sessions):
                group.create_task(_work_alone(run, opener, failures, is_first=number == 0))
        try:
            await run.recorder.drain()
        except UNWRITTEN as error:
            failures.append(error)
    return failures
