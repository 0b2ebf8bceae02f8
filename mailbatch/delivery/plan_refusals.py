"""The refusals of a plan by a ledger, with the places in the files and the remedy.

    raise explained(error, job, plan)      # people.csv:4: the row would be mailed: ...

A ledger knows rows by their lines; the job and the table are known here. This module must never
decide that a plan is refused.

Tests: tests/delivery/test_outlook.py, tests/certainty/test_send_times.py.
"""

from __future__ import annotations

from mailbatch.errors import (
    IdentityError,
    InputErrors,
    Location,
    OverlapError,
    Reason,
    RecipientError,
)
from mailbatch.job.model import Job
from mailbatch.recipients.plan import Plan
from mailbatch.send_time import SendTimesError

_ONE_TIME = (
    "write one time for all rows of a group; or add the column of the zone to recipients.group_by, "
    "so that each zone has a message of its own"
)


def explained(
    error: IdentityError | OverlapError | SendTimesError, job: Job, plan: Plan
) -> IdentityError | InputErrors:
    """Return the refusal of a plan by a ledger with the places in the files, and the remedy."""
    if isinstance(error, IdentityError):
        return _with_remedy(error, job, plan)
    if isinstance(error, SendTimesError):
        return _apart(error, job)
    return _located(error, job, plan)


def _located(error: OverlapError, job: Job, plan: Plan) -> InputErrors:
    """Return the rows of an overlap as errors with their places; the last one has the remedy."""
    errors = []
    last, others = len(error.rows) - 1, error.number - len(error.rows)
    for number, (line, words) in enumerate(error.rows):
        more = f"; so it is with {others:,} other rows" if others and number == last else ""
        errors.append(
            RecipientError(
                f"the row would be mailed: {words}{more}",
                location=Location(job.recipients.shown, line),
                hint=_remedy(error, plan) if number == last else None,
                reason=error.reason,
            )
        )
    return InputErrors(errors)


def _apart(error: SendTimesError, job: Job) -> InputErrors:
    """Return the first row of each group that says another time than the group, with its place."""
    last, others = len(error.rows) - 1, error.number - len(error.rows)
    return InputErrors(
        RecipientError(
            f"{words}: rows of a group share a message"
            + (f"; so it is with {others:,} other groups" if others and number == last else ""),
            location=Location(job.recipients.shown, line),
            hint=_ONE_TIME if number == last else None,
            reason=error.reason,
        )
        for number, (line, words) in enumerate(error.rows)
    )


def _remedy(error: OverlapError, plan: Plan) -> str:
    if error.reason is Reason.KEYS_EXCHANGED:
        return (
            "the keys of these rows seem to have been exchanged; put them back, or "
            "--accept-changes to mail as the table says now"
        )
    columns = ", ".join([plan.address, *plan.identity.columns])
    return (
        f"put the cells back; or `key: [{columns}]` under `recipients:` says that each is a "
        f"letter, `key: {plan.address}` that an address gets one; --accept-changes mails them "
        "this once"
    )


def _with_remedy(error: IdentityError, job: Job, plan: Plan) -> IdentityError:
    """Return the error with its place in the job, and the key that goes on as before."""
    names = [plan.address if name is None else name for name in error.before]
    key = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    accept = " --accept-changes mails them, too." if error.acceptable else ""
    name = "recipients.key" if job.recipients.key else "recipients.group_by"
    return IdentityError(
        error.message,
        before=error.before,
        acceptable=error.acceptable,
        hint=f"`key: {key}` under `recipients:` goes on as before.{accept} "
        "A new mailing wants an edition of its own.",
        location=job.locate(name if job.find(name) or job.recipients.key else "recipients"),
    )
