"""The question whether a mailing that seems new was sent before, under another name for example.

The memory of a mailing is its ledger, found by the name of the job and the edition. A job that was
renamed, or copied without its state folder, has no memory, and would mail every recipient again.
Asked only while no recipient has the message. This module changes nothing.

Tests: tests/certainty/test_put_back.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from mailbatch.delivery.ledgers import (
    LedgerPlace,
    count_mailed,
    is_known,
    open_to_read,
    other_ledgers,
    place_of,
    remedy,
)
from mailbatch.delivery.state import State
from mailbatch.envelope import Recipient
from mailbatch.errors import LedgerError, RecipientError
from mailbatch.job.model import Job
from mailbatch.outcome import Status
from mailbatch.results.file import count_accepted

#: So many recipients are looked up in each other ledger: enough to tell, for lists of any size.
_SAMPLE = 1000
#: Fewer people in common are a coincidence, or the author's own address in a first try.
_AT_LEAST = 3
_MAILED = (Status.ACCEPTED, Status.IN_DOUBT, Status.SKIPPED, Status.REJECTED, Status.DEFERRED)


def is_first(ledger: LedgerPlace) -> bool:
    """Say whether no recipient can have the message of a mailing yet, as its ledger knows."""
    if not is_known(ledger):
        return True
    try:
        with open_to_read(ledger) as found:
            counts = found.standing.counts()
    except LedgerError:  # whoever opens it to send says what is wrong with it
        return False
    return not any(counts[status] for status in _MAILED)


def check_first(
    job: Job, edition: str, plan: Iterable[Recipient], *, state: State, results: Path | None
) -> None:
    """Check that the recipients of a new mailing do not seem to have the message already.

    Raises:
        RecipientError: most of a sample stand in another ledger, or in the results (65).
        LedgerError: the database cannot be asked (74).
    """
    ledger = place_of(job, edition, state)
    accepted = 0 if results is None or is_known(ledger) else count_accepted(results, edition)
    if accepted:
        raise RecipientError(
            f"{results} says that {accepted:,} recipient{'s' if accepted > 1 else ''} of edition "
            f"{edition} had it, and there is no ledger at {ledger}",
            hint=f"the ledger knows who was mailed: {remedy(ledger)}. --new-mailing mails "
            "everybody again",
        )
    others = other_ledgers(ledger, job, edition, state)
    if not others:
        return
    wanted = (row.address for row in plan if row.status == "pending")
    sample = list(dict.fromkeys(islice(wanted, _SAMPLE)))
    for other in others:
        with suppress(LedgerError):  # whose it is: this mailing does not need it
            mailed = count_mailed(other, sample)
            if mailed >= _AT_LEAST and mailed > len(sample) // 2:
                with open_to_read(other) as found:
                    name = found.job
                raise _known(job.name, edition, other, name, f"{mailed:,} of {len(sample):,}")


def _known(job: str, edition: str, other: LedgerPlace, name: str, mailed: str) -> RecipientError:
    """Return the refusal of recipients that have the message by another ledger, of job `name`."""
    if name == job:
        return RecipientError(
            f"{other} says that {mailed} recipients of edition {edition} had it, and the ledger of "
            "this run has mailed nobody yet",
            hint="leave --ledger (MAILBATCH_LEDGER) out to go on there: an edition has one ledger. "
            "--new-mailing mails everybody again",
        )
    return RecipientError(
        f"{other} says that {mailed} recipients of edition {edition} had it from the job {name}, "
        f"and {job} has mailed nobody yet",
        hint=f"if the job was renamed, give it its name back (name: {name}). If this is another "
        "mailing, --new-mailing sends it",
    )
