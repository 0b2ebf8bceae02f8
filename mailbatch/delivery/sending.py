"""The sending part of a run: the event loop, the transport, the workers and their end.

It is imported only where something is sent. It must never plan, nor write results.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mailbatch.delivery import destination, signals
from mailbatch.delivery.ahead import LEAST_MESSAGES, Ahead, composing_ahead
from mailbatch.delivery.clock import SteadyClock
from mailbatch.delivery.descriptors import check_descriptors
from mailbatch.delivery.limits import Limits
from mailbatch.delivery.link import first
from mailbatch.delivery.lots import Lots
from mailbatch.delivery.options import Progress, RunOptions, Sent
from mailbatch.delivery.pace import Pace
from mailbatch.delivery.places import OUTBOX
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.recording import Recording
from mailbatch.delivery.retry import RetryPolicy
from mailbatch.delivery.sender import Sender
from mailbatch.delivery.shared import Run
from mailbatch.delivery.throttle import Throttle
from mailbatch.delivery.transport import FileSession, TransportSession
from mailbatch.delivery.trouble import Troubles
from mailbatch.errors import LedgerError, MailbatchError, SessionError
from mailbatch.job.model import Job
from mailbatch.ledger.results import check_place
from mailbatch.outcome import UNFINISHED
from mailbatch.smtp.server import Server

if TYPE_CHECKING:
    from mailbatch.sandbox.server import Sandbox

Opener = Callable[[], Awaitable[TransportSession]]


def send(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    server: Server | None,
    stopping: signals.Stopping,
) -> Sent:
    """Send, once it is certain that what comes of it can be written.

    Raises `LedgerError` or `TooManyOpenFiles` where it cannot, and `StoppedAtOnce` at the second
    signal; what fails later is `Sent.failure`.
    """
    if mailing.results is not None:
        check_place(mailing.results)
    sessions = options.sessions or mailing.inputs.job.server.sessions
    check_descriptors(2 * sessions if options.sandbox else sessions)
    mailing.ledger.reserve_space()
    messages = mailing.messages(options, LEAST_MESSAGES)
    with (
        stopping.in_loop(),
        composing_ahead(mailing.inputs.composer, messages, progress.note) as ahead,
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        return runner.run(_send_all(mailing, options, progress, server, stopping, ahead))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed: 1.4 to 2 times as many messages a second."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _send_all(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    server: Server | None,
    stopping: signals.Stopping,
    ahead: Ahead | None,
) -> Sent:
    """Open the transport, let the workers run, and stop them at a signal."""
    job = mailing.inputs.job
    opener, where, sandbox = await _transport(job, options, progress, server)
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    sessions = options.sessions or job.server.sessions
    several = sessions > 1 and not options.dry_run
    recording = Recording(mailing.ledger, progress, loop.call_soon if several else None)
    shared = _shared(mailing, options, progress, where, ahead, recording)
    stopped: list[int] = []

    def finish() -> None:
        shared.stop.set()
        progress.note("stopping: what is open is being finished; a second signal stops at once")

    def at_once(signum: int) -> None:
        stopped.append(signum)
        if me is not None:
            me.cancel()

    stopping.install(loop, finish, at_once)
    try:
        failure = await _work(shared, opener, sessions)
    except asyncio.CancelledError:
        if stopped:
            raise signals.StoppedAtOnce(stopped[0]) from None
        raise
    finally:
        recording.close()
        stopping.remove(loop)
        if sandbox is not None:
            await sandbox.stop()
    interrupted = stopping.signum is not None
    if not isinstance(failure, LedgerError):
        shared.lots.release()
        if failure is not None or interrupted:
            _give_back(shared)
        mailing.ledger.suspect(None)
    learned = shared.limits.learned
    return Sent(shared.transactions, shared.sessions, failure, interrupted, learned=learned)


def _give_back(shared: Run) -> None:
    """Make pending again whoever was refused right before a run ended early.

    Nobody knows whose trouble that was: nobody was accepted behind it.
    """
    for began, reply in shared.troubles.unfinished:
        shared.ledger.give_back(began, reply)


async def _transport(
    job: Job, options: RunOptions, progress: Progress, server: Server | None
) -> tuple[Opener, str, Sandbox | None]:
    """Return what opens sessions, what people call its other end, and the sandbox if it is one."""
    if options.dry_run:
        folder = options.out or job.folder / OUTBOX

        async def opener() -> TransportSession:
            return FileSession(folder)

        return opener, f"{folder.name}/", None
    if server is not None:
        return destination.opener(server, options, progress), server.address, None
    from mailbatch.sandbox.server import Sandbox  # costs a tenth of the start of a run

    sandbox = await Sandbox.start(outbox=options.out, answers=options.answers, tell=progress.alarm)
    server = destination.sandbox_server(job, sandbox.port)
    return destination.opener(server, options, progress), "the sandbox", sandbox


def _shared(
    mailing: Mailing,
    options: RunOptions,
    progress: Progress,
    where: str,
    ahead: Ahead | None,
    recording: Recording,
) -> Run:
    job, ledger = mailing.inputs.job, mailing.ledger
    retry = job.retry
    rate = None if job.server.rate is None else job.server.rate.per_second
    clock = SteadyClock(time.time, time.monotonic)
    policy = RetryPolicy(retry.attempts, retry.initial, retry.maximum, retry.give_up_after)
    limits = Limits(transactions=job.server.transactions_per_session)
    pace = Pace(policy, clock)
    redirected = options.redirect is not None
    return Run(
        ledger=ledger,
        recording=recording,
        lots=Lots(
            ledger,
            clock,
            limit=options.limit,
            only=options.only,
            leased=None if ahead is None else ahead.expect,
            most=lambda: None if redirected else limits.recipients,
        ),
        composer=mailing.inputs.composer,
        ahead=ahead,
        policy=policy,
        throttle=Throttle(options.rate if options.rate is not None else rate, time.monotonic),
        limits=limits,
        pace=pace,
        troubles=Troubles(limits, pace, server=where, clock=clock),
        progress=progress,
        clock=clock,
        accept_changes=options.accept_changes,
        attended=options.attended,
        stop=asyncio.Event(),
        settled=asyncio.Event(),
        let_in=asyncio.Event(),
        redirected=redirected,
        server=where,
    )


async def _work_alone(
    shared: Run, opener: Opener, failures: list[MailbatchError], *, is_first: bool
) -> None:
    """Run one worker to its end; what ends it goes to `failures`, and may stop all of them."""
    try:
        if not is_first:
            await first(shared.let_in.wait(), shared.stop.wait())
        await Sender(shared, opener).work()
    except SessionError as error:
        failures.append(error)
        if error is shared.troubles.ended or error.exit_code != SessionError.exit_code:
            shared.stop.set()
    except MailbatchError as error:
        failures.append(error)
        shared.stop.set()
        if isinstance(error, LedgerError):
            shared.recording.fail(error)
    except BaseException:
        shared.stop.set()
        raise
    finally:
        shared.let_in.set()  # nobody waits for one that has ended


async def _work(shared: Run, opener: Opener, sessions: int) -> MailbatchError | None:
    """Run the workers to their end; return the failure that left the edition unfinished, if any.

    The first one opens its session alone: a password that is wrong is offered once. A worker that
    loses its server for good ends alone, and the others go on. What the server says to all of them,
    a refused authentication or certificate, a ledger that cannot be written and a bug stop all.
    """
    failures: list[MailbatchError] = []
    async with asyncio.TaskGroup() as group:
        for number in range(sessions):
            group.create_task(_work_alone(shared, opener, failures, is_first=number == 0))
    try:
        shared.recording.flush()
    except LedgerError as error:
        failures.append(error)
    unfinished = any(shared.ledger.counts()[status] for status in UNFINISHED)
    serious = [f for f in failures if f.exit_code != SessionError.exit_code]
    if serious:
        return serious[0]
    return failures[-1] if failures and unfinished else None
