"""The servers of a run, one behind the other: `server`, and `server.fallback` where that one fails.

    routes = routes_of(mailing, options, environ, stack)       # one, or two with a fallback
    sent = send_in_turn(routes, options, progress, stopping, steps)

A run moves where a job with one server would end, and nowhere else: around the sessions, never
inside of one. So both servers have the machinery of a run for themselves (rate, sessions, brake,
cap, learned limits), and no delivery is under way while the server changes.

    the run would end at the first server by              it moves
    ----------------------------------------------------  ----------------------------------------
    no connection, TLS, greeting, AUTH, token             yes, behind the tries of `retry`
    a server lost again and again, in any command         yes, behind the tries of `retry`
    a limit of the server, its day's or month's limit     yes
    refusals of all alike (design: the account's trouble) yes: those of the streak are pending again
    `cap` or `warmup` of the server                       yes
    `window`, a signal, a guard, a plan, the ledger       no: these are of the run
    the last recipient with an own reply, 4yz or 5yz      no: the run is over

The ledger says who moves. A pending recipient was certainly not taken: no commit point was recorded
for the attempt, or the server refused the transaction. Each is due at the second server at once. A
deferred recipient has a reply of its own and keeps time and tries; a 421 is no such reply.
Accepted, rejected, in doubt: settled, and never moved. A run stays at the second server until its
end, and the next run begins at the first one again. This module must never look into a session, nor
move a recipient by itself.

Tests: tests/certainty/test_fallback.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.delivery.ledgers import move_to
from mailbatch.delivery.options import FALLBACK, Progress, RunOptions, Sent, is_more_serious
from mailbatch.delivery.preparation import Mailing
from mailbatch.delivery.state import State, url_of
from mailbatch.errors import JobError, LocalProtocolError, MailbatchError, SessionError
from mailbatch.frozen import frozen
from mailbatch.job.model import Job

if TYPE_CHECKING:
    from mailbatch.delivery.gate import Gate, Held
    from mailbatch.delivery.signals import Stopping
    from mailbatch.delivery.steps import Steps
    from mailbatch.smtp.server import Server


@frozen
class Route:
    """The way of a mailing through one server: the mailing as if the job had no other server.

    `address` is host and port. `server` is None for files and the sandbox, `gate` None where
    nothing may hold the run.
    """

    mailing: Mailing
    address: str
    server: Server | None
    gate: Gate | None


def check_place(job: Job, state: State) -> None:
    """Refuse a second server for a ledger in a database, which knows of one server alone.

    Raises:
        JobError: the job has a fallback, and `state` is a database (78).
    """
    if job.server.fallback is None or url_of(state) is None:
        return
    raise JobError(
        "a ledger in a database does not know which server took a message",
        location=job.locate("server.fallback"),
        hint="Keep the ledger in a file (leave --ledger and MAILBATCH_LEDGER out), or leave out "
        "fallback.",
    )


def routes_of(
    mailing: Mailing, options: RunOptions, environ: Mapping[str, str], stack: ExitStack
) -> tuple[Route, ...]:
    """Return the routes of a run in their order; all secrets are resolved here.

    The turn of a job with a daily number is given back with `stack`.

    Raises:
        JobError: a secret is missing.
        LedgerError: a ledger of the job cannot be read, and may have recipients that count (74).
    """
    job = mailing.inputs.job
    only_one = options.dry_run or not mailing.unfinished
    gates = _gates(mailing, options, stack)
    routes = []
    for number, settings in enumerate(job.server.in_turn[: 1 if only_one else None]):
        server = None
        if not (options.dry_run or options.sandbox or not mailing.unfinished):
            from mailbatch.delivery.destination import server_of

            key = "server.fallback" if number else "server"
            server = server_of(job, environ, key=key)
        way = mailing
        if number:
            alone = job.model_copy(update={"server": settings})
            inputs = replace(mailing.inputs, job=alone)
            way = replace(mailing, inputs=inputs, at=settings.address)
        gate = None if gates is None else gates[number]
        routes.append(Route(way, settings.address, server, gate))
    return tuple(routes)


def _gates(mailing: Mailing, options: RunOptions, stack: ExitStack) -> tuple[Gate, ...] | None:
    """Return the gates of a run that a key of `server` may hold; mostly there is none."""
    job = mailing.inputs.job
    if options.scratch or not mailing.unfinished or not job.server.may_hold:
        return None
    from mailbatch.delivery.admission import gates_of

    return gates_of(job, mailing, options, stack)


def held_now(routes: Sequence[Route]) -> Held | None:
    """Return what holds a run before it begins; None where one of the servers may be sent to."""
    gates = [route.gate for route in routes if route.gate is not None]
    if not gates:
        return None
    from mailbatch.delivery.admission import first_free

    return first_free([gate.look() for gate in gates])


def names_of(routes: Sequence[Route]) -> str:
    """Return the servers in words, for the question before a send."""
    return ", or else ".join(route.address for route in routes)


def send_in_turn(
    routes: Sequence[Route],
    options: RunOptions,
    progress: Progress,
    stopping: Stopping,
    steps: Steps | None = None,
) -> Sent:
    """Send through the first server, and what it has certainly not taken through the next one.

    Raises:
        OutputError: the results cannot be written.
        LedgerError: there is no room to record the run.
        TooManyOpenFiles: the system has no descriptors for so many sessions.
        StoppedAtOnce: a second signal came.
    A later failure is `Sent.failure`, also one before the first message at the next server.
    """
    first, *others = routes
    sent = _send(first, options, progress, stopping, steps)
    for route in others:
        why = _why_it_moves(sent)
        if why is None:
            break
        left = options if sent.left is None else replace(options, limit=sent.left)
        try:
            move_to(route.mailing.ledger, route.address)
            if not route.mailing.messages(left, 1):
                break
            tell = progress.alarm if sent.failure is not None else progress.note
            tell(f"{why}; going on at {route.address}")
            stopped = None if steps is None else steps.look()
            if stopped is not None:
                return replace(sent, failure=stopped)
            there = _send(route, left, progress, stopping, steps)
        # The ledger, the reports that a guard looks at, or no room to begin: the first server has
        # sent, and the run has to end with its results.
        except MailbatchError as error:
            return replace(sent, failure=error)
        sent = _together(sent, there, options, progress)
    return sent


def _send(
    route: Route,
    options: RunOptions,
    progress: Progress,
    stopping: Stopping,
    steps: Steps | None,
) -> Sent:
    """Send through one server, unless its cap or warm-up is reached already."""
    from mailbatch.delivery.sending import send  # a third of the start of a run

    gate = route.gate
    held = None if gate is None else gate.look()
    if held is not None:
        return Sent(held=held, left=options.most)
    return send(route.mailing, options, progress, route.server, stopping, steps, gate)


def _why_it_moves(sent: Sent) -> str | None:
    """Return why a run cannot go on at a server, and may at the next one; None: it may not."""
    failure, held = sent.failure, sent.held
    if sent.interrupted or sent.left == 0:
        return None
    if failure is not None:
        is_of_the_server = isinstance(failure, SessionError)
        is_ours = isinstance(failure, LocalProtocolError)  # a bug, at any server
        return str(failure) if is_of_the_server and not is_ours else None
    return held.why if held is not None and held.by != "window" else None


def _together(first: Sent, second: Sent, options: RunOptions, progress: Progress) -> Sent:
    """Return what a run came to at both servers.

    The end of the second one is the end of the run. Where both failed, the more serious failure is
    that of the run, and the progress hears the other one. Where the cap of the first one is reached
    and the run waits for it, the second one may fail meanwhile.
    """
    failure, held = second.failure, second.held
    if isinstance(failure, SessionError):
        before = first.failure
        if isinstance(before, SessionError) and is_more_serious(before, failure):
            progress.alarm(str(failure))
            failure = before
        elif first.held is not None and options.wait:
            progress.alarm(str(failure))
            failure, held = None, first.held
    elif failure is None and held is not None:
        failure = first.failure
        if first.held is not None and first.held.until < held.until and held.by != "window":
            held = first.held
    return replace(
        second,
        transactions=first.transactions + second.transactions,
        sessions=first.sessions + second.sessions,
        failure=failure,
        held=held,
        learned={
            **first.learned,
            **{f"{FALLBACK}{key}": number for key, number in second.learned.items()},
        },
    )
