"""Everything before the network: edition, templates, table, ledger, plan.

Every mistake in the user's files comes out here, before the first byte is sent. Opens no socket.

Tests: tests/delivery/test_tables.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailbatch.delivery.clock import clock_of
from mailbatch.delivery.ledgers import discard, open_to_run, place_of
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.places import (
    check_edition,
    check_given_edition,
    ledger_path,
)
from mailbatch.delivery.plan_refusals import explained
from mailbatch.delivery.precedent import check_first, is_first
from mailbatch.delivery.rehearsals import claim
from mailbatch.delivery.reported import rehearsed_addresses, reported_addresses
from mailbatch.delivery.results_place import declared_results_path, results_path
from mailbatch.delivery.state import State
from mailbatch.delivery.succession import check_part, to_correct_again
from mailbatch.delivery.thread import Thread, ThreadedLeases, thread_of
from mailbatch.delivery.variables import check_variables
from mailbatch.errors import (
    IdentityError,
    InputErrors,
    JobError,
    MessageError,
    Mistakes,
    OverlapError,
    PlanDifference,
    UsageError,
)
from mailbatch.frozen import frozen
from mailbatch.job.model import Dkim, Job
from mailbatch.job.secrets import resolve_secret
from mailbatch.ledger.ports import Leases, OpenLedger
from mailbatch.outcome import UNFINISHED, Status
from mailbatch.recipients.plan import Plan, plan_recipients
from mailbatch.render.composer import Composer
from mailbatch.render.dkim import make_signer
from mailbatch.render.edition import render_edition
from mailbatch.render.subject import Test
from mailbatch.send_time import SendTimesError
from mailbatch.temporary import temporary_folder

if TYPE_CHECKING:
    from mailbatch.delivery.approval import Approval
    from mailbatch.delivery.correction import Correction

#: Of a rehearsal, whose Message-IDs no report can bring back to the real mailing. A ledger that was
#: begun by an earlier mailbatch has no secret, so that the empty text would be the secret of both.
REHEARSED = "rehearsal"
#: The name under which the digests of the message have that of the approved plan.
_PLAN = "plan"
_SHOWN = 12


@frozen
class Inputs:
    """The user's files, read and compiled: the start of `check`, `preview` and `run`.

    `correction` is that of another edition, None where the mailing corrects none.
    """

    job: Job
    edition: str
    plan: Plan
    composer: Composer
    correction: Correction | None = None


@frozen
class Mailing:
    """An edition that is planned: the inputs, the open ledger and the place of the results.

    `approval` holds the run to a plan, None: to none. `rows` is the number of rows that were read.
    `thread` is that of the messages, None without `message.thread`. `at` names the server of the
    job that the mailing goes through, host and port; None: the first one.
    """

    inputs: Inputs
    ledger: OpenLedger
    results: Path | None
    approval: Approval | None = None
    rows: int = 0
    thread: Thread | None = None
    at: str | None = None

    @property
    def at_key(self) -> str:
        """The place of that server in the job."""
        return "server" if self.at is None else "server.fallback"

    @property
    def leases(self) -> Leases:
        """The deliveries that are due, each with its thread."""
        ledger, placing = self.ledger, self.inputs.correction or self.thread
        if placing is None:
            return ledger.leases
        return ThreadedLeases(ledger.leases, ledger.records, placing)

    @property
    def unfinished(self) -> int:
        """The number of recipients that are pending or deferred."""
        counts = self.ledger.standing.counts()
        return sum(counts[status] for status in UNFINISHED)

    def messages(self, options: RunOptions, most: int) -> int:
        """Return how many messages a run with these options makes; counted up to `most`."""
        limit = most if options.most is None else min(options.most, most)
        count = self.ledger.plan.due_deliveries
        if options.only:
            return min(sum(count(limit, address=one) for one in options.only), limit)
        return count(limit)

    def wanted(self, options: RunOptions) -> int:
        """Return how many recipients a run with these options sends to, at most."""
        found = self.unfinished
        if options.only:
            standing = self.ledger.standing
            found = sum(
                status in UNFINISHED
                for address in options.only
                for status in standing.statuses_of(address)
            )
        if options.most is not None and not self.inputs.job.recipients.group_by:
            return min(options.most, found)
        return found


def read_inputs(
    job: Job,
    *,
    edition: str | None,
    variables: Mapping[str, str],
    now: datetime,
    traced: bool = False,
    test: Test = Test.NONE,
    state: State = None,
    store: Path | None = None,
    rehearsals: Path | None = None,
) -> Inputs:
    """Read the table and compile the templates, which note their branches if `traced`.

    The reports in the `store` (`--store`), or in the folder of the `state`, may suppress addresses.
    So may those of earlier `rehearsals`, the folder of which a rehearsal names. Messages of a
    `test` have no bulk id, and may have a mark in the subject.

    Raises:
        InputErrors: table, templates and results have mistakes; all of them together.
        JobError, UsageError: the edition cannot be one.
        UsageError: a variable of the command line is read by no template, and not in the job.
        StoreError, LedgerError: the reports of an edition cannot be read, and may suppress (74).
    """
    merged = {**job.variables, **variables}
    if edition is not None:
        named = check_given_edition(job, edition)
    else:
        named = check_edition(job, render_edition(job, now, merged))
    mistakes = Mistakes()
    plan = composer = None
    with mistakes:
        declared_results_path(job, named, merged, given=edition is not None)
    with mistakes:
        plan = plan_recipients(
            job,
            edition=named,
            variables=merged,
            now=now,
            reported=reported_addresses(job, state, store)
            | rehearsed_addresses(job, rehearsals, edition=named),
        )
    if plan is not None:
        with mistakes:
            composer = Composer(
                job,
                edition=named,
                columns=plan.columns,
                now=now,
                variables=merged,
                traced=traced,
                test=test,
            )
    if plan is None or composer is None or mistakes.found:
        raise InputErrors(mistakes.found)
    check_variables(job, variables, composer)
    return Inputs(job, named, plan, composer)


def open_mailing(
    inputs: Inputs, options: RunOptions, stack: ExitStack, approval: Approval | None = None
) -> Mailing:
    """Open the edition's ledger (a scratch one where the real mailing stays unsent) and plan.

    The ledger is closed, and a scratch one removed, with `stack`; that of a rehearsal which is kept
    stays until the edition is rehearsed again.

    Raises:
        LedgerError: the ledger cannot be used; `LedgerLocked` while another run holds the edition.
        InputErrors: rows are invalid, with `on_invalid: stop`.
        RecipientError: the recipients of a first run seem to have the message already.
        MessageError: the message changed after a recipient was mailed.
        PlanDifference: the rows are others than those of the approved plan, or the edition is sent
            under another plan.
        InputErrors, RecipientError, LedgerError: there can be no thread (`thread_of`).
        RecipientError: the edition was corrected, or is a correction (`check_part`).
    """
    job, edition = inputs.job, inputs.edition
    results = results_path(job, edition, options)
    state = _state(job, edition, options, stack)
    place = place_of(job, edition, state)
    is_new = not (options.scratch or options.new_mailing or inputs.correction)
    if is_new and is_first(place):
        check_first(job, edition, inputs.plan, state=state, results=results)
    ledger = stack.enter_context(
        open_to_run(
            place,
            job=job.name,
            edition=edition,
            message_id_domain=inputs.composer.message_id_domain,
            # What is looked at twice shall be the same twice.
            secret=REHEARSED if options.scratch else None,
        )
    )
    if not options.scratch:
        check_part(ledger, inputs.correction)
    if options.retry_rejected:
        # Before the plan: a row that has moved to another group since leaves its old message.
        ledger.plan.reopen_rejected()
    # A rehearsal waits for no time: its messages are for a look.
    timed = job.message.send_at is not None and not options.scratch
    now = clock_of(ledger)() if timed else None
    accept = options.accept_changes
    rows = reconcile(ledger, job, inputs.plan, approval, accept_changes=accept, now=now)
    if job.recipients.group_by and ledger.plan.shares_messages():
        leaks = inputs.composer.leaks()
        if leaks:
            raise InputErrors(leaks)
    ledger.plan.reopen_deferred()
    mailing = Mailing(inputs, ledger, results, approval, rows)
    for address in options.only:
        if not ledger.plan.knows(address):
            raise UsageError(
                f"{address} is not among the recipients",
                hint=f"give an address of {job.recipients.shown}",
            )
    if mailing.unfinished:
        if inputs.correction is None:
            mailing = replace(mailing, thread=thread_of(inputs, ledger, options, stack))
        _settle_content(mailing, accept=options.accept_changes)
    return mailing


def _state(job: Job, edition: str, options: RunOptions, stack: ExitStack) -> State:
    """Return the place of the ledger: that of a rehearsal is emptied, a scratch one is made."""
    if options.rehearsal is not None:
        folder = options.rehearsal.folder
        claim(folder)
        discard(ledger_path(job, edition, folder))
        options.rehearsal.begin(edition)
        return folder
    if options.scratch:
        return stack.enter_context(temporary_folder())
    return options.state


def reconcile(
    ledger: OpenLedger,
    job: Job,
    plan: Plan,
    approval: Approval | None = None,
    *,
    accept_changes: bool = False,
    now: float | None = None,
) -> int:
    """Make the plan of a ledger that of a table, and return the number of rows.

    The errors of the rows are raised. `now` (seconds since the epoch) is when the plan is made of
    rows that wait for a time of sending; None: no row does.

    Raises:
        IdentityError: recipients that were mailed are told apart by other columns now.
        InputErrors: rows would be mailed at addresses that have a message by another key, or rows
            of one message have several times of sending.
        PlanDifference: the rows are others than those of an approved plan.
    """
    # Copies need a RCPT of each transaction, too.
    copies = len(job.message.cc) + len(job.message.bcc)
    try:
        change = ledger.plan.reconcile(
            plan.columns,
            plan if approval is None else approval.rows(plan),
            group_by=job.recipients.group_by,
            recipients_per_transaction=max(1, job.server.recipients_per_transaction - copies),
            identity=plan.identity,
            accept_changes=accept_changes,
            now=now,
        )
    except (IdentityError, OverlapError, SendTimesError) as error:
        raise explained(error, job, plan) from None
    if approval is not None:
        approval.check_standing(ledger)
    return change.rows


def signed(
    mailing: Mailing,
    options: RunOptions,
    *,
    environ: Mapping[str, str],
    note: Callable[[str], None],
) -> Mailing:
    """Return the mailing with its messages signed, where the job has `message.dkim`.

    A rehearsal without the key goes on unsigned and says so with `note`.

    Raises:
        JobError: the key of a real run is missing, or a key cannot sign.
    """
    job, composer = mailing.inputs.job, mailing.inputs.composer
    dkim = job.message.dkim
    if dkim is None or not mailing.unfinished:
        return mailing
    try:
        key = private_key(job, dkim, environ)
    except JobError as error:
        if not (options.dry_run or options.sandbox):
            raise
        note(f"the messages are not signed here: {error.message}")
        return mailing
    composer = composer.signed_by(make_signer(job, dkim, key))
    return replace(mailing, inputs=replace(mailing.inputs, composer=composer))


def private_key(job: Job, dkim: Dkim, environ: Mapping[str, str]) -> str:
    """Return the private key that signs the messages of a job, in PEM.

    Raises:
        JobError: the secret is missing.
    """
    return resolve_secret(
        dkim.private_key,
        folder=job.folder,
        environ=environ,
        username=dkim.record,
        user="SELECTOR._domainkey.DOMAIN of message.dkim",
        lines=True,
        location=job.locate("message.dkim.private_key"),
    )


def _settle_content(mailing: Mailing, *, accept: bool) -> None:
    """Refuse a message that changed after a recipient was mailed, unless that is accepted."""
    if mailing.approval is not None:
        mailing.approval.check_thread(None if mailing.thread is None else mailing.thread.digest)
    now, have = mailing.inputs.composer.digests(), had(mailing.ledger)
    changed = _changed(mailing.ledger, now)
    before = mailing.ledger.plan.content_digests().get(_PLAN)
    plan = None if mailing.approval is None else mailing.approval.digest
    if before is not None and before != plan and (have or plan is None) and not accept:
        raise PlanDifference(
            f"edition {mailing.inputs.edition} is sent under the plan {before[:_SHOWN]}…",
            hint="name its file with --plan; --accept-changes leaves that plan",
        )
    if changed and have and not accept:
        raise changed_after(mailing.inputs, have, changed)
    if changed or before != plan:
        kept = now if plan is None else {**now, _PLAN: plan}
        mailing.ledger.plan.set_content_digests(kept)


def changed_after(inputs: Inputs, have: int, changed: Iterable[str]) -> MessageError:
    """Return the error of a message that changed after `have` recipients had the message."""
    further = "a new mailing wants an edition of its own"
    if inputs.correction is not None:
        further = to_correct_again(inputs.edition)
    return MessageError(
        f"the message changed after {have:,} recipient{'s' if have > 1 else ''} of edition "
        f"{inputs.edition} had it: {', '.join(changed)}",
        hint=f"--accept-changes sends the new message to the rest; {further}",
    )


def changed_since(ledger: OpenLedger, composer: Composer) -> tuple[str, ...]:
    """Return the names of the message's inputs that a ledger has otherwise, sorted.

    Raises:
        InputError: a file of the message cannot be read.
    """
    return _changed(ledger, composer.digests())


def _changed(ledger: OpenLedger, now: Mapping[str, str]) -> tuple[str, ...]:
    return differing(ledger.plan.content_digests(), now)


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the message's inputs whose digests differ, sorted."""
    names = (before.keys() | now.keys()) - {_PLAN}
    return tuple(sorted(name for name in names if before.get(name) != now.get(name)))


def had(ledger: OpenLedger) -> int:
    """Count the recipients that have, or may have, the message; a refused recipient has not."""
    counts = ledger.standing.counts()
    return sum(counts[status] for status in (Status.ACCEPTED, Status.IN_DOUBT, Status.SKIPPED))
