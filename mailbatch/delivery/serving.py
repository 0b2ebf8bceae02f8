"""A worker: a process without a job file that sends the open mailings of a database.

    ended = serve("postgresql:///mail", WorkOptions(sessions=16), progress)

Job, templates and files come out of the bundle, secrets from this machine. A worker that could not
send, or would make other messages than the run, leaves before it takes anything. This module must
never plan, nor write results.

Tests: tests/delivery/test_workers.py.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from mailbatch.bundle.contents import Bundle, unpacked, unpacked_from
from mailbatch.delivery import signals
from mailbatch.delivery.admission import gate_of_worker, wait_until
from mailbatch.delivery.clock import clock_of
from mailbatch.delivery.destination import server_of
from mailbatch.delivery.ledgers import (
    LedgerPlace,
    Publication,
    Published,
    open_mailings,
    open_to_read,
    open_to_work,
    publication_of,
)
from mailbatch.delivery.options import Progress, RunOptions, Sent
from mailbatch.delivery.preparation import Inputs, Mailing, private_key
from mailbatch.delivery.publishing import asks_command, sample_digest, versions
from mailbatch.delivery.send_times import hold_of
from mailbatch.delivery.sending import send
from mailbatch.delivery.state import InDatabase
from mailbatch.delivery.thread import thread_kept
from mailbatch.errors import JobError, LedgerError, LedgerUnreachable, MailbatchError
from mailbatch.frozen import frozen
from mailbatch.job.columns import find_column
from mailbatch.job.model import Job
from mailbatch.ledger.ports import OpenLedger
from mailbatch.recipients.plan import Plan
from mailbatch.remarks import Remarks
from mailbatch.render.composer import Composer
from mailbatch.render.dkim import make_signer
from mailbatch.smtp.server import Server

#: How often a worker looks for open mailings while there is nothing to send: seconds.
POLL, LONGEST_POLL = 2.0, 30.0
#: A mailing whose next recipient is due later than this is left for others meanwhile: seconds.
PATIENCE = 5.0
#: A database that a worker has reached before is waited for so long: seconds, as by a run.
AWAY = 180.0
#: A mailing that a key of the job holds is looked at again so late: seconds.
HOLD = 60.0
#: How long a mailing that failed here is left alone by a worker that stays: seconds.
ASIDE = 300.0
_MOST_FAILURES = 3


@frozen
class WorkOptions:
    """The options of `mailbatch work`.

    `sessions` None: those of each job. `forever`: wait for mailings that are opened later.
    `source_address` is the address that connections leave from, `hello` the name said in EHLO.
    `state` is the folder where this machine keeps what it has seen of the ledgers; None: nowhere.
    `bundles` is the folder with the bundles that are too large for the database; None: no folder.
    """

    sessions: int | None = None
    forever: bool = False
    source_address: str | None = None
    hello: str | None = None
    state: Path | None = None
    bundles: Path | None = None
    transcript: Callable[[str, bytes], None] | None = None


@frozen
class Served:
    """The result of a worker: what it sent, and whether a signal ended it before the mailings."""

    transactions: int = 0
    sessions: int = 0
    mailings: int = 0
    interrupted: bool = False


def serve(
    url: str,
    options: WorkOptions,
    progress: Progress,
    *,
    environ: Mapping[str, str] | None = None,
) -> Served:
    """Send the open mailings of a database until none is left to do, and return the result.

    A mailing that fails keeps no worker from the others. With `forever` the failure is told, and
    the mailing tried again after `ASIDE`; without, the first failure is raised behind the others.

    Raises:
        JobError: a secret is missing here, or this worker would make other messages (78).
        LedgerError: the database cannot be used (74).
        SessionError: the server cannot be reached, or refuses (69, 75, 77).
        MailingStopped: another worker has met trouble of all.
        StoppedAtOnce: a second signal came.
    """
    environ = os.environ if environ is None else environ
    with signals.Stopping() as stopping, ExitStack() as stack:
        worker = _Worker(url, options, progress, environ, stopping, stack)
        try:
            return worker.work()
        except signals.Interrupted as last:
            raise signals.StoppedAtOnce(last.signum) from None


@frozen
class _Ready:
    """A mailing that this worker can send: compiled, with its secrets, proved by the samples."""

    published: Published
    bundle: Bundle
    job: Job
    composer: Composer
    server: Server


class _Worker:
    """One process that serves the mailings of a database, one after the other."""

    def __init__(
        self,
        url: str,
        options: WorkOptions,
        progress: Progress,
        environ: Mapping[str, str],
        stopping: signals.Stopping,
        stack: ExitStack,
    ) -> None:
        self._url = url
        self._options = options
        self._progress = progress
        self._environ = environ
        self._stopping = stopping
        self._stack = stack
        self._ready: dict[LedgerPlace, _Ready] = {}
        # How often in a row a ledger ended the sending.
        self._failures = 0
        # The mailings that failed here, each with the time of the next attempt.
        self._aside: dict[LedgerPlace, float] = {}
        # The mailings that a key of the job holds, each as it was published, until when.
        self._held: dict[LedgerPlace, tuple[Published, float]] = {}
        self._first: MailbatchError | None = None
        self._was_reached = False

    def work(self) -> Served:
        """Serve all mailings that are open, again and again."""
        total, places, wait = Served(), set[LedgerPlace](), POLL
        while True:
            sent, left = 0, False
            for place in self._open_mailings():
                if self._stopping.signum is not None:
                    break
                done, goes_on = self._attempt(place)
                left = left or goes_on
                if done.transactions:
                    places.add(place)
                sent += done.transactions
                total = replace(
                    total,
                    transactions=total.transactions + done.transactions,
                    sessions=total.sessions + done.sessions,
                    mailings=len(places),
                )
            if self._stopping.signum is None and not (left or sent or self._options.forever):
                if self._first is not None:
                    raise self._first
                return total
            wait = POLL if sent else min(2 * wait, LONGEST_POLL if left else POLL)
            if self._stopping.signum is not None or not wait_until(
                time.time() + (0.0 if sent else wait), self._stopping
            ):
                return replace(total, interrupted=True)

    def _open_mailings(self) -> Sequence[LedgerPlace]:
        """Return the open mailings; none where a signal ends the wait for a database.

        Raises:
            LedgerUnreachable: the database was never reached, or was away for too long.
        """
        since: float | None = None
        while True:
            try:
                found = open_mailings(self._url, seen=self._options.state)
            except LedgerUnreachable as failure:
                now = time.monotonic()
                if not self._was_reached or (since is not None and now - since > AWAY):
                    raise
                if since is None:
                    since = now
                    self._progress.note(f"{failure}; trying for {AWAY:.0f} s")
                if not wait_until(time.time() + POLL, self._stopping):
                    return ()
            else:
                self._was_reached = True
                return found

    def _attempt(self, place: LedgerPlace) -> tuple[Sent, bool]:
        """Serve a mailing, and set one aside that fails: others may be sent all the same.

        A database that is away is waited for where the open mailings are read.
        """
        if time.time() < self._aside.get(place, 0.0):
            return Sent(), False
        try:
            sent, goes_on = self._serve(place)
        except LedgerUnreachable:
            return Sent(), True
        except MailbatchError as failure:
            sent, goes_on = Sent(failure=failure), False
        if sent.failure is not None:
            self._set_aside(place, sent.failure)
        return sent, goes_on

    def _set_aside(self, place: LedgerPlace, failure: MailbatchError) -> None:
        self._first = self._first or failure
        self._aside[place] = time.time() + ASIDE if self._options.forever else math.inf
        if self._options.forever:
            self._progress.note(f"{failure}; tried again in {ASIDE / 60:.0f} minutes")

    def _serve(self, place: LedgerPlace) -> tuple[Sent, bool]:
        """Send what is due of a mailing; return whether something of it may be due later, too."""
        ready, goes_on = self._prepared(place)
        if ready is None:
            return Sent(), goes_on
        with (
            open_to_work(
                place,
                message_id_domain=ready.composer.message_id_domain,
                bundle=ready.published.mark,
            ) as ledger,
            ExitStack() as stack,
        ):
            ledger.listen(self._progress.note)
            options = RunOptions(
                sessions=self._options.sessions,
                accept_changes=ready.bundle.accept_changes,
                transcript=self._options.transcript,
                rate=ready.published.rate,
                patience=PATIENCE,
            )
            inputs = Inputs(ready.job, ready.bundle.edition, _plan_of(ready), ready.composer)
            state = InDatabase(self._url, self._options.state)
            thread = thread_kept(ready.job, inputs.edition, ledger, state, stack)
            mailing = Mailing(inputs, ledger, None, thread=thread)
            gate = gate_of_worker(ready.job, ledger)
            held = gate.look() or hold_of(mailing, options, clock_of(ledger)())
            if held is not None:
                until = min(held.until, time.time() + HOLD)
                self._held[place] = (ready.published, until)
                return Sent(), True
            sent = send(mailing, options, self._progress, ready.server, self._stopping, None, gate)
            if self._goes_on_behind(sent.failure):
                return replace(sent, failure=None), True
            publication = publication_of(ledger)
            if publication is not None and publication.step_is_used_up and sent.failure is None:
                # The run judges, and offers the mailing with the next step.
                self._held[place] = (ready.published, time.time() + HOLD)
                return sent, True
            return self._ended(sent, ledger)

    def _goes_on_behind(self, failure: MailbatchError | None) -> bool:
        """Say whether to enter a mailing anew: behind a burial, others have what was leased.

        A worker that is slower than others to find the way back to a database is buried alive. A
        ledger that fails again and again is another matter.
        """
        if not isinstance(failure, LedgerError):
            self._failures = 0
            return False
        self._failures += 1
        if self._failures > _MOST_FAILURES:
            return False
        self._progress.note(f"{failure}; entering the mailing anew")
        return True

    def _ended(self, sent: Sent, ledger: OpenLedger) -> tuple[Sent, bool]:
        """Note the end of a mailing that did not fail."""
        if sent.failure is not None:
            return sent, False
        ledger.plan.mark_finished(time.time())
        return sent, sent.held is not None or ledger.leases.next_due() is not None

    def _is_held(self, place: LedgerPlace, published: Published) -> bool:
        """Say whether a mailing was held when this worker looked last, and still is."""
        known, until = self._held.get(place, (None, 0.0))
        return known == published and time.time() < until

    def _prepared(self, place: LedgerPlace) -> tuple[_Ready | None, bool]:
        """Return a mailing ready to be sent, None where there is nothing to do for a worker now.

        The other value says whether there may be something later. A worker that has nothing to do
        does not enter: each entry writes a row.
        """
        with open_to_read(place) as ledger:
            publication = publication_of(ledger)
            published = None if publication is None else publication.current()
            if publication is None or published is None or not publication.is_left():
                return None, False
            if self._is_held(place, published) or not publication.is_due(PATIENCE):
                return None, True
            known = self._ready.get(place)
            if known is None or known.published != published:
                unpacking = self._unpacking(published, publication)
                if unpacking is None:  # another run publishes just now
                    return None, False
                known = self._compiled(published, unpacking)
                _check_samples(known, publication)
                self._ready[place] = known
            return known, True

    def _unpacking(
        self, published: Published, publication: Publication
    ) -> AbstractContextManager[tuple[Bundle, Job]] | None:
        """Return the bundle, of the database or of the folder; None where it is replaced now."""
        if published.file is not None:
            return unpacked_from(self._options.bundles, published.bundle, written=published.file)
        data = publication.archive(published.bundle)
        return None if data is None else unpacked(data, published.bundle)

    def _compiled(
        self, published: Published, unpacking: AbstractContextManager[tuple[Bundle, Job]]
    ) -> _Ready:
        """Compile the messages of a bundle, and resolve the secrets of its job here."""
        bundle, job = self._stack.enter_context(unpacking)
        if asks_command(job):  # no run publishes such a job: somebody else wrote the database
            raise JobError(
                f"the bundle of {job.name} asks this machine to run a command",
                hint="look who may write the database: a worker runs no command of a job",
            )
        server = server_of(job, self._environ)
        server = replace(
            server, source_address=self._options.source_address, hello=self._options.hello
        )
        composer = Composer(
            job,
            edition=bundle.edition,
            columns=bundle.columns,
            now=bundle.now,
            variables={**job.variables, **bundle.variables},
        )
        if job.message.dkim is not None:
            key = private_key(job, job.message.dkim, self._environ)
            composer = composer.signed_by(make_signer(job, job.message.dkim, key))
        return _Ready(published, bundle, job, composer, server)


def _check_samples(ready: _Ready, publication: Publication) -> None:
    """Refuse a mailing whose messages would be others here than those of the run.

    Raises:
        JobError: a message, or its length, differs (78).
    """
    here, there, kept = versions(), ready.published.versions, ready.published.terms
    domain = ready.composer.message_id_domain
    for sample in ready.published.samples:
        delivery = publication.delivery_of(sample.recipient, domain)
        if delivery is None or sample_digest(ready.composer, delivery, kept) == sample.digest:
            continue
        differ = [
            f"{name} {here.get(name)} here, {there[name]} there"
            for name in there
            if here.get(name) != there[name]
        ]
        raise JobError(
            f"this worker would send another message to row {delivery.rows[0].line} of "
            f"{ready.job.name} ({ready.bundle.edition}) than the run: "
            f"{'; '.join(differ) or 'with the same versions'}",
            hint="install the versions of the run here"
            if differ
            else "look for files with absolute names, and for the key of message.dkim",
        )


def _plan_of(ready: _Ready) -> Plan:
    """Return a plan with the columns of the mailing and no row: the rows are in the ledger."""
    columns = ready.bundle.columns
    address = find_column(ready.job.recipients.address, columns)
    return Plan(
        _NoTable(columns),
        address=0 if address is None else columns.index(address),
        group_by=(),
        condition=None,
        suppressed={},
        remarks=Remarks(),
        stop=False,
    )


class _NoTable:
    """The table of a mailing, which lies where the run was planned."""

    shown = "the table of the run"
    header = 1

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.remarks = Remarks()

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        return iter(())
