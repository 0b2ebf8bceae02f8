"""The checks of the edition: an edition that is over, or that a run would refuse.

    job.yaml:3:10: error MB131: The new message would go to nobody: edition one was finished on ...

The findings say in words what an `Outlook` holds. This module must never read a ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mailbatch.checks.findings import Finding
from mailbatch.errors import (
    IdentityError,
    InputErrors,
    LedgerError,
    Location,
    MailbatchError,
    Reason,
    RecipientError,
)
from mailbatch.outlook import Outlook
from mailbatch.times import iso_time

if TYPE_CHECKING:
    from mailbatch.job.model import Job

#: The codes of refusals that have a reason of their own.
_REASONS = {
    Reason.KEYS_EXCHANGED: "MB138",
    Reason.GROUPING_CHANGED: "MB139",
    Reason.TAKEN_OVER: "MB145",
    Reason.IS_CORRECTION: "MB146",
}
#: The end of a host -> the service there, which writes Message-IDs of its own, and the header field
#: that keeps ours. AWS: Amazon SES header fields; Postmark: send with SMTP.
_OWN_IDS: dict[str, tuple[str, tuple[str, str] | None]] = {
    ".amazonaws.com": ("Amazon SES", None),
    ".postmarkapp.com": ("Postmark", ("x-pm-keepid", "true")),
}


def check_edition(
    job: Job, edition: str, outlook: Outlook | None, *, given: bool = False
) -> Iterator[Finding]:
    """Yield the findings of an edition; `given`: the command line names the edition.

    `outlook` None: no earlier run of the edition is known.
    """
    place = replace(job.locate("edition"), key=None)  # the details name it
    if not given and "edition" not in job.model_fields_set:
        yield Finding("MB133", f"every run is of edition {edition}", location=place)
    if outlook is None:
        return
    if outlook.refused is not None:
        yield from _refused(outlook.refused, place)
    elif outlook.is_over:
        detail = outlook.told(edition)
        yield Finding("MB131" if outlook.is_wrong else "MB132", detail, location=place)
    for row in outlook.moved:
        detail = f"row {row.line}: {row.address} gets nothing: its key was mailed at {row.mailed}"
        if row is outlook.moved[-1] and outlook.moves > len(outlook.moved):
            detail += f"; so it is with {outlook.moves - len(outlook.moved):,} other rows"
        yield Finding("MB130", detail, location=Location(job.recipients.shown, row.line))


def check_thread(
    job: Job, edition: str, before: str | None, *, messages: int, placed: int
) -> Iterator[Finding]:
    """Yield the findings of a thread: `before` is the edition before, None where there is none.

    `messages` is the number of all messages, `placed` that of those behind an earlier one.
    """
    place = replace(job.locate("message.thread"), key=None)
    yield from _check_kept(job, place)
    if before is None:
        yield Finding("MB141", f"edition {edition} is the first one here", location=place)
    elif messages and not placed:
        letters = "message" if messages == 1 else "messages"
        detail = f"{messages:,} {letters}, and edition {before} has no accepted one of a recipient"
        yield Finding("MB142", detail, location=place)


def _check_kept(job: Job, place: Location) -> Iterator[Finding]:
    """Yield the finding of a service that replaces the Message-IDs that a thread names."""
    given = {name.lower(): value.lower() for name, value in job.message.headers.items()}
    for server in job.server.in_turn:
        for domain, (service, setting) in _OWN_IDS.items():
            if not server.host.lower().endswith(domain):
                continue
            if setting is None or given.get(setting[0]) != setting[1]:
                yield Finding("MB144", f"{service} does, at {server.host}", location=place)


def check_time(job: Job, by: str, why: str, until: float) -> Finding:
    """Return the finding of a run that would be held now, `by` a key of `server`.

    `until` is in seconds since the epoch.
    """
    place = replace(job.locate(f"server.{by}"), key=None)
    return Finding("MB151", f"{why}: until {iso_time(until)}", location=place)


def _refused(refused: MailbatchError, place: Location) -> Iterator[Finding]:
    """Yield the findings of a refusal: of the edition, or of each row that is named."""
    if isinstance(refused, InputErrors):
        hint = refused.errors[-1].hint  # one remedy for all rows
        for error in refused.errors:
            yield Finding(_code_of(error), error.message, location=error.location, hint=hint)
    else:
        yield Finding(_code_of(refused), refused.message, location=place, hint=refused.hint)


def _code_of(refused: Exception) -> str:
    if isinstance(refused, LedgerError):
        return "MB135"
    if isinstance(refused, IdentityError):
        return "MB137"
    if isinstance(refused, RecipientError) and refused.reason in _REASONS:
        return _REASONS[refused.reason]
    return "MB136" if isinstance(refused, RecipientError) else "MB134"
