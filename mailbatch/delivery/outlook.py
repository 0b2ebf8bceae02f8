"""The reader of the outlook: a plan made of the files, laid over the ledger of the edition.

A rehearsal (`check`, `preview`, `run --sandbox`, `--dry-run`, `--to`) plans in a scratch ledger and
knows nothing of earlier runs. This module looks these up. The real ledger is opened to read alone:
never created, never locked, and a run that writes the ledger goes on meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import repeat

from mailbatch.delivery.ledgers import is_known, open_to_read, place_of
from mailbatch.delivery.options import RunOptions
from mailbatch.delivery.plan_refusals import explained
from mailbatch.delivery.precedent import check_first, is_first
from mailbatch.delivery.preparation import (
    Mailing,
    changed_after,
    changed_since,
    had,
)
from mailbatch.delivery.results_place import results_path
from mailbatch.delivery.succession import refusal_of
from mailbatch.envelope import address_key
from mailbatch.errors import IdentityError, InputError, LedgerError, MailbatchError, OverlapError
from mailbatch.ledger.ports import OpenLedger
from mailbatch.ledger.rows import Moved
from mailbatch.outcome import SETTLED, UNFINISHED, Status
from mailbatch.outlook import Outlook

#: The rows that are named of those whose key was mailed at another address.
_NAMED = 10


def look_ahead(rehearsed: Mailing, options: RunOptions) -> Outlook | None:
    """Return the outlook of a mailing that is planned in a scratch ledger.

    None: no earlier run is known, and a real run would send to every recipient of the plan. An
    error of the real ledger is a value, `Outlook.refused`. `options` are those of the rehearsal.
    """
    inputs = rehearsed.inputs
    path = place_of(inputs.job, inputs.edition, options.state)
    try:
        precedent = None
        is_new = not options.new_mailing and inputs.correction is None
        if is_new and is_first(path):
            precedent = _precedent(rehearsed, options)
        if precedent is not None or not is_known(path):
            return None if precedent is None else Outlook(refused=precedent)
        with open_to_read(path) as ledger:
            return _outlook(rehearsed, options, ledger)
    except LedgerError as error:
        return Outlook(refused=error)


def _precedent(rehearsed: Mailing, options: RunOptions) -> MailbatchError | None:
    """Return the error of a mailing that seems to have been sent under another name."""
    inputs = rehearsed.inputs
    real = replace(options, dry_run=False, sandbox=False, redirect=(), test=False)
    try:
        check_first(
            inputs.job,
            inputs.edition,
            inputs.plan,
            state=options.state,
            results=results_path(inputs.job, inputs.edition, real),
        )
    except InputError as error:
        return error
    return None


def _outlook(rehearsed: Mailing, options: RunOptions, ledger: OpenLedger) -> Outlook:
    if rehearsed.inputs.correction is None and (refused := refusal_of(ledger)) is not None:
        return Outlook(refused=refused)
    try:
        counts = _counts(
            rehearsed,
            ledger,
            retry_rejected=options.retry_rejected,
            accept_changes=options.accept_changes,
        )
        moved, moves = _moved(rehearsed, ledger)
    except (IdentityError, OverlapError) as error:
        inputs = rehearsed.inputs
        return Outlook(refused=explained(error, inputs.job, inputs.plan))
    changed: tuple[str, ...] = ()
    with suppress(InputError):  # a file that cannot be read is told of with the files
        changed = changed_since(ledger, rehearsed.inputs.composer)
    outlook = Outlook(
        {str(status): counts[status] for status in Status},
        finished_at=ledger.standing.finished_at(),
        changed=changed,
        moved=moved,
        moves=moves,
    )
    have = had(ledger)
    if changed and have and outlook.reached and not options.accept_changes:
        return replace(outlook, refused=changed_after(rehearsed.inputs, have, changed))
    return outlook


def _counts(
    rehearsed: Mailing, ledger: OpenLedger, *, retry_rejected: bool, accept_changes: bool
) -> Counter[Status]:
    """Count the rows of the plan, each as the ledger knows its recipient.

    Raises:
        IdentityError: the recipients that were mailed are told apart by other columns now.
        OverlapError: rows would be mailed at addresses that have a message by another key.
    """
    counts: Counter[Status] = Counter()
    rehearsal, known = rehearsed.ledger.standing, ledger.standing
    identity, keyed = rehearsed.inputs.plan.identity, rehearsal.keyed_rows()
    if known.identity() == identity:
        if not (accept_changes or identity.is_address):
            known.check_overlap(identity, rehearsal.keyed_rows())
        found = known.mailed_statuses(keyed)
    else:
        columns = rehearsed.inputs.plan.columns
        found = known.statuses_as(identity, columns, keyed, accept_changes=accept_changes)
    rows = zip(rehearsal.result_rows(), found, strict=True)
    for (row, earlier), is_forgotten in zip(rows, _forgotten(rehearsed, ledger), strict=False):
        again = retry_rejected and earlier is Status.REJECTED
        status = _standing(row.status, Status.PENDING if again else earlier)
        counts[Status.SUPPRESSED if is_forgotten and status in UNFINISHED else status] += 1
    return counts


def _forgotten(rehearsed: Mailing, ledger: OpenLedger) -> Iterator[bool]:
    """Say of each row of a plan whether it is of a person whom the ledger has forgotten."""
    alias = ledger.standing.aliases()
    if alias is None:
        return repeat(False)
    rows = rehearsed.ledger.standing.keyed_rows()
    return (any(map(alias, (row.key, address_key(row.address)))) for row in rows)


def _moved(rehearsed: Mailing, ledger: OpenLedger) -> tuple[tuple[Moved, ...], int]:
    """Return the first rows whose key was mailed at another address, and the number of all."""
    rehearsal, known = rehearsed.ledger.standing, ledger.standing
    identity = rehearsed.inputs.plan.identity
    if identity.is_address or known.identity() != identity:
        return (), 0
    first: list[Moved] = []
    moves = 0
    for one in known.moved(rehearsal.keyed_rows()):
        moves += 1
        if moves <= _NAMED:
            first.append(one)
    return tuple(first), moves


def _standing(planned: Status, earlier: Status | None) -> Status:
    """Return the status of a row behind the next plan: a settled recipient stays as before."""
    if planned is Status.DUPLICATE or earlier is None:
        return planned
    if earlier in SETTLED or (planned in UNFINISHED and earlier in UNFINISHED):
        return earlier
    return planned
